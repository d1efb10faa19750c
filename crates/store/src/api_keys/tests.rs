use super::*;
use crate::fixture::{add_domain, sealed, store};
use crate::{Error, domains};

fn key(domain: &str, sk: &str, credential: Credential) -> ApiKey {
    ApiKey {
        domain: domain.to_owned(),
        sk: sk.to_owned(),
        credential,
        scopes: "calls read".to_owned(),
        description: "laptop".to_owned(),
        created_at: UnixMicros(9),
        expires_at: Some(UnixMicros(99)),
        last_used_at: None,
    }
}

fn opaque(token: &str) -> Credential {
    Credential::Opaque {
        token_hash: TokenHash::of(token),
        sealed_token: sealed(token),
    }
}

#[test]
fn a_token_finds_its_key_by_hash() {
    let (_dir, store) = store();
    let stored = key("example.com", "k1", opaque("hs_secret"));
    let added = stored.clone();
    store.write(move |db| add(db, &added)).unwrap();
    let by = |token: &str| {
        store
            .read(|db| find_by_token(db, &TokenHash::of(token)))
            .unwrap()
    };
    assert_eq!(by("hs_secret"), Some(stored));
    assert_eq!(by("hs_other"), None);
}

#[test]
fn a_public_key_is_found_by_its_id_within_its_domain() {
    let (_dir, store) = store();
    add_domain(&store, "example.org");
    let stored = key(
        "example.com",
        "k1",
        Credential::Pem("-----BEGIN…".to_owned()),
    );
    let added = stored.clone();
    store.write(move |db| add(db, &added)).unwrap();
    let by = |domain| store.read(|db| find(db, domain, "k1")).unwrap();
    assert_eq!(by("example.com"), Some(stored));
    assert_eq!(by("example.org"), None);
}

#[test]
fn the_last_use_is_noted_and_never_goes_back() {
    let (_dir, store) = store();
    let stored = key("example.com", "k1", opaque("t1"));
    store.write(move |db| add(db, &stored)).unwrap();
    let last_used = |at: u64| {
        store
            .write(move |db| note_use(db, "example.com", "k1", UnixMicros(at)))
            .unwrap();
        let key = store.read(|db| find(db, "example.com", "k1")).unwrap();
        key.unwrap().last_used_at
    };
    assert_eq!(last_used(50), Some(UnixMicros(50)));
    assert_eq!(last_used(40), Some(UnixMicros(50)));
    assert_eq!(last_used(60), Some(UnixMicros(60)));
    store
        .write(|db| note_use(db, "example.com", "gone", UnixMicros(70)))
        .unwrap();
}

#[test]
fn ids_and_tokens_are_taken_once() {
    let (_dir, store) = store();
    add_domain(&store, "example.org");
    store
        .write(|db| add(db, &key("example.com", "k1", opaque("t1"))))
        .unwrap();
    let clashes = [
        key("example.com", "k1", opaque("t2")),
        key("example.org", "k9", opaque("t1")),
    ];
    for clash in clashes {
        let refused = store.write(move |db| add(db, &clash));
        assert!(matches!(refused, Err(Error::Conflict(_))));
    }
    let orphan = key("nowhere.example", "k1", opaque("t3"));
    let refused = store.write(move |db| add(db, &orphan));
    assert!(matches!(refused, Err(Error::NoSuchDomain)));
}

#[test]
fn keys_are_listed_by_id_and_go_with_their_domain() {
    let (_dir, store) = store();
    store
        .write(|db| {
            add(db, &key("example.com", "k2", opaque("t2")))?;
            add(
                db,
                &key("example.com", "k3", Credential::Pem(String::new())),
            )?;
            add(db, &key("example.com", "k1", opaque("t1")))
        })
        .unwrap();
    let ids = || {
        let keys = store.read(|db| of_domain(db, "example.com")).unwrap();
        keys.into_iter().map(|key| key.sk).collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["k1", "k2", "k3"]);
    assert!(store.write(|db| delete(db, "example.com", "k2")).unwrap());
    assert!(!store.write(|db| delete(db, "example.com", "k2")).unwrap());
    assert_eq!(ids(), ["k1", "k3"]);
    store
        .write(|db| domains::delete(db, "example.com"))
        .unwrap();
    let left = store
        .read(|db| find_by_token(db, &TokenHash::of("t1")))
        .unwrap();
    assert_eq!(left, None);
}
