//! Everything that is sealed, to be sealed under another master key. Which texts of a document are sealed, and to what
//! place anything belongs, is the caller's knowledge.

use crate::bulk::Waiting;
use crate::documents::Document;
use crate::seal::SealedText;
use crate::sql::values;
use crate::{CallKey, Result, Write};

/// Where a sealed text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At<'a> {
    /// A secret of the installation, by the name of its setting.
    Setting(&'a str),
    /// A webhook secret of a tenant, the present one or the one before.
    Webhook(&'a str),
    /// The token of a tenant's key.
    Token {
        /// The tenant.
        domain: &'a str,
        /// The key.
        sk: &'a str,
    },
    /// What belongs into an event's body.
    Event {
        /// The tenant.
        domain: &'a str,
        /// The delivery.
        webhook_id: &'a str,
    },
}

/// Seals one thing after the other anew.
pub trait Reseal {
    /// A text.
    fn text(&mut self, at: At<'_>, sealed: &SealedText) -> Result<SealedText>;
    /// The body of a document, with the sealed texts in it.
    fn document(&mut self, document: &Document) -> Result<String>;
    /// The body of a row of a tenant's bulk file that waits to become a document.
    fn waiting(&mut self, domain: &str, row: &Waiting) -> Result<String>;
    /// A snapshot.
    fn snapshot(&mut self, call: CallKey, sealed: &[u8]) -> Result<Vec<u8>>;
}

/// Has everything sealed anew that is sealed; settings are sealed when their name begins with `prefix`.
pub fn all(db: &Write<'_>, prefix: &str, to: &mut impl Reseal) -> Result<()> {
    let settings = db.all("SELECT name, value FROM settings", &[], |row| {
        Ok((row.get::<String>(0)?, row.get::<SealedText>(1)?))
    })?;
    for (name, sealed) in settings.iter().filter(|(name, _)| name.starts_with(prefix)) {
        let sealed = to.text(At::Setting(name), sealed)?;
        db.execute(
            "UPDATE settings SET value = ?2 WHERE name = ?1",
            values![name, sealed],
        )?;
    }
    tenants(db, to)?;
    let documents = db.all(
        "SELECT domain, kind, id, draft, version, body FROM documents",
        &[],
        crate::documents::document,
    )?;
    for document in &documents {
        let body = to.document(document)?;
        if body != document.body {
            db.execute(
                "UPDATE documents SET body = ?5 WHERE domain = ?1 AND kind = ?2 AND id = ?3 AND draft = ?4",
                values![document.domain, document.kind, document.id, document.draft, body],
            )?;
        }
    }
    bulk_rows(db, to)?;
    calls(db, to)
}

fn bulk_rows(db: &Write<'_>, to: &mut impl Reseal) -> Result<()> {
    let rows = db.all(
        "SELECT job, number, domain, id, body FROM bulk_rows, bulk_jobs WHERE job = serial",
        &[],
        |row| {
            let waiting = Waiting {
                id: row.get(3)?,
                body: row.get(4)?,
            };
            let at: (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((at, waiting))
        },
    )?;
    for ((job, number, domain), row) in &rows {
        let body = to.waiting(domain, row)?;
        db.execute(
            "UPDATE bulk_rows SET body = ?3 WHERE job = ?1 AND number = ?2",
            values![job, number, body],
        )?;
    }
    Ok(())
}

fn tenants(db: &Write<'_>, to: &mut impl Reseal) -> Result<()> {
    let secrets = db.all(
        "SELECT domain, webhook_secret, previous_webhook_secret FROM domains",
        &[],
        |row| {
            let previous: Option<SealedText> = row.get(2)?;
            Ok((row.get::<String>(0)?, row.get::<SealedText>(1)?, previous))
        },
    )?;
    for (domain, present, previous) in &secrets {
        let at = At::Webhook(domain);
        let present = to.text(at, present)?;
        let previous = previous
            .as_ref()
            .map(|sealed| to.text(at, sealed))
            .transpose()?;
        db.execute(
            "UPDATE domains SET webhook_secret = ?2, previous_webhook_secret = ?3 WHERE domain = ?1",
            values![domain, present, previous],
        )?;
    }
    let tokens = db.all(
        "SELECT domain, sk, sealed_token FROM api_keys WHERE sealed_token IS NOT NULL",
        &[],
        |row| {
            Ok((
                row.get::<String>(0)?,
                row.get::<String>(1)?,
                row.get::<SealedText>(2)?,
            ))
        },
    )?;
    for (domain, sk, sealed) in &tokens {
        let sealed = to.text(At::Token { domain, sk }, sealed)?;
        db.execute(
            "UPDATE api_keys SET sealed_token = ?3 WHERE domain = ?1 AND sk = ?2",
            values![domain, sk, sealed],
        )?;
    }
    Ok(())
}

fn calls(db: &Write<'_>, to: &mut impl Reseal) -> Result<()> {
    let events = db.all(
        "SELECT cursor, domain, webhook_id, sealed FROM events WHERE sealed IS NOT NULL",
        &[],
        |row| {
            let at: (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((at, row.get::<SealedText>(3)?))
        },
    )?;
    for ((cursor, domain, webhook_id), sealed) in &events {
        let sealed = to.text(At::Event { domain, webhook_id }, sealed)?;
        db.execute(
            "UPDATE events SET sealed = ?2 WHERE cursor = ?1",
            values![cursor, sealed],
        )?;
    }
    let snapshots = db.all("SELECT call, body FROM snapshots", &[], |row| {
        Ok((row.get::<CallKey>(0)?, row.get::<Vec<u8>>(1)?))
    })?;
    for (call, body) in &snapshots {
        let body = to.snapshot(*call, body)?;
        db.execute(
            "UPDATE snapshots SET body = ?2 WHERE call = ?1",
            values![call, body],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
