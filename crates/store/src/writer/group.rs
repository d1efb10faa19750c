//! The writer thread itself: gathers jobs into a group, commits it, and tells each job's caller.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::slow::Slow;
use super::transaction::{self, Outcome, Told};
use super::{Change, Counts, Done, Job, Work};
use crate::presence::Way;
use crate::sql::Connection;
use crate::sql::postgres::Doubt;
use crate::{Batch, Error, Options, Result, Write, events};

/// Most jobs in one transaction.
const GROUP: usize = 4_096;
/// How long what could not be written waits for the next try, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Rows nobody waits for in one transaction, so that those somebody waits for come soon after; fewer of them while
/// somebody does.
const LAZY_ROWS: usize = 128;
const LAZY_ROWS_BESIDE_OTHERS: usize = 32;

pub(super) struct Thread {
    connection: Connection,
    jobs: Receiver<Job>,
    counts: Arc<Counts>,
    gather: Duration,
    gather_lazily: Duration,
    give_up: Duration,
    busy_timeout: Duration,
    pace: Pace,
    slow: Slow,
    group: Group,
}

/// What has been gathered for the next transaction, in the order it runs in.
#[derive(Default)]
struct Group {
    batches: Vec<(Batch, Done)>,
    batches_since: Option<Instant>,
    /// Batches that can wait; they may stay for later transactions.
    lazy: VecDeque<(Batch, Done)>,
    lazy_rows: usize,
    lazy_since: Option<Instant>,
    /// They run last: a batch that fails makes the transaction begin again, and a change can run only once.
    changes: Vec<Change>,
    /// The first job somebody waits for.
    oldest: Option<Instant>,
}

impl Thread {
    pub(super) fn new(
        connection: Connection,
        jobs: Receiver<Job>,
        counts: Arc<Counts>,
        options: &Options,
    ) -> Self {
        Self {
            connection,
            jobs,
            counts,
            gather: options.gather,
            gather_lazily: options.gather_lazily,
            give_up: options.give_up,
            busy_timeout: options.busy_timeout,
            pace: Pace::new(Instant::now()),
            slow: Slow::default(),
            group: Group::default(),
        }
    }

    /// Works until the last sender is gone and all is written.
    pub(super) fn run(mut self) {
        let mut open = true;
        while open || self.group.len() > 0 {
            open = open && self.gather();
            let batches = self.ripe_batches(open);
            let changes = std::mem::take(&mut self.group.changes);
            if !batches.is_empty() || !changes.is_empty() {
                self.commit(batches, changes);
            }
        }
        debug_assert_eq!(self.group.len(), 0, "everybody is told");
    }

