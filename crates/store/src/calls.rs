//! Call records: what the list filters on in columns, everything else in the caller's JSON text.

use std::borrow::Cow;
use std::sync::Arc;

use crate::sql::{AsValue, Row, Sql, Value, values};
use crate::{CallKey, Read, Result, UnixMicros, Write};

/// One call's record, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRow {
    /// The call; drawn from the clock, so that ids sort by age.
    pub id: CallKey,
    /// The tenant. Fixed at the first write, as are the columns up to `sip_call_id`, and `started_at`.
    pub domain: Arc<str>,
    /// `inbound` or `outbound`.
    pub direction: Cow<'static, str>,
    /// Calling number or user.
    pub source_user: String,
    /// Called number or user.
    pub destination_user: String,
    /// The Call-ID header of its first leg.
    pub sip_call_id: String,
    /// When it was offered or placed.
    pub started_at: UnixMicros,
    /// The caller's word for its state.
    pub state: Cow<'static, str>,
    /// The customer's own id for it.
    pub session_reference_id: Option<String>,
    /// When it was answered.
    pub answered_at: Option<UnixMicros>,
    /// When it ended; `None` means that it lives.
    pub ended_at: Option<UnixMicros>,
    /// How it ended.
    pub class: Option<Cow<'static, str>>,
    /// The whole record, JSON text.
    pub record: String,
}

/// Which calls to list; every member that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state.
    pub state: Option<String>,
    /// Alive (`true`) or over (`false`).
    pub live: Option<bool>,
    /// In this direction.
    pub direction: Option<String>,
    /// From this number.
    pub source_user: Option<String>,
    /// To this number.
    pub destination_user: Option<String>,
    /// From or to this number.
    pub number: Option<String>,
    /// With this SIP Call-ID.
    pub sip_call_id: Option<String>,
    /// With this session reference.
    pub session_reference_id: Option<String>,
    /// Ended in this class.
    pub class: Option<String>,
    /// Started at this time or later.
    pub started_from: Option<UnixMicros>,
    /// Started before this time.
    pub started_before: Option<UnixMicros>,
}

/// The class of most calls; the others have an index of their own.
const NORMAL: &str = "normal";

macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT id, domain, direction, source_user, destination_user, sip_call_id, started_at, state, \
             session_reference_id, answered_at, ended_at, class, record FROM calls ",
            $rest
        )
    };
}

fn call_row(row: &Row<'_>) -> Result<CallRow> {
    Ok(CallRow {
        id: row.get(0)?,
        domain: row.get(1)?,
        direction: row.get::<String>(2)?.into(),
        source_user: row.get(3)?,
        destination_user: row.get(4)?,
        sip_call_id: row.get(5)?,
        started_at: row.get(6)?,
        state: row.get::<String>(7)?.into(),
        session_reference_id: row.get(8)?,
        answered_at: row.get(9)?,
        ended_at: row.get(10)?,
        class: row.get::<Option<String>>(11)?.map(Cow::Owned),
        record: row.get(12)?,
    })
}

/// Inserts a record or brings it up to date.
pub(crate) fn put(db: &Write<'_>, row: &CallRow) -> Result<()> {
    // Columns that an index holds cost a visit to that index when set, changed or not; so set them when they change.
    let is_fresh = row.answered_at.is_none() && row.ended_at.is_none();
    // PostgreSQL sees by itself what does not change, and is asked nothing that waits for an answer.
    if !is_fresh && matches!(db.sql, Sql::Sqlite(_)) && update(db, row)? {
        return Ok(());
    }
    db.execute_later(
        "INSERT INTO calls (id, domain, direction, source_user, destination_user, sip_call_id, started_at, state, \
         session_reference_id, answered_at, ended_at, class, record) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
         session_reference_id = excluded.session_reference_id, answered_at = excluded.answered_at, \
         ended_at = excluded.ended_at, class = excluded.class, record = excluded.record",
        values![
            row.id,
            row.domain,
            row.direction,
            row.source_user,
            row.destination_user,
            row.sip_call_id,
            row.started_at,
            row.state,
            row.session_reference_id,
            row.answered_at,
            row.ended_at,
            row.class,
            row.record
        ],
    )
}

