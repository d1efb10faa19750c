//! Who sends: sources that cause nothing but refusals are told to wait, and are not listened to when they do not.
//!
//! A source is an IPv4 address or an IPv6 /64. Its refusals add up and are forgotten with time. **Good** peers are
//! never held back: networks the operator lists or grants, and whoever had a call with us in the last hour, which is
//! what a stranger cannot bring about by writing another's address into a datagram. An address that is no good peer
//! can be silenced by a forger; the first call admitted from it, or placed to it, ends that at once.
//!
//! Both tables have a fixed size and a keyed hash, so that a flood from everywhere neither fills memory nor aims at
//! one place: in a full set the entry that matters least gives way, and strangers never displace good peers.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hookswitch_sip::hash::KeyedHash;

/// What one refusal adds.
pub(super) const OFFENCE: u32 = 4;
/// What an OPTIONS outside a dialog adds, which is answered and leads nowhere.
pub(super) const PROBE: u32 = 1;
/// What is forgotten in a second.
const FORGET: u32 = 2;
/// From here on a source is told to wait: 20 refusals at once.
const SLOW: u32 = 20 * OFFENCE;
/// From here on it is not listened to: 60 refusals.
const SILENT: u32 = 60 * OFFENCE;
/// For so long.
const SILENCE: Duration = Duration::from_secs(60);
/// A call makes a good peer for so long; session timers speak up more often.
const GOOD: Duration = Duration::from_secs(3_600);
/// Places that share one hash value.
const WAYS: usize = 8;
/// Hash values; with [`WAYS`] 32,768 sources.
const SETS: usize = 4_096;

/// How a source is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Like everybody.
    Open,
    /// New requests are refused, with this Retry-After in seconds.
    Slowed(u32),
    /// Nothing is read.
    Silenced,
}

/// What is known of every source.
pub struct Sources {
    hash: KeyedHash,
    epoch: Instant,
    is_listed: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    strangers: Mutex<Table>,
    good: Mutex<Table>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

impl Sources {
    /// Nobody is known yet. `is_listed` tells which addresses are good whatever they do.
    pub fn new(
        key: &[u8; 16],
        now: Instant,
        is_listed: impl Fn(IpAddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            hash: KeyedHash::new(key),
            epoch: now,
            is_listed: Box::new(is_listed),
            strangers: Mutex::default(),
            good: Mutex::default(),
        }
    }

    /// How a source is treated now.
    pub fn standing(&self, source: IpAddr, now: Instant) -> Standing {
        let (key, at) = (self.key(source), self.millis(now));
        let standing = lock(&self.strangers)
            .find(key)
            .map_or(Standing::Open, |entry| {
                let score = entry.score_at(at);
                match () {
                    () if entry.until > at => Standing::Silenced,
                    () if score >= SLOW => Standing::Slowed(5 + (score - SLOW) / OFFENCE),
                    () => Standing::Open,
                }
            });
        if standing != Standing::Open && self.is_good(source, now) {
            return Standing::Open;
        }
        standing
    }

    /// Whether a source is never held back.
    pub fn is_good(&self, source: IpAddr, now: Instant) -> bool {
        let at = self.millis(now);
        let known = lock(&self.good).find(self.key(source)).copied();
        known.is_some_and(|entry| entry.until > at) || (self.is_listed)(source)
    }

    /// A source caused something that leads nowhere.
    pub fn offended(&self, source: IpAddr, weight: u32, now: Instant) {
        let (key, at) = (self.key(source), self.millis(now));
        let mut strangers = lock(&self.strangers);
        let entry = strangers.entry(key, at);
        entry.score = (entry.score_at(at) + weight).min(SILENT);
        entry.at = at;
        if entry.score == SILENT && entry.until <= at {
            entry.until = at + millis(SILENCE);
            // Who comes back is slowed first, and silenced again when that does not help.
            entry.score = SLOW + FORGET * u32::try_from(SILENCE.as_secs()).unwrap_or(0);
        }
    }

    /// A call with this peer was admitted, placed, or goes on.
    pub fn welcome(&self, source: IpAddr, now: Instant) {
        let (key, at) = (self.key(source), self.millis(now));
        let until = at + millis(GOOD);
        let mut good = lock(&self.good);
        let entry = good.entry(key, at);
        if entry.until < at {
            *lock(&self.strangers).entry(key, at) = Entry::new(key, at);
        }
        entry.until = until;
        entry.at = at;
    }

    fn key(&self, source: IpAddr) -> u64 {
        // 0 marks an empty place.
        self.hash.short(&[&network(source).octets()]).max(1)
    }

    fn millis(&self, now: Instant) -> u64 {
        // An entry's `until` of 0 lies in the past, also in the first millisecond.
        1 + millis(now.saturating_duration_since(self.epoch))
    }
}

/// The least anybody is given: one IPv4 address, one IPv6 /64.
fn network(source: IpAddr) -> Ipv6Addr {
    match source.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is kept of one source.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    key: u64,
    score: u32,
    /// When the score was that, in milliseconds.
    at: u64,
    /// Silenced, or good, until then.
    until: u64,
}

impl Entry {
    const fn new(key: u64, at: u64) -> Self {
        Self {
            key,
            score: 0,
            at,
            until: 0,
        }
    }

    fn score_at(&self, at: u64) -> u32 {
        let forgotten = at.saturating_sub(self.at) * u64::from(FORGET) / 1_000;
        self.score
            .saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }

    /// What gives way first: what is over, then the lowest score, then the oldest.
    fn worth(&self, at: u64) -> (u64, u32, u64) {
        (self.until.saturating_sub(at), self.score_at(at), self.at)
    }
}

/// Sources in sets of [`WAYS`].
#[derive(Debug)]
struct Table {
    sets: Box<[[Entry; WAYS]]>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            sets: vec![[Entry::default(); WAYS]; SETS].into_boxed_slice(),
        }
    }
}

impl Table {
    fn set(&mut self, key: u64) -> &mut [Entry; WAYS] {
        let place = usize::try_from(key % SETS as u64).unwrap_or(0);
        &mut self.sets[place]
    }

    fn find(&mut self, key: u64) -> Option<&Entry> {
        self.set(key).iter().find(|entry| entry.key == key)
    }

    /// The entry of that key, a new one in the least worthy place if there is none.
    fn entry(&mut self, key: u64, at: u64) -> &mut Entry {
        let set = self.set(key);
        let known = set.iter().position(|entry| entry.key == key);
        let place = known.unwrap_or_else(|| {
            let worth = |place: &usize| set[*place].worth(at);
            let least = (0..WAYS).min_by_key(worth).unwrap_or(0);
            set[least] = Entry::new(key, at);
            least
        });
        &mut set[place]
    }
}

#[cfg(test)]
mod tests;
