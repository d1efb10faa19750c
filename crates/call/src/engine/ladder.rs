//! SIP messages of recorded calls for the log, without keys and credentials; those of no call are in `stray.rs`.

use std::borrow::Cow;

use bytes::Bytes;
use hookswitch_sip::event::{LegId, Transmit};
use hookswitch_sip::flow::Flow;
use hookswitch_sip::hash::KeyedHash;
use hookswitch_sip::time::Now;

use super::redact::redacted;
use super::{Engine, LogEntry, Output, Owner, Party};
use crate::id::CallId;

/// How many different messages of a call are told apart from their copies.
const MOST_SEEN: usize = 64;

/// A call with a ladder, and what it has received so far.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) call: CallId,
    seen: Vec<u64>,
    /// Which message needs a new snapshot before it leaves.
    pub(super) before: Before,
    /// Requests of ours that the stored snapshot does not know.
    unwritten: u16,
    /// Ended, with a snapshot that is kept until the leg settles.
    pub(super) leaving: bool,
    /// The leg owed nothing any more; what a stray fork makes it owe since is not worth a snapshot.
    pub(super) settled: bool,
}

/// A message of ours that a restart would not understand from the stored snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// Every INVITE that is not a copy: its branch is new.
    Invite,
    /// The 2xx, which waits for a PRACK.
    Answer,
}

/// A restart leaps over so many CSeq numbers at least, whatever the snapshot does not know; a good part of them is kept
/// in reserve.
const MOST_UNWRITTEN: u16 = 500;

impl Known {
    pub(super) const fn new(call: CallId) -> Self {
        Self {
            call,
            seen: Vec::new(),
            before: Before::Nothing,
            unwritten: 0,
            leaving: false,
            settled: false,
        }
    }

    /// The next request of ours has a CSeq number beyond the leap: another restart has to leap from there.
    pub(super) const fn handle_restart(&mut self) {
        self.unwritten = MOST_UNWRITTEN;
    }

    /// Counts a message of ours; whether it needs a new snapshot for the sake of its CSeq number.
    pub(super) fn count_request(&mut self, bytes: &[u8]) -> bool {
        if !bytes.starts_with(b"SIP/2.0") {
            self.unwritten = self.unwritten.saturating_add(1);
        }
        self.unwritten > MOST_UNWRITTEN
    }

    /// The new snapshot is on its way.
    pub(super) fn written(&mut self) {
        self.unwritten = 0;
        if self.before == Before::Answer {
            self.before = Before::Nothing;
        }
    }

    /// Whether these bytes came before; remembers them.
    fn is_copy(&mut self, key: &KeyedHash, bytes: &[u8]) -> bool {
        let hash = key.short(&[bytes]);
        if self.seen.contains(&hash) {
            return true;
        }
        if self.seen.len() < MOST_SEEN {
            self.seen.push(hash);
        }
        false
    }
}

impl Party {
    fn known(&mut self) -> Option<&mut Known> {
        match self {
            Self::Call(known) | Self::Past(known) => Some(known),
            Self::Drill(drill) => drill.known(),
        }
    }
}

impl Engine {
    pub(super) fn log_received(&mut self, now: Now, flow: Flow, leg: LegId, bytes: &[u8]) {
        let Some(known) = self.legs.get_mut(&leg.0).and_then(Party::known) else {
            return;
        };
        let entry = LogEntry {
            owner: Owner::Call(known.call),
            at_unix_micros: now.unix_micros,
            flow,
            received: true,
            retransmission: known.is_copy(&self.key, bytes),
            bytes: Bytes::from(redacted(bytes).into_owned()),
        };
        self.outputs.push_back(Output::Log(entry));
    }

    pub(super) fn log_sent(&mut self, now: Now, transmit: &Transmit) {
        let party = transmit.leg.and_then(|leg| self.legs.get_mut(&leg.0));
        let owner = match party {
            Some(party) => party.known().map(|known| Owner::Call(known.call)),
            None => self.named.clone().map(Owner::Tenant),
        };
        let Some(owner) = owner else {
            return;
        };
        let entry = LogEntry {
            owner,
            at_unix_micros: now.unix_micros,
            flow: transmit.flow,
            received: false,
            retransmission: transmit.retransmission,
            bytes: match redacted(&transmit.bytes) {
                Cow::Borrowed(_) => transmit.bytes.clone(),
                Cow::Owned(bytes) => bytes.into(),
            },
        };
        self.outputs.push_back(Output::Log(entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_known_again() {
        let key = KeyedHash::new(&[1; 16]);
        let mut known = Known::new(CallId::from_u128(1));
        assert!(!known.is_copy(&key, b"one"));
        assert!(!known.is_copy(&key, b"two"));
        assert!(known.is_copy(&key, b"one"));
    }
}
