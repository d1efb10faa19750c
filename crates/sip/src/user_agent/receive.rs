//! A request comes in: what it belongs to, whether it may pass, and what it gets when it may not.

use bytes::Bytes;

use super::compose::{Reply, response_flow};
use super::{ALLOW, MAX_BODY, MAX_HEAD, MAX_REQUEST_URI, SUPPORTED, UserAgent};
use crate::event::{Commit, EventKind, LegId, Rejection};
use crate::flow::Flow;
use crate::hash::Hex;
use crate::leg::Reoffer;
use crate::message::{HeaderName, Message, Method, Scheme, Uri, Via};
use crate::time::Now;
use crate::transaction::key::{TransactionKey, cancelled_key, server_key};
use crate::transaction::tombstone::Tombstone;

/// A request with what every step needs to know of it.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'r, 'b> {
    pub(super) message: &'r Message<'b>,
    pub(super) method: Method<'b>,
    pub(super) key: TransactionKey,
    /// The way it came.
    pub(super) flow: Flow,
    /// The way its response goes.
    pub(super) back: Flow,
}

impl UserAgent {
    /// One message of the peer. Returns the leg it belongs to, if any.
    pub fn handle_message(&mut self, now: Now, flow: Flow, message: &Message<'_>) -> Option<LegId> {
        self.handle_message_with(now, flow, message, &mut |_| None)
    }

