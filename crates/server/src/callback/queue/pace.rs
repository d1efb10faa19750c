//! How much of the backlog is told at a time: as much as the processors have time for beside live calls.

use std::time::Duration;

use tokio::time::Instant;

/// A task that waits longer than this for a processor shows that there is too much to do.
const TOO_LATE: Duration = Duration::from_millis(1);
/// How often the limit changes.
const EVERY: Duration = Duration::from_millis(5);
/// What is always allowed, so that a backlog shrinks whatever happens.
const LEAST: usize = 4;
/// How long the backlog rests after each handful while there are live calls: processors, disk and network are theirs
/// for half of the time, and some ten thousand events are told a second all the same.
const REST: Duration = Duration::from_millis(1);
/// How long a call counts as live after it was told of.
const LIVE: Duration = Duration::from_secs(1);

/// The number of late tells that may run, which falls by a quarter when they wait for processors and
/// rises by one when they do not.
#[derive(Debug)]
pub(super) struct LatePace {
    limit: usize,
    most: usize,
    changed: Option<Instant>,
}

impl LatePace {
    pub(super) fn new(most: usize) -> Self {
        Self {
            limit: most.min(16),
            most,
            changed: None,
        }
    }

    /// The new limit, if it changes.
    pub(super) fn judge(&mut self, now: Instant, lag: Duration) -> Option<usize> {
        if self.changed.is_some_and(|changed| now < changed + EVERY) {
            return None;
        }
        let limit = if lag > TOO_LATE {
            (self.limit * 3 / 4).max(LEAST.min(self.most))
        } else {
            (self.limit + 1).min(self.most)
        };
        self.changed = Some(now);
        (limit != std::mem::replace(&mut self.limit, limit)).then_some(limit)
    }

    /// How many may run.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }
}

/// How long the backlog rests before its next handful, when a live call was last told of at that time.
pub(super) fn rest(now: Instant, told: Option<Instant>) -> Option<Duration> {
    let is_live = told.is_some_and(|told| now < told + LIVE);
    is_live.then_some(REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backlog_yields_while_tasks_wait_for_processors_and_takes_what_is_free_again() {
        let mut now = Instant::now();
        let mut pace = LatePace::new(256);
        for _ in 0..100 {
            now += EVERY;
            pace.judge(now, 2 * TOO_LATE);
        }
        assert_eq!(pace.limit(), LEAST);
        assert_eq!(pace.judge(now, Duration::ZERO), None, "not twice at once");
        for _ in 0..300 {
            now += EVERY;
            pace.judge(now, Duration::ZERO);
        }
        assert_eq!(pace.limit(), 256);
    }
}
