//! What an operator may do: tenants and their networks. The same code serves the control socket of a
//! running server and a command that works on the database by itself.

use std::path::Path;
use std::sync::Arc;

use hookswitch_api::secret::Secret;
use hookswitch_store::api_keys::{ApiKey, Credential};
use hookswitch_store::seal::TokenHash;
use hookswitch_store::{
    Change, Error, MasterKey, Options, Store, UnixMicros, api_keys, domains, networks,
};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::restore::{Backup, restore};
use super::{DomainRow, NewDomain, Refusal, Reply, Request, exchange};
use crate::auth::{Keys, Scopes};
use crate::config::Folder;
use crate::database;
use crate::directory::Publisher;
use crate::exchange::{Imported, Manner};
use crate::{master_key, secrets};

/// Tenants read at a time.
const BATCH: u32 = 1_000;
/// Letters of a domain name (RFC 1035 §2.3.4).
const MAX_DOMAIN: usize = 253;

/// Carries out what operators ask for.
pub struct Operator {
    store: Store,
    master_key: Arc<MasterKey>,
    folder: Folder,
    live: Option<Live>,
}

/// What a running server keeps in memory of the things an operator changes.
struct Live {
    keys: Arc<Keys>,
    publisher: Arc<Publisher>,
}

/// Whether there is a database already, so that opening it makes no new installation.
pub fn is_installed(folder: &Folder) -> bool {
    folder.database.is_some() || folder.folder.join(hookswitch_store::FILE).exists()
}

impl Operator {
    /// On the database of a folder whose lock the caller holds.
    pub fn open(folder: &Folder) -> anyhow::Result<Self> {
        let store = database::open(folder, Options::default())?;
        let master_key = master_key::load(&folder.master_key_file, &store)?;
        Ok(Self {
            store,
            master_key: Arc::new(master_key),
            folder: folder.clone(),
            live: None,
        })
    }

    /// Inside a running server.
    pub fn live(
        store: Store,
        folder: Folder,
        master_key: Arc<MasterKey>,
        keys: Arc<Keys>,
        publisher: Arc<Publisher>,
    ) -> Self {
        Self {
            store,
            master_key,
            folder,
            live: Some(Live { keys, publisher }),
        }
    }

    /// Does what is asked; blocks on the store.
    pub fn perform(&self, request: &Request) -> Result<Reply, Refusal> {
        match request {
            Request::DomainAdd { domain, open } => self
                .add_domain(&domain_name(domain)?, open)
                .map(Reply::DomainAdded),
            Request::DomainList => self.list_domains().map(Reply::Domains),
            Request::DomainRemove { domain } => self
                .remove_domain(&domain_name(domain)?)
                .map(|()| Reply::Done),
            Request::NetworkAdd { domain, network } => self
                .grant(&domain_name(domain)?, *network)
                .map(|()| Reply::Done),
            Request::NetworkRemove { domain, network } => self
                .revoke(&domain_name(domain)?, *network)
                .map(|()| Reply::Done),
            Request::Database => {
                let url = self.folder.database.as_ref();
                let url = url.map(|url| Secret::from(url.expose()));
                Ok(Reply::Database { url })
            }
            Request::Export {
                domain,
                file,
                passphrase,
            } => {
                let domain = domain_name(domain)?;
                exchange::export(&self.store, &self.master_key, &domain, file, passphrase)
                    .map(|()| Reply::Done)
            }
            Request::Import {
                file,
                passphrase,
                replace,
                dry_run,
            } => {
                let manner = Manner {
                    replace: *replace,
                    dry_run: *dry_run,
                };
                self.import(file, passphrase, manner).map(Reply::Imported)
            }
            Request::Restore {
                file,
                key,
                everything,
            } => {
                let backup = Backup {
                    file,
                    key: key.as_deref(),
                    folder: &self.folder.folder,
                    everything: *everything,
                };
                self.restore(&backup).map(|rows| Reply::Restored { rows })
            }
        }
    }

    /// Ends it; whether nothing was ever sealed in the database, which then does not note its key any more.
    ///
    /// # Errors
    /// When the database cannot say.
    pub fn forget(self) -> Result<bool, Error> {
        master_key::forget(&self.master_key, &self.store)
    }

    fn add_domain(&self, domain: &str, open: &[IpNet]) -> Result<NewDomain, Refusal> {
        let token = secrets::new_token();
        let webhook_secret = secrets::new_webhook_secret();
        let key_id = crate::random::uuid();
        let sealed_secret = self
            .master_key
            .seal(secrets::webhook_place(domain), webhook_secret.as_bytes());
        let sealed_token = self
            .master_key
            .seal(secrets::token_place(domain, &key_id), token.as_bytes());
        let now = UnixMicros::now();
        let key = ApiKey {
            domain: domain.to_owned(),
            sk: key_id.clone(),
            credential: Credential::Opaque {
                token_hash: TokenHash::of(&token),
                sealed_token,
            },
            scopes: Scopes::ALL.to_string(),
            description: "made with the domain".to_owned(),
            created_at: now,
            expires_at: None,
            last_used_at: None,
        };
        let settings = if open.is_empty() {
            json!({})
        } else {
            json!({ "open": open })
        };
        let stored = key.clone();
        let written = self.store.write(move |db| {
            domains::add(
                db,
                &stored.domain,
                &settings.to_string(),
                &sealed_secret,
                now,
            )?;
            api_keys::add(db, &stored)
        });
        written.map_err(|error| match error {
            Error::Conflict(_) => Refusal::new(
                "domain_exists",
                format!("there is a domain {domain} already"),
            ),
            other => internal(&other),
        })?;
        if let Some(live) = &self.live {
            live.keys.add(&key);
            live.publisher
                .refresh_tenant(domain)
                .map_err(|error| internal(&error))?;
        }
        Ok(NewDomain {
            domain: domain.to_owned(),
            key_id,
            token: Secret::from(token),
            webhook_secret: Secret::from(webhook_secret),
        })
    }

