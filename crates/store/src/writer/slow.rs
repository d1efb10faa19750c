//! Writes that took long though nothing failed: counted, and said in the log, at most once in a few seconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What somebody waits for longer than this is slow: a caller has begun to repeat its INVITE.
const SLOW: Duration = Duration::from_millis(500);
/// So long after a line there is no other one.
const QUIET: Duration = Duration::from_secs(5);

/// What was slow, for the log.
#[derive(Debug, Default)]
pub(super) struct Slow {
    told: Option<Instant>,
    untold: u64,
}

impl Slow {
    /// A group is written, the oldest job of which somebody waited for since `oldest`; `commit` is what the database
    /// itself took of that.
    pub(super) fn written(
        &mut self,
        count: &AtomicU64,
        oldest: Instant,
        commit: Duration,
        now: Instant,
    ) {
        let waited = now.saturating_duration_since(oldest);
        if waited < SLOW {
            return;
        }
        count.fetch_add(1, Ordering::Relaxed);
        if let Some(times) = self.due(now) {
            tracing::warn!(
                waited_ms = waited.as_millis(),
                commit_ms = commit.as_millis(),
                times,
                "the database is slow: calls waited for what was to be written; look at the disk and who else writes \
                 to it"
            );
        }
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
    fn only_what_took_long_counts_and_a_slow_hour_has_a_line_every_few_seconds() {
        let (mut slow, count, start) = (Slow::default(), AtomicU64::new(0), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        slow.written(&count, start, Duration::ZERO, after(499));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        slow.written(&count, start, Duration::ZERO, after(500));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert_eq!(slow.due(after(5_499)), None);
        assert_eq!(slow.due(after(5_500)), Some(2), "the one before, too");
        assert_eq!(slow.due(after(5_501)), None);
    }
}
