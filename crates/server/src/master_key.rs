//! The key that seals every secret: loaded, and changed such that a power cut at any moment leaves one that opens all.
//!
//! The database notes which key its secrets are sealed with, in the transaction that seals them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use hookswitch_call::id::CallId;
use hookswitch_store::bulk::Waiting;
use hookswitch_store::documents::Document;
use hookswitch_store::reseal::{self, At, Reseal};
use hookswitch_store::seal::Place;
use hookswitch_store::{CallKey, Error, MasterKey, Result, SealedText, Store, Write, settings};

use crate::kind;
use crate::outlet::{keys_place, snapshot_place};
use crate::secrets;

/// The setting that says which key it is.
const NOTE: &str = "master-key";

/// The installation's key, made on first use; one that a change of keys left waiting is put into its place first.
///
/// # Errors
/// When the file cannot be used, or its key is not the one of the database.
pub fn load(file: &Path, store: &Store) -> anyhow::Result<MasterKey> {
    let noted = store.read(|db| settings::find(db, NOTE))?;
    let waiting = waiting(file);
    if waiting.exists() {
        let key = MasterKey::load_or_create(&waiting)?;
        if noted.as_deref() == Some(key.fingerprint()) {
            take_place(&waiting, file)?;
        } else {
            fs::remove_file(&waiting).with_context(|| waiting.display().to_string())?;
        }
    }
    let key = MasterKey::load_or_create(file)?;
    ensure!(
        noted.is_none_or(|noted| noted == key.fingerprint()),
        "{} is not the master key that the database is sealed with; it was changed with `hookswitch rekey`, \
         so give the file that command wrote",
        file.display()
    );
    Ok(key)
}

/// Draws a new key and seals everything with it.
///
/// # Errors
/// When something does not open with the present key, or cannot be written; then the present key stays.
pub fn change(file: &Path, store: &Store) -> anyhow::Result<()> {
    let from = load(file, store)?;
    let waiting = waiting(file);
    let to = MasterKey::load_or_create(&waiting)?;
    store.write(move |db| seal_anew(db, &from, &to))?;
    take_place(&waiting, file)
}

/// Seals everything that is sealed with `from` with `to`, and notes that.
///
/// # Errors
/// When something does not open.
pub fn seal_anew(db: &Write<'_>, from: &MasterKey, to: &MasterKey) -> Result<()> {
    reseal::all(db, secrets::OF_NODE, &mut Between { from, to })?;
    settings::put(db, NOTE, to.fingerprint())
}

fn waiting(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn take_place(waiting: &Path, file: &Path) -> anyhow::Result<()> {
    fs::rename(waiting, file).with_context(|| file.display().to_string())?;
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// From one key to another.
struct Between<'k> {
    from: &'k MasterKey,
    to: &'k MasterKey,
}

impl Reseal for Between<'_> {
    fn text(&mut self, at: At<'_>, sealed: &SealedText) -> Result<SealedText> {
        let place = match at {
            At::Setting(name) => secrets::node_place(&name[secrets::OF_NODE.len()..]),
            At::Webhook(domain) => secrets::webhook_place(domain),
            At::Token { domain, sk } => secrets::token_place(domain, sk),
            At::Event { domain, webhook_id } => keys_place(domain, webhook_id),
        };
        Ok(self.to.seal(place, &self.from.open(place, sealed)?))
    }

    fn document(&mut self, document: &Document) -> Result<String> {
        let Some(kind) = kind::find(&document.kind) else {
            // What this release does not know it cannot seal anew, and must not lose.
            return if kind::NOTES.contains(&document.kind.as_str()) {
                Ok(document.body.clone())
            } else {
                Err(Error::SealFormat)
            };
        };
        let members = kind.open(self.from, document)?;
        Ok(kind.seal(self.to, &document.domain, &document.id, &members))
    }

    fn waiting(&mut self, domain: &str, row: &Waiting) -> Result<String> {
        self.document(&Document {
            domain: domain.to_owned(),
            kind: kind::DEVICE.name.to_owned(),
            id: row.id.clone(),
            draft: false,
            version: 0,
            body: row.body.clone(),
        })
    }

    fn snapshot(&mut self, call: CallKey, sealed: &[u8]) -> Result<Vec<u8>> {
        let call = CallId::from_u128(call.0);
        let text = call.text();
        let place: Place<'_> = snapshot_place(text.as_str());
        Ok(self
            .to
            .seal_bytes(place, &self.from.open_bytes(place, sealed)?))
    }
}

#[cfg(test)]
mod tests;
