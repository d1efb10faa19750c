//! Calls of a former run: those whose snapshot can be read go on, the others get their one terminal event. A drill of
//! `--dev` has neither snapshot nor events; its record ends.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::engine::Engine;
use hookswitch_call::event::{Event, EventKind};
use hookswitch_call::id::CallId;
use hookswitch_call::outcome::Outcome;
use hookswitch_call::record::{CallRecord, CallState, Direction};
use hookswitch_sip::time::Now;
use hookswitch_store::{Batch, CallKey, UnixMicros, events, snapshots};

use super::body::Keys;
use super::{Outlet, rows};
use crate::shard::Tallies;

/// A call that a former run left behind, as the store has it.
#[derive(Debug)]
pub struct Leftover {
    key: CallKey,
    sealed: Vec<u8>,
    record: Option<String>,
}

impl Leftover {
    /// The call.
    pub const fn call(&self) -> CallId {
        CallId::from_u128(self.key.0)
    }
}

/// What became of calls of a former run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// They go on, or leave in peace.
    pub taken: usize,
    /// They could not be taken up, and are over.
    pub ended: usize,
    /// Where the peers of those that go on speak from.
    pub peers: BTreeSet<IpAddr>,
}

impl Outlet {
    /// Every call that a former run left behind. Blocks on the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn leftovers(&self) -> hookswitch_store::Result<Vec<Leftover>> {
        let mut left = Vec::new();
        self.store.read(|db| {
            snapshots::each(db, |key, sealed, record| {
                left.push(Leftover {
                    key,
                    sealed,
                    record,
                });
            })
        })?;
        Ok(left)
    }

    /// Gives calls back to the engine that owns them; what that has to say is still in its outputs afterwards. A call
    /// whose snapshot cannot be read gets its terminal event. Blocks on the store.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn restore(
        &self,
        now: Now,
        engine: &mut Engine,
        left: Vec<Leftover>,
    ) -> hookswitch_store::Result<Restored> {
        let mut restored = Restored::default();
        for leftover in left {
            let call = leftover.call();
            let text = leftover.record.as_deref();
            let record = text.and_then(|text| serde_json::from_str::<CallRecord>(text).ok());
            let snapshot = rows::read_snapshot(&self.master_key, call, &leftover.sealed);
            match snapshot {
                Ok(Some(snapshot)) => match engine.restore(now, snapshot, record) {
                    Ok(()) => {
                        restored.taken += 1;
                        restored.peers.extend(engine.peer_of(call));
                    }
                    Err(error) => {
                        tracing::error!(%call, %error, "a call of a former run cannot go on");
                        restored.ended += 1;
                    }
                },
                Ok(None) => {
                    self.end(leftover.key, record)?;
                    restored.ended += 1;
                }
                Err(error) => {
                    tracing::error!(%call, error, "the snapshot of a call cannot be read");
                    self.end(leftover.key, record)?;
                    restored.ended += 1;
                }
            }
        }
        if restored.ended > 0 {
            self.store.writer().flush()?;
        }
        Ok(restored)
    }

    /// The end of a call of which only the record and the events can be read.
    fn end(&self, key: CallKey, record: Option<CallRecord>) -> hookswitch_store::Result<()> {
        let mut batch = Batch {
            snapshots: vec![(key, None)],
            ..Batch::default()
        };
        if let Some(mut record) = record.filter(|record| record.state != CallState::Ended) {
            let now = UnixMicros::now();
            let outcome = Arc::new(outcome(&record, now));
            let told = self.store.read(|db| events::of_call(db, key))?;
            if let Some(last) = told.iter().map(|event| event.row.sequence).max() {
                let event = Event {
                    identity: Arc::clone(&record.identity),
                    sequence: last + 1,
                    at_unix_ms: now.0 / 1_000,
                    session_reference_id: record.session_reference_id.clone(),
                    kind: terminal(&record, Arc::clone(&outcome)),
                };
                let callback_id = self.callback_id(&event);
                let body = self.writer.write(&event, Keys::Left);
                let row = rows::event(&self.master_key, &event, callback_id, body);
                batch.events.push(row);
            }
            record.state = CallState::Ended;
            record.times.ended = Some(now.0);
            record.outcome = Some(outcome);
            batch.calls.push(rows::call(&record));
            let mut tallies = Tallies::default();
            tallies.count_call(&record);
            batch.tallies = tallies.take();
        }
        self.store.writer().submit(batch, |_| ())
    }
}

fn terminal(record: &CallRecord, outcome: Arc<Outcome>) -> EventKind {
    let never_answered = record.times.answered.is_none();
    if record.identity.direction == Direction::Outbound && never_answered {
        EventKind::CallFailed { outcome }
    } else {
        EventKind::CallHungup { outcome }
    }
}

fn outcome(record: &CallRecord, now: UnixMicros) -> Outcome {
    let answered = record.times.answered.unwrap_or(now.0);
    Outcome::interrupted().after(Duration::from_micros(now.0.saturating_sub(answered)))
}
