//! Legs on their way out: ended for the layer above, until nothing is repeated or waited for.

use std::collections::{BTreeSet, HashSet};

use super::UserAgent;
use crate::event::{Commit, EventKind, LegId, Output};
use crate::hash::AlreadyHashed;
use crate::leg::Stage;
use crate::transaction::key::TransactionKey;

/// Who owes what.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Ended legs that were not told settled yet.
    legs: HashSet<u64, AlreadyHashed>,
    /// The unfinished transactions of every leg: requests without final response, refusals without ACK.
    owed: BTreeSet<(LegId, TransactionKey)>,
    /// Legs that may owe nothing any more.
    doubtful: Vec<LegId>,
}

impl Leaving {
    pub(super) fn len(&self) -> usize {
        self.legs.len()
    }

    pub(super) fn contains(&self, leg: LegId) -> bool {
        self.legs.contains(&leg.0)
    }

    /// The leg is over.
    pub(super) fn enter(&mut self, leg: LegId) {
        self.legs.insert(leg.0);
        self.doubtful.push(leg);
    }

    pub(super) fn owe(&mut self, leg: LegId, key: TransactionKey) {
        self.owed.insert((leg, key));
    }

    pub(super) fn pay(&mut self, leg: LegId, key: TransactionKey) {
        self.owed.remove(&(leg, key));
        if self.legs.contains(&leg.0) {
            self.doubtful.push(leg);
        }
    }

    /// What the leg has unfinished.
    pub(super) fn owed_by(&self, leg: LegId) -> impl Iterator<Item = TransactionKey> {
        let (first, last) = (TransactionKey(0), TransactionKey(u128::MAX));
        let owed = self.owed.range((leg, first)..=(leg, last));
        owed.map(|(_, key)| *key)
    }

    /// A leg that owes nothing any more; each comes once.
    fn settle(&mut self) -> Option<LegId> {
        while let Some(leg) = self.doubtful.pop() {
            if self.owed_by(leg).next().is_none() && self.legs.remove(&leg.0) {
                return Some(leg);
            }
        }
        None
    }
}

impl UserAgent {
    /// Tells which ended legs owe nothing any more.
    pub(super) fn settle_legs(&mut self) {
        while let Some(leg) = self.leaving.settle() {
            self.tell(leg, EventKind::Settled);
        }
    }

    /// What the leg sent and `poll_output` has not handed out yet, and everything it repeats from now on, waits for
    /// `after` too.
    pub fn hold(&mut self, leg: LegId, after: Commit) {
        for output in &mut self.outputs {
            if let Output::Transmit(transmit) = output
                && transmit.leg == Some(leg)
            {
                transmit.after = transmit.after.max(after);
            }
        }
        for key in self.leaving.owed_by(leg) {
            if let Some(client) = self.clients.get_mut(&key.0) {
                client.after = client.after.max(after);
            } else if let Some(server) = self.servers.get_mut(&key.0) {
                server.after = server.after.max(after);
            }
        }
        let Some(leg) = self.legs.get_mut(&leg.0) else {
            return;
        };
        if let Stage::Calling(calling) = &mut leg.stage {
            calling.draft.after = calling.draft.after.max(after);
        }
        if let Some(accepted) = leg.accepted.as_mut() {
            accepted.after = accepted.after.max(after);
        }
    }
}
