//! Provisioning as the calls see it: built from the store's documents once, then changed tenant by
//! tenant with every write, and announced to whoever routes or calls back. Drafts (`provisory`) never
//! show here. A write to one of many devices costs a part of its tenant's map, not the whole of it.

mod load;
mod made;
mod notifications;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use hookswitch_api::cloudsipua::RestAuthentication;
use hookswitch_api::secret::Secret;
use hookswitch_call::directory::{Devices, Directory, Tenant};
use hookswitch_call::token::Tokens;
use hookswitch_store::{MasterKey, Read, Result, Store, UnixMicros, Write, documents, domains};
use tokio::sync::watch;

use crate::kind::{CALLBACK, DEVICE};

/// One version of everything the calls see.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// What routing needs.
    pub directory: Arc<Directory>,
    callbacks: BTreeMap<Arc<str>, Arc<Callbacks>>,
}

impl Published {
    /// What a tenant's callbacks need.
    pub fn callbacks(&self, domain: &str) -> Option<&Arc<Callbacks>> {
        self.callbacks.get(domain)
    }

    /// The callback of one service.
    pub fn callback(&self, domain: &str, service: &str) -> Option<&Arc<ServiceCallback>> {
        self.callbacks.get(domain)?.services.get(service)
    }

    /// Every tenant, in the order of names.
    pub fn domains(&self) -> impl Iterator<Item = &Arc<str>> {
        self.callbacks.keys()
    }
}

/// What the callbacks of one tenant are signed with, and where they go.
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// The webhook secret.
    pub secret: Secret,
    /// The one before a rotation, and until when it signs too.
    pub previous_secret: Option<(Secret, UnixMicros)>,
    /// By the service's id.
    pub services: BTreeMap<Arc<str>, Arc<ServiceCallback>>,
}

/// How what is sent finds its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// At the URL with the callback's name behind it.
    Named,
    /// At the URL as it stands.
    Whole,
    /// It is published to this topic of Amazon SNS, and the URL means nothing.
    Topic(Arc<str>),
}

/// The callback of one service, or one of the ways of notifications.
#[derive(Clone, Debug)]
pub struct ServiceCallback {
    /// `callbackId`.
    pub callback_id: Arc<str>,
    /// `callbackBaseUrl`.
    pub base_url: Arc<str>,
    /// The whole budget of an ask.
    pub timeout: Duration,
    /// In the order in which they are tried.
    pub authentication: Arc<[RestAuthentication]>,
    /// Switched off with 410.
    pub disabled: bool,
    /// How what is sent finds its receiver.
    pub way: Way,
}

/// The version that is being made.
#[derive(Default)]
struct Working {
    published: Published,
    /// By tenant, what its documents were made into.
    kept: BTreeMap<Arc<str>, load::Kept>,
}

/// Builds, changes and announces what the calls see. Its functions block on the store.
pub struct Publisher {
    store: Store,
    master_key: Arc<MasterKey>,
    working: Mutex<Working>,
    current: ArcSwap<Published>,
    announce: watch::Sender<Arc<Published>>,
    /// By tenant, the newest version of a device when they were read last.
    seen: Mutex<HashMap<String, u64>>,
}

