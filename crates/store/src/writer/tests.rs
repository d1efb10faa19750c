mod trouble;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::fixture::{self, delivered, event, ladder_row, store};
use crate::{Batch, CallKey, Error, Options, Store, events, ladder, settings, snapshots};

/// Holds the writer inside a change until the returned sender is dropped, so that jobs pile up behind it.
fn blocked(store: &Store) -> (mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (inside, is_inside) = mpsc::channel();
    let store = store.clone();
    let blocker = thread::spawn(move || {
        store
            .write(move |_| {
                inside.send(()).unwrap();
                released.recv().unwrap_err();
                Ok(())
            })
            .unwrap();
    });
    is_inside.recv().unwrap();
    (release, blocker)
}

fn batch_with(event: crate::EventRow) -> Batch {
    Batch {
        events: vec![event],
        ..Batch::default()
    }
}

#[test]
fn a_batch_is_done_when_it_can_be_read() {
    let (_dir, store) = store();
    let (done, outcome) = mpsc::channel();
    let batch = Batch {
        events: vec![event(1, 1)],
        snapshots: vec![(CallKey(1), Some(vec![7]))],
        ladder: vec![ladder_row(1, 5)],
        ..Batch::default()
    };
    store
        .writer()
        .submit(batch, move |outcome| done.send(outcome).unwrap())
        .unwrap();
    outcome.recv().unwrap().unwrap();
    let seen = store.read(|db| events::of_call(db, CallKey(1))).unwrap();
    assert_eq!(seen.len(), 1);
    let seen = store.read(|db| ladder::of_call(db, CallKey(1))).unwrap();
    assert_eq!(seen, [[1, 2, 3]]);
}

#[test]
fn jobs_that_piled_up_are_committed_together() {
    let (_dir, store) = store();
    let (release, blocker) = blocked(&store);
    for call in 0..100 {
        store
            .writer()
            .submit(batch_with(event(call, 1)), |outcome| outcome.unwrap())
            .unwrap();
    }
    assert_eq!(store.writer().metrics().waiting, 101);
    drop(release);
    blocker.join().unwrap();
    store.writer().flush().unwrap();
    let metrics = store.writer().metrics();
    assert_eq!(metrics.waiting, 0);
    assert_eq!(metrics.rows, 100);
    assert!(metrics.commits <= 4, "{metrics:?}");
}

#[test]
fn a_batch_that_fails_leaves_its_neighbours_standing() {
    let (_dir, store) = store();
    let (release, blocker) = blocked(&store);
    let (done, outcomes) = mpsc::channel();
    // The second repeats the first's place among the call's events, behind a row of its own.
    let clash = Batch {
        events: vec![event(2, 1), event(1, 1)],
        ..Batch::default()
    };
    for batch in [batch_with(event(1, 1)), clash, batch_with(event(3, 1))] {
        let done = done.clone();
        store
            .writer()
            .submit(batch, move |outcome| done.send(outcome.is_ok()).unwrap())
            .unwrap();
    }
    drop((release, done));
    blocker.join().unwrap();
    assert_eq!(outcomes.iter().collect::<Vec<_>>(), [true, false, true]);
    let stored = store.read(|db| fixture::pending(db, 10, 0)).unwrap();
    let calls: Vec<_> = stored.iter().map(|event| event.row.call).collect();
    assert_eq!(calls, [CallKey(1), CallKey(3)]);
    assert_eq!(store.writer().metrics().failures, 1);
}

#[test]
fn a_change_that_fails_is_undone_and_says_why() {
    let (_dir, store) = store();
    let failed = store.write(|db| {
        settings::put(db, "a", "1")?;
        Err::<(), _>(Error::NoSuchDomain)
    });
    assert!(matches!(failed, Err(Error::NoSuchDomain)));
    assert_eq!(store.read(|db| settings::find(db, "a")).unwrap(), None);
}

#[test]
fn a_change_that_panics_is_undone_and_the_writer_goes_on() {
    let (_dir, store) = store();
    let panicked = store.write(|db| -> crate::Result<()> {
        settings::put(db, "a", "1")?;
        panic!("on purpose")
    });
    assert!(matches!(panicked, Err(Error::Panicked)));
    store.write(|db| settings::put(db, "b", "2")).unwrap();
    let found = store
        .read(|db| Ok((settings::find(db, "a")?, settings::find(db, "b")?)))
        .unwrap();
    assert_eq!(found, (None, Some("2".to_owned())));
}

#[test]
fn a_listener_that_panics_harms_nobody() {
    let (_dir, store) = store();
    store
        .writer()
        .submit(batch_with(event(1, 1)), |_| panic!("on purpose"))
        .unwrap();
    store.writer().flush().unwrap();
    assert_eq!(
        store.read(|db| fixture::pending(db, 10, 0)).unwrap().len(),
        1
    );
}

#[test]
fn a_full_queue_refuses_at_once() {
    let options = Options {
        queue: 2,
        ..Options::default()
    };
    let (_dir, store) = fixture::store_with(options);
    let (release, blocker) = blocked(&store);
    let submit = |call| store.writer().submit(batch_with(event(call, 1)), |_| ());
    submit(1).unwrap();
    submit(2).unwrap();
    let refused = submit(3).unwrap_err();
    assert!(matches!(refused, Error::QueueFull));
    assert!(refused.is_transient());
    drop(release);
    blocker.join().unwrap();
    store.writer().flush().unwrap();
    assert_eq!(
        store.read(|db| fixture::pending(db, 10, 0)).unwrap().len(),
        2
    );
}

