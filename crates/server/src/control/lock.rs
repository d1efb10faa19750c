//! One process at a time works on a data folder.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use anyhow::Context as _;

use crate::config::Folder;

/// Holds the folder until dropped; the system lets go when the process dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// What trying to lock a folder brought.
#[derive(Debug)]
pub enum Taken {
    /// It is ours now.
    ByUs(FolderLock),
    /// Another process works on it.
    ByAnother,
}

impl FolderLock {
    /// Makes the folder (mode 0700) where it is missing, and tries to take it.
    pub fn take(folder: &Folder) -> anyhow::Result<Taken> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder.folder)
            .with_context(|| format!("--data {} cannot be made", folder.folder.display()))?;
        let path = folder.lock();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("{} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Taken::ByUs(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(Taken::ByAnother),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }
}
