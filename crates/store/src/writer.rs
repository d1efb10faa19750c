//! The one thread that writes: jobs come through a bounded queue and are committed in groups.
//!
//! At rest every job is committed at once. Under load a group gathers company, for [`crate::Options::gather`] at most;
//! ladder rows and delivery results, for which nobody waits, gather longer. Each job succeeds or fails alone, and a batch
//! fails by its own fault only: what the disk or another process refuses is tried again until it stands.

mod group;
mod health;
mod pace;
mod slow;
#[cfg(test)]
mod tests;
mod transaction;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::presence::Presence;
use crate::sql::Connection;
use crate::{Batch, Error, Options, Result, Vital, Write};
use group::Thread;
pub use health::Health;
use health::Pulse;

/// How often a change that finds no room looks again.
const ROOM_AGAIN: Duration = Duration::from_millis(1);

type Done = Box<dyn FnOnce(Result<()>) + Send>;
/// Runs the change inside the transaction (or not at all, when there is none), and hands back who tells the caller
/// once that is committed.
type Change = Box<dyn FnOnce(Result<&Write<'_>>) -> (Result<()>, Done) + Send>;

struct Job {
    since: Instant,
    work: Work,
}

enum Work {
    Batch(Batch, Done),
    Change(Change),
}

impl Job {
    fn new(work: Work) -> Self {
        Self {
            since: Instant::now(),
            work,
        }
    }
}

/// The way to the writer thread.
#[derive(Debug)]
pub struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
    room: u64,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicU64,
    commits: AtomicU64,
    jobs: AtomicU64,
    rows: AtomicU64,
    failures: AtomicU64,
    slow: AtomicU64,
    last_commit_micros: AtomicU64,
    longest_commit_micros: AtomicU64,
    pulse: Pulse,
    presence: Presence,
    listeners: Mutex<Vec<Listener>>,
}

