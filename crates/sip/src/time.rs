//! Time as the core sees it: an argument, never a clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on a monotonic axis, in microseconds since an epoch the shell chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The instant `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time since `earlier`, zero when that lies in the future.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub<Self> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

/// The present, on both axes: one to measure with, one to write down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Never steps back; deadlines live here.
    pub instant: Instant,
    /// Microseconds since 1970-01-01 UTC; snapshots and records keep only this.
    pub unix_micros: u64,
}

impl Now {
    /// Milliseconds since 1970-01-01 UTC.
    pub const fn unix_millis(self) -> u64 {
        self.unix_micros / 1_000
    }
}
