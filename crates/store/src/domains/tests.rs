use super::*;
use crate::fixture::{add_domain, sealed, store};

#[test]
fn a_domain_is_added_once() {
    let (_dir, store) = store();
    let again = store.write(|db| add(db, "example.com", "{}", &sealed("s"), UnixMicros(2)));
    assert!(matches!(again, Err(Error::Conflict(_))));
    let found = store.read(|db| find(db, "example.com")).unwrap().unwrap();
    assert_eq!(found.created_at, UnixMicros(1));
    assert_eq!(store.read(|db| find(db, "example.org")).unwrap(), None);
}

#[test]
fn domains_are_listed_in_name_order() {
    let (_dir, store) = store();
    for name in ["b.example", "a.example", "c.example"] {
        add_domain(&store, name);
    }
    let names = |after: Option<&str>| {
        let page = store.read(|db| list(db, after, 2)).unwrap();
        page.into_iter()
            .map(|domain| domain.domain)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["a.example", "b.example"]);
    assert_eq!(names(Some("b.example")), ["c.example", "example.com"]);
}

#[test]
fn settings_are_replaced_only_by_who_knows_their_version() {
    let (_dir, store) = store();
    let old = store
        .read(|db| find(db, "example.com"))
        .unwrap()
        .unwrap()
        .version;
    let new = store
        .write(move |db| put_settings(db, "example.com", "[1]", Some(old)))
        .unwrap();
    assert!(new > old);
    let stale = store.write(move |db| put_settings(db, "example.com", "[2]", Some(old)));
    assert!(matches!(stale, Err(Error::Version(Some(stored))) if stored == new));
    store
        .write(|db| put_settings(db, "example.com", "[3]", None))
        .unwrap();
    let found = store.read(|db| find(db, "example.com")).unwrap().unwrap();
    assert_eq!(found.settings, "[3]");
    let missing = store.write(|db| put_settings(db, "example.org", "[]", None));
    assert!(matches!(missing, Err(Error::NoSuchDomain)));
}

#[test]
fn a_rotated_secret_keeps_the_one_before_until_its_time() {
    let (_dir, store) = store();
    let old = store
        .read(|db| find(db, "example.com"))
        .unwrap()
        .unwrap()
        .webhook_secret;
    let new = sealed("whsec_2");
    let rotated = new.clone();
    store
        .write(move |db| rotate_webhook_secret(db, "example.com", &rotated, UnixMicros(77)))
        .unwrap();
    let found = store.read(|db| find(db, "example.com")).unwrap().unwrap();
    assert_eq!(found.webhook_secret, new);
    assert_eq!(found.previous_webhook_secret, Some((old, UnixMicros(77))));
    let missing =
        store.write(|db| rotate_webhook_secret(db, "example.org", &sealed("s"), UnixMicros(1)));
    assert!(matches!(missing, Err(Error::NoSuchDomain)));
}

#[test]
fn a_domain_is_removed_once() {
    let (_dir, store) = store();
    assert!(store.write(|db| delete(db, "example.com")).unwrap());
    assert!(!store.write(|db| delete(db, "example.com")).unwrap());
}
