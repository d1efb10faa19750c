use super::range::walk;
use super::*;
use crate::fixture::{delivered, event, pending, sealed, store, write};
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
    let (home, store) = store();
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
    let store = home.open(Options::default());
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
        tries: Vec::new(),
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
fn the_first_try_is_kept_with_its_event_when_it_succeeds() {
    let (_dir, store) = store();
    put(&store, vec![event(1, 1)]).unwrap();
    let only_try = tried(2_000, Some(200));
    let at_once = DeliveryUpdate {
        tries: vec![only_try.clone()],
        ..delivered(1, 1)
    };
    told(&store, at_once.clone());
    assert_eq!(only(&store).tries, std::slice::from_ref(&only_try));
    assert_eq!(tries_stored(&store), 0);

    // A replay leaves it in place, and what comes then stands behind it.
    let again = store.write(|db| replay(db, "example.com", CallKey(1), 1));
    assert_eq!(
        again.unwrap().unwrap().tries,
        std::slice::from_ref(&only_try)
    );
    let second = tried(5_000, Some(200));
    told(
        &store,
        DeliveryUpdate {
            outcome: DeliveryOutcome::Delivered(UnixMicros(5_000)),
            tries: vec![second.clone()],
            ..at_once
        },
    );
    assert_eq!(only(&store).tries, [only_try, second]);
}

#[test]
fn every_try_is_kept_up_to_the_newest_hundred() {
    let (_dir, store) = store();
    put(&store, vec![event(1, 1)]).unwrap();
    for attempts in 1..=120 {
        let retry = DeliveryUpdate {
            outcome: DeliveryOutcome::Retry(UnixMicros(9_000)),
            attempts,
            tries: vec![tried(u64::from(attempts), Some(503))],
            ..delivered(1, 1)
        };
        told(&store, retry);
    }
    let expected: Vec<_> = (21..=120).map(|at| tried(at, Some(503))).collect();
    assert_eq!(only(&store).tries, expected);
    let taken = DeliveryUpdate {
        attempts: 121,
        tries: vec![tried(2_000, Some(200))],
        ..delivered(1, 1)
    };
    told(&store, taken);
    assert_eq!(only(&store).tries[99], tried(2_000, Some(200)));
    assert_eq!(tries_stored(&store), 100);
}

#[test]
fn due_is_what_waits_for_the_service_and_whose_time_has_come() {
    let (_dir, store) = store();
    let other = EventRow {
        service: "other".to_owned(),
        ..event(4, 1)
    };
    let mut events: Vec<_> = (1..=3).map(|call| event(call, 1)).collect();
    events.push(other);
    events.extend((5..=6).map(|call| event(call, 1)));
    put(&store, events).unwrap();
    told(&store, delivered(1, 1));
    let later = DeliveryUpdate {
        outcome: DeliveryOutcome::Retry(UnixMicros(9_000)),
        ..delivered(3, 1)
    };
    told(&store, later);
    let page = |after, limit, now| {
        let page = store.read(|db| due(db, "example.com", "main", after, limit, UnixMicros(now)));
        let page = page.unwrap();
        let calls: Vec<_> = page.events.iter().map(|event| event.row.call.0).collect();
        (calls, page.next)
    };
    assert_eq!(page(0, 9, 8_999), (vec![2, 5, 6], None));
    assert_eq!(page(0, 9, 9_000), (vec![2, 3, 5, 6], None));
    assert_eq!(page(0, 2, 8_999), (vec![2, 5], Some(5)));
    assert_eq!(page(5, 2, 8_999), (vec![6], None));
}

#[test]
fn the_backlog_counts_what_waits_for_each_service_through_every_change() {
    let (_dir, store) = store();
    let other = EventRow {
        service: "other".to_owned(),
        ..event(3, 2)
    };
    put(&store, vec![event(1, 1), event(1, 2), other]).unwrap();
    let counts = || {
        let backlog = store.read(backlog).unwrap();
        let counts = backlog
            .into_iter()
            .map(|one| (one.service, one.count, one.oldest.0));
        counts.collect::<Vec<_>>()
    };
    let main = |count, oldest| ("main".to_owned(), count, oldest);
    let other = || ("other".to_owned(), 1, 1_002);
    assert_eq!(counts(), [main(2, 1_001), other()]);
    told(&store, delivered(1, 1));
    assert_eq!(counts(), [main(1, 1_002), other()]);
    told(
        &store,
        DeliveryUpdate {
            outcome: DeliveryOutcome::Failed,
            ..delivered(1, 2)
        },
    );
    told(&store, delivered(1, 2));
    assert_eq!(counts(), [other()]);
    store
        .write(|db| replay(db, "example.com", CallKey(1), 1))
        .unwrap();
    assert_eq!(counts(), [main(1, 1_001), other()]);
}

