//! Commands and refreshes on a leg that stands.

use std::time::Duration;

use bytes::Bytes;

use super::UserAgent;
use super::compose::{Reply, Request};
use super::in_dialog::dialog_of;
use crate::dialog::session_timer::{Agreement, SessionTimer, client_value, server_value};
use crate::event::{CommandRefused, Commit, EventKind, LegId, Rejection};
use crate::flow::Flow;
use crate::leg::{Accepted, Leg, Reoffer, Stage, Waiting};
use crate::message::{HeaderName, Message, Method, quote};
use crate::time::Now;
use crate::transaction::client::Purpose;
use crate::transaction::key::TransactionKey;
use crate::transaction::server_invite::ServerInvite;
use crate::transaction::tombstone::Tombstone;

impl UserAgent {
    /// Ends the session with BYE. A 2xx of ours without ACK gets its BYE when the ACK comes, or after 64·T1
    /// (RFC 3261 §15).
    ///
    /// # Errors
    /// No such leg, or not answered yet: then it is `reject` or `cancel`.
    pub fn end(
        &mut self,
        now: Now,
        leg: LegId,
        reason: Option<&str>,
    ) -> Result<(), CommandRefused> {
        let mut taken = self.take_leg(leg).ok_or(CommandRefused::Gone)?;
        if !matches!(taken.stage, Stage::Established)
            || taken.farewell.is_some()
            || taken.is_parting()
        {
            self.put_leg(taken);
            return Err(CommandRefused::State);
        }
        if let Some(accepted) = taken.accepted.as_mut().filter(|accepted| accepted.first) {
            accepted.closing = Some(reason.map(Into::into));
            self.put_leg(taken);
            return Ok(());
        }
        self.part(now, taken, reason);
        Ok(())
    }

    /// Sends BYE and forgets the leg.
    pub(super) fn part(&mut self, now: Now, mut leg: Box<Leg>, reason: Option<&str>) {
        leg.timer = SessionTimer::default();
        self.abandon_offer(now, &mut leg);
        leg.accepted = None;
        let Some(flow) = self.hop(&mut leg) else {
            leg.waiting.push(Waiting::Bye {
                reason: reason.map(Into::into),
            });
            return self.put_leg(leg);
        };
        let key = if leg.is_client {
            self.fork_key(&leg.dialog.remote_tag, leg.id)
        } else {
            self.draw_key()
        };
        let cseq = leg.dialog.next_cseq();
        let headers: Vec<(HeaderName, &str)> = reason
            .map(|reason| (HeaderName::Reason, reason))
            .into_iter()
            .collect();
        let request = Request {
            method: "BYE",
            cseq,
            headers: &headers,
            body: None,
        };
        let bytes = self.compose_request(flow, key, &leg.dialog, &request);
        self.start_client(now, leg.id, Purpose::Bye, cseq, flow, key, bytes, Commit(0));
        self.drop_leg(&leg);
    }

    /// Answers the peer's BYE, after [`EventKind::Ended`], once `after` is durable.
    pub fn release(&mut self, now: Now, leg: LegId, after: Commit) {
        let Some(mut taken) = self.take_leg(leg) else {
            return;
        };
        let Some(farewell) = taken.farewell.take() else {
            return self.put_leg(taken);
        };
        self.drop_leg(&taken);
        let Ok(bye) = Message::parse(&farewell.request) else {
            return;
        };
        let reply = Reply {
            status: 200,
            ..Reply::default()
        };
        let response = self.compose_response(farewell.flow, &bye, &reply);
        self.bury(now, farewell.key, farewell.flow, 200, true, &response);
        self.transmit(farewell.flow, response, after, Some(leg));
    }

    /// The session is not believed in any more: BYE, and the layer above hears why.
    pub(super) fn lose(&mut self, now: Now, leg: Box<Leg>, status: u16, why: &str) {
        let id = leg.id;
        let reason = format!("SIP;cause={status};text={}", quote(why));
        self.part(now, leg, Some(&reason));
        self.tell(
            id,
            EventKind::Lost {
                why: why.to_owned(),
                status,
            },
        );
    }

