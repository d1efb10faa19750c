//! The key that seals every secret: loaded, and changed such that a power cut at any moment leaves one that opens all.
//!
//! The database notes which key its secrets are sealed with, in the transaction that seals them.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use hookswitch_call::id::CallId;
use hookswitch_store::bulk::Waiting;
use hookswitch_store::documents::Document;
use hookswitch_store::reseal::{self, At, Reseal};
use hookswitch_store::seal::Place;
use hookswitch_store::{
    CallKey, Error, MasterKey, Read, Result, SealedText, Store, Write, domains, settings,
};

use crate::kind;
use crate::outlet::{keys_place, snapshot_place};
use crate::secrets;

/// The setting that says which key it is.
const NOTE: &str = "master-key";

/// The installation's key, made when nothing is sealed yet; one that a change of keys left waiting is put into its place
/// first.
///
/// # Errors
/// When the file cannot be used, or its key is not the one of the database.
pub fn load(file: &Path, store: &Store) -> anyhow::Result<MasterKey> {
    let noted = store.read(|db| settings::find(db, NOTE))?;
    let waiting = waiting(file);
    if waiting.exists() {
        let key = MasterKey::load_or_create(&waiting)?;
        if noted.as_deref() == Some(key.fingerprint()) {
            keep_old(file)?;
            take_place(&waiting, file)?;
        } else {
            fs::remove_file(&waiting).with_context(|| waiting.display().to_string())?;
        }
    }
    let is_new = !file.try_exists().unwrap_or(true);
    let sealed = store.read(sealed)?;
    ensure!(
        !is_new || (noted.is_none() && sealed.is_none()),
        "--master-key-file {} does not exist, and the database is sealed with a key already: copy the master key \
         of the installation to that file, for example from its other node",
        file.display()
    );
    let key = MasterKey::load_or_create(file)?;
    let fits = match noted {
        Some(noted) => noted == key.fingerprint(),
        None => sealed.is_none_or(|sealed| sealed.opens_with(&key)) && note(&key, store)?,
    };
    if !fits && is_new {
        // Another node was quicker with a key of its own.
        fs::remove_file(file).with_context(|| file.display().to_string())?;
    }
    ensure!(
        fits,
        "--master-key-file {} is not the master key that the database is sealed with: copy the one of the \
         installation to that file, for example from its other node; after `hookswitch rekey`, the one it wrote",
        file.display()
    );
    Ok(key)
}

/// Notes the key as the database's own; `false` when another one is.
fn note(key: &MasterKey, store: &Store) -> Result<bool> {
    let own = key.fingerprint().to_owned();
    let noted = store.write(move |db| settings::put_if_absent(db, NOTE, &own))?;
    Ok(noted == key.fingerprint())
}

/// Takes the note of the key back when nothing is sealed with it; whether that is so.
///
/// # Errors
/// When the database cannot be read or written.
pub fn forget(key: &MasterKey, store: &Store) -> Result<bool> {
    let own = key.fingerprint().to_owned();
    store.write(move |db| {
        let noted = settings::find(db, NOTE)?;
        if noted.is_some_and(|noted| noted != own) || sealed(db)?.is_some() {
            return Ok(false);
        }
        settings::delete(db, NOTE)?;
        Ok(true)
    })
}

/// Whether a database notes another key as its own.
///
/// # Errors
/// When it cannot be read.
pub fn is_of_another(db: &Read<'_>, key: &MasterKey) -> Result<bool> {
    let noted = settings::find(db, NOTE)?;
    Ok(noted.is_some_and(|noted| noted != key.fingerprint()))
}

/// Something that is sealed in the database.
enum Sealed {
    OfTenant(Box<domains::Domain>),
    OfNode { name: String, text: SealedText },
}

impl Sealed {
    fn opens_with(&self, key: &MasterKey) -> bool {
        match self {
            Self::OfTenant(row) => secrets::webhook_secrets(key, row).is_ok(),
            Self::OfNode { name, text } => {
                let place = secrets::node_place(&name[secrets::OF_NODE.len()..]);
                key.open(place, text).is_ok()
            }
        }
    }
}

/// Any of it: a tenant's, or the node's own, which the first start draws.
fn sealed(db: &Read<'_>) -> Result<Option<Sealed>> {
    if let Some(row) = domains::list(db, None, 1)?.pop() {
        return Ok(Some(Sealed::OfTenant(Box::new(row))));
    }
    let own = settings::first(db, secrets::OF_NODE)?;
    Ok(own.map(|(name, text)| Sealed::OfNode {
        name,
        text: SealedText::from(text),
    }))
}

/// Draws a new key and seals everything with it; returns the file in which the one before is kept.
///
/// # Errors
/// When something does not open with the present key, or cannot be written; then the present key stays.
pub fn change(file: &Path, store: &Store) -> anyhow::Result<PathBuf> {
    let from = load(file, store)?;
    let waiting = waiting(file);
    let to = MasterKey::load_or_create(&waiting)?;
    store.write(move |db| seal_anew(db, &from, &to))?;
    let old = keep_old(file)?;
    take_place(&waiting, file)?;
    Ok(old)
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
    beside(file, ".new")
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Copies the key beside itself, as backups made until now need it: `FILE.old`, then `FILE.old.2` and so on, none of
/// which is ever written over.
fn keep_old(file: &Path) -> anyhow::Result<PathBuf> {
    let key = fs::read(file).with_context(|| file.display().to_string())?;
    for number in 1_u32.. {
        let old = match number {
            1 => beside(file, ".old"),
            number => beside(file, &format!(".old.{number}")),
        };
        let mut options = OpenOptions::new();
        let kept = match options.write(true).create_new(true).mode(0o600).open(&old) {
            Ok(mut new) => new.write_all(&key).and_then(|()| new.sync_all()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // A change that was ended in the middle may have come so far.
                if fs::read(&old).is_ok_and(|kept| kept == key) {
                    return Ok(old);
                }
                continue;
            }
            Err(error) => Err(error),
        };
        kept.with_context(|| old.display().to_string())?;
        return Ok(old);
    }
    unreachable!("there are not so many keys")
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
