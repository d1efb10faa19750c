//! Whether jobs come so fast that waiting for more of them pays.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_millis(100);
/// Above this many jobs in a window, groups gather.
const MANY: u32 = 30;

/// Counts jobs in windows of a tenth of a second.
#[derive(Debug)]
pub(super) struct Pace {
    window: Instant,
    jobs: u32,
    before: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            window: now,
            jobs: 0,
            before: 0,
        }
    }

    /// Counts a job.
    pub(super) fn count(&mut self, now: Instant) {
        self.turn(now);
        self.jobs += 1;
    }

    /// Whether the last full window, or this one so far, held many jobs.
    pub(super) fn is_busy(&mut self, now: Instant) -> bool {
        self.turn(now);
        self.jobs.max(self.before) > MANY
    }

    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.window);
        if age >= WINDOW {
            self.before = if age < 2 * WINDOW { self.jobs } else { 0 };
            self.jobs = 0;
            self.window = now;
        }
    }
}
