use std::fs;
use std::sync::mpsc;

use super::{LONG, Log, MANY, TOO_MANY};
use crate::fixture::file_store;
use crate::{Options, Store, settings};

/// A store whose commits do not wait for the disk.
fn quick() -> (tempfile::TempDir, Store) {
    file_store(Options {
        durable: false,
        ..Options::default()
    })
}

/// Commits that many changes, each of which adds a page to the log and mostly more.
fn write(store: &Store, changes: i32) {
    for number in 0..changes {
        let value = number.to_string();
        store
            .write(move |db| settings::put(db, &format!("setting {}", number % 10), &value))
            .unwrap();
    }
}

/// How many pages the log has had room for.
fn longest_log(folder: &tempfile::TempDir) -> u64 {
    let log = fs::metadata(folder.path().join("hookswitch.db-wal")).unwrap();
    log.len() / 8_192
}

fn pages(number: i32) -> u64 {
    u64::from(number.unsigned_abs())
}

#[test]
fn a_log_that_is_written_to_without_pause_begins_anew() {
    let (folder, store) = quick();
    write(&store, 4 * TOO_MANY);
    let longest = longest_log(&folder);
    assert!(longest < 2 * pages(TOO_MANY), "{longest}");
}

#[test]
fn a_log_that_a_reader_held_on_to_begins_anew_when_it_is_gone() {
    let (folder, store) = quick();
    store
        .read_at_one_moment(|db| {
            // The reader's moment begins with its first question.
            settings::find(db, "setting 1")?;
            write(&store, 2 * TOO_MANY);
            let newest = settings::find(db, "setting 1")?;
            assert_eq!(newest, None, "it sees its own moment");
            Ok(())
        })
        .unwrap();
    let held = longest_log(&folder);
    assert!(held >= 2 * u64::from(LONG.unsigned_abs()), "{held}");
    write(&store, 8 * LONG);
    let longest = longest_log(&folder);
    assert!(
        longest < held + 6 * u64::from(LONG.unsigned_abs()),
        "{longest}"
    );
}

#[test]
fn the_writer_finishes_what_is_little_or_came_meanwhile_and_never_what_a_reader_held() {
    let finishes = |pages, asked_at, copied| {
        let log = Log {
            asks: None,
            answers: mpsc::sync_channel(1).1,
            thread: None,
            is_copying: false,
            pages,
            asked_at,
            copied: Some(copied),
            is_outdated: false,
        };
        log.is_to_finish()
    };
    assert!(finishes(LONG, LONG - 30, LONG - 10));
    assert!(
        !finishes(LONG - 1, LONG - 30, LONG - 10),
        "it is short still"
    );
    assert!(
        !finishes(LONG, LONG - MANY, LONG - MANY),
        "the thread does it"
    );
    let (asked_at, faster) = (TOO_MANY, TOO_MANY + MANY);
    assert!(
        finishes(faster, asked_at, asked_at),
        "or it would never end"
    );
    assert!(!finishes(faster, asked_at, 100), "a reader held the rest");
}

/// Before that release a checkpoint beside a commit that began the log anew could lose pages (sqlite.org/wal.html, "The
/// WAL-Reset Bug").
#[test]
fn the_sqlite_inside_copies_beside_commits_without_loss() {
    assert!(rusqlite::version_number() >= 3_051_003);
}

#[test]
fn what_was_copied_and_what_was_not_is_there_after_the_store_was_closed() {
    let (folder, store) = quick();
    write(&store, LONG + MANY / 2);
    drop(store);
    assert!(!folder.path().join("hookswitch.db-wal").exists());
    let store = Store::open(folder.path(), Options::default()).unwrap();
    let last = (LONG + MANY / 2 - 1).to_string();
    let place = (LONG + MANY / 2 - 1) % 10;
    let read = store.read(|db| settings::find(db, &format!("setting {place}")));
    assert_eq!(read.unwrap(), Some(last));
}