    /// The same, where a MESSAGE outside of dialogs that was not seen before may have a refusal of its own.
    pub fn handle_message_with(
        &mut self,
        now: Now,
        flow: Flow,
        message: &Message<'_>,
        refuse: &mut dyn FnMut(&Message<'_>) -> Option<Rejection>,
    ) -> Option<LegId> {
        if !message.is_request() {
            return self.receive_response(now, flow, message);
        }
        // Without Via no response finds its way (RFC 3261 §18.2.2).
        message.header(HeaderName::Via)?;
        let back = response_flow(flow, message);
        let method = message.method()?;
        if let Some(defect) = message.defect() {
            if method != Method::Ack {
                self.refuse(
                    back,
                    flow,
                    message,
                    &Rejection::new(defect.status).because(defect.reason),
                );
            }
            return None;
        }
        let via = message.via().ok()?;
        let key = server_key(&self.hash, message, &via);
        let incoming = Incoming {
            message,
            method,
            key,
            flow,
            back,
        };
        match method {
            Method::Ack => self.receive_ack(now, incoming),
            _ => {
                if let Some(leg) = self.replay(incoming) {
                    return leg;
                }
                if method == Method::Cancel {
                    return self.receive_cancel(now, incoming, &via);
                }
                let is_first = message.to().is_ok_and(|to| to.tag().is_none());
                if method == Method::Message
                    && is_first
                    && let Some(rejection) = refuse(message)
                {
                    let response = self.compose_rejection(flow, message, &rejection);
                    self.bury(now, key, back, rejection.status, false, &response);
                    self.transmit(back, response, Commit(0), None);
                    return None;
                }
                self.receive_new(now, incoming)
            }
        }
    }

    /// A copy of a request we know gets the same answer again. `None`: it is not a copy.
    #[expect(
        clippy::option_option,
        reason = "outer: is it a copy; inner: of a leg's request"
    )]
    fn replay(&mut self, incoming: Incoming<'_, '_>) -> Option<Option<LegId>> {
        if let Some(server) = self.servers.get_mut(&incoming.key.0) {
            if server.flow.transport.is_reliable() && server.flow.connection == 0 {
                // Its connection is closed, and the copy came by another.
                server.flow = incoming.back;
            }
            let (leg, flow, copy) = (server.leg, server.flow, server.handle_copy());
            let after = server.after;
            if let Some(response) = copy {
                self.retransmit(flow, response, after, Some(leg));
            }
            return Some(Some(leg));
        }
        let stone = self.tombstones.find(incoming.key)?.clone();
        match stone {
            Tombstone::Status(status) => {
                let reply = Reply {
                    status,
                    ..Reply::default()
                };
                let response = self.compose_response(incoming.flow, incoming.message, &reply);
                self.retransmit(incoming.back, response, Commit(0), None);
                Some(None)
            }
            Tombstone::Response(response) => {
                self.retransmit(incoming.back, *response, Commit(0), None);
                Some(None)
            }
            Tombstone::Absorb(leg) => Some(Some(leg)),
            Tombstone::Merged | Tombstone::Acknowledged(..) | Tombstone::Accepted(_) => None,
        }
    }

    /// A new request: the checks of RFC 3261 §8.2, then into its dialog or to the front door.
    fn receive_new(&mut self, now: Now, incoming: Incoming<'_, '_>) -> Option<LegId> {
        let message = incoming.message;
        if let Err(rejection) = check(message, incoming.method) {
            self.refuse(incoming.back, incoming.flow, message, &rejection);
            return None;
        }
        let to_tag = message.to().ok().and_then(|to| to.tag());
        if let Some(tag) = to_tag {
            return self.receive_in_dialog(now, incoming, tag);
        }
        match incoming.method {
            Method::Invite => self.receive_invite(now, incoming),
            Method::Options => {
                let headers = [
                    (HeaderName::Accept, "application/sdp"),
                    (HeaderName::AcceptEncoding, "identity"),
                    (HeaderName::AcceptLanguage, "en"),
                ];
                let reply = Reply {
                    status: 200,
                    dialog_forming: true,
                    headers: &headers,
                    ..Reply::default()
                };
                let response = self.compose_response(incoming.flow, message, &reply);
                self.transmit(incoming.back, response, Commit(0), None);
                None
            }
            method => {
                let rejection = out_of_dialog(method);
                self.refuse(incoming.back, incoming.flow, message, &rejection);
                None
            }
        }
    }

    /// Refuses without keeping anything: a copy of the request gets the same again.
    pub(super) fn refuse(
        &mut self,
        back: Flow,
        flow: Flow,
        message: &Message<'_>,
        rejection: &Rejection,
    ) {
        let response = self.compose_rejection(flow, message, rejection);
        self.transmit(back, response, Commit(0), None);
    }

    /// Answers a request inside a dialog and remembers the answer for its copies.
    pub(super) fn respond(
        &mut self,
        now: Now,
        incoming: Incoming<'_, '_>,
        leg: LegId,
        reply: &Reply<'_>,
    ) {
        let response = self.compose_response(incoming.flow, incoming.message, reply);
        let plain = reply.headers.is_empty() && reply.body.is_none() && reply.reason.is_empty();
        self.bury(
            now,
            incoming.key,
            incoming.back,
            reply.status,
            plain && !reply.dialog_forming,
            &response,
        );
        self.transmit(incoming.back, response, Commit(0), Some(leg));
    }

    /// Leaves the tombstone of an answered request (timer J).
    pub(super) fn bury(
        &mut self,
        now: Now,
        key: TransactionKey,
        back: Flow,
        status: u16,
        plain: bool,
        response: &Bytes,
    ) {
        if back.transport.is_reliable() {
            return;
        }
        let stone = if plain {
            Tombstone::Status(status)
        } else {
            Tombstone::Response(Box::new(response.clone()))
        };
        self.tombstones
            .put_long(now.instant, key, stone, self.config.timing.patience());
    }

    /// CANCEL (RFC 3261 §9.2).
    fn receive_cancel(
        &mut self,
        now: Now,
        incoming: Incoming<'_, '_>,
        via: &Via<'_>,
    ) -> Option<LegId> {
        let target = cancelled_key(&self.hash, incoming.message, via);
        let pending = self
            .servers
            .get(&target.0)
            .filter(|server| server.is_proceeding())
            .map(|s| s.leg);
        let offering = self.reinvite_pending(incoming.message, target);
        let known = pending.is_some()
            || offering.is_some()
            || self.servers.contains_key(&target.0)
            || matches!(
                self.tombstones.find(target),
                Some(Tombstone::Absorb(_) | Tombstone::Response(_))
            );
        let status = if known { 200 } else { 481 };
        // A leg of a former run keeps the tag it had then (RFC 3261 §9.2).
        let to_tag = match (self.servers.get(&target.0), self.tombstones.find(target)) {
            (Some(server), _) => Some(server.leg.0),
            (None, Some(Tombstone::Absorb(leg))) => Some(leg.0),
            (None, _) => None,
        };
        let plain = to_tag.is_none_or(|tag| tag == self.local_tag(incoming.message));
        let reply = Reply {
            status,
            to_tag,
            ..Reply::default()
        };
        let response = self.compose_response(incoming.flow, incoming.message, &reply);
        self.bury(now, incoming.key, incoming.back, status, plain, &response);
        self.transmit(incoming.back, response, Commit(0), pending.or(offering));
        if let Some(id) = offering
            && let Some(mut leg) = self.take_leg(id)
        {
            self.abandon_offer(now, &mut leg);
            self.put_leg(leg);
            return Some(id);
        }
        let leg = pending?;
        if self.reject(now, leg, &Rejection::new(487)).is_ok() {
            self.tell(leg, EventKind::Cancelled);
        }
        Some(leg)
    }

    /// The leg whose re-INVITE has that key and waits for its answer.
    fn reinvite_pending(&self, message: &Message<'_>, target: TransactionKey) -> Option<LegId> {
        let tag = message.to().ok()?.tag()?;
        let leg = self.legs.get(&Hex::value(tag)?)?;
        let is_it = matches!(leg.reoffer.as_deref(),
            Some(Reoffer::Theirs { key, invite: true, .. }) if *key == target);
        is_it.then_some(leg.id)
    }

    /// ACK: for a refusal it ends the transaction, for a 2xx it confirms the dialog.
    fn receive_ack(&mut self, now: Now, incoming: Incoming<'_, '_>) -> Option<LegId> {
        let timing = self.config.timing;
        if let Some(server) = self.servers.get(&incoming.key.0) {
            let leg = server.leg;
            if server.is_proceeding() {
                return None;
            }
            self.take_server(incoming.key);
            if !incoming.flow.transport.is_reliable() {
                let stone = Tombstone::Absorb(leg);
                self.tombstones
                    .put_short(now.instant, incoming.key, stone, timing.t4);
            }
            return Some(leg);
        }
        let tag = incoming.message.to().ok().and_then(|to| to.tag())?;
        let id = LegId(Hex::value(tag)?);
        let mut leg = self.take_leg(id)?;
        if !same_dialog(
            &leg.dialog.call_id,
            &leg.dialog.remote_tag,
            incoming.message,
        ) {
            self.put_leg(leg);
            return None;
        }
        let number = incoming.message.cseq().map_or(0, |cseq| cseq.number);
        if leg
            .accepted
            .as_ref()
            .is_some_and(|accepted| accepted.cseq == number)
            && let Some(accepted) = leg.accepted.take()
        {
            if accepted.closing.is_none() {
                let kind = match (accepted.first, accepted.offered) {
                    (true, _) => EventKind::Confirmed,
                    (false, true) => EventKind::ReofferAnswered,
                    (false, false) => EventKind::Refreshed,
                };
                self.tell(id, kind);
            }
            if let Some(reason) = accepted.closing {
                self.part(now, leg, reason.as_deref());
                return Some(id);
            }
        }
        self.put_leg(leg);
        Some(id)
    }

    /// Whether a request of another way with the same Call-ID, From tag and CSeq is known (RFC 3261 §8.2.2.2), or has
    /// been and its leg owes something still.
    pub(super) fn is_merged(&self, tag: u64) -> bool {
        self.legs.get(&tag).is_some_and(|leg| !leg.is_client)
            || self.leaving.contains(LegId(tag))
            || matches!(
                self.tombstones.find(merge_key(tag)),
                Some(Tombstone::Merged)
            )
    }
}

