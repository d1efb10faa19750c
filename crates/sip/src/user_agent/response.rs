//! A response to one of our requests.

use bytes::Bytes;

use super::compose::{Request, obvious_hop};
use super::{MAX_EARLY_DIALOGS, UserAgent};
use crate::dialog::session_timer::agree_as_client;
use crate::dialog::{Dialog, addressable, next_hop_of};
use crate::event::{Commit, EventKind, LegId};
use crate::flow::Flow;
use crate::hash::Hex;
use crate::leg::{Early, Leg, Reoffer, Stage};
use crate::message::{HeaderName, Message, Method};
use crate::time::Now;
use crate::transaction::client::{Client, Purpose};
use crate::transaction::key::{TransactionKey, client_key};
use crate::transaction::tombstone::Tombstone;

impl UserAgent {
    pub(super) fn receive_response(
        &mut self,
        now: Now,
        flow: Flow,
        message: &Message<'_>,
    ) -> Option<LegId> {
        if message.defect().is_some() {
            return None;
        }
        let via = message.via().ok()?;
        if message.tokens(HeaderName::Via).nth(1).is_some() {
            // RFC 3261 §8.1.3.3: it went astray.
            return None;
        }
        let key = client_key(via.branch()?, message.cseq().ok()?.method)?;
        let status = message.status()?;
        let Some(mut client) = self.take_client(key) else {
            return self.receive_late(now, flow, message, key, status);
        };
        let leg = client.leg;
        let timing = self.config.timing;
        let cseq = message.cseq().ok()?;
        if cseq.method.as_str() != client.purpose.method() || cseq.number != client.cseq {
            self.put_client(key, client);
            return None;
        }
        if status < 200 {
            client.handle_provisional(now.instant, &timing);
            let purpose = client.purpose;
            self.put_client(key, client);
            if purpose == Purpose::Invite {
                self.receive_progress(now, flow, message, leg, status);
            }
            return Some(leg);
        }
        if client.purpose.is_invite() {
            self.finish_invite(now, message, key, &client, status);
        }
        match client.purpose {
            Purpose::Invite if status < 300 => self.receive_answer(now, flow, message, leg),
            Purpose::Invite => self.receive_refusal(now, message, leg, status),
            Purpose::Reinvite | Purpose::RefreshInvite | Purpose::RefreshUpdate => {
                self.receive_reoffer_response(now, message, &client, status);
            }
            Purpose::Cancel if status == 481 => self.receive_cancel_unknown(now, key, leg),
            Purpose::Cancel | Purpose::Bye | Purpose::Prack => {}
        }
        Some(leg)
    }

    /// Leaves what an INVITE transaction needs after its final response, and acknowledges a refusal.
    fn finish_invite(
        &mut self,
        now: Now,
        message: &Message<'_>,
        key: TransactionKey,
        client: &Client,
        status: u16,
    ) {
        let life = self.config.timing.patience();
        if status < 300 {
            self.tombstones
                .put_long(now.instant, key, Tombstone::Accepted(client.leg), life);
            return;
        }
        let Ok(invite) = Message::parse(&client.request) else {
            return;
        };
        let ack = self.compose_refusal_ack(&invite, message);
        self.transmit(client.flow, ack.clone(), Commit(0), Some(client.leg));
        if !client.flow.transport.is_reliable() {
            self.tombstones.put_long(
                now.instant,
                key,
                Tombstone::Acknowledged(Box::new((ack, client.flow))),
                life,
            );
        }
    }

