use super::*;
use crate::fixture::{call, store, write};
use crate::{Batch, Store};

fn put(store: &Store, calls: Vec<CallRow>) {
    let batch = Batch {
        calls,
        ..Batch::default()
    };
    write(store, batch).unwrap();
}

fn ids(store: &Store, filter: &Filter) -> Vec<u128> {
    let page = store
        .read(|db| list(db, "example.com", filter, None, 100))
        .unwrap();
    page.into_iter().map(|call| call.id.0).collect()
}

fn answered(id: u128) -> CallRow {
    CallRow {
        state: "answered".into(),
        answered_at: Some(UnixMicros(5)),
        session_reference_id: Some(format!("ref-{id}")),
        record: r#"{"a":2}"#.to_owned(),
        ..call(id)
    }
}

fn ended(id: u128) -> CallRow {
    CallRow {
        state: "ended".into(),
        ended_at: Some(UnixMicros(6)),
        class: Some("normal".into()),
        record: r#"{"a":3}"#.to_owned(),
        ..answered(id)
    }
}

#[test]
fn a_call_is_found_as_it_was_last_written_at_every_step_of_its_life() {
    let (_dir, store) = store();
    let referenced = CallRow {
        session_reference_id: Some("ref-1".to_owned()),
        ..call(1)
    };
    let held = CallRow {
        record: r#"{"held":true}"#.to_owned(),
        ..answered(1)
    };
    for step in [call(1), referenced, answered(1), held, ended(1)] {
        put(&store, vec![step.clone()]);
        let found = store
            .read(|db| find(db, "example.com", CallKey(1)))
            .unwrap();
        assert_eq!(found, Some(step));
    }
    assert_eq!(ids(&store, &Filter::default()), [1]);
}

#[test]
fn a_call_may_be_written_for_the_first_time_at_any_step() {
    let (_dir, store) = store();
    put(&store, vec![ended(1), answered(2)]);
    for row in [ended(1), answered(2)] {
        let found = store.read(|db| find(db, "example.com", row.id)).unwrap();
        assert_eq!(found, Some(row));
    }
}

#[test]
fn a_call_is_found_in_its_own_domain_only() {
    let (_dir, store) = store();
    put(&store, vec![call(1)]);
    let elsewhere = store
        .read(|db| find(db, "example.org", CallKey(1)))
        .unwrap();
    assert_eq!(elsewhere, None);
    let listed = store
        .read(|db| list(db, "example.org", &Filter::default(), None, 9))
        .unwrap();
    assert!(listed.is_empty());
}

#[test]
fn pages_of_calls_neither_repeat_nor_miss_one_while_calls_are_added() {
    let (_dir, store) = store();
    // Three of them start in the same microsecond.
    let together = |id| CallRow {
        started_at: UnixMicros(50),
        ..call(id)
    };
    put(&store, vec![together(1), together(2), together(3), call(4)]);
    let page = |after| {
        let page = store
            .read(|db| list(db, "example.com", &Filter::default(), after, 2))
            .unwrap();
        page.into_iter().map(|call| call.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None), [CallKey(4), CallKey(3)]);
    put(&store, vec![call(5), ended(3)]);
    assert_eq!(page(Some(CallKey(3))), [CallKey(2), CallKey(1)]);
    assert_eq!(page(Some(CallKey(1))), []);
    assert_eq!(page(Some(CallKey(99))), []);
}

#[test]
fn every_filter_narrows_the_list() {
    let (_dir, store) = store();
    let outbound = CallRow {
        direction: "outbound".into(),
        source_user: "112".to_owned(),
        destination_user: "+4671".to_owned(),
        ..call(3)
    };
    put(&store, vec![call(1), answered(2), outbound, ended(4)]);
    let text = |text: &str| Some(text.to_owned());
    let any = Filter::default;
    let cases = [
        (any(), vec![4, 3, 2, 1]),
        (
            Filter {
                state: text("answered"),
                ..any()
            },
            vec![2],
        ),
        (
            Filter {
                live: Some(true),
                ..any()
            },
            vec![3, 2, 1],
        ),
        (
            Filter {
                live: Some(false),
                ..any()
            },
            vec![4],
        ),
        (
            Filter {
                direction: text("outbound"),
                ..any()
            },
            vec![3],
        ),
        (
            Filter {
                source_user: text("112"),
                ..any()
            },
            vec![3],
        ),
        (
            Filter {
                destination_user: text("112"),
                ..any()
            },
            vec![4, 2, 1],
        ),
        (
            Filter {
                number: text("112"),
                ..any()
            },
            vec![4, 3, 2, 1],
        ),
        (
            Filter {
                number: text("+4671"),
                ..any()
            },
            vec![3],
        ),
        (
            Filter {
                sip_call_id: text("2@198.51.100.7"),
                ..any()
            },
            vec![2],
        ),
        (
            Filter {
                session_reference_id: text("ref-4"),
                ..any()
            },
            vec![4],
        ),
        (
            Filter {
                class: text("normal"),
                ..any()
            },
            vec![4],
        ),
        (
            Filter {
                class: text("busy"),
                ..any()
            },
            vec![],
        ),
        (
            Filter {
                started_from: Some(UnixMicros(3_000_000)),
                ..any()
            },
            vec![4, 3],
        ),
        (
            Filter {
                started_before: Some(UnixMicros(3_000_000)),
                ..any()
            },
            vec![2, 1],
        ),
        (
            Filter {
                live: Some(true),
                number: text("+4670"),
                ..any()
            },
            vec![2, 1],
        ),
        (
            Filter {
                state: text("' OR 1 --"),
                ..any()
            },
            vec![],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(ids(&store, &filter), expected, "{filter:?}");
    }
}

#[test]
fn no_list_sorts_or_reads_the_whole_table() {
    let (_dir, store) = crate::fixture::file_store(crate::Options::default());
    let text = |text: &str| Some(text.to_owned());
    let any = Filter::default;
    let cases = [
        (any(), "calls_search"),
        (
            Filter {
                live: Some(true),
                ..any()
            },
            "calls_live",
        ),
        (
            Filter {
                number: text("112"),
                ..any()
            },
            "calls_search",
        ),
        (
            Filter {
                sip_call_id: text("x"),
                ..any()
            },
            "calls_search",
        ),
        (
            Filter {
                started_from: Some(UnixMicros(3)),
                ..any()
            },
            "calls_search",
        ),
        (
            Filter {
                direction: text("outbound"),
                ..any()
            },
            "calls_search",
        ),
        (
            Filter {
                class: text("internal"),
                ..any()
            },
            "calls_amiss",
        ),
        (
            Filter {
                class: text("normal"),
                ..any()
            },
            "calls_search",
        ),
        (
            Filter {
                live: Some(true),
                state: text("ringing"),
                ..any()
            },
            "calls_live",
        ),
    ];
    for (filter, index) in cases {
        for after in [None, Some(CallKey(1))] {
            let (sql, _) = question("example.com", &filter, after, 10);
            let plan = store.read(|db| crate::fixture::plan(db, &sql)).unwrap();
            let plan = plan.join("; ");
            assert!(
                plan.contains(&format!("INDEX {index} ")),
                "{filter:?}: {plan}"
            );
            assert!(!plan.contains("SCAN"), "{filter:?}: {plan}");
            assert!(!plan.contains("B-TREE"), "{filter:?}: {plan}");
        }
    }
}
