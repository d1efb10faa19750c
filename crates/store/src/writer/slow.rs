//! Writes that took long though nothing failed: said in the log, at most once in a few seconds.

use std::time::{Duration, Instant};

/// What somebody waits for as long as this is slow: a caller begins to repeat its INVITE.
const SLOW: Duration = Duration::from_millis(500);
/// So long after a line there is no other one.
const QUIET: Duration = Duration::from_secs(5);

/// What was slow, for the log.
#[derive(Debug, Default)]
pub(super) struct Slow {
    /// Until when nothing could be written, which has lines of its own.
    failed_until: Option<Instant>,
    told: Option<Instant>,
    untold: u64,
}

impl Slow {
    /// Something is written that had failed before; who waits behind it waited for that.
    pub(super) const fn failed(&mut self, now: Instant) {
        self.failed_until = Some(now);
    }

    /// A group is written, the first job of which somebody waits for since `oldest`; tells whether that was long.
    /// `transaction` is how long it took when its turn had come.
    pub(super) fn written(&mut self, oldest: Instant, transaction: Duration, now: Instant) -> bool {
        let since = self.failed_until.map_or(oldest, |until| until.max(oldest));
        let waited = now.saturating_duration_since(since);
        if waited < SLOW {
            return false;
        }
        if let Some(times) = self.due(now) {
            tracing::warn!(
                waited_ms = waited.as_millis(),
                transaction_ms = transaction.as_millis(),
                times,
                "the database is slow: calls and requests waited for what was to be written; look at its disk, and at what \
                 else was written then"
            );
        }
        true
    }

    /// How many slow groups the line tells of that is due now.
    fn due(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        let is_quiet = self
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < QUIET);
        if is_quiet {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_half_a_second_is_slow_but_not_what_waited_for_a_database_that_was_away() {
        let (mut slow, start) = (Slow::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert!(!slow.written(start, Duration::ZERO, after(499)));
        assert!(slow.written(start, Duration::ZERO, after(500)));
        slow.failed(after(10_000));
        assert!(!slow.written(start, Duration::ZERO, after(10_499)));
        assert!(slow.written(start, Duration::ZERO, after(10_500)));
        assert!(slow.written(after(20_000), Duration::ZERO, after(20_500)));
    }

    #[test]
    fn a_slow_hour_has_a_line_every_few_seconds() {
        let (mut slow, start) = (Slow::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(slow.due(after(0)), Some(1));
        assert_eq!(slow.due(after(4_999)), None);
        assert_eq!(slow.due(after(5_000)), Some(2), "the one before, too");
        assert_eq!(slow.due(after(5_001)), None);
    }
}