    /// A response to a finished transaction: copies, and the 2xx of other branches of a fork.
    fn receive_late(
        &mut self,
        now: Now,
        flow: Flow,
        message: &Message<'_>,
        key: TransactionKey,
        status: u16,
    ) -> Option<LegId> {
        let Some(stone) = self.tombstones.find(key).cloned() else {
            return self.receive_forgotten(now, flow, message, status);
        };
        match stone {
            Tombstone::Acknowledged(again) if status >= 300 => {
                let (ack, way) = *again;
                self.retransmit(way, ack, Commit(0), None);
                None
            }
            Tombstone::Accepted(id) if (200..300).contains(&status) => {
                let tag = message.to().ok().and_then(|to| to.tag()).unwrap_or("");
                match self.take_leg(id) {
                    Some(mut leg) if *leg.dialog.remote_tag == *tag => {
                        // The peer repeats its 2xx: our ACK was lost.
                        let number = message.cseq().map_or(0, |cseq| cseq.number);
                        let body = match &leg.acknowledged {
                            Some((cseq, body)) if *cseq == number => Some(body.clone()),
                            _ => None,
                        };
                        if let Some(body) = body {
                            self.send_ack(&mut leg, number, body);
                        }
                        self.put_leg(leg);
                    }
                    found => {
                        if let Some(leg) = found {
                            self.put_leg(leg);
                        }
                        self.decline_fork(now, flow, message, id);
                    }
                }
                Some(id)
            }
            _ => None,
        }
    }

    /// A 2xx to an INVITE of a former run, which knows its leg by our tag alone: repeated, its ACK was lost; by another
    /// branch of the fork, nobody wants it.
    fn receive_forgotten(
        &mut self,
        now: Now,
        flow: Flow,
        message: &Message<'_>,
        status: u16,
    ) -> Option<LegId> {
        let cseq = message.cseq().ok()?;
        if !(200..300).contains(&status) || cseq.method != Method::Invite {
            return None;
        }
        let id = Hex::value(message.from().ok()?.tag()?)?;
        let leg = self.legs.get(&id)?;
        let standing = matches!(leg.stage, Stage::Established) && leg.dialog.restored;
        if !standing || message.call_id().ok()? != &*leg.dialog.call_id {
            return None;
        }
        let is_its = message.to().ok()?.tag().unwrap_or("") == &*leg.dialog.remote_tag;
        let known = leg.acknowledged.as_ref();
        let known = known.filter(|(number, _)| *number == cseq.number);
        let body = known.map(|(_, body)| body.clone());
        let id = LegId(id);
        match body {
            // Our re-INVITEs carry offers, so their ACK says nothing.
            None if is_its && cseq.number <= leg.dialog.local_cseq => {
                self.acknowledge_again(id, cseq.number, Bytes::new(), false);
            }
            Some(body) if is_its => self.acknowledge_again(id, cseq.number, body, true),
            Some(_) if leg.is_client => self.decline_fork(now, flow, message, id),
            _ => return None,
        }
        Some(id)
    }

    fn acknowledge_again(&mut self, id: LegId, cseq: u32, body: Bytes, is_last: bool) {
        let Some(mut leg) = self.take_leg(id) else {
            return;
        };
        let last = leg.acknowledged.clone();
        self.send_ack(&mut leg, cseq, body);
        if !is_last {
            leg.acknowledged = last;
        }
        self.put_leg(leg);
    }

    /// A 2xx nobody wants: ACK, then BYE (RFC 3261 §13.2.2.4). Everything needed is in the response itself.
    fn decline_fork(&mut self, now: Now, flow: Flow, message: &Message<'_>, leg: LegId) {
        let Some(from) = message.header(HeaderName::From) else {
            return;
        };
        let Ok(cseq) = message.cseq() else { return };
        let Ok(call_id) = message.call_id() else {
            return;
        };
        let Ok(to) = message.to() else { return };
        let blank = Dialog {
            call_id: call_id.into(),
            local: from.into(),
            remote: "".into(),
            remote_tag: "".into(),
            local_cseq: cseq.number,
            remote_cseq: None,
            target: addressable(to.uri).unwrap_or_default().into(),
            routes: Box::default(),
            allows_update: false,
            may_repeat: false,
            restored: false,
        };
        let Some(mut dialog) = blank.with_answer(message) else {
            return;
        };
        // Neither Contact nor To is a URI: there is nobody to acknowledge.
        if dialog.target.is_empty() {
            return;
        }
        let hop = next_hop_of(dialog.addressing().next_hop)
            .and_then(|uri| obvious_hop(flow, &uri))
            .unwrap_or(flow);
        let key = self.draw_key();
        let ack = Request {
            method: "ACK",
            cseq: cseq.number,
            headers: &[],
            body: None,
        };
        let bytes = self.compose_request(hop, key, &dialog, &ack);
        self.transmit(hop, bytes, Commit(0), Some(leg));
        // Above the CSeq of every PRACK that early dialog may have seen.
        let spent = self.legs.get(&leg.0).map_or(0, |leg| leg.dialog.local_cseq);
        dialog.local_cseq = spent.max(cseq.number);
        self.send_bye(now, leg, hop, dialog);
    }

