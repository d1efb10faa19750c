//! Calls the application places, until they are answered or fail.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_sip::auth::{Credentials, Secret};
use hookswitch_sip::event::Commit;
use hookswitch_sip::message::{HeaderName, Message, NameAddr, Uri};
use hookswitch_sip::time::Now;
use hookswitch_sip::user_agent::{Invite, escape_user};

use super::admission::Full;
use super::ending::{CLEARING, Told, cause, phrase_of};
use super::input::body;
use super::ladder::Before;
use super::{Change, Engine, Output, Party};
use crate::call::Call;
use crate::command::{CommandError, CommandErrorKind, CommandReply, Place, RequestId};
use crate::directory::{CloudSipUa, Tenant};
use crate::event::{EventKind, Notice};
use crate::id::{CallId, shard_of_call_id};
use crate::outcome::{Class, EndedBy, Outcome};
use crate::record::{CallState, Direction, Identity};
use crate::route::{ServingRefusal, TraceStep, Way, outward, serving, target};

/// The longest source user, in octets.
const MAX_SOURCE: usize = 256;
/// The longest a caller may let a call ring.
const MAX_RINGING: Duration = Duration::from_secs(3_600);

impl Engine {
    /// Begins a call; the reply goes with its first write.
    pub(super) fn place(
        &mut self,
        now: Now,
        request: RequestId,
        place: &Place,
    ) -> Result<(), CommandError> {
        let Some(tenant) = self.directory.tenant(&place.domain).cloned() else {
            let why = "the domain does not exist on this node";
            return Err(CommandError::new(CommandErrorKind::DomainNotFound, why));
        };
        let destination = check(place)?;
        let mut trace = Vec::new();
        let way = outward(&self.directory, &tenant, &destination, &mut trace).map_err(|why| {
            self.counters.refused_outbound += 1;
            CommandError::new(CommandErrorKind::OutboundForbidden, why)
        })?;
        let (service, step) =
            serving(&tenant, place.service.as_deref(), &place.source_user).map_err(unserved)?;
        trace.insert(0, step);
        self.admission
            .enter_node(now.instant)
            .and_then(|()| {
                self.admission
                    .enter_domain(now.instant, &tenant.domain, &tenant.settings)
            })
            .map_err(|full| self.refused(full))?;
        let user = destination.user_decoded().unwrap_or_default().into();
        let call = self.invite(now, place, &tenant, &service, trace, user, &way);
        self.placing.push_back(Placing { now, request, call });
        Ok(())
    }

    fn refused(&mut self, full: Full) -> CommandError {
        self.counters.refused_full[full as usize] += 1;
        let kind = match full {
            Full::Draining => CommandErrorKind::Draining,
            Full::StoreAway => CommandErrorKind::StoreAway,
            _ => CommandErrorKind::OverCapacity,
        };
        CommandError::new(kind, full.why())
    }

    /// The first write of calls whose address is not known at once.
    pub(super) fn open_unlocated(&mut self) {
        while let Some(placing) = self.placing.pop_front() {
            self.open_placed(placing.now, &placing);
        }
    }

    /// The first write of a placed call, and the reply to its command.
    pub(super) fn open_placed(&mut self, now: Now, placing: &Placing) {
        let Some(mut call) = self.take_call(placing.call.id) else {
            // It failed in the same stack, and its end is its first write.
            return self.reply_placed(placing, Commit(self.last_commit));
        };
        let record = Change::Call(Box::new(call.record(None)));
        let snapshot = self.snapshot(now, &call);
        let commit = self.next_commit();
        call.opened = commit;
        let changes = [record].into_iter().chain(snapshot).collect();
        self.commit(&mut call, commit, changes);
        self.agent.hold(call.leg, commit);
        self.put_call(call);
        self.reply_placed(placing, commit);
    }

