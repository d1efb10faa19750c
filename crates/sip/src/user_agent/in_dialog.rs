//! A request inside a dialog: BYE, re-INVITE, UPDATE, PRACK, INFO, OPTIONS.

use bytes::Bytes;

use super::UserAgent;
use super::compose::Reply;
use super::established::timer_headers;
use super::receive::{Incoming, check_body, same_dialog};
use crate::dialog::session_timer::{Agreement, agree_as_server, server_value};
use crate::dialog::{Dialog, Order};
use crate::event::{Commit, EventKind, LegId, Rejection};
use crate::hash::Hex;
use crate::leg::{Early, Farewell, Leg, Reoffer, Stage};
use crate::message::{HeaderName, Message, Method};
use crate::time::Now;

impl UserAgent {
    /// A request with a To tag.
    pub(super) fn receive_in_dialog(
        &mut self,
        now: Now,
        incoming: Incoming<'_, '_>,
        tag: &str,
    ) -> Option<LegId> {
        let found = Hex::value(tag).and_then(|id| self.take_leg(LegId(id)));
        let Some(mut leg) = found else {
            self.refuse(
                incoming.back,
                incoming.flow,
                incoming.message,
                &Rejection::new(481),
            );
            return None;
        };
        let id = leg.id;
        if !belongs(&leg, incoming.message) {
            self.put_leg(leg);
            self.refuse(
                incoming.back,
                incoming.flow,
                incoming.message,
                &Rejection::new(481),
            );
            return None;
        }
        if is_pending(&leg, incoming) {
            // A copy of a request we have not answered yet.
            self.put_leg(leg);
            if incoming.method == Method::Invite {
                let reply = Reply {
                    status: 100,
                    ..Reply::default()
                };
                let response = self.compose_response(incoming.flow, incoming.message, &reply);
                self.transmit(incoming.back, response, Commit(0), Some(id));
            }
            return Some(id);
        }
        if leg.farewell.is_some() || leg.is_parting() {
            self.receive_after_end(now, incoming, leg);
            return Some(id);
        }
        let number = incoming.message.cseq().map_or(0, |cseq| cseq.number);
        if dialog_of(&mut leg, incoming.message).check_order(number) == Order::Late {
            self.put_leg(leg);
            let late = Rejection::new(500).because("Request Out of Order");
            self.refuse(incoming.back, incoming.flow, incoming.message, &late);
            return Some(id);
        }
        if !matches!(leg.stage, Stage::Calling(_)) {
            leg.flow = incoming.flow;
        }
        leg.timer.hear(incoming.message);
        match incoming.method {
            Method::Bye => self.receive_bye(now, incoming, leg),
            method => {
                match method {
                    Method::Invite => self.receive_reinvite(now, incoming, &mut leg),
                    Method::Update => self.receive_update(now, incoming, &mut leg),
                    Method::Prack => self.receive_prack(now, incoming, &mut leg),
                    Method::Info => {
                        self.respond(
                            now,
                            incoming,
                            id,
                            &Reply {
                                status: 200,
                                ..Reply::default()
                            },
                        );
                        self.tell(id, EventKind::Informed);
                    }
                    Method::Options => {
                        let reply = Reply {
                            status: 200,
                            dialog_forming: true,
                            ..Reply::default()
                        };
                        self.respond(now, incoming, id, &reply);
                    }
                    Method::Subscribe | Method::Notify => {
                        self.respond(
                            now,
                            incoming,
                            id,
                            &Reply {
                                status: 489,
                                ..Reply::default()
                            },
                        );
                    }
                    _ => self.respond(
                        now,
                        incoming,
                        id,
                        &Reply {
                            status: 403,
                            ..Reply::default()
                        },
                    ),
                }
                self.put_leg(leg);
            }
        }
        Some(id)
    }

    /// A request on a leg that is over for the layer above: BYE crosses ours, the rest comes too late.
    fn receive_after_end(&mut self, now: Now, incoming: Incoming<'_, '_>, leg: Box<Leg>) {
        let is_bye = incoming.method == Method::Bye;
        let reply = Reply {
            status: if is_bye { 200 } else { 481 },
            ..Reply::default()
        };
        self.respond(now, incoming, leg.id, &reply);
        if is_bye && leg.farewell.is_none() {
            self.drop_leg(&leg);
        } else {
            self.put_leg(leg);
        }
    }

