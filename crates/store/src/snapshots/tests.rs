use super::*;
use crate::Batch;
use crate::fixture::{call, store, write};

#[test]
fn the_last_snapshot_of_each_living_call_is_there_after_a_restart() {
    let (home, store) = store();
    let batch = |snapshots| Batch {
        snapshots,
        ..Batch::default()
    };
    let [one, two, three] = [1, 2, 3].map(CallKey);
    let born = [(two, vec![2]), (one, vec![1]), (three, vec![3])];
    let born = born.map(|(call, body)| (call, Some(body))).to_vec();
    write(&store, batch(born)).unwrap();
    write(
        &store,
        batch(vec![(one, Some(vec![9; 20_000])), (three, None)]),
    )
    .unwrap();
    drop(store);
    let store = home.open(crate::Options::default());
    let mut kept = Vec::new();
    store
        .read(|db| each(db, |call, body, _| kept.push((call, body))))
        .unwrap();
    assert_eq!(kept, [(one, vec![9; 20_000]), (two, vec![2])]);
}

#[test]
fn a_snapshot_that_was_never_kept_is_forgotten_without_complaint() {
    let (_dir, store) = store();
    let batch = Batch {
        snapshots: vec![(CallKey(1), None)],
        ..Batch::default()
    };
    write(&store, batch).unwrap();
}

#[test]
fn a_snapshot_comes_with_the_record_of_its_call() {
    let (_dir, store) = store();
    let batch = Batch {
        calls: vec![call(1)],
        snapshots: vec![(CallKey(1), Some(vec![1])), (CallKey(2), Some(vec![2]))],
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let mut records = Vec::new();
    store
        .read(|db| each(db, |_, _, record| records.push(record)))
        .unwrap();
    assert_eq!(records, [Some(call(1).record), None]);
}
