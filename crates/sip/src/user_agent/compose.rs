//! Messages written: responses made from their request, requests made from their dialog.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::{ALLOW, Listener, SUPPORTED, UserAgent};
use crate::dialog::Dialog;
use crate::event::Rejection;
use crate::flow::{Flow, Transport};
use crate::hash::Hex;
use crate::message::{HeaderName, Host, Message, Scheme, Via, Writer, split_list};
use crate::transaction::key::TransactionKey;

/// The media type of the bodies we carry.
pub(super) const SDP: &str = "application/sdp";

/// The Contact value of a listener.
pub(super) fn contact(listener: &Listener) -> String {
    match listener.transport {
        Transport::Udp => format!("<sip:hookswitch@{}>", listener.advertised),
        Transport::Tls => format!("<sips:hookswitch@{}>", listener.advertised),
        other => format!("<sip:hookswitch@{};transport={other}>", listener.advertised),
    }
}

/// Where the response to a request goes (RFC 3261 §18.2.2, RFC 3581 §4). `maddr` is not followed: it would
/// let a stranger aim our responses at others.
pub(super) fn response_flow(flow: Flow, message: &Message<'_>) -> Flow {
    if flow.transport.is_reliable() {
        return flow;
    }
    let Ok(via) = message.via() else { return flow };
    if via.rport().is_some() {
        return flow;
    }
    let port = via.port.unwrap_or(flow.transport.default_port());
    Flow {
        peer: SocketAddr::new(flow.peer.ip(), port),
        ..flow
    }
}

/// Where the response goes once the connection of its request is closed: to the source address, at the port of
/// sent-by (RFC 3261 §18.2.2). Nobody can open a WebSocket to its client (RFC 7118).
pub(super) fn fallback_flow(flow: Flow, message: &Message<'_>) -> Option<Flow> {
    if !matches!(flow.transport, Transport::Tcp | Transport::Tls) {
        return None;
    }
    let port = message.via().ok()?.port;
    let port = port.unwrap_or(flow.transport.default_port());
    Some(Flow {
        peer: SocketAddr::new(flow.peer.ip(), port),
        connection: 0,
        ..flow
    })
}

/// The topmost Via line with `received` and `rport` filled in (RFC 3261 §18.2.1, RFC 3581 §4).
pub(crate) fn stamped_via(line: &str, source: SocketAddr) -> String {
    let first = split_list(line).next().unwrap_or(line);
    // Most lines hold one element, and looking for it in itself is dear.
    let rest = line
        .contains(',')
        .then(|| line.split_once(first))
        .flatten()
        .and_then(|(_, rest)| rest.split_once(','))
        .map(|(_, rest)| rest);
    let mut parts = split_params(first);
    let mut out = String::with_capacity(line.len() + 48);
    out.push_str(parts.next().unwrap_or("").trim());
    let mut wants_port = false;
    for part in parts {
        let part = part.trim();
        let name = part.split('=').next().unwrap_or("").trim();
        if name.eq_ignore_ascii_case("received") {
            continue;
        }
        out.push(';');
        if name.eq_ignore_ascii_case("rport") {
            wants_port = true;
            let _ = write!(out, "rport={}", source.port());
        } else {
            out.push_str(part);
        }
    }
    let named = Via::parse(line).is_ok_and(|via| is_address(via.host, source.ip()));
    if wants_port || !named {
        let _ = write!(out, ";received={}", source.ip());
    }
    if let Some(rest) = rest {
        out.push_str(", ");
        out.push_str(rest.trim_start());
    }
    out
}

/// What stands between semicolons; those in quotes do not part.
fn split_params(element: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    element.split(move |character| {
        let is_escaped = std::mem::replace(&mut escaped, false);
        match character {
            '\\' if quoted => escaped = !is_escaped,
            '"' if !is_escaped => quoted = !quoted,
            _ => {}
        }
        character == ';' && !quoted
    })
}

fn is_address(host: &str, address: IpAddr) -> bool {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
        == Ok(address)
}

/// What a response has beside what it copies from the request.
#[derive(Default)]
pub(super) struct Reply<'r> {
    pub(super) status: u16,
    pub(super) reason: &'r str,
    /// The tag of To, where the request has none; empty means the leg's.
    pub(super) to_tag: Option<u64>,
    /// Contact, Record-Route, Allow and Supported: for responses that make or refresh a dialog.
    pub(super) dialog_forming: bool,
    pub(super) headers: &'r [(HeaderName, &'r str)],
    pub(super) body: Option<&'r [u8]>,
}

