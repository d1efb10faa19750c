//! A tenant with all that is configured of it, taken out of one database and put into another. Its calls and events are not
//! part of it.

use std::collections::HashSet;

use crate::api_keys::{self, ApiKey, Credential};
use crate::documents::{self, Document};
use crate::domains::{self, Domain};
use crate::sql::values;
use crate::{Read, Result, Write, networks};

/// Rows sent before their answers are awaited.
const PORTION: usize = 1_000;

/// All that is configured of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its settings and the secrets its callbacks are signed with.
    pub domain: Domain,
    /// The networks the operator granted to it.
    pub networks: Vec<String>,
    /// In the order of their ids.
    pub api_keys: Vec<ApiKey>,
    /// Drafts too, in the order of kinds and ids.
    pub documents: Vec<Document>,
}

/// What stands in the way of a tenant, by its place in the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clash {
    /// There is a tenant of that name.
    Domain,
    /// It has that document.
    Document(usize),
    /// It has a key of that id.
    ApiKey(usize),
    /// Another tenant has a key with that token.
    Token(usize),
}

/// The tenant of that name.
pub fn find(db: &Read<'_>, name: &str) -> Result<Option<Tenant>> {
    let Some(domain) = domains::find(db, name)? else {
        return Ok(None);
    };
    let mut networks = networks::all(db)?;
    networks.retain(|network| network.domain == name);
    Ok(Some(Tenant {
        domain,
        networks: networks.into_iter().map(|network| network.cidr).collect(),
        api_keys: api_keys::of_domain(db, name)?,
        documents: documents::all_of_domain(db, name)?,
    }))
}

/// What of the tenant is there already.
pub fn clashes(db: &Read<'_>, tenant: &Tenant) -> Result<Vec<Clash>> {
    let name = tenant.domain.domain.as_str();
    let mut clashes = Vec::new();
    for (place, key) in tenant.api_keys.iter().enumerate() {
        if let Credential::Opaque { token_hash, .. } = &key.credential {
            let held = api_keys::find_by_token(db, token_hash)?;
            if held.is_some_and(|held| held.domain != name) {
                clashes.push(Clash::Token(place));
            }
        }
        if api_keys::find(db, name, &key.sk)?.is_some() {
            clashes.push(Clash::ApiKey(place));
        }
    }
    if domains::find(db, name)?.is_none() {
        return Ok(clashes);
    }
    clashes.push(Clash::Domain);
    let stored: HashSet<(String, String, bool)> = db
        .all(
            "SELECT kind, id, draft FROM documents WHERE domain = ?1",
            values![name],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?
        .into_iter()
        .collect();
    for (place, document) in tenant.documents.iter().enumerate() {
        let key = (document.kind.clone(), document.id.clone(), document.draft);
        if stored.contains(&key) {
            clashes.push(Clash::Document(place));
        }
    }
    Ok(clashes)
}

/// Puts the tenant into the place of the one of its name, if there is one; its documents and settings get new versions.
pub fn put(db: &Write<'_>, tenant: &Tenant) -> Result<()> {
    let Domain {
        domain: name,
        settings,
        webhook_secret,
        previous_webhook_secret,
        created_at,
        ..
    } = &tenant.domain;
    let (previous, until) = previous_webhook_secret.clone().unzip();
    let version = documents::next_revision(db)?;
    // An existing row stays: what hangs on it besides, such as a running bulk job, is not part of the exchange.
    db.execute(
        "INSERT INTO domains (domain, settings, version, webhook_secret, previous_webhook_secret, previous_until, \
         created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (domain) DO UPDATE SET settings = excluded.settings, version = excluded.version, \
         webhook_secret = excluded.webhook_secret, previous_webhook_secret = excluded.previous_webhook_secret, \
         previous_until = excluded.previous_until, created_at = excluded.created_at",
        values![name, settings, version, webhook_secret, previous, until, created_at],
    )?;
    db.execute("DELETE FROM documents WHERE domain = ?1", values![name])?;
    db.execute("DELETE FROM networks WHERE domain = ?1", values![name])?;
    db.execute("DELETE FROM api_keys WHERE domain = ?1", values![name])?;
    for network in &tenant.networks {
        networks::grant(db, network, name)?;
    }
    for key in &tenant.api_keys {
        api_keys::add(db, key)?;
    }
    let count = u32::try_from(tenant.documents.len()).unwrap_or(u32::MAX);
    let first = documents::take_revisions(db, count)?;
    for (place, (document, version)) in tenant.documents.iter().zip(first..).enumerate() {
        let Document {
            kind,
            id,
            draft,
            body,
            ..
        } = document;
        let insert = "INSERT INTO documents (domain, kind, id, draft, version, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = values![name, kind, id, draft, version, body];
        if place % PORTION == 0 {
            db.execute(insert, values)?;
        } else {
            db.execute_later(insert, values)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
