//! Secrets that are sent to an address of their own document. They stay with the host they were given for: who may
//! write the document but never saw its secrets would else have them sent to a host of their own.

use hookswitch_api::error::FieldError;
use hookswitch_api::secret::MASK;
use hookswitch_sip::message::Uri;
use serde_json::{Value, json};

use super::Kind;
use crate::callback::BaseUrl;

/// Secrets and where they are sent.
#[derive(Debug)]
pub struct Bound {
    /// The secrets, as they stand among those of the kind, hidden ones too.
    pub(super) secrets: &'static [&'static [&'static str]],
    /// The pointers of the members that say where to.
    pub(super) addresses: &'static [&'static str],
    /// What of such a member must stay the same.
    pub(super) host: fn(&str) -> String,
    /// The pointer of a secret that makes these anew when it is given.
    pub(super) made_from: Option<&'static str>,
    /// The pointers of the members they were made with, which a file must not change either.
    pub(super) made_with: &'static [&'static str],
}

/// `requestHeaders` go out as they are. What is signed with `secret` does not show it, and names the origin it is for.
const HEADERS: &[&[&str]] = &[&["restAuthentication", "*", "requestHeaders", "*"]];

/// Of a service with a callback.
pub(super) const CALLBACK: &[Bound] = &[Bound {
    secrets: HEADERS,
    addresses: &["/callbackBaseUrl"],
    host: origin,
    made_from: None,
    made_with: &[],
}];

/// Of settings with an endpoint for each purpose.
pub(super) const ENDPOINTS: &[Bound] = &[Bound {
    secrets: HEADERS,
    addresses: &[
        "/alarmEventsRestEndpoint",
        "/sipEventsRestEndpoint",
        "/alarmbridgeCallbackEndpoint",
    ],
    host: origin,
    made_from: None,
    made_with: &[],
}];

/// A digest does not show the hash it is made with. But whoever chooses its nonce can try passwords on it, or pass a
/// carrier's own challenge on and call at the tenant's cost.
pub(super) const TRUNK: &[Bound] = &[Bound {
    secrets: &[&["ha1"], &["hashes"]],
    addresses: &["/destinationTarget"],
    host: sip_host,
    made_from: Some("/password"),
    made_with: &["/userName", "/realm"],
}];

/// The same of the targets of alarms.
pub(super) const TARGETS: &[Bound] = &[
    Bound {
        secrets: &[&["targetEndpoint", "sipAuthPassword"]],
        addresses: &["/targetEndpoint/destAddr"],
        host: sip_host,
        made_from: None,
        made_with: &[],
    },
    Bound {
        secrets: &[&["targetEndpoint", "backupEndpoint", "backupSipAuthPassword"]],
        addresses: &["/targetEndpoint/backupEndpoint/backupDestAddr"],
        host: sip_host,
        made_from: None,
        made_with: &[],
    },
];

/// A secret that a change left as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its path among those of the kind.
    pub(super) path: &'static [&'static str],
    /// Where it stands now.
    pub(super) pointer: String,
}

impl Kept {
    /// Where it now is.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl Bound {
    /// The hosts that a document sends these secrets to, each with the pointer that names it.
    fn hosts(&self, document: &Value) -> Vec<(&'static str, String)> {
        let named = |pointer: &&'static str| {
            let address = document.pointer(pointer)?.as_str()?;
            Some((*pointer, (self.host)(address)))
        };
        self.addresses.iter().filter_map(named).collect()
    }

    fn is_made_anew(&self, document: &Value, kept: &[Kept]) -> bool {
        self.made_from.is_some_and(|pointer| {
            let given = document.pointer(pointer).and_then(Value::as_str);
            given.is_some_and(|given| given != MASK)
                && kept.iter().all(|kept| kept.pointer != pointer)
        })
    }
}

impl Kind {
    /// Which of the secrets that were kept would now be sent to another host than they were given for.
    pub fn astray(&self, before: &Value, after: &Value, kept: &[Kept]) -> Vec<FieldError> {
        let mut faults = Vec::new();
        for bound in self.bound {
            let known = bound.hosts(before);
            let is_new =
                |(_, host): &(&str, String)| known.iter().all(|(_, before)| before != host);
            let Some((address, host)) = bound.hosts(after).into_iter().find(is_new) else {
                continue;
            };
            if bound.is_made_anew(after, kept) {
                continue;
            }
            // What is hidden stands beside what is masked, and nobody can give it.
            let is_sent = |kept: &&Kept| {
                bound.secrets.contains(&kept.path) && self.secrets.contains(&kept.path)
            };
            for secret in kept.iter().filter(is_sent) {
                let again = bound.made_from.unwrap_or(&secret.pointer);
                let detail = format!(
                    "is kept, and was not given for {host} as far as is stored (an address that was taken away is forgotten), which {address} names now: send {again} anew with the new address, or take it away"
                );
                faults.push(FieldError::new(secret.pointer.as_str(), detail));
            }
        }
        faults
    }

