//! The files of `hookswitch export` and `hookswitch import`, written and read.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hookswitch_api::secret::Secret;
use hookswitch_store::{MasterKey, Store};

use super::Refusal;
use crate::exchange::{self, Imported, MAX_FILE, Manner, Passphrase, Refused};

/// Writes a tenant into a new file that only its owner may read.
pub(super) fn export(
    store: &Store,
    master_key: &MasterKey,
    domain: &str,
    file: &Path,
    passphrase: &Secret,
) -> Result<(), Refusal> {
    let text = exchange::export(store, master_key, domain, &passphrase_of(passphrase)?);
    let text = text.map_err(|refused| refusal(&refused))?;
    let mut options = OpenOptions::new();
    let mut new = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(|error| unusable(file, &error))?;
    let written = new.write_all(&text).and_then(|()| new.sync_all());
    written.map_err(|error| {
        // A part of it is of no use; that it cannot be removed changes nothing of the failure.
        let _ = fs::remove_file(file);
        unusable(file, &error)
    })
}

/// Stores the tenant of a file.
pub(super) fn import(
    store: &Store,
    master_key: &MasterKey,
    file: &Path,
    passphrase: &Secret,
    manner: Manner,
) -> Result<Imported, Refusal> {
    let mut text = Vec::new();
    let read = File::open(file).and_then(|open| open.take(MAX_FILE + 1).read_to_end(&mut text));
    read.map_err(|error| unusable(file, &error))?;
    if text.len() as u64 > MAX_FILE {
        let why = format!("{} has more than {MAX_FILE} bytes", file.display());
        return Err(Refusal::new("file_too_large", why));
    }
    let passphrase = passphrase_of(passphrase)?;
    exchange::import(store, master_key, &text, &passphrase, manner)
        .map_err(|refused| refusal(&refused))
}

fn passphrase_of(secret: &Secret) -> Result<Passphrase, Refusal> {
    Passphrase::new(secret.expose())
        .map_err(|error| Refusal::new("invalid_passphrase", error.to_string()))
}

fn unusable(file: &Path, error: &std::io::Error) -> Refusal {
    Refusal::new("file_unusable", format!("{}: {error}", file.display()))
}

fn refusal(refused: &Refused) -> Refusal {
    let code = match refused {
        Refused::NoSuchDomain(_) => "no_such_domain",
        Refused::Faults(_) => "invalid_file",
        Refused::Store(_) | Refused::Unable(_) => "internal",
    };
    Refusal::new(code, refused.to_string())
}
