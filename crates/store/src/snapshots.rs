//! What a restart needs of each living call, as bytes the store does not look into.

use crate::sql::{Sql, values};
use crate::{CallKey, Read, Result, Write};

/// Keeps or replaces a call's snapshot.
pub(crate) fn put(db: &Write<'_>, call: CallKey, body: &[u8]) -> Result<()> {
    db.execute_later(
        "INSERT INTO snapshots (call, body) VALUES (?1, ?2) ON CONFLICT (call) DO UPDATE SET body = excluded.body",
        values![call, body],
    )
}

/// Forgets a call's snapshot.
pub(crate) fn delete(db: &Write<'_>, call: CallKey) -> Result<()> {
    db.execute_later("DELETE FROM snapshots WHERE call = ?1", values![call])
}

/// Which node's a living call is, where nodes share the database.
pub fn node_of(db: &Read<'_>, call: CallKey) -> Result<Option<String>> {
    match db.sql {
        Sql::Sqlite(_) => Ok(None),
        Sql::Postgres(_) => db.first(
            "SELECT node FROM snapshots WHERE call = ?1",
            values![call],
            |row| row.get(0),
        ),
    }
}

/// Hands every snapshot to `each`, oldest call first, with the JSON text of the call's record when there is one.
pub fn each(db: &Read<'_>, mut each: impl FnMut(CallKey, Vec<u8>, Option<String>)) -> Result<()> {
    db.each(
        "SELECT snapshots.call, snapshots.body, calls.record \
         FROM snapshots LEFT JOIN calls ON calls.id = snapshots.call WHERE true /* own */ ORDER BY snapshots.call",
        &[],
        |row| {
            each(row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(())
        },
    )
}

#[cfg(test)]
mod tests;
