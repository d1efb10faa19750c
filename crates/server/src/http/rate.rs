//! Failed sign-ins, counted per source: guessing gets slow, and nobody's guessing locks out others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Failures a source may make at once.
const BURST: u32 = 20;
/// One failure is forgotten after so long.
const FORGET_ONE: Duration = Duration::from_secs(3);
/// Requests of one source that may wait for their turn, and for how long.
const MAX_WAITING: u32 = 32;
const PATIENCE: Duration = Duration::from_secs(5);
/// Sources remembered; the table's memory is bounded by it.
const MAX_SOURCES: usize = 16_384;

/// Failures per source. An IPv6 source is its /64, the least anyone is given.
pub struct Failures {
    sources: Mutex<HashMap<IpAddr, Tally>>,
    /// One at a time of those who failed too often may ask for what is dear to check.
    slow_lane: Semaphore,
    /// How many of each of them wait for their turn.
    waiting: Mutex<HashMap<IpAddr, u32>>,
    patience: Duration,
}

#[derive(Clone, Copy)]
struct Tally {
    count: u32,
    since: Instant,
}

impl Tally {
    /// What is left after the time that passed.
    fn at(self, now: Instant) -> Self {
        let forgotten =
            now.saturating_duration_since(self.since).as_millis() / FORGET_ONE.as_millis();
        let forgotten = u32::try_from(forgotten).unwrap_or(u32::MAX);
        Self {
            count: self.count.saturating_sub(forgotten),
            since: self.since + FORGET_ONE.saturating_mul(forgotten),
        }
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            sources: Mutex::new(HashMap::new()),
            slow_lane: Semaphore::new(1),
            waiting: Mutex::default(),
            patience: PATIENCE,
        }
    }
}

impl Failures {
    /// Leave to ask for a check that is dear: at once, but for sources with too many failures, of which one at a time
    /// is heard, so that they take nothing from the others. They wait for their turn in order: many clients may share
    /// an address, and a valid credential among them is found however the others go on guessing.
    ///
    /// # Errors
    /// How long to wait: too many of that source are waiting, or the turn did not come in 5 s.
    pub async fn turn(
        &self,
        source: IpAddr,
        now: Instant,
    ) -> Result<Option<SemaphorePermit<'_>>, Duration> {
        let source = network_of(source);
        let tally = {
            let sources = self.sources.lock();
            let sources = sources.expect("no panic while the lock is held");
            sources.get(&source).map(|tally| tally.at(now))
        };
        if tally.is_none_or(|tally| tally.count <= BURST) {
            return Ok(None);
        }
        let _place = Place::take(&self.waiting, source).ok_or(FORGET_ONE)?;
        match tokio::time::timeout(self.patience, self.slow_lane.acquire()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            _ => Err(FORGET_ONE),
        }
    }

    /// Counts one more failure; the answer is how long to wait once there are too many.
    pub fn count(&self, source: IpAddr, now: Instant) -> Option<Duration> {
        let source = network_of(source);
        let mut sources = self
            .sources
            .lock()
            .expect("no panic while the lock is held");
        if sources.len() >= MAX_SOURCES && !sources.contains_key(&source) {
            sources.retain(|_, tally| tally.at(now).count > 0);
            // Still full: an attack from everywhere. Forgetting all of it bounds memory and costs the
            // attackers nothing they would not get by waiting.
            if sources.len() >= MAX_SOURCES {
                sources.clear();
            }
        }
        let tally = sources.entry(source).or_insert(Tally {
            count: 0,
            since: now,
        });
        let mut current = tally.at(now);
        if current.count == 0 {
            current.since = now;
        }
        current.count = (current.count + 1).min(BURST + 1);
        *tally = current;
        (current.count > BURST)
            .then(|| FORGET_ONE.saturating_sub(now.saturating_duration_since(current.since)))
    }
}

/// A request's place among those of its source that wait.
struct Place<'w> {
    waiting: &'w Mutex<HashMap<IpAddr, u32>>,
    source: IpAddr,
}

