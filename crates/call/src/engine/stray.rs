//! Messages of no call for the log: whoever's tenant they name, at a bounded rate, for strangers send them.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use hookswitch_sip::flow::Flow;
use hookswitch_sip::message::{Host, Message, NameAddr, Uri};
use hookswitch_sip::time::Now;

use super::redact::redacted;
use super::{Engine, LogEntry, Output, Owner};

impl Engine {
    /// Logs a message that belongs to no call here, or an INVITE that becomes none; what is sent in the same stack is
    /// logged with it.
    pub(super) fn log_stray(&mut self, now: Now, flow: Flow, message: &Message<'_>) {
        let Some(domain) = self.domain_named(flow, message) else {
            return;
        };
        if !self.admission.may_log_stray(now.instant) {
            self.counters.unlogged += 1;
            return;
        }
        self.named = Some(domain.clone());
        self.outputs.push_back(Output::Log(LogEntry {
            owner: Owner::Tenant(domain),
            at_unix_micros: now.unix_micros,
            flow,
            received: true,
            retransmission: false,
            bytes: Bytes::from(redacted(message.bytes()).into_owned()),
        }));
    }

    /// The tenant a message names: by its Request-URI, by its source network where that names this node, by To, by From.
    fn domain_named(&self, flow: Flow, message: &Message<'_>) -> Option<Arc<str>> {
        let uri = message.request_uri().and_then(|uri| Uri::parse(uri).ok());
        if let Some(uri) = uri {
            let host = name_of(&uri);
            if let Some(tenant) = self.directory.tenant(&host) {
                return Some(tenant.domain.clone());
            }
            if self.directory.is_own(&host)
                && let [tenant] = self.directory.granted(flow.peer.ip()).as_slice()
            {
                return Some(tenant.domain.clone());
            }
        }
        let named = |address: &NameAddr<'_>| {
            let uri = address.parsed_uri().ok()?;
            let tenant = self.directory.tenant(&name_of(&uri))?;
            Some(tenant.domain.clone())
        };
        let (to, from) = (message.to().ok(), message.from().ok());
        [to, from]
            .into_iter()
            .flatten()
            .find_map(|side| named(&side))
    }
}

/// The host of a URI without brackets.
pub(super) fn name_of<'u>(uri: &Uri<'u>) -> Cow<'u, str> {
    match uri.host {
        Host::Name(name) => Cow::Borrowed(name),
        Host::V4(address) => Cow::Owned(address.to_string()),
        Host::V6(address) => Cow::Owned(address.to_string()),
    }
}
