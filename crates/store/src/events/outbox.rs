//! The outbox as its reader sees it: who has how much waiting, and what of it is due.

use std::ops::ControlFlow;

use super::{Page, select, untried};
use crate::sql::values;
use crate::{Read, Result, UnixMicros};

/// Waiting events one question looks at, most of which may not be due.
const LOOKED_AT: u32 = 10_000;

/// How far the events that wait for a service are counted.
pub const COUNTED: u64 = 10_000;

/// What waits for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The tenant.
    pub domain: String,
    /// Id of the service.
    pub service: String,
    /// Events that wait; [`COUNTED`] means that many or more.
    pub count: u64,
    /// When the first of them in commit order happened.
    pub oldest: UnixMicros,
}

/// What waits for each service that something waits for; costs about the same for a million events as for ten thousand.
pub fn backlog(db: &Read<'_>) -> Result<Vec<Backlog>> {
    let mut all: Vec<Backlog> = Vec::new();
    loop {
        let (domain, service) = all
            .last()
            .map_or(("", ""), |one| (&one.domain, &one.service));
        let found = db.first(NEXT_SERVICE, values![domain, service], |row| {
            Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get(2)?))
        })?;
        let Some((domain, service, oldest)) = found else {
            return Ok(all);
        };
        let count = db.only(COUNT, values![domain, service, COUNTED])?;
        all.push(Backlog {
            count,
            domain,
            service,
            oldest,
        });
    }
}

/// From one service to the next by index, with its first event, whatever number of events lies between.
pub(super) const NEXT_SERVICE: &str = "SELECT domain, service, created_at FROM events \
    WHERE state = 0 AND (domain, service) > (?1, ?2) /* own */ ORDER BY domain, service, cursor LIMIT 1";

pub(super) const COUNT: &str = "SELECT count(*) FROM \
    (SELECT 1 FROM events WHERE domain = ?1 AND service = ?2 AND state = 0 /* own */ LIMIT ?3) AS waiting";

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
    let mut page = Page::default();
    let mut looked_at = 0;
    let mut found = Vec::new();
    db.some(DUE, values![domain, service, after, LOOKED_AT], |row| {
        let cursor: i64 = row.get(0)?;
        let next: Option<UnixMicros> = row.get(1)?;
        if next.is_none_or(|at| at <= now) {
            found.push(cursor);
        }
        looked_at += 1;
        if looked_at == LOOKED_AT || found.len() >= limit as usize {
            page.next = Some(cursor);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    for cursor in found {
        let event = db.first(select!("WHERE cursor = ?1"), values![cursor], untried)?;
        page.events.extend(event);
    }
    Ok(page)
}

pub(super) const DUE: &str = "SELECT cursor, next_attempt_at FROM events \
    WHERE domain = ?1 AND service = ?2 AND state = 0 AND cursor > ?3 /* own */ ORDER BY cursor LIMIT ?4";
