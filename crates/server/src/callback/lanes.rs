//! What is known of each lane beside its turns: how much of it is in memory, whether rows of it wait only in
//! the outbox, and whether its application answers at all.
//!
//! *Room*: a lane may fill a quarter of what is free, so that however many applications are dead, there is
//! room for the next customer. *Behind*: once a tell found no room, those after it go to the table only, and
//! the table is read in commit order, a page at a time, until nothing is left there. *Down*: an application
//! that failed often in a row gets one try every few seconds; as soon as it answers, all that waits is due.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::fair::LaneKey;
use super::{jittered, queue::Tell};

/// What every lane may keep, however full memory is.
const LEAST_ROOM: usize = 16;
/// Rows read at a time.
const PAGE: usize = 512;
/// Tells kept aside while a page is being read.
const ASIDE: usize = 512;
/// Failures in a row after which an application counts as down.
const DOWN_AFTER: u32 = 10;
/// The first and the longest pause between two tries of an application that is down.
const FIRST_PROBE: Duration = Duration::from_secs(1);
const LONGEST_PROBE: Duration = Duration::from_secs(10);
/// How long an application that is down can ask to be left alone.
const LONGEST_WISH: Duration = Duration::from_secs(600);
/// How often the outbox is looked through for what is due again.
const LEAST_PARKED: Duration = Duration::from_secs(2);
/// How many run at a time when it answers again; each delivery allows one more.
const FIRST_RAMP: usize = 2;

/// How much runs and waits at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tells tried at a time, per service and origin.
    pub running_per_lane: usize,
    /// Tells tried at a time, per customer.
    pub running_per_customer: usize,
    /// Tells tried at a time.
    pub running: usize,
    /// Tells read back from the outbox that are tried at a time.
    pub running_late: usize,
    /// Tells in memory, per service and origin.
    pub kept_per_lane: usize,
    /// Tells in memory.
    pub kept: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            running_per_lane: 64,
            running_per_customer: 256,
            running: 4096,
            running_late: 256,
            kept_per_lane: 4096,
            kept: 131_072,
        }
    }
}

/// What is to be read of the outbox: the rows of one service that wait and are due, in commit order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whose rows.
    pub lane: LaneKey,
    /// The cursor of the row before.
    pub after: i64,
    /// Whether the application has just come back, so that nothing has to wait for its time.
    pub early: bool,
    /// How many at most.
    pub limit: usize,
}

#[derive(Default)]
pub(super) struct Lanes {
    lanes: HashMap<LaneKey, Lane>,
    kept: usize,
    /// Lanes whose rows may have to be read, in turn.
    turns: VecDeque<LaneKey>,
    alarms: BTreeSet<(Instant, LaneKey)>,
    down: usize,
}

#[derive(Default)]
struct Lane {
    kept: usize,
    behind: Option<Position>,
    /// When the first of those that wait longer in the outbox is due.
    parked: Option<Instant>,
    reading: Option<Aside>,
    has_turn: bool,
    failures: u32,
    down: Option<Down>,
    ramp: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    cursor: i64,
    early: bool,
}

/// New tells of a lane while a page of it is being read: if it was the last page, they come after it.
#[derive(Default)]
struct Aside {
    tells: Vec<Tell>,
    overflowed: bool,
    /// The lane must be read from there again.
    again: Option<Position>,
}

struct Down {
    pause: Duration,
    probe_at: Instant,
    probing: bool,
}

/// How an application took a tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It answered, if only to refuse.
    Answer,
    /// It cannot be reached, fails, or wants to be left alone for so long.
    Trouble(Option<Duration>),
    /// It was not asked.
    Nothing,
}

/// What a lane's turns need to know after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nothing changed.
    Same,
    /// That many may run.
    Narrow(usize),
    /// As many as usual may run.
    Wide,
    /// It answers again: that many may run, and all that rests is due.
    Back(usize),
}

/// What a lane's alarm asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// It was for nothing.
    Nothing,
    /// An application that is down is to be tried.
    Probe,
}

/// Where a new tell goes.
pub(super) enum Way {
    /// Into memory.
    In(Tell),
    /// It waits for the page that is being read.
    Aside,
    /// It waits in the outbox.
    Refused,
}

impl Lanes {
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Whether some application is down.
    pub(super) fn any_down(&self) -> bool {
        self.down > 0
    }

