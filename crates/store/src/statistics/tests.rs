use super::*;
use crate::fixture::{call, store, write};
use crate::sql::Sql;
use crate::{Batch, domains, retention};

const HOUR: u64 = 3_600_000_000;

fn tally(width: Width, bucket: u64, class: &'static str, figures: Figures) -> Tally {
    Tally {
        domain: "a.test".into(),
        subject: "calls".into(),
        width,
        bucket: UnixMicros(bucket),
        class: class.into(),
        figures,
    }
}

fn add_all(store: &crate::Store, tallies: Vec<Tally>) {
    let batch = Batch {
        tallies,
        ..Batch::default()
    };
    write(store, batch).unwrap();
}

fn read(store: &crate::Store, width: Width, from: u64, before: u64) -> Vec<(u64, String, Figures)> {
    let (from, before) = (UnixMicros(from), UnixMicros(before));
    let rows = store
        .read(|db| of_domain(db, "a.test", "calls", width, from, before))
        .unwrap();
    rows.into_iter()
        .map(|(bucket, class, figures)| (bucket.0, class, figures))
        .collect()
}

#[test]
fn what_is_added_to_a_bucket_adds_up_and_keeps_the_extremes() {
    let (_dir, store) = store();
    for duration in [Some(7), None, Some(3), Some(20)] {
        let figures = Figures::one(duration);
        add_all(&store, vec![tally(Width::Hour, HOUR, "normal", figures)]);
    }
    let expected = Figures {
        attempts: 4,
        answered: 3,
        total: 30,
        shortest: 3,
        longest: 20,
    };
    let found = read(&store, Width::Hour, 0, u64::MAX);
    assert_eq!(found, [(HOUR, "normal".to_owned(), expected)]);
}

#[test]
fn buckets_are_read_by_width_and_time_in_order() {
    let (_dir, store) = store();
    let one = Figures::one(None);
    let mut tallies: Vec<Tally> = [3, 1, 2]
        .map(|hour| tally(Width::Hour, hour * HOUR, "busy", one))
        .into();
    tallies.push(tally(Width::Hour, HOUR, "auth", one));
    tallies.push(tally(Width::Day, 0, "busy", one));
    let other = Tally {
        domain: "b.test".into(),
        ..tallies[0].clone()
    };
    tallies.push(other);
    add_all(&store, tallies);
    let found = read(&store, Width::Hour, HOUR, 3 * HOUR);
    let named: Vec<_> = found
        .iter()
        .map(|(at, class, _)| (at / HOUR, &**class))
        .collect();
    assert_eq!(named, [(1, "auth"), (1, "busy"), (2, "busy")]);
    assert_eq!(read(&store, Width::Day, 0, u64::MAX).len(), 1);
}

#[test]
fn calls_that_were_on_record_before_counting_began_are_counted() {
    let (_dir, store) = store();
    let ended = |id: u128, answered: Option<u64>| crate::CallRow {
        domain: "a.test".into(),
        answered_at: answered.map(UnixMicros),
        ended_at: Some(UnixMicros(HOUR + 90_000_000)),
        class: Some("normal".into()),
        started_at: UnixMicros(HOUR + 5),
        ..call(id)
    };
    let live = crate::CallRow {
        domain: "a.test".into(),
        ..call(3)
    };
    let batch = Batch {
        calls: vec![ended(1, Some(HOUR + 30_000_000)), ended(2, None), live],
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    store
        .write(move |db| {
            let step = match db.sql {
                Sql::Sqlite(_) => include_str!("../migrations/sqlite/0004_statistics.sql"),
                Sql::Postgres(_) => include_str!("../migrations/postgres/0004_statistics.sql"),
            };
            let insert = &step[step.find("INSERT INTO").unwrap()..];
            db.execute(insert.trim_end().trim_end_matches(';'), &[])
        })
        .unwrap();
    let expected = Figures {
        attempts: 2,
        ..Figures::one(Some(60))
    };
    let hours = read(&store, Width::Hour, 0, u64::MAX);
    assert_eq!(hours, [(HOUR, "normal".to_owned(), expected)]);
    let days = read(&store, Width::Day, 0, u64::MAX);
    assert_eq!(days, [(0, "normal".to_owned(), expected)]);
}

#[test]
fn old_hours_are_swept_a_portion_at_a_time_and_days_stay() {
    let (_dir, store) = store();
    let one = Figures::one(None);
    let hours = (1..=5).map(|hour| tally(Width::Hour, hour * HOUR, "busy", one));
    add_all(
        &store,
        hours.chain([tally(Width::Day, 0, "busy", one)]).collect(),
    );
    let kind = retention::Kind::Statistics;
    let domains = store.read(|db| retention::domains(db, kind)).unwrap();
    assert_eq!(domains, ["a.test"]);
    let sweep = || {
        let before = UnixMicros(4 * HOUR);
        store
            .write(move |db| retention::sweep(db, kind, "a.test", before, 2))
            .unwrap()
    };
    assert_eq!([sweep(), sweep(), sweep()], [2, 1, 0]);
    let left = read(&store, Width::Hour, 0, u64::MAX);
    let left: Vec<_> = left.iter().map(|(at, ..)| at / HOUR).collect();
    assert_eq!(left, [4, 5]);
    assert_eq!(read(&store, Width::Day, 0, u64::MAX).len(), 1);
}

#[test]
fn a_domain_that_is_removed_takes_its_figures_along() {
    let (_dir, store) = store();
    crate::fixture::add_domain(&store, "a.test");
    add_all(
        &store,
        vec![tally(Width::Day, 0, "busy", Figures::one(None))],
    );
    store.write(|db| domains::delete(db, "a.test")).unwrap();
    assert_eq!(read(&store, Width::Day, 0, u64::MAX), []);
}
