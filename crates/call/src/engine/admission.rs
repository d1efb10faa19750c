//! How many calls are let in: the node's limits and each domain's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_sip::time::Instant;

use crate::directory::{Directory, Settings};

/// Limits of one shard.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most calls at a time.
    pub max_calls: Option<u32>,
    /// The most new calls in a second.
    pub max_calls_per_second: Option<u32>,
    /// The longest a call may ring, where neither domain nor command says otherwise; 180 s.
    pub ring_timeout: Duration,
    /// The longest a call may last, where the domain does not say otherwise.
    pub max_call_duration: Option<Duration>,
    /// How long beyond the callback timeout to wait for the answer of an ask; 5 s.
    pub ask_patience: Duration,
    /// Retry-After of a 503; 10 s.
    pub retry_after: Duration,
    /// The most records of refused calls in a second; 100. More are only counted.
    pub refusals_per_second: u32,
    /// The most messages of no call logged in a second; 500. More are only counted.
    pub strays_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_calls: None,
            max_calls_per_second: None,
            ring_timeout: Duration::from_secs(180),
            max_call_duration: None,
            ask_patience: Duration::from_secs(5),
            retry_after: Duration::from_secs(10),
            refusals_per_second: 100,
            strays_per_second: 500,
        }
    }
}

/// Why no further call is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The node is being stopped.
    Draining,
    /// The store has not answered for a second.
    StoreAway,
    /// Messages wait too long before they are read.
    Late,
    /// The node has as many calls as it may.
    NodeCalls,
    /// The node gets more calls in a second than it may take.
    NodeRate,
    /// The domain has as many calls as it may.
    DomainCalls,
    /// The domain gets more calls in a second than it may.
    DomainRate,
}

impl Full {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Draining,
        Self::StoreAway,
        Self::Late,
        Self::NodeCalls,
        Self::NodeRate,
        Self::DomainCalls,
        Self::DomainRate,
    ];

    /// One word for a metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::StoreAway => "store_away",
            Self::Late => "late",
            Self::NodeCalls => "node_calls",
            Self::NodeRate => "node_rate",
            Self::DomainCalls => "domain_calls",
            Self::DomainRate => "domain_rate",
        }
    }

    /// Whether the refusal is to cost as little as can be: no look at the tenant, no record.
    pub(super) const fn is_brief(self) -> bool {
        matches!(self, Self::StoreAway | Self::Late)
    }

    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::StoreAway => "the database does not answer at the moment",
            Self::Late => "the node has more to do than it can",
            Self::Draining => "the node is being stopped",
            Self::NodeCalls => "the node has as many calls as it may",
            Self::NodeRate => "the node gets more calls in a second than it may take",
            Self::DomainCalls => "the domain has as many calls as it may",
            Self::DomainRate => "the domain gets more calls in a second than it may",
        }
    }
}

/// The doorkeeper of one shard.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) draining: bool,
    store_away: Strain,
    late: Strain,
    limits: Limits,
    /// Domain limits are the whole node's, and each shard keeps its share.
    shards: u32,
    calls: u32,
    rate: Bucket,
    refusals: Bucket,
    strays: Bucket,
    domains: BTreeMap<Arc<str>, Load>,
}

/// A load that shuts the door above one value and opens it below another.
#[derive(Clone, Copy, Debug)]
struct Strain {
    above: Duration,
    below: Duration,
    is_on: bool,
}

/// How long a write may take.
const STORE_LAG: Strain = Strain {
    above: Duration::from_secs(1),
    below: Duration::from_millis(200),
    is_on: false,
};
/// How long a message may wait.
const INBOX_AGE: Strain = Strain {
    above: Duration::from_millis(100),
    below: Duration::from_millis(20),
    is_on: false,
};

impl Strain {
    fn handle(&mut self, value: Duration) {
        self.is_on = if self.is_on {
            value >= self.below
        } else {
            value > self.above
        };
    }
}

#[derive(Debug, Default)]
struct Load {
    calls: u32,
    rate: Bucket,
}

