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
    /// How long the machine had been running then, and which of its runs that was.
    machine: Option<(Duration, u64)>,
}

impl Clock {
    /// A clock that starts now. Where the machine says how long it has been running, its instants count from there,
    /// so that they go on over restarts of the program.
    pub fn start() -> Self {
        let read = |name: &str| std::fs::read_to_string(name).ok();
        let machine = read("/proc/uptime")
            .zip(read("/proc/sys/kernel/random/boot_id"))
            .and_then(|(uptime, boot)| Some((uptime_in(&uptime)?, run_in(&boot)?)));
        Self {
            epoch: std::time::Instant::now(),
            machine,
        }
    }

    /// Names the run of the machine from whose start instants count.
    pub fn axis(&self) -> Option<u64> {
        self.machine.map(|(_, run)| run)
    }

    /// The present on both axes.
    pub fn now(&self) -> Now {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let before = self.machine.map_or(Duration::ZERO, |(uptime, _)| uptime);
        let running = before + self.epoch.elapsed();
        Now {
            instant: Instant::from_micros(u64::try_from(running.as_micros()).unwrap_or(u64::MAX)),
            unix_micros: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// The first number of `/proc/uptime`: seconds with two decimals.
fn uptime_in(text: &str) -> Option<Duration> {
    let seconds: f64 = text.split(' ').next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The first half of a boot id, which is a random UUID.
fn run_in(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u64::from_str_radix(digits.get(..16)?, 16).ok()
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
    fn a_clock_counts_from_the_start_of_the_machine() {
        assert_eq!(
            uptime_in("6554.25 9120.14\n"),
            Some(Duration::from_millis(6_554_250))
        );
        let boot = "0f3b7c52-9f0e-4d6a-8a6e-2f2d1e9b7c11\n";
        assert_eq!(run_in(boot), Some(0x0f3b_7c52_9f0e_4d6a));
        assert_eq!((uptime_in("soon"), run_in("none")), (None, None));
        let (first, second) = (Clock::start(), Clock::start());
        assert_eq!(first.axis(), second.axis());
    }

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
