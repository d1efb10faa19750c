use super::*;
use crate::documents::{Expected, Key};
use crate::fixture::store;
use crate::{Store, domains};

const DOMAIN: &str = "example.com";
const NOW: UnixMicros = UnixMicros(7);

fn begun(store: &Store, bulk: &'static str) -> Option<i64> {
    let new = NewJob {
        domain: DOMAIN,
        bulk,
        node: "node-1",
        lines: 4,
        now: NOW,
    };
    store.write(move |db| begin(db, new)).unwrap()
}

fn staged(store: &Store, job: i64, first: u64, ids: &[&str]) {
    let rows: Vec<Waiting> = ids
        .iter()
        .map(|id| Waiting {
            id: (*id).to_owned(),
            body: format!("{{\"id\":\"{id}\"}}"),
        })
        .collect();
    store.write(move |db| stage(db, job, first, &rows)).unwrap();
}

fn device(store: &Store, id: &str) -> Option<documents::Document> {
    let key = Key {
        domain: DOMAIN,
        kind: "device",
        id,
        draft: false,
    };
    store.read(|db| documents::find(db, key)).unwrap()
}

fn found(store: &Store, bulk: &str) -> Job {
    store.read(|db| find(db, DOMAIN, bulk)).unwrap().unwrap()
}

#[test]
fn rows_wait_until_the_job_is_decided_and_are_moved_in_portions() {
    let (_dir, store) = store();
    let job = begun(&store, "a").unwrap();
    staged(&store, job, 0, &["1", "2"]);
    staged(&store, job, 2, &["3"]);
    assert_eq!(device(&store, "1"), None);
    assert_eq!(
        (found(&store, "a").checked, found(&store, "a").written),
        (3, 0)
    );

    store.write(move |db| decide(db, job)).unwrap();
    let portion = || store.write(move |db| write_portion(db, job, DOMAIN, "device", 2));
    assert_eq!(portion().unwrap(), 2);
    assert_eq!(found(&store, "a").state, State::Writing);
    assert_eq!(device(&store, "3"), None);
    assert_eq!(portion().unwrap(), 1);
    assert_eq!(portion().unwrap(), 0);
    store.write(move |db| complete(db, job, NOW)).unwrap();
    let done = found(&store, "a");
    assert_eq!((done.state, done.written), (State::Completed, 3));
    assert_eq!(done.stopped_at, Some(NOW));
    assert_eq!(device(&store, "3").unwrap().body, r#"{"id":"3"}"#);
}

#[test]
fn every_row_gets_a_version_that_was_never_there_before() {
    let (_dir, store) = store();
    let put = |id: &'static str| {
        let key = Key {
            domain: DOMAIN,
            kind: "device",
            id,
            draft: false,
        };
        let written = store.write(move |db| documents::put(db, key, "{}", Expected::Any));
        written.unwrap().version
    };
    let before = put("1");
    let job = begun(&store, "a").unwrap();
    staged(&store, job, 0, &["1", "2"]);
    store
        .write(move |db| write_portion(db, job, DOMAIN, "device", 500))
        .unwrap();
    let versions = ["1", "2"].map(|id| device(&store, id).unwrap().version);
    assert!(before < versions[0] && versions[0] < versions[1]);
    assert!(versions[1] < put("3"));
}

#[test]
fn a_second_job_of_a_name_waits_for_the_end_of_the_first() {
    let (_dir, store) = store();
    let first = begun(&store, "a").unwrap();
    assert_eq!(begun(&store, "a"), None);
    assert!(begun(&store, "b").is_some());
    assert_eq!(store.read(|db| running(db, DOMAIN)).unwrap(), 2);
    store.write(move |db| decide(db, first)).unwrap();
    assert_eq!(begun(&store, "a"), None, "it is being written");
    store.write(move |db| complete(db, first, NOW)).unwrap();
    let second = begun(&store, "a").unwrap();
    assert_eq!(found(&store, "a").serial, second);
}

#[test]
fn a_job_that_failed_says_why_and_leaves_nothing() {
    let (_dir, store) = store();
    let job = begun(&store, "a").unwrap();
    staged(&store, job, 0, &["1", "2", "3"]);
    store
        .write(move |db| fail(db, job, NOW, "line 5 is wrong", "[5]"))
        .unwrap();
    let failed = found(&store, "a");
    assert_eq!(failed.state, State::Failed);
    assert_eq!(failed.reason.as_deref(), Some("line 5 is wrong"));
    assert_eq!(failed.errors, "[5]");
    let forget = || store.write(move |db| forget_portion(db, job, 2)).unwrap();
    assert_eq!((forget(), forget(), forget()), (2, 1, 0));
    assert_eq!(device(&store, "1"), None);
}

#[test]
fn a_decided_job_cannot_fail_any_more() {
    let (_dir, store) = store();
    let job = begun(&store, "a").unwrap();
    store.write(move |db| decide(db, job)).unwrap();
    store
        .write(move |db| fail(db, job, NOW, "too late", "[]"))
        .unwrap();
    assert_eq!(found(&store, "a").state, State::Writing);
}

#[test]
fn a_node_takes_up_its_own_jobs_only() {
    let (_dir, store) = store();
    let job = begun(&store, "a").unwrap();
    let of = |node: &str| {
        let jobs = store.read(|db| unfinished(db, node)).unwrap();
        jobs.iter().map(|job| job.serial).collect::<Vec<_>>()
    };
    assert_eq!(of("node-1"), [job]);
    assert!(of("node-2").is_empty());
}

#[test]
fn jobs_and_rows_go_with_their_domain() {
    let (_dir, store) = store();
    let job = begun(&store, "a").unwrap();
    staged(&store, job, 0, &["1"]);
    store.write(|db| domains::delete(db, DOMAIN)).unwrap();
    assert_eq!(store.read(|db| find(db, DOMAIN, "a")).unwrap(), None);
    let moved = store.write(move |db| write_portion(db, job, DOMAIN, "device", 9));
    assert_eq!(moved.unwrap(), 0);
}
