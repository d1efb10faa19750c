//! Whether the database can be used: a line in the log when it no longer can, one when it can again, and numbers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Error;

/// So long after a line an end that comes and goes has no other one.
const QUIET: Duration = Duration::from_secs(5);

/// What the database is used for; a full disk is in the way of one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Reading,
    Writing,
}

/// Whether the database can be used.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    fails: [AtomicBool; 2],
    unanswered: AtomicU64,
    outage: Mutex<Outage>,
}

#[derive(Debug, Default)]
struct Outage {
    since: Option<Instant>,
    unanswered_before: u64,
    is_told: bool,
    last_line: Option<Instant>,
}

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Away,
    Back { lasted: Duration, unanswered: u64 },
}

impl Presence {
    /// The database did what it was asked.
    pub(crate) fn answers(&self, way: Way) {
        // This is asked with every question, and nearly always nothing is to be done.
        if self.fails[way as usize].load(Ordering::Relaxed)
            && let Some(Line::Back { lasted, unanswered }) = self.comes(way, Instant::now())
        {
            let seconds = lasted.as_secs();
            tracing::info!(seconds, unanswered, "the database can be used again");
        }
    }

    /// The database could not do it; what is no outage does not count.
    pub(crate) fn fails(&self, way: Way, error: &Error) {
        if error.is_outage() && self.goes(way, Instant::now()).is_some() {
            tracing::error!(
                %error,
                "the database cannot be used: what was promised waits, the rest is refused, until it can"
            );
        }
    }

    /// Whether it cannot be used now.
    pub(crate) fn is_away(&self) -> bool {
        self.fails.iter().any(|fails| fails.load(Ordering::Relaxed))
    }

    /// How often it could not be used since the start.
    pub(crate) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    fn goes(&self, way: Way, now: Instant) -> Option<Line> {
        let mut outage = self.outage();
        let before = self.unanswered.fetch_add(1, Ordering::Relaxed);
        self.fails[way as usize].store(true, Ordering::Relaxed);
        if outage.since.is_none() {
            outage.since = Some(now);
            outage.unanswered_before = before;
        }
        let is_quiet = outage
            .last_line
            .is_some_and(|last| now.saturating_duration_since(last) < QUIET);
        if outage.is_told || is_quiet {
            return None;
        }
        outage.is_told = true;
        outage.last_line = Some(now);
        Some(Line::Away)
    }

    fn comes(&self, way: Way, now: Instant) -> Option<Line> {
        let mut outage = self.outage();
        self.fails[way as usize].store(false, Ordering::Relaxed);
        if self.is_away() {
            return None;
        }
        let since = outage.since.take()?;
        if !std::mem::take(&mut outage.is_told) {
            return None;
        }
        outage.last_line = Some(now);
        Some(Line::Back {
            lasted: now.saturating_duration_since(since),
            unanswered: self.unanswered() - outage.unanswered_before,
        })
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn an_outage_has_one_line_when_it_begins_and_one_when_it_ends() {
        let (presence, start) = (Presence::default(), Instant::now());
        assert_eq!(presence.goes(Way::Reading, start), Some(Line::Away));
        for millis in 1..60_000 {
            assert_eq!(presence.goes(Way::Writing, after(start, millis)), None);
        }
        assert!(presence.is_away());
        assert_eq!(presence.comes(Way::Reading, after(start, 60_000)), None);
        assert!(presence.is_away(), "nothing was written yet");
        let back = Line::Back {
            lasted: Duration::from_millis(60_001),
            unanswered: 60_000,
        };
        assert_eq!(
            presence.comes(Way::Writing, after(start, 60_001)),
            Some(back)
        );
        assert!(!presence.is_away());
        assert_eq!(presence.unanswered(), 60_000);
    }

    #[test]
    fn one_that_comes_and_goes_is_told_in_pairs_with_pauses_between() {
        let (presence, start) = (Presence::default(), Instant::now());
        presence.goes(Way::Reading, start);
        assert!(presence.comes(Way::Reading, start).is_some());
        for millis in 1..5_000 {
            assert_eq!(presence.goes(Way::Reading, after(start, millis)), None);
            assert_eq!(presence.comes(Way::Reading, after(start, millis)), None);
        }
        assert_eq!(
            presence.goes(Way::Reading, after(start, 5_000)),
            Some(Line::Away)
        );
        let back = presence.comes(Way::Reading, after(start, 5_002));
        let lasted = Duration::from_millis(2);
        assert_eq!(
            back,
            Some(Line::Back {
                lasted,
                unanswered: 1
            })
        );
    }

    #[test]
    fn a_caller_s_own_fault_is_no_outage() {
        let presence = Presence::default();
        for error in [Error::NoSuchDomain, Error::WrongKey, Error::QueueFull] {
            presence.fails(Way::Writing, &error);
        }
        assert_eq!((presence.is_away(), presence.unanswered()), (false, 0));
    }
}
