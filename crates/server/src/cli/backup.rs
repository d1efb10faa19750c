//! `hookswitch backup` and `hookswitch restore`.

use std::path::PathBuf;

use clap::Args;
use hookswitch_store::backup::{self, Source};

use super::{domain, environment, print};
use crate::config::{Folder, FolderOptions};
use crate::control::{Reply, Request};

pub(super) const BACKUP_HELP: &str = "\
Works while `serve` runs and holds nothing up. The file is an SQLite database, whichever database is
backed up, with all tables as they are at one moment; it can be restored into either. Secrets in it
are sealed: keep the master key file as well, apart from it. A file that exists is left alone.
Without --database it is the database of the `serve` that runs on --data, else the embedded one
there.

Examples:
  hookswitch backup --data /var/lib/hookswitch /backup/hookswitch-2026-11-21
  hookswitch backup --database postgres://… /backup/hookswitch-2026-11-21";

pub(super) const RESTORE_HELP: &str = "\
Brings back what is configured: tenants with their settings, services, devices, networks and keys, in
one transaction. What is not in the file is removed. Works while `serve` runs, and routing follows at
once; running calls, call records, events and logs stay as they are.

With --everything, call records, events with their deliveries, logs and what a start needs of running
calls are replaced too. No `serve` may run on the database then. Events are numbered on from the
file's newest: readers of /v1/DOMAIN/events begin again at the cursor they had when it was written.

A backup that was sealed with another master key, of before a `rekey` or of another installation,
needs the file of that key as --backup-key-file; else nothing is changed, and no new installation
is made. To move an installation, copy its master key into the new --data folder first. The backup
may be of the other database, or of an older release.

Examples:
  hookswitch restore --data /var/lib/hookswitch /backup/hookswitch-2026-11-21
  hookswitch restore --data /var/lib/hookswitch --everything /backup/hookswitch-2026-11-21";

/// What `backup` takes.
#[derive(Args, Debug)]
pub struct BackupOptions {
    /// The file to write
    file: PathBuf,
    /// Where the data lives.
    #[command(flatten)]
    folder: FolderOptions,
}

/// What `restore` takes.
#[derive(Args, Debug)]
pub struct RestoreOptions {
    /// The file that `backup` wrote
    file: PathBuf,
    /// Also call records, events and logs; no `serve` may run
    #[arg(long)]
    everything: bool,
    /// Master key file that the backup was sealed with, when it is not the present one: what is
    /// brought back is sealed anew
    #[arg(long, value_name = "FILE")]
    backup_key_file: Option<PathBuf>,
    /// Where the data lives.
    #[command(flatten)]
    folder: FolderOptions,
}

pub(super) fn backup(options: &BackupOptions) -> anyhow::Result<()> {
    let folder = domain::followed(Folder::read(&options.folder, &environment)?)?;
    let source = match &folder.database {
        Some(url) => Source::Postgres(url.expose()),
        None => {
            domain::check_installed(&folder)?;
            Source::Folder(&folder.folder)
        }
    };
    backup::save(source, &options.file)?;
    print(&serde_json::json!({ "file": options.file }).to_string())
}

pub(super) fn restore(options: &RestoreOptions) -> anyhow::Result<()> {
    let folder = Folder::read(&options.folder, &environment)?;
    let request = Request::Restore {
        file: std::path::absolute(&options.file)?,
        key: options
            .backup_key_file
            .as_deref()
            .map(std::path::absolute)
            .transpose()?,
        everything: options.everything,
    };
    match domain::perform(&folder, &request)? {
        Reply::Restored { rows } => print(&serde_json::json!({ "rows": rows }).to_string()),
        Reply::Refused(refusal) => Err(refusal.into()),
        _ => anyhow::bail!("the server's answer is not understood"),
    }
}
