//! Provisioning documents of every kind: JSON text the store never looks into, under (domain, kind, id, draft).

use crate::sql::{Row, values};
use crate::{Error, Read, Result, Write};

/// Names one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The tenant.
    pub domain: &'a str,
    /// What it is: `device`, `cloudsipua`, …
    pub kind: &'a str,
    /// Its id within domain and kind.
    pub id: &'a str,
    /// The copy that the live service does not use (`provisory`).
    pub draft: bool,
}

/// A stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The tenant.
    pub domain: String,
    /// What it is.
    pub kind: String,
    /// Its id within domain and kind.
    pub id: String,
    /// Whether it is the draft copy.
    pub draft: bool,
    /// Rises with every write in the whole store, so an old version never comes back.
    pub version: u64,
    /// JSON text.
    pub body: String,
}

/// What the caller believes is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Anything or nothing.
    #[default]
    Any,
    /// Nothing yet (`If-None-Match: *`).
    Absent,
    /// Some version (`If-Match: *`).
    Present,
    /// This version (`If-Match`).
    Version(u64),
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The document's new version.
    pub version: u64,
    /// Whether there was none before.
    pub created: bool,
}

/// Part of a list, in id order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// Most documents to return.
    pub limit: u32,
    /// Only ids behind this one.
    pub after: Option<&'a str>,
    /// Only ids that begin so.
    pub prefix: Option<&'a str>,
}

macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT domain, kind, id, draft, version, body FROM documents ",
            $rest
        )
    };
}

pub(crate) fn document(row: &Row<'_>) -> Result<Document> {
    Ok(Document {
        domain: row.get(0)?,
        kind: row.get(1)?,
        id: row.get(2)?,
        draft: row.get(3)?,
        version: row.get(4)?,
        body: row.get(5)?,
    })
}

/// The document, if there is one.
pub fn find(db: &Read<'_>, key: Key<'_>) -> Result<Option<Document>> {
    db.first(
        select!("WHERE domain = ?1 AND kind = ?2 AND id = ?3 AND draft = ?4"),
        values![key.domain, key.kind, key.id, key.draft],
        document,
    )
}

/// A page of the documents of one domain and kind, in id order.
pub fn list(
    db: &Read<'_>,
    domain: &str,
    kind: &str,
    draft: bool,
    page: Page<'_>,
) -> Result<Vec<Document>> {
    let (after, prefix) = (page.after.unwrap_or(""), page.prefix.unwrap_or(""));
    let mut found = db.all(
        select!(
            "WHERE domain = ?1 AND kind = ?2 AND draft = ?3 \
             AND id > ?4 AND id >= ?5 ORDER BY id LIMIT ?6",
        ),
        values![domain, kind, draft, after, prefix, page.limit],
        document,
    )?;
    let fit = found.partition_point(|document| document.id.starts_with(prefix));
    found.truncate(fit);
    Ok(found)
}

/// Hands every document that is not a draft to `each`, domain by domain: what a node reads when it starts.
pub fn each_live(db: &Read<'_>, mut each: impl FnMut(Document)) -> Result<()> {
    db.each(
        select!("WHERE draft = 0 ORDER BY domain, kind, id"),
        &[],
        |row| {
            each(document(row)?);
            Ok(())
        },
    )
}

/// Every document of one domain, drafts too, kind by kind.
pub fn all_of_domain(db: &Read<'_>, domain: &str) -> Result<Vec<Document>> {
    db.all(
        select!("WHERE domain = ?1 ORDER BY kind, id, draft"),
        values![domain],
        document,
    )
}

/// Number of documents of one domain and kind.
pub fn count(db: &Read<'_>, domain: &str, kind: &str, draft: bool) -> Result<u64> {
    db.only(
        "SELECT count(*) FROM documents WHERE domain = ?1 AND kind = ?2 AND draft = ?3",
        values![domain, kind, draft],
    )
}

/// Those of one domain and kind that are in force and newer than `version`.
pub fn newer(db: &Read<'_>, domain: &str, kind: &str, version: u64) -> Result<Vec<Document>> {
    db.all(
        select!("WHERE domain = ?1 AND kind = ?2 AND draft = 0 AND version > ?3 ORDER BY version"),
        values![domain, kind, version],
        document,
    )
}

/// The newest version of one domain and kind that is in force, 0 when there is none.
pub fn newest(db: &Read<'_>, domain: &str, kind: &str) -> Result<u64> {
    db.only(
        "SELECT coalesce(max(version), 0) FROM documents WHERE domain = ?1 AND kind = ?2 AND draft = 0",
        values![domain, kind],
    )
}

/// Stores `body`; [`Error::Version`] when something else than `expected` is there, [`Error::NoSuchDomain`].
pub fn put(db: &Write<'_>, key: Key<'_>, body: &str, expected: Expected) -> Result<Written> {
    let found = check(db, key, expected)?;
    let version = next_revision(db)?;
    db.execute(
        "INSERT INTO documents (domain, kind, id, draft, version, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (domain, kind, id, draft) DO UPDATE SET version = excluded.version, body = excluded.body",
        values![key.domain, key.kind, key.id, key.draft, version, body],
    )?;
    Ok(Written {
        version,
        created: found.is_none(),
    })
}

/// Removes the document; `false` when there was none, [`Error::Version`] when it is not the expected one.
pub fn delete(db: &Write<'_>, key: Key<'_>, expected: Expected) -> Result<bool> {
    check(db, key, expected)?;
    let removed = db.execute(
        "DELETE FROM documents WHERE domain = ?1 AND kind = ?2 AND id = ?3 AND draft = ?4",
        values![key.domain, key.kind, key.id, key.draft],
    )?;
    Ok(removed > 0)
}

/// Removes all documents of one domain and kind, returning how many.
pub fn delete_all(db: &Write<'_>, domain: &str, kind: &str, draft: bool) -> Result<usize> {
    db.execute(
        "DELETE FROM documents WHERE domain = ?1 AND kind = ?2 AND draft = ?3",
        values![domain, kind, draft],
    )
}

fn check(db: &Write<'_>, key: Key<'_>, expected: Expected) -> Result<Option<u64>> {
    let found = db.first(
        "SELECT version FROM documents WHERE domain = ?1 AND kind = ?2 AND id = ?3 AND draft = ?4",
        values![key.domain, key.kind, key.id, key.draft],
        |row| row.get(0),
    )?;
    let fits = match expected {
        Expected::Any => true,
        Expected::Absent => found.is_none(),
        Expected::Present => found.is_some(),
        Expected::Version(version) => found == Some(version),
    };
    if fits {
        Ok(found)
    } else {
        Err(Error::Version(found))
    }
}

/// The next number of the store-wide sequence of versions.
pub(crate) fn next_revision(db: &Write<'_>) -> Result<u64> {
    take_revisions(db, 1)
}

/// The first of the next `count` numbers of that sequence; all of them are taken.
pub(crate) fn take_revisions(db: &Write<'_>, count: u32) -> Result<u64> {
    db.only(
        "UPDATE revision SET value = value + ?1 RETURNING value + 1 - ?1",
        values![count],
    )
}

#[cfg(test)]
mod tests;
