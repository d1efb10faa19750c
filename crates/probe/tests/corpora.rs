//! Every input that exploring found worth keeping, once more: those that once broke something, and those that reach
//! what others do not.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use hookswitch_probe::{engine, parse_message, parse_sdp, parse_stream};

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let entries = std::fs::read_dir(folder.join(target)).expect("the corpus is there");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Calls `target` with each file of its corpus; every file that breaks something is named.
fn replays(name: &str, target: fn(&[u8])) {
    let files = corpus(name);
    assert!(files.len() > 20, "a corpus of {}", files.len());
    let breaks = |file: &&PathBuf| {
        let bytes = std::fs::read(file).expect("the file is there");
        catch_unwind(|| target(&bytes)).is_err()
    };
    let broken: Vec<&PathBuf> = files.iter().filter(breaks).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn every_kept_message_is_parsed_or_refused() {
    replays("parse_message", parse_message);
}

#[test]
fn every_kept_description_is_read_or_refused() {
    replays("parse_sdp", parse_sdp);
}

#[test]
fn every_kept_stream_is_the_same_in_any_pieces() {
    replays("parse_stream", parse_stream);
}

#[test]
fn every_kept_life_of_an_engine_leaves_nothing() {
    replays("engine", engine);
}