#[test]
fn every_filter_narrows_the_range() {
    let (_dir, store) = store();
    let hungup = EventRow {
        name: "callHungup".into(),
        callback_id: "own".to_owned(),
        ..event(2, 2)
    };
    let elsewhere = EventRow {
        domain: "example.org".into(),
        ..event(3, 1)
    };
    put(&store, vec![event(1, 1), event(2, 1), elsewhere, hungup]).unwrap();
    told(&store, delivered(1, 1));
    told(
        &store,
        DeliveryUpdate {
            outcome: DeliveryOutcome::Failed,
            ..delivered(2, 1)
        },
    );
    let any = Filter::default;
    let state = |state| Filter {
        state: Some(state),
        ..any()
    };
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (any(), vec![1, 2, 4]),
        (state(DeliveryState::Pending), vec![4]),
        (state(DeliveryState::Delivered), vec![1]),
        (state(DeliveryState::Failed), vec![2]),
        (
            Filter {
                call: Some(CallKey(2)),
                ..any()
            },
            vec![2, 4],
        ),
        (
            Filter {
                call: Some(CallKey(3)),
                ..any()
            },
            vec![],
        ),
        (
            Filter {
                name: text("callHungup"),
                ..any()
            },
            vec![4],
        ),
        (
            Filter {
                other_than: text("callHungup"),
                ..any()
            },
            vec![1, 2],
        ),
        (
            Filter {
                callback_id: text("own"),
                ..any()
            },
            vec![4],
        ),
        (
            Filter {
                from: Some(UnixMicros(1_002)),
                ..any()
            },
            vec![4],
        ),
        (
            Filter {
                before: Some(UnixMicros(1_002)),
                ..any()
            },
            vec![1, 2],
        ),
    ];
    for (filter, expected) in cases {
        let page = store
            .read(|db| range(db, "example.com", &filter, 0, 9))
            .unwrap();
        let found: Vec<_> = page.events.iter().map(|event| event.cursor).collect();
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(page.next, None);
    }
    let first = store.read(|db| range(db, "example.com", &any(), 0, 2));
    assert_eq!(first.unwrap().next, Some(2));
}

#[test]
fn a_range_is_replayed_in_portions_and_each_event_once() {
    let (_dir, store) = store();
    put(&store, (1..=5).map(|call| event(call, 1)).collect()).unwrap();
    for call in [1, 2, 3, 5] {
        told(&store, delivered(call, 1));
    }
    let all = Filter {
        other_than: Some("newRemoteCall".to_owned()),
        ..Filter::default()
    };
    let portion = |after| {
        let all = all.clone();
        store
            .write(move |db| replay_range(db, "example.com", &all, after, 3))
            .unwrap()
    };
    let first = portion(0);
    assert_eq!((first.count, first.next), (3, Some(3)));
    let second = portion(3);
    assert_eq!(
        (second.count, second.next),
        (1, None),
        "the fourth waits already"
    );
    assert_eq!(store.read(|db| pending(db, 9, 0)).unwrap().len(), 5);
    let waiting = Filter {
        state: Some(DeliveryState::Pending),
        ..Filter::default()
    };
    let none = store.write(move |db| replay_range(db, "example.com", &waiting, 0, 9));
    assert_eq!(none.unwrap(), Replayed::default());
}

fn tried(at: u64, status: Option<u16>) -> Try {
    Try {
        at: UnixMicros(at),
        status,
        error: status
            .filter(|status| *status != 200)
            .map(|_| "busy".to_owned()),
        took_micros: 70,
    }
}

fn tries_stored(store: &Store) -> u32 {
    store
        .read(|db| db.only("SELECT count(*) FROM tries", &[]))
        .unwrap()
}

#[test]
fn no_question_reads_the_whole_table() {
    let (_dir, store) = crate::fixture::file_store(Options::default());
    let state = |state| Filter {
        state: Some(state),
        ..Filter::default()
    };
    let of_call = Filter {
        call: Some(CallKey(1)),
        ..Filter::default()
    };
    let questions = [
        (select!("WHERE call = ?1 ORDER BY sequence"), "(call=?)"),
        (
            select!("WHERE domain = ?1 AND cursor > ?2 ORDER BY cursor LIMIT ?3"),
            "events_domain (domain=? AND cursor>?)",
        ),
        (
            outbox::DUE,
            "USING COVERING INDEX events_pending (domain=? AND service=? AND cursor>?)",
        ),
        (
            walk(&Filter::default()),
            "events_domain (domain=? AND cursor>?)",
        ),
        (walk(&of_call), "(call=?)"),
        (
            walk(&state(DeliveryState::Failed)),
            "events_failed (domain=? AND cursor>?)",
        ),
        (
            outbox::NEXT_SERVICE,
            "events_pending ((domain,service)>(?,?))",
        ),
    ];
    for (question, expected) in questions {
        let plan = store.read(|db| crate::fixture::plan(db, question)).unwrap();
        assert!(
            plan[0].starts_with("SEARCH events USING") && plan[0].contains(expected),
            "{question}: {plan:?}"
        );
        let sorted = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(
            !sorted || question == walk(&of_call),
            "{question}: {plan:?}"
        );
    }
    let plan = store.read(|db| crate::fixture::plan(db, outbox::COUNT));
    let count = "SEARCH events USING COVERING INDEX events_pending (domain=? AND service=?)";
    assert!(plan.unwrap().iter().any(|step| step == count));
}

#[test]
fn a_great_backlog_is_counted_so_far_and_no_further_and_hides_no_other() {
    let (_dir, store) = store();
    let many = u32::try_from(COUNTED).unwrap() + 5;
    let other = EventRow {
        service: "other".to_owned(),
        ..event(2, 1)
    };
    let mut events: Vec<_> = (1..=many)
        .map(|sequence| EventRow {
            sequence,
            terminal: false,
            ..event(1, 1)
        })
        .collect();
    events.push(other);
    put(&store, events).unwrap();
    let counts: Vec<_> = store
        .read(backlog)
        .unwrap()
        .into_iter()
        .map(|one| (one.service, one.count))
        .collect();
    let expected = [("main".to_owned(), COUNTED), ("other".to_owned(), 1)];
    assert_eq!(counts, expected);
}