#[test]
fn what_was_queued_is_written_before_the_store_closes() {
    let (home, store) = store();
    let (release, blocker) = blocked(&store);
    for call in 0..50 {
        store
            .writer()
            .submit(batch_with(event(call, 1)), |outcome| outcome.unwrap())
            .unwrap();
        let logged = Batch {
            ladder: vec![ladder_row(call, 1)],
            ..Batch::default()
        };
        store
            .writer()
            .submit(logged, |outcome| outcome.unwrap())
            .unwrap();
    }
    drop(release);
    blocker.join().unwrap();
    drop(store);
    let store = home.open(Options::default());
    assert_eq!(
        store.read(|db| fixture::pending(db, 99, 0)).unwrap().len(),
        50
    );
    let logged = store.read(|db| ladder::of_call(db, CallKey(49))).unwrap();
    assert_eq!(logged.len(), 1);
}

#[test]
fn a_store_may_be_dropped_by_its_own_writer() {
    let (_dir, store) = store();
    let (done, outcome) = mpsc::channel();
    let last = store.clone();
    store
        .writer()
        .submit(batch_with(event(1, 1)), move |_| {
            drop(last);
            done.send(()).unwrap();
        })
        .unwrap();
    drop(store);
    outcome.recv().unwrap();
}

#[test]
fn log_rows_are_committed_at_once_at_rest_and_under_load_with_the_next_change() {
    let options = Options {
        gather_lazily: Duration::from_secs(3_600),
        ..Options::default()
    };
    let (_dir, store) = fixture::store_with(options);
    let (done, outcomes) = mpsc::channel();
    let log = |call| {
        let (done, batch) = (
            done.clone(),
            Batch {
                ladder: vec![ladder_row(call, 1)],
                ..Batch::default()
            },
        );
        store
            .writer()
            .submit(batch, move |outcome| done.send((call, outcome)).unwrap())
            .unwrap();
    };
    log(1);
    outcomes.recv().unwrap().1.unwrap();

    let (release, blocker) = blocked(&store);
    for call in 2..200 {
        log(call);
    }
    drop(release);
    blocker.join().unwrap();
    // Whoever blocks on a change takes along what waits.
    store.writer().flush().unwrap();
    assert_eq!(outcomes.try_iter().count(), 198);
}

#[test]
fn what_can_wait_never_keeps_a_call_waiting_however_much_of_it_there_is() {
    let (_dir, store) = store();
    let (done, order) = mpsc::channel();
    let submit = |batch: Batch, is_call: bool| {
        let done = done.clone();
        store
            .writer()
            .submit(batch, move |_| done.send(is_call).unwrap())
            .unwrap();
    };
    let (release, blocker) = blocked(&store);
    for call in 0..5_000 {
        let ladder = vec![ladder_row(call, 1)];
        let log = Batch {
            ladder,
            ..Batch::default()
        };
        submit(log, false);
    }
    submit(batch_with(event(1, 1)), true);
    drop(release);
    blocker.join().unwrap();
    store.writer().flush().unwrap();
    let before = order.try_iter().take_while(|is_call| !is_call).count();
    assert!(before <= 500, "{before} log rows were written first");
}

#[test]
fn a_delivery_result_queued_right_behind_its_event_finds_it() {
    let (_dir, store) = store();
    let (release, blocker) = blocked(&store);
    store
        .writer()
        .submit(batch_with(event(1, 1)), |outcome| outcome.unwrap())
        .unwrap();
    let told = Batch {
        deliveries: vec![delivered(1, 1)],
        ..Batch::default()
    };
    store
        .writer()
        .submit(told, |outcome| outcome.unwrap())
        .unwrap();
    drop(release);
    blocker.join().unwrap();
    store.writer().flush().unwrap();
    assert!(
        store
            .read(|db| fixture::pending(db, 9, 0))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn listeners_hear_of_new_events_and_can_read_them_then() {
    let (_dir, store) = store();
    let (heard, hears) = mpsc::channel();
    let reads = store.clone();
    store.on_commit(Box::new(move |newest| {
        let read = reads.read(events::newest_cursor);
        // Nobody hears what comes after the test.
        let _ = heard.send((newest, read.unwrap_or(-1)));
    }));
    for call in 1..=2 {
        store
            .writer()
            .submit(batch_with(event(call, 1)), |outcome| outcome.unwrap())
            .unwrap();
    }
    let mut newest = 0;
    while newest < 2 {
        let (told, read) = hears.recv().unwrap();
        // Where nodes share a database, who begins to listen to the others is told once more.
        assert!(told >= newest && told <= read, "{newest} {told} {read}");
        newest = told;
    }
}

#[test]
fn listeners_of_a_node_alone_hear_of_each_event_once_and_of_nothing_else() {
    let (_dir, store) = fixture::file_store(Options::default());
    let (heard, hears) = mpsc::channel();
    store.on_commit(Box::new(move |newest| {
        let _ = heard.send(newest);
    }));
    for call in 1..=2 {
        store
            .writer()
            .submit(batch_with(event(call, 1)), |outcome| outcome.unwrap())
            .unwrap();
    }
    store.write(|db| settings::put(db, "a", "1")).unwrap();
    let mut newest = 0;
    while newest < 2 {
        let told = hears.recv().unwrap();
        assert!(told > newest, "{newest} {told}");
        newest = told;
    }
    store.writer().flush().unwrap();
    assert!(hears.try_recv().is_err(), "no event, no call");
}

#[test]
fn a_pace_is_busy_while_jobs_come_fast_and_for_a_window_after() {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let mut pace = Pace::new(start);
    for job in 0..30 {
        pace.count(at(job));
    }
    assert!(!pace.is_busy(at(30)));
    pace.count(at(31));
    assert!(pace.is_busy(at(32)));
    assert!(pace.is_busy(at(150)));
    assert!(!pace.is_busy(at(400)));
}
