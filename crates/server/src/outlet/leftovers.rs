//! Calls that were under way when the program died: each gets its one terminal event.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::event::{Event, EventKind};
use hookswitch_call::id::CallId;
use hookswitch_call::outcome::{Class, EndedBy, Outcome};
use hookswitch_call::record::{CallRecord, CallState, Direction, Snapshot};
use hookswitch_store::{Batch, CallKey, UnixMicros, calls, snapshots};

use super::body::Keys;
use super::{Outlet, rows};

impl Outlet {
    /// Ends every call that a former run left behind, and returns how many there were. Blocks on the store.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn end_leftovers(&self) -> hookswitch_store::Result<usize> {
        let mut left = Vec::new();
        self.store
            .read(|db| snapshots::each(db, |call, sealed, _| left.push((call, sealed))))?;
        for (key, sealed) in &left {
            let call = CallId::from_u128(key.0);
            let mut batch = Batch {
                snapshots: vec![(*key, None)],
                ..Batch::default()
            };
            match rows::read_snapshot(&self.master_key, call, sealed) {
                // Its end is told; only its last message may have been lost.
                Some(snapshot) if snapshot.state == CallState::Ended => {}
                Some(snapshot) => self.end_leftover(*key, &snapshot, &mut batch)?,
                None => tracing::error!(%call, "the snapshot of a call cannot be read"),
            }
            self.store.writer().submit(batch, |_| ())?;
        }
        self.store.writer().flush()?;
        Ok(left.len())
    }

    fn end_leftover(
        &self,
        key: CallKey,
        snapshot: &Snapshot,
        batch: &mut Batch,
    ) -> hookswitch_store::Result<()> {
        let identity = &snapshot.identity;
        let now = UnixMicros::now();
        let outcome = Arc::new(outcome(snapshot, now));
        let kept = self
            .store
            .read(|db| calls::find(db, &identity.domain, key))?;
        let record = kept.and_then(|row| serde_json::from_str::<CallRecord>(&row.record).ok());
        if let Some(mut record) = record {
            record.state = CallState::Ended;
            record.times.ended = Some(now.0);
            record.outcome = Some(Arc::clone(&outcome));
            batch.calls.push(rows::call(&record));
        }
        if snapshot.sequence == 0 {
            return Ok(());
        }
        let never_answered = snapshot.times.answered.is_none();
        let event = Event {
            identity: Arc::clone(identity),
            sequence: snapshot.sequence + 1,
            at_unix_ms: now.0 / 1_000,
            session_reference_id: snapshot.session_reference_id.clone(),
            kind: if identity.direction == Direction::Outbound && never_answered {
                EventKind::CallFailed { outcome }
            } else {
                EventKind::CallHungup { outcome }
            },
        };
        let callback_id = self.callback_id(&event);
        let body = self.writer.write(&event, Keys::Left);
        batch
            .events
            .push(rows::event(&self.master_key, &event, callback_id, body));
        Ok(())
    }
}

fn outcome(snapshot: &Snapshot, now: UnixMicros) -> Outcome {
    let ended = match snapshot.times.answered {
        Some(answered) => Outcome::hung_up(
            EndedBy::System,
            Duration::from_micros(now.0.saturating_sub(answered)),
        ),
        None => Outcome::failed(EndedBy::System, 500, "The server was restarted"),
    };
    ended.of_class(Class::Internal)
}
