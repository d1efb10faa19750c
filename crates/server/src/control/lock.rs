//! One process at a time works on a data folder.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::config::Folder;

/// How long a server waits for the folder.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks.
const AGAIN: Duration = Duration::from_millis(20);

/// Holds the folder until dropped; the system lets go when the process dies.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
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
    /// Tries to take it for a server, for two seconds: a command that was started together with it may be at work on
    /// the folder, or a server that was just killed not be gone yet.
    pub async fn take_patiently(folder: &Folder) -> anyhow::Result<Taken> {
        let since = Instant::now();
        loop {
            let taken = Self::take(folder)?;
            if matches!(taken, Taken::ByUs(_)) || since.elapsed() > PATIENCE {
                return Ok(taken);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Makes the folder (mode 0700) where it is missing, and tries to take it.
    pub fn take(folder: &Folder) -> anyhow::Result<Taken> {
        loop {
            match Self::take_file(folder)? {
                // A command that was refused took away what it had made, its lock too.
                Taken::ByUs(lock) if !lock.is_of(folder) => {}
                taken => return Ok(taken),
            }
        }
    }

    fn is_of(&self, folder: &Folder) -> bool {
        let (own, there) = (self.file.metadata(), std::fs::metadata(folder.lock()));
        matches!((own, there), (Ok(own), Ok(there)) if own.ino() == there.ino())
    }

    fn take_file(folder: &Folder) -> anyhow::Result<Taken> {
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
            Ok(()) => Ok(Taken::ByUs(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(Taken::ByAnother),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }
}