    /// BYE to one branch of our INVITE; once only, however often it is called. `known` is the way its messages came.
    pub(super) fn send_bye(&mut self, now: Now, leg: LegId, known: Flow, mut dialog: Dialog) {
        let key = self.fork_key(&dialog.remote_tag, leg);
        if self.clients.contains_key(&key.0) {
            return;
        }
        let hop = next_hop_of(dialog.addressing().next_hop)
            .and_then(|uri| obvious_hop(known, &uri))
            .unwrap_or(known);
        let cseq = dialog.next_cseq();
        let bye = Request {
            method: "BYE",
            cseq,
            headers: &[],
            body: None,
        };
        let bytes = self.compose_request(hop, key, &dialog, &bye);
        self.start_client(now, leg, Purpose::Bye, cseq, hop, key, bytes, Commit(0));
    }

    /// The key of the BYE to one branch of our INVITE, always the same, so that a repeated 2xx starts no second one.
    pub(super) fn fork_key(&self, remote_tag: &str, leg: LegId) -> TransactionKey {
        let parts: [&[u8]; 3] = [b"fork", &leg.0.to_le_bytes(), remote_tag.as_bytes()];
        TransactionKey(self.hash.of(&parts) & !(1 << 127))
    }

    pub(super) fn draw_key(&mut self) -> TransactionKey {
        TransactionKey(self.tokens.draw() & !(1 << 127))
    }

    /// 101–199 to our INVITE.
    fn receive_progress(
        &mut self,
        now: Now,
        flow: Flow,
        message: &Message<'_>,
        id: LegId,
        status: u16,
    ) {
        let Some(mut leg) = self.take_leg(id) else {
            return;
        };
        self.try_cancel(now, &mut leg);
        if status > 100 {
            let fresh = self.note_early(now, flow, message, &mut leg);
            let cancelled =
                matches!(&leg.stage, Stage::Calling(calling) if calling.cancelled.is_some());
            if fresh && !cancelled {
                self.tell(id, EventKind::Progress { status });
            }
        }
        self.put_leg(leg);
    }

    /// Keeps the early dialog and sends PRACK where it is due. False: a copy, or out of order.
    fn note_early(&mut self, now: Now, flow: Flow, message: &Message<'_>, leg: &mut Leg) -> bool {
        let base = leg.dialog.clone();
        let Stage::Calling(calling) = &mut leg.stage else {
            return false;
        };
        let Some(tag) = message.to().ok().and_then(|to| to.tag()) else {
            return true;
        };
        let place = calling
            .early
            .iter()
            .position(|early| *early.dialog.remote_tag == *tag);
        let place = match place {
            Some(place) => place,
            None if calling.early.len() >= MAX_EARLY_DIALOGS => return true,
            None => {
                let Some(dialog) = base.with_answer(message) else {
                    return true;
                };
                calling.early.push(Early {
                    dialog,
                    last_rseq: None,
                    answered: false,
                });
                calling.early.len() - 1
            }
        };
        let early = &mut calling.early[place];
        let reliable = message
            .tokens(HeaderName::Require)
            .any(|token| token.eq_ignore_ascii_case("100rel"));
        let (true, Some(rseq)) = (reliable, message.rseq()) else {
            return true;
        };
        let expected = early.last_rseq.map(|last| last.wrapping_add(1));
        if expected.is_some_and(|expected| expected != rseq) {
            return false;
        }
        early.last_rseq = Some(rseq);
        early.answered |= calling.draft.body.is_some() && !message.session_description().is_empty();
        let number = message.cseq().map_or(0, |cseq| cseq.number);
        let cseq = early.dialog.next_cseq().max(number + 1);
        early.dialog.local_cseq = cseq;
        let dialog = early.dialog.clone();
        leg.dialog.local_cseq = leg.dialog.local_cseq.max(cseq);
        let rack = format!("{rseq} {number} INVITE");
        let hop = next_hop_of(dialog.addressing().next_hop)
            .and_then(|uri| obvious_hop(flow, &uri))
            .unwrap_or(flow);
        let key = self.draw_key();
        let headers = [(HeaderName::RAck, rack.as_str())];
        let request = Request {
            method: "PRACK",
            cseq,
            headers: &headers,
            body: None,
        };
        let bytes = self.compose_request(hop, key, &dialog, &request);
        self.start_client(
            now,
            leg.id,
            Purpose::Prack,
            cseq,
            hop,
            key,
            bytes,
            Commit(0),
        );
        true
    }

