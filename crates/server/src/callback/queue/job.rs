//! A tell in memory, and what a try makes of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{HOLD, LIFETIME, Tell, TellResult, Told, Tried};
use crate::callback::attempt::{Attempt, TryError};
use crate::callback::fair::LaneKey;
use crate::callback::jittered;
use crate::callback::lanes::Heard;

/// The first and the longest pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Tries an event gets however old it is: one that was given up long ago may be replayed.
const LEAST_TRIES: u32 = 12;

/// A tell in memory.
#[derive(Debug)]
pub(in crate::callback) struct Job {
    pub(in crate::callback) tell: Tell,
    pub(super) lane: LaneKey,
    /// Whether it was read from the outbox, and yields to what happens now.
    pub(in crate::callback) late: bool,
    pub(super) first_failed: Option<Instant>,
    expires: Instant,
}

/// What becomes of a job after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::callback) enum Next {
    /// It is done with.
    Leave,
    /// It rests in memory.
    Rest(Instant),
    /// It leaves memory and comes back then.
    Park(SystemTime),
}

/// The end of a try.
#[derive(Clone, Debug)]
pub(in crate::callback) struct Ended {
    pub(in crate::callback) next: Next,
    pub(in crate::callback) heard: Heard,
}

impl Job {
    pub(super) fn new(
        now: Instant,
        wall: SystemTime,
        lane: LaneKey,
        tell: Tell,
        late: bool,
    ) -> Self {
        let since = |at: SystemTime| wall.duration_since(at).unwrap_or_default();
        let first_failed = tell
            .first_tried
            .filter(|_| tell.attempts > 0)
            .map(|at| now.checked_sub(since(at)).unwrap_or(now));
        let expires = now + LIFETIME.saturating_sub(since(tell.created_at));
        Self {
            tell,
            lane,
            late,
            first_failed,
            expires,
        }
    }

    /// What to report of a try, and what becomes of the job; `wall` is the time of day at `now`.
    pub(in crate::callback) fn judge(
        &mut self,
        now: Instant,
        wall: SystemTime,
        began: Instant,
        tried: Attempt,
    ) -> (TellResult, Ended) {
        self.tell.attempts = self.tell.attempts.saturating_add(1);
        let one_try = Tried {
            at: wall,
            took: now.saturating_duration_since(began),
            status: tried.status(),
            error: tried.error(),
        };
        let (told, status, error, next, heard) = match tried {
            Attempt::Delivered { status, .. } => (
                Told::Delivered,
                Some(status.as_u16()),
                None,
                Next::Leave,
                Heard::Answer,
            ),
            Attempt::Refused { status } => (
                Told::Failed,
                Some(status.as_u16()),
                Some(TryError::Status(status)),
                Next::Leave,
                Heard::Answer,
            ),
            Attempt::Gone => (
                Told::Failed,
                Some(410),
                Some(TryError::SwitchedOff),
                Next::Leave,
                Heard::Answer,
            ),
            Attempt::Retry { why, retry_after } => {
                let (told, next) = self.again(now, wall, retry_after);
                let heard = Heard::Trouble(retry_after);
                (told, why.status(), Some(why), next, heard)
            }
        };
        (
            self.result(told, status, error, vec![one_try]),
            Ended { next, heard },
        )
    }

    /// What to report when the callback was switched off before it could be tried.
    pub(in crate::callback) fn switched_off(&self) -> (TellResult, Ended) {
        let ended = Ended {
            next: Next::Leave,
            heard: Heard::Nothing,
        };
        let why = Some(TryError::SwitchedOff);
        (self.result(Told::Failed, None, why, Vec::new()), ended)
    }

    fn result(
        &self,
        told: Told,
        status: Option<u16>,
        error: Option<TryError>,
        tries: Vec<Tried>,
    ) -> TellResult {
        TellResult {
            cursor: self.tell.cursor,
            webhook_id: Arc::clone(&self.tell.delivery.webhook_id),
            call: self.tell.delivery.call,
            sequence: self.tell.delivery.sequence,
            told,
            status,
            error,
            attempts: self.tell.attempts,
            tries,
            is_ask: false,
        }
    }

    fn again(&self, now: Instant, wall: SystemTime, wish: Option<Duration>) -> (Told, Next) {
        let attempts = self.tell.attempts;
        let doubled = FIRST_PAUSE * (1 << (attempts - 1).min(10));
        let pause = jittered(doubled.min(LONGEST_PAUSE), (self.tell.cursor, attempts));
        // A wish beyond the day the event has is granted until its end, and then one more try is due.
        let longest = self.expires.saturating_duration_since(now);
        let granted = wish.map(|wish| wish.min(longest.max(LONGEST_PAUSE)));
        let mut at = now + pause.max(granted.unwrap_or_default());
        if at > self.expires && attempts >= LEAST_TRIES {
            return (Told::Failed, Next::Leave);
        }
        let horizon = self.first_failed.unwrap_or(now) + HOLD;
        if at > horizon && now < horizon && wish.is_none() {
            // One more try while the later events still wait, so that order is kept where it can be.
            at = horizon;
        }
        let parked = at > horizon;
        let at_wall = wall + (at - now);
        let next = if parked {
            Next::Park(at_wall)
        } else {
            Next::Rest(at)
        };
        (
            Told::Retry {
                at: at_wall,
                parked,
            },
            next,
        )
    }
}
