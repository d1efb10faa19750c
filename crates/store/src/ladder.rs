//! The SIP log: batches of rows in the caller's own encoding, by call and by domain.

use std::sync::Arc;

use crate::sql::values;
use crate::{CallKey, Read, Result, UnixMicros, Write};

/// Some rows of one call's ladder, or of a tenant's messages that belong to no call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LadderRow {
    /// The call; 0 for messages of no call.
    pub call: CallKey,
    /// The tenant; `None` stands for that of the call's record.
    pub domain: Option<Arc<str>>,
    /// Time of the earliest row.
    pub at: UnixMicros,
    /// The rows, encoded by the caller.
    pub rows: Vec<u8>,
}

/// A place in a domain's log, which is read from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Time of the row.
    pub at: UnixMicros,
    /// Its number, which tells rows of one time apart.
    pub serial: u64,
}

impl Place {
    /// Behind everything logged up to that time.
    pub const fn end(at: UnixMicros) -> Self {
        Self {
            at,
            serial: i64::MAX.cast_unsigned(),
        }
    }
}

/// A row as it is read of a domain's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Where it stands.
    pub place: Place,
    /// The call; `None` for messages of no call.
    pub call: Option<CallKey>,
    /// The rows, encoded by the caller.
    pub rows: Vec<u8>,
}

pub(crate) fn insert(db: &Write<'_>, row: &LadderRow) -> Result<()> {
    db.execute_later(
        "INSERT INTO ladder (call, at, rows, domain) \
         VALUES (?1, ?2, ?3, coalesce(?4, (SELECT domain FROM calls WHERE id = ?1), ''))",
        values![row.call, row.at, row.rows, row.domain],
    )
}

/// The rows of everything logged for a call, in time order.
pub fn of_call(db: &Read<'_>, call: CallKey) -> Result<Vec<Vec<u8>>> {
    db.all(
        "SELECT rows FROM ladder WHERE call = ?1 ORDER BY at, serial",
        values![call],
        |row| row.get(0),
    )
}

/// A domain's rows before `before`, none older than `from`, the latest first, at most `limit`.
pub fn of_domain(
    db: &Read<'_>,
    domain: &str,
    from: UnixMicros,
    before: Place,
    limit: u32,
) -> Result<Vec<Logged>> {
    let values = values![domain, from, before.at, before.serial, limit];
    db.all(OF_DOMAIN, values, |row| {
        let call: CallKey = row.get(2)?;
        Ok(Logged {
            place: Place {
                at: row.get(0)?,
                serial: row.get(1)?,
            },
            call: Some(call).filter(|call| call.0 != 0),
            rows: row.get(3)?,
        })
    })
}

const OF_DOMAIN: &str = "SELECT at, serial, call, rows FROM ladder \
    WHERE domain = ?1 AND at >= ?2 AND (at, serial) < (?3, ?4) ORDER BY at DESC, serial DESC LIMIT ?5";

#[cfg(test)]
mod tests;
