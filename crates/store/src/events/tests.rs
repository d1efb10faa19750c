use super::*;
use crate::fixture::{delivered, event, sealed, store, write};
use crate::{Batch, Error, Options, Store};

fn put(store: &Store, events: Vec<EventRow>) -> Result<()> {
    let batch = Batch {
        events,
        ..Batch::default()
    };
    write(store, batch)
}

fn told(store: &Store, update: DeliveryUpdate) {
    let batch = Batch {
        deliveries: vec![update],
        ..Batch::default()
    };
    write(store, batch).unwrap();
}

fn only(store: &Store) -> StoredEvent {
    let mut events = store.read(|db| of_call(db, CallKey(1))).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn sequences(events: &[StoredEvent]) -> Vec<u32> {
    events.iter().map(|event| event.row.sequence).collect()
}

#[test]
fn an_event_is_read_as_it_was_written_and_waits() {
    let (_dir, store) = store();
    let row = EventRow {
        target: Some("https://example.com/cb".to_owned()),
        sealed: Some(sealed("inline:…")),
        ..event(1, 1)
    };
    put(&store, vec![row.clone()]).unwrap();
    let stored = only(&store);
    assert_eq!(stored.row, row);
    assert_eq!((stored.state, stored.attempts), (DeliveryState::Pending, 0));
    let found = store
        .read(|db| find(db, "example.com", stored.cursor))
        .unwrap();
    assert_eq!(found, Some(stored.clone()));
    let elsewhere = store
        .read(|db| find(db, "example.org", stored.cursor))
        .unwrap();
    assert_eq!(elsewhere, None);
}

#[test]
fn a_call_has_one_terminal_event() {
    let (_dir, store) = store();
    let terminal = |call, sequence| EventRow {
        terminal: true,
        ..event(call, sequence)
    };
    put(&store, vec![event(1, 1), terminal(1, 2), terminal(2, 1)]).unwrap();
    let second = put(&store, vec![terminal(1, 3)]);
    assert!(matches!(second, Err(Error::Conflict(_))));
    assert_eq!(
        sequences(&store.read(|db| of_call(db, CallKey(1))).unwrap()),
        [1, 2]
    );
}

#[test]
fn a_place_in_a_calls_sequence_is_taken_once() {
    let (_dir, store) = store();
    put(&store, vec![event(1, 1)]).unwrap();
    let again = put(&store, vec![event(1, 1)]);
    assert!(matches!(again, Err(Error::Conflict(_))));
}

#[test]
fn a_delivered_event_leaves_the_outbox_and_its_secrets_behind() {
    let (_dir, store) = store();
    let row = EventRow {
        sealed: Some(sealed("inline:…")),
        ..event(1, 1)
    };
    put(&store, vec![row]).unwrap();
    told(&store, delivered(1, 1));
    let stored = only(&store);
    assert_eq!(stored.state, DeliveryState::Delivered);
    assert_eq!(stored.delivered_at, Some(UnixMicros(2_000)));
    assert_eq!((stored.attempts, stored.last_status), (1, Some(200)));
    assert_eq!(stored.row.sealed, None);
    assert!(store.read(|db| pending(db, 9, 0)).unwrap().is_empty());
}

#[test]
fn an_event_to_be_tried_again_stays_in_the_outbox_over_a_restart() {
    let (dir, store) = store();
    let row = EventRow {
        sealed: Some(sealed("inline:…")),
        ..event(1, 1)
    };
    put(&store, vec![row.clone()]).unwrap();
    let retry = DeliveryUpdate {
        outcome: DeliveryOutcome::Retry(UnixMicros(9_000)),
        attempts: 3,
        last_status: Some(503),
        last_error: Some("busy".to_owned()),
        ..delivered(1, 1)
    };
    told(&store, retry);
    drop(store);
    let store = Store::open(dir.path(), Options::default()).unwrap();
    let waiting = store.read(|db| pending(db, 9, 0)).unwrap();
    let expected = StoredEvent {
        cursor: 1,
        row,
        state: DeliveryState::Pending,
        attempts: 3,
        next_attempt_at: Some(UnixMicros(9_000)),
        last_status: Some(503),
        last_error: Some("busy".to_owned()),
        delivered_at: None,
    };
    assert_eq!(waiting, [expected]);
}

#[test]
fn a_failed_event_keeps_its_secrets_and_can_be_replayed_in_its_domain() {
    let (_dir, store) = store();
    let row = EventRow {
        sealed: Some(sealed("inline:…")),
        ..event(1, 1)
    };
    put(&store, vec![row.clone()]).unwrap();
    let again = |domain| {
        store
            .write(move |db| replay(db, domain, CallKey(1), 1))
            .unwrap()
    };
    assert_eq!(again("example.com"), None, "it still waits");
    let failed = DeliveryUpdate {
        outcome: DeliveryOutcome::Failed,
        last_status: Some(400),
        ..delivered(1, 1)
    };
    told(&store, failed);
    assert_eq!(only(&store).state, DeliveryState::Failed);
    assert!(store.read(|db| pending(db, 9, 0)).unwrap().is_empty());
    assert_eq!(again("example.org"), None);
    let replayed = again("example.com").unwrap();
    assert_eq!(replayed.row, row);
    assert_eq!(
        (replayed.state, replayed.attempts),
        (DeliveryState::Pending, 0)
    );
    assert_eq!(store.read(|db| pending(db, 9, 0)).unwrap(), [replayed]);
}

#[test]
fn catching_up_follows_commit_order_within_a_domain() {
    let (_dir, store) = store();
    let elsewhere = EventRow {
        domain: "example.org".into(),
        ..event(9, 1)
    };
    put(&store, vec![event(2, 1), elsewhere]).unwrap();
    put(&store, vec![event(1, 1), event(2, 2)]).unwrap();
    told(&store, delivered(1, 1));
    let page = |cursor| {
        store
            .read(|db| after(db, "example.com", cursor, 2))
            .unwrap()
    };
    let names = |page: &[StoredEvent]| {
        let names = page.iter().map(|event| event.row.webhook_id.clone());
        names.collect::<Vec<_>>()
    };
    let first = page(0);
    assert_eq!(names(&first), ["msg_2_1", "msg_1_1"]);
    put(&store, vec![event(2, 3)]).unwrap();
    let second = page(first[1].cursor);
    assert_eq!(names(&second), ["msg_2_2", "msg_2_3"]);
    assert!(page(second[1].cursor).is_empty());
    let newest = store.read(newest_cursor).unwrap();
    assert_eq!(newest, second[1].cursor);
}

#[test]
fn the_outbox_is_paged_over_all_domains() {
    let (_dir, store) = store();
    put(&store, (1..=5).map(|call| event(call, 1)).collect()).unwrap();
    told(&store, delivered(2, 1));
    let first = store.read(|db| pending(db, 2, 0)).unwrap();
    let second = store.read(|db| pending(db, 9, first[1].cursor)).unwrap();
    let calls: Vec<_> = first
        .iter()
        .chain(&second)
        .map(|event| event.row.call.0)
        .collect();
    assert_eq!(calls, [1, 3, 4, 5]);
}

#[test]
fn the_sweep_spares_waiting_and_young_events_and_no_cursor_comes_back() {
    let (_dir, store) = store();
    put(&store, vec![event(1, 1), event(1, 2), event(1, 3)]).unwrap();
    told(&store, delivered(1, 1));
    told(&store, delivered(1, 3));
    let swept = |before| {
        store
            .write(move |db| sweep(db, UnixMicros(before), 9))
            .unwrap()
    };
    assert_eq!((swept(1_001), swept(1_002)), (0, 1));
    assert_eq!(
        swept(u64::MAX),
        0,
        "the newest stays, and the one that waits"
    );
    assert_eq!(
        sequences(&store.read(|db| of_call(db, CallKey(1))).unwrap()),
        [2, 3]
    );
    let newest = store.read(newest_cursor).unwrap();
    put(&store, vec![event(2, 1)]).unwrap();
    assert!(store.read(newest_cursor).unwrap() > newest);
}

#[test]
fn no_question_reads_the_whole_table() {
    let (_dir, store) = store();
    let questions = [
        select!("WHERE call = ?1 ORDER BY sequence"),
        select!("WHERE domain = ?1 AND cursor > ?2 ORDER BY cursor LIMIT ?3"),
        select!("WHERE state = 0 AND cursor > ?1 ORDER BY cursor LIMIT ?2"),
    ];
    for question in questions {
        let plan: String = store
            .read(|db| {
                let mut statement = db.sql.prepare(&format!("EXPLAIN QUERY PLAN {question}"))?;
                let anything = vec![1; statement.parameter_count()];
                let anything = rusqlite::params_from_iter(anything);
                Ok(statement.query_row(anything, |row| row.get(3))?)
            })
            .unwrap();
        assert!(
            plan.starts_with("SEARCH events USING INDEX"),
            "{question}: {plan}"
        );
    }
}