struct Listener(Box<dyn Fn(i64) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl Counts {
    fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writer has done and has before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Jobs that wait or are at work.
    pub waiting: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Jobs ended, well or not.
    pub jobs: u64,
    /// Rows of batches written.
    pub rows: u64,
    /// Jobs that failed.
    pub failures: u64,
    /// Groups that somebody waited for half a second or longer, though nothing failed.
    pub slow: u64,
    /// How long the oldest job that somebody waits for has been at work.
    pub oldest_waiting: Duration,
    /// Whether the database cannot be used at present.
    pub away: bool,
    /// Questions and tries to write that failed because it could not be used.
    pub unanswered: u64,
    /// How long the last commit took.
    pub last_commit: Duration,
    /// How long the longest one since the start took.
    pub longest_commit: Duration,
}

impl Writer {
    pub(crate) fn start(connection: Connection, options: &Options) -> Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(options.queue);
        let counts = Arc::new(Counts::default());
        let thread = Thread::new(connection, jobs, counts.clone(), options);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let _part = Vital::part("the writer of the database");
                thread.run();
            })
            .map_err(Error::io("store-writer".as_ref()))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            counts,
            room: options.queue as u64,
            patience: options.busy_timeout,
        })
    }

    /// Queues a batch without ever blocking; `done` runs on the writer thread once it is durable, or has failed for good
    /// because its rows break a rule. A disk that is full, fails or stalls, or a locked database, only delays it.
    ///
    /// [`Error::QueueFull`] and [`Error::Closed`]: nothing was queued and `done` never runs. Log rows and delivery
    /// results are refused when half of the room is taken, calls when all of it is.
    pub fn submit(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) -> Result<()> {
        if batch.is_log() && !self.has_room_for_logs() {
            return Err(Error::QueueFull);
        }
        self.queue(Work::Batch(batch, Box::new(done)))
    }

    /// Whether log rows and delivery results would be taken now; who has them may keep them meanwhile.
    pub fn has_room_for_logs(&self) -> bool {
        self.counts.waiting.load(Ordering::Relaxed) < self.room / 2
    }

    fn queue(&self, work: Work) -> Result<()> {
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        queue.try_send(Job::new(work)).map_err(|error| {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Error::QueueFull,
                TrySendError::Disconnected(_) => Error::Closed,
            }
        })
    }

    /// Queues a change, waiting for room as long as a change may wait for its turn.
    fn queue_patiently(&self, change: Change) -> Result<()> {
        let since = Instant::now();
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        let mut job = Job::new(Work::Change(change));
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        let refused = loop {
            job = match queue.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(job)) if since.elapsed() < self.patience => job,
                Err(TrySendError::Full(_)) => break Error::QueueFull,
                Err(TrySendError::Disconnected(_)) => break Error::Closed,
            };
            thread::sleep(ROOM_AGAIN);
        };
        self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
        Err(refused)
    }

    /// Makes a change and returns when it is durable; an `Err` or a panic undoes it and nothing else.
    ///
    /// A transient error when its turn does not come within [`Options::busy_timeout`]; then it is never made.
    pub fn run<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Write<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let turn = Arc::new(AtomicBool::new(false));
        let taken = Arc::clone(&turn);
        let change: Change = Box::new(move |db| {
            if taken.swap(true, Ordering::SeqCst) {
                return (Err(Error::Closed), Box::new(|_| ()));
            }
            let outcome = db.and_then(|db| {
                catch_unwind(AssertUnwindSafe(|| change(db))).unwrap_or(Err(Error::Panicked))
            });
            let (verdict, value) = match outcome {
                Ok(value) => (Ok(()), Some(value)),
                Err(error) => (Err(error), None),
            };
            let done: Done = Box::new(move |verdict: Result<()>| {
                let value = value.ok_or(Error::Closed);
                let _ = answer.send(verdict.and(value));
            });
            (verdict, done)
        });
        self.queue_patiently(change)?;
        match answered.recv_timeout(self.patience) {
            Err(RecvTimeoutError::Timeout) if !turn.swap(true, Ordering::SeqCst) => {
                Err(self.counts.pulse.trouble().unwrap_or(Error::Stalled))
            }
            Err(RecvTimeoutError::Timeout) => answered.recv().unwrap_or(Err(Error::Closed)),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Closed),
            Ok(answer) => answer,
        }
    }

    /// Returns when everything queued before is durable.
    pub fn flush(&self) -> Result<()> {
        self.run(|_| Ok(()))
    }

    /// Whether writes reach the database; never waits for the writer.
    pub fn health(&self) -> Health {
        self.counts.pulse.health()
    }

    /// Tells the listeners that another node committed events.
    pub(crate) fn announcer(&self) -> impl Fn(i64) + Send + use<> {
        let counts = Arc::clone(&self.counts);
        move |newest| {
            counts
                .listeners()
                .iter()
                .for_each(|listener| listener.0(newest));
        }
    }

    pub(crate) fn on_commit(&self, listener: Box<dyn Fn(i64) + Send + Sync>) {
        self.counts.listeners().push(Listener(listener));
    }

    /// What it has done and has before it.
    pub fn metrics(&self) -> Metrics {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Metrics {
            waiting: read(&self.counts.waiting),
            commits: read(&self.counts.commits),
            jobs: read(&self.counts.jobs),
            rows: read(&self.counts.rows),
            failures: read(&self.counts.failures),
            slow: read(&self.counts.slow),
            oldest_waiting: self.health().oldest_waiting,
            away: self.counts.presence.is_away(),
            unanswered: self.counts.presence.unanswered(),
            last_commit: Duration::from_micros(read(&self.counts.last_commit_micros)),
            longest_commit: Duration::from_micros(read(&self.counts.longest_commit_micros)),
        }
    }
}

impl Writer {
    /// Whether the database can be used, for reading too.
    pub(crate) fn presence(&self) -> &Presence {
        &self.counts.presence
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.counts.pulse.stop();
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // The thread catches the panics of its jobs; one of its own has been printed already.
            let _ = thread.join();
        }
    }
}