    /// The first 2xx to our INVITE.
    fn receive_answer(&mut self, now: Now, flow: Flow, message: &Message<'_>, id: LegId) {
        let Some(mut leg) = self.take_leg(id) else {
            return;
        };
        let invite_cseq = message.cseq().map_or(0, |cseq| cseq.number);
        let Some(mut dialog) = leg.dialog.with_answer(message) else {
            return self.put_leg(leg);
        };
        let calling = match std::mem::replace(&mut leg.stage, Stage::Established) {
            Stage::Calling(calling) => calling,
            other => {
                leg.stage = other;
                return self.put_leg(leg);
            }
        };
        let early = calling
            .early
            .iter()
            .find(|early| early.dialog.remote_tag == dialog.remote_tag);
        // A former run may have sent PRACK.
        let spent = if calling.restored {
            leg.dialog.local_cseq
        } else {
            invite_cseq
        };
        dialog.local_cseq = early.map_or(spent, |early| early.dialog.local_cseq.max(spent));
        dialog.remote_cseq = early.and_then(|early| early.dialog.remote_cseq);
        leg.dialog = dialog;
        leg.flow = flow;
        leg.next_hop = None;
        if calling.cancelled.is_some() {
            self.send_ack(&mut leg, invite_cseq, Bytes::new());
            self.part(now, leg, None);
            if !calling.silent {
                let why = "the answer crossed our CANCEL; the call was ended by BYE";
                self.fail(id, 487, why);
            }
            return;
        }
        let agreed = agree_as_client(message, calling.draft.interval);
        leg.timer.start(now.instant, agreed);
        if calling.draft.body.is_some() {
            self.send_ack(&mut leg, invite_cseq, Bytes::new());
        } else {
            leg.owes_ack = Some(invite_cseq);
        }
        self.put_leg(leg);
        self.tell(id, EventKind::Answered);
    }

    /// A final refusal of our INVITE.
    fn receive_refusal(&mut self, now: Now, message: &Message<'_>, id: LegId, status: u16) {
        let Some(mut leg) = self.take_leg(id) else {
            return;
        };
        self.abandon_offer(now, &mut leg);
        let Stage::Calling(calling) = &mut leg.stage else {
            return self.put_leg(leg);
        };
        calling.early.clear();
        leg.timer.hear(message);
        if calling.cancelled.is_none() {
            if status == 422
                && let Some(minimum) = message.min_se()
                && minimum > calling.raised_interval
            {
                // RFC 4028 §7.3: once more with what the other side asks for.
                calling.raised_interval = minimum;
                calling.draft.interval = calling.draft.interval.max(minimum);
                calling.draft.minimum = calling.draft.minimum.max(minimum);
                calling.spare.push(leg.flow);
                return self.send_invite(now, leg);
            }
            if status == 503 && !calling.spare.is_empty() {
                return self.send_invite(now, leg);
            }
            if matches!(status, 401 | 407) && self.answer_challenge(&mut leg, message) {
                return self.send_invite(now, leg);
            }
        }
        self.drop_leg(&leg);
        if leg.is_silent() {
            return;
        }
        self.tell(
            id,
            EventKind::Rejected {
                status,
                local: false,
                why: String::new(),
            },
        );
    }

