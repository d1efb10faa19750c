//! A backup brought back by a running server, or by a command on a database that none uses.

use std::path::Path;

use hookswitch_store::backup::{Archive, Extent};
use hookswitch_store::{MasterKey, Store, domains};

use super::Refusal;
use crate::secrets;

/// Tenants read at a time.
const BATCH: u32 = 1_000;

/// Restores `file`; `folder` has room for a copy of it. `live` is a running server.
pub(super) fn restore(
    store: &Store,
    master_key: &MasterKey,
    (file, folder): (&Path, &Path),
    everything: bool,
    live: bool,
) -> Result<u64, Refusal> {
    if everything && (live || store.nodes().map_err(|error| refused(&error))? > 0) {
        return Err(Refusal::new(
            "in_use",
            "a server runs on the database: stop it, or leave out --everything to restore what is configured",
        ));
    }
    let archive = Archive::open(file, folder).map_err(|error| refused(&error))?;
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
                format!("the backup was sealed with another master key ({error}); give its file as --master-key-file"),
            )
        })?;
    }
    Ok(())
}

fn refused(error: &hookswitch_store::Error) -> Refusal {
    Refusal::new("internal", error.to_string())
}
