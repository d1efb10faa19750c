//! Dialog state (RFC 3261 §12): who, in which order, and by which way.

pub(crate) mod reliable;
pub(crate) mod session_timer;

use serde::{Deserialize, Serialize};

use crate::message::{HeaderName, Host, Message, Scheme, Uri};

/// One dialog, seen from our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dialog {
    pub(crate) call_id: Box<str>,
    /// The value of our From (To in responses), tag included.
    pub(crate) local: Box<str>,
    /// The value of the peer's From or To, tag included once it is known.
    pub(crate) remote: Box<str>,
    pub(crate) remote_tag: Box<str>,
    pub(crate) local_cseq: u32,
    pub(crate) remote_cseq: Option<u32>,
    /// The remote target URI (RFC 3261 §12.1).
    pub(crate) target: Box<str>,
    /// The route set: whole name-addr elements, in the order of a Route header.
    pub(crate) routes: Box<[Box<str>]>,
    /// Whether the peer's Allow lists UPDATE.
    pub(crate) allows_update: bool,
    /// The peer's last request may come once more: a restart forgot whether it was answered.
    pub(crate) may_repeat: bool,
    /// A former run made it.
    pub(crate) restored: bool,
}

/// Where a request inside the dialog is addressed (RFC 3261 §12.2.1.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Addressing<'d> {
    pub(crate) request_uri: &'d str,
    pub(crate) routes: Vec<&'d str>,
    /// The URI whose host is the next hop.
    pub(crate) next_hop: &'d str,
}

/// What a request's CSeq means for the dialog (RFC 3261 §12.2.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    InOrder,
    Late,
}

impl Dialog {
    /// The dialog an INVITE from the peer would make; `local_tag` is ours.
    pub(crate) fn from_invite(message: &Message<'_>, local_tag: &str) -> Option<Self> {
        let from = message.from().ok()?;
        let target = message
            .contact()
            .and_then(Result::ok)
            .and_then(|contact| addressable(contact.uri))
            .or(addressable(from.uri))?;
        Some(Self {
            call_id: message.call_id().ok()?.into(),
            local: format!(
                "{};tag={local_tag}",
                flattened(message.header(HeaderName::To)?)
            )
            .into(),
            remote: flattened(message.header(HeaderName::From)?).into(),
            remote_tag: from.tag().unwrap_or("").into(),
            local_cseq: 0,
            remote_cseq: Some(message.cseq().ok()?.number),
            target: target.into(),
            routes: record_route(message, false),
            allows_update: allows(message, "UPDATE"),
            may_repeat: false,
            restored: false,
        })
    }

    /// Takes from a response to our INVITE what makes the dialog: tag, target, route set.
    pub(crate) fn with_answer(&self, message: &Message<'_>) -> Option<Self> {
        let to = message.to().ok()?;
        let mut dialog = self.clone();
        dialog.remote = flattened(message.header(HeaderName::To)?).into();
        dialog.remote_tag = to.tag().unwrap_or("").into();
        if let Some(target) = contact_of(message) {
            dialog.target = target.into();
        }
        dialog.routes = record_route(message, true);
        dialog.allows_update = allows(message, "UPDATE");
        Some(dialog)
    }

    /// A target refresh: re-INVITE, UPDATE and their 2xx (RFC 3261 §12.2.1.2, RFC 3311).
    /// True: the target moved.
    pub(crate) fn refresh_target(&mut self, message: &Message<'_>) -> bool {
        match contact_of(message).filter(|contact| *self.target != **contact) {
            Some(moved) => {
                self.target = moved.into();
                true
            }
            None => false,
        }
    }

    /// Checks and remembers the CSeq number of a request from the peer.
    pub(crate) fn check_order(&mut self, number: u32) -> Order {
        match self.remote_cseq {
            Some(last) if number == last && self.may_repeat => {
                self.may_repeat = false;
                Order::InOrder
            }
            Some(last) if number <= last => Order::Late,
            _ => {
                self.may_repeat = false;
                self.remote_cseq = Some(number);
                Order::InOrder
            }
        }
    }

    /// The CSeq number of our next request.
    pub(crate) fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// Request-URI, Route set and next hop, with loose and strict routers.
    pub(crate) fn addressing(&self) -> Addressing<'_> {
        let Some(first) = self.routes.first() else {
            return Addressing {
                request_uri: &self.target,
                routes: Vec::new(),
                next_hop: &self.target,
            };
        };
        let first_uri = uri_of(first);
        if Uri::parse(first_uri).is_ok_and(|uri| uri.has_lr()) {
            let routes = self.routes.iter().map(|route| &**route).collect();
            return Addressing {
                request_uri: &self.target,
                routes,
                next_hop: first_uri,
            };
        }
        // A strict router: it takes the Request-URI's place and the target goes last.
        let routes = self.routes[1..]
            .iter()
            .map(|route| &**route)
            .chain([&*self.target])
            .collect();
        Addressing {
            request_uri: first_uri,
            routes,
            next_hop: first_uri,
        }
    }
}

/// The URI as it may stand in a request line: without header fields (RFC 3261 §19.1.1). Nothing when it is broken.
pub(crate) fn addressable(uri: &str) -> Option<&str> {
    let parsed = Uri::parse(uri).ok()?;
    let headers = parsed.headers.map_or(0, |headers| headers.len() + 1);
    uri.get(..uri.len().checked_sub(headers)?)
}

fn contact_of<'b>(message: &Message<'b>) -> Option<&'b str> {
    addressable(message.contact()?.ok()?.uri)
}

/// The URI inside a stored route element.
fn uri_of(element: &str) -> &str {
    element
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(element, |(uri, _)| uri)
}

/// Whether every element of Record-Route can be a hop.
pub(crate) fn has_usable_routes(message: &Message<'_>) -> bool {
    message
        .addresses(HeaderName::RecordRoute)
        .all(|element| element.is_ok_and(|element| addressable(element.uri).is_some()))
}

/// The route set out of Record-Route: as it stands for a server, reversed for a client.
fn record_route(message: &Message<'_>, reversed: bool) -> Box<[Box<str>]> {
    let mut routes: Vec<Box<str>> = message
        .addresses(HeaderName::RecordRoute)
        .filter_map(Result::ok)
        .filter_map(|element| addressable(element.uri))
        .map(|uri| format!("<{uri}>").into())
        .collect();
    if reversed {
        routes.reverse();
    }
    routes.into()
}

fn allows(message: &Message<'_>, method: &str) -> bool {
    message
        .tokens(HeaderName::Allow)
        .any(|token| token == method)
}

/// A header value on one line.
pub(crate) fn flattened(value: &str) -> String {
    if value.contains(['\r', '\n']) {
        value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        value.to_owned()
    }
}

/// Whether the URI demands TLS.
pub(crate) fn is_sips(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|uri| uri.scheme == Scheme::Sips)
}

/// Host, port and transport of a next hop.
pub(crate) fn next_hop_of(uri: &str) -> Option<Uri<'_>> {
    Uri::parse(uri).ok()
}

/// A host as text without brackets.
pub(crate) fn host_text(host: &Host<'_>) -> String {
    match host {
        Host::V4(address) => address.to_string(),
        Host::V6(address) => address.to_string(),
        Host::Name(name) => (*name).to_owned(),
    }
}