    fn list_domains(&self) -> Result<Vec<DomainRow>, Refusal> {
        self.store
            .read(|db| {
                let granted = networks::all(db)?;
                let mut rows: Vec<DomainRow> = Vec::new();
                loop {
                    let after = rows.last().map(|row| row.domain.clone());
                    let page = domains::list(db, after.as_deref(), BATCH)?;
                    if page.is_empty() {
                        return Ok(rows);
                    }
                    rows.extend(page.into_iter().map(|row| {
                        DomainRow {
                            open: open_networks(&row.settings),
                            networks: granted
                                .iter()
                                .filter(|network| network.domain == row.domain)
                                .filter_map(|network| network.cidr.parse().ok())
                                .collect(),
                            domain: row.domain,
                        }
                    }));
                }
            })
            .map_err(|error| internal(&error))
    }

    fn remove_domain(&self, domain: &str) -> Result<(), Refusal> {
        let name = domain.to_owned();
        let removed = self.store.write(move |db| domains::delete(db, &name));
        if !removed.map_err(|error| internal(&error))? {
            return Err(unknown(domain));
        }
        if let Some(live) = &self.live {
            live.keys.remove_domain(domain);
            live.publisher
                .refresh_tenant(domain)
                .map_err(|error| internal(&error))?;
            live.publisher
                .refresh_networks()
                .map_err(|error| internal(&error))?;
        }
        Ok(())
    }

    fn grant(&self, domain: &str, network: IpNet) -> Result<(), Refusal> {
        let name = domain.to_owned();
        let granted = self
            .store
            .write(move |db| networks::grant(db, &network.trunc().to_string(), &name));
        granted.map_err(|error| match error {
            Error::NoSuchDomain => unknown(domain),
            other => internal(&other),
        })?;
        self.networks_changed()
    }

    fn revoke(&self, domain: &str, network: IpNet) -> Result<(), Refusal> {
        let name = domain.to_owned();
        let revoked = self
            .store
            .write(move |db| networks::revoke(db, &network.trunc().to_string(), &name));
        if !revoked.map_err(|error| internal(&error))? {
            return Err(Refusal::new(
                "not_found",
                format!("{network} was not granted to {domain}"),
            ));
        }
        self.networks_changed()
    }

    fn import(&self, file: &Path, passphrase: &Secret, how: Manner) -> Result<Imported, Refusal> {
        let imported = exchange::import(&self.store, &self.master_key, file, passphrase, how)?;
        if let Some(live) = self.live.as_ref().filter(|_| !how.dry_run) {
            let change = Change::Domain(imported.domain.clone());
            database::take_up(&live.keys, &live.publisher, &change)
                .map_err(|error| internal(&error))?;
        }
        Ok(imported)
    }

    fn restore(&self, backup: &Backup<'_>) -> Result<u64, Refusal> {
        let rows = restore(&self.store, &self.master_key, backup, self.live.is_some())?;
        if let Some(live) = &self.live {
            database::take_up(&live.keys, &live.publisher, &Change::Everything)
                .map_err(|error| internal(&error))?;
        }
        Ok(rows)
    }

    fn networks_changed(&self) -> Result<(), Refusal> {
        match &self.live {
            Some(live) => live
                .publisher
                .refresh_networks()
                .map_err(|error| internal(&error)),
            None => Ok(()),
        }
    }
}

/// The name in lower case, when it is one.
pub(crate) fn domain_name(text: &str) -> Result<String, Refusal> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = name.len() <= MAX_DOMAIN
        && name.split('.').all(is_label)
        && !name
            .rsplit('.')
            .next()
            .is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()));
    if is_name {
        Ok(name)
    } else {
        Err(Refusal::new(
            "invalid_domain",
            format!("`{text}` is not a domain name such as acme.example.com"),
        ))
    }
}

fn open_networks(settings: &str) -> Vec<IpNet> {
    let settings: Value = serde_json::from_str(settings).unwrap_or_default();
    serde_json::from_value(settings["open"].clone()).unwrap_or_default()
}

fn unknown(domain: &str) -> Refusal {
    Refusal::new("no_such_domain", format!("there is no domain {domain}"))
}

fn internal(error: &Error) -> Refusal {
    Refusal::new("internal", error.to_string())
}