/// Brings a record up to date, unless there is none or its session reference changes.
fn update(db: &Write<'_>, row: &CallRow) -> Result<bool> {
    let sql = match row.ended_at {
        None => {
            "UPDATE calls SET state = ?2, answered_at = ?3, class = ?4, record = ?5 \
             WHERE id = ?1 AND session_reference_id IS NOT DISTINCT FROM ?6 \
             AND ended_at IS NOT DISTINCT FROM ?7"
        }
        Some(_) => {
            "UPDATE calls SET state = ?2, answered_at = ?3, class = ?4, record = ?5, ended_at = ?7 \
             WHERE id = ?1 AND session_reference_id IS NOT DISTINCT FROM ?6"
        }
    };
    let updated = db.execute(
        sql,
        values![
            row.id,
            row.state,
            row.answered_at,
            row.class,
            row.record,
            row.session_reference_id,
            row.ended_at
        ],
    )?;
    Ok(updated > 0)
}

/// The call of that id, when it is the domain's.
pub fn find(db: &Read<'_>, domain: &str, id: CallKey) -> Result<Option<CallRow>> {
    db.first(
        select!("WHERE id = ?1 AND domain = ?2"),
        values![id, domain],
        call_row,
    )
}

/// A page of the domain's calls that fit, newest first, behind the call `after`; calls that are added do not shift it.
pub fn list(
    db: &Read<'_>,
    domain: &str,
    filter: &Filter,
    after: Option<CallKey>,
    limit: u32,
) -> Result<Vec<CallRow>> {
    let (sql, values) = question(domain, filter, after, limit);
    db.all(&sql, &values, call_row)
}

/// The list's SQL, put together from fixed parts, and what its values are.
fn question<'a>(
    domain: &'a str,
    filter: &'a Filter,
    after: Option<CallKey>,
    limit: u32,
) -> (String, Vec<Value<'a>>) {
    let mut sql = String::from(select!("WHERE domain = ?1"));
    let mut values = vec![domain.as_value()];
    let mut narrow = |condition: &str, with: Option<Value<'a>>| {
        values.extend(with);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('?', &format!("?{}", values.len())));
    };
    let equal = [
        ("state = ?", &filter.state),
        ("direction = ?", &filter.direction),
        ("source_user = ?", &filter.source_user),
        ("destination_user = ?", &filter.destination_user),
        ("sip_call_id = ?", &filter.sip_call_id),
        ("session_reference_id = ?", &filter.session_reference_id),
        ("class = ?", &filter.class),
    ];
    for (condition, wanted) in equal {
        if let Some(wanted) = wanted {
            narrow(condition, Some(wanted.as_value()));
        }
    }
    if filter.class.as_deref().is_some_and(|class| class != NORMAL) {
        // Said as the index says it, so that the database sees that it fits.
        narrow("class <> 'normal'", None);
    }
    if let Some(number) = &filter.number {
        narrow(
            "(source_user = ? OR destination_user = ?)",
            Some(number.as_value()),
        );
    }
    match filter.live {
        Some(true) => narrow("ended_at IS NULL", None),
        Some(false) => narrow("ended_at IS NOT NULL", None),
        None => {}
    }
    if let Some(from) = &filter.started_from {
        narrow("started_at >= ?", Some(from.as_value()));
    }
    if let Some(before) = &filter.started_before {
        narrow("started_at < ?", Some(before.as_value()));
    }
    if let Some(after) = after {
        narrow(
            "(started_at, serial) < (SELECT started_at, serial FROM calls WHERE id = ?)",
            Some(Value::Call(after.0.to_be_bytes())),
        );
    }
    values.push(Value::Integer(i64::from(limit)));
    let last = values.len();
    sql.push_str(&format!(
        " ORDER BY started_at DESC, serial DESC LIMIT ?{last}"
    ));
    (sql, values)
}

#[cfg(test)]
mod tests;