/// The tombstone key that stands for "this Call-ID, From tag and CSeq".
pub(super) const fn merge_key(tag: u64) -> TransactionKey {
    TransactionKey(tag as u128)
}

/// Whether a request belongs to the dialog with this Call-ID and peer's tag.
pub(super) fn same_dialog(call_id: &str, remote_tag: &str, message: &Message<'_>) -> bool {
    message.call_id().is_ok_and(|id| id == call_id)
        && message
            .from()
            .is_ok_and(|from| from.tag().unwrap_or("") == remote_tag)
}

/// The checks every new request passes first (RFC 3261 §8.2.1–§8.2.3).
fn check(message: &Message<'_>, method: Method<'_>) -> Result<(), Rejection> {
    let uri = message.request_uri().unwrap_or("");
    if uri.len() > MAX_REQUEST_URI {
        return Err(Rejection::new(414));
    }
    if message.bytes().len() - message.body().len() > MAX_HEAD {
        return Err(Rejection::new(513));
    }
    if message.body().len() > MAX_BODY {
        return Err(Rejection::new(413));
    }
    match method {
        Method::Other(_) => return Err(Rejection::new(501).with(HeaderName::Allow, ALLOW)),
        Method::Register | Method::Publish | Method::Message => {
            return Err(Rejection::new(405).with(HeaderName::Allow, ALLOW));
        }
        _ => {}
    }
    let scheme_known =
        Uri::parse(uri).is_ok_and(|uri| matches!(uri.scheme, Scheme::Sip | Scheme::Sips));
    if !scheme_known {
        return Err(Rejection::new(416));
    }
    let unsupported: Vec<&str> = message
        .tokens(HeaderName::Require)
        .filter(|tag| {
            !SUPPORTED
                .split(", ")
                .any(|known| known.eq_ignore_ascii_case(tag))
        })
        .collect();
    if !unsupported.is_empty() && method != Method::Cancel {
        return Err(Rejection::new(420)
            .with(HeaderName::Unsupported, unsupported.join(", "))
            .with(HeaderName::Supported, SUPPORTED));
    }
    Ok(())
}

