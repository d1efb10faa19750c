//! When each tell is tried: order per call, back-off, and what waits in memory at all. A plain machine; time
//! comes in as an argument.
//!
//! Memory holds what is due within about a minute. A tell that must wait longer leaves it and comes back
//! from the outbox, which bounds memory whatever a dead application does.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::attempt::{Attempt, TryError};
use super::fair::{Fair, LaneKey};
use super::{CallKey, Delivery, Target, jittered};

pub use super::fair::Limits;

/// How long a failing event holds back the later ones of its call.
const HOLD: Duration = Duration::from_secs(60);
/// The first and the longest pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How long after the event tries go on.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long a tell that has left memory is passed over, so that one is not told twice while the outbox does
/// not yet know its result.
const REMEMBERED: Duration = Duration::from_secs(10);

/// A row of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor(pub i64);

/// An event to deliver.
#[derive(Clone, Debug)]
pub struct Tell {
    /// Its row in the outbox.
    pub cursor: EventCursor,
    /// Where it goes.
    pub target: Arc<Target>,
    /// What is sent.
    pub delivery: Delivery,
    /// When it happened; tries go on for 24 h from here.
    pub created_at: SystemTime,
    /// Failed tries so far.
    pub attempts: u32,
}

/// There is no room in memory; the outbox has the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many callbacks to this application are waiting")]
pub struct Refused;

/// A point in time among refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// What a try came to, for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TellResult {
    /// The row.
    pub cursor: EventCursor,
    /// Its `webhook-id`.
    pub webhook_id: Arc<str>,
    /// Its call.
    pub call: CallKey,
    /// Its number among the call's callbacks.
    pub sequence: u64,
    /// How it stands.
    pub told: Told,
    /// The status of the last reply.
    pub status: Option<u16>,
    /// Why it was not delivered.
    pub error: Option<TryError>,
    /// Tries so far.
    pub attempts: u32,
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The application has it.
    Delivered,
    /// It is not tried any more.
    Failed,
    /// It is tried again.
    Retry {
        /// When.
        at: SystemTime,
        /// Whether it has left memory, so that [`super::Callbacks::refill`] must bring it then. Otherwise it
        /// is kept here, and the time matters only after a restart.
        parked: bool,
    },
}

/// A tell in memory.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) tell: Tell,
    lane: LaneKey,
    first_failed: Option<Instant>,
    expires: Instant,
}

/// What becomes of a job after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is done with.
    Leave,
    /// It rests in memory.
    Rest(Instant),
    /// It leaves memory and comes back later.
    Park,
}

/// All tells in memory.
pub(super) struct Queue {
    fair: Fair<Job>,
    calls: HashMap<CallKey, Line>,
    /// In memory, or left it a moment ago.
    known: HashSet<EventCursor>,
    /// Those that have left, and when they are forgotten.
    left: VecDeque<(Instant, EventCursor)>,
    resting: BTreeMap<(Instant, EventCursor), Job>,
    unblocks: BTreeSet<(Instant, CallKey)>,
    /// Lanes whose new tells are refused until a refill is complete, each with its last refusal.
    refused: HashMap<LaneKey, Mark>,
    mark: Mark,
}

