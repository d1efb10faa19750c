//! The engine's view of provisioning: immutable, shared between shards, cheap to change in one place.

mod devices;
mod grants;
mod trunks;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

pub use self::devices::{AuthType, Device, Devices, Mac};
use self::grants::Grants;
pub use self::trunks::{Trunk, TrunkCredentials, Unserved, UnservedKind};
use crate::pattern::{Pattern, PatternIndex};
use crate::token::Tokens;

/// Every tenant of the node and the networks the operator granted them.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    tenants: BTreeMap<Arc<str>, Arc<Tenant>>,
    grants: Grants,
    own_addresses: BTreeSet<IpAddr>,
    own_names: BTreeSet<Box<str>>,
    tokens: Option<Arc<dyn Tokens>>,
    listed: Arc<[IpNet]>,
    /// Tenants with a trunk whose other side proves itself by digest, under the realms of these trunks.
    realms: BTreeMap<Box<str>, BTreeSet<Arc<str>>>,
}

impl Directory {
    /// A directory without tenants; `own` are the hosts that name this node itself: addresses without
    /// brackets, or names.
    pub fn new<'o>(own: impl IntoIterator<Item = &'o str>) -> Self {
        let mut directory = Self::default();
        for host in own {
            match host.parse() {
                Ok(address) => directory.own_addresses.insert(address),
                Err(_) => directory.own_names.insert(host.to_ascii_lowercase().into()),
            };
        }
        directory
    }

    /// Adds a tenant, or puts a newer version in its place.
    pub fn put_tenant(&mut self, tenant: Arc<Tenant>) {
        self.forget_realms(&tenant.domain);
        for realm in tenant.realms() {
            let domains = self.realms.entry(realm.into()).or_default();
            domains.insert(tenant.domain.clone());
        }
        self.tenants.insert(tenant.domain.clone(), tenant);
    }

    /// Removes a tenant with its granted networks.
    pub fn remove_tenant(&mut self, domain: &str) {
        self.forget_realms(domain);
        self.tenants.remove(domain);
        self.grants.remove(domain);
    }

    /// The operator grants a source network to a tenant.
    pub fn grant(&mut self, network: IpNet, domain: Arc<str>) {
        self.grants.put(network, domain);
    }

    /// Forgets every grant, before the present ones are given.
    pub fn clear_grants(&mut self) {
        self.grants = Grants::default();
    }

    /// Callers may carry tokens, which `tokens` reads, where they come from one of the networks `listed` or from one
    /// that the operator granted.
    pub fn take_tokens(&mut self, tokens: Arc<dyn Tokens>, listed: &[IpNet]) {
        self.tokens = Some(tokens);
        self.listed = listed.into();
    }

    /// What reads the tokens of callers from `source`; nothing when theirs do not count.
    pub fn tokens(&self, source: IpAddr) -> Option<&dyn Tokens> {
        let is_trusted = self.listed.iter().any(|network| network.contains(&source))
            || self.grants.of(source).next().is_some();
        self.tokens.as_deref().filter(|_| is_trusted)
    }

    /// The tenant of a domain, in any case.
    pub fn tenant(&self, domain: &str) -> Option<&Arc<Tenant>> {
        if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.tenants.get(domain.to_ascii_lowercase().as_str());
        }
        self.tenants.get(domain)
    }

    /// The tenants with a trunk whose other side proves itself by digest in this realm.
    pub fn of_realm(&self, realm: &str) -> impl Iterator<Item = &Arc<Tenant>> {
        let domains = self.realms.get(realm).into_iter().flatten();
        domains.filter_map(|domain| self.tenants.get(domain))
    }

    fn forget_realms(&mut self, domain: &str) {
        let former = self.tenants.get(domain).map(|former| former.realms());
        for realm in former.into_iter().flatten() {
            if let Some(domains) = self.realms.get_mut(realm) {
                domains.remove(domain);
                if domains.is_empty() {
                    self.realms.remove(realm);
                }
            }
        }
    }

    /// How many tenants there are.
    pub fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// Whether `host` (without brackets) names this node itself.
    pub fn is_own(&self, host: &str) -> bool {
        match host.parse() {
            Ok(address) => self.own_addresses.contains(&address),
            Err(_) => self.own_names.contains(host.to_ascii_lowercase().as_str()),
        }
    }

    /// Whether the operator granted the network of `source` to `domain`.
    pub fn is_granted(&self, source: IpAddr, domain: &str) -> bool {
        self.grants.of(source).any(|granted| &**granted == domain)
    }

    /// Every tenant to which the operator granted a network of `source`, once each.
    pub fn granted(&self, source: IpAddr) -> Vec<&Arc<Tenant>> {
        let domains: BTreeSet<&Arc<str>> = self.grants.of(source).collect();
        domains
            .into_iter()
            .filter_map(|domain| self.tenants.get(domain))
            .collect()
    }
}

/// One customer. A clone shares all but the settings: each write to a device makes one.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The SIP domain, in lower case.
    pub domain: Arc<str>,
    /// What the customer and the operator set.
    pub settings: Settings,
    /// The provisioned devices.
    pub devices: Devices,
    services: Arc<[Arc<CloudSipUa>]>,
    patterns: PatternIndex,
    unserved: Arc<[Unserved]>,
    unserved_patterns: PatternIndex,
    trunks: Arc<[Arc<Trunk>]>,
    trunk_patterns: PatternIndex,
}

