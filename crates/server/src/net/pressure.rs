//! Which share of new calls is refused so that nothing waits for long.
//!
//! A proportional-integral controller of the wait, after PIE (RFC 8033): a door that is only open or shut lets in a
//! flood while it is open, and what a call costs comes after its INVITE. Refusals are spread evenly over newcomers.

use std::time::{Duration, Instant};

/// The wait that is kept to while there is more to do than time, in seconds.
const WANTED: f64 = 0.05;
/// A wait longer than this is noticed.
const NOTICED: Duration = Duration::from_millis(20);
/// Waits that last no longer come of a burst or a hiccup, which costs nobody a call.
const STANDING: Duration = Duration::from_millis(100);
/// How often the share is thought over.
const EVERY: Duration = Duration::from_millis(20);
/// The share refused more for a wait that is a second longer than it was.
const PROPORTIONAL: f64 = 3.0;
/// The share refused more for a wait that is a second too long for a second.
const INTEGRAL: f64 = 6.0;
/// A look that came late counts for no more seconds than this.
const LONGEST_LOOK: f64 = 0.1;
/// While nothing waits, the share halves in so many seconds.
const HALF_LIFE: f64 = 0.5;

/// The share of newcomers that is refused, and what it follows.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// From 0 to 1.
    share: f64,
    /// What of the share was not refused yet: a newcomer is refused whenever this is a whole one.
    owed: f64,
    /// The longest wait since the share was thought over.
    longest: Duration,
    /// The longest wait before that, in seconds.
    before: f64,
    thought_over: Option<Instant>,
    /// Since when waits were noticed.
    since: Option<Instant>,
}

impl Pressure {
    /// What is served at `now` has waited for `wait`.
    pub(super) fn look(&mut self, wait: Duration, now: Instant) {
        self.longest = self.longest.max(wait);
        let last = *self.thought_over.get_or_insert(now);
        let elapsed = now.saturating_duration_since(last);
        if elapsed >= EVERY {
            self.think_over(elapsed.as_secs_f64());
            self.thought_over = Some(now);
        }
        if wait >= NOTICED {
            self.since.get_or_insert(now);
        } else if self.share <= 0.0 {
            self.since = None;
        }
    }

    fn think_over(&mut self, elapsed: f64) {
        let wait = std::mem::take(&mut self.longest).as_secs_f64();
        self.share += PROPORTIONAL * (wait - self.before)
            + INTEGRAL * (wait - WANTED) * elapsed.min(LONGEST_LOOK);
        if wait <= 0.0 && self.before <= 0.0 {
            self.share *= (-elapsed / HALF_LIFE).exp2();
        }
        self.share = self.share.clamp(0.0, 1.0);
        self.before = wait;
    }

    /// Whether waits last, so that a share of newcomers is refused.
    pub(super) fn is_standing(&self, now: Instant) -> bool {
        let lasted = |since| now.saturating_duration_since(since) >= STANDING;
        self.share > 0.0 && self.since.is_some_and(lasted)
    }

    /// Whether the newcomer that came just now is one of the share that is refused.
    pub(super) fn refuses(&mut self, now: Instant) -> bool {
        if !self.is_standing(now) {
            self.owed = 0.0;
            return false;
        }
        self.owed += self.share;
        let is_refused = self.owed >= 1.0;
        if is_refused {
            self.owed -= 1.0;
        }
        is_refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that serves so many calls a second and is offered others, looked at every millisecond; the longest
    /// wait and the share refused of each second.
    fn seconds(
        capacity: f64,
        offered: f64,
        seconds: u32,
        pressure: &mut Pressure,
    ) -> Vec<(f64, f64)> {
        let start = pressure.thought_over.unwrap_or_else(Instant::now);
        let (mut waiting, mut coming) = (0.0_f64, 0.0_f64);
        let mut told = Vec::new();
        for second in 0..seconds {
            let (mut refused, mut came, mut longest) = (0.0, 0.0, 0.0_f64);
            for milli in 0..1_000 {
                let now = start + Duration::from_millis(u64::from(second * 1_000 + milli));
                let wait = waiting / capacity;
                longest = longest.max(wait);
                pressure.look(Duration::from_secs_f64(wait), now);
                coming += offered / 1_000.0;
                while coming >= 1.0 {
                    coming -= 1.0;
                    came += 1.0;
                    if pressure.refuses(now) {
                        refused += 1.0;
                    } else {
                        waiting += 1.0;
                    }
                }
                waiting = (waiting - capacity / 1_000.0).max(0.0);
            }
            told.push((longest, refused / came));
        }
        told
    }

    #[test]
    fn nobody_is_refused_while_there_is_time() {
        let told = seconds(1_000.0, 950.0, 5, &mut Pressure::default());
        assert!(told.iter().all(|(_, refused)| *refused == 0.0), "{told:?}");
    }

    #[test]
    fn at_twice_the_capacity_half_is_refused_and_nobody_waits_until_a_sender_repeats() {
        for capacity in [50.0, 500.0, 5_000.0] {
            let told = seconds(capacity, capacity * 2.0, 20, &mut Pressure::default());
            let (first, settled) = told.split_at(3);
            assert!(first.iter().all(|(wait, _)| *wait < 0.5), "{told:?}");
            for (wait, refused) in settled {
                assert!((0.45..0.55).contains(refused), "{capacity}: {told:?}");
                assert!(*wait < 0.15, "{capacity}: {told:?}");
            }
        }
    }

    #[test]
    fn at_twenty_times_the_capacity_one_in_twenty_is_served() {
        let told = seconds(500.0, 10_000.0, 20, &mut Pressure::default());
        for (wait, refused) in &told[5..] {
            assert!((0.93..0.97).contains(refused), "{told:?}");
            assert!(*wait < 0.3, "{told:?}");
        }
    }

    #[test]
    fn once_nothing_waits_everybody_is_welcome_within_seconds() {
        let mut pressure = Pressure::default();
        seconds(500.0, 5_000.0, 5, &mut pressure);
        let after = seconds(500.0, 250.0, 6, &mut pressure);
        assert!(after[5].1 == 0.0, "{after:?}");
    }

    #[test]
    fn a_hiccup_costs_nobody_a_call() {
        let mut pressure = Pressure::default();
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        pressure.look(Duration::ZERO, start);
        // Nothing was served for 300 ms; then what has come meanwhile is taken in and served within 90 ms.
        for milli in 300..390 {
            pressure.look(Duration::from_millis(300), after(milli));
            assert!(!pressure.refuses(after(milli)));
        }
    }
}
