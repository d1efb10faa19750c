//! When each tell is tried: order per call, back-off, and what waits in memory at all. A plain machine; time
//! comes in as an argument.
//!
//! Memory holds what is due within about a minute. A tell that must wait longer leaves it and comes back
//! from the outbox, which bounds memory whatever a dead application does.

mod job;
mod pace;
mod page;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::attempt::TryError;
use super::fair::{Fair, LaneKey, Turns};
use super::lanes::{Alarm, Heard, Lanes, Limits, Pace, Way};
use super::{CallKey, Delivery, Target};

use pace::LatePace;

pub(super) use job::{Ended, Job, Next};
pub use page::{Held, Page};

/// How long a failing event holds back the later ones of its call.
const HOLD: Duration = Duration::from_secs(60);
/// How long after the event tries go on.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Names an event among those in memory.
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
    /// When it was first tried, if it was.
    pub first_tried: Option<SystemTime>,
}

/// There is no room in memory; the outbox has the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many callbacks to this application are waiting")]
pub struct Refused;

/// One try, for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// When it ended.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// The status of the reply.
    pub status: Option<u16>,
    /// Why it did not deliver.
    pub error: Option<TryError>,
}

/// What a try came to, for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TellResult {
    /// The event.
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
    /// The tries since the last result; none when it was not tried.
    pub tries: Vec<Tried>,
    /// Whether it was an ask.
    pub is_ask: bool,
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
        /// Whether it has left memory, so that it must be read from the outbox then. Otherwise it is kept here,
        /// and the time matters only after a restart.
        parked: bool,
    },
}

