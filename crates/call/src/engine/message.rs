//! A MESSAGE for a service destination: refused as long as no service takes it, with the reason in the response, on
//! record and in the counters.

use std::sync::Arc;

use hookswitch_sip::event::Rejection;
use hookswitch_sip::flow::Flow;
use hookswitch_sip::message::{HeaderName, Message, Uri};
use hookswitch_sip::time::Now;

use super::offer::source_user;
use super::{Change, Engine, Output};
use crate::directory::Directory;
use crate::outcome::{Class, EndedBy, Outcome};
use crate::record::{CallRecord, Direction, Identity};
use crate::route::{Destined, Refusal, Route, Shown, TraceStep, messaged};

/// Where a MESSAGE goes; `None` when it is for nothing provisioned here.
pub(super) fn routed(
    directory: &Directory,
    dev: bool,
    flow: Flow,
    message: &Message<'_>,
    unix_seconds: u64,
) -> Option<Route> {
    let uri = Uri::parse(message.request_uri()?).ok()?;
    let host = match uri.host.ip() {
        Some(address) => address.to_string(),
        None => uri.host.to_string(),
    };
    let destined = Destined {
        user: &uri.user_decoded().unwrap_or_default(),
        host: &host,
        source: flow.peer.ip(),
        dev,
        token: message.other("X-JWTAuth"),
        unix_seconds,
        signer: None,
        shown: Shown {
            secure: flow.transport.is_secure(),
            group: message.other("X-Terminating-Trunk-Group-Id"),
            key: message.other("X-Trunk-Key"),
        },
    };
    messaged(directory, destined)
}

/// 501 that names what is not in service (RFC 3261 §20.43).
pub(super) fn rejection(trace: &[TraceStep]) -> Rejection {
    let kind = trace.last().map_or("", |step| &step.rule);
    let warning = format!("399 hookswitch \"{kind} is not in service on this node yet\"");
    Rejection::new(Refusal::NotInService.status()).with(HeaderName::Warning, warning)
}

impl Engine {
    /// A record of the refusal, as an INVITE for the same destination has one.
    pub(super) fn record_message(&mut self, now: Now, message: &Message<'_>, route: Route) {
        self.counters.refused_service += 1;
        let Some(tenant) = route.tenant else { return };
        if !self.admission.may_record_refusal(now.instant) {
            self.counters.unrecorded += 1;
            return;
        }
        let target = message.request_uri().unwrap_or_default();
        let user = Uri::parse(target).ok().and_then(|uri| uri.user_decoded());
        let sip_call_id = message.call_id().unwrap_or_default();
        let identity = Identity {
            call: self.draw_call(now, sip_call_id),
            domain: tenant.domain.clone(),
            service: None,
            direction: Direction::Inbound,
            sip_call_id: sip_call_id.into(),
            source_user: source_user(message),
            destination_user: user.unwrap_or_default().into(),
            destination_uri: target.into(),
            target: None,
        };
        let outcome =
            Outcome::failed(EndedBy::System, 501, "Not Implemented").of_class(Class::Internal);
        let trace = route.trace.into();
        let record = CallRecord::offered(Arc::new(identity), now.unix_micros, trace);
        let record = record.refused(outcome);
        let commit = self.next_commit();
        self.outputs.push_back(Output::Commit {
            commit,
            changes: vec![Change::Call(Box::new(record))],
        });
    }
}
