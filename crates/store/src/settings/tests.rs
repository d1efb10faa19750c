use super::*;
use crate::fixture::store;

#[test]
fn a_setting_is_put_replaced_and_forgotten() {
    let (_dir, store) = store();
    let found = || store.read(|db| find(db, "port")).unwrap();
    assert_eq!(found(), None);
    store.write(|db| put(db, "port", "5060")).unwrap();
    store.write(|db| put(db, "port", "5062")).unwrap();
    assert_eq!(found().as_deref(), Some("5062"));
    assert!(store.write(|db| delete(db, "port")).unwrap());
    assert!(!store.write(|db| delete(db, "port")).unwrap());
    assert_eq!(found(), None);
}

#[test]
fn a_key_drawn_twice_is_the_first_one() {
    let (_dir, store) = store();
    let draw = |key: &'static str| {
        store
            .write(move |db| put_if_absent(db, "key", key))
            .unwrap()
    };
    assert_eq!(draw("first"), "first");
    assert_eq!(draw("second"), "first");
}

#[test]
fn the_first_of_a_family_of_names_is_found() {
    let (_dir, store) = store();
    let found = || store.read(|db| first(db, "secret.")).unwrap();
    for name in ["secret", "secret_a", "z"] {
        store.write(move |db| put(db, name, "1")).unwrap();
    }
    assert_eq!(found(), None);
    for name in ["secret.b", "secret.a"] {
        store.write(move |db| put(db, name, name)).unwrap();
    }
    assert_eq!(
        found(),
        Some(("secret.a".to_owned(), "secret.a".to_owned()))
    );
}