    /// Answers the peer's re-INVITE, UPDATE or PRACK, after [`EventKind::Reoffered`].
    ///
    /// # Errors
    /// No such leg, or no offer waits.
    pub fn answer_offer(
        &mut self,
        now: Now,
        leg: LegId,
        answer: Result<&[u8], &Rejection>,
    ) -> Result<(), CommandRefused> {
        let mut taken = self.take_leg(leg).ok_or(CommandRefused::Gone)?;
        let Some(reoffer) = taken.reoffer.take() else {
            self.put_leg(taken);
            return Err(CommandRefused::State);
        };
        let Reoffer::Theirs {
            key,
            request,
            flow,
            invite,
            has_offer,
            agreed,
        } = *reoffer
        else {
            taken.reoffer = Some(reoffer);
            self.put_leg(taken);
            return Err(CommandRefused::State);
        };
        let Ok(message) = Message::parse(&request) else {
            self.put_leg(taken);
            return Err(CommandRefused::State);
        };
        match answer {
            Err(rejection) => {
                self.refuse_offer(now, leg, key, flow, invite, &message, rejection);
            }
            Ok(body) => {
                let refreshes = message.method() != Some(Method::Prack);
                let value = server_value(agreed);
                let headers = if refreshes {
                    self.refresh_target(&mut taken, &message);
                    timer_headers(agreed, &value)
                } else {
                    Vec::new()
                };
                let reply = Reply {
                    status: 200,
                    dialog_forming: refreshes,
                    headers: &headers,
                    body: Some(body),
                    ..Reply::default()
                };
                let response = self.compose_response(flow, &message, &reply);
                self.transmit(flow, response.clone(), Commit(0), Some(leg));
                taken.local_body = Bytes::copy_from_slice(body);
                match &mut taken.stage {
                    Stage::Offered(offered) => offered.renegotiated = true,
                    Stage::Calling(_) => {}
                    Stage::Established if refreshes => taken.timer.start(now.instant, agreed),
                    Stage::Established => {}
                }
                if invite {
                    let timing = self.config.timing;
                    let stone = Tombstone::Absorb(leg);
                    self.tombstones
                        .put_long(now.instant, key, stone, timing.patience());
                    let cseq = message.cseq().map_or(0, |cseq| cseq.number);
                    let accepted = Accepted::new(
                        now.instant,
                        &timing,
                        response,
                        flow,
                        cseq,
                        Commit(0),
                        false,
                        !has_offer,
                    );
                    taken.accepted = Some(Box::new(accepted));
                } else {
                    self.bury(now, key, flow, 200, false, &response);
                }
            }
        }
        self.release_held(now, &mut taken);
        self.put_leg(taken);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a pending offer")]
    pub(super) fn refuse_offer(
        &mut self,
        now: Now,
        leg: LegId,
        key: TransactionKey,
        flow: Flow,
        invite: bool,
        message: &Message<'_>,
        rejection: &Rejection,
    ) {
        let response = self.compose_rejection(flow, message, rejection);
        self.transmit(flow, response.clone(), Commit(0), Some(leg));
        if invite {
            let mut server = ServerInvite::new(leg, flow);
            server.handle_refusal(now.instant, &self.config.timing, response);
            self.put_server(key, server);
        } else {
            self.bury(now, key, flow, rejection.status, false, &response);
        }
    }

    /// Forgets the offer under way. The peer's is refused, for it waits (RFC 3261 §15.1.2); ours need not be waited
    /// for without limit any more.
    pub(super) fn abandon_offer(&mut self, now: Now, leg: &mut Leg) {
        let Some(reoffer) = leg.reoffer.take() else {
            return;
        };
        match *reoffer {
            Reoffer::Theirs {
                key,
                request,
                flow,
                invite,
                ..
            } => {
                if let Ok(message) = Message::parse(&request) {
                    let rejection = Rejection::new(487);
                    self.refuse_offer(now, leg.id, key, flow, invite, &message, &rejection);
                }
            }
            Reoffer::Ours { key: Some(key) } => {
                if let Some(mut client) = self.take_client(key) {
                    client.handle_cancelled(now.instant, &self.config.timing);
                    self.put_client(key, client);
                }
            }
            Reoffer::Ours { key: None } | Reoffer::Glare { .. } => {}
        }
    }

    /// Follows the peer to its new Contact. True: it moved.
    pub(super) fn refresh_target(&mut self, leg: &mut Leg, message: &Message<'_>) -> bool {
        if matches!(leg.stage, Stage::Calling(_)) {
            return dialog_of(leg, message).refresh_target(message);
        }
        let moved = leg.dialog.refresh_target(message);
        if moved {
            leg.next_hop = None;
            leg.hop_moved = leg.locating.is_some();
        }
        moved
    }

    /// Offers new media to the peer. When an offer of the peer overtakes it after glare, [`EventKind::Reoffered`] is
    /// all that comes: its answer takes the place of this offer.
    ///
    /// # Errors
    /// No such leg, not confirmed, or another offer is under way.
    pub fn reinvite(&mut self, now: Now, leg: LegId, body: &[u8]) -> Result<(), CommandRefused> {
        let mut taken = self.take_leg(leg).ok_or(CommandRefused::Gone)?;
        let free = matches!(taken.stage, Stage::Established)
            && taken.accepted.is_none()
            && taken.reoffer.is_none()
            && taken.farewell.is_none()
            && taken.owes_ack.is_none()
            && !taken.is_parting();
        if !free {
            self.put_leg(taken);
            return Err(CommandRefused::State);
        }
        self.send_reinvite(now, &mut taken, Bytes::copy_from_slice(body));
        self.put_leg(taken);
        Ok(())
    }

    pub(super) fn send_reinvite(&mut self, now: Now, leg: &mut Leg, body: Bytes) {
        leg.reoffer = Some(Box::new(Reoffer::Ours { key: None }));
        if self.hop(leg).is_none() {
            leg.waiting.push(Waiting::Reinvite { body });
            return;
        }
        self.send_offer(now, leg, Purpose::Reinvite, Some(&body));
    }

    /// Proves the session alive: UPDATE where the peer takes it, else re-INVITE with what stands.
    pub(super) fn send_refresh(&mut self, now: Now, leg: &mut Leg) {
        leg.reoffer = Some(Box::new(Reoffer::Ours { key: None }));
        leg.timer.refresh_at = None;
        if self.hop(leg).is_none() {
            leg.waiting.push(Waiting::Refresh);
            return;
        }
        if leg.dialog.allows_update {
            self.send_offer(now, leg, Purpose::RefreshUpdate, None);
        } else {
            let body = leg.local_body.clone();
            self.send_offer(now, leg, Purpose::RefreshInvite, Some(&body));
        }
    }

    fn send_offer(&mut self, now: Now, leg: &mut Leg, purpose: Purpose, body: Option<&[u8]>) {
        let Some(flow) = leg.next_hop else { return };
        let key = self.draw_key();
        let cseq = leg.dialog.next_cseq();
        let minimum = leg.timer.floor.max(self.policy().minimum);
        let value = leg.timer.agreed.map(|agreed| {
            let seconds = agreed.seconds.max(minimum);
            client_value(Agreement { seconds, ..agreed })
        });
        let minimum = minimum.to_string();
        let mut headers = Vec::with_capacity(2);
        if let Some(value) = &value {
            headers.push((HeaderName::SessionExpires, value.as_str()));
            headers.push((HeaderName::MinSe, minimum.as_str()));
        }
        let request = Request {
            method: purpose.method(),
            cseq,
            headers: &headers,
            body,
        };
        let bytes = self.compose_request(flow, key, &leg.dialog, &request);
        leg.reoffer = Some(Box::new(Reoffer::Ours { key: Some(key) }));
        self.start_client(now, leg.id, purpose, cseq, flow, key, bytes, Commit(0));
    }

    /// How long to wait after 491 (RFC 3261 §14.1): the owner of the Call-ID longer.
    pub(super) fn glare_pause(&mut self, owns_call_id: bool) -> Duration {
        let steps = if owns_call_id {
            210 + self.tokens.draw_below(191)
        } else {
            self.tokens.draw_below(201)
        };
        Duration::from_millis(10 * steps)
    }

    /// No ACK came for a 2xx: BYE (RFC 3261 §13.3.1.4).
    pub(super) fn give_up_on_ack(&mut self, now: Now, mut leg: Box<Leg>) {
        let id = leg.id;
        let closing = leg.accepted.take().and_then(|accepted| accepted.closing);
        let silent = closing.is_some();
        let reason = closing.flatten();
        self.part(
            now,
            leg,
            reason.as_deref().or(Some("SIP;cause=408;text=\"No ACK\"")),
        );
        if !silent {
            self.tell(id, EventKind::AckMissing);
        }
    }
}

/// Session-Expires of a 2xx, and Require where the peer has to refresh (RFC 4028 §9).
pub(super) fn timer_headers(agreed: Agreement, value: &str) -> Vec<(HeaderName, &str)> {
    let mut headers = vec![(HeaderName::SessionExpires, value)];
    if agreed.peer_knows && !agreed.we_refresh {
        headers.push((HeaderName::Require, "timer"));
    }
    headers
}