    /// Nobody waits any longer for the first write of this call. Before its INVITE could leave it is no call any more:
    /// nothing is told of it, and whatever waits for that write must not leave. Says whether that is so; a call that
    /// is further goes on.
    pub fn handle_unplaced(&mut self, now: Now, id: CallId) -> bool {
        self.present = now.instant;
        let Some(mut call) = self.take_call(id) else {
            return false;
        };
        let is_unplaced =
            !call.is_inbound() && call.state == CallState::Offered && call.sequence == 0;
        if is_unplaced {
            call.unheard = true;
            let why = "the database did not take the call in time, so it was not placed";
            call.note(TraceStep::new("store", "away", why));
            let outcome =
                Outcome::failed(EndedBy::System, 503, phrase_of(503, "")).of_class(Class::Internal);
            self.give_up(now, &mut call, outcome);
        }
        self.put_call(call);
        self.settle(now, None);
        self.collect(now);
        is_unplaced
    }

    fn reply_placed(&mut self, placing: &Placing, after: Commit) {
        self.outputs.push_back(Output::Reply {
            request: placing.request,
            result: Ok(CommandReply::Placed {
                call: placing.call.id,
                sip_call_id: placing.call.sip_call_id.clone(),
            }),
            after,
        });
    }

    #[expect(clippy::too_many_arguments, reason = "everything that was decided")]
    fn invite(
        &mut self,
        now: Now,
        place: &Place,
        tenant: &Tenant,
        service: &CloudSipUa,
        trace: Vec<TraceStep>,
        destination_user: Box<str>,
        way: &Way,
    ) -> Placed {
        let sip_call_id = self.draw_sip_call_id();
        let identity = Identity {
            call: self.draw_call(now, &sip_call_id),
            domain: tenant.domain.clone(),
            service: Some(service.id.clone()),
            direction: Direction::Outbound,
            sip_call_id: sip_call_id.as_str().into(),
            source_user: place.source_user.as_str().into(),
            destination_user,
            destination_uri: place.destination_uri.as_str().into(),
            target: place.callback_base_url.clone(),
        };
        let mut call = Box::new(Call::new(
            now,
            identity,
            hookswitch_sip::event::LegId(0),
            trace,
        ));
        let sdp = hookswitch_media::offer(&place.media, call.origin);
        let (target, from_user, headers) = leaving(place, tenant, way);
        let invite = Invite {
            call_id: sip_call_id,
            target: &target,
            from_user,
            from_domain: &tenant.domain,
            display: None,
            body: Some(&sdp),
            headers,
        };
        call.leg = self.agent.invite_as(&invite, credentials(way), Commit(0));
        let limits = &self.config.limits;
        let ring_timeout = place.ring_timeout.or(tenant.settings.ring_timeout);
        call.rings_until = now.instant + ring_timeout.unwrap_or(limits.ring_timeout);
        call.max_duration = tenant
            .settings
            .max_call_duration
            .or(limits.max_call_duration);
        call.local = Some(Arc::new(place.media.clone()));
        call.session_reference_id
            .clone_from(&place.session_reference_id);
        call.idempotency_key.clone_from(&place.idempotency_key);
        self.counters.placed += 1;
        let placed = Placed {
            id: call.identity.call,
            sip_call_id: call.identity.sip_call_id.clone(),
        };
        let leg = call.leg;
        self.open_call(call);
        if let Some(Party::Call(known)) = self.legs.get_mut(&leg.0) {
            known.before = Before::Invite;
        }
        placed
    }

    /// Draws Call-IDs until one falls on this shard, so that the peer's messages come here.
    fn draw_sip_call_id(&mut self) -> String {
        loop {
            let drawn = self.agent.draw_call_id();
            if shard_of_call_id(&self.key, &drawn, self.config.shards) == self.config.shard {
                return drawn;
            }
        }
    }

