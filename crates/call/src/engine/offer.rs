//! A new INVITE: limits, routing, media, and the question to the application.

use std::sync::Arc;

use hookswitch_media::Remote;
use hookswitch_sip::event::{LegId, Rejection};
use hookswitch_sip::message::{HeaderName, Message, Uri};
use hookswitch_sip::time::Now;

use super::admission::Full;
use super::drill::DrillKind;
use super::sign_in::SignIn;
use super::stray::name_of;
use super::{Change, Engine, Output, Strange, message};
use crate::call::Call;
use crate::directory::{CloudSipUa, Tenant};
use crate::event::EventKind;
use crate::outcome::Class;
use crate::record::{Direction, Identity};
use crate::route::{Destined, Refusal, Shown, TraceStep, route as routed};

impl Engine {
    /// An INVITE that passed the protocol checks of the user agent.
    pub(super) fn offered(&mut self, now: Now, leg: LegId, message: &Message<'_>) {
        self.counters.offered += 1;
        let Some(flow) = self.agent.leg(leg).map(|view| view.flow) else {
            return;
        };
        let Some(uri) = message.request_uri().and_then(|uri| Uri::parse(uri).ok()) else {
            self.log_stray(now, flow, message);
            return self.refuse_offer(now, leg, &Rejection::new(416), None);
        };
        let user = uri.user_decoded().unwrap_or_default();
        let full = self.admission.enter_node(now.instant).err();
        if let Some(full) = full.filter(|full| full.is_brief()) {
            let rejection = self.refusal(full);
            return self.refuse_offer(now, leg, &rejection, None);
        }
        if let (true, None, Some(drill)) = (self.config.dev, full, DrillKind::named(&user)) {
            return self.start_drill(now, leg, drill, &uri, message);
        }
        let source = flow.peer.ip();
        let host = name_of(&uri);
        let destined = Destined {
            user: &user,
            host: &host,
            source,
            token: message.other("X-JWTAuth"),
            unix_seconds: now.unix_micros / 1_000_000,
            dev: self.config.dev,
            signer: None,
            shown: Shown {
                secure: flow.transport.is_secure(),
                group: message.other("X-Terminating-Trunk-Group-Id"),
                key: message.other("X-Trunk-Key"),
            },
        };
        let mut route = routed(&self.directory, destined);
        if let (Err(Refusal::Unauthenticated), None) = (&route.destination, full) {
            let tenant = route.tenant.as_deref();
            match self.sign_in(now, tenant, &host, source, message) {
                SignIn::Challenged(rejection) => {
                    self.counters.challenged += 1;
                    self.log_stray(now, flow, message);
                    return self.refuse_offer(now, leg, &rejection, None);
                }
                SignIn::Refused(step) => {
                    route.trace.push(step);
                    route.destination = Err(match tenant {
                        Some(_) => Refusal::WrongCredentials,
                        None => Refusal::UnknownDomain,
                    });
                }
                SignIn::Signed(signed) => {
                    let known = Destined {
                        signer: Some(signed.signer()),
                        ..destined
                    };
                    route = routed(&self.directory, known);
                }
            }
        }
        let Some(tenant) = route.tenant else {
            self.counters.refused_domain += 1;
            self.log_stray(now, flow, message);
            let why = route.trace.last().map(|step| step.why.clone());
            self.outputs.push_back(Output::Strange(Strange {
                host: host.as_ref().into(),
                source,
                why: why.unwrap_or_default(),
            }));
            let rejection = match (route.destination.err(), full) {
                (Some(Refusal::Unauthenticated), Some(full)) => self.refusal(full),
                (refusal, _) => Rejection::new(refusal.map_or(404, Refusal::status)),
            };
            return self.refuse_offer(now, leg, &rejection, None);
        };
        let identity = self.identify(now, &tenant, &route.destination, &uri, message);
        let full = full.or_else(|| {
            self.admission
                .enter_domain(now.instant, &tenant.domain, &tenant.settings)
                .err()
        });
        if let Some(full) = full {
            return self.refuse_full(now, leg, identity, full, route.trace);
        }
        match route.destination {
            Err(refusal) => self.refuse_routed(now, leg, identity, refusal, route.trace),
            Ok(service) => {
                self.admit_offer(now, leg, identity, &tenant, &service, route.trace, message);
            }
        }
    }

    /// The facts of the INVITE that last.
    fn identify(
        &mut self,
        now: Now,
        tenant: &Tenant,
        destination: &Result<Arc<CloudSipUa>, Refusal>,
        uri: &Uri<'_>,
        message: &Message<'_>,
    ) -> Identity {
        let sip_call_id = message.call_id().unwrap_or_default();
        Identity {
            call: self.draw_call(now, sip_call_id),
            domain: tenant.domain.clone(),
            service: destination.as_ref().ok().map(|service| service.id.clone()),
            direction: Direction::Inbound,
            sip_call_id: sip_call_id.into(),
            source_user: source_user(message),
            destination_user: uri.user_decoded().unwrap_or_default().into(),
            destination_uri: uri.as_str().into(),
            target: None,
        }
    }

