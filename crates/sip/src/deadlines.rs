//! Deadlines as data: one ordered set for a hub of many machines.

use std::collections::BTreeSet;

use crate::time::Instant;

/// The ordered deadlines of a hub; each machine has at most one place in it.
#[derive(Debug)]
pub struct Deadlines<K> {
    set: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Copy> Default for Deadlines<K> {
    fn default() -> Self {
        Self {
            set: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Copy> Deadlines<K> {
    /// Moves `key` from the place it says it has, `filed`, to `wanted`.
    pub fn file(&mut self, key: K, filed: &mut Option<Instant>, wanted: Option<Instant>) {
        if *filed == wanted {
            return;
        }
        if let Some(old) = *filed {
            self.set.remove(&(old, key));
        }
        if let Some(new) = wanted {
            self.set.insert((new, key));
        }
        *filed = wanted;
    }

    /// Takes `key` out of its place.
    pub fn remove(&mut self, key: K, filed: Option<Instant>) {
        if let Some(old) = filed {
            self.set.remove(&(old, key));
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.set.first().map(|(at, _)| *at)
    }

    /// Takes out the earliest machine whose deadline has come; it must be filed anew.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.set.first()?;
        if at > now {
            return None;
        }
        self.set.pop_first();
        Some(key)
    }

    /// How many are filed.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether none is filed.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }
}