    fn receive_bye(&mut self, now: Now, incoming: Incoming<'_, '_>, mut leg: Box<Leg>) {
        let id = leg.id;
        match leg.stage {
            // RFC 3261 §15: the caller may leave an early dialog by BYE.
            Stage::Offered(_) => {
                self.respond(
                    now,
                    incoming,
                    id,
                    &Reply {
                        status: 200,
                        ..Reply::default()
                    },
                );
                self.put_leg(leg);
                if self.reject(now, id, &Rejection::new(487)).is_ok() {
                    self.tell(id, EventKind::Cancelled);
                }
            }
            Stage::Calling(_) => {
                self.respond(
                    now,
                    incoming,
                    id,
                    &Reply {
                        status: 481,
                        ..Reply::default()
                    },
                );
                self.put_leg(leg);
            }
            Stage::Established => {
                leg.accepted = None;
                leg.farewell = Some(Box::new(Farewell {
                    key: incoming.key,
                    request: Bytes::copy_from_slice(incoming.message.bytes()),
                    flow: incoming.back,
                }));
                leg.timer.refresh_at = None;
                leg.timer.expires_at = None;
                self.abandon_offer(now, &mut leg);
                self.put_leg(leg);
                self.tell(id, EventKind::Ended);
            }
        }
    }

    fn receive_reinvite(&mut self, now: Now, incoming: Incoming<'_, '_>, leg: &mut Leg) {
        let has_offer = !incoming.message.session_description().is_empty();
        // While our own INVITE waits for its final response, the peer may offer by UPDATE only (RFC 3261 §14.2).
        let admitted = match leg.stage {
            Stage::Calling(_) => Err(Rejection::new(491)),
            _ => self.admit_offer(incoming, leg, true),
        };
        match admitted {
            Err(rejection) => self.respond_rejection(now, incoming, leg.id, &rejection),
            Ok(agreed) => {
                self.overtake(now, leg);
                leg.reoffer = Some(Box::new(theirs(incoming, true, has_offer, agreed)));
                self.tell(
                    leg.id,
                    EventKind::Reoffered {
                        invite: true,
                        has_offer,
                    },
                );
            }
        }
    }

    fn receive_update(&mut self, now: Now, incoming: Incoming<'_, '_>, leg: &mut Leg) {
        let has_offer = !incoming.message.session_description().is_empty();
        match self.admit_offer(incoming, leg, has_offer) {
            Err(rejection) => self.respond_rejection(now, incoming, leg.id, &rejection),
            Ok(agreed) => {
                if has_offer {
                    self.overtake(now, leg);
                    leg.reoffer = Some(Box::new(theirs(incoming, false, true, agreed)));
                    self.tell(
                        leg.id,
                        EventKind::Reoffered {
                            invite: false,
                            has_offer,
                        },
                    );
                    return;
                }
                if self.refresh_target(leg, incoming.message) {
                    self.tell(leg.id, EventKind::Refreshed);
                }
                let value = server_value(agreed);
                let headers = timer_headers(agreed, &value);
                let reply = Reply {
                    status: 200,
                    dialog_forming: true,
                    headers: &headers,
                    ..Reply::default()
                };
                self.respond(now, incoming, leg.id, &reply);
                if matches!(leg.stage, Stage::Established) {
                    leg.timer.start(now.instant, agreed);
                }
            }
        }
    }

    /// The peer's offer comes while ours waits after 491: the answer to it says what ours wanted.
    fn overtake(&mut self, now: Now, leg: &mut Leg) {
        if let Some(Reoffer::Glare { refresh: true, .. }) = leg.reoffer.take().as_deref() {
            // The peer's offer refreshes too, unless it is refused.
            leg.timer.refresh_at = Some(now.instant + self.config.timing.t2);
        }
    }

    /// Whether an offer fits in now (RFC 3261 §14.2, RFC 3311 §5.2) and what its session timer means.
    fn admit_offer(
        &mut self,
        incoming: Incoming<'_, '_>,
        leg: &Leg,
        offers: bool,
    ) -> Result<Agreement, Rejection> {
        if offers {
            match leg.reoffer.as_deref() {
                Some(Reoffer::Ours { .. }) => return Err(Rejection::new(491)),
                Some(Reoffer::Theirs { .. }) => return Err(self.later()),
                Some(Reoffer::Glare { .. }) | None => {}
            }
            match &leg.stage {
                Stage::Calling(calling) => {
                    let is_its = |early: &&Early| is_early(early, incoming.message);
                    let early = calling.early.iter().find(is_its);
                    if calling.cancelled.is_some() || !early.is_some_and(|early| early.answered) {
                        return Err(Rejection::new(491));
                    }
                }
                Stage::Offered(offered)
                    if !offered.answer_given || offered.unacknowledged.is_some() =>
                {
                    return Err(self.later());
                }
                Stage::Established if leg.accepted.is_some() => return Err(self.later()),
                Stage::Offered(_) | Stage::Established => {}
            }
        }
        check_body(incoming.message)?;
        agree_as_server(incoming.message, self.policy())
            .map(|fresh| keep_roles(fresh, leg.timer.agreed, incoming))
            .map_err(|_| {
                Rejection::new(422).with(HeaderName::MinSe, self.policy().minimum.to_string())
            })
    }

    pub(super) fn later(&mut self) -> Rejection {
        let seconds = self.tokens.draw_below(11);
        Rejection::new(500)
            .because("Another offer is being answered")
            .with(HeaderName::RetryAfter, seconds.to_string())
    }