    fn refuse_full(
        &mut self,
        now: Now,
        leg: LegId,
        identity: Identity,
        full: Full,
        mut trace: Vec<TraceStep>,
    ) {
        trace.push(TraceStep::new("capacity", "refused", full.why()));
        let rejection = self.refusal(full);
        self.refuse_offer(now, leg, &rejection, Some((identity, Class::Policy, trace)));
    }

    fn refusal(&mut self, full: Full) -> Rejection {
        self.counters.refused_full[full as usize] += 1;
        self.unavailable()
    }

    /// 503, with half to one and a half of the usual Retry-After, so that not all come back at once.
    pub(super) fn unavailable(&self) -> Rejection {
        let usual = self.config.limits.retry_after.as_secs();
        let drawn = self.key.short(&[
            b"retry",
            &self.config.shard.to_le_bytes(),
            &self.counters.offered.to_le_bytes(),
        ]);
        let seconds = usual / 2 + drawn % (usual + 1);
        Rejection::new(503).with(HeaderName::RetryAfter, seconds.to_string())
    }

    fn refuse_routed(
        &mut self,
        now: Now,
        leg: LegId,
        identity: Identity,
        refusal: Refusal,
        trace: Vec<TraceStep>,
    ) {
        let class = match refusal {
            Refusal::UnknownCaller | Refusal::AmbiguousSource => {
                self.counters.refused_caller += 1;
                Class::Policy
            }
            Refusal::WrongCredentials => {
                self.counters.refused_caller += 1;
                Class::Auth
            }
            Refusal::CallbackDisabled => {
                self.counters.refused_callback += 1;
                Class::UpstreamError
            }
            Refusal::UnknownUser | Refusal::UnknownDomain => {
                self.counters.refused_user += 1;
                Class::Unreachable
            }
            Refusal::NotInService => {
                self.counters.refused_service += 1;
                Class::Internal
            }
            Refusal::Unauthenticated => Class::Auth,
        };
        let rejection = match refusal {
            Refusal::NotInService => message::rejection(&trace),
            refusal => Rejection::new(refusal.status()),
        };
        self.refuse_offer(now, leg, &rejection, Some((identity, class, trace)));
    }

    /// The call has a service: look at its media, then ask.
    #[expect(clippy::too_many_arguments, reason = "everything an INVITE brought")]
    fn admit_offer(
        &mut self,
        now: Now,
        leg: LegId,
        identity: Identity,
        tenant: &Tenant,
        service: &CloudSipUa,
        mut trace: Vec<TraceStep>,
        message: &Message<'_>,
    ) {
        let sdp = message.session_description();
        let remote = match read_offer(sdp) {
            Ok(remote) => remote,
            Err((status, why)) => {
                self.counters.refused_media += 1;
                trace.push(TraceStep::new("media", "refused", why));
                let rejection = Rejection::new(status);
                return self.refuse_offer(
                    now,
                    leg,
                    &rejection,
                    Some((identity, Class::Media, trace)),
                );
            }
        };
        if remote.is_none() {
            trace.push(TraceStep::new(
                "media",
                "passed",
                "the INVITE carries no offer, so our answer will",
            ));
        }
        self.agent.trying(leg);
        let limits = &self.config.limits;
        let ring_timeout = tenant.settings.ring_timeout.unwrap_or(limits.ring_timeout);
        let mut call = Box::new(Call::new(now, identity, leg, trace));
        call.rings_until = now.instant + ring_timeout;
        call.asked_until = Some(now.instant + service.callback_timeout + limits.ask_patience);
        call.max_duration = tenant
            .settings
            .max_call_duration
            .or(limits.max_call_duration);
        call.offer = (!sdp.is_empty()).then(|| sdp.into());
        call.remote.clone_from(&remote);
        self.ask(now, &mut call, service, remote);
        self.open_call(call);
    }

    fn ask(
        &mut self,
        now: Now,
        call: &mut Call,
        service: &CloudSipUa,
        remote: Option<Arc<Remote>>,
    ) {
        // A call that had this leg before: its snapshot goes with the same write, for a restart takes up one of them.
        self.settled(call.leg);
        let event = self.tell(now, call, EventKind::NewRemoteCall { remote });
        let mut changes = vec![Change::Call(Box::new(call.record(None)))];
        changes.extend(self.snapshot(now, call));
        changes.push(Change::Event(event.clone()));
        let commit = self.next_commit();
        call.opened = commit;
        self.commit(call, commit, changes);
        self.outputs.push_back(Output::Ask {
            call: call.identity.call,
            service: service.id.clone(),
            event,
            after: commit,
        });
    }
}

/// The peer's media, where the INVITE carries an offer; else the status and the reason of the refusal.
fn read_offer(sdp: &[u8]) -> Result<Option<Arc<Remote>>, (u16, String)> {
    if sdp.is_empty() {
        return Ok(None);
    }
    match hookswitch_media::read_offer(sdp) {
        Ok(remote) => Ok(Some(Arc::new(remote))),
        Err(error) => Err((error.status(), error.to_string())),
    }
}

/// The user part of From.
pub(super) fn source_user(message: &Message<'_>) -> Box<str> {
    let from = message.from().ok();
    let uri = from.and_then(|from| from.parsed_uri().ok());
    uri.and_then(|uri| uri.user_decoded())
        .unwrap_or_default()
        .into()
}
