//! The outbox as its reader sees it: who has how much waiting, and what of it is due.

use rusqlite::params;

use super::{Page, StoredEvent, select, untried};
use crate::key::from_sql_integer;
use crate::{Read, Result, UnixMicros};

/// Waiting events one question looks at, most of which may not be due.
const LOOKED_AT: usize = 10_000;

/// What waits for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The tenant.
    pub domain: String,
    /// Id of the service.
    pub service: String,
    /// Events that wait.
    pub count: u64,
    /// When the first of them in commit order happened.
    pub oldest: UnixMicros,
}

/// What waits for each service that something waits for; costs the same for a million events as for one.
pub fn backlog(db: &Read<'_>) -> Result<Vec<Backlog>> {
    let mut statement = db.sql.prepare_cached(BACKLOG)?;
    let rows = statement.query_map([], |row| {
        Ok(Backlog {
            domain: row.get(0)?,
            service: row.get(1)?,
            count: from_sql_integer(row.get(2)?),
            oldest: row.get::<_, Option<UnixMicros>>(3)?.unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) const BACKLOG: &str = "SELECT domain, service, waiting, \
    (SELECT created_at FROM events WHERE domain = backlog.domain AND service = backlog.service AND state = 0 \
     ORDER BY cursor LIMIT 1) FROM backlog WHERE waiting > 0";

/// Events of a service behind `after` that wait and whose next try is due, in commit order, at most `limit`.
///
/// One question looks at a bounded number of waiting events: the page may be short or empty and still have a next one.
pub fn due(
    db: &Read<'_>,
    domain: &str,
    service: &str,
    after: i64,
    limit: u32,
    now: UnixMicros,
) -> Result<Page> {
    let mut statement = db.sql.prepare_cached(DUE)?;
    let mut rows = statement.query(params![domain, service, after])?;
    let mut page = Page::default();
    let mut looked_at = 0;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let cursor: i64 = row.get(0)?;
        let next: Option<UnixMicros> = row.get(1)?;
        if next.is_none_or(|at| at <= now) {
            found.push(cursor);
        }
        looked_at += 1;
        if looked_at == LOOKED_AT || found.len() >= limit as usize {
            page.next = Some(cursor);
            break;
        }
    }
    let mut fetch = db.sql.prepare_cached(select!("WHERE cursor = ?1"))?;
    for cursor in found {
        page.events.push(fetch.query_row([cursor], untried)?);
    }
    Ok(page)
}

pub(super) const DUE: &str = "SELECT cursor, next_attempt_at FROM events \
    WHERE domain = ?1 AND service = ?2 AND state = 0 AND cursor > ?3 ORDER BY cursor";

/// Events of all domains behind `after` that still wait for delivery, in commit order; its cost rises with the backlog.
pub fn pending(db: &Read<'_>, limit: u32, after: i64) -> Result<Vec<StoredEvent>> {
    let mut statement = db.sql.prepare_cached(select!(
        "WHERE cursor IN (SELECT events.cursor FROM backlog CROSS JOIN events \
         ON events.domain = backlog.domain AND events.service = backlog.service AND events.state = 0 \
         WHERE backlog.waiting > 0 AND events.cursor > ?1 ORDER BY events.cursor LIMIT ?2) ORDER BY cursor"
    ))?;
    let rows = statement.query_map(params![after, limit], untried)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
