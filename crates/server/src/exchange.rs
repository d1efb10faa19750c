//! One tenant as a file of JSON, to be moved between installations: `hookswitch export` and `hookswitch import`. Secrets in
//! it are sealed with a passphrase, for another installation has another master key; hashes stand as they are.

mod file;
mod passphrase;
mod read;

use hookswitch_api::error::FieldError;
use hookswitch_store::tenant::{self, Clash, Tenant};
use hookswitch_store::{Error, MasterKey, Store};
use serde::{Deserialize, Serialize};

pub use file::MAX_FILE;
pub use passphrase::{Passphrase, TooShort};

/// Most faults that are told at once.
const MAX_FAULTS: usize = 50;

/// Why a tenant was not moved.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such tenant.
    #[error("there is no domain {0}")]
    NoSuchDomain(String),
    /// The file says something that cannot be; at most 50 of the places.
    #[error("{}", told(.0))]
    Faults(Vec<FieldError>),
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] Error),
    /// What is stored cannot be put into the file.
    #[error("{0}")]
    Unable(String),
}

/// What an import did, or with a dry run would have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The tenant.
    pub domain: String,
    /// Whether it took the place of one.
    pub replaced: bool,
    /// Services, devices and all others, drafts too.
    pub documents: usize,
    /// API keys.
    pub api_keys: usize,
    /// Granted networks.
    pub networks: usize,
}

/// How to import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Take the place of a tenant of that name.
    pub replace: bool,
    /// Check everything, change nothing.
    pub dry_run: bool,
}

/// The text of a file with everything that is configured of a tenant.
///
/// # Errors
/// When there is none, or something of it does not open with the master key.
pub fn export(
    store: &Store,
    master_key: &MasterKey,
    domain: &str,
    passphrase: &Passphrase,
) -> Result<Vec<u8>, Refused> {
    let found = store.read_at_one_moment(|db| tenant::find(db, domain))?;
    let tenant = found.ok_or_else(|| Refused::NoSuchDomain(domain.to_owned()))?;
    let mut text = file::write(&tenant, master_key, passphrase)?;
    text.push(b'\n');
    if text.len() as u64 > MAX_FILE {
        let why = format!("the file would have more than {MAX_FILE} bytes, which no import takes");
        return Err(Refused::Unable(why));
    }
    Ok(text)
}

/// Stores the tenant of such a file: all of it or nothing.
///
/// # Errors
/// Every place of the file that keeps it from being stored.
pub fn import(
    store: &Store,
    master_key: &MasterKey,
    text: &[u8],
    passphrase: &Passphrase,
    manner: Manner,
) -> Result<Imported, Refused> {
    let tenant = read::read(text, master_key, passphrase).map_err(Refused::Faults)?;
    let mut imported = Imported {
        domain: tenant.domain.domain.clone(),
        replaced: false,
        documents: tenant.documents.len(),
        api_keys: tenant.api_keys.len(),
        networks: tenant.networks.len(),
    };
    let stored = store.write(move |db| {
        let clashes = tenant::clashes(db, &tenant)?;
        let replaces = clashes.contains(&Clash::Domain);
        let faults = faults(&tenant, &clashes, manner.replace);
        if faults.is_empty() && !manner.dry_run {
            tenant::put(db, &tenant)?;
        }
        Ok((replaces, faults))
    });
    let (replaces, faults) = stored?;
    if !faults.is_empty() {
        return Err(Refused::Faults(faults));
    }
    imported.replaced = replaces;
    Ok(imported)
}

fn faults(tenant: &Tenant, clashes: &[Clash], replace: bool) -> Vec<FieldError> {
    let fault = |clash: &Clash| match *clash {
        Clash::Token(place) => Some(FieldError::new(
            format!("/apiKeys/{place}/token"),
            "is a token of another domain of this installation",
        )),
        _ if replace => None,
        Clash::Domain => Some(FieldError::new(
            "/domain",
            format!(
                "{} exists here; --replace puts the file into its place, and removes what is not in the file",
                tenant.domain.domain
            ),
        )),
        Clash::Document(place) => Some(FieldError::new(
            format!("/documents/{place}/id"),
            format!("{} exists here", tenant.documents[place].id),
        )),
        Clash::ApiKey(place) => Some(FieldError::new(
            format!("/apiKeys/{place}/sk"),
            format!("{} exists here", tenant.api_keys[place].sk),
        )),
    };
    // What explains the others comes first.
    let (first, rest): (Vec<&Clash>, _) = clashes.iter().partition(|it| **it == Clash::Domain);
    let all = first.into_iter().chain(rest);
    all.filter_map(fault).take(MAX_FAULTS).collect()
}

/// Line by line.
fn told(faults: &[FieldError]) -> String {
    let mut text = "nothing was imported:".to_owned();
    for fault in faults {
        let pointer = if fault.pointer.is_empty() {
            "the file"
        } else {
            &fault.pointer
        };
        text.push_str(&format!("\n  {pointer}: {}", fault.detail));
    }
    text
}

#[cfg(test)]
mod tests;