/// All tells in memory.
pub(super) struct Queue {
    limits: Limits,
    lanes: Lanes,
    /// What was told as it happened.
    live: Fair<Job>,
    /// What was read from the outbox; it runs when nothing else does.
    late: Fair<Job>,
    calls: HashMap<CallKey, Line>,
    /// In memory, or left it with a result that the outbox does not show yet.
    known: HashSet<EventCursor>,
    /// A page is being read that may show what is settled meanwhile as it was.
    is_reading: bool,
    settled: Vec<EventCursor>,
    resting: BTreeMap<(Instant, EventCursor), Job>,
    unblocks: BTreeSet<(Instant, CallKey)>,
    wants_read: bool,
    pace: LatePace,
    /// When something was last told as it happened.
    told: Option<Instant>,
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
        let turns = Turns {
            per_lane: limits.running_per_lane,
            per_customer: limits.running_per_customer,
            in_all: limits.running,
        };
        let pace = LatePace::new(limits.running_late);
        Self {
            limits,
            lanes: Lanes::default(),
            live: Fair::new(turns),
            late: Fair::new(Turns {
                in_all: pace.limit(),
                ..turns
            }),
            calls: HashMap::new(),
            known: HashSet::new(),
            is_reading: false,
            settled: Vec::new(),
            resting: BTreeMap::new(),
            unblocks: BTreeSet::new(),
            wants_read: false,
            pace,
            told: None,
        }
    }

    /// How many tells are in memory and how many of them run.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.lanes.kept(), self.live.running() + self.late.running())
    }

    /// Whether some application is being watched for an answer.
    pub(super) fn any_down(&self) -> bool {
        self.lanes.any_down()
    }

    /// A new event.
    pub(super) fn handle_tell(
        &mut self,
        now: Instant,
        wall: SystemTime,
        tell: Tell,
    ) -> Result<(), Refused> {
        self.told = Some(now);
        let lane = lane_of(&tell.target);
        match self.lanes.way(&lane, tell) {
            Way::Aside => Ok(()),
            Way::Refused => Err(Refused),
            Way::In(tell) => self.admit(now, wall, &lane, tell, false).map_err(|_| {
                self.fall_behind(&lane, 0);
                Refused
            }),
        }
    }

    /// The outbox may hold tells of that target that are not here.
    pub(super) fn handle_backlog(&mut self, target: &Target) {
        self.fall_behind(&lane_of(target), 0);
    }

    /// The application of that target answered something else.
    pub(super) fn handle_answer(&mut self, now: Instant, target: &Target) {
        self.handle_heard(now, &lane_of(target), Heard::Answer);
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
    pub(super) fn handle_done(
        &mut self,
        now: Instant,
        wall: SystemTime,
        mut job: Job,
        ended: &Ended,
    ) {
        let call = job.tell.delivery.call;
        let cursor = job.tell.cursor;
        let lane = job.lane.clone();
        if job.late {
            self.late.finish(&lane);
        } else {
            self.live.finish(&lane);
        }
        let first_failed = *job.first_failed.get_or_insert(now);
        match ended.next {
            Next::Rest(at) => {
                self.resting.insert((at, cursor), job);
            }
            Next::Leave => self.leave(&lane),
            Next::Park(at) => {
                let left = at.duration_since(wall).unwrap_or_default();
                self.lanes.park(now, &lane, now + left);
                self.leave(&lane);
            }
        }
        self.handle_heard(now, &lane, ended.heard);
        let Some(line) = self
            .calls
            .get_mut(&call)
            .filter(|line| line.head == Some(cursor))
        else {
            return;
        };
        if ended.next == Next::Leave {
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

    /// The outbox shows how these stand, which have left memory.
    pub(super) fn handle_settled(&mut self, events: impl IntoIterator<Item = EventCursor>) {
        if self.is_reading {
            self.settled.extend(events);
            return;
        }
        for event in events {
            self.known.remove(&event);
        }
    }

    /// A tell read from the outbox waited so long for a processor.
    pub(super) fn handle_lag(&mut self, now: Instant, lag: Duration) {
        if let Some(limit) = self.pace.judge(now, lag) {
            self.late.set_limit(limit);
        }
    }

    /// How long those read from the outbox rest before the next handful of them.
    pub(super) fn late_rest(&self, now: Instant) -> Option<Duration> {
        pace::rest(now, self.told)
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
            self.push(job);
        }
        while let Some((lane, alarm)) = self.lanes.alarm(now) {
            self.wants_read = true;
            if alarm == Alarm::Probe {
                self.probe(&lane);
            }
        }
    }

    /// When `handle_timeout` has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let resting = self.resting.first_key_value().map(|((at, _), _)| *at);
        let unblock = self.unblocks.first().map(|(at, _)| *at);
        let alarm = self.lanes.next_alarm();
        resting.into_iter().chain(unblock).chain(alarm).min()
    }

    /// The next tell to try.
    pub(super) fn poll_start(&mut self) -> Option<Job> {
        let next = self.live.take().or_else(|| self.late.take());
        next.map(|(_, job)| job)
    }

    /// Whether something may have to be read since this was last asked.
    pub(super) fn poll_wants_read(&mut self) -> bool {
        std::mem::take(&mut self.wants_read)
    }

    fn handle_heard(&mut self, now: Instant, lane: &LaneKey, heard: Heard) {
        match self.lanes.heard(&self.limits, now, lane, heard) {
            Pace::Same => {}
            Pace::Narrow(most) => self.narrow(lane, Some(most)),
            Pace::Wide => self.narrow(lane, None),
            Pace::Back(most) => {
                self.narrow(lane, Some(most));
                let rested = self.resting.extract_if(.., |_, job| job.lane == *lane);
                for (_, job) in Vec::from_iter(rested) {
                    self.push(job);
                }
                self.wants_read = true;
            }
        }
    }

    /// Tries an application that is down with whatever waits for it.
    fn probe(&mut self, lane: &LaneKey) {
        self.narrow(lane, Some(1));
        if self.live.has(lane) || self.late.has(lane) {
            return;
        }
        let resting = self.resting.iter().find(|(_, job)| job.lane == *lane);
        let resting = resting.map(|(key, _)| *key);
        if let Some(job) = resting.and_then(|key| self.resting.remove(&key)) {
            self.push(job);
        } else if self.lanes.kept_of(lane) == 0 {
            self.lanes.fall_behind(lane, 0, true);
        }
    }

    fn narrow(&mut self, lane: &LaneKey, most: Option<usize>) {
        self.live.narrow(lane, most);
        self.late.narrow(lane, most);
    }

    fn fall_behind(&mut self, lane: &LaneKey, cursor: i64) {
        self.lanes.fall_behind(lane, cursor, false);
        self.wants_read = true;
    }

    fn leave(&mut self, lane: &LaneKey) {
        self.wants_read |= self.lanes.leave(&self.limits, lane);
    }

    fn push(&mut self, job: Job) {
        let lane = job.lane.clone();
        if job.late {
            self.late.push(&lane, job);
        } else {
            self.live.push(&lane, job);
        }
    }

    /// Takes an event into memory; it comes back when there is no room.
    fn admit(
        &mut self,
        now: Instant,
        wall: SystemTime,
        lane: &LaneKey,
        tell: Tell,
        late: bool,
    ) -> Result<(), Box<Tell>> {
        if self.known.contains(&tell.cursor) {
            return Ok(());
        }
        if !self.lanes.admit(&self.limits, lane) {
            return Err(Box::new(tell));
        }
        self.known.insert(tell.cursor);
        let (call, cursor) = (tell.delivery.call, tell.cursor);
        let job = Job::new(now, wall, lane.clone(), tell, late);
        let is_head = self
            .calls
            .get(&call)
            .is_some_and(|line| line.head == Some(cursor));
        // It has held back the others for long enough before it came back from the outbox.
        let is_late = job.first_failed.is_some_and(|failed| failed + HOLD <= now);
        if is_head || is_late {
            self.push(job);
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
                self.push(job);
            }
            None => {
                entry.remove();
            }
        }
    }
}

pub(super) fn lane_of(target: &Target) -> LaneKey {
    LaneKey {
        domain: Arc::clone(&target.domain),
        service: Arc::clone(&target.service),
        origin: Arc::clone(target.base.origin_text()),
    }
}

#[cfg(test)]
mod tests;