    /// Waits until there is something to commit; `false` when no more will come.
    fn gather(&mut self) -> bool {
        loop {
            let job = match self.patience() {
                Patience::Endless => self.jobs.recv().map_err(RecvTimeoutError::from),
                Patience::Wakeful(left) => self.jobs.recv_timeout(left),
                Patience::Asleep(left) => {
                    // Not waiting on the queue spares both sides a wake-up per job.
                    thread::sleep(left);
                    return self.take_waiting();
                }
                Patience::Over => return self.take_waiting(),
            };
            match job {
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Takes what is in the queue, as far as it fits into the group: what can wait always does, else those behind it
    /// would wait with it.
    fn take_waiting(&mut self) -> bool {
        while self.group.urgent() < GROUP {
            match self.jobs.try_recv() {
                Ok(job) => self.take(job),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn take(&mut self, job: Job) {
        let now = Instant::now();
        self.pace.count(now);
        match job.work {
            Work::Batch(batch, done) if batch.can_wait() => {
                self.group.lazy_since.get_or_insert(now);
                self.group.lazy_rows += batch.rows();
                // How long a shard waits for its receipts tells it how far behind the disk is.
                match batch.is_log() {
                    true => self.group.lazy.push_back((batch, done)),
                    false => self.group.lazy.push_front((batch, done)),
                }
                return;
            }
            Work::Batch(batch, done) => {
                self.group.batches_since.get_or_insert(now);
                self.group.batches.push((batch, done));
            }
            Work::Change(change) => self.group.changes.push(change),
        }
        self.group.oldest.get_or_insert(job.since);
    }

    /// How long the group may wait for another job.
    fn patience(&mut self) -> Patience {
        let now = Instant::now();
        let group = &self.group;
        if group.len() == 0 {
            return Patience::Endless;
        }
        // Whoever makes a change blocks until it is done, and may have the next one ready only then: no use waiting.
        if group.urgent() >= GROUP || !group.changes.is_empty() || !self.pace.is_busy(now) {
            return Patience::Over;
        }
        let left =
            |most: Duration, since: Instant| most.checked_sub(now.saturating_duration_since(since));
        let patience = match (group.batches_since, group.lazy_since) {
            (Some(since), _) => left(self.gather, since).map(Patience::Asleep),
            (None, _) if group.lazy_rows >= LAZY_ROWS => None,
            (None, since) => since
                .and_then(|since| left(self.gather_lazily, since))
                .map(Patience::Wakeful),
        };
        patience.unwrap_or(Patience::Over)
    }

    /// The batches of the next transaction: all but those that can wait and have not waited long.
    fn ripe_batches(&mut self, open: bool) -> Vec<(Batch, Done)> {
        let now = Instant::now();
        let group = &mut self.group;
        let mut batches = std::mem::take(&mut group.batches);
        group.batches_since = None;
        let waited = group
            .lazy_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let ripe = !open
            || waited >= self.gather_lazily
            || group.lazy_rows >= LAZY_ROWS
            || !group.changes.is_empty()
            || !self.pace.is_busy(now);
        if ripe {
            // Who makes a change is told that all before it is durable.
            let takes_all = !open || !group.changes.is_empty();
            let most = if batches.is_empty() {
                LAZY_ROWS
            } else {
                LAZY_ROWS_BESIDE_OTHERS
            };
            let mut rows = 0;
            while rows < most || takes_all {
                let Some((batch, done)) = group.lazy.pop_front() else {
                    break;
                };
                rows += batch.rows();
                batches.push((batch, done));
            }
            group.lazy_rows -= rows;
            if group.lazy.is_empty() {
                group.lazy_since = None;
            }
        }
        batches
    }

    /// Writes it all, however long that takes, and tells everyone.
    fn commit(&mut self, batches: Vec<(Batch, Done)>, changes: Vec<Change>) {
        let oldest = self.group.oldest.take();
        self.counts.pulse.begins(oldest);
        let brings_events = batches.iter().any(|(batch, _)| !batch.events.is_empty());
        let (verdicts, made) = self.write(&batches, changes);
        let failed = self.counts.pulse.ends();
        let now = Instant::now();
        match (failed, oldest) {
            (true, _) => self.slow.failed(now),
            (false, Some(oldest)) => {
                let micros = self.counts.last_commit_micros.load(Ordering::Relaxed);
                let transaction = Duration::from_micros(micros);
                let is_slow = self.slow.written(oldest, transaction, now);
                self.counts
                    .slow
                    .fetch_add(u64::from(is_slow), Ordering::Relaxed);
            }
            (false, None) => {}
        }
        let rows: usize = batches.iter().map(|(batch, _)| batch.rows()).sum();
        self.counts.rows.fetch_add(rows as u64, Ordering::Relaxed);
        if brings_events {
            self.announce();
        }
        let batches = batches.into_iter().map(|(_, done)| done);
        self.tell(batches.zip(verdicts));
        self.tell(made);
    }

    /// Tries until it is written; returns what became of each batch, and the changes that were made with them.
    fn write(
        &mut self,
        batches: &[(Batch, Done)],
        changes: Vec<Change>,
    ) -> (Vec<Result<()>>, Vec<Told>) {
        let mut pause = FIRST_PAUSE;
        let mut left = changes;
        loop {
            let Outcome {
                batches: written,
                changes: made,
                left: unmade,
                doubt,
            } = self.attempt(batches, left);
            let (written, made) = match (written, doubt) {
                (Err(cause), Some((doubt, verdicts))) => self.resolve(doubt, cause, verdicts, made),
                (written, _) => (written, made),
            };
            let error = match written {
                Ok(verdicts) => {
                    self.counts.presence.answers(Way::Writing);
                    return (verdicts, made);
                }
                Err(error) => error,
            };
            self.tell(made);
            self.fails(&error);
            let stopping = self.counts.pulse.stopping_for();
            if stopping.is_some_and(|span| span >= self.give_up) {
                tracing::error!(%error, batches = batches.len(), "the program ends with writes undone");
                let unmade = unmade.into_iter().map(|change| refused(change, &error));
                let unmade = unmade.collect();
                return (vec![Err(error); batches.len()], unmade);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            // A change may need no room, or make some.
            self.take_waiting();
            left = unmade;
            left.append(&mut self.group.changes);
            if self.group.batches.is_empty() {
                self.group.oldest = None;
            }
            if !left.is_empty() {
                let outcome = self.attempt(&[], left);
                let made = match (outcome.batches, outcome.doubt) {
                    (Err(cause), Some((doubt, verdicts))) => {
                        self.resolve(doubt, cause, verdicts, outcome.changes).1
                    }
                    _ => outcome.changes,
                };
                self.tell(made);
                left = outcome.left;
            }
        }
    }

    /// Waits until it is known whether a commit was done whose answer was lost, by that cause; those whose changes were in
    /// it wait for as long as a change may take.
    fn resolve(
        &mut self,
        doubt: Doubt,
        cause: Error,
        verdicts: Vec<Result<()>>,
        mut made: Vec<Told>,
    ) -> (Result<Vec<Result<()>>>, Vec<Told>) {
        let since = Instant::now();
        loop {
            let error = match self.connection.sql().was_committed(doubt) {
                Ok(true) => return (Ok(verdicts), made),
                Ok(false) => {
                    let made = transaction::undone(made, &cause);
                    return (Err(cause), made);
                }
                Err(error) => error,
            };
            // Whether the last writes were done is asked until it is known.
            self.fails(&error);
            if since.elapsed() >= self.busy_timeout {
                let left = std::mem::take(&mut made);
                self.tell(transaction::undone(left, &error));
            }
            let stopping = self.counts.pulse.stopping_for();
            if stopping.is_some_and(|span| span >= self.give_up) {
                let made = transaction::undone(made, &error);
                return (Err(error), made);
            }
            thread::sleep(LONGEST_PAUSE);
        }
    }

    /// What is to be written waits for the next try.
    fn fails(&self, error: &Error) {
        self.counts.pulse.fails(error);
        self.counts.presence.fails(Way::Writing, error);
    }

    /// One try, timed.
    fn attempt(&self, batches: &[(Batch, Done)], changes: Vec<Change>) -> Outcome {
        let began = Instant::now();
        let outcome = transaction::write(self.connection.sql(), batches, changes);
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let counts = &self.counts;
        counts.last_commit_micros.store(took, Ordering::Relaxed);
        counts
            .longest_commit_micros
            .fetch_max(took, Ordering::Relaxed);
        let committed = u64::from(outcome.batches.is_ok());
        counts.commits.fetch_add(committed, Ordering::Relaxed);
        outcome
    }

    fn tell(&self, told: impl IntoIterator<Item = Told>) {
        let counts = &self.counts;
        for (done, verdict) in told {
            counts.jobs.fetch_add(1, Ordering::Relaxed);
            counts.waiting.fetch_sub(1, Ordering::Relaxed);
            if let Err(error) = &verdict {
                counts.failures.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%error, "a write failed");
            }
            if catch_unwind(AssertUnwindSafe(|| done(verdict))).is_err() {
                tracing::error!("a writer's listener panicked");
            }
        }
    }
}

/// A change that is never made.
fn refused(change: Change, error: &Error) -> Told {
    let (verdict, done) = change(Err(error.clone()));
    (done, verdict)
}

impl Thread {
    /// Tells the listeners how far the events have come.
    fn announce(&self) {
        let listeners = self.counts.listeners();
        if listeners.is_empty() {
            return;
        }
        match events::newest_cursor(&Write::new(self.connection.sql())) {
            Ok(newest) => listeners.iter().for_each(|listener| listener.0(newest)),
            // Readers look by themselves, too.
            Err(error) if error.is_outage() => {}
            Err(error) => tracing::warn!(%error, "new events could not be announced"),
        }
    }
}

enum Patience {
    /// There is nothing to commit.
    Endless,
    /// Another job ends the wait.
    Wakeful(Duration),
    /// Whatever comes can wait as long.
    Asleep(Duration),
    /// Not at all.
    Over,
}

impl Group {
    fn len(&self) -> usize {
        self.urgent() + self.lazy.len()
    }

    /// How many of them cannot wait.
    fn urgent(&self) -> usize {
        self.batches.len() + self.changes.len()
    }
}
