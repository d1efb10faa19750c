//! Notifications wait in the outbox like callbacks. Here stands how they are numbered, how far the events of a domain
//! were told as such, and which alarms stand; nodes that share a database tell each of them once.

use crate::events::{self, EventRow};
use crate::sql::values;
use crate::{CallKey, Read, Result, Write};

/// How far each domain's events were told.
pub fn all(db: &Read<'_>) -> Result<Vec<(String, i64)>> {
    db.all("SELECT domain, cursor FROM notified", &[], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

/// Somebody wants the domain's events from now on, if nobody did before.
pub fn begin(db: &Write<'_>, domain: &str) -> Result<()> {
    db.execute(
        "INSERT INTO notified (domain, cursor) \
         SELECT domains.domain, (SELECT coalesce(max(cursor), 0) FROM events) \
         FROM domains WHERE domains.domain = ?1 ON CONFLICT DO NOTHING",
        values![domain],
    )?;
    Ok(())
}

/// A domain's events behind `from` are told up to `to`; `false` when somebody else did that meanwhile.
pub fn reach(db: &Write<'_>, domain: &str, from: i64, to: i64) -> Result<bool> {
    let changed = db.execute(
        "UPDATE notified SET cursor = ?3 WHERE domain = ?1 AND cursor = ?2",
        values![domain, from, to],
    )?;
    Ok(changed == 1)
}

/// Nobody wants the domain's events any more.
pub fn forget(db: &Write<'_>, domain: &str) -> Result<()> {
    db.execute("DELETE FROM notified WHERE domain = ?1", values![domain])?;
    Ok(())
}

/// Takes the next `count` numbers of a way. Returns the id under which they stand and the last number before them; a
/// way that was never used gets the id `fresh`.
pub fn number(
    db: &Write<'_>,
    domain: &str,
    way: &str,
    fresh: CallKey,
    count: u32,
) -> Result<(CallKey, u32)> {
    db.execute(
        "INSERT INTO ways (domain, way, call, told) VALUES (?1, ?2, ?3, 0) ON CONFLICT DO NOTHING",
        values![domain, way, fresh],
    )?;
    db.execute(
        "UPDATE ways SET told = told + ?3 WHERE domain = ?1 AND way = ?2",
        values![domain, way, count],
    )?;
    let taken = db.first(
        "SELECT call, told FROM ways WHERE domain = ?1 AND way = ?2",
        values![domain, way],
        |row| Ok((row.get(0)?, row.get::<u32>(1)?)),
    )?;
    let (call, told) = taken.expect("the way is there by now");
    Ok((call, told - count))
}

/// Puts notifications into the outbox.
pub fn append(db: &Write<'_>, rows: &[EventRow]) -> Result<()> {
    rows.iter().try_for_each(|row| events::insert(db, row))
}

/// Something that a tenant has to look after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// The tenant.
    pub domain: String,
    /// What it is about.
    pub service: String,
    /// The caller's word for what is wrong.
    pub alarm: String,
}

/// The alarms that were told and are not over.
pub fn alarms(db: &Read<'_>) -> Result<Vec<Alarm>> {
    db.all("SELECT domain, service, alarm FROM alarms", &[], |row| {
        Ok(Alarm {
            domain: row.get(0)?,
            service: row.get(1)?,
            alarm: row.get(2)?,
        })
    })
}

/// An alarm begins; `false` when it stands already.
pub fn raise(db: &Write<'_>, domain: &str, service: &str, alarm: &str) -> Result<bool> {
    let changed = db.execute(
        "INSERT INTO alarms (domain, service, alarm) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        values![domain, service, alarm],
    )?;
    Ok(changed == 1)
}

/// An alarm is over; `false` when it does not stand any more.
pub fn clear(db: &Write<'_>, domain: &str, service: &str, alarm: &str) -> Result<bool> {
    let changed = db.execute(
        "DELETE FROM alarms WHERE domain = ?1 AND service = ?2 AND alarm = ?3",
        values![domain, service, alarm],
    )?;
    Ok(changed == 1)
}

/// Nobody wants the domain's alarms any more.
pub fn forget_alarms(db: &Write<'_>, domain: &str) -> Result<()> {
    db.execute("DELETE FROM alarms WHERE domain = ?1", values![domain])?;
    Ok(())
}

#[cfg(test)]
mod tests;
