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

/// It notes which key it is, and every tenant has a secret that must open.
fn check_key(archive: &Archive, master_key: &MasterKey) -> Result<(), Refusal> {
    let (is_other, first) = archive
        .read(|db| {
            let is_other = master_key::is_of_another(db, master_key)?;
            Ok((is_other, domains::list(db, None, BATCH)?))
        })
        .map_err(|error| refused(&error))?;
    let opens = |row| secrets::webhook_secrets(master_key, row).is_ok();
    if is_other || !first.iter().all(opens) {
        return Err(Refusal::new(
            "wrong_master_key",
            "the backup was sealed with another master key: give its file as --backup-key-file; \
             after `hookswitch rekey` that is FILE.old beside the master key, and for a new installation it may also be \
             copied to the place of the master key first",
        ));
    }
    Ok(())
}

fn refused(error: &hookswitch_store::Error) -> Refusal {
    let code = match error {
        hookswitch_store::Error::Unrestorable { .. } => "file_unusable",
        _ => "internal",
    };
    Refusal::new(code, error.to_string())
}

#[cfg(test)]
mod tests;