/// The tells of one call that are in memory.
#[derive(Default)]
struct Line {
    holds: usize,
    waiting: VecDeque<Job>,
    /// The one that the others wait for; it may have been parked since.
    head: Option<EventCursor>,
    /// When the others stop waiting for it, once it has failed.
    unblock: Option<Instant>,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            fair: Fair::new(limits),
            calls: HashMap::new(),
            known: HashSet::new(),
            left: VecDeque::new(),
            resting: BTreeMap::new(),
            unblocks: BTreeSet::new(),
            refused: HashMap::new(),
            mark: Mark(0),
        }
    }

    pub(super) fn load(&self) -> (usize, usize) {
        self.fair.load()
    }

    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    /// A new event.
    pub(super) fn handle_tell(
        &mut self,
        now: Instant,
        age: Duration,
        tell: Tell,
    ) -> Result<(), Refused> {
        let lane = lane_of(&tell.target);
        if self.refused.contains_key(&lane) {
            self.refuse(lane);
            return Err(Refused);
        }
        self.admit(now, age, lane, tell).map_err(|_| Refused)
    }

    /// An event from the outbox; it comes back when there is no room.
    pub(super) fn handle_refill(
        &mut self,
        now: Instant,
        age: Duration,
        tell: Tell,
    ) -> Result<(), Box<Tell>> {
        let lane = lane_of(&tell.target);
        self.admit(now, age, lane, tell)
    }

    /// The outbox held nothing else that was due when it was read after `mark`.
    pub(super) fn handle_refilled(&mut self, mark: Mark) {
        self.refused.retain(|_, refused| *refused >= mark);
    }

    /// The tells of a call wait from now on.
    pub(super) fn handle_hold(&mut self, call: CallKey) {
        self.calls.entry(call).or_default().holds += 1;
    }

    /// One hold of a call less.
    pub(super) fn handle_open(&mut self, call: CallKey) {
        if let Some(line) = self.calls.get_mut(&call) {
            line.holds -= 1;
            self.advance(call);
        }
    }

    /// A try has ended.
    pub(super) fn handle_done(&mut self, now: Instant, mut job: Job, next: Next) {
        let call = job.tell.delivery.call;
        let cursor = job.tell.cursor;
        self.fair.finish(&job.lane);
        let first_failed = *job.first_failed.get_or_insert(now);
        let lane = job.lane.clone();
        match next {
            Next::Rest(at) => {
                self.resting.insert((at, cursor), job);
            }
            Next::Leave | Next::Park => {
                self.left.push_back((now + REMEMBERED, cursor));
                self.fair.leave(&lane);
            }
        }
        let Some(line) = self
            .calls
            .get_mut(&call)
            .filter(|line| line.head == Some(cursor))
        else {
            return;
        };
        if next == Next::Leave {
            line.head = None;
            if let Some(at) = line.unblock.take() {
                self.unblocks.remove(&(at, call));
            }
            self.advance(call);
        } else if line.unblock.is_none() {
            line.unblock = Some(first_failed + HOLD);
            self.unblocks.insert((first_failed + HOLD, call));
        }
    }

    /// Time has passed.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(at, call)) = self.unblocks.first()
            && at <= now
        {
            self.unblocks.pop_first();
            if let Some(line) = self.calls.get_mut(&call) {
                line.unblock = None;
                line.head = None;
                self.advance(call);
            }
        }
        while let Some(entry) = self.resting.first_entry()
            && entry.key().0 <= now
        {
            let job = entry.remove();
            let lane = job.lane.clone();
            self.fair.push(&lane, job);
        }
    }

    /// When `handle_timeout` has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let resting = self.resting.first_key_value().map(|((at, _), _)| *at);
        let unblock = self.unblocks.first().map(|(at, _)| *at);
        resting.into_iter().chain(unblock).min()
    }

    /// The next tell to try.
    pub(super) fn poll_start(&mut self) -> Option<Job> {
        self.fair.take()
    }

    fn admit(
        &mut self,
        now: Instant,
        age: Duration,
        lane: LaneKey,
        tell: Tell,
    ) -> Result<(), Box<Tell>> {
        self.forget(now);
        if self.known.contains(&tell.cursor) {
            return Ok(());
        }
        if !self.fair.admit(&lane) {
            self.refuse(lane);
            return Err(Box::new(tell));
        }
        self.known.insert(tell.cursor);
        let call = tell.delivery.call;
        // It has held back the others for long enough before it came back from the outbox.
        let alone = tell.attempts > 0 && age >= HOLD;
        let expires = now + LIFETIME.saturating_sub(age);
        let job = Job {
            tell,
            lane,
            first_failed: None,
            expires,
        };
        if alone {
            let lane = job.lane.clone();
            self.fair.push(&lane, job);
            return Ok(());
        }
        let line = self.calls.entry(call).or_default();
        let sequence = job.tell.delivery.sequence;
        let earlier = |other: &Job| other.tell.delivery.sequence <= sequence;
        let place = line
            .waiting
            .iter()
            .rposition(earlier)
            .map_or(0, |index| index + 1);
        line.waiting.insert(place, job);
        self.advance(call);
        Ok(())
    }

    fn forget(&mut self, now: Instant) {
        while let Some((_, cursor)) = self.left.pop_front_if(|(until, _)| *until <= now) {
            self.known.remove(&cursor);
        }
    }

    fn refuse(&mut self, lane: LaneKey) {
        self.refused.insert(lane, self.mark);
        self.mark.0 += 1;
    }

    /// Lets the call's next tell go if nothing holds it.
    fn advance(&mut self, call: CallKey) {
        let Entry::Occupied(mut entry) = self.calls.entry(call) else {
            return;
        };
        let line = entry.get_mut();
        if line.holds > 0 || line.head.is_some() {
            return;
        }
        match line.waiting.pop_front() {
            Some(job) => {
                line.head = Some(job.tell.cursor);
                let lane = job.lane.clone();
                self.fair.push(&lane, job);
            }
            None => {
                entry.remove();
            }
        }
    }
}