impl Admission {
    pub(super) fn new(limits: Limits, shards: u16) -> Self {
        Self {
            draining: false,
            store_away: STORE_LAG,
            late: INBOX_AGE,
            limits,
            shards: u32::from(shards).max(1),
            calls: 0,
            rate: Bucket::default(),
            refusals: Bucket::default(),
            strays: Bucket::default(),
            domains: BTreeMap::new(),
        }
    }

    /// Whether the node takes one more call; counts it against the rate.
    pub(super) fn enter_node(&mut self, now: Instant) -> Result<(), Full> {
        if self.draining {
            return Err(Full::Draining);
        }
        if self.store_away.is_on {
            return Err(Full::StoreAway);
        }
        if self.late.is_on {
            return Err(Full::Late);
        }
        if self.limits.max_calls.is_some_and(|most| self.calls >= most) {
            return Err(Full::NodeCalls);
        }
        match self.limits.max_calls_per_second {
            Some(rate) if !self.rate.take(now, rate) => Err(Full::NodeRate),
            _ => Ok(()),
        }
    }

    /// Whether the node would not take one more call. Nothing is counted.
    pub(super) fn is_full(&mut self, now: Instant) -> bool {
        self.draining
            || self.store_away.is_on
            || self.late.is_on
            || self.limits.max_calls.is_some_and(|most| self.calls >= most)
            || self
                .limits
                .max_calls_per_second
                .is_some_and(|rate| !self.rate.has_one(now, rate))
    }

    pub(super) fn handle_store_lag(&mut self, lag: Duration) {
        self.store_away.handle(lag);
    }

    pub(super) fn handle_inbox_age(&mut self, age: Duration) {
        self.late.handle(age);
    }

    /// Whether the domain takes one more call; counts it against the domain's rate.
    pub(super) fn enter_domain(
        &mut self,
        now: Instant,
        domain: &Arc<str>,
        settings: &Settings,
    ) -> Result<(), Full> {
        if settings.max_calls.is_none() && settings.max_calls_per_second.is_none() {
            return Ok(());
        }
        let shards = self.shards;
        let load = self.domains.entry(domain.clone()).or_default();
        let most = settings.max_calls.map(|most| most.div_ceil(shards));
        if most.is_some_and(|most| load.calls >= most) {
            return Err(Full::DomainCalls);
        }
        match settings.max_calls_per_second {
            Some(rate) if !load.rate.take(now, rate.div_ceil(shards)) => Err(Full::DomainRate),
            _ => Ok(()),
        }
    }

    /// A call began; drills have no domain.
    pub(super) fn began(&mut self, domain: Option<&Arc<str>>) {
        self.calls += 1;
        if let Some(domain) = domain {
            self.domains.entry(domain.clone()).or_default().calls += 1;
        }
    }

    /// A call ended.
    pub(super) fn ended(&mut self, domain: Option<&Arc<str>>) {
        self.calls = self.calls.saturating_sub(1);
        if let Some(load) = domain.and_then(|domain| self.domains.get_mut(domain)) {
            load.calls = load.calls.saturating_sub(1);
        }
    }

    /// Whether one more refused call may be recorded.
    pub(super) fn may_record_refusal(&mut self, now: Instant) -> bool {
        self.refusals.take(now, self.limits.refusals_per_second)
    }

    /// Whether one more message of no call may be logged.
    pub(super) fn may_log_stray(&mut self, now: Instant) -> bool {
        self.strays.take(now, self.limits.strays_per_second)
    }

    /// Forgets domains that are gone.
    pub(super) fn handle_directory(&mut self, directory: &Directory) {
        self.domains
            .retain(|domain, load| load.calls > 0 || directory.tenant(domain).is_some());
    }
}

/// A token bucket that holds one second's worth.
#[derive(Debug, Default)]
struct Bucket {
    /// In millionths of a call.
    tokens: u64,
    filled_at: Option<Instant>,
}

impl Bucket {
    const ONE: u64 = 1_000_000;

