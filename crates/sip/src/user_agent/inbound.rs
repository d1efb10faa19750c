//! A new INVITE, and the commands that answer it.

use std::time::Duration;

use bytes::Bytes;

use super::UserAgent;
use super::compose::Reply;
use super::established::timer_headers;
use super::receive::{Incoming, check_body, merge_key};
use crate::dialog::reliable::Unacknowledged;
use crate::dialog::session_timer::{SessionTimer, agree_as_server, server_value};
use crate::dialog::{Dialog, has_usable_routes, is_sips};
use crate::event::{CommandRefused, Commit, EventKind, LegId, Rejection};
use crate::hash::Hex;
use crate::leg::{Accepted, Leg, Offered, Reoffer, Repeat, Stage};
use crate::message::{HeaderName, Message};
use crate::time::Now;
use crate::transaction::server_invite::ServerInvite;
use crate::transaction::tombstone::Tombstone;

impl UserAgent {
    /// An INVITE outside any dialog.
    pub(super) fn receive_invite(&mut self, now: Now, incoming: Incoming<'_, '_>) -> Option<LegId> {
        let message = incoming.message;
        let tag = self.local_tag(message);
        let agreed = agree_as_server(message, self.policy());
        if self.is_merged(tag) {
            self.refuse_merged(incoming, tag);
            return None;
        }
        let rejection = if matches!(message.max_forwards(), Some(Ok(0))) {
            // The device behind REST is one hop further.
            Some(Rejection::new(483))
        } else if is_sips(message.request_uri().unwrap_or(""))
            && !incoming.flow.transport.is_secure()
        {
            // RFC 3261 §26.2.2: whoever calls a sips URI means TLS on every hop.
            Some(Rejection::new(416).because("sips Needs TLS"))
        } else if agreed.is_err() {
            let minimum = self.policy().minimum.to_string();
            Some(Rejection::new(422).with(HeaderName::MinSe, minimum))
        } else {
            check_body(message).err()
        };
        let dialog = Dialog::from_invite(message, Hex::new(tag).as_str());
        let rejection = match dialog {
            None => rejection.or(Some(Rejection::new(400).because("Bad Contact"))),
            Some(_) if !has_usable_routes(message) => {
                Some(Rejection::new(400).because("Bad Record-Route"))
            }
            Some(_) => rejection,
        };
        if let Some(rejection) = rejection {
            self.refuse(incoming.back, incoming.flow, message, &rejection);
            return None;
        }
        let (agreed, dialog) = (agreed.ok()?, dialog?);
        let requires = |name| {
            message
                .tokens(name)
                .any(|token| token.eq_ignore_ascii_case("100rel"))
        };
        let offered = Offered {
            key: incoming.key,
            invite: Bytes::copy_from_slice(message.bytes()),
            requires_100rel: requires(HeaderName::Require),
            supports_100rel: requires(HeaderName::Supported),
            has_offer: !message.session_description().is_empty(),
            agreed,
            expires_at: message
                .expires()
                .map(|seconds| now.instant + Duration::from_secs(seconds.into())),
            next_rseq: 0,
            unacknowledged: None,
            answer_given: false,
            renegotiated: false,
            queued: None,
            held_answer: None,
            repeat: None,
        };
        let mut timer = SessionTimer::default();
        timer.hear(message);
        let leg = Leg {
            id: LegId(tag),
            is_client: false,
            flow: incoming.flow,
            next_hop: None,
            dialog,
            stage: Stage::Offered(Box::new(offered)),
            accepted: None,
            reoffer: None,
            timer,
            local_body: Bytes::new(),
            owes_ack: None,
            acknowledged: None,
            farewell: None,
            waiting: Vec::new(),
            locating: None,
            hop_moved: false,
            filed: None,
        };
        self.put_leg(Box::new(leg));
        self.put_server(incoming.key, ServerInvite::new(LegId(tag), incoming.back));
        self.tell(LegId(tag), EventKind::Offered);
        Some(LegId(tag))
    }

    /// 482 (RFC 3261 §8.2.2.2). Its To tag is not the leg's, or its ACK would confirm the leg.
    fn refuse_merged(&mut self, incoming: Incoming<'_, '_>, tag: u64) {
        let reply = Reply {
            status: 482,
            reason: "Request Merged",
            to_tag: Some(!tag),
            ..Reply::default()
        };
        let response = self.compose_response(incoming.flow, incoming.message, &reply);
        self.transmit(incoming.back, response, Commit(0), None);
    }

    /// Sends 100 Trying.
    pub fn trying(&mut self, leg: LegId) {
        let Some(taken) = self.take_leg(leg) else {
            return;
        };
        if let Stage::Offered(offered) = &taken.stage
            && offered.repeat.is_none()
        {
            let reply = Reply {
                status: 100,
                ..Reply::default()
            };
            self.provisional(&taken, offered, &reply);
        }
        self.put_leg(taken);
    }