/// What a request that makes no call gets outside a dialog.
fn out_of_dialog(method: Method<'_>) -> Rejection {
    match method {
        Method::Subscribe | Method::Notify => Rejection::new(489).with(HeaderName::Allow, ALLOW),
        // RFC 3515 lets anyone ask us to call anyone: never unasked, for it costs our user money.
        Method::Refer => Rejection::new(403).because("REFER is not accepted"),
        _ => Rejection::new(481),
    }
}

/// What a body of an INVITE or UPDATE must be (RFC 3261 §8.2.3).
pub(super) fn check_body(message: &Message<'_>) -> Result<(), Rejection> {
    let body = message.session_description();
    let encoded = message
        .tokens(HeaderName::ContentEncoding)
        .any(|coding| !coding.eq_ignore_ascii_case("identity"));
    if encoded && !body.is_empty() {
        return Err(Rejection::new(415).with(HeaderName::AcceptEncoding, "identity"));
    }
    let is_sdp = message
        .content_type()
        .is_some_and(|kind| kind.is("application", "sdp"));
    if !body.is_empty() && !is_sdp {
        return Err(Rejection::new(415).with(HeaderName::Accept, "application/sdp"));
    }
    let mut accepted = message.tokens(HeaderName::Accept).peekable();
    let wants_sdp = accepted.peek().is_none()
        || accepted.any(|range| {
            let range = range.split(';').next().unwrap_or("").trim();
            ["application/sdp", "application/*", "*/*"]
                .iter()
                .any(|fits| range.eq_ignore_ascii_case(fits))
        });
    if wants_sdp {
        Ok(())
    } else {
        Err(Rejection::new(406).with(HeaderName::Accept, "application/sdp"))
    }
}