    /// Puts credentials into the INVITE that is sent next; `false` when there are none for that challenge, or they were
    /// refused.
    fn answer_challenge(&mut self, leg: &mut Leg, message: &Message<'_>) -> bool {
        let cnonce = format!("{:016x}", self.tokens.draw_short());
        let Stage::Calling(calling) = &mut leg.stage else {
            return false;
        };
        let Some(client) = &mut calling.digest else {
            return false;
        };
        let body = calling.draft.body.clone().unwrap_or_default();
        let target = &leg.dialog.target;
        let Ok(headers) = client.answer(message, "INVITE", target, &body, &cnonce) else {
            return false;
        };
        let is_answer = |name: &HeaderName| {
            matches!(
                name,
                HeaderName::Authorization | HeaderName::ProxyAuthorization
            )
        };
        calling.draft.headers.retain(|(name, _)| !is_answer(name));
        calling.draft.headers.extend(headers);
        calling.spare.push(leg.flow);
        true
    }

    /// The final response to our re-INVITE or UPDATE.
    fn receive_reoffer_response(
        &mut self,
        now: Now,
        message: &Message<'_>,
        client: &Client,
        status: u16,
    ) {
        let Some(mut leg) = self.take_leg(client.leg) else {
            return;
        };
        if leg.farewell.is_some() || leg.is_parting() {
            if status < 300 && client.purpose.is_invite() {
                self.send_ack(&mut leg, client.cseq, Bytes::new());
            }
            return self.put_leg(leg);
        }
        let asked = leg.timer.agreed;
        leg.reoffer = None;
        leg.timer.hear(message);
        if status < 300 {
            let moved = self.refresh_target(&mut leg, message);
            if client.purpose == Purpose::Reinvite
                && let Ok(request) = Message::parse(&client.request)
            {
                leg.local_body = Bytes::copy_from_slice(request.body());
            }
            if client.purpose.is_invite() {
                let number = message.cseq().map_or(0, |cseq| cseq.number);
                self.send_ack(&mut leg, number, Bytes::new());
            }
            let agreed = agree_as_client(message, asked.map_or(0, |agreed| agreed.seconds));
            leg.timer.start(now.instant, agreed);
            let id = leg.id;
            self.put_leg(leg);
            if client.purpose == Purpose::Reinvite {
                self.tell(id, EventKind::ReinviteAccepted);
            } else if moved {
                self.tell(id, EventKind::Refreshed);
            }
            return;
        }
        if matches!(status, 408 | 481) {
            return self.lose(
                now,
                leg,
                status,
                "a request inside the dialog was answered that the dialog is gone",
            );
        }
        let refresh = client.purpose != Purpose::Reinvite;
        if status == 491 {
            let body = Message::parse(&client.request)
                .map(|request| Bytes::copy_from_slice(request.body()))
                .unwrap_or_default();
            let retry_at = now.instant + self.glare_pause(leg.is_client);
            leg.reoffer = Some(Box::new(Reoffer::Glare {
                retry_at,
                body,
                refresh,
            }));
            return self.put_leg(leg);
        }
        if !refresh {
            self.tell(leg.id, EventKind::ReinviteRejected { status });
        } else if client.purpose == Purpose::RefreshUpdate && matches!(status, 405 | 501) {
            leg.dialog.allows_update = false;
            self.send_refresh(now, &mut leg);
        } else if status == 422
            && let Some(minimum) = message.min_se()
            && let Some(agreed) = leg.timer.agreed.as_mut()
            && agreed.seconds < minimum
        {
            agreed.seconds = minimum;
            self.send_refresh(now, &mut leg);
        } else {
            // The session stands until its interval ends; try again half way there.
            let left = leg
                .timer
                .expires_at
                .map(|at| at - now.instant)
                .unwrap_or_default();
            leg.timer.refresh_at = (left.as_secs() > 10).then(|| now.instant + left / 2);
        }
        self.put_leg(leg);
    }
}