impl<'w> Place<'w> {
    fn take(waiting: &'w Mutex<HashMap<IpAddr, u32>>, source: IpAddr) -> Option<Self> {
        let mut all = waiting.lock().expect("no panic while the lock is held");
        let count = all.entry(source).or_default();
        if *count >= MAX_WAITING {
            return None;
        }
        *count += 1;
        Some(Self { waiting, source })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let all = self.waiting.lock();
        let mut all = all.expect("no panic while the lock is held");
        if let Some(count) = all.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.source);
            }
        }
    }
}

fn network_of(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_that_fails_too_often_is_told_to_wait_and_others_are_not() {
        let failures = Failures::default();
        let now = Instant::now();
        for _ in 0..BURST {
            assert_eq!(failures.count(ip("192.0.2.1"), now), None);
        }
        assert!(failures.count(ip("192.0.2.1"), now).is_some());
        assert_eq!(failures.count(ip("192.0.2.2"), now), None);
    }

    #[tokio::test]
    async fn who_failed_too_often_is_heard_one_at_a_time_and_in_order() {
        let failures = Failures::default();
        let now = Instant::now();
        let (one, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        for _ in 0..=BURST {
            failures.count(one, now);
            failures.count(other, now);
        }
        let first = failures.turn(one, now).await.unwrap();
        assert!(first.is_some());
        let free = failures.turn(ip("192.0.2.3"), now).await;
        assert!(free.unwrap().is_none());
        let heard = Mutex::new(Vec::new());
        let waits = async |name: &'static str, source| {
            let turn = failures.turn(source, now).await.unwrap();
            heard.lock().unwrap().push(name);
            drop(turn);
        };
        tokio::join!(
            biased;
            waits("a guess", one),
            waits("the right password", one),
            waits("another address", other),
            async { drop(first) },
        );
        let heard = heard.into_inner().unwrap();
        assert_eq!(heard, ["a guess", "the right password", "another address"]);
        assert!(failures.waiting.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_nor_in_a_queue_without_end() {
        let failures = Failures {
            patience: Duration::ZERO,
            ..Failures::default()
        };
        let now = Instant::now();
        let source = ip("192.0.2.1");
        for _ in 0..=BURST {
            failures.count(source, now);
        }
        let first = failures.turn(source, now).await.unwrap();
        assert!(failures.turn(source, now).await.is_err(), "its time is up");
        drop(first);
        let take = |_| Place::take(&failures.waiting, source);
        let places: Vec<_> = (0..MAX_WAITING).map(take).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(failures.turn(source, now).await.is_err(), "no place left");
        drop(places);
        assert!(failures.turn(source, now).await.is_ok());
    }

    #[test]
    fn failures_are_forgotten_with_time() {
        let failures = Failures::default();
        let now = Instant::now();
        for _ in 0..=BURST {
            failures.count(ip("192.0.2.1"), now);
        }
        let wait = failures.count(ip("192.0.2.1"), now).unwrap();
        assert!(wait <= FORGET_ONE);
        assert_eq!(failures.count(ip("192.0.2.1"), now + FORGET_ONE * 30), None);
    }

    #[test]
    fn an_ipv6_source_is_its_network_and_a_mapped_one_its_ipv4_address() {
        assert_eq!(
            network_of(ip("2001:db8::1")),
            network_of(ip("2001:db8::ffff"))
        );
        assert_ne!(
            network_of(ip("2001:db8::1")),
            network_of(ip("2001:db8:0:1::1"))
        );
        assert_eq!(network_of(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn memory_stays_bounded_however_many_sources_fail() {
        let failures = Failures::default();
        let now = Instant::now();
        for n in 0..40_000_u32 {
            failures.count(IpAddr::from(n.to_be_bytes()), now);
        }
        assert!(failures.sources.lock().unwrap().len() <= MAX_SOURCES);
    }
}
