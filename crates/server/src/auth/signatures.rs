//! Signatures that were used: each opens once, for as long as its time would let it open again. Memory is bounded: who
//! signs more than there is room for finds the window in which signatures count narrower, and nobody else does.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Seconds between the time of a signature and ours, either way.
pub const WINDOW: u64 = 300;
/// Signatures remembered of one domain: 200 a second, each for the whole window both ways.
const PER_DOMAIN: usize = 131_072;
/// Signatures remembered in all, some 40 bytes each.
const IN_ALL: usize = 524_288;

/// Why a signature opens nothing, though it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was used.
    Used,
    /// Whether it was used is not known any more: it is older than what is remembered.
    Forgotten,
}

/// The memory.
pub struct Signatures {
    started_at: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    domains: HashMap<Arc<str>, Domain>,
    count: usize,
}

/// What one domain signed, by time, each cut to 128 bits.
struct Domain {
    seen: BTreeSet<(u64, [u8; 16])>,
    /// Of this second and those before it, nothing is known any more.
    forgotten_until: u64,
}

impl Signatures {
    /// Nothing is remembered of the time before `started_at` (Unix seconds), so signatures of that time do not count.
    pub fn since(started_at: u64) -> Self {
        Self {
            started_at,
            inner: Mutex::default(),
        }
    }

    /// Takes a signature that was made at `signed_at` and is looked at now, both in Unix seconds; it must be within the
    /// [`WINDOW`].
    ///
    /// # Errors
    /// It was used before, or may have been.
    pub fn take(
        &self,
        domain: &Arc<str>,
        signature: &[u8; 32],
        signed_at: u64,
        now: u64,
    ) -> Result<(), Spent> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        let oldest = now.saturating_sub(WINDOW);
        let entry = inner.domains.entry(Arc::clone(domain));
        let of_domain = entry.or_insert_with(|| Domain {
            seen: BTreeSet::new(),
            forgotten_until: self.started_at.saturating_sub(1),
        });
        inner.count -= of_domain.forget_before(oldest);
        if signed_at <= of_domain.forgotten_until {
            return Err(Spent::Forgotten);
        }
        let mut short = [0; 16];
        short.copy_from_slice(&signature[..16]);
        if !of_domain.seen.insert((signed_at, short)) {
            return Err(Spent::Used);
        }
        inner.count += 1;
        if of_domain.seen.len() > PER_DOMAIN {
            inner.count -= of_domain.narrow();
        }
        if inner.count > IN_ALL {
            inner.make_room(oldest);
        }
        Ok(())
    }
}

impl Inner {
    /// Of those who signed most, the older half is given up.
    fn make_room(&mut self, oldest: u64) {
        for domain in self.domains.values_mut() {
            self.count -= domain.forget_before(oldest);
        }
        self.domains
            .retain(|_, domain| !domain.seen.is_empty() || domain.forgotten_until >= oldest);
        while self.count > IN_ALL {
            let largest = self
                .domains
                .values_mut()
                .max_by_key(|domain| domain.seen.len());
            let Some(largest) = largest else {
                return;
            };
            self.count -= largest.narrow();
        }
    }
}

impl Domain {
    /// Forgets what is too old to be looked at again; how many those were.
    fn forget_before(&mut self, oldest: u64) -> usize {
        let before = self.seen.len();
        if self.seen.first().is_some_and(|(at, _)| *at < oldest) {
            self.seen = self.seen.split_off(&(oldest, [0; 16]));
        }
        before - self.seen.len()
    }

    /// Forgets the older half, and from now on takes nothing of its time; how many those were.
    fn narrow(&mut self) -> usize {
        let before = self.seen.len();
        if let Some((middle, _)) = self.seen.iter().nth(before / 2).copied() {
            self.seen = self.seen.split_off(&(middle + 1, [0; 16]));
            self.forgotten_until = middle;
        }
        before - self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn signature(number: usize) -> [u8; 32] {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes
    }

    #[test]
    fn a_signature_opens_once_within_its_domain() {
        let signatures = Signatures::since(NOW - 1_000);
        let (acme, other): (Arc<str>, Arc<str>) = ("acme".into(), "other".into());
        let take = |domain, number| signatures.take(domain, &signature(number), NOW, NOW);
        assert_eq!(take(&acme, 1), Ok(()));
        assert_eq!(take(&acme, 1), Err(Spent::Used));
        assert_eq!(take(&acme, 2), Ok(()));
        assert_eq!(take(&other, 1), Ok(()));
        let later = signatures.take(&acme, &signature(1), NOW, NOW + WINDOW);
        assert_eq!(later, Err(Spent::Used));
    }

    #[test]
    fn what_was_signed_before_the_start_may_have_been_used_then() {
        let signatures = Signatures::since(NOW);
        let acme: Arc<str> = "acme".into();
        let take = |at| signatures.take(&acme, &signature(1), at, NOW + 5);
        assert_eq!(take(NOW - 1), Err(Spent::Forgotten));
        assert_eq!(take(NOW), Ok(()));
    }

    #[test]
    fn what_is_too_old_to_come_again_is_not_kept() {
        let signatures = Signatures::since(0);
        let acme: Arc<str> = "acme".into();
        for second in 0..2_000 {
            let now = NOW + second;
            let number = usize::try_from(second).unwrap();
            signatures
                .take(&acme, &signature(number), now, now)
                .unwrap();
        }
        let inner = signatures.inner.lock().unwrap();
        assert_eq!(inner.count, 301);
        assert_eq!(inner.domains[&acme].seen.len(), 301);
    }

    #[test]
    fn who_signs_too_much_narrows_the_window_for_itself_alone() {
        let signatures = Signatures::since(0);
        let (busy, calm): (Arc<str>, Arc<str>) = ("busy".into(), "calm".into());
        signatures
            .take(&calm, &signature(0), NOW - 200, NOW)
            .unwrap();
        for number in 0..=PER_DOMAIN {
            let at = NOW - 100 + number as u64 / 1_000;
            signatures.take(&busy, &signature(number), at, NOW).unwrap();
        }
        let old = signatures.take(&busy, &signature(0), NOW - 100, NOW);
        assert_eq!(old, Err(Spent::Forgotten), "it is refused, not taken again");
        let late = PER_DOMAIN;
        let at = NOW - 100 + late as u64 / 1_000;
        let again = signatures.take(&busy, &signature(late), at, NOW);
        assert_eq!(again, Err(Spent::Used));
        let calm_again = signatures.take(&calm, &signature(0), NOW - 200, NOW);
        assert_eq!(calm_again, Err(Spent::Used));
    }

    #[test]
    fn memory_stays_bounded_however_many_domains_sign() {
        let signatures = Signatures::since(0);
        let domains: Vec<Arc<str>> = (0..8).map(|n| format!("d{n}").into()).collect();
        for number in 0..100_000 {
            for domain in &domains {
                let at = NOW - 100 + number as u64 / 1_000;
                let _ = signatures.take(domain, &signature(number), at, NOW);
            }
        }
        let inner = signatures.inner.lock().unwrap();
        let kept: usize = inner.domains.values().map(|domain| domain.seen.len()).sum();
        assert_eq!(inner.count, kept);
        assert!(kept <= IN_ALL, "{kept}");
    }
}