impl Job {
    /// What to report of a try, and what becomes of the job; `wall` is the time of day at `now`.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        wall: SystemTime,
        tried: Attempt,
    ) -> (TellResult, Next) {
        self.tell.attempts += 1;
        let (told, status, error, next) = match tried {
            Attempt::Delivered { status, .. } => {
                (Told::Delivered, Some(status.as_u16()), None, Next::Leave)
            }
            Attempt::Refused { status } => (
                Told::Failed,
                Some(status.as_u16()),
                Some(TryError::Status(status)),
                Next::Leave,
            ),
            Attempt::Gone => (
                Told::Failed,
                Some(410),
                Some(TryError::SwitchedOff),
                Next::Leave,
            ),
            Attempt::Retry { why, retry_after } => {
                let (told, next) = self.again(now, wall, retry_after);
                (told, why.status(), Some(why), next)
            }
        };
        (self.result(told, status, error), next)
    }

    /// What to report when the callback was switched off before it could be tried.
    pub(super) fn switched_off(&self) -> (TellResult, Next) {
        (
            self.result(Told::Failed, None, Some(TryError::SwitchedOff)),
            Next::Leave,
        )
    }

    fn result(&self, told: Told, status: Option<u16>, error: Option<TryError>) -> TellResult {
        TellResult {
            cursor: self.tell.cursor,
            webhook_id: Arc::clone(&self.tell.delivery.webhook_id),
            call: self.tell.delivery.call,
            sequence: self.tell.delivery.sequence,
            told,
            status,
            error,
            attempts: self.tell.attempts,
        }
    }

    fn again(&self, now: Instant, wall: SystemTime, wish: Option<Duration>) -> (Told, Next) {
        let attempts = self.tell.attempts;
        let doubled = FIRST_PAUSE * (1 << (attempts - 1).min(10));
        let pause = jittered(doubled.min(LONGEST_PAUSE), (self.tell.cursor, attempts));
        let mut at = now + pause.max(wish.unwrap_or_default()).min(LIFETIME);
        if at > self.expires {
            return (Told::Failed, Next::Leave);
        }
        let horizon = self.first_failed.unwrap_or(now) + HOLD;
        if at > horizon && now < horizon && wish.is_none() {
            // One more try while the later events still wait, so that order is kept where it can be.
            at = horizon;
        }
        let parked = at > horizon;
        let next = if parked { Next::Park } else { Next::Rest(at) };
        (
            Told::Retry {
                at: wall + (at - now),
                parked,
            },
            next,
        )
    }
}

fn lane_of(target: &Target) -> LaneKey {
    let origin = Arc::clone(target.base.origin_text());
    LaneKey {
        domain: Arc::clone(&target.domain),
        origin,
    }
}

#[cfg(test)]
mod tests;