    /// Refuses inside a dialog; a refused re-INVITE leaves the session as it was.
    pub(super) fn respond_rejection(
        &mut self,
        now: Now,
        incoming: Incoming<'_, '_>,
        leg: LegId,
        rejection: &Rejection,
    ) {
        let response = self.compose_rejection(incoming.flow, incoming.message, rejection);
        self.bury(
            now,
            incoming.key,
            incoming.back,
            rejection.status,
            false,
            &response,
        );
        self.transmit(incoming.back, response, Commit(0), Some(leg));
    }

    fn receive_prack(&mut self, now: Now, incoming: Incoming<'_, '_>, leg: &mut Leg) {
        let rack = incoming.message.rack();
        let fits = match (&leg.stage, rack) {
            (Stage::Offered(offered), Some(rack)) => {
                let invite = crate::message::Message::parse(&offered.invite).ok();
                let number = invite
                    .and_then(|invite| invite.cseq().ok())
                    .map(|cseq| cseq.number);
                offered
                    .unacknowledged
                    .as_ref()
                    .is_some_and(|waiting| waiting.rseq == rack.rseq)
                    && number == Some(rack.cseq.number)
                    && rack.cseq.method == Method::Invite
            }
            _ => false,
        };
        if !fits {
            self.respond(
                now,
                incoming,
                leg.id,
                &Reply {
                    status: 481,
                    ..Reply::default()
                },
            );
            return;
        }
        if let Stage::Offered(offered) = &mut leg.stage {
            offered.unacknowledged = None;
        }
        if !incoming.message.session_description().is_empty() {
            // RFC 3262 §5: an offer, where the response carried the answer to the one before. Where that is open,
            // there is nothing a 2xx could say.
            let admitted = match &leg.stage {
                Stage::Offered(offered) if !offered.answer_given => Err(Rejection::new(488)),
                _ => self.admit_offer(incoming, leg, true),
            };
            match admitted {
                Ok(agreed) => {
                    leg.reoffer = Some(Box::new(theirs(incoming, false, true, agreed)));
                    let kind = EventKind::Reoffered {
                        invite: false,
                        has_offer: true,
                    };
                    self.tell(leg.id, kind);
                }
                Err(rejection) => {
                    self.respond_rejection(now, incoming, leg.id, &rejection);
                    self.release_held(now, leg);
                }
            }
            return;
        }
        self.respond(
            now,
            incoming,
            leg.id,
            &Reply {
                status: 200,
                ..Reply::default()
            },
        );
        self.release_held(now, leg);
    }
}

/// A refresh without a refresher parameter leaves the roles as they are (RFC 4028 §7.4).
fn keep_roles(
    fresh: Agreement,
    running: Option<Agreement>,
    incoming: Incoming<'_, '_>,
) -> Agreement {
    let named =
        matches!(incoming.message.session_expires(), Some(Ok(wish)) if wish.refresher.is_some());
    match running {
        Some(running) if !named && fresh.peer_knows == running.peer_knows => Agreement {
            we_refresh: running.we_refresh,
            ..fresh
        },
        _ => fresh,
    }
}

fn theirs(incoming: Incoming<'_, '_>, invite: bool, has_offer: bool, agreed: Agreement) -> Reoffer {
    Reoffer::Theirs {
        key: incoming.key,
        request: Bytes::copy_from_slice(incoming.message.bytes()),
        flow: incoming.back,
        invite,
        has_offer,
        agreed,
    }
}

/// The dialog a request belongs to: of a call without final response, one of its early dialogs.
pub(super) fn dialog_of<'l>(leg: &'l mut Leg, message: &Message<'_>) -> &'l mut Dialog {
    let Leg { stage, dialog, .. } = leg;
    let Stage::Calling(calling) = stage else {
        return dialog;
    };
    let is_it = |early: &&mut Early| is_early(early, message);
    match calling.early.iter_mut().find(is_it) {
        Some(early) => &mut early.dialog,
        None => dialog,
    }
}

fn belongs(leg: &Leg, message: &Message<'_>) -> bool {
    match &leg.stage {
        Stage::Calling(calling) => calling.early.iter().any(|early| is_early(early, message)),
        _ => same_dialog(&leg.dialog.call_id, &leg.dialog.remote_tag, message),
    }
}

fn is_early(early: &Early, message: &Message<'_>) -> bool {
    same_dialog(&early.dialog.call_id, &early.dialog.remote_tag, message)
}

fn is_pending(leg: &Leg, incoming: Incoming<'_, '_>) -> bool {
    let parting = leg
        .farewell
        .as_ref()
        .is_some_and(|farewell| farewell.key == incoming.key);
    let offering =
        matches!(leg.reoffer.as_deref(), Some(Reoffer::Theirs { key, .. }) if *key == incoming.key);
    parting || offering
}