    /// Which way a new tell goes.
    pub(super) fn way(&mut self, key: &LaneKey, tell: Tell) -> Way {
        let Some(lane) = self.lanes.get_mut(key) else {
            return Way::In(tell);
        };
        if let Some(aside) = &mut lane.reading
            && lane.behind.is_some()
        {
            if aside.tells.len() < ASIDE && !aside.overflowed {
                aside.tells.push(tell);
                return Way::Aside;
            }
            aside.overflowed = true;
            return Way::Refused;
        }
        if lane.behind.is_some() {
            return Way::Refused;
        }
        Way::In(tell)
    }

    /// Makes room for one more tell of the lane, if there is any.
    pub(super) fn admit(&mut self, limits: &Limits, key: &LaneKey) -> bool {
        let allowed = self.allowed(limits);
        let lane = self.lane(key);
        if lane.kept >= allowed {
            return false;
        }
        lane.kept += 1;
        self.kept += 1;
        true
    }

    /// Gives back the room of a tell; says whether rows of its lane can be read now.
    pub(super) fn leave(&mut self, limits: &Limits, key: &LaneKey) -> bool {
        self.kept -= 1;
        let lane = self
            .lanes
            .get_mut(key)
            .expect("an admitted tell keeps its lane");
        lane.kept -= 1;
        let wants = lane.behind.is_some() && lane.reading.is_none();
        let wants = wants && self.wants(limits, key);
        self.forget(key);
        wants
    }

    /// Rows of the lane wait only in the outbox, from behind that cursor on.
    pub(super) fn fall_behind(&mut self, key: &LaneKey, cursor: i64, early: bool) {
        let lane = self.lane(key);
        let position = Position { cursor, early };
        if let Some(aside) = &mut lane.reading {
            let again = aside.again.get_or_insert(position);
            again.cursor = again.cursor.min(cursor);
            again.early |= early;
        }
        let behind = lane.behind.get_or_insert(position);
        behind.cursor = behind.cursor.min(cursor);
        behind.early |= early;
        self.line_up(key);
    }

    /// A row of the lane is due again at that time.
    pub(super) fn park(&mut self, now: Instant, key: &LaneKey, at: Instant) {
        let at = at.max(now + LEAST_PARKED);
        let lane = self.lane(key);
        if lane.parked.is_none_or(|parked| at < parked) {
            lane.parked = Some(at);
            self.alarms.insert((at, key.clone()));
        }
    }

