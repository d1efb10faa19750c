//! What one step of the call path writes, as data.

use crate::idempotency::{self, Placed};
use crate::statistics::{self, Tally};
use crate::{
    CallKey, CallRow, DeliveryUpdate, EventRow, LadderRow, Result, Write, calls, events, ladder,
    snapshots,
};

/// Rows that count together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Call records, inserted or brought up to date.
    pub calls: Vec<CallRow>,
    /// Snapshots to keep, or with `None` to forget.
    pub snapshots: Vec<(CallKey, Option<Vec<u8>>)>,
    /// New events, in the order of their cursors.
    pub events: Vec<EventRow>,
    /// Calls that commands with an idempotency key placed.
    pub placed: Vec<Placed>,
    /// SIP log rows.
    pub ladder: Vec<LadderRow>,
    /// What became of events on their way to the customer.
    pub deliveries: Vec<DeliveryUpdate>,
    /// What is to be added to the counts.
    pub tallies: Vec<Tally>,
}

impl Batch {
    /// Number of rows it writes.
    pub fn rows(&self) -> usize {
        self.calls.len()
            + self.snapshots.len()
            + self.events.len()
            + self.placed.len()
            + self.ladder.len()
            + self.deliveries.len()
            + self.tallies.len()
    }

    /// Whether it is only log rows, counts and delivery results: a lost log row is a gap, a lost result a second
    /// delivery.
    pub(crate) fn is_log(&self) -> bool {
        self.calls.is_empty() && self.snapshots.is_empty() && self.events.is_empty()
    }

    /// Whether nobody waits for it: neither for a log, nor for what a call that is over leaves behind to be forgotten.
    pub(crate) fn can_wait(&self) -> bool {
        let only_forgets = self.snapshots.iter().all(|(_, body)| body.is_none());
        self.calls.is_empty() && self.events.is_empty() && only_forgets && self.rows() > 0
    }

    pub(crate) fn apply(&self, db: &Write<'_>) -> Result<()> {
        for row in &self.calls {
            calls::put(db, row)?;
        }
        for (call, body) in &self.snapshots {
            match body {
                Some(body) => snapshots::put(db, *call, body)?,
                None => snapshots::delete(db, *call)?,
            }
        }
        for row in &self.events {
            events::insert(db, row)?;
        }
        for placed in &self.placed {
            idempotency::note(db, placed)?;
        }
        for row in &self.ladder {
            ladder::insert(db, row)?;
        }
        for update in &self.deliveries {
            events::record_delivery(db, update)?;
        }
        for tally in &self.tallies {
            statistics::add(db, tally)?;
        }
        Ok(())
    }
}
