//! A domain's events in commit order, narrowed down, to be read or replayed.

use std::ops::ControlFlow;

use super::delivery::put_back;
use super::{DeliveryState, Page, StoredEvent, select, tried};
use crate::sql::{AsValue, Row, values};
use crate::{CallKey, Read, Result, UnixMicros, Write};

/// Rows one question looks at, most of which may not fit.
const LOOKED_AT: u32 = 20_000;

/// Which events are meant; every member that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whose delivery stands so.
    pub state: Option<DeliveryState>,
    /// Of this call.
    pub call: Option<CallKey>,
    /// Of this name.
    pub name: Option<String>,
    /// Of any name but this.
    pub other_than: Option<String>,
    /// Of this `callbackId`.
    pub callback_id: Option<String>,
    /// That happened at this time or later.
    pub from: Option<UnixMicros>,
    /// That happened before this time.
    pub before: Option<UnixMicros>,
}

/// The domain's events behind `cursor` in commit order, delivered or not; 0 starts at the oldest kept.
pub fn after(db: &Read<'_>, domain: &str, cursor: i64, limit: u32) -> Result<Vec<StoredEvent>> {
    db.all(
        select!("WHERE domain = ?1 AND cursor > ?2 ORDER BY cursor LIMIT ?3"),
        values![domain, cursor, limit],
        |row| tried(db, row),
    )
}

/// The domain's events behind `after` that fit, in commit order, at most `limit`.
///
/// One question looks at a bounded number of rows: the page may be short or empty and still have a next one.
pub fn range(db: &Read<'_>, domain: &str, filter: &Filter, after: i64, limit: u32) -> Result<Page> {
    let (found, next) = matches(db, domain, filter, after, limit)?;
    let mut events = Vec::with_capacity(found.len());
    for cursor in found {
        events.extend(
            db.first(select!("WHERE cursor = ?1"), values![cursor], |row| {
                tried(db, row)
            })?,
        );
    }
    Ok(Page { events, next })
}

/// How far a replay came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events put back into the outbox.
    pub count: u64,
    /// The cursor behind which the next portion begins; `None` after the last one.
    pub next: Option<i64>,
}

/// Puts the domain's events behind `after` that fit back into the outbox, unless they wait there, at most `limit`.
pub fn replay_range(
    db: &Write<'_>,
    domain: &str,
    filter: &Filter,
    after: i64,
    limit: u32,
) -> Result<Replayed> {
    if filter.state.is_some_and(|state| !state.can_be_replayed()) {
        return Ok(Replayed::default());
    }
    let (found, next) = matches(db, domain, filter, after, limit)?;
    let mut replayed = Replayed { count: 0, next };
    for cursor in found {
        replayed.count += u64::from(put_back(db, cursor)?);
    }
    Ok(replayed)
}

/// The cursors of the events that fit, and where to go on.
fn matches(
    db: &Read<'_>,
    domain: &str,
    filter: &Filter,
    after: i64,
    limit: u32,
) -> Result<(Vec<i64>, Option<i64>)> {
    let from = filter.from.unwrap_or_default();
    let before = filter.before.unwrap_or(UnixMicros(u64::MAX));
    let mut values = values![domain, after, from, before, LOOKED_AT].to_vec();
    values.extend(filter.call.as_ref().map(AsValue::as_value));
    let mut found = Vec::new();
    let mut next = None;
    let mut looked_at = 0;
    db.some(walk(filter), &values, |row| {
        let cursor = row.get(0)?;
        if fits(filter, row)? {
            found.push(cursor);
        }
        looked_at += 1;
        if looked_at == LOOKED_AT || found.len() >= limit as usize {
            next = Some(cursor);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((found, next))
}

fn fits(filter: &Filter, row: &Row<'_>) -> Result<bool> {
    let state: u8 = row.get(1)?;
    let name = row.text(2)?;
    let callback_id = row.text(3)?;
    let equal = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
    Ok(filter.state.is_none_or(|wanted| wanted.number() == state)
        && equal(&filter.name, name)
        && equal(&filter.callback_id, callback_id)
        && filter.other_than.as_ref().is_none_or(|other| other != name))
}

macro_rules! walk {
    ($condition:literal) => {
        concat!(
            "SELECT cursor, state, name, callback_id FROM events WHERE ",
            $condition,
            " AND created_at >= ?3 AND created_at < ?4 ORDER BY cursor LIMIT ?5"
        )
    };
}

/// The walk through the rows among which those that fit are.
pub(super) fn walk(filter: &Filter) -> &'static str {
    match (filter.call, filter.state) {
        // Sums keep conditions from choosing the index: a call has few events, its domain many.
        (Some(_), _) => walk!("call = ?6 AND domain || '' = ?1 AND cursor + 0 > ?2"),
        (None, Some(DeliveryState::Failed)) => walk!("domain = ?1 AND state = 2 AND cursor > ?2"),
        (None, _) => walk!("domain = ?1 AND cursor > ?2"),
    }
}