    fn take(&mut self, now: Instant, rate: u32) -> bool {
        let enough = self.has_one(now, rate);
        if enough {
            self.tokens -= Self::ONE;
        }
        enough
    }

    fn has_one(&mut self, now: Instant, rate: u32) -> bool {
        let full = u64::from(rate) * Self::ONE;
        self.tokens = match self.filled_at {
            None => full,
            Some(at) => {
                let micros =
                    u64::try_from(now.saturating_since(at).as_micros()).unwrap_or(u64::MAX);
                let gained = micros.saturating_mul(u64::from(rate));
                self.tokens.saturating_add(gained).min(full)
            }
        };
        self.filled_at = Some(now);
        self.tokens >= Self::ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    #[test]
    fn a_bucket_lets_through_its_rate_and_refills() {
        let mut bucket = Bucket::default();
        let taken = (0..20).filter(|_| bucket.take(at(0), 10)).count();
        assert_eq!(taken, 10);
        assert!(!bucket.take(at(50), 10), "half a call has dripped in");
        assert!(bucket.take(at(110), 10));
        let taken = (0..20).filter(|_| bucket.take(at(60_000), 10)).count();
        assert_eq!(taken, 10, "it holds no more than a second's worth");
        assert!(
            !Bucket::default().take(at(0), 0),
            "a rate of 0 lets nothing in"
        );
    }

    #[test]
    fn the_limits_of_node_and_domain_are_kept_apart() {
        let limits = Limits {
            max_calls: Some(3),
            ..Limits::default()
        };
        let mut door = Admission::new(limits, 2);
        let domain: Arc<str> = "a.example".into();
        let settings = Settings {
            max_calls: Some(3),
            ..Settings::default()
        };
        for _ in 0..2 {
            assert_eq!(door.enter_node(at(0)), Ok(()));
            assert_eq!(door.enter_domain(at(0), &domain, &settings), Ok(()));
            door.began(Some(&domain));
        }
        assert_eq!(
            door.enter_domain(at(0), &domain, &settings),
            Err(Full::DomainCalls),
            "half of three, rounded up"
        );
        door.began(None);
        assert_eq!(door.enter_node(at(0)), Err(Full::NodeCalls));
        door.ended(None);
        door.ended(Some(&domain));
        assert_eq!(door.enter_node(at(0)), Ok(()));
        assert_eq!(door.enter_domain(at(0), &domain, &settings), Ok(()));
        door.draining = true;
        assert_eq!(door.enter_node(at(0)), Err(Full::Draining));
    }

    #[test]
    fn a_slow_store_shuts_the_door_above_a_second_and_opens_it_below_a_fifth() {
        let mut door = Admission::new(Limits::default(), 1);
        let mut enter = |millis| {
            door.handle_store_lag(Duration::from_millis(millis));
            door.enter_node(at(0))
        };
        assert_eq!(enter(1_000), Ok(()));
        assert_eq!(enter(1_001), Err(Full::StoreAway));
        assert_eq!(enter(201), Err(Full::StoreAway));
        assert_eq!(enter(200), Err(Full::StoreAway));
        assert_eq!(enter(199), Ok(()));
        assert_eq!(enter(900), Ok(()), "it shuts at a second again");
    }

    #[test]
    fn an_old_inbox_shuts_the_door_above_100_ms_and_opens_it_below_20() {
        let mut door = Admission::new(Limits::default(), 1);
        let mut enter = |millis| {
            door.handle_inbox_age(Duration::from_millis(millis));
            door.enter_node(at(0))
        };
        assert_eq!(enter(100), Ok(()));
        assert_eq!(enter(101), Err(Full::Late));
        assert_eq!(enter(20), Err(Full::Late));
        assert_eq!(enter(19), Ok(()));
    }

    #[test]
    fn every_reason_has_a_name_and_a_place_of_its_own() {
        for (place, full) in Full::ALL.into_iter().enumerate() {
            assert_eq!(full as usize, place);
            assert_eq!(
                Full::ALL
                    .iter()
                    .filter(|other| other.as_str() == full.as_str())
                    .count(),
                1
            );
        }
    }
}
