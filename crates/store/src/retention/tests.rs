use super::*;
use crate::fixture::{call, delivered, event, ladder_row, store, write};
use crate::{Batch, CallKey, CallRow, EventRow, Store, calls, events, ladder};

fn swept(store: &Store, kind: Kind, domain: &'static str, before: u64, limit: u32) -> usize {
    store
        .write(move |db| sweep(db, kind, domain, UnixMicros(before), limit))
        .unwrap()
}

fn ended(id: u128) -> CallRow {
    CallRow {
        ended_at: Some(UnixMicros(9_000_000)),
        ..call(id)
    }
}

#[test]
fn the_sweep_of_calls_spares_the_living_the_young_and_other_customers() {
    let (_dir, store) = store();
    let elsewhere = CallRow {
        domain: "example.org".into(),
        ..ended(5)
    };
    let batch = Batch {
        calls: vec![ended(1), call(2), ended(3), ended(4), elsewhere],
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let swept = |limit| swept(&store, Kind::Calls, "example.com", 4_000_000, limit);
    assert_eq!([swept(1), swept(9), swept(9)], [1, 1, 0]);
    let left = |domain| {
        let all = calls::Filter::default();
        let page = store.read(|db| calls::list(db, domain, &all, None, 9));
        page.unwrap()
            .iter()
            .map(|call| call.id.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(left("example.com"), [4, 2]);
    assert_eq!(left("example.org"), [5]);
}

#[test]
fn the_sweep_of_events_spares_what_waits_and_no_cursor_comes_back() {
    let (_dir, store) = store();
    let batch = Batch {
        events: vec![event(1, 1), event(1, 2), event(1, 3)],
        deliveries: vec![delivered(1, 1), delivered(1, 3)],
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let swept = |before| swept(&store, Kind::Events, "example.com", before, 9);
    assert_eq!((swept(1_001), swept(1_002)), (0, 1));
    assert_eq!(
        swept(u64::MAX),
        0,
        "the newest stays, and the one that waits"
    );
    let left = store.read(|db| events::of_call(db, CallKey(1))).unwrap();
    let left: Vec<_> = left.iter().map(|event| event.row.sequence).collect();
    assert_eq!(left, [2, 3]);
    let newest = store.read(events::newest_cursor).unwrap();
    let next = Batch {
        events: vec![event(2, 1)],
        ..Batch::default()
    };
    write(&store, next).unwrap();
    assert!(store.read(events::newest_cursor).unwrap() > newest);
}

#[test]
fn a_swept_event_takes_its_tries_along() {
    let (_dir, store) = store();
    let update = events::DeliveryUpdate {
        attempts: 2,
        tries: vec![events::Try::default(); 2],
        ..delivered(1, 1)
    };
    let batch = Batch {
        events: vec![event(1, 1), event(1, 2)],
        deliveries: vec![update],
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let tries = || -> u32 {
        store
            .read(|db| db.only("SELECT count(*) FROM tries", &[]))
            .unwrap()
    };
    assert_eq!(tries(), 2);
    assert_eq!(swept(&store, Kind::Events, "example.com", u64::MAX, 9), 1);
    assert_eq!(tries(), 0);
}

#[test]
fn the_sweep_of_ladders_takes_old_rows_in_portions_by_the_domain_of_their_call() {
    let (_dir, store) = store();
    let batch = Batch {
        calls: vec![call(1)],
        ladder: (1..=5).map(|at| ladder_row(1, at)).collect(),
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let stray = Batch {
        ladder: vec![ladder_row(7, 1)],
        ..Batch::default()
    };
    write(&store, stray).unwrap();
    let swept_here = |limit| swept(&store, Kind::Ladder, "example.com", 4, limit);
    assert_eq!([swept_here(2), swept_here(2), swept_here(2)], [2, 1, 0]);
    let left = |call| store.read(|db| ladder::of_call(db, CallKey(call))).unwrap();
    assert_eq!(left(1), [[1, 2, 3]; 2]);
    assert_eq!(left(7), [[1, 2, 3]]);
    assert_eq!(swept(&store, Kind::Ladder, "", 4, 9), 1);
    assert!(left(7).is_empty());
}

#[test]
fn every_domain_with_rows_is_named_also_when_it_was_deleted() {
    let (_dir, store) = store();
    let of = |domain: &str, call| EventRow {
        domain: domain.into(),
        ..event(call, 1)
    };
    let batch = Batch {
        events: vec![of("b.test", 1), of("a.test", 2), of("b.test", 3)],
        ladder: vec![ladder_row(9, 1)],
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let named = |kind| store.read(|db| domains(db, kind)).unwrap();
    assert_eq!(named(Kind::Events), ["a.test", "b.test"]);
    assert_eq!(named(Kind::Ladder), [""]);
    assert!(named(Kind::Calls).is_empty());
}

#[test]
fn no_sweep_reads_a_whole_table() {
    let (_dir, store) = crate::fixture::file_store(crate::Options::default());
    for kind in Kind::ALL {
        for question in [kind.domains(), kind.sweep()] {
            let plan = store.read(|db| crate::fixture::plan(db, question)).unwrap();
            let scans: Vec<_> = plan
                .iter()
                .filter(|step| step.starts_with("SCAN") && !step.contains("names"))
                .filter(|step| !step.contains("oldest"))
                .collect();
            assert!(scans.is_empty(), "{question}: {plan:#?}");
        }
    }
}
