//! API keys: opaque tokens (found by hash, sealed because Signature V4 needs them back) and customers' public keys.

use crate::seal::TokenHash;
use crate::sql::{Row, values};
use crate::{Error, Read, Result, SealedText, UnixMicros, Write};

/// What proves that a caller holds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A random token of ours.
    Opaque {
        /// SHA-256 of the token.
        token_hash: TokenHash,
        /// The token itself, sealed.
        sealed_token: SealedText,
    },
    /// A public key of the customer, who signs JWTs with the private one.
    Pem(String),
}

/// A key of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The tenant.
    pub domain: String,
    /// Its id within the domain.
    pub sk: String,
    /// How it is proven.
    pub credential: Credential,
    /// What it may do, space-separated: `calls`, `provisioning`, `read`.
    pub scopes: String,
    /// Free text.
    pub description: String,
    /// When it was added.
    pub created_at: UnixMicros,
    /// From when on it opens nothing.
    pub expires_at: Option<UnixMicros>,
    /// When it was used last, a minute or so behind the truth.
    pub last_used_at: Option<UnixMicros>,
}

const OPAQUE: u8 = 0;
const PEM: u8 = 1;

macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT domain, sk, kind, token_hash, sealed_token, pem, scopes, description, created_at, \
             expires_at, last_used_at FROM api_keys ",
            $rest
        )
    };
}

fn api_key(row: &Row<'_>) -> Result<ApiKey> {
    let credential = match row.get::<u8>(2)? {
        OPAQUE => Credential::Opaque {
            token_hash: row.get(3)?,
            sealed_token: row.get(4)?,
        },
        _ => Credential::Pem(row.get(5)?),
    };
    Ok(ApiKey {
        domain: row.get(0)?,
        sk: row.get(1)?,
        credential,
        scopes: row.get(6)?,
        description: row.get(7)?,
        created_at: row.get(8)?,
        expires_at: row.get(9)?,
        last_used_at: row.get(10)?,
    })
}

/// Adds a key; [`crate::Error::Conflict`] when the id or the token is taken.
pub fn add(db: &Write<'_>, key: &ApiKey) -> Result<()> {
    let (kind, token_hash, sealed_token, pem) = match &key.credential {
        Credential::Opaque {
            token_hash,
            sealed_token,
        } => (OPAQUE, Some(token_hash), Some(sealed_token), None),
        Credential::Pem(pem) => (PEM, None, None, Some(pem)),
    };
    let added = db.execute(
        "INSERT INTO api_keys (domain, sk, kind, token_hash, sealed_token, pem, scopes, description, created_at, \
         expires_at, last_used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
        values![
            key.domain,
            key.sk,
            kind,
            token_hash,
            sealed_token,
            pem,
            key.scopes,
            key.description,
            key.created_at,
            key.expires_at,
            key.last_used_at
        ],
    )?;
    match added {
        0 => Err(Error::Conflict("the key's id or token is taken".to_owned())),
        _ => Ok(()),
    }
}

/// The key whose token has this hash, of whichever domain.
pub fn find_by_token(db: &Read<'_>, token_hash: &TokenHash) -> Result<Option<ApiKey>> {
    db.first(
        select!("WHERE token_hash = ?1"),
        values![token_hash],
        api_key,
    )
}

/// The key of that id.
pub fn find(db: &Read<'_>, domain: &str, sk: &str) -> Result<Option<ApiKey>> {
    db.first(
        select!("WHERE domain = ?1 AND sk = ?2"),
        values![domain, sk],
        api_key,
    )
}

/// All keys of a domain, in id order.
pub fn of_domain(db: &Read<'_>, domain: &str) -> Result<Vec<ApiKey>> {
    db.all(
        select!("WHERE domain = ?1 ORDER BY sk"),
        values![domain],
        api_key,
    )
}

/// Notes when a key was used last; an earlier time than the one noted changes nothing, nor does a key that is gone.
pub fn note_use(db: &Write<'_>, domain: &str, sk: &str, at: UnixMicros) -> Result<()> {
    db.execute(
        "UPDATE api_keys SET last_used_at = ?3 \
         WHERE domain = ?1 AND sk = ?2 AND (last_used_at IS NULL OR last_used_at < ?3)",
        values![domain, sk, at],
    )?;
    Ok(())
}

/// Removes a key; `false` when there was none.
pub fn delete(db: &Write<'_>, domain: &str, sk: &str) -> Result<bool> {
    let removed = db.execute(
        "DELETE FROM api_keys WHERE domain = ?1 AND sk = ?2",
        values![domain, sk],
    )?;
    Ok(removed > 0)
}

#[cfg(test)]
mod tests;
