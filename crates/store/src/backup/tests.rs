use super::*;
use crate::events::after;
use crate::fixture::{self, call, event, file_store, store};
use crate::{Batch, CallKey, UnixMicros, bulk, documents, settings, snapshots};

const DEVICE: documents::Key<'static> = documents::Key {
    domain: "example.com",
    kind: "device",
    id: "1",
    draft: false,
};

fn fill(store: &Store) {
    let batch = Batch {
        calls: vec![call(1)],
        events: vec![event(1, 1)],
        snapshots: vec![(CallKey(1), Some(vec![7]))],
        ladder: vec![fixture::ladder_row(1, 5)],
        ..Batch::default()
    };
    fixture::write(store, batch).unwrap();
    let put = |db: &Write<'_>| documents::put(db, DEVICE, "{\"a\":1}", documents::Expected::Any);
    store.write(put).unwrap();
    store.write(|db| settings::put(db, "a", "1")).unwrap();
}

fn body(store: &Store) -> Option<String> {
    let found = store.read(|db| documents::find(db, DEVICE)).unwrap();
    found.map(|document| document.body)
}

#[test]
fn what_was_saved_while_the_store_is_in_use_comes_back_whole() {
    let (home, store) = store();
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    save(home.source(), &file).unwrap();
    store
        .write(|db| domains::delete(db, "example.com"))
        .unwrap();
    fixture::write(
        &store,
        Batch {
            events: vec![event(1, 2)],
            ..Batch::default()
        },
    )
    .unwrap();
    store.write(|db| settings::put(db, "a", "2")).unwrap();

    let archive = Archive::open(&file, folder.path()).unwrap();
    archive.restore(&store, Extent::Everything).unwrap();
    assert_eq!(body(&store).as_deref(), Some("{\"a\":1}"));
    let found = store.read(|db| settings::find(db, "a")).unwrap();
    assert_eq!(found.as_deref(), Some("1"));
    let events = store.read(|db| after(db, "example.com", 0, 9)).unwrap();
    assert_eq!(events.len(), 1);
    let mut kept = Vec::new();
    store
        .read(|db| snapshots::each(db, |call, body, record| kept.push((call, body, record))))
        .unwrap();
    assert_eq!(kept, [(CallKey(1), vec![7], Some(call(1).record))]);
    // What is numbered goes on behind what came back.
    fixture::write(
        &store,
        Batch {
            events: vec![event(1, 3)],
            calls: vec![call(2)],
            ..Batch::default()
        },
    )
    .unwrap();
    let events = store.read(|db| after(db, "example.com", 1, 9)).unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn provisioning_alone_comes_back_beside_what_happened_since() {
    let (home, store) = store();
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    save(home.source(), &file).unwrap();
    let put = |db: &Write<'_>| documents::put(db, DEVICE, "{}", documents::Expected::Any);
    let newer = store.write(put).unwrap();
    fixture::write(
        &store,
        Batch {
            events: vec![event(1, 2)],
            ..Batch::default()
        },
    )
    .unwrap();
    fixture::add_domain(&store, "new.test");
    let job = bulk::NewJob {
        domain: "example.com",
        bulk: "b",
        node: "node-1",
        lines: 1,
        now: UnixMicros(1),
    };
    store.write(move |db| bulk::begin(db, job)).unwrap();

    let archive = Archive::open(&file, folder.path()).unwrap();
    archive.restore(&store, Extent::Provisioning).unwrap();
    assert_eq!(body(&store).as_deref(), Some("{\"a\":1}"));
    let events = store.read(|db| after(db, "example.com", 0, 9)).unwrap();
    assert_eq!(events.len(), 2);
    let running = store.read(|db| bulk::running(db, "example.com")).unwrap();
    assert_eq!(running, 1, "what hangs on a tenant stays");
    let new = store.read(|db| domains::find(db, "new.test")).unwrap();
    assert!(new.is_none(), "what is not in the file is removed");
    assert!(
        store.write(put).unwrap().version > newer.version,
        "no version comes back"
    );
}

#[test]
fn a_backup_moves_to_the_other_database() {
    let (_dir, from) = file_store(Options::default());
    fill(&from);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    save(Source::Folder(_dir.path()), &file).unwrap();
    let (_home, to) = store();
    let archive = Archive::open(&file, folder.path()).unwrap();
    archive.restore(&to, Extent::Everything).unwrap();
    assert_eq!(body(&to).as_deref(), Some("{\"a\":1}"));
}

#[test]
fn no_file_is_overwritten_and_what_is_no_backup_changes_nothing() {
    let (home, store) = store();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    std::fs::write(&file, "a letter").unwrap();
    let refused = save(home.source(), &file).unwrap_err();
    assert!(matches!(refused, Error::Exists(_)), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a letter");
    let refused = Archive::open(&file, folder.path()).unwrap_err().to_string();
    let named = format!("{} cannot be restored: it is no backup", file.display());
    assert!(refused.starts_with(&named), "{refused}");
    assert!(
        store
            .read(|db| domains::find(db, "example.com"))
            .unwrap()
            .is_some()
    );
    let other = folder.path().join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE a (b)")
        .unwrap();
    let refused = Archive::open(&other, folder.path()).unwrap_err();
    assert!(matches!(refused, Error::Unrestorable { .. }), "{refused}");
}
