//! The SIP log: batches of rows in the caller's own encoding, by call.

use crate::sql::values;
use crate::{CallKey, Read, Result, UnixMicros, Write};

/// Some rows of one call's ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LadderRow {
    /// The call.
    pub call: CallKey,
    /// Time of the first row.
    pub at: UnixMicros,
    /// The rows, encoded by the caller.
    pub rows: Vec<u8>,
}

pub(crate) fn insert(db: &Write<'_>, row: &LadderRow) -> Result<()> {
    db.execute_later(
        "INSERT INTO ladder (call, at, rows, domain) \
         VALUES (?1, ?2, ?3, coalesce((SELECT domain FROM calls WHERE id = ?1), ''))",
        values![row.call, row.at, row.rows],
    )
}

/// Everything logged for a call, in time order.
pub fn of_call(db: &Read<'_>, call: CallKey) -> Result<Vec<LadderRow>> {
    db.all(
        "SELECT call, at, rows FROM ladder WHERE call = ?1 ORDER BY at, serial",
        values![call],
        |row| {
            Ok(LadderRow {
                call: row.get(0)?,
                at: row.get(1)?,
                rows: row.get(2)?,
            })
        },
    )
}

#[cfg(test)]
mod tests;
