//! The disk is full, or another process holds the database.

use super::*;
use crate::Read;

/// Lets the database grow no further; a number of pages, fewer than there are means as many as there are.
fn limit_pages(store: &Store, pages: u32) {
    store
        .write(move |db| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            db.first(&sql, &[], |_| Ok(()))
        })
        .unwrap();
}

fn big(call: u128) -> Batch {
    Batch {
        snapshots: vec![(CallKey(call), Some(vec![7; 100_000]))],
        ..Batch::default()
    }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

fn kept(store: &Store) -> Vec<u128> {
    let mut kept = Vec::new();
    let question = |db: &Read<'_>| snapshots::each(db, |call, _, _| kept.push(call.0));
    store.read(question).unwrap();
    kept
}

/// Submits and hands back where the outcome will appear; a second telling would find nobody there and panic.
fn submit(store: &Store, batch: Batch) -> mpsc::Receiver<crate::Result<()>> {
    let (done, outcome) = mpsc::sync_channel(1);
    store
        .writer()
        .submit(batch, move |told| done.try_send(told).unwrap())
        .unwrap();
    outcome
}

#[test]
fn a_full_disk_delays_what_was_promised_and_loses_none_of_it() {
    let (_dir, store) = fixture::file_store(Options::default());
    limit_pages(&store, 1);
    let waiting: Vec<_> = (1..=3).map(|call| submit(&store, big(call))).collect();
    wait_until(|| store.writer().health().away_since.is_some());
    let health = store.writer().health();
    assert_eq!(health.last_error.as_deref(), Some("the disk is full"));
    wait_until(|| store.writer().health().oldest_waiting > Duration::from_millis(5));
    for outcome in &waiting {
        assert!(outcome.try_recv().is_err(), "nobody is told too early");
    }
    // The change that makes room does not wait behind what needs it.
    limit_pages(&store, 1_000_000);
    for outcome in &waiting {
        outcome.recv().unwrap().unwrap();
    }
    let health = store.writer().health();
    assert_eq!(
        (health.away_since, health.oldest_waiting),
        (None, Duration::ZERO)
    );
    assert_eq!(kept(&store), [1, 2, 3]);
    assert_eq!(store.writer().metrics().failures, 0);
}

#[test]
fn a_change_that_finds_the_disk_full_says_so_and_takes_no_batch_with_it() {
    let (_dir, store) = fixture::file_store(Options::default());
    limit_pages(&store, 1);
    let long = "x".repeat(100_000);
    let refused = store
        .write(move |db| settings::put(db, "a", &long))
        .unwrap_err();
    assert!(matches!(refused, Error::DiskFull), "{refused}");
    assert!(refused.is_transient());
    submit(&store, batch_with(event(1, 1)))
        .recv()
        .unwrap()
        .unwrap();
}

#[test]
fn another_process_that_holds_the_database_delays_batches_and_refuses_changes() {
    let options = Options {
        busy_timeout: Duration::from_millis(500),
        ..Options::default()
    };
    let (dir, store) = fixture::file_store(options);
    let other = rusqlite::Connection::open(dir.path().join("hookswitch.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let promised = submit(&store, batch_with(event(1, 1)));
    wait_until(|| store.writer().health().away_since.is_some());
    let refused = store.write(|db| settings::put(db, "a", "1")).unwrap_err();
    assert!(matches!(refused, Error::Busy), "{refused}");
    assert!(refused.is_transient());
    assert!(promised.try_recv().is_err());
    other.execute_batch("ROLLBACK").unwrap();
    promised.recv().unwrap().unwrap();
    store.writer().flush().unwrap();
    let late = store.read(|db| settings::find(db, "a")).unwrap();
    assert_eq!(late, None, "what was refused is never made");
}

#[test]
fn rows_that_break_a_rule_are_told_so_once_the_trouble_is_over_and_alone() {
    let (dir, store) = fixture::file_store(Options::default());
    submit(&store, batch_with(event(1, 4)))
        .recv()
        .unwrap()
        .unwrap();
    let other = rusqlite::Connection::open(dir.path().join("hookswitch.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let before = submit(&store, batch_with(event(2, 1)));
    let mut second_end = event(1, 5);
    second_end.terminal = true;
    let clash = submit(&store, batch_with(second_end));
    let after = submit(&store, batch_with(event(3, 1)));
    wait_until(|| store.writer().health().away_since.is_some());
    other.execute_batch("ROLLBACK").unwrap();
    before.recv().unwrap().unwrap();
    assert!(matches!(clash.recv().unwrap(), Err(Error::Conflict(_))));
    after.recv().unwrap().unwrap();
}

#[test]
fn events_of_a_call_keep_their_order_through_trouble() {
    let (dir, store) = fixture::file_store(Options::default());
    let other = rusqlite::Connection::open(dir.path().join("hookswitch.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let first = submit(&store, batch_with(event(1, 1)));
    wait_until(|| store.writer().health().away_since.is_some());
    let later: Vec<_> = (2..=4)
        .map(|sequence| submit(&store, batch_with(event(1, sequence))))
        .collect();
    other.execute_batch("ROLLBACK").unwrap();
    first.recv().unwrap().unwrap();
    for outcome in later {
        outcome.recv().unwrap().unwrap();
    }
    let stored = store
        .read(|db| events::after(db, "example.com", 0, 9))
        .unwrap();
    let order: Vec<_> = stored
        .iter()
        .map(|event| (event.cursor, event.row.sequence))
        .collect();
    assert_eq!(order, [(1, 1), (2, 2), (3, 3), (4, 4)]);
}

#[test]
fn a_program_that_stops_gives_up_in_the_end_and_tells_everybody() {
    let options = Options {
        give_up: Duration::from_millis(20),
        ..Options::default()
    };
    let (dir, store) = fixture::file_store(options);
    let other = rusqlite::Connection::open(dir.path().join("hookswitch.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let outcomes: Vec<_> = (1..=3)
        .map(|call| submit(&store, batch_with(event(call, 1))))
        .collect();
    drop(store);
    for outcome in outcomes {
        assert!(matches!(outcome.recv().unwrap(), Err(Error::Busy)));
    }
}

#[test]
fn log_rows_leave_half_of_the_room_to_calls() {
    let options = Options {
        queue: 4,
        ..Options::default()
    };
    let (_dir, store) = fixture::file_store(options);
    let (release, blocker) = blocked(&store);
    let log = || Batch {
        ladder: vec![ladder_row(1, 1)],
        ..Batch::default()
    };
    // The blocking change itself takes a place.
    let logged = submit(&store, log());
    let refused = store.writer().submit(log(), |_| ()).unwrap_err();
    assert!(matches!(refused, Error::QueueFull));
    let call = submit(&store, batch_with(event(1, 1)));
    drop(release);
    blocker.join().unwrap();
    logged.recv().unwrap().unwrap();
    call.recv().unwrap().unwrap();
}
