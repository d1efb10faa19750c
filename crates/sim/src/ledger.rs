//! What the engine wrote down, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hookswitch_call::engine::Change;
use hookswitch_call::event::Event;
use hookswitch_call::id::CallId;
use hookswitch_call::record::{CallRecord, CallState};
use hookswitch_sip::event::Commit;

/// Everything written.
#[derive(Debug, Default)]
pub struct Ledger {
    last: Commit,
    events: BTreeMap<CallId, Vec<Arc<Event>>>,
    records: BTreeMap<CallId, CallRecord>,
    snapshots: BTreeSet<CallId>,
}

impl Ledger {
    /// Writes; numbers only grow, and the events of a call have no gap and nothing after the end.
    pub fn write(&mut self, commit: Commit, changes: Vec<Change>) {
        assert!(commit > self.last, "commit numbers only grow");
        self.last = commit;
        for change in changes {
            match change {
                Change::Call(record) => self.write_record(*record),
                Change::Snapshot {
                    call,
                    snapshot: Some(_),
                } => {
                    self.snapshots.insert(call);
                }
                Change::Snapshot {
                    call,
                    snapshot: None,
                } => {
                    self.snapshots.remove(&call);
                }
                Change::Event(event) => self.write_event(event),
            }
        }
    }

    fn write_record(&mut self, record: CallRecord) {
        let call = record.identity.call;
        let before = self.records.insert(call, record);
        if let Some(before) = before {
            assert_ne!(
                before.state,
                CallState::Ended,
                "{call}: written after its end"
            );
            let after = &self.records[&call];
            assert_eq!(
                before.identity, after.identity,
                "{call}: its identity changed"
            );
        }
    }

    fn write_event(&mut self, event: Arc<Event>) {
        let call = event.identity.call;
        let told = self.events.entry(call).or_default();
        let next = u32::try_from(told.len()).expect("there are few events") + 1;
        assert_eq!(event.sequence, next, "{call}: a gap in its events");
        let over = told.iter().any(|event| event.kind.is_terminal());
        assert!(!over, "{call}: {} after the end", event.kind.name());
        told.push(event);
    }

    /// Whether everything that waits for `after` can have been promised.
    pub fn check_promise(&self, after: Commit) {
        assert!(after <= self.last, "a promise comes before its write");
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

    /// The record of a SIP call.
    pub fn record_of(&self, sip_call_id: &str) -> Option<&CallRecord> {
        self.records
            .values()
            .find(|record| *record.identity.sip_call_id == *sip_call_id)
    }

    /// The names of a call's events.
    pub fn story(&self, call: CallId) -> Vec<&'static str> {
        let told = self.events.get(&call).map(Vec::as_slice);
        let names = told
            .unwrap_or_default()
            .iter()
            .map(|event| event.kind.name());
        names.collect()
    }

    /// How often each direction, status and row of events was written down.
    pub fn tally(&self) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        for (call, record) in &self.records {
            let outcome = record.outcome.as_ref();
            let line = format!(
                "{} {:?} {} {:?}",
                record.identity.direction.as_str(),
                outcome.map(|outcome| (outcome.ended_by, outcome.class)),
                outcome.map_or(0, |outcome| outcome.sip_status),
                self.story(*call)
            );
            *tally.entry(line).or_default() += 1;
        }
        tally
    }

    /// When everything is over: one end each, no snapshot left, every record closed.
    pub fn check_closed(&self) {
        for (call, told) in &self.events {
            let ends = told.iter().filter(|event| event.kind.is_terminal()).count();
            assert_eq!(ends, 1, "{call}: {:?}", self.story(*call));
            assert!(self.records.contains_key(call), "{call} has no record");
        }
        for (call, record) in &self.records {
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
            assert!(times.is_sorted(), "{call}: {:?}", record.times);
        }
        assert_eq!(self.snapshots, BTreeSet::new(), "snapshots of ended calls");
    }
}
