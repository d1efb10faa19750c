//! A domain's events in commit order, narrowed down, to be read or replayed.

use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use super::delivery::put_back;
use super::{DeliveryState, Page, StoredEvent, select, tried};
use crate::key::to_sql_integer;
use crate::{CallKey, Read, Result, UnixMicros, Write};

/// Rows one question looks at, most of which may not fit.
const LOOKED_AT: usize = 20_000;

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
    let mut statement = db.sql.prepare_cached(select!(
        "WHERE domain = ?1 AND cursor > ?2 ORDER BY cursor LIMIT ?3"
    ))?;
    let rows = statement.query_map(params![domain, cursor, limit], |row| tried(db, row))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The domain's events behind `after` that fit, in commit order, at most `limit`.
///
/// One question looks at a bounded number of rows: the page may be short or empty and still have a next one.
pub fn range(db: &Read<'_>, domain: &str, filter: &Filter, after: i64, limit: u32) -> Result<Page> {
    let (found, next) = matches(db, domain, filter, after, limit)?;
    let mut fetch = db.sql.prepare_cached(select!("WHERE cursor = ?1"))?;
    let events = found
        .into_iter()
        .map(|cursor| fetch.query_row([cursor], |row| tried(db, row)))
        .collect::<rusqlite::Result<_>>()?;
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
    let mut values = vec![
        Value::from(domain.to_owned()),
        Value::from(after),
        Value::from(to_sql_integer(filter.from.map_or(0, |from| from.0))),
        Value::from(to_sql_integer(
            filter.before.map_or(u64::MAX, |before| before.0),
        )),
    ];
    if let Some(call) = filter.call {
        values.push(Value::from(call.bytes().to_vec()));
    }
    let mut statement = db.sql.prepare_cached(walk(filter))?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let cursor = row.get(0)?;
        if fits(filter, row)? {
            found.push(cursor);
        }
        looked_at += 1;
        if looked_at == LOOKED_AT || found.len() >= limit as usize {
            return Ok((found, Some(cursor)));
        }
    }
    Ok((found, None))
}

fn fits(filter: &Filter, row: &Row<'_>) -> rusqlite::Result<bool> {
    let state: u8 = row.get(1)?;
    let name = row.get_ref(2)?.as_str()?;
    let callback_id = row.get_ref(3)?.as_str()?;
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
            " AND created_at >= ?3 AND created_at < ?4 ORDER BY cursor"
        )
    };
}

/// The walk through the rows among which those that fit are.
pub(super) fn walk(filter: &Filter) -> &'static str {
    match (filter.call, filter.state) {
        // A plus keeps a condition from choosing the index: a call has few events, its domain many.
        (Some(_), _) => walk!("call = ?5 AND +domain = ?1 AND +cursor > ?2"),
        (None, Some(DeliveryState::Failed)) => walk!("domain = ?1 AND state = 2 AND cursor > ?2"),
        (None, _) => walk!("domain = ?1 AND cursor > ?2"),
    }
}
