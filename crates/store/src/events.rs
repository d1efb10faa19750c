//! Events of calls, and at the same time the outbox from which they are told to customers.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use crate::{CallKey, Read, Result, SealedText, UnixMicros, Write};

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

/// An event read back, with its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in commit order over all domains.
    pub cursor: i64,
    /// The event.
    pub row: EventRow,
    /// Where its delivery stands.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: u32,
    /// When the next try is due.
    pub next_attempt_at: Option<UnixMicros>,
    /// HTTP status of the last try.
    pub last_status: Option<u16>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was delivered.
    pub delivered_at: Option<UnixMicros>,
}

/// How a try to deliver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// Taken by the customer at that time.
    Delivered(UnixMicros),
    /// To be tried again at that time.
    Retry(UnixMicros),
    /// Given up.
    Failed,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryUpdate {
    /// The event's call and `sequence`, which name it as its webhook id does.
    pub call: CallKey,
    /// See `call`.
    pub sequence: u32,
    /// How the last try ended.
    pub outcome: DeliveryOutcome,
    /// Tries so far.
    pub attempts: u32,
    /// HTTP status of the last try.
    pub last_status: Option<u16>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

impl DeliveryUpdate {
    /// The customer took the event `sequence` of `call` at the first try.
    pub fn delivered(call: CallKey, sequence: u32, at: UnixMicros) -> Self {
        Self {
            call,
            sequence,
            outcome: DeliveryOutcome::Delivered(at),
            attempts: 1,
            last_status: Some(200),
            last_error: None,
        }
    }
}

const PENDING: u8 = 0;
const DELIVERED: u8 = 1;
const FAILED: u8 = 2;

macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT cursor, webhook_id, call, domain, service, callback_id, name, sequence, terminal, target, \
             created_at, body, sealed, state, attempts, next_attempt_at, last_status, last_error, delivered_at \
             FROM events ",
            $rest
        )
    };
}

fn stored_event(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    Ok(StoredEvent {
        cursor: row.get(0)?,
        row: EventRow {
            webhook_id: row.get(1)?,
            call: row.get(2)?,
            domain: row.get(3)?,
            service: row.get(4)?,
            callback_id: row.get(5)?,
            name: row.get::<_, String>(6)?.into(),
            sequence: row.get(7)?,
            terminal: row.get(8)?,
            target: row.get(9)?,
            created_at: row.get(10)?,
            body: row.get(11)?,
            sealed: row.get(12)?,
        },
        state: match row.get(13)? {
            PENDING => DeliveryState::Pending,
            DELIVERED => DeliveryState::Delivered,
            _ => DeliveryState::Failed,
        },
        attempts: row.get(14)?,
        next_attempt_at: row.get(15)?,
        last_status: row.get(16)?,
        last_error: row.get(17)?,
        delivered_at: row.get(18)?,
    })
}

pub(crate) fn insert(db: &Write<'_>, row: &EventRow) -> Result<()> {
    let mut statement = db.sql.prepare_cached(
        "INSERT INTO events (webhook_id, call, domain, service, callback_id, name, sequence, terminal, target, \
         created_at, state, attempts, sealed, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, ?11, ?12)",
    )?;
    statement.execute(params![
        row.webhook_id,
        row.call.bytes(),
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
    ])?;
    Ok(())
}

pub(crate) fn record_delivery(db: &Write<'_>, update: &DeliveryUpdate) -> Result<()> {
    let (state, next, delivered) = match update.outcome {
        DeliveryOutcome::Delivered(at) => (DELIVERED, None, Some(at)),
        DeliveryOutcome::Retry(at) => (PENDING, Some(at), None),
        DeliveryOutcome::Failed => (FAILED, None, None),
    };
    let mut statement = db.sql.prepare_cached(
        "UPDATE events SET state = ?3, attempts = ?4, next_attempt_at = ?5, last_status = ?6, last_error = ?7, \
         delivered_at = ?8, sealed = CASE WHEN ?3 = 1 THEN NULL ELSE sealed END WHERE call = ?1 AND sequence = ?2",
    )?;
    statement.execute(params![
        update.call.bytes(),
        update.sequence,
        state,
        update.attempts,
        next,
        update.last_status,
        update.last_error,
        delivered
    ])?;
    Ok(())
}

/// The domain's event with that cursor.
pub fn find(db: &Read<'_>, domain: &str, cursor: i64) -> Result<Option<StoredEvent>> {
    let mut statement = db
        .sql
        .prepare_cached(select!("WHERE cursor = ?1 AND domain = ?2"))?;
    Ok(statement
        .query_row(params![cursor, domain], stored_event)
        .optional()?)
}

/// A call's events, in the order of `sequence`.
pub fn of_call(db: &Read<'_>, call: CallKey) -> Result<Vec<StoredEvent>> {
    let mut statement = db
        .sql
        .prepare_cached(select!("WHERE call = ?1 ORDER BY sequence"))?;
    let rows = statement.query_map([call.bytes()], stored_event)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The domain's events behind `cursor` in commit order, delivered or not; 0 starts at the oldest kept.
pub fn after(db: &Read<'_>, domain: &str, cursor: i64, limit: u32) -> Result<Vec<StoredEvent>> {
    let mut statement = db.sql.prepare_cached(select!(
        "WHERE domain = ?1 AND cursor > ?2 ORDER BY cursor LIMIT ?3"
    ))?;
    let rows = statement.query_map(params![domain, cursor, limit], stored_event)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Events of all domains behind `after` that still wait for delivery, in commit order: what a start takes up again.
pub fn pending(db: &Read<'_>, limit: u32, after: i64) -> Result<Vec<StoredEvent>> {
    let mut statement = db.sql.prepare_cached(select!(
        "WHERE state = 0 AND cursor > ?1 ORDER BY cursor LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![after, limit], stored_event)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Puts an event that was delivered or given up back into the outbox and returns it; `None` when there is no such one.
pub fn replay(
    db: &Write<'_>,
    domain: &str,
    call: CallKey,
    sequence: u32,
) -> Result<Option<StoredEvent>> {
    let mut statement = db.sql.prepare_cached(
        "UPDATE events SET state = 0, attempts = 0, next_attempt_at = NULL, delivered_at = NULL \
         WHERE call = ?1 AND sequence = ?2 AND domain = ?3 AND state <> 0 RETURNING cursor",
    )?;
    let cursor = statement
        .query_row(params![call.bytes(), sequence, domain], |row| row.get(0))
        .optional()?;
    match cursor {
        Some(cursor) => find(db, domain, cursor),
        None => Ok(None),
    }
}

/// The newest cursor given out, 0 before the first.
pub fn newest_cursor(db: &Read<'_>) -> Result<i64> {
    let mut statement = db
        .sql
        .prepare_cached("SELECT coalesce(max(cursor), 0) FROM events")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Removes up to `limit` of the oldest events from before `before` that no longer wait, returning how many.
pub fn sweep(db: &Write<'_>, before: UnixMicros, limit: u32) -> Result<usize> {
    let mut statement = db.sql.prepare_cached(
        "DELETE FROM events WHERE cursor IN (SELECT cursor FROM \
         (SELECT cursor, created_at, state FROM events ORDER BY cursor LIMIT ?2) \
         WHERE created_at < ?1 AND state <> 0) AND cursor < (SELECT max(cursor) FROM events)",
    )?;
    Ok(statement.execute(params![before, limit])?)
}

#[cfg(test)]
mod tests;
