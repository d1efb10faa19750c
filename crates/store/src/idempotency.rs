//! Replies remembered under an `Idempotency-Key`, so that a repeated request is answered and not repeated.

use std::sync::Arc;

use crate::sql::values;
use crate::{CallKey, Result, UnixMicros, Write};

/// A reply to give again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON text.
    pub body: String,
}

/// A request with a key.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The domain of the caller.
    pub domain: &'a str,
    /// The key.
    pub key: &'a str,
    /// A hash of method, path and body.
    pub fingerprint: &'a [u8],
    /// The node that would be at work on it.
    pub node: &'a str,
}

/// A request that was not answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// When it came.
    pub since: UnixMicros,
    /// The node it came to; nobody knows of one that an earlier release took.
    pub node: Option<String>,
    /// The call it placed, if it did.
    pub call: Option<CallKey>,
}

/// The call that a command with an idempotency key placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The domain of the caller.
    pub domain: Arc<str>,
    /// The key.
    pub key: Arc<str>,
    /// The call.
    pub call: CallKey,
}

/// What a request with a key finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is the first one: do the work, then [`finish`] or [`release`].
    First,
    /// The first one was not answered: it is at work, or a program that ended left it so.
    Running(Unanswered),
    /// The first one was answered so.
    Answered(Reply),
    /// The key was used for another request.
    OtherRequest,
}

/// Takes the key for a request; keys from before `expired` are free.
pub fn claim(
    db: &Write<'_>,
    request: &Request<'_>,
    now: UnixMicros,
    expired: UnixMicros,
) -> Result<Claim> {
    let Request {
        domain,
        key,
        fingerprint,
        node,
    } = *request;
    let taken = db.execute(
        "INSERT INTO replies (domain, key, fingerprint, created_at, node) VALUES (?1, ?2, ?3, ?4, ?6) \
         ON CONFLICT (domain, key) DO UPDATE \
         SET fingerprint = ?3, created_at = ?4, node = ?6, status = NULL, body = NULL, call = NULL \
         WHERE replies.created_at < ?5",
        values![domain, key, fingerprint, now, expired, node],
    )?;
    if taken > 0 {
        return Ok(Claim::First);
    }
    let found = db.first(
        "SELECT fingerprint, status, body, created_at, node, call FROM replies WHERE domain = ?1 AND key = ?2",
        values![domain, key],
        |row| {
            let stored: Vec<u8> = row.get(0)?;
            let status: Option<u16> = row.get(1)?;
            let body: Option<String> = row.get(2)?;
            let unanswered = Unanswered {
                since: row.get(3)?,
                node: row.get(4)?,
                call: row.get(5)?,
            };
            Ok((stored, status.zip(body), unanswered))
        },
    )?;
    Ok(match found {
        Some((stored, ..)) if stored != fingerprint => Claim::OtherRequest,
        Some((_, Some((status, body)), _)) => Claim::Answered(Reply { status, body }),
        Some((_, None, unanswered)) => Claim::Running(unanswered),
        // The statement before left a row, and only this transaction writes.
        None => Claim::First,
    })
}

/// Notes the call that a request placed.
pub(crate) fn note(db: &Write<'_>, placed: &Placed) -> Result<()> {
    db.execute(
        "UPDATE replies SET call = ?3 WHERE domain = ?1 AND key = ?2 AND status IS NULL",
        values![&*placed.domain, &*placed.key, placed.call],
    )?;
    Ok(())
}

/// Goes on where a request was left, for `node`; false when it is no longer as it was found.
pub fn take_over(
    db: &Write<'_>,
    domain: &str,
    key: &str,
    left: &Unanswered,
    node: &str,
) -> Result<bool> {
    let taken = db.execute(
        "UPDATE replies SET node = ?3, call = NULL WHERE domain = ?1 AND key = ?2 AND status IS NULL \
         AND created_at = ?4 AND node IS NOT DISTINCT FROM ?5 AND call IS NOT DISTINCT FROM ?6",
        values![domain, key, node, left.since, left.node, left.call],
    )?;
    Ok(taken > 0)
}

/// Remembers the reply to the request that took the key then.
pub fn finish(
    db: &Write<'_>,
    domain: &str,
    key: &str,
    since: UnixMicros,
    reply: &Reply,
) -> Result<()> {
    db.execute(
        "UPDATE replies SET status = ?4, body = ?5 WHERE domain = ?1 AND key = ?2 AND created_at = ?3",
        values![domain, key, since, reply.status, reply.body],
    )?;
    Ok(())
}

/// Frees a key whose request, of then, came to nothing, or whose reply must not be kept. Nobody loses a key who took it
/// since, so it may be done twice.
pub fn release(db: &Write<'_>, domain: &str, key: &str, since: UnixMicros) -> Result<()> {
    db.execute(
        "DELETE FROM replies WHERE domain = ?1 AND key = ?2 AND created_at = ?3",
        values![domain, key, since],
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
