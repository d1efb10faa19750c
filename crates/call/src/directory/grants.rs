//! Source networks that the operator granted to tenants. What a source is granted is looked up, not searched for: every
//! inbound request asks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

/// Networks with their tenants.
#[derive(Clone, Debug, Default)]
pub(super) struct Grants {
    domains: BTreeMap<IpNet, BTreeSet<Arc<str>>>,
    /// The lengths of prefixes there are.
    lengths: BTreeSet<u8>,
}

impl Grants {
    pub(super) fn put(&mut self, network: IpNet, domain: Arc<str>) {
        self.lengths.insert(network.prefix_len());
        let domains = self.domains.entry(network.trunc()).or_default();
        domains.insert(domain);
    }

    pub(super) fn remove(&mut self, domain: &str) {
        for domains in self.domains.values_mut() {
            domains.remove(domain);
        }
        self.domains.retain(|_, domains| !domains.is_empty());
    }

    /// To whom the networks of `source` are granted; whoever has several comes as often.
    pub(super) fn of(&self, source: IpAddr) -> impl Iterator<Item = &Arc<str>> {
        let networks = self.lengths.iter().filter_map(move |length| {
            let network = IpNet::new(source, *length).ok()?;
            self.domains.get(&network.trunc())
        });
        networks.flatten()
    }
}
