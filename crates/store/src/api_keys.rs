//! API keys: opaque tokens (found by hash, sealed because Signature V4 needs them back) and customers' public keys.

use rusqlite::{OptionalExtension, Row, params};

use crate::seal::TokenHash;
use crate::{Read, Result, SealedText, UnixMicros, Write};

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
}

const OPAQUE: u8 = 0;
const PEM: u8 = 1;

macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT domain, sk, kind, token_hash, sealed_token, pem, scopes, description, created_at FROM api_keys ",
            $rest
        )
    };
}

fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let credential = match row.get(2)? {
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
    let mut statement = db.sql.prepare_cached(
        "INSERT INTO api_keys (domain, sk, kind, token_hash, sealed_token, pem, scopes, description, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement.execute(params![
        key.domain,
        key.sk,
        kind,
        token_hash,
        sealed_token,
        pem,
        key.scopes,
        key.description,
        key.created_at
    ])?;
    Ok(())
}

/// The key whose token has this hash, of whichever domain.
pub fn find_by_token(db: &Read<'_>, token_hash: &TokenHash) -> Result<Option<ApiKey>> {
    let mut statement = db.sql.prepare_cached(select!("WHERE token_hash = ?1"))?;
    Ok(statement.query_row([token_hash], api_key).optional()?)
}

/// The key of that id.
pub fn find(db: &Read<'_>, domain: &str, sk: &str) -> Result<Option<ApiKey>> {
    let mut statement = db
        .sql
        .prepare_cached(select!("WHERE domain = ?1 AND sk = ?2"))?;
    Ok(statement.query_row([domain, sk], api_key).optional()?)
}

/// All keys of a domain, in id order.
pub fn of_domain(db: &Read<'_>, domain: &str) -> Result<Vec<ApiKey>> {
    let mut statement = db
        .sql
        .prepare_cached(select!("WHERE domain = ?1 ORDER BY sk"))?;
    let rows = statement.query_map([domain], api_key)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Removes a key; `false` when there was none.
pub fn delete(db: &Write<'_>, domain: &str, sk: &str) -> Result<bool> {
    let mut statement = db
        .sql
        .prepare_cached("DELETE FROM api_keys WHERE domain = ?1 AND sk = ?2")?;
    Ok(statement.execute([domain, sk])? > 0)
}

#[cfg(test)]
mod tests;
