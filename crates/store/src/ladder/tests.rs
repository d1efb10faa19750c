use super::*;
use crate::Batch;
use crate::fixture::{call, ladder_row, plan, store, write};

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
    assert_eq!(read, [vec![1, 2, 3], vec![1, 2, 3], vec![9]]);
}

/// Rows of no call, each of one octet: domain, time, content.
fn stray(domain: &str, at: u64, content: u8) -> LadderRow {
    LadderRow {
        domain: Some(domain.into()),
        rows: vec![content],
        ..ladder_row(0, at)
    }
}

fn contents(page: &[Logged]) -> Vec<u8> {
    page.iter().map(|row| row.rows[0]).collect()
}

#[test]
fn a_domain_is_read_from_its_end_page_by_page_without_a_gap() {
    let (_dir, store) = store();
    let times = [(10, 1), (20, 2), (20, 3), (20, 4), (30, 5)];
    let rows = times.map(|(at, content)| stray("a.test", at, content));
    let batch = Batch {
        ladder: rows.into_iter().chain([stray("b.test", 20, 9)]).collect(),
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let mut before = Place::end(UnixMicros(30));
    let mut read = Vec::new();
    loop {
        let page = store
            .read(|db| of_domain(db, "a.test", UnixMicros(20), before, 2))
            .unwrap();
        let Some(last) = page.last() else { break };
        before = last.place;
        read.extend(contents(&page));
    }
    assert_eq!(
        read,
        [5, 4, 3, 2],
        "the row from before the time is left out"
    );
}

#[test]
fn a_row_without_a_domain_is_its_calls() {
    let (_dir, store) = store();
    let row = crate::CallRow {
        domain: "a.test".into(),
        ..call(1)
    };
    let batch = Batch {
        ladder: vec![ladder_row(1, 10), ladder_row(2, 10), stray("a.test", 11, 7)],
        calls: vec![row],
        ..Batch::default()
    };
    write(&store, batch).unwrap();
    let page = store
        .read(|db| of_domain(db, "a.test", UnixMicros(0), Place::end(UnixMicros(99)), 9))
        .unwrap();
    let calls: Vec<_> = page.iter().map(|row| row.call).collect();
    assert_eq!(calls, [None, Some(CallKey(1))]);
}

#[test]
fn a_page_of_a_domain_is_found_by_index() {
    let (_dir, store) = crate::fixture::file_store(crate::Options::default());
    let plan = store.read(|db| plan(db, OF_DOMAIN)).unwrap();
    assert!(
        plan[0].starts_with("SEARCH ladder USING INDEX ladder_domain") && plan.len() == 1,
        "{plan:?}"
    );
}
