//! Which installation a command means, so that a running server does nothing to its own that was meant for another.

use std::path::PathBuf;

use anyhow::anyhow;
use hookswitch_api::secret::Secret;
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::config::{DatabaseUrl, Folder};

/// What a command was told beside `--data`; what is absent is the server's own affair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// `--database`.
    database: Option<Secret>,
    /// `--master-key-file`, as the system resolves it.
    master_key_file: Option<PathBuf>,
}

/// The code of a refusal by a server that works on another database than the one that was named.
pub const OTHER_DATABASE: &str = "other_database";

impl Installation {
    /// The one that these options name.
    ///
    /// # Errors
    /// When a key file is named that does not exist.
    pub fn of(folder: &Folder) -> anyhow::Result<Self> {
        let is_named = folder.master_key_file != Folder::usual_key_file(&folder.folder);
        let key = &folder.master_key_file;
        let key = is_named.then(|| {
            // In words: an error of the system would mean that nobody was asked yet.
            std::fs::canonicalize(key)
                .map_err(|error| anyhow!("--master-key-file {}: {error}", key.display()))
        });
        let database = folder.database.as_ref();
        Ok(Self {
            database: database.map(|url| Secret::from(url.expose())),
            master_key_file: key.transpose()?,
        })
    }

    /// Why a server that runs with these options does nothing for a command that means this installation.
    pub(super) fn refused_by(&self, server: &Folder) -> Option<Refusal> {
        let url = server.database.as_ref().map(DatabaseUrl::expose);
        if let Some(named) = &self.database
            && Some(named.expose()) != url
        {
            let why = format!(
                "the server that runs on --data {} works on another database than the one that was named",
                server.folder.display()
            );
            return Some(Refusal::new(OTHER_DATABASE, why));
        }
        let own = std::fs::canonicalize(&server.master_key_file).ok();
        if self.master_key_file.is_some() && self.master_key_file != own {
            let why = format!(
                "the server that runs on --data {} seals with {}, not with the key that was named: leave --master-key-file \
                 out, or name the --data folder of the installation that is meant",
                server.folder.display(),
                server.master_key_file.display()
            );
            return Some(Refusal::new("other_master_key", why));
        }
        None
    }
}
