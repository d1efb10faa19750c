//! Answered calls: the ACK, and media that change on the way.

use std::sync::Arc;

use hookswitch_media::Remote;
use hookswitch_sip::event::Rejection;
use hookswitch_sip::message::Message;
use hookswitch_sip::time::Now;

use super::Engine;
use super::ending::phrase_of;
use super::input::body;
use super::place::tag_of;
use crate::call::Call;
use crate::event::{EventKind, Notice};
use crate::outcome::{EndedBy, Outcome};
use crate::route::TraceStep;

impl Engine {
    /// ACK for our 2xx. It carries the answer when the 2xx carried the offer.
    pub(super) fn confirmed(
        &mut self,
        now: Now,
        mut call: Box<Call>,
        message: Option<&Message<'_>>,
    ) {
        let remote = match (call.remote.clone(), call.local.as_deref()) {
            (Some(remote), _) => Ok(remote),
            (None, Some(local)) => hookswitch_media::read_answer(local, body(message))
                .map(Arc::new)
                .map_err(|error| error.to_string()),
            (None, None) => Err("the call has no media".to_owned()),
        };
        let remote = match remote {
            Ok(remote) => remote,
            Err(why) => return self.end_for_media(now, call, why),
        };
        call.remote = Some(remote.clone());
        call.confirm(now);
        let session_expires = self.agent.leg(call.leg).and_then(|leg| leg.session_expires);
        if let Some(media) = &call.moves_to {
            call.origin.version += 1;
            let sdp = hookswitch_media::offer(media, call.origin);
            // Refused while the peer's own offer is under way: then its answer brings the new media.
            let _ = self.agent.reinvite(now, call.leg, &sdp);
        }
        let kind = EventKind::CallAnswered {
            remote,
            session_expires,
        };
        self.commit_event(now, &mut call, kind);
        self.put_call(call);
    }

    /// The answer in the ACK cannot be used.
    fn end_for_media(&mut self, now: Now, mut call: Box<Call>, why: String) {
        // A leg that is gone needs no BYE.
        let _ = self.agent.end(
            now,
            call.leg,
            Some("SIP;cause=488;text=\"Not Acceptable Here\""),
        );
        call.note(TraceStep::new("media", "refused", why));
        let outcome =
            Outcome::failed(EndedBy::System, 488, phrase_of(488, "")).after(call.lasted(now));
        self.finish(now, call, outcome);
    }

    /// New media of the peer: answered at once with the device's, then told.
    pub(super) fn reoffered(
        &mut self,
        now: Now,
        mut call: Box<Call>,
        invite: bool,
        has_offer: bool,
        message: Option<&Message<'_>>,
    ) {
        if let Some(media) = call.moves_to.take() {
            call.local = Some(media);
        }
        let Some(local) = call.local.clone() else {
            // The leg was offered to in this very stack.
            let _ = self
                .agent
                .answer_offer(now, call.leg, Err(&Rejection::new(488)));
            return self.put_call(call);
        };
        let mut origin = call.origin;
        origin.version += 1;
        if !has_offer {
            call.origin = origin;
            let sdp = hookswitch_media::offer(&local, origin);
            let _ = self.agent.answer_offer(now, call.leg, Ok(&sdp));
            return self.put_call(call);
        }
        let offer = body(message);
        let read = hookswitch_media::read_offer(offer)
            .map_err(|error| (error.status(), error.to_string()))
            .and_then(|remote| {
                let sdp = hookswitch_media::answer(offer, &local, origin)
                    .map_err(|error| (488, error.to_string()))?;
                Ok((remote, sdp))
            });
        match read {
            Err((status, why)) => {
                let _ = self
                    .agent
                    .answer_offer(now, call.leg, Err(&Rejection::new(status)));
                call.note(TraceStep::new("media", "refused", why));
                self.refresh_later(&call);
            }
            Ok((mut remote, sdp)) => {
                let _ = self.agent.answer_offer(now, call.leg, Ok(&sdp));
                call.origin = origin;
                if call.is_pending() {
                    call.moved_by = message.and_then(|message| tag_of(message.from()));
                }
                // The device keeps its codec, wherever the peer ranks it now.
                remote.codec = local.codec;
                let notice = if invite {
                    Notice::ReInvite
                } else {
                    Notice::Update
                };
                self.notify(now, &mut call, notice, remote);
            }
        }
        self.put_call(call);
    }

    /// The peer's re-INVITE had no offer; its ACK brings the answer to ours.
    pub(super) fn reoffer_answered(
        &mut self,
        now: Now,
        mut call: Box<Call>,
        message: Option<&Message<'_>>,
    ) {
        match answered(&call, message) {
            Some(remote) => self.notify(now, &mut call, Notice::ReInvite, remote),
            None => self.refresh_later(&call),
        }
        self.put_call(call);
    }

    /// The peer took the media of our re-INVITE.
    pub(super) fn moved(&mut self, mut call: Box<Call>, message: Option<&Message<'_>>) {
        if let Some(media) = call.moves_to.take() {
            call.local = Some(media);
        }
        if let Some(remote) = answered(&call, message) {
            call.remote = Some(Arc::new(remote));
        }
        self.refresh_later(&call);
        self.put_call(call);
    }

    /// The peer refused the media of our re-INVITE: the early ones stay.
    pub(super) fn not_moved(&mut self, mut call: Box<Call>, status: u16) {
        call.moves_to = None;
        let why =
            format!("the peer refused the answer's media with {status}; the early media stay");
        call.note(TraceStep::new("media", "refused", why));
        self.refresh_later(&call);
        self.put_call(call);
    }

    fn notify(&mut self, now: Now, call: &mut Call, notice: Notice, remote: Remote) {
        let remote = Arc::new(remote);
        call.remote = Some(remote.clone());
        let kind = EventKind::CallNotify {
            notice,
            remote: Some(remote),
        };
        self.commit_event(now, call, kind);
    }
}

/// The peer's answer to an offer of ours.
fn answered(call: &Call, message: Option<&Message<'_>>) -> Option<Remote> {
    hookswitch_media::read_answer(call.local.as_deref()?, body(message)).ok()
}
