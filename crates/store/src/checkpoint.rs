//! Brings SQLite's log back into the database file on a thread of its own, so that hardly a commit waits for it.
//!
//! What is written while the thread copies stays in the log, which would never begin anew under load: so the writer copies
//! the few pages that are left itself, once the log is long. What a reader holds on to cannot be copied, however long the log
//! gets; when it is gone, that is the thread's work again.

use std::ffi::c_int;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};

use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, DEFAULT_NAME};

use crate::{Error, Result, Vital};

/// New pages in the log after which they are copied: few, since commits wait for the disk while it takes them.
const MANY: c_int = 250;
/// Pages of a log that is to begin anew, as soon as few of them are left to be copied.
const LONG: c_int = 1_000;
/// Pages of a log that is to begin anew however many are left, and pages that may come while the thread copies: then commits
/// come faster than it copies, and wait.
const TOO_MANY: c_int = 4_000;
/// How often the thread copies what came while it copied. Only a run that reaches the end of the log makes the database
/// durable; else that would be left to the writer, with the few pages it copies.
const RUNS: usize = 3;

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
    /// Where it says how many pages of the log are copied.
    answers: Receiver<c_int>,
    thread: Option<JoinHandle<()>>,
    is_copying: bool,
    /// How long the log was at the last commit, and when the thread was last asked.
    pages: c_int,
    asked_at: c_int,
    /// How many pages the thread left copied, until the writer has tried the rest.
    copied: Option<c_int>,
    /// The log began anew while the thread copied, so its answer says nothing.
    is_outdated: bool,
}

impl Log {
    fn new(connection: Connection) -> Result<Self> {
        let (asks, asked) = mpsc::sync_channel(1);
        let (answer, answers) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                let _part = Vital::part("the checkpoints of the database");
                while asked.recv().is_ok() {
                    if answer.send(copy_to_the_end(&connection)).is_err() {
                        return;
                    }
                }
            })
            .map_err(Error::io("store-checkpoint".as_ref()))?;
        Ok(Self {
            asks: Some(asks),
            answers,
            thread: Some(thread),
            is_copying: false,
            pages: 0,
            asked_at: 0,
            copied: None,
            is_outdated: false,
        })
    }

    /// The log has so many pages now.
    fn handle_commit(&mut self, wal: &mut Wal, pages: c_int) {
        if pages < self.pages {
            self.begin_anew();
        }
        self.pages = pages;
        if self.is_copying() {
            return;
        }
        if self.is_to_finish() || !self.ask() {
            self.copied = None;
            copied(wal.checkpoint_v2(CheckpointMode::PASSIVE));
        }
    }

    const fn begin_anew(&mut self) {
        self.asked_at = 0;
        self.copied = None;
        self.is_outdated = self.is_copying;
    }

    /// Whether the thread is at work still; commits wait for it when it cannot keep up with them.
    fn is_copying(&mut self) -> bool {
        if !self.is_copying {
            return false;
        }
        let answer = match self.pages - self.asked_at < TOO_MANY {
            true => self.answers.try_recv(),
            false => self.answers.recv().map_err(TryRecvError::from),
        };
        self.is_copying = answer == Err(TryRecvError::Empty);
        if let Ok(copied) = answer {
            self.copied = (!self.is_outdated).then_some(copied);
            self.is_outdated = false;
        }
        self.is_copying
    }

    /// Whether the writer copies what the thread left, so that the log can begin anew: never what a reader holds on to.
    fn is_to_finish(&self) -> bool {
        self.copied.is_some_and(|copied| {
            let are_few = self.pages - copied < MANY;
            let are_new = copied >= self.asked_at;
            (self.pages >= LONG && are_few) || (self.pages >= TOO_MANY && are_new)
        })
    }

    /// Asks the thread if there is enough to copy; `false` when the thread is gone.
    fn ask(&mut self) -> bool {
        if self.pages - self.asked_at < MANY {
            return true;
        }
        self.asked_at = self.pages;
        let asks = self.asks.as_ref();
        self.is_copying = asks.is_some_and(|asks| asks.try_send(()).is_ok());
        self.is_copying
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

/// Copies until no page came meanwhile, or a reader holds on to some; tells how many are copied.
fn copy_to_the_end(connection: &Connection) -> c_int {
    let (mut before, mut done) = (0, 0);
    for _ in 0..RUNS {
        let run = connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE);
        let pages = run.as_ref().map_or(0, |(pages, _)| *pages);
        done = copied(run);
        if pages == before || done < pages {
            break;
        }
        before = pages;
    }
    done
}

/// How many pages of the log are copied now; one that could not be copied only grows, and is copied later.
fn copied(run: rusqlite::Result<(c_int, c_int)>) -> c_int {
    match run {
        Ok((_, copied)) => copied,
        Err(error) => {
            tracing::debug!(%error, "the log could not be copied into the database file");
            0
        }
    }
}

#[cfg(test)]
mod tests;
