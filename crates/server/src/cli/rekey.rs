//! `hookswitch rekey`: another master key, and everything that is sealed sealed anew.

use std::path::PathBuf;

use clap::Args;

use super::{domain, environment, print};
use crate::config::{Folder, FolderOptions};
use crate::control::{FolderLock, Taken, Traces};
use crate::{database, master_key};

pub(super) const HELP: &str = "\
Draws a new master key, seals every secret with it in one transaction, and puts it into the place of
the old one, which is kept beside it: as FILE.old, or FILE.old.2 and so on when there is one. No `serve` may run on the database. Should the command be ended in the middle, nothing or
everything was done, and the next start finds out which: a new key that waits beside the old one as
FILE.new is put into its place, or removed.

Nodes that share a PostgreSQL database share the key: copy the file to each of them. A backup made
before needs the old key: keep FILE.old for `restore --backup-key-file`, and apart from the backup.

Example:
  hookswitch rekey --data /var/lib/hookswitch";

/// What `rekey` takes.
#[derive(Args, Debug)]
pub struct RekeyOptions {
    /// Where the data lives.
    #[command(flatten)]
    folder: FolderOptions,
}

pub(super) fn run(options: &RekeyOptions) -> anyhow::Result<()> {
    let folder = Folder::read(&options.folder, &environment)?;
    // Taking the lock writes to the folder; a mistyped one is left as it is.
    if !folder.lock().exists() {
        domain::check_installed(&folder)?;
    }
    let traces = Traces::before(&folder);
    let Taken::ByUs(_lock) = FolderLock::take(&folder)? else {
        anyhow::bail!("a server runs on the database: stop it first");
    };
    domain::check_installed(&folder)?;
    match change(&folder) {
        Ok(old) => {
            let key = &folder.master_key_file;
            let files = serde_json::json!({ "masterKeyFile": key, "oldMasterKeyFile": old });
            print(&files.to_string())
        }
        Err(error) => {
            traces.wipe();
            Err(error)
        }
    }
}

/// Returns the file in which the key before is kept.
fn change(folder: &Folder) -> anyhow::Result<PathBuf> {
    let store = database::open(folder, hookswitch_store::Options::default())?;
    anyhow::ensure!(
        store.nodes()? == 0,
        "a server runs on the database: stop it first"
    );
    master_key::change(&folder.master_key_file, &store)
}
