//! Events of calls, and at the same time the outbox from which they are told to customers.

mod again;
mod delivery;
mod outbox;
mod range;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use crate::sql::{Row, values};
use crate::{CallKey, Read, Result, SealedText, UnixMicros, Write};

pub use again::{Held, give_up, held, next_due};
pub(crate) use delivery::record_delivery;
pub use delivery::{DeliveryOutcome, DeliveryUpdate, Try, replay};
pub use outbox::{Backlog, COUNTED, backlog, due};
pub use range::{Filter, Replayed, after, range, replay_range};

/// A new event; it waits for delivery from its commit on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRow {
    /// Names the delivery for good. It is kept, not searched for: `call` and `sequence` name the event as well.
    pub webhook_id: String,
    /// The call.
    pub call: CallKey,
    /// The tenant.
    pub domain: Arc<str>,
    /// Id of the service that serves the call.
    pub service: String,
    /// The service's `callbackId`.
    pub callback_id: String,
    /// Its name, last part of the callback's URL.
    pub name: Cow<'static, str>,
    /// Its place among the call's events, from 1; unique.
    pub sequence: u32,
    /// Whether it is the call's last one; there is one at most.
    pub terminal: bool,
    /// The call's own callback URL, when it has one.
    pub target: Option<String>,
    /// When it happened.
    pub created_at: UnixMicros,
    /// The body, JSON text, without secrets.
    pub body: String,
    /// Secrets that belong into the body; erased once it is delivered.
    pub sealed: Option<SealedText>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Not delivered yet.
    Pending,
    /// The customer took it.
    Delivered,
    /// Given up; kept, and can be replayed.
    Failed,
}

impl DeliveryState {
    /// What the tables hold.
    const fn number(self) -> u8 {
        match self {
            Self::Pending => PENDING,
            Self::Delivered => DELIVERED,
            Self::Failed => FAILED,
        }
    }
}

/// An event read back, with its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in commit order over all domains.
    pub cursor: i64,
    /// The event.
    pub row: EventRow,
    /// Where its delivery stands.
    pub state: DeliveryState,
    /// Tries since it was written or last replayed.
    pub attempts: u32,
    /// When the next try is due.
    pub next_attempt_at: Option<UnixMicros>,
    /// HTTP status of the last try.
    pub last_status: Option<u16>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was delivered.
    pub delivered_at: Option<UnixMicros>,
    /// The newest tries, oldest first, those before a replay included; [`due`] leaves them out.
    pub tries: Vec<Try>,
}

/// Some events in commit order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The events; there may be none even when there is a next page.
    pub events: Vec<StoredEvent>,
    /// The cursor behind which the next page begins; `None` after the last one.
    pub next: Option<i64>,
}

const PENDING: u8 = 0;
const DELIVERED: u8 = 1;
const FAILED: u8 = 2;

macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT cursor, webhook_id, call, domain, service, callback_id, name, sequence, terminal, target, \
             created_at, body, sealed, state, attempts, next_attempt_at, last_status, last_error, delivered_at, \
             took, tried FROM events ",
            $rest
        )
    };
}
use select;

/// An event without its tries.
fn untried(row: &Row<'_>) -> Result<StoredEvent> {
    Ok(StoredEvent {
        cursor: row.get(0)?,
        row: EventRow {
            webhook_id: row.get(1)?,
            call: row.get(2)?,
            domain: row.get(3)?,
            service: row.get(4)?,
            callback_id: row.get(5)?,
            name: row.get::<String>(6)?.into(),
            sequence: row.get(7)?,
            terminal: row.get(8)?,
            target: row.get(9)?,
            created_at: row.get(10)?,
            body: row.get(11)?,
            sealed: row.get(12)?,
        },
        state: match row.get::<u8>(13)? {
            PENDING => DeliveryState::Pending,
            DELIVERED => DeliveryState::Delivered,
            _ => DeliveryState::Failed,
        },
        attempts: row.get(14)?,
        next_attempt_at: row.get(15)?,
        last_status: row.get(16)?,
        last_error: row.get(17)?,
        delivered_at: row.get(18)?,
        tries: Vec::new(),
    })
}

/// An event with its tries.
fn tried(db: &Read<'_>, row: &Row<'_>) -> Result<StoredEvent> {
    let mut event = untried(row)?;
    event.tries = delivery::tries(db, row, &event)?;
    Ok(event)
}

pub(crate) fn insert(db: &Write<'_>, row: &EventRow) -> Result<()> {
    db.order_events()?;
    db.execute_later(
        "INSERT INTO events (webhook_id, call, domain, service, callback_id, name, sequence, terminal, target, \
         created_at, state, attempts, tried, sealed, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, ?11, ?12)",
        values![
            row.webhook_id,
            row.call,
            row.domain,
            row.service,
            row.callback_id,
            row.name,
            row.sequence,
            row.terminal,
            row.target,
            row.created_at,
            row.sealed,
            row.body
        ],
    )
}

/// The domain's event with that cursor.
pub fn find(db: &Read<'_>, domain: &str, cursor: i64) -> Result<Option<StoredEvent>> {
    db.first(
        select!("WHERE cursor = ?1 AND domain = ?2"),
        values![cursor, domain],
        |row| tried(db, row),
    )
}

/// A call's events, in the order of `sequence`.
pub fn of_call(db: &Read<'_>, call: CallKey) -> Result<Vec<StoredEvent>> {
    db.all(
        select!("WHERE call = ?1 ORDER BY sequence"),
        values![call],
        |row| tried(db, row),
    )
}

/// The newest cursor given out, 0 before the first.
pub fn newest_cursor(db: &Read<'_>) -> Result<i64> {
    db.only("SELECT coalesce(max(cursor), 0) FROM events", &[])
}
