use super::*;
use crate::documents::{Expected, Key};
use crate::fixture::{Home, add_domain, sealed, store};
use crate::seal::TokenHash;
use crate::{Store, UnixMicros};

const DOMAIN: &str = "example.com";

fn key(domain: &str, sk: &str, token: &str) -> ApiKey {
    ApiKey {
        domain: domain.to_owned(),
        sk: sk.to_owned(),
        credential: Credential::Opaque {
            token_hash: TokenHash::of(token),
            sealed_token: sealed(token),
        },
        scopes: "read".to_owned(),
        description: "a key".to_owned(),
        created_at: UnixMicros(1),
        expires_at: Some(UnixMicros(9)),
        last_used_at: None,
    }
}

fn put_document(db: &Write<'_>, kind: &str, id: &str, draft: bool) -> Result<()> {
    let key = Key {
        domain: DOMAIN,
        kind,
        id,
        draft,
    };
    documents::put(db, key, "{}", Expected::Any).map(|_| ())
}

/// A store whose tenant has something of everything.
fn filled() -> (Home, Store) {
    let (home, store) = store();
    let fill = |db: &Write<'_>| {
        domains::put_settings(db, DOMAIN, r#"{"maxCalls":3}"#, None)?;
        domains::rotate_webhook_secret(db, DOMAIN, &sealed("whsec_2"), UnixMicros(5))?;
        networks::grant(db, "192.0.2.0/24", DOMAIN)?;
        api_keys::add(db, &key(DOMAIN, "sk-1", "hs_1"))?;
        api_keys::add(
            db,
            &ApiKey {
                credential: Credential::Pem("a pem".to_owned()),
                ..key(DOMAIN, "sk-2", "")
            },
        )?;
        put_document(db, "device", "1", false)?;
        put_document(db, "device", "1", true)?;
        put_document(db, "cloudsipua", "1", false)
    };
    store.write(fill).unwrap();
    (home, store)
}

fn taken(store: &Store) -> Tenant {
    let found = store.read_at_one_moment(|db| find(db, DOMAIN)).unwrap();
    found.unwrap()
}

/// The same without the versions, which are the store's own.
fn plain(mut tenant: Tenant) -> Tenant {
    tenant.domain.version = 0;
    tenant.documents.iter_mut().for_each(|it| it.version = 0);
    tenant
}

#[test]
fn a_tenant_comes_back_from_another_store_as_it_left() {
    let (_home, from) = filled();
    let (_other_home, to) = store();
    to.write(|db| domains::delete(db, DOMAIN)).unwrap();
    add_domain(&to, "other.test");
    let tenant = taken(&from);
    assert_eq!((tenant.api_keys.len(), tenant.documents.len()), (2, 3));
    let sent = tenant.clone();
    to.write(move |db| put(db, &sent)).unwrap();
    assert_eq!(plain(taken(&to)), plain(tenant));
    let other = to.read(|db| domains::find(db, "other.test")).unwrap();
    assert!(other.is_some(), "others are left alone");
}

#[test]
fn a_tenant_takes_the_place_of_the_one_that_was_there() {
    let (_home, store) = filled();
    let tenant = taken(&store);
    let mut less = tenant.clone();
    less.api_keys.truncate(1);
    less.documents.truncate(2);
    less.networks.clear();
    let sent = less.clone();
    store.write(move |db| put(db, &sent)).unwrap();
    let now = taken(&store);
    let newest = tenant.documents.iter().map(|it| it.version).max();
    assert!(now.documents.iter().all(|it| Some(it.version) > newest));
    assert_eq!(plain(now), plain(less));
}

#[test]
fn what_is_there_already_is_named_by_its_place() {
    let (_home, store) = filled();
    let mut tenant = taken(&store);
    store
        .write(|db| put_document(db, "device", "2", false))
        .unwrap();
    tenant.documents[1].id = "not there".to_owned();
    tenant.api_keys[0].sk = "sk-9".to_owned();
    let found = store.read(|db| clashes(db, &tenant)).unwrap();
    let expected = [
        Clash::ApiKey(1),
        Clash::Domain,
        Clash::Document(0),
        Clash::Document(2),
    ];
    assert_eq!(found, expected);
    tenant.domain.domain = "new.test".to_owned();
    let found = store.read(|db| clashes(db, &tenant)).unwrap();
    assert_eq!(found, [Clash::Token(0)], "a token opens one tenant only");
}
