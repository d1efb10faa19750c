use super::*;
use crate::Batch;
use crate::fixture::{ladder_row, store, write};

#[test]
fn a_ladder_is_read_in_time_order_whatever_order_it_was_written_in() {
    let (_dir, store) = store();
    let same_time = LadderRow {
        rows: vec![9],
        ..ladder_row(1, 20)
    };
    let ladder = vec![
        ladder_row(1, 20),
        ladder_row(2, 5),
        same_time.clone(),
        ladder_row(1, 10),
    ];
    let batch = Batch {
        ladder,
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let read = store.read(|db| of_call(db, CallKey(1))).unwrap();
    assert_eq!(read, [ladder_row(1, 10), ladder_row(1, 20), same_time]);
}
