use super::*;
use crate::fixture::{add_domain, store};
use crate::{Store, domains};

const DEVICE: Key<'static> = Key {
    domain: "example.com",
    kind: "device",
    id: "a",
    draft: false,
};

fn put(store: &Store, id: &'static str, body: &'static str) -> Written {
    let key = Key { id, ..DEVICE };
    store
        .write(move |db| super::put(db, key, body, Expected::Any))
        .unwrap()
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document.id.as_str())
        .collect()
}

#[test]
fn a_document_is_found_as_it_was_put() {
    let (_dir, store) = store();
    let written = put(&store, "a", r#"{"x": 1}"#);
    assert!(written.created);
    let found = store.read(|db| find(db, DEVICE)).unwrap().unwrap();
    let expected = Document {
        domain: "example.com".to_owned(),
        kind: "device".to_owned(),
        id: "a".to_owned(),
        draft: false,
        version: written.version,
        body: r#"{"x": 1}"#.to_owned(),
    };
    assert_eq!(found, expected);
}

#[test]
fn the_draft_is_a_document_of_its_own() {
    let (_dir, store) = store();
    put(&store, "a", "{}");
    let draft = Key {
        draft: true,
        ..DEVICE
    };
    assert_eq!(store.read(|db| find(db, draft)).unwrap(), None);
    store
        .write(move |db| super::put(db, draft, "[]", Expected::Absent))
        .unwrap();
    assert!(
        store
            .write(move |db| delete(db, DEVICE, Expected::Any))
            .unwrap()
    );
    assert_eq!(
        store.read(|db| find(db, draft)).unwrap().unwrap().body,
        "[]"
    );
    let mut live = Vec::new();
    store
        .read(|db| each_live(db, |document| live.push(document)))
        .unwrap();
    assert!(live.is_empty());
}

#[test]
fn a_write_that_expects_another_version_changes_nothing() {
    let (_dir, store) = store();
    let first = put(&store, "a", "1").version;
    let second = put(&store, "a", "2");
    assert!(!second.created);
    let refusals = [
        (Expected::Version(first), "a"),
        (Expected::Absent, "a"),
        (Expected::Present, "b"),
        (Expected::Version(first), "b"),
    ];
    for (expected, id) in refusals {
        let key = Key { id, ..DEVICE };
        let found = (id == "a").then_some(second.version);
        for refused in [
            store.write(move |db| super::put(db, key, "3", expected).map(|_| ())),
            store.write(move |db| delete(db, key, expected).map(|_| ())),
        ] {
            assert!(matches!(refused, Err(Error::Version(stored)) if stored == found));
        }
    }
    assert_eq!(
        store.read(|db| find(db, DEVICE)).unwrap().unwrap().body,
        "2"
    );
    let expected = Expected::Version(second.version);
    store
        .write(move |db| super::put(db, DEVICE, "3", expected))
        .unwrap();
    assert_eq!(
        store.read(|db| find(db, DEVICE)).unwrap().unwrap().body,
        "3"
    );
}

#[test]
fn a_version_never_comes_back() {
    let (_dir, store) = store();
    let before = put(&store, "a", "1").version;
    assert!(store.write(|db| delete(db, DEVICE, Expected::Any)).unwrap());
    assert!(!store.write(|db| delete(db, DEVICE, Expected::Any)).unwrap());
    assert!(put(&store, "a", "1").version > before);
}

#[test]
fn a_list_is_paged_in_id_order_and_stays_right_while_documents_come_and_go() {
    let (_dir, store) = store();
    for id in ["d", "b", "e", "c"] {
        put(&store, id, "{}");
    }
    let page = |after| {
        let page = Page {
            limit: 2,
            after,
            prefix: None,
        };
        store
            .read(|db| list(db, "example.com", "device", false, page))
            .unwrap()
    };
    assert_eq!(ids(&page(None)), ["b", "c"]);
    put(&store, "a", "{}");
    let gone = Key { id: "c", ..DEVICE };
    store
        .write(move |db| delete(db, gone, Expected::Any))
        .unwrap();
    assert_eq!(ids(&page(Some("c"))), ["d", "e"]);
    assert_eq!(ids(&page(Some("e"))), [""; 0]);
}

#[test]
fn a_prefix_takes_its_characters_as_they_are() {
    let (_dir, store) = store();
    for id in ["a%", "a%b", "a_", "ab", "a\u{10ffff}", "b"] {
        put(&store, id, "{}");
    }
    let with = |prefix| {
        let page = Page {
            limit: 10,
            after: None,
            prefix: Some(prefix),
        };
        store
            .read(|db| list(db, "example.com", "device", false, page))
            .unwrap()
    };
    assert_eq!(ids(&with("a%")), ["a%", "a%b"]);
    assert_eq!(ids(&with("a")), ["a%", "a%b", "a_", "ab", "a\u{10ffff}"]);
    assert_eq!(ids(&with("c")), [""; 0]);
}

#[test]
fn domains_and_kinds_are_kept_apart() {
    let (_dir, store) = store();
    add_domain(&store, "example.org");
    put(&store, "a", "{}");
    let others = [
        Key {
            domain: "example.org",
            ..DEVICE
        },
        Key {
            kind: "trunk",
            ..DEVICE
        },
    ];
    for key in others {
        assert_eq!(store.read(|db| find(db, key)).unwrap(), None);
        store
            .write(move |db| super::put(db, key, "[]", Expected::Absent))
            .unwrap();
    }
    let removed = store
        .write(|db| delete_all(db, "example.com", "device", false))
        .unwrap();
    assert_eq!(removed, 1);
    let left = |domain| store.read(|db| all_of_domain(db, domain)).unwrap().len();
    assert_eq!((left("example.com"), left("example.org")), (1, 1));
    let counted = |kind| {
        store
            .read(|db| count(db, "example.com", kind, false))
            .unwrap()
    };
    assert_eq!((counted("device"), counted("trunk")), (0, 1));
}

#[test]
fn a_document_needs_its_domain_and_goes_with_it() {
    let (_dir, store) = store();
    let orphan = Key {
        domain: "nowhere.example",
        ..DEVICE
    };
    let refused = store.write(move |db| super::put(db, orphan, "{}", Expected::Any));
    assert!(matches!(refused, Err(Error::NoSuchDomain)));
    put(&store, "a", "{}");
    store
        .write(|db| domains::delete(db, "example.com"))
        .unwrap();
    assert_eq!(store.read(|db| find(db, DEVICE)).unwrap(), None);
}
