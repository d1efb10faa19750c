//! Brings SQLite's log back into the database file on a thread of its own, so that hardly a commit waits for it.
//!
//! What is written while the thread copies stays in the log, which would never begin anew under load: so the writer copies
//! the few pages that are left itself, once the log is long, and however many there are, once it is too long.

use std::ffi::c_int;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};

use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, DEFAULT_NAME};

use crate::{Error, Result};

/// New pages in the log after which they are copied: few, since commits wait for the disk while it takes them.
const MANY: c_int = 250;
/// Pages of a log that is to begin anew, as soon as few of them are left to be copied.
const LONG: c_int = 1_000;
/// Pages of a log that grows faster than the thread copies: then the writer waits.
const TOO_LONG: c_int = 4_000;

/// Has the log of `writer` copied through `other` from now on, which is a connection to the same file.
pub(crate) fn install(writer: &mut Connection, other: Connection) -> Result<()> {
    let mut log = Log::new(other)?;
    // An error would be that of a commit, which is done already.
    writer.wal_hook(Some(move |wal: &mut Wal, pages: c_int| {
        log.handle_commit(wal, pages);
        Ok(())
    }))?;
    Ok(())
}

struct Log {
    /// Asks the thread to copy.
    asks: Option<SyncSender<()>>,
    /// Where it says that it did.
    answers: Receiver<()>,
    is_copying: bool,
    thread: Option<JoinHandle<()>>,
    last: Copied,
}

/// How many pages the log had when they were last copied, and by whom.
#[derive(Clone, Copy)]
enum Copied {
    Apart(c_int),
    Here(c_int),
}

impl Log {
    fn new(connection: Connection) -> Result<Self> {
        let (asks, asked) = mpsc::sync_channel(1);
        let (answer, answers) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                while asked.recv().is_ok() {
                    note(connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE));
                    if answer.send(()).is_err() {
                        return;
                    }
                }
            })
            .map_err(Error::io("store-checkpoint".as_ref()))?;
        Ok(Self {
            asks: Some(asks),
            answers,
            is_copying: false,
            thread: Some(thread),
            last: Copied::Here(0),
        })
    }

    /// The log has so many pages now.
    fn handle_commit(&mut self, wal: &mut Wal, pages: c_int) {
        if pages < self.last.pages() {
            // It began anew.
            self.last = Copied::Here(0);
        }
        if self.is_copying(pages) {
            return;
        }
        let is_much = pages - self.last.pages() >= MANY;
        match self.last {
            Copied::Apart(_) if pages >= LONG && !is_much => self.copy_here(wal, pages),
            _ if is_much && pages >= TOO_LONG => self.copy_here(wal, pages),
            _ if is_much => self.copy_apart(pages),
            _ => {}
        }
    }

    /// Whether the thread is at work still; a commit to a log that is too long waits until it is not.
    fn is_copying(&mut self, pages: c_int) -> bool {
        if self.is_copying {
            let answer = match pages < TOO_LONG {
                true => self.answers.try_recv(),
                false => self.answers.recv().map_err(TryRecvError::from),
            };
            self.is_copying = answer == Err(TryRecvError::Empty);
        }
        self.is_copying
    }

    fn copy_apart(&mut self, pages: c_int) {
        self.last = Copied::Apart(pages);
        let asks = self.asks.as_ref();
        self.is_copying = asks.is_some_and(|asks| asks.try_send(()).is_ok());
    }

    fn copy_here(&mut self, wal: &mut Wal, pages: c_int) {
        self.last = Copied::Here(pages);
        note(wal.checkpoint_v2(CheckpointMode::PASSIVE));
    }
}

impl Copied {
    const fn pages(self) -> c_int {
        match self {
            Self::Apart(pages) | Self::Here(pages) => pages,
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            // A panic of its has been printed already.
            let _ = thread.join();
        }
    }
}

/// A log that could not be copied only grows, and is copied with the next pages.
fn note(copied: rusqlite::Result<(c_int, c_int)>) {
    if let Err(error) = copied {
        tracing::debug!(%error, "the log could not be copied into the database file");
    }
}

#[cfg(test)]
mod tests;
