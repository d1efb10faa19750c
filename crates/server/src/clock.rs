//! The present, as the core takes it, and whether the wall clock can be believed.
//!
//! Whatever runs out while the program runs goes by the monotonic clock, which nobody can set. The wall clock says when
//! something happened, how long signatures hold, and what is old.

use std::time::{Duration, SystemTime};

use hookswitch_sip::time::{Instant, Now};

/// A wall clock that differs by more than this from one look to the next was set.
const TOLERANCE: Duration = Duration::from_secs(60);
/// How long a clock that was set is doubted: long enough for somebody to notice.
const DOUBT: Duration = Duration::from_secs(3_600);

/// A clock; copies of it agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self {
            epoch: std::time::Instant::now(),
        }
    }

    /// The present on both axes.
    pub fn now(&self) -> Now {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            instant: Instant::from_micros(
                u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX),
            ),
            unix_micros: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// Whether the wall clock runs on as the monotonic one does. What cannot be undone, such as removing what is old, waits
/// while it is doubted.
#[derive(Debug, Default)]
pub struct Steadiness {
    last: Option<(std::time::Instant, SystemTime)>,
    doubted_until: Option<std::time::Instant>,
}

impl Steadiness {
    /// Looks at both clocks, and says whether the wall clock was not set for an hour, as far as earlier looks know.
    pub fn look(&mut self, instant: std::time::Instant, wall: SystemTime) -> bool {
        if let Some((instant_then, wall_then)) = self.last.replace((instant, wall)) {
            let expected = wall_then + instant.saturating_duration_since(instant_then);
            let off = wall
                .duration_since(expected)
                .unwrap_or_else(|behind| behind.duration());
            if off > TOLERANCE {
                tracing::warn!(
                    ?off,
                    "the clock was set: nothing is removed as old for an hour"
                );
                self.doubted_until = Some(instant + DOUBT);
            }
        }
        self.doubted_until.is_none_or(|until| until <= instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_doubted_for_an_hour_whichever_way() {
        let (start, wall) = (std::time::Instant::now(), SystemTime::now());
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let day = minutes(24 * 60);
        for set in [wall + day, wall - day] {
            let mut steadiness = Steadiness::default();
            assert!(steadiness.look(start, wall));
            assert!(steadiness.look(start + minutes(1), wall + minutes(1)));
            assert!(!steadiness.look(start + minutes(2), set + minutes(2)));
            assert!(!steadiness.look(start + minutes(61), set + minutes(61)));
            assert!(steadiness.look(start + minutes(62), set + minutes(62)));
        }
    }

    #[test]
    fn a_clock_that_is_drawn_a_little_is_believed() {
        let (start, wall) = (std::time::Instant::now(), SystemTime::now());
        let mut steadiness = Steadiness::default();
        assert!(steadiness.look(start, wall));
        let later = Duration::from_secs(600);
        assert!(steadiness.look(start + later, wall + later - Duration::from_secs(30)));
    }
}