    /// Sends 180 or 183, reliably where the peer requires it, or can take it and SDP goes with it (RFC 3262).
    ///
    /// # Errors
    /// No such leg, a final response already given, or a reliable response to an offerless INVITE.
    pub fn ring(
        &mut self,
        now: Now,
        leg: LegId,
        status: u16,
        body: Option<&[u8]>,
    ) -> Result<(), CommandRefused> {
        let mut taken = self.take_leg(leg).ok_or(CommandRefused::Gone)?;
        let result = self.ring_taken(now, &mut taken, status, body);
        self.put_leg(taken);
        result
    }

    fn ring_taken(
        &mut self,
        now: Now,
        leg: &mut Leg,
        status: u16,
        body: Option<&[u8]>,
    ) -> Result<(), CommandRefused> {
        let mut offered = match std::mem::replace(&mut leg.stage, Stage::Established) {
            Stage::Offered(offered) => offered,
            other => {
                leg.stage = other;
                return Err(CommandRefused::State);
            }
        };
        let result = self.ring_offered(now, leg, &mut offered, status, body);
        leg.stage = Stage::Offered(offered);
        result
    }

    fn ring_offered(
        &mut self,
        now: Now,
        leg: &Leg,
        offered: &mut Offered,
        status: u16,
        body: Option<&[u8]>,
    ) -> Result<(), CommandRefused> {
        if offered.held_answer.is_some() {
            return Err(CommandRefused::State);
        }
        let reliable = offered.requires_100rel || (offered.supports_100rel && body.is_some());
        if !offered.has_offer && (body.is_some() || reliable) {
            return Err(CommandRefused::NeedsMedia);
        }
        if !reliable {
            let reply = Reply {
                status,
                dialog_forming: true,
                body,
                ..Reply::default()
            };
            let sent = self.provisional(leg, offered, &reply);
            offered.repeat = Some(self.repeat(now, status, sent));
            return Ok(());
        }
        if offered.unacknowledged.is_some() {
            offered.queued = Some((status, Bytes::copy_from_slice(body.unwrap_or(&[]))));
            return Ok(());
        }
        if offered.next_rseq == 0 {
            // RFC 3262 §3: uniformly between 1 and 2^31 - 1; a lower range leaves room for the rest.
            offered.next_rseq = 1 + u32::try_from(self.tokens.draw_below(1 << 30)).unwrap_or(0);
        }
        let rseq = offered.next_rseq;
        offered.next_rseq += 1;
        let number = rseq.to_string();
        let headers = [
            (HeaderName::Require, "100rel"),
            (HeaderName::RSeq, number.as_str()),
        ];
        let reply = Reply {
            status,
            dialog_forming: true,
            headers: &headers,
            body,
            ..Reply::default()
        };
        if let Some(response) = self.provisional(leg, offered, &reply) {
            offered.answer_given |= body.is_some();
            let timing = self.config.timing;
            offered.repeat = Some(self.repeat(now, status, None));
            offered.unacknowledged =
                Some(Unacknowledged::new(now.instant, &timing, rseq, response));
        }
        Ok(())
    }

    /// Proves to proxies on the way that the call is still wanted (RFC 3261 §13.3.1.1).
    pub(super) fn ring_again(&mut self, now: Now, leg: &mut Leg) {
        let Stage::Offered(offered) = &mut leg.stage else {
            return;
        };
        let Some(last) = offered.repeat.take() else {
            return;
        };
        offered.repeat = Some(self.repeat(now, last.status, last.copy.clone()));
        let back = self.servers.get(&offered.key.0).map(|server| server.flow);
        match (last.copy, back) {
            (Some(response), Some(back)) => {
                self.retransmit(back, response, Commit(0), Some(leg.id));
            }
            (None, Some(_)) if offered.unacknowledged.is_none() => {
                let _ = self.ring_taken(now, leg, last.status, None);
            }
            _ => {}
        }
    }

    fn repeat(&self, now: Now, status: u16, copy: Option<Bytes>) -> Repeat {
        let at = now.instant + self.config.timing.ring_repeat;
        Repeat { status, copy, at }
    }

    fn provisional(&mut self, leg: &Leg, offered: &Offered, reply: &Reply<'_>) -> Option<Bytes> {
        let invite = Message::parse(&offered.invite).ok()?;
        let server = self.servers.get(&offered.key.0)?;
        let (source, back) = (server.source, server.flow);
        let response = self.compose_response(source, &invite, reply);
        self.transmit(back, response.clone(), Commit(0), Some(leg.id));
        if let Some(server) = self.servers.get_mut(&offered.key.0) {
            server.handle_provisional(response.clone());
        }
        Some(response)
    }

