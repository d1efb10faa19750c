//! What lies on the node's disk for good, and what must hold of it whatever crashed in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookswitch_call::engine::Change;
use hookswitch_call::event::Event;
use hookswitch_call::id::CallId;
use hookswitch_call::record::{CallRecord, CallState, Direction, Snapshot};
use hookswitch_sip::event::Commit;

/// Everything written for good.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The last write of this run of the node.
    last: Commit,
    events: BTreeMap<CallId, Vec<Arc<Event>>>,
    records: BTreeMap<CallId, CallRecord>,
    /// As octets, for that is all a new program gets.
    snapshots: BTreeMap<CallId, Vec<u8>>,
    /// The calls that commands placed, by their keys.
    placed: BTreeMap<Arc<str>, CallId>,
    /// The clock was set, so times in records may run backwards.
    pub clock_was_set: bool,
    /// Writes were refused: the first of a placed call may be among them, whose command then was told so.
    pub has_refused: bool,
}

impl Ledger {
    /// The node starts anew, and counts its writes from 1.
    pub const fn handle_start(&mut self) {
        self.last = Commit(0);
    }

    /// Writes; numbers only grow, and the events of a call have no gap and nothing after the end. Returns the events.
    pub fn write(&mut self, commit: Commit, changes: Vec<Change>) -> Vec<Arc<Event>> {
        assert!(commit > self.last, "commit numbers only grow");
        self.last = commit;
        let mut events = Vec::new();
        let mut placed = None;
        let mut begun = None;
        for change in changes {
            match change {
                Change::Call(record) => {
                    let is_new = !self.records.contains_key(&record.identity.call);
                    if is_new && record.identity.direction == Direction::Outbound {
                        begun = Some(record.identity.call);
                    }
                    self.write_record(*record);
                }
                Change::Snapshot {
                    call,
                    snapshot: Some(snapshot),
                } => {
                    self.snapshots.insert(call, snapshot.encode());
                }
                Change::Snapshot {
                    call,
                    snapshot: None,
                } => {
                    self.snapshots.remove(&call);
                }
                // Worlds have no record that only the program's start ends.
                Change::Unkept(_) => {}
                Change::Placed { key, call, .. } => {
                    let before = self.placed.insert(key, call);
                    assert_eq!(before, None, "{call}: its command had placed another");
                    placed = Some(call);
                }
                Change::Event(event) => {
                    self.write_event(&event);
                    events.push(event);
                }
            }
        }
        assert!(
            placed == begun || (placed.is_none() && self.has_refused),
            "a call and the key of its command are written at once: {begun:?} {placed:?}"
        );
        events
    }

    fn write_record(&mut self, record: CallRecord) {
        let call = record.identity.call;
        if let Some(before) = self.records.get(&call) {
            assert_ne!(
                before.state,
                CallState::Ended,
                "{call}: written after its end"
            );
            assert_eq!(
                before.identity, record.identity,
                "{call}: its identity changed"
            );
        }
        self.records.insert(call, record);
    }

    fn write_event(&mut self, event: &Arc<Event>) {
        let call = event.identity.call;
        let told = self.events.entry(call).or_default();
        let next = u32::try_from(told.len()).expect("there are few events") + 1;
        assert_eq!(event.sequence, next, "{call}: a gap in its events");
        let over = told.iter().any(|event| event.kind.is_terminal());
        assert!(!over, "{call}: {} after the end", event.kind.name());
        told.push(event.clone());
    }

    /// Whether `event` is among what was written.
    pub fn has(&self, event: &Arc<Event>) -> bool {
        let told = self.events.get(&event.identity.call);
        told.is_some_and(|told| told.contains(event))
    }

    /// Every call that has events.
    pub fn calls(&self) -> Vec<CallId> {
        self.events.keys().copied().collect()
    }

    /// The record of a call.
    pub fn record(&self, call: CallId) -> Option<&CallRecord> {
        self.records.get(&call)
    }

    /// The call that the command with this key placed.
    pub fn placed(&self, key: &str) -> Option<CallId> {
        self.placed.get(key).copied()
    }

    /// What a restart takes up: every snapshot with the record of its call.
    pub fn snapshots(&self) -> impl Iterator<Item = (Snapshot, Option<CallRecord>)> {
        self.snapshots.iter().map(|(call, octets)| {
            let snapshot = Snapshot::decode(octets).expect("it was written by the same program");
            (snapshot, self.records.get(call).cloned())
        })
    }

    /// When everything is over: one end each, no snapshot left, every record closed.
    pub fn check_closed(&self) {
        for (call, told) in &self.events {
            let names: Vec<_> = told.iter().map(|event| event.kind.name()).collect();
            let ends = told.iter().filter(|event| event.kind.is_terminal()).count();
            assert_eq!(ends, 1, "{call}: {names:?}");
            assert!(self.records.contains_key(call), "{call} has no record");
        }
        // Drill calls are not kept over a restart, and nobody closes their records then.
        let is_kept = |record: &CallRecord| !record.identity.destination_user.starts_with("drill-");
        for (call, record) in self.records.iter().filter(|(_, record)| is_kept(record)) {
            assert_eq!(record.state, CallState::Ended, "{call}: {record:#?}");
            assert!(record.outcome.is_some(), "{call} has no outcome");
            let times = [
                Some(record.times.offered),
                record.times.ringing,
                record.times.answered,
                record.times.confirmed,
                record.times.ended,
            ];
            let times: Vec<u64> = times.into_iter().flatten().collect();
            assert!(
                self.clock_was_set || times.is_sorted(),
                "{call}: {:?}",
                record.times
            );
        }
        let left: Vec<_> = self.snapshots.keys().collect();
        assert!(left.is_empty(), "snapshots of ended calls: {left:?}");
    }
}
