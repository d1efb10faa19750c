//! Source networks the operator granted to tenants.

use rusqlite::params;

use crate::{Read, Result, Write};

/// A grant: calls from `cidr` may be `domain`'s.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// The network as text, in the form the caller chose.
    pub cidr: String,
    /// The tenant.
    pub domain: String,
}

/// Grants a network; granting it twice changes nothing.
pub fn grant(db: &Write<'_>, cidr: &str, domain: &str) -> Result<()> {
    let mut statement = db.sql.prepare_cached(
        "INSERT INTO networks (cidr, domain) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    statement.execute(params![cidr, domain])?;
    Ok(())
}

/// Takes a grant back; `false` when there was none.
pub fn revoke(db: &Write<'_>, cidr: &str, domain: &str) -> Result<bool> {
    let mut statement = db
        .sql
        .prepare_cached("DELETE FROM networks WHERE cidr = ?1 AND domain = ?2")?;
    Ok(statement.execute(params![cidr, domain])? > 0)
}

/// Every grant, tenant by tenant.
pub fn all(db: &Read<'_>) -> Result<Vec<Network>> {
    let mut statement = db
        .sql
        .prepare_cached("SELECT cidr, domain FROM networks ORDER BY domain, cidr")?;
    let rows = statement.query_map([], |row| {
        Ok(Network {
            cidr: row.get(0)?,
            domain: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests;