    /// 101–199: told once, and again when early media come or change.
    pub(super) fn progressed(
        &mut self,
        now: Now,
        mut call: Box<Call>,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        // 199 says that a fork is gone (RFC 6228), not that anybody rings.
        if !call.is_pending() || status == 199 {
            return self.put_call(call);
        }
        let first = call.state == CallState::Offered;
        call.ring(now);
        let local = call.local.as_deref();
        let early = local
            .filter(|_| !call.was_moved_by(message))
            .and_then(|local| hookswitch_media::read_answer(local, body(message)).ok());
        let fresh = early
            .filter(|early| call.remote.as_deref() != Some(early))
            .map(Arc::new);
        if fresh.is_some() {
            call.remote.clone_from(&fresh);
        }
        if first || fresh.is_some() {
            let kind = EventKind::CallNotify {
                notice: Notice::Ringing,
                remote: fresh,
            };
            self.commit_event(now, &mut call, kind);
        }
        self.put_call(call);
    }

    /// 2xx: the ACK is already out.
    pub(super) fn accepted(
        &mut self,
        now: Now,
        mut call: Box<Call>,
        message: Option<&Message<'_>>,
    ) {
        let sdp = body(message);
        // Once an answer came reliably, the 2xx has nothing to say about media (RFC 3261 §13.2.1), the less so where
        // an UPDATE moved them since.
        let is_settled = sdp.is_empty() || call.was_moved_by(message);
        let read = match (call.local.as_deref(), is_settled) {
            (Some(local), false) => hookswitch_media::read_answer(local, sdp)
                .map(Arc::new)
                .map_err(|error| error.to_string()),
            // The answer came in a reliable provisional response (RFC 3261 §13.2.1).
            _ => call
                .remote
                .clone()
                .ok_or_else(|| "the 2xx carries no answer".to_owned()),
        };
        let remote = match read {
            Ok(remote) => remote,
            Err(why) => {
                // A leg that is gone needs no BYE.
                let _ = self.agent.end(
                    now,
                    call.leg,
                    Some("SIP;cause=488;text=\"Not Acceptable Here\""),
                );
                call.note(TraceStep::new("media", "refused", why));
                let outcome = Outcome::failed(EndedBy::System, 488, phrase_of(488, ""));
                self.finish(now, call, outcome);
                return;
            }
        };
        call.remote = Some(remote.clone());
        call.answer(now);
        call.confirm(now);
        if let Some(Party::Call(known)) = self.legs.get_mut(&call.leg.0) {
            known.before = Before::Nothing;
        }
        self.counters.answered += 1;
        let session_expires = self.agent.leg(call.leg).and_then(|leg| leg.session_expires);
        let kind = EventKind::CallAnswered {
            remote,
            session_expires,
        };
        self.commit_event(now, &mut call, kind);
        self.put_call(call);
    }

    /// The call failed, or our CANCEL was obeyed.
    pub(super) fn rejected(
        &mut self,
        now: Now,
        mut call: Box<Call>,
        status: u16,
        local: bool,
        why: String,
        message: Option<&Message<'_>>,
    ) {
        if let Some(outcome) = call.ending.take() {
            self.finish(now, call, *outcome);
            return;
        }
        let outcome = if local {
            self.counters.refused_target += u64::from(matches!(status, 403 | 416 | 480));
            call.note(TraceStep::new("call", "failed", why));
            let class = match status {
                403 => Class::Policy,
                416 => Class::ClientError,
                487 => Class::Internal,
                _ => Class::Unreachable,
            };
            Outcome::failed(EndedBy::System, status, phrase_of(status, "")).of_class(class)
        } else {
            let phrase = message.and_then(Message::reason_phrase).unwrap_or_default();
            Outcome::failed(EndedBy::Remote, status, phrase_of(status, phrase))
                .caused(cause(message).map(Told::into_cause))
        };
        self.finish(now, call, outcome);
    }

    /// Gives an unanswered outbound call up; its end comes with the final response.
    pub(super) fn give_up(&mut self, now: Now, call: &mut Call, outcome: Outcome) {
        // A leg that is gone has its final event on the way.
        let _ = self.agent.cancel(now, call.leg, Some(CLEARING));
        call.state = CallState::Cancelling;
        call.ending = Some(Box::new(outcome));
        let snapshot = self.snapshot(now, call);
        if call.unheard && snapshot.is_none() {
            // Nothing of it is on the disk, and its end is next; a record without snapshot would stay open after a crash.
            return;
        }
        let mut changes = vec![Change::Call(Box::new(call.record(None)))];
        changes.extend(snapshot);
        let commit = self.next_commit();
        self.commit(call, commit, changes);
    }
}