impl Tenant {
    /// A tenant; the services are put into the order in which patterns are tried: longest literal prefix
    /// first, then by name.
    pub fn new(
        domain: &str,
        settings: Settings,
        devices: Devices,
        mut services: Vec<Arc<CloudSipUa>>,
    ) -> Self {
        services.sort_by(|one, other| {
            let place = |service: &CloudSipUa| Reverse(service.destination_match.literal_prefix());
            (place(one), &one.name, &one.id).cmp(&(place(other), &other.name, &other.id))
        });
        Self {
            domain: domain.to_ascii_lowercase().into(),
            settings,
            devices,
            patterns: PatternIndex::new(services.iter().map(|service| &service.destination_match)),
            services: services.into(),
            unserved: Arc::default(),
            unserved_patterns: PatternIndex::default(),
            trunks: Arc::default(),
            trunk_patterns: PatternIndex::default(),
        }
    }

    /// The same with trunks, put into the order in which their patterns are tried: longest literal prefix first, then
    /// by id.
    #[must_use]
    pub fn with_trunks(mut self, mut trunks: Vec<Arc<Trunk>>) -> Self {
        trunks.sort_by(|one, other| {
            let place = |trunk: &Trunk| Reverse(trunk.destination_match.literal_prefix());
            (place(one), &one.id).cmp(&(place(other), &other.id))
        });
        self.trunk_patterns =
            PatternIndex::new(trunks.iter().map(|trunk| &trunk.destination_match));
        self.trunks = trunks.into();
        self
    }

    /// The same with destinations of which no service runs here: alarm bridges before media services, each kind in the
    /// order in which patterns are tried.
    #[must_use]
    pub fn with_unserved(mut self, mut unserved: Vec<Unserved>) -> Self {
        unserved.sort_by(|one, other| {
            let place = |it: &Unserved| (it.kind, Reverse(it.destination_match.literal_prefix()));
            (place(one), &one.name, &one.id).cmp(&(place(other), &other.name, &other.id))
        });
        self.unserved_patterns = PatternIndex::new(
            unserved
                .iter()
                .map(|destination| &destination.destination_match),
        );
        self.unserved = unserved.into();
        self
    }

    /// The trunks, in the order in which their patterns are tried.
    pub fn trunks(&self) -> &[Arc<Trunk>] {
        &self.trunks
    }

    /// The first destination without a service whose pattern matches a user.
    pub fn unserved_for(&self, user: &str) -> Option<&Unserved> {
        self.unserved_patterns
            .candidates(user)
            .map(|place| &self.unserved[place])
            .find(|destination| destination.destination_match.is_match(user))
    }

    /// The trunks whose pattern matches a user, in the order in which they are tried.
    pub fn trunks_for(&self, user: &str) -> impl Iterator<Item = &Arc<Trunk>> {
        self.trunk_patterns
            .candidates(user)
            .map(|place| &self.trunks[place])
            .filter(move |trunk| trunk.destination_match.is_match(user))
    }

    /// The realms in which the other sides of its trunks prove themselves by digest, each once.
    pub fn realms(&self) -> BTreeSet<&str> {
        let credentials = self
            .trunks
            .iter()
            .filter_map(|trunk| trunk.credentials.as_ref());
        credentials.map(|known| &*known.realm).collect()
    }

    /// Whether anybody can prove by digest who it is.
    pub fn asks(&self) -> bool {
        !self.devices.algorithms().is_empty()
            || self.trunks.iter().any(|trunk| trunk.credentials.is_some())
    }

    /// The services, in the order in which their patterns are tried.
    pub fn services(&self) -> &[Arc<CloudSipUa>] {
        &self.services
    }

    /// The service with this id.
    pub fn service(&self, id: &str) -> Option<&Arc<CloudSipUa>> {
        self.services.iter().find(|service| &*service.id == id)
    }

    /// The first service whose pattern matches a user.
    pub fn service_for(&self, user: &str) -> Option<&Arc<CloudSipUa>> {
        self.patterns
            .candidates(user)
            .map(|place| &self.services[place])
            .find(|service| service.destination_match.is_match(user))
    }
}

/// What a domain's calls may do and how long they may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Networks whose unauthenticated callers may reach the domain's services.
    pub open: Vec<IpNet>,
    /// Where the domain may call.
    pub outbound: OutboundPolicy,
    /// The longest a call may ring, where it is not the node's default.
    pub ring_timeout: Option<Duration>,
    /// The longest a call may last once answered.
    pub max_call_duration: Option<Duration>,
    /// The most calls at a time.
    pub max_calls: Option<u32>,
    /// The most new calls in a second.
    pub max_calls_per_second: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            outbound: OutboundPolicy::Any,
            ring_timeout: None,
            max_call_duration: None,
            max_calls: None,
            max_calls_per_second: None,
        }
    }
}

/// Where the application's own calls may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutboundPolicy {
    /// Any SIP URI the node's address guard lets through.
    #[default]
    Any,
    /// Through the domain's trunks only.
    Trunks,
    /// Nowhere.
    Off,
}

/// A Cloud SIP UA service: calls it matches are steered over HTTP.
#[derive(Clone, Debug)]
pub struct CloudSipUa {
    /// `id` of the provisioning document.
    pub id: Arc<str>,
    /// `callbackId`, by which callbacks are enabled again.
    pub callback_id: Arc<str>,
    /// The customer's label.
    pub name: Box<str>,
    /// Which destinations it serves.
    pub destination_match: Pattern,
    /// Where its callbacks go.
    pub callback_base_url: Arc<str>,
    /// The whole budget of an ask.
    pub callback_timeout: Duration,
    /// Its callbacks are switched off, because the application answered 410.
    pub disabled: bool,
}

#[cfg(test)]
mod tests;
