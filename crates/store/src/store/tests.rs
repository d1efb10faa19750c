use super::*;
use crate::fixture::file_store;
use crate::{Batch, domains, settings};

#[test]
fn files_are_for_their_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("deep/data");
    let store = Store::open(&dir, Options::default()).unwrap();
    store.write(|db| settings::put(db, "a", "1")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let files = fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = files.collect();
    assert!(files.len() >= 2, "the database and its log");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn what_was_written_is_there_when_opened_again() {
    let (dir, store) = file_store(Options::default());
    store.write(|db| settings::put(db, "a", "1")).unwrap();
    drop(store);
    let store = Store::open(dir.path(), Options::default()).unwrap();
    let found = store.read(|db| settings::find(db, "a")).unwrap();
    assert_eq!(found.as_deref(), Some("1"));
    assert!(
        store
            .read(|db| domains::find(db, "example.com"))
            .unwrap()
            .is_some()
    );
}

#[test]
fn two_stores_may_share_a_folder() {
    let (dir, one) = file_store(Options::default());
    let two = Store::open(dir.path(), Options::default()).unwrap();
    one.write(|db| settings::put(db, "a", "1")).unwrap();
    two.write(|db| settings::put(db, "b", "2")).unwrap();
    for store in [&one, &two] {
        let found = store
            .read(|db| Ok((settings::find(db, "a")?, settings::find(db, "b")?)))
            .unwrap();
        assert_eq!(found, (Some("1".to_owned()), Some("2".to_owned())));
    }
}

#[test]
fn every_commit_reaches_the_disk_unless_configured_otherwise() {
    for (durable, level) in [(true, 2), (false, 1)] {
        let options = Options {
            durable,
            ..Options::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), options).unwrap();
        let found = store
            .write(|db| {
                let mode: String = db.only("PRAGMA journal_mode", &[])?;
                let (level, keys): (u8, u8) = (
                    db.only("PRAGMA synchronous", &[])?,
                    db.only("PRAGMA foreign_keys", &[])?,
                );
                Ok((level, keys, mode))
            })
            .unwrap();
        assert_eq!(found, (level, 1, "wal".to_owned()));
    }
}

#[test]
fn a_question_can_write_nothing() {
    let (_dir, store) = file_store(Options::default());
    let refused = store.read(|db| db.all("DELETE FROM domains", &[], |_| Ok(())));
    assert!(matches!(refused, Err(Error::ReadOnly)));
    assert!(
        store
            .read(|db| domains::find(db, "example.com"))
            .unwrap()
            .is_some()
    );
}

#[test]
fn questions_run_beside_each_other() {
    let (_dir, store) = file_store(Options::default());
    let depth = |store: &Store| {
        store.read(|_| store.read(|_| store.read(|db| domains::find(db, "example.com"))))
    };
    assert!(depth(&store).unwrap().is_some());
    let Database::Sqlite { readers, .. } = &store.inner.database else {
        panic!("it lies in a folder");
    };
    assert_eq!(locked(readers).len(), 3);
}

#[test]
fn a_database_of_a_newer_release_is_left_alone() {
    let (dir, store) = file_store(Options::default());
    store
        .write(|db| db.execute("INSERT INTO migrations VALUES (99, 0)", &[]))
        .unwrap();
    drop(store);
    let refused = Store::open(dir.path(), Options::default()).unwrap_err();
    assert!(
        matches!(refused, Error::NewerSchema { found: 99, .. }),
        "{refused}"
    );
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join(FILE),
        "hello, this is a letter and no database\n".repeat(50),
    )
    .unwrap();
    let refused = Store::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, Error::Damaged(_)), "{refused}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = Store::open(&file.join("data"), Options::default()).unwrap_err();
    assert!(matches!(refused, Error::Io { path, .. } if path.starts_with(&file)));
}

#[test]
fn an_empty_batch_is_done_like_any_other() {
    let (_dir, store) = file_store(Options::default());
    let (done, outcome) = std::sync::mpsc::channel();
    store
        .writer()
        .submit(Batch::default(), move |outcome| done.send(outcome).unwrap())
        .unwrap();
    outcome.recv().unwrap().unwrap();
}
