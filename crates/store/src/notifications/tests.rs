use super::*;
use crate::domains;
use crate::fixture::{add_domain, event, store};

#[test]
fn how_far_a_domain_was_told_is_remembered_until_nobody_wants_it() {
    let (_dir, store) = store();
    add_domain(&store, "a.test");
    for domain in ["a.test", "example.com"] {
        store.write(move |db| begin(db, domain)).unwrap();
    }
    assert!(store.write(|db| reach(db, "a.test", 0, 9)).unwrap());
    let mut found = store.read(all).unwrap();
    found.sort_unstable();
    let expected = [("a.test".to_owned(), 9), ("example.com".to_owned(), 0)];
    assert_eq!(found, expected);
    store.write(|db| forget(db, "example.com")).unwrap();
    store.write(|db| domains::delete(db, "a.test")).unwrap();
    assert_eq!(store.read(all).unwrap(), []);
}

#[test]
fn what_another_node_told_meanwhile_is_not_told_again() {
    let (_dir, store) = store();
    store.write(|db| begin(db, "example.com")).unwrap();
    assert!(store.write(|db| reach(db, "example.com", 0, 7)).unwrap());
    assert!(!store.write(|db| reach(db, "example.com", 0, 5)).unwrap());
    let told = [("example.com".to_owned(), 7)];
    assert_eq!(store.read(all).unwrap(), told);
}

#[test]
fn who_wants_events_gets_those_that_are_still_to_come() {
    let (_dir, store) = store();
    store
        .write(|db| append(db, &[event(1, 1), event(1, 2)]))
        .unwrap();
    store.write(|db| begin(db, "example.com")).unwrap();
    let newest = store.read(events::newest_cursor).unwrap();
    let begun = [("example.com".to_owned(), newest)];
    assert_eq!(store.read(all).unwrap(), begun);
    store.write(|db| append(db, &[event(1, 3)])).unwrap();
    store.write(|db| begin(db, "example.com")).unwrap();
    assert_eq!(store.read(all).unwrap(), begun, "it goes on where it was");
    store.write(|db| begin(db, "gone.test")).unwrap();
    assert_eq!(
        store.read(all).unwrap(),
        begun,
        "a domain that is gone wants nothing"
    );
}

#[test]
fn each_way_counts_for_itself_under_an_id_that_stays() {
    let (_dir, store) = store();
    let take = |way: &'static str, fresh: u128, count: u32| {
        let taken = store.write(move |db| number(db, "example.com", way, CallKey(fresh), count));
        taken.unwrap()
    };
    assert_eq!(take("alarms", 1, 2), (CallKey(1), 0));
    assert_eq!(take("events", 2, 1), (CallKey(2), 0));
    assert_eq!(take("alarms", 3, 5), (CallKey(1), 2));
    assert_eq!(take("alarms", 4, 1), (CallKey(1), 7));
}

#[test]
fn notifications_wait_in_the_outbox_or_none_does() {
    let (_dir, store) = store();
    store
        .write(|db| append(db, &[event(1, 1), event(1, 2)]))
        .unwrap();
    let twice = store.write(|db| append(db, &[event(1, 3), event(1, 2)]));
    assert!(twice.is_err(), "the second of them is there already");
    let waiting = store.read(|db| events::of_call(db, CallKey(1))).unwrap();
    assert_eq!(waiting.len(), 2);
}

#[test]
fn an_alarm_begins_once_and_ends_once() {
    let (_dir, store) = store();
    let begins = || {
        let raised = store.write(|db| raise(db, "example.com", "s", "off"));
        raised.unwrap()
    };
    assert!(begins());
    assert!(!begins(), "it stands");
    let standing = Alarm {
        domain: "example.com".to_owned(),
        service: "s".to_owned(),
        alarm: "off".to_owned(),
    };
    assert_eq!(store.read(alarms).unwrap(), [standing]);
    let ends = || {
        let cleared = store.write(|db| clear(db, "example.com", "s", "off"));
        cleared.unwrap()
    };
    assert!(ends());
    assert!(!ends(), "it is over");
    assert!(begins());
    store.write(|db| forget_alarms(db, "example.com")).unwrap();
    assert_eq!(store.read(alarms).unwrap(), []);
}
