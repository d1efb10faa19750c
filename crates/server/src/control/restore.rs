//! A backup brought back by a running server, or by a command on a database that none uses.

use std::path::Path;

use hookswitch_store::backup::{Archive, Extent};
use hookswitch_store::{MasterKey, Store, domains};

use super::Refusal;
use crate::{master_key, secrets};

/// Tenants read at a time.
const BATCH: u32 = 1_000;

/// A file that is to be restored.
pub(super) struct Backup<'b> {
    pub(super) file: &'b Path,
    /// The file of the key that it was sealed with, when that is not the installation's.
    pub(super) key: Option<&'b Path>,
    /// Has room for a copy of it.
    pub(super) folder: &'b Path,
    pub(super) everything: bool,
}

/// Restores a backup; `live` is a running server.
pub(super) fn restore(
    store: &Store,
    master_key: &MasterKey,
    backup: &Backup<'_>,
    live: bool,
) -> Result<u64, Refusal> {
    let everything = backup.everything;
    if everything && (live || store.nodes().map_err(|error| refused(&error))? > 0) {
        return Err(Refusal::new(
            "in_use",
            "a server runs on the database: stop it, or leave out --everything to restore what is configured",
        ));
    }
    let archive = Archive::open(backup.file, backup.folder).map_err(|error| refused(&error))?;
    if let Some(file) = backup.key {
        let key = MasterKey::load(file).map_err(|error| refused(&error))?;
        check_key(&archive, &key)?;
        let resealed = archive.change(|db| master_key::seal_anew(db, &key, master_key));
        resealed.map_err(|error| refused(&error))?;
    }
    check_key(&archive, master_key)?;
    let extent = if everything {
        Extent::Everything
    } else {
        Extent::Provisioning
    };
    archive
        .restore(store, extent)
        .map_err(|error| refused(&error))
}

/// Every tenant has a secret that must open.
fn check_key(archive: &Archive, master_key: &MasterKey) -> Result<(), Refusal> {
    let first = archive
        .read(|db| domains::list(db, None, BATCH))
        .map_err(|error| refused(&error))?;
    for row in first {
        secrets::webhook_secrets(master_key, &row).map_err(|error| {
            Refusal::new(
                "wrong_master_key",
                format!("the backup was sealed with another master key ({error}); give its file as --backup-key-file"),
            )
        })?;
    }
    Ok(())
}

fn refused(error: &hookswitch_store::Error) -> Refusal {
    Refusal::new("internal", error.to_string())
}

#[cfg(test)]
mod tests;