    /// What seals a secret in a file beside its place: the hosts it is sent to, if it is sent, and what it was made
    /// with.
    pub(super) fn bond(&self, path: &[&str], document: &Value) -> String {
        let of_path = || {
            let bounds = self.bound.iter();
            bounds.filter(|bound| bound.secrets.contains(&path))
        };
        let mut parts: Vec<String> = of_path()
            .flat_map(|bound| bound.hosts(document))
            .map(|(_, host)| host)
            .collect();
        parts.sort();
        parts.dedup();
        for bound in of_path().filter(|bound| !bound.made_with.is_empty()) {
            let names = bound.made_with.iter();
            let names: Vec<_> = names.map(|pointer| document.pointer(pointer)).collect();
            // As JSON, so that no name looks like two, or like a host.
            parts.push(json!(names).to_string());
        }
        parts.join(" ")
    }
}

/// Scheme, host and port; what is no URL is its own.
fn origin(url: &str) -> String {
    match BaseUrl::parse(url) {
        Ok(url) => url.origin().as_str().to_owned(),
        Err(_) => url.to_owned(),
    }
}

/// The host of a SIP URI or of `host[:port]`: the port changes with the transport. One that may go elsewhere than its
/// host is its own: with `maddr` (RFC 3261 §19.1.1), with headers, of which `Route` is one (§19.1.5), and with escapes
/// among its parameters, which may spell `maddr` (§19.1.4).
fn sip_host(address: &str) -> String {
    let address = address.to_ascii_lowercase();
    let of = |uri: &str| {
        let uri = Uri::parse(uri).ok().filter(Uri::is_sip)?;
        let is_direct = !uri.params.has("maddr")
            && !uri.params.as_str().contains('%')
            && !address.contains('?');
        is_direct.then(|| uri.host.to_string())
    };
    let host = of(&address).or_else(|| of(&format!("sip:{address}")));
    host.unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_whatever_stands_around_it() {
        for (address, host) in [
            ("sip.carrier.example", "sip.carrier.example"),
            ("SIP.Carrier.example:5061", "sip.carrier.example"),
            ("sip:alarm@arc.example.com", "arc.example.com"),
            (
                "sips:alarm@ARC.example.com:5061;transport=tls",
                "arc.example.com",
            ),
            ("alarm@arc.example.com", "arc.example.com"),
            ("[2001:DB8::1]:5060", "[2001:db8::1]"),
            ("192.0.2.9:5070", "192.0.2.9"),
            // What goes elsewhere, or is no address, is like nothing else.
            (
                "sip:a@arc.example.com;maddr=192.0.2.1",
                "sip:a@arc.example.com;maddr=192.0.2.1",
            ),
            (
                "sip:a@arc.example.com;m%61ddr=192.0.2.1",
                "sip:a@arc.example.com;m%61ddr=192.0.2.1",
            ),
            (
                "sip:a@arc.example.com;%6D%61%64%64%72=192.0.2.1",
                "sip:a@arc.example.com;%6d%61%64%64%72=192.0.2.1",
            ),
            (
                "sip:a@arc.example.com?Route=%3Csip:192.0.2.1%3E",
                "sip:a@arc.example.com?route=%3csip:192.0.2.1%3e",
            ),
            (
                "a@arc.example.com?R%6Fute=%3Csip:192.0.2.1%3E",
                "a@arc.example.com?r%6fute=%3csip:192.0.2.1%3e",
            ),
            ("a@b@c", "a@b@c"),
            // Escapes in the user lead nowhere else.
            ("sip:%61larm@arc.example.com;lr", "arc.example.com"),
        ] {
            assert_eq!(sip_host(address), host);
        }
        assert_eq!(origin("HTTPS://App.example:443/x"), "https://app.example");
        assert_eq!(origin("string"), "string");
    }
}