    /// Sends 200 with SDP, once `after` is durable and no PRACK is owed for SDP already sent.
    ///
    /// # Errors
    /// No such leg, or a final response already given.
    pub fn accept(
        &mut self,
        now: Now,
        leg: LegId,
        body: &[u8],
        after: Commit,
    ) -> Result<(), CommandRefused> {
        let mut taken = self.take_leg(leg).ok_or(CommandRefused::Gone)?;
        let result = self.accept_taken(now, &mut taken, Bytes::copy_from_slice(body), after);
        self.put_leg(taken);
        result
    }

    fn accept_taken(
        &mut self,
        now: Now,
        leg: &mut Leg,
        body: Bytes,
        after: Commit,
    ) -> Result<(), CommandRefused> {
        let Stage::Offered(offered) = &mut leg.stage else {
            return Err(CommandRefused::State);
        };
        if offered.held_answer.is_some() {
            return Err(CommandRefused::State);
        }
        let offering = matches!(leg.reoffer.as_deref(), Some(Reoffer::Theirs { .. }));
        if offered.unacknowledged.is_some() || offering {
            // RFC 3262 §3: a reliable response may carry SDP; the 2xx follows its PRACK, and what that offered.
            offered.queued = None;
            offered.held_answer = Some((body, after));
            return Ok(());
        }
        let Stage::Offered(offered) = std::mem::replace(&mut leg.stage, Stage::Established) else {
            return Err(CommandRefused::State);
        };
        let Ok(invite) = Message::parse(&offered.invite) else {
            return Err(CommandRefused::State);
        };
        let value = server_value(offered.agreed);
        let headers = timer_headers(offered.agreed, &value);
        let reply = Reply {
            status: 200,
            dialog_forming: true,
            headers: &headers,
            body: (!offered.renegotiated).then_some(&body[..]),
            ..Reply::default()
        };
        let (source, back) = self
            .take_server(offered.key)
            .map_or((leg.flow, leg.flow), |server| (server.source, server.flow));
        let response = self.compose_response(source, &invite, &reply);
        let timing = self.config.timing;
        for (key, stone) in [
            (offered.key, Tombstone::Absorb(leg.id)),
            (merge_key(leg.id.0), Tombstone::Merged),
        ] {
            self.tombstones
                .put_long(now.instant, key, stone, timing.patience());
        }
        self.transmit(back, response.clone(), after, Some(leg.id));
        let cseq = invite.cseq().map_or(0, |cseq| cseq.number);
        let offered_by_us = !offered.has_offer;
        leg.accepted = Some(Box::new(Accepted::new(
            now.instant,
            &timing,
            response,
            back,
            cseq,
            after,
            true,
            offered_by_us,
        )));
        if !offered.renegotiated {
            leg.local_body = body;
        }
        leg.timer.start(now.instant, offered.agreed);
        Ok(())
    }

    /// Refuses the INVITE.
    ///
    /// # Errors
    /// No such leg, or a final response already given.
    pub fn reject(
        &mut self,
        now: Now,
        leg: LegId,
        rejection: &Rejection,
    ) -> Result<(), CommandRefused> {
        let mut taken = self.take_leg(leg).ok_or(CommandRefused::Gone)?;
        if !matches!(taken.stage, Stage::Offered(_)) {
            self.put_leg(taken);
            return Err(CommandRefused::State);
        }
        self.abandon_offer(now, &mut taken);
        let Stage::Offered(offered) = &taken.stage else {
            return Err(CommandRefused::State);
        };
        let timing = self.config.timing;
        if let Ok(invite) = Message::parse(&offered.invite)
            && let Some(mut server) = self.take_server(offered.key)
        {
            let response = self.compose_rejection(server.source, &invite, rejection);
            self.transmit(server.flow, response.clone(), Commit(0), Some(leg));
            if server.handle_copy().is_some() {
                server.handle_refusal(now.instant, &timing, response);
                self.put_server(offered.key, server);
            } else {
                // Nothing was sent yet, so the caller still repeats its INVITE and hears the refusal again: whoever
                // forges its address cannot make us repeat ourselves to somebody else (RFC 3261 §8.2.7).
                let status = rejection.status;
                self.bury(now, offered.key, server.flow, status, false, &response);
            }
        }
        self.tombstones.put_long(
            now.instant,
            merge_key(leg.0),
            Tombstone::Merged,
            timing.patience(),
        );
        self.drop_leg(&taken);
        Ok(())
    }

    /// The PRACK for the reliable response came, or what it offered is answered: what was held back goes out.
    pub(super) fn release_held(&mut self, now: Now, leg: &mut Leg) {
        let Stage::Offered(offered) = &mut leg.stage else {
            return;
        };
        if offered.unacknowledged.is_some() {
            return;
        }
        if let Some((body, after)) = offered.held_answer.take() {
            let _ = self.accept_taken(now, leg, body, after);
        } else if let Some((status, body)) = offered.queued.take() {
            let body = (!body.is_empty()).then_some(body);
            let _ = self.ring_taken(now, leg, status, body.as_deref());
        }
    }
}