/// What the INVITE says of target and caller: as the command does, or as its trunk wants it.
fn leaving<'p>(
    place: &'p Place,
    tenant: &Tenant,
    way: &'p Way,
) -> (Cow<'p, str>, &'p str, Vec<(HeaderName, String)>) {
    let Way::Trunk { trunk, user } = way else {
        return (
            Cow::Borrowed(&place.destination_uri),
            &place.source_user,
            Vec::new(),
        );
    };
    let target = trunk.request_uri(&escape_user(user));
    let from = trunk.caller.as_deref().unwrap_or(&place.source_user);
    let diversion = trunk.diversion.as_deref().map(|number| {
        let value = format!(
            "<sip:{}@{}>;reason=unknown",
            escape_user(number),
            tenant.domain
        );
        (HeaderName::Diversion, value)
    });
    (Cow::Owned(target), from, diversion.into_iter().collect())
}

/// What answers a trunk that asks who calls.
fn credentials(way: &Way) -> Option<Credentials> {
    let Way::Trunk { trunk, .. } = way else {
        return None;
    };
    let known = trunk.credentials.as_ref()?;
    Some(Credentials {
        username: known.user_name.clone().into(),
        realm: Some(known.realm.clone().into()),
        secret: Secret::Hashes(Box::new(known.ha1)),
    })
}

/// The destination, when the command can be carried out at all.
fn check(place: &Place) -> Result<Uri<'_>, CommandError> {
    let uri = target(&place.destination_uri)
        .map_err(|why| CommandError::bad_field("/destinationUri", why))?;
    let source = &place.source_user;
    if source.is_empty() || source.len() > MAX_SOURCE || source.chars().any(char::is_control) {
        let why = "sourceUser must have 1 to 256 printable characters";
        return Err(CommandError::bad_field("/sourceUser", why));
    }
    if place.media.port == 0 {
        return Err(CommandError::bad_field(
            "/receivePort",
            "receivePort must be above 0",
        ));
    }
    if place
        .ring_timeout
        .is_some_and(|timeout| timeout.is_zero() || timeout > MAX_RINGING)
    {
        let why = "ringTimeout must be above 0 and at most 3600 seconds";
        return Err(CommandError::bad_field("/ringTimeout", why));
    }
    Ok(uri)
}

fn unserved(refusal: ServingRefusal) -> CommandError {
    match refusal {
        ServingRefusal::UnknownService => {
            let why = "cloudSipUAId names none of the domain's services";
            CommandError::bad_field("/cloudSipUAId", why)
        }
        ServingRefusal::Unclear => {
            let why =
                "no service's destinationMatch matches sourceUser: name one with cloudSipUAId";
            CommandError::bad_field("/sourceUser", why)
        }
    }
}

/// A call placed in this very stack, before its first write.
#[derive(Debug)]
pub(super) struct Placing {
    now: Now,
    request: RequestId,
    call: Placed,
}

#[derive(Debug)]
struct Placed {
    id: CallId,
    sip_call_id: Arc<str>,
}

impl Placing {
    pub(super) const fn call(&self) -> CallId {
        self.call.id
    }
}

impl Call {
    /// Whether the peer of this response changed its media by UPDATE before.
    fn was_moved_by(&self, message: Option<&Message<'_>>) -> bool {
        let tag = message.and_then(|message| tag_of(message.to()));
        self.moved_by.is_some() && self.moved_by == tag
    }
}

/// The tag of a From or To.
pub(super) fn tag_of<E>(address: Result<NameAddr<'_>, E>) -> Option<Box<str>> {
    Some(address.ok()?.tag()?.into())
}
