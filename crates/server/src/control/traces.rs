//! What a command makes for an installation that does not come about.

use std::fs;
use std::path::{Path, PathBuf};

use hookswitch_store::FILE;

use crate::config::Folder;

/// What SQLite adds to the name of a database for the files beside it, and the database itself.
const ENDINGS: [&str; 3] = ["-wal", "-shm", ""];

/// What of an installation was not there before a command.
#[derive(Debug)]
pub struct Traces {
    files: Vec<PathBuf>,
    lock: Option<PathBuf>,
    /// The folder and those above it, the innermost first.
    folders: Vec<PathBuf>,
}

impl Traces {
    /// What is missing now.
    pub fn before(folder: &Folder) -> Self {
        let is_missing = |path: &PathBuf| matches!(path.try_exists(), Ok(false));
        let database = ENDINGS.map(|ending| folder.folder.join(format!("{FILE}{ending}")));
        // The key goes with the database that notes it.
        let files = database
            .into_iter()
            .chain([Folder::usual_key_file(&folder.folder)]);
        let above = folder.folder.ancestors().map(Path::to_path_buf);
        Self {
            files: files.filter(is_missing).collect(),
            lock: Some(folder.lock()).filter(is_missing),
            folders: above
                .take_while(|path| !path.as_os_str().is_empty() && is_missing(path))
                .collect(),
        }
    }

    /// Takes away the database and the key that were made since, in which nothing is stored, and the rest.
    pub fn wipe_all(self) {
        for file in &self.files {
            // One that was never made, or that cannot be removed: then the folder stays as well.
            let _ = fs::remove_file(file);
        }
        self.wipe();
    }

    /// Takes away the lock, which the caller holds, and the folders that were made since and are empty.
    pub fn wipe(self) {
        let holds_more = self.files.iter().any(|file| file.exists());
        if let Some(lock) = self.lock.filter(|_| !holds_more) {
            // As above; and a folder with something in it is not removed.
            let _ = fs::remove_file(lock);
            for folder in self.folders {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}