    /// What to read next.
    pub(super) fn next_read(&mut self, limits: &Limits) -> Option<Wish> {
        for _ in 0..self.turns.len() {
            let key = self.turns.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&key) else {
                continue;
            };
            let Some(Position { cursor, early }) = lane.behind else {
                lane.has_turn = false;
                self.forget(&key);
                continue;
            };
            self.turns.push_back(key.clone());
            if !self.wants(limits, &key) {
                continue;
            }
            let room = self.allowed(limits);
            let lane = self.lane(&key);
            if lane.reading.is_some() {
                continue;
            }
            lane.reading = Some(Aside::default());
            return Some(Wish {
                limit: room.saturating_sub(lane.kept).clamp(1, PAGE),
                lane: key,
                after: cursor,
                early,
            });
        }
        None
    }

    /// A page was taken up as far as `cursor`; `all` says that nothing is left behind it. The tells that came
    /// meanwhile are next when it was the last page.
    pub(super) fn read(&mut self, key: &LaneKey, cursor: i64, all: bool) -> Vec<Tell> {
        let lane = self.lane(key);
        let aside = lane.reading.take().unwrap_or_default();
        let Some(behind) = &mut lane.behind else {
            return Vec::new();
        };
        match aside.again {
            Some(again) => *behind = again,
            None if all && !aside.overflowed => {
                lane.behind = None;
                return aside.tells;
            }
            None => behind.cursor = behind.cursor.max(cursor),
        }
        Vec::new()
    }

    /// Whether rows of the lane wait only in the outbox.
    pub(super) fn is_behind(&self, key: &LaneKey) -> bool {
        self.lanes
            .get(key)
            .is_some_and(|lane| lane.behind.is_some())
    }

    /// The page could not be read: it is asked for again.
    pub(super) fn read_failed(&mut self, key: &LaneKey) {
        self.lane(key).reading = None;
    }

    /// Drops the lane if nothing is known of it that another would not have.
    pub(super) fn forget(&mut self, key: &LaneKey) {
        let is_plain = self.lanes.get(key).is_some_and(|lane| {
            lane.kept == 0
                && lane.behind.is_none()
                && lane.reading.is_none()
                && lane.parked.is_none()
                && !lane.has_turn
                && lane.down.is_none()
                && lane.ramp.is_none()
        });
        if is_plain {
            self.lanes.remove(key);
        }
    }

    /// An application was tried.
    pub(super) fn heard(
        &mut self,
        limits: &Limits,
        now: Instant,
        key: &LaneKey,
        heard: Heard,
    ) -> Pace {
        let Some(lane) = self.lanes.get_mut(key) else {
            return Pace::Same;
        };
        match heard {
            Heard::Nothing => Pace::Same,
            Heard::Answer => {
                lane.failures = 0;
                if lane.down.take().is_some() {
                    self.down -= 1;
                    lane.ramp = Some(FIRST_RAMP);
                    if lane.parked.take().is_some() || lane.behind.is_some() {
                        self.fall_behind(key, 0, true);
                    }
                    return Pace::Back(FIRST_RAMP);
                }
                let Some(ramp) = &mut lane.ramp else {
                    return Pace::Same;
                };
                *ramp += 1;
                if *ramp < limits.running_per_lane {
                    return Pace::Narrow(*ramp);
                }
                lane.ramp = None;
                Pace::Wide
            }
            Heard::Trouble(wish) => {
                lane.failures = lane.failures.saturating_add(1);
                let pause = match &lane.down {
                    Some(down) if down.probing => (down.pause * 2).min(LONGEST_PROBE),
                    Some(_) => return Pace::Same,
                    None if lane.failures >= DOWN_AFTER => FIRST_PROBE,
                    None => return Pace::Same,
                };
                let wish = wish.unwrap_or_default().min(LONGEST_WISH);
                let probe_at = now + jittered(pause, (&key.domain, lane.failures)).max(wish);
                lane.ramp = None;
                self.down += usize::from(lane.down.is_none());
                lane.down = Some(Down {
                    pause,
                    probe_at,
                    probing: false,
                });
                self.alarms.insert((probe_at, key.clone()));
                Pace::Narrow(0)
            }
        }
    }

    /// When `alarm` has something to say.
    pub(super) fn next_alarm(&self) -> Option<Instant> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// The lane whose time has come, and what for.
    pub(super) fn alarm(&mut self, now: Instant) -> Option<(LaneKey, Alarm)> {
        if self.alarms.first()?.0 > now {
            return None;
        }
        let (_, key) = self.alarms.pop_first()?;
        let Some(lane) = self.lanes.get_mut(&key) else {
            return Some((key, Alarm::Nothing));
        };
        if lane.parked.is_some_and(|at| at <= now) {
            lane.parked = None;
            self.fall_behind(&key, 0, false);
        }
        let lane = self.lane(&key);
        let mut alarm = Alarm::Nothing;
        if let Some(down) = &mut lane.down
            && !down.probing
            && down.probe_at <= now
        {
            down.probing = true;
            alarm = Alarm::Probe;
        }
        self.forget(&key);
        Some((key, alarm))
    }

    /// There is nothing to try an application with: nobody waits for it.
    pub(super) fn nothing_waits(&mut self, key: &LaneKey) -> bool {
        let Some(lane) = self.lanes.get_mut(key) else {
            return false;
        };
        let is_empty = lane.kept == 0 && lane.behind.is_none() && lane.down.is_some();
        if is_empty {
            self.down -= 1;
            lane.down = None;
            lane.failures = 0;
            self.forget(key);
        }
        is_empty
    }

    /// How many tells of the lane are in memory.
    pub(super) fn kept_of(&self, key: &LaneKey) -> usize {
        self.lanes.get(key).map_or(0, |lane| lane.kept)
    }

    fn allowed(&self, limits: &Limits) -> usize {
        let free = limits.kept.saturating_sub(self.kept);
        limits.kept_per_lane.min((free / 4).max(LEAST_ROOM))
    }

    /// Whether it is time to read more of the lane: half of what it may keep is gone, or, while its application is down,
    /// all of it.
    fn wants(&self, limits: &Limits, key: &LaneKey) -> bool {
        let allowed = self.allowed(limits);
        self.lanes.get(key).is_some_and(|lane| {
            let least = if lane.down.is_some() { 0 } else { allowed / 2 };
            lane.kept <= least
        })
    }

    fn line_up(&mut self, key: &LaneKey) {
        let lane = self.lane(key);
        if !lane.has_turn {
            lane.has_turn = true;
            self.turns.push_back(key.clone());
        }
    }

    fn lane(&mut self, key: &LaneKey) -> &mut Lane {
        if !self.lanes.contains_key(key) {
            self.lanes.insert(key.clone(), Lane::default());
        }
        self.lanes.get_mut(key).expect("it was put there above")
    }
}