impl Publisher {
    /// Reads the whole store. `own` are the hosts that name this node: addresses without brackets, names.
    pub fn load<'o>(
        store: Store,
        master_key: Arc<MasterKey>,
        own: impl IntoIterator<Item = &'o str>,
    ) -> Result<Self> {
        let mut working = Working::default();
        working.published.directory = Arc::new(Directory::new(own));
        store.read(|db| {
            for row in domains::all(db)? {
                let devices = load::devices(db, &master_key, &row.domain)?;
                let mut kept = load::Kept::default();
                let loaded = load::tenant(db, &master_key, &row, devices, &mut kept)?;
                working.put(loaded, kept);
            }
            working.published.put_grants(&load::grants(db)?);
            Ok(())
        })?;
        let first = Arc::new(working.published.clone());
        Ok(Self {
            store,
            master_key,
            working: Mutex::new(working),
            current: ArcSwap::new(first.clone()),
            announce: watch::Sender::new(first),
            seen: Mutex::default(),
        })
    }

    /// From now on callers may carry tokens, where they come from a network of `listed` or one that was granted.
    pub fn take_tokens(&self, tokens: Arc<dyn Tokens>, listed: &[ipnet::IpNet]) {
        let mut working = self.lock();
        working
            .published
            .directory_mut()
            .take_tokens(tokens, listed);
        self.announce(&working.published);
    }

    /// Where it reads.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The newest version.
    pub fn current(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// Tells of every newer version; a slow listener sees the newest only.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Published>> {
        self.announce.subscribe()
    }

    /// Takes up what was written to a tenant or its services.
    pub fn refresh_tenant(&self, domain: &str) -> Result<()> {
        // The lock is held from reading to announcing, so that a later write is never overtaken by an
        // earlier one.
        let mut working = self.lock();
        let mut kept = working.kept.remove(domain).unwrap_or_default();
        let directory = &working.published.directory;
        let found = self.store.read(|db| {
            let Some(row) = domains::find(db, domain)? else {
                return Ok(None);
            };
            let devices = match directory.tenant(domain) {
                Some(tenant) => tenant.devices.clone(),
                None => load::devices(db, &self.master_key, domain)?,
            };
            load::tenant(db, &self.master_key, &row, devices, &mut kept).map(Some)
        })?;
        match found {
            Some(loaded) => working.put(loaded, kept),
            None => working.published.remove(domain),
        }
        self.announce(&working.published);
        Ok(())
    }

    /// Takes up what was written to one device.
    pub fn refresh_device(&self, domain: &str, id: &str) -> Result<()> {
        let mut working = self.lock();
        let key = documents::Key {
            domain,
            kind: DEVICE.name,
            id,
            draft: false,
        };
        let found = self.store.read(|db| documents::find(db, key))?;
        if let Some(tenant) = working.published.directory.tenant(domain) {
            let devices = match found
                .as_ref()
                .map(|document| load::device(&self.master_key, document))
            {
                Some(device) => tenant.devices.with(id, device),
                None => tenant.devices.without(id),
            };
            let mut changed = Tenant::clone(tenant);
            changed.devices = devices;
            working
                .published
                .directory_mut()
                .put_tenant(Arc::new(changed));
            self.announce(&working.published);
        }
        Ok(())
    }

    /// Takes up that many devices were written or deleted.
    pub fn refresh_devices(&self, domain: &str) -> Result<()> {
        self.put_devices(domain, |db, _| {
            load::devices(db, &self.master_key, domain).map(Some)
        })
    }

    /// The same, reading no more than those that are newer than any seen before, unless some were deleted.
    pub fn refresh_newer_devices(&self, domain: &str) -> Result<()> {
        self.put_devices(domain, |db, known| {
            let since = self.seen().get(domain).copied();
            load::newer_devices(db, &self.master_key, domain, known, since)
        })
    }

    /// Puts other devices into a tenant's place, if there are any.
    fn put_devices(
        &self,
        domain: &str,
        load: impl FnOnce(&Read<'_>, &Devices) -> Result<Option<Devices>>,
    ) -> Result<()> {
        let mut working = self.lock();
        let Some(tenant) = working.published.directory.tenant(domain) else {
            self.seen().remove(domain);
            return Ok(());
        };
        let (newest, devices) = self.store.read_at_one_moment(|db| {
            let newest = documents::newest(db, domain, DEVICE.name)?;
            Ok((newest, load(db, &tenant.devices)?))
        })?;
        self.seen().insert(domain.to_owned(), newest);
        if let Some(devices) = devices {
            let mut changed = Tenant::clone(tenant);
            changed.devices = devices;
            working
                .published
                .directory_mut()
                .put_tenant(Arc::new(changed));
            self.announce(&working.published);
        }
        Ok(())
    }

    /// The tenants there are, and those that were removed and are not forgotten yet.
    pub fn all_domains(&self) -> Result<Vec<String>> {
        let stored = self.store.read(domains::all)?;
        let stored = stored.into_iter().map(|row| row.domain);
        let known = self.current();
        let known = known.domains().map(ToString::to_string);
        let all: BTreeSet<String> = stored.chain(known).collect();
        Ok(all.into_iter().collect())
    }

    /// Takes up which networks the operator granted.
    pub fn refresh_networks(&self) -> Result<()> {
        let mut working = self.lock();
        let grants = self.store.read(load::grants)?;
        working.published.put_grants(&grants);
        self.announce(&working.published);
        Ok(())
    }

    /// Switches a service's callback off (its application answered 410) or on again.
    pub fn switch_callback(&self, domain: &str, service: &str, on: bool) -> Result<()> {
        let (owned_domain, owned_service) = (domain.to_owned(), service.to_owned());
        self.store.write(move |db| {
            if on {
                return switch_on(db, &owned_domain, &owned_service);
            }
            let key = callback_key(&owned_domain, &owned_service);
            documents::put(db, key, "{}", documents::Expected::Any).map(|_| ())
        })?;
        self.refresh_tenant(domain)
    }

    fn lock(&self) -> MutexGuard<'_, Working> {
        self.working
            .lock()
            .expect("no panic while the lock is held")
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.seen.lock().expect("no panic while the lock is held")
    }

    fn announce(&self, published: &Published) {
        let version = Arc::new(published.clone());
        self.current.store(version.clone());
        self.announce.send_replace(version);
    }
}

/// Switches a service's callback on, as part of a larger change.
pub(crate) fn switch_on(db: &Write<'_>, domain: &str, service: &str) -> Result<()> {
    let key = callback_key(domain, service);
    documents::delete(db, key, documents::Expected::Any).map(|_| ())
}

/// Whether a service's callback is switched off, as the database says now.
pub(crate) fn is_switched_off(db: &Read<'_>, domain: &str, service: &str) -> Result<bool> {
    Ok(documents::find(db, callback_key(domain, service))?.is_some())
}

fn callback_key<'a>(domain: &'a str, service: &'a str) -> documents::Key<'a> {
    documents::Key {
        domain,
        kind: CALLBACK,
        id: service,
        draft: false,
    }
}

impl Working {
    fn put(&mut self, loaded: load::Loaded, kept: load::Kept) {
        self.kept.insert(loaded.tenant.domain.clone(), kept);
        self.published.put(loaded);
    }
}

impl Published {
    fn directory_mut(&mut self) -> &mut Directory {
        Arc::make_mut(&mut self.directory)
    }

    fn put(&mut self, loaded: load::Loaded) {
        self.callbacks
            .insert(loaded.tenant.domain.clone(), Arc::new(loaded.callbacks));
        self.directory_mut().put_tenant(loaded.tenant);
    }

    fn remove(&mut self, domain: &str) {
        self.callbacks.remove(domain);
        self.directory_mut().remove_tenant(domain);
    }

    fn put_grants(&mut self, grants: &[(ipnet::IpNet, Arc<str>)]) {
        let directory = self.directory_mut();
        directory.clear_grants();
        for (network, domain) in grants {
            directory.grant(*network, domain.clone());
        }
    }
}

#[cfg(test)]
mod tests;