/// A request inside a dialog.
pub(super) struct Request<'r> {
    pub(super) method: &'r str,
    pub(super) cseq: u32,
    pub(super) headers: &'r [(HeaderName, &'r str)],
    pub(super) body: Option<&'r [u8]>,
}

impl UserAgent {
    /// The To tag of every response to this request: the same for INVITE, its copies and its CANCEL.
    pub(super) fn local_tag(&self, message: &Message<'_>) -> u64 {
        let from_tag = message
            .from()
            .ok()
            .and_then(|from| from.tag())
            .unwrap_or("");
        let number = message.cseq().map_or(0, |cseq| cseq.number).to_le_bytes();
        self.hash.short(&[
            b"tag",
            message.call_id().unwrap_or("").as_bytes(),
            from_tag.as_bytes(),
            &number,
        ])
    }

    /// A response to `message`, which came by `flow`.
    pub(super) fn compose_response(
        &mut self,
        flow: Flow,
        message: &Message<'_>,
        reply: &Reply<'_>,
    ) -> Bytes {
        let tag = Hex::new(reply.to_tag.unwrap_or_else(|| self.local_tag(message)));
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut writer = Writer::response(&mut scratch, reply.status, reply.reason);
        for (place, line) in message.all(HeaderName::Via).enumerate() {
            if place == 0 {
                writer.header(HeaderName::Via, &[&stamped_via(line, flow.peer)]);
            } else {
                writer.header(HeaderName::Via, &[line]);
            }
        }
        if reply.dialog_forming {
            writer.copy(message, HeaderName::RecordRoute);
        }
        writer.copy(message, HeaderName::From);
        match message.to() {
            Ok(to) if to.tag().is_none() && reply.status != 100 => {
                let line = message.header(HeaderName::To).unwrap_or("");
                // A bare addr-spec would swallow the tag as a URI parameter only if it had `?` or `,`; the
                // grammar forbids both there, so appending is always a header parameter.
                writer.header(HeaderName::To, &[line.trim_end(), ";tag=", tag.as_str()]);
            }
            _ => {
                writer.copy(message, HeaderName::To);
            }
        }
        writer.copy(message, HeaderName::CallId);
        writer.copy(message, HeaderName::CSeq);
        if reply.status == 100 {
            writer.copy(message, HeaderName::Timestamp);
        }
        if reply.dialog_forming {
            if let Some(contact) = self.contacts.get(usize::from(flow.listener)) {
                writer.header(HeaderName::Contact, &[contact]);
            }
            writer.header(HeaderName::Allow, &[ALLOW]);
            writer.header(HeaderName::Supported, &[SUPPORTED]);
        }
        for (name, value) in reply.headers {
            writer.header(*name, &[value]);
        }
        if reply.status != 100 {
            writer.header(HeaderName::Server, &[&self.config.product]);
        }
        writer.finish(reply.body.map(|body| (SDP, body)));
        let bytes = Bytes::copy_from_slice(&scratch);
        self.scratch = scratch;
        bytes
    }

    /// A refusal as a response.
    pub(super) fn compose_rejection(
        &mut self,
        flow: Flow,
        message: &Message<'_>,
        rejection: &Rejection,
    ) -> Bytes {
        let headers: Vec<(HeaderName, &str)> = rejection
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let reply = Reply {
            status: rejection.status,
            reason: &rejection.reason,
            headers: &headers,
            ..Reply::default()
        };
        self.compose_response(flow, message, &reply)
    }

    /// The Via value of a request of ours.
    pub(super) fn via(&self, flow: Flow, key: TransactionKey) -> String {
        let sent_by = self
            .sent_by
            .get(usize::from(flow.listener))
            .map_or("invalid", String::as_str);
        format!(
            "SIP/2.0/{} {sent_by};branch={};rport",
            flow.transport.via_token(),
            key.branch()
        )
    }

