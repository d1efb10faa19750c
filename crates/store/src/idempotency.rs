//! Replies remembered under an `Idempotency-Key`, so that a repeated request is answered and not repeated.

use crate::sql::values;
use crate::{Result, UnixMicros, Write};

/// A reply to give again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON text.
    pub body: String,
}

/// What a request with a key finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is the first one: do the work, then [`finish`] or [`release`].
    First,
    /// The first one came then and was not answered: it is at work, or a program that ended left it so.
    Running(UnixMicros),
    /// The first one was answered so.
    Answered(Reply),
    /// The key was used for another request.
    OtherRequest,
}

/// Takes the key for a request whose method, path and body hash to `fingerprint`; keys from before `expired` are free.
pub fn claim(
    db: &Write<'_>,
    domain: &str,
    key: &str,
    fingerprint: &[u8],
    now: UnixMicros,
    expired: UnixMicros,
) -> Result<Claim> {
    let taken = db.execute(
        "INSERT INTO replies (domain, key, fingerprint, created_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (domain, key) DO UPDATE SET fingerprint = ?3, created_at = ?4, status = NULL, body = NULL \
         WHERE replies.created_at < ?5",
        values![domain, key, fingerprint, now, expired],
    )?;
    if taken > 0 {
        return Ok(Claim::First);
    }
    let found = db.first(
        "SELECT fingerprint, status, body, created_at FROM replies WHERE domain = ?1 AND key = ?2",
        values![domain, key],
        |row| {
            let stored: Vec<u8> = row.get(0)?;
            let status: Option<u16> = row.get(1)?;
            let body: Option<String> = row.get(2)?;
            Ok((stored, status.zip(body), row.get(3)?))
        },
    )?;
    Ok(match found {
        Some((stored, ..)) if stored != fingerprint => Claim::OtherRequest,
        Some((_, Some((status, body)), _)) => Claim::Answered(Reply { status, body }),
        Some((_, None, since)) => Claim::Running(since),
        // The statement before left a row, and only this transaction writes.
        None => Claim::First,
    })
}

/// Remembers the reply to the request that took the key.
pub fn finish(db: &Write<'_>, domain: &str, key: &str, reply: &Reply) -> Result<()> {
    db.execute(
        "UPDATE replies SET status = ?3, body = ?4 WHERE domain = ?1 AND key = ?2",
        values![domain, key, reply.status, reply.body],
    )?;
    Ok(())
}

/// Frees a key whose request came to nothing, or whose reply must not be kept.
pub fn release(db: &Write<'_>, domain: &str, key: &str) -> Result<()> {
    db.execute(
        "DELETE FROM replies WHERE domain = ?1 AND key = ?2",
        values![domain, key],
    )?;
    Ok(())
}

/// Forgets up to `limit` keys taken before `before`, oldest first, returning how many.
pub fn sweep(db: &Write<'_>, before: UnixMicros, limit: u32) -> Result<usize> {
    db.execute(
        "DELETE FROM replies WHERE (domain, key) IN \
         (SELECT domain, key FROM replies WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
        values![before, limit],
    )
}

#[cfg(test)]
mod tests;
