//! What becomes of an event on its way to the customer, try by try.

use super::{DELIVERED, DeliveryState, FAILED, PENDING, StoredEvent, find};
use crate::sql::{Row, Sql, values};
use crate::{CallKey, Read, Result, UnixMicros, Write};

/// Tries kept of an event.
const TRIES_KEPT: u32 = 100;

/// One try to deliver an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Try {
    /// When it ended.
    pub at: UnixMicros,
    /// HTTP status of the answer, when there was one.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
    /// How long it took, in microseconds.
    pub took_micros: u32,
}

/// How the last try to deliver ended.
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
    /// Tries since the event was written or last replayed.
    pub attempts: u32,
    /// HTTP status of the last try.
    pub last_status: Option<u16>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// The tries since the last update, oldest first.
    pub tries: Vec<Try>,
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
            tries: Vec::new(),
        }
    }

    /// The one try, when nothing but it is to be told.
    fn taken_at_once(&self) -> Option<&Try> {
        match (self.outcome, self.tries.as_slice()) {
            (DeliveryOutcome::Delivered(at), [only])
                if self.attempts == 1
                    && only.at == at
                    && only.error.is_none()
                    && only.status == self.last_status =>
            {
                Some(only)
            }
            _ => None,
        }
    }
}

pub(crate) fn record_delivery(db: &Write<'_>, update: &DeliveryUpdate) -> Result<()> {
    let (state, next, delivered) = match update.outcome {
        DeliveryOutcome::Delivered(at) => (DELIVERED, None, Some(at)),
        DeliveryOutcome::Retry(at) => (PENDING, Some(at), None),
        DeliveryOutcome::Failed => (FAILED, None, None),
    };
    if let Sql::Postgres(_) = db.sql {
        return record_later(db, update, (state, next, delivered));
    }
    if let Some(only) = update.taken_at_once() {
        let updated = db.execute(
            "UPDATE events SET state = ?3, attempts = 1, next_attempt_at = NULL, last_status = ?4, \
             last_error = NULL, delivered_at = ?5, took = ?6, sealed = NULL \
             WHERE call = ?1 AND sequence = ?2 AND tried = 0",
            values![
                update.call,
                update.sequence,
                state,
                update.last_status,
                delivered,
                only.took_micros
            ],
        )?;
        if updated > 0 {
            return Ok(());
        }
    }
    let new = u32::try_from(update.tries.len()).unwrap_or(u32::MAX);
    let found: Option<(i64, u32)> = db.first(
        "UPDATE events SET state = ?3, attempts = ?4, next_attempt_at = ?5, last_status = ?6, last_error = ?7, \
         delivered_at = ?8, took = NULL, tried = tried + ?9, sealed = CASE WHEN ?3 = 1 THEN NULL ELSE sealed END \
         WHERE call = ?1 AND sequence = ?2 RETURNING cursor, tried",
        values![
            update.call,
            update.sequence,
            state,
            update.attempts,
            next,
            update.last_status,
            update.last_error,
            delivered,
            new
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match found {
        Some((event, tried)) if new > 0 => {
            add_tries(db, event, tried.saturating_sub(new), &update.tries)
        }
        _ => Ok(()),
    }
}

/// The same without waiting for an answer, as each would cost PostgreSQL's way there and back.
fn record_later(
    db: &Write<'_>,
    update: &DeliveryUpdate,
    (state, next, delivered): (u8, Option<UnixMicros>, Option<UnixMicros>),
) -> Result<()> {
    let at_once = update.taken_at_once();
    let tries = u32::try_from(update.tries.len()).unwrap_or(u32::MAX);
    let took = at_once.map(|only| only.took_micros);
    // The one try of an event that is taken at once stays in its row, unless there were tries before.
    db.execute_later(
        "UPDATE events SET state = ?3, attempts = ?4, next_attempt_at = ?5, last_status = ?6, last_error = ?7, \
         delivered_at = ?8, took = CASE WHEN tried = 0 THEN CAST(?9 AS BIGINT) END, \
         tried = CASE WHEN tried = 0 AND CAST(?9 AS BIGINT) IS NOT NULL THEN 0 ELSE tried + ?10 END, \
         sealed = CASE WHEN ?3 = 1 THEN NULL ELSE sealed END WHERE call = ?1 AND sequence = ?2",
        values![
            update.call,
            update.sequence,
            state,
            update.attempts,
            next,
            update.last_status,
            update.last_error,
            delivered,
            took,
            tries
        ],
    )?;
    for (one, behind) in update.tries.iter().zip((0..tries).rev()) {
        db.execute_later(
            "INSERT INTO tries (event, number, at, status, error, took) \
             SELECT cursor, tried - ?3, ?4, ?5, ?6, ?7 FROM events WHERE call = ?1 AND sequence = ?2 AND tried > 0",
            values![
                update.call,
                update.sequence,
                behind,
                one.at,
                one.status,
                one.error,
                one.took_micros
            ],
        )?;
    }
    if tries == 0 || at_once.is_some() {
        return Ok(());
    }
    db.execute_later(
        "DELETE FROM tries USING events WHERE event = cursor AND call = ?1 AND sequence = ?2 AND number <= tried - ?3",
        values![update.call, update.sequence, TRIES_KEPT],
    )
}

/// Adds tries behind the `before` ones there were, and lets the oldest go.
fn add_tries(db: &Write<'_>, event: i64, before: u32, tries: &[Try]) -> Result<()> {
    let mut number = before;
    for one in tries {
        number += 1;
        db.execute(
            "INSERT INTO tries (event, number, at, status, error, took) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            values![
                event,
                number,
                one.at,
                one.status,
                one.error,
                one.took_micros
            ],
        )?;
    }
    if number > TRIES_KEPT {
        db.execute(
            "DELETE FROM tries WHERE event = ?1 AND number <= ?2",
            values![event, number - TRIES_KEPT],
        )?;
    }
    Ok(())
}

/// The tries of an event, whose columns `took` and `tried` are the row's last.
pub(super) fn tries(db: &Read<'_>, row: &Row<'_>, event: &StoredEvent) -> Result<Vec<Try>> {
    let took: Option<u32> = row.get(19)?;
    if let (Some(at), Some(took_micros)) = (event.delivered_at, took) {
        return Ok(vec![Try {
            at,
            status: event.last_status,
            error: None,
            took_micros,
        }]);
    }
    if row.get::<u32>(20)? == 0 {
        return Ok(Vec::new());
    }
    db.all(
        "SELECT at, status, error, took FROM tries WHERE event = ?1 ORDER BY number",
        values![event.cursor],
        |row| {
            Ok(Try {
                at: row.get(0)?,
                status: row.get(1)?,
                error: row.get(2)?,
                took_micros: row.get(3)?,
            })
        },
    )
}

/// Puts an event that was delivered or given up back into the outbox and returns it; `None` when there is no such one.
pub fn replay(
    db: &Write<'_>,
    domain: &str,
    call: CallKey,
    sequence: u32,
) -> Result<Option<StoredEvent>> {
    let cursor = db.first(
        "SELECT cursor FROM events WHERE call = ?1 AND sequence = ?2 AND domain = ?3",
        values![call, sequence, domain],
        |row| row.get(0),
    )?;
    match cursor {
        Some(cursor) if put_back(db, cursor)? => find(db, domain, cursor),
        _ => Ok(None),
    }
}

/// Puts an event back into the outbox; `false` when it waits there already.
pub(super) fn put_back(db: &Write<'_>, cursor: i64) -> Result<bool> {
    // The one try of an event that was taken at once is in its row, which the next delivery overwrites.
    let kept = db.execute(
        "INSERT INTO tries (event, number, at, status, took) SELECT cursor, 1, delivered_at, last_status, took \
         FROM events WHERE cursor = ?1 AND state = 1 AND tried = 0 AND took IS NOT NULL",
        values![cursor],
    )?;
    // It is due from now on, which tells it from one that has waited since it happened.
    let now = UnixMicros::now();
    let kept = u32::try_from(kept).unwrap_or(0);
    let updated = db.execute(
        "UPDATE events SET state = 0, attempts = 0, next_attempt_at = ?3, delivered_at = NULL, took = NULL, \
         tried = tried + ?2 WHERE cursor = ?1 AND state <> 0",
        values![cursor, kept, now],
    )?;
    Ok(updated > 0)
}

impl DeliveryState {
    /// Whether an event in this state can be replayed.
    pub(super) fn can_be_replayed(self) -> bool {
        self != Self::Pending
    }
}
