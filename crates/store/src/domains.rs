//! Tenants: their settings and the secrets their callbacks are signed with.

use crate::documents::next_revision;
use crate::sql::{Row, values};
use crate::{Error, Read, Result, SealedText, UnixMicros, Write, statistics};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub domain: String,
    /// JSON text.
    pub settings: String,
    /// Rises with every write of the settings.
    pub version: u64,
    /// Signs callbacks.
    pub webhook_secret: SealedText,
    /// Signs callbacks too until the time given, after a rotation.
    pub previous_webhook_secret: Option<(SealedText, UnixMicros)>,
    /// When it was added.
    pub created_at: UnixMicros,
}

macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT domain, settings, version, webhook_secret, previous_webhook_secret, previous_until, created_at \
             FROM domains ",
            $rest
        )
    };
}

fn domain(row: &Row<'_>) -> Result<Domain> {
    let previous: Option<SealedText> = row.get(4)?;
    let until: Option<UnixMicros> = row.get(5)?;
    Ok(Domain {
        domain: row.get(0)?,
        settings: row.get(1)?,
        version: row.get(2)?,
        webhook_secret: row.get(3)?,
        previous_webhook_secret: previous.zip(until),
        created_at: row.get(6)?,
    })
}

/// Adds a tenant; [`Error::Conflict`] when there is one of that name.
pub fn add(
    db: &Write<'_>,
    name: &str,
    settings: &str,
    webhook_secret: &SealedText,
    now: UnixMicros,
) -> Result<()> {
    let version = next_revision(db)?;
    let added = db.execute(
        "INSERT INTO domains (domain, settings, version, webhook_secret, created_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO NOTHING",
        values![name, settings, version, webhook_secret, now],
    )?;
    match added {
        0 => Err(Error::Conflict("the domain exists".to_owned())),
        _ => Ok(()),
    }
}

/// The tenant of that name.
pub fn find(db: &Read<'_>, name: &str) -> Result<Option<Domain>> {
    db.first(select!("WHERE domain = ?1"), values![name], domain)
}

/// Tenants in name order, at most `limit`, behind the name `after`.
pub fn list(db: &Read<'_>, after: Option<&str>, limit: u32) -> Result<Vec<Domain>> {
    db.all(
        select!("WHERE domain > ?1 ORDER BY domain LIMIT ?2"),
        values![after.unwrap_or(""), limit],
        domain,
    )
}

/// Every tenant, in name order.
pub fn all(db: &Read<'_>) -> Result<Vec<Domain>> {
    db.all(select!("ORDER BY domain"), &[], domain)
}

/// Replaces the settings and returns their version; [`Error::Version`] when `expected` is given and not stored.
pub fn put_settings(
    db: &Write<'_>,
    name: &str,
    settings: &str,
    expected: Option<u64>,
) -> Result<u64> {
    let found = find(db, name)?.ok_or(Error::NoSuchDomain)?.version;
    if expected.is_some_and(|version| version != found) {
        return Err(Error::Version(Some(found)));
    }
    let version = next_revision(db)?;
    db.execute(
        "UPDATE domains SET settings = ?2, version = ?3 WHERE domain = ?1",
        values![name, settings, version],
    )?;
    Ok(version)
}

/// Makes `secret` the signing secret; the one before signs too until `previous_until`.
pub fn rotate_webhook_secret(
    db: &Write<'_>,
    name: &str,
    secret: &SealedText,
    previous_until: UnixMicros,
) -> Result<()> {
    let updated = db.execute(
        "UPDATE domains SET previous_webhook_secret = webhook_secret, previous_until = ?3, webhook_secret = ?2 \
         WHERE domain = ?1",
        values![name, secret, previous_until],
    )?;
    match updated {
        0 => Err(Error::NoSuchDomain),
        _ => Ok(()),
    }
}

/// Removes a tenant with its documents, networks, keys and counts; its calls and events stay until their time is up.
pub fn delete(db: &Write<'_>, name: &str) -> Result<bool> {
    statistics::forget(db, name)?;
    Ok(db.execute("DELETE FROM domains WHERE domain = ?1", values![name])? > 0)
}

#[cfg(test)]
mod tests;