    /// A request inside `dialog`.
    pub(super) fn compose_request(
        &mut self,
        flow: Flow,
        key: TransactionKey,
        dialog: &Dialog,
        request: &Request<'_>,
    ) -> Bytes {
        let via = self.via(flow, key);
        let addressing = dialog.addressing();
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut writer = Writer::request(&mut scratch, request.method, addressing.request_uri);
        writer.header(HeaderName::Via, &[&via]);
        writer.number(HeaderName::MaxForwards, 70);
        for route in &addressing.routes {
            let bracketed = route.starts_with('<');
            let (open, close) = if bracketed { ("", "") } else { ("<", ">") };
            writer.header(HeaderName::Route, &[open, route, close]);
        }
        writer.header(HeaderName::From, &[&dialog.local]);
        writer.header(HeaderName::To, &[&dialog.remote]);
        writer.header(HeaderName::CallId, &[&dialog.call_id]);
        let number = request.cseq.to_string();
        writer.header(HeaderName::CSeq, &[&number, " ", request.method]);
        if matches!(request.method, "INVITE" | "UPDATE") {
            if let Some(contact) = self.contacts.get(usize::from(flow.listener)) {
                writer.header(HeaderName::Contact, &[contact]);
            }
            writer.header(HeaderName::Allow, &[ALLOW]);
            // A reliable response to an INVITE without offer would carry one, and PRACK the answer.
            let late_offer = request.method == "INVITE" && request.body.is_none();
            let supported = if late_offer { "timer" } else { SUPPORTED };
            writer.header(HeaderName::Supported, &[supported]);
        }
        for (name, value) in request.headers {
            writer.header(*name, &[value]);
        }
        if request.method != "ACK" {
            writer.header(HeaderName::UserAgent, &[&self.config.product]);
        }
        writer.finish(request.body.map(|body| (SDP, body)));
        let bytes = Bytes::copy_from_slice(&scratch);
        self.scratch = scratch;
        bytes
    }

    /// ACK to a final response other than 2xx: a copy of the INVITE's way (RFC 3261 §17.1.1.3).
    pub(super) fn compose_refusal_ack(
        &mut self,
        invite: &Message<'_>,
        response: &Message<'_>,
    ) -> Bytes {
        self.compose_companion(invite, "ACK", response.header(HeaderName::To))
    }

    /// CANCEL for a pending INVITE (RFC 3261 §9.1).
    pub(super) fn compose_cancel(&mut self, invite: &Message<'_>, reason: Option<&str>) -> Bytes {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut writer = companion(&mut scratch, invite, "CANCEL", None);
        if let Some(reason) = reason {
            writer.header(HeaderName::Reason, &[reason]);
        }
        writer.finish(None);
        let bytes = Bytes::copy_from_slice(&scratch);
        self.scratch = scratch;
        bytes
    }

    fn compose_companion(&mut self, invite: &Message<'_>, method: &str, to: Option<&str>) -> Bytes {
        let mut scratch = std::mem::take(&mut self.scratch);
        companion(&mut scratch, invite, method, to).finish(None);
        let bytes = Bytes::copy_from_slice(&scratch);
        self.scratch = scratch;
        bytes
    }
}

fn companion<'w>(
    scratch: &'w mut Vec<u8>,
    invite: &Message<'_>,
    method: &str,
    to: Option<&str>,
) -> Writer<'w> {
    let mut writer = Writer::request(scratch, method, invite.request_uri().unwrap_or(""));
    writer.copy(invite, HeaderName::Via);
    writer.number(HeaderName::MaxForwards, 70);
    writer.copy(invite, HeaderName::Route);
    writer.copy(invite, HeaderName::From);
    match to {
        Some(to) => writer.header(HeaderName::To, &[to]),
        None => writer.copy(invite, HeaderName::To),
    };
    writer.copy(invite, HeaderName::CallId);
    let number = invite.cseq().map_or(0, |cseq| cseq.number).to_string();
    writer.header(HeaderName::CSeq, &[&number, " ", method]);
    writer
}

/// The flow to a next hop that needs no question: the peer's own address.
pub(super) fn obvious_hop(known: Flow, uri: &crate::message::Uri<'_>) -> Option<Flow> {
    let address = match uri.host {
        Host::V4(address) => IpAddr::V4(address),
        Host::V6(address) => IpAddr::V6(address),
        Host::Name(_) => return None,
    };
    if address != known.peer.ip() {
        return None;
    }
    let transport = match uri.transport() {
        Some(token) => Transport::from_token(token)?,
        None => known.transport,
    };
    if transport != known.transport || (uri.scheme == Scheme::Sips && !transport.is_secure()) {
        return None;
    }
    if transport.is_reliable() && known.connection != 0 {
        // A connection that stands is used again (RFC 5923), through whatever translated its addresses.
        return Some(known);
    }
    let port = uri.port.unwrap_or(transport.default_port());
    Some(Flow {
        peer: SocketAddr::new(address, port),
        connection: 0,
        ..known
    })
}
