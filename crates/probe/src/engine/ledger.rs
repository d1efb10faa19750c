//! What was written, as a disk keeps it, and what must hold of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookswitch_call::CallId;
use hookswitch_call::engine::Change;
use hookswitch_call::event::Event;
use hookswitch_call::record::{CallRecord, CallState, Snapshot};

/// The rows of every call.
#[derive(Clone, Default)]
pub(super) struct Ledger {
    pub(super) calls: BTreeMap<CallId, Rows>,
}

/// What is kept of one call.
#[derive(Clone, Default)]
pub(super) struct Rows {
    /// By sequence; one that could not be written at first comes later.
    pub(super) events: BTreeMap<u32, Arc<Event>>,
    pub(super) record: Option<CallRecord>,
    pub(super) snapshot: Option<Snapshot>,
}

impl Ledger {
    pub(super) fn write(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Call(record) => self.rows(record.identity.call).put_record(record),
                Change::Snapshot { call, snapshot } => {
                    self.rows(*call).snapshot = snapshot.as_deref().cloned();
                }
                Change::Unkept(_) | Change::Placed { .. } => {}
                Change::Event(event) => self.rows(event.identity.call).append(event),
            }
        }
    }

    fn rows(&mut self, call: CallId) -> &mut Rows {
        self.calls.entry(call).or_default()
    }

    /// Drills have no snapshot: their records are ended by the program's start, not by the engine, and nobody writes
    /// again what was refused.
    pub(super) fn forget_drills(&mut self) {
        self.calls.retain(|_, rows| {
            let record = rows.record.as_ref();
            let is_over = record.is_some_and(|record| record.state == CallState::Ended);
            let is_drill = record.is_some_and(|record| record.identity.service.is_none());
            is_over || !is_drill
        });
    }

    /// Whether a snapshot is left of any call.
    pub(super) fn has_leftovers(&self) -> bool {
        self.calls.values().any(|rows| rows.snapshot.is_some())
    }

    /// When everything is over every call is closed, with one end for those that had a beginning.
    pub(super) fn check_closed(&self) {
        for (call, rows) in &self.calls {
            assert!(rows.snapshot.is_none(), "{call}: a snapshot is left");
            let names: Vec<&str> = rows
                .events
                .values()
                .map(|event| event.kind.name())
                .collect();
            let has_gap = rows
                .events
                .keys()
                .zip(1..)
                .any(|(found, next)| *found != next);
            assert!(!has_gap, "{call}: a gap in {names:?}");
            let ends = rows.events.values().map(|event| event.kind.is_terminal());
            let expected = (1..=names.len()).map(|place| place == names.len());
            assert!(ends.eq(expected), "{call}: {names:?}");
            if let Some(record) = &rows.record {
                assert_eq!(record.state, CallState::Ended, "{call} after {names:?}");
                assert!(record.outcome.is_some(), "{call} has no outcome");
            }
        }
    }
}

impl Rows {
    fn put_record(&mut self, record: &CallRecord) {
        if let Some(before) = self.record.replace(record.clone()) {
            assert_ne!(before.state, CallState::Ended, "written after its end");
            assert_eq!(before.identity, record.identity, "another identity");
        }
    }

    fn append(&mut self, event: &Arc<Event>) {
        let before = self.events.insert(event.sequence, event.clone());
        assert_eq!(before, None, "a second event of that number");
    }
}
