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
    pub(super) events: Vec<Arc<Event>>,
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
                Change::Event(event) => self.rows(event.identity.call).append(event),
            }
        }
    }

    fn rows(&mut self, call: CallId) -> &mut Rows {
        self.calls.entry(call).or_default()
    }

    pub(super) fn has(&self, event: &Arc<Event>) -> bool {
        let rows = self.calls.get(&event.identity.call);
        rows.is_some_and(|rows| rows.events.contains(event))
    }

    /// When everything is over every call is closed, with one end for those that had a beginning.
    pub(super) fn check_closed(&self) {
        for (call, rows) in &self.calls {
            assert!(rows.snapshot.is_none(), "{call}: a snapshot is left");
            let names: Vec<&str> = rows.events.iter().map(|event| event.kind.name()).collect();
            let ends = rows.events.iter().filter(|event| event.kind.is_terminal());
            assert_eq!(ends.count(), usize::from(!names.is_empty()), "{names:?}");
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
        let call = event.identity.call;
        let next = self.events.last().map_or(0, |last| last.sequence) + 1;
        assert_eq!(event.sequence, next, "{call}: a gap");
        let over = self.events.iter().any(|event| event.kind.is_terminal());
        assert!(!over, "{call}: {} after the end", event.kind.name());
        self.events.push(event.clone());
    }
}
