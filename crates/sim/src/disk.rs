//! The node's disk: writes that take their time, that stall, that are refused, and that a crash tears.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::engine::Change;
use hookswitch_call::event::Event;
use hookswitch_sip::event::Commit;
use hookswitch_sip::time::Instant;

use crate::ledger::Ledger;
use crate::random::Random;

/// A write that is not durable yet.
#[derive(Debug)]
struct Write {
    commit: Commit,
    changes: Vec<Change>,
    began: Instant,
    due: Instant,
}

/// A disk.
#[derive(Debug, Default)]
pub struct Disk {
    /// What lies on it for good.
    pub ledger: Ledger,
    pending: VecDeque<Write>,
    stalled_until: Instant,
    refuses_until: Instant,
}

impl Disk {
    /// Takes a write that will be durable after `latency`, never before an earlier one; or refuses it for ever.
    ///
    /// # Errors
    /// When the write is never made.
    pub fn write(
        &mut self,
        now: Instant,
        latency: Duration,
        commit: Commit,
        changes: Vec<Change>,
    ) -> Result<(), Commit> {
        if now < self.refuses_until {
            return Err(commit);
        }
        let before = self.pending.back().map_or(now, |write| write.due);
        let due = (now + latency).max(before).max(self.stalled_until);
        self.pending.push_back(Write {
            commit,
            changes,
            began: now,
            due,
        });
        Ok(())
    }

    /// When the next write is durable.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pending.front().map(|write| write.due)
    }

    /// The next write that is durable now, with its events.
    pub fn settle(&mut self, now: Instant) -> Option<(Commit, Vec<Arc<Event>>)> {
        let write = self.pending.pop_front_if(|write| write.due <= now)?;
        let events = self.ledger.write(write.commit, write.changes);
        Some((write.commit, events))
    }

    /// When the oldest write without receipt began.
    pub fn oldest(&self) -> Option<Instant> {
        self.pending.front().map(|write| write.began)
    }

    /// How old that is.
    pub fn lag(&self, now: Instant) -> Option<Duration> {
        self.oldest().map(|began| now - began)
    }

    /// Nothing becomes durable until then.
    pub fn stall(&mut self, until: Instant) {
        self.stalled_until = self.stalled_until.max(until);
        for write in &mut self.pending {
            write.due = write.due.max(until);
        }
    }

    /// Every write that begins before then is refused.
    pub fn refuse(&mut self, until: Instant) {
        self.refuses_until = self.refuses_until.max(until);
    }

    /// The node crashes: some of what was under way, in order, is durable all the same, and nobody got a receipt.
    /// Returns the events that survived so, and how many writes did not.
    pub fn tear(&mut self, random: &mut Random) -> (Vec<Arc<Event>>, usize) {
        let count = u64::try_from(self.pending.len()).unwrap_or(0);
        let kept = usize::try_from(random.below(count + 1)).unwrap_or(0);
        let mut events = Vec::new();
        for write in self.pending.drain(..).take(kept) {
            events.extend(self.ledger.write(write.commit, write.changes));
        }
        self.ledger.handle_start();
        self.stalled_until = Instant::default();
        self.refuses_until = Instant::default();
        (events, usize::try_from(count).unwrap_or(0) - kept)
    }
}
