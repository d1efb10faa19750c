//! Which database it is, opened; and what other nodes write to it, taken up.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use hookswitch_store::{Change, Error, Options, Result, Store};

use crate::auth::Keys;
use crate::config::Folder;
use crate::directory::Publisher;

/// How long what could not be read waits for the next try, at first and at most.
const AGAIN: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Opens the database of the folder, or the PostgreSQL one that stands in its place.
///
/// # Errors
/// When it cannot be had, by the name of its option.
pub fn open(folder: &Folder, options: Options) -> anyhow::Result<Store> {
    match &folder.database {
        None => Store::open(&folder.folder, options)
            .with_context(|| format!("--data {} cannot be opened", folder.folder.display())),
        Some(url) => Store::connect(url.expose(), options).context("--database cannot be opened"),
    }
}

/// Logs that a job of the background could not do its work and will try again; an outage has lines of its own.
pub fn tells(error: &Error, what: &'static str) {
    if error.is_outage() {
        tracing::debug!(%error, "{what}");
    } else {
        tracing::warn!(%error, "{what}");
    }
}

/// From now on what other nodes write is taken up.
pub fn follow(store: &Store, keys: &Arc<Keys>, publisher: &Arc<Publisher>) {
    // Held weakly: the store keeps the listener, and would keep itself.
    let (keys, publisher) = (Arc::downgrade(keys), Arc::downgrade(publisher));
    store.on_change(Box::new(move |change| {
        let mut pause = AGAIN;
        while let (Some(keys), Some(publisher)) = (keys.upgrade(), publisher.upgrade()) {
            match take_up(&keys, &publisher, change) {
                Ok(()) => return,
                Err(error) => {
                    tells(&error, "what another node wrote could not be taken up");
                    if !error.is_transient() {
                        return;
                    }
                }
            }
            drop((keys, publisher));
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }));
}

/// Reads again what may have changed. A tenant that cannot be read keeps none of the others from it.
///
/// # Errors
/// The first one of them.
pub fn take_up(keys: &Keys, publisher: &Publisher, change: &Change) -> Result<()> {
    let domains = match change {
        Change::Domain(domain) => vec![domain.clone()],
        Change::Everything => publisher.all_domains()?,
    };
    let mut outcome = Ok(());
    for domain in domains {
        let taken = keys
            .refresh_domain(publisher.store(), &domain)
            .and_then(|()| publisher.refresh_tenant(&domain))
            .and_then(|()| match change {
                Change::Domain(_) => publisher.refresh_newer_devices(&domain),
                Change::Everything => publisher.refresh_devices(&domain),
            });
        outcome = outcome.and(taken);
    }
    outcome.and(publisher.refresh_networks())
}

/// Stores of tests: in a folder, or on the PostgreSQL server that the test command started.
#[cfg(test)]
pub(crate) mod home {
    use std::path::Path;

    use hookswitch_rig::postgres::Database;
    use hookswitch_store::{Options, Store};
    use tempfile::TempDir;

    /// Where a store lies; it goes with its value.
    pub(crate) struct Home {
        folder: TempDir,
        database: Option<Database>,
    }

    /// An empty store.
    pub(crate) fn store() -> (Home, Store) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::of_test();
        let store = match &database {
            None => Store::open(folder.path(), Options::default()),
            Some(database) => Store::connect(database.url(), Options::default()),
        };
        (Home { folder, database }, store.unwrap())
    }

    /// An empty store in a folder, whatever the test command started.
    pub(crate) fn file_store() -> (Home, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let database = None;
        (Home { folder, database }, store)
    }

    impl Home {
        /// A folder for files beside it.
        pub(crate) fn path(&self) -> &Path {
            self.folder.path()
        }

        /// Octets in a statement.
        pub(crate) fn octets(&self, octets: &[u8]) -> String {
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            match self.database {
                None => format!("X'{hex}'"),
                Some(_) => format!("'\\x{hex}'"),
            }
        }

        /// Changes rows behind the store's back.
        pub(crate) fn execute(&self, statement: &str) {
            match &self.database {
                None => {
                    let file = self.folder.path().join(hookswitch_store::FILE);
                    let file = rusqlite::Connection::open(file).unwrap();
                    file.execute(statement, []).unwrap();
                }
                Some(database) => database.execute(statement).unwrap(),
            }
        }
    }
}
