//! Source networks the operator granted to tenants.

use crate::sql::values;
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
    db.execute(
        "INSERT INTO networks (cidr, domain) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        values![cidr, domain],
    )?;
    Ok(())
}

/// Takes a grant back; `false` when there was none.
pub fn revoke(db: &Write<'_>, cidr: &str, domain: &str) -> Result<bool> {
    let removed = db.execute(
        "DELETE FROM networks WHERE cidr = ?1 AND domain = ?2",
        values![cidr, domain],
    )?;
    Ok(removed > 0)
}

/// Every grant, tenant by tenant.
pub fn all(db: &Read<'_>) -> Result<Vec<Network>> {
    db.all(
        "SELECT cidr, domain FROM networks ORDER BY domain, cidr",
        &[],
        |row| {
            Ok(Network {
                cidr: row.get(0)?,
                domain: row.get(1)?,
            })
        },
    )
}

#[cfg(test)]
mod tests;
