//! What of the outbox waits for its next try.

use crate::sql::values;
use crate::{CallKey, Read, Result, UnixMicros, Write};

/// A waiting event that was tried already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its call.
    pub call: CallKey,
    /// Its place among the call's events.
    pub sequence: u32,
    /// When it was first tried, as far as that is known.
    pub first_try: UnixMicros,
}

/// When the first of a service's waiting events that are not due at `now` will be.
pub fn next_due(
    db: &Read<'_>,
    domain: &str,
    service: &str,
    now: UnixMicros,
) -> Result<Option<UnixMicros>> {
    db.only(NEXT_DUE, values![domain, service, now])
}

pub(super) const NEXT_DUE: &str = "SELECT min(next_attempt_at) FROM events \
    WHERE domain = ?1 AND service = ?2 AND state = 0 AND next_attempt_at > ?3 /* own */";

/// A service's waiting events that were first tried at `since` or later, in commit order.
pub fn held(db: &Read<'_>, domain: &str, service: &str, since: UnixMicros) -> Result<Vec<Held>> {
    db.all(
        "SELECT events.call, events.sequence, tries.at FROM events JOIN tries ON tries.event = events.cursor \
         AND tries.number = (SELECT min(number) FROM tries WHERE event = events.cursor) \
         WHERE domain = ?1 AND service = ?2 AND state = 0 AND next_attempt_at IS NOT NULL AND tries.at >= ?3 /* own */ \
         ORDER BY events.cursor",
        values![domain, service, since],
        |row| {
            Ok(Held {
                call: row.get(0)?,
                sequence: row.get(1)?,
                first_try: row.get(2)?,
            })
        },
    )
}

/// Gives up to `limit` of a service's oldest waiting events up that happened, and were last due, before `before`,
/// returning how many.
pub fn give_up(
    db: &Write<'_>,
    domain: &str,
    service: &str,
    before: UnixMicros,
    limit: u32,
) -> Result<usize> {
    db.execute(
        "UPDATE events SET state = 2, next_attempt_at = NULL, \
         last_error = coalesce(last_error, 'it was not delivered within a day') WHERE cursor IN (SELECT cursor FROM \
         (SELECT cursor, created_at, next_attempt_at FROM events WHERE domain = ?1 AND service = ?2 AND state = 0 /* own */ \
         ORDER BY cursor LIMIT 4 * ?4) AS oldest WHERE created_at < ?3 AND coalesce(next_attempt_at, 0) < ?3 LIMIT ?4)",
        values![domain, service, before, limit],
    )
}
