//! The node's clocks beside the world's own time: one that starts anew with every start, and one that people set.

use hookswitch_sip::time::{Instant, Now};

use crate::random::Random;

/// Unix time when the world begins.
const EPOCH: u64 = 1_760_000_000_000_000;

/// The clocks of the node.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// When the node was started, in the world's time.
    started: Instant,
    /// What its monotonic clock said then.
    first: u64,
    /// How wrong its wall clock is, in microseconds.
    skew: i64,
}

impl Clock {
    /// The clocks of a node that is started now; the wall clock stays as wrong as it is.
    pub const fn restarted(self, now: Instant, random: &mut Random) -> Self {
        Self {
            started: now,
            first: random.below(10_000_000),
            skew: self.skew,
        }
    }

    /// Clocks that were never started and are right.
    pub const fn new() -> Self {
        Self {
            started: Instant::from_micros(0),
            first: 0,
            skew: 0,
        }
    }

    /// What the node reads at `world`.
    pub const fn read(&self, world: Instant) -> Now {
        let unix = EPOCH + world.as_micros();
        Now {
            instant: Instant::from_micros(
                world.as_micros().saturating_sub(self.started.as_micros()) + self.first,
            ),
            unix_micros: unix.saturating_add_signed(self.skew),
        }
    }

    /// The world's time when the node's monotonic clock says `instant`.
    pub const fn world(&self, instant: Instant) -> Instant {
        let since = instant.as_micros().saturating_sub(self.first);
        Instant::from_micros(self.started.as_micros().saturating_add(since))
    }

    /// Somebody sets the wall clock.
    pub const fn set(&mut self, by_micros: i64) {
        self.skew = self.skew.saturating_add(by_micros);
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
