//! Events as callback bodies (contract of the wire: `hookswitch_api::callback`).

use std::borrow::Cow;

use hookswitch_api::callback::{
    CallAnswered, CallFailed, CallHungup, CallNotify, Envelope, NewRemoteCall, NotifyEvent,
    Outcome as WireOutcome,
};
use hookswitch_api::crypto::Crypto as WireCrypto;
use hookswitch_call::event::{Event, EventKind, Notice};
use hookswitch_call::outcome::Outcome;
use hookswitch_call::record::Direction;
use hookswitch_media::{Crypto, Direction as MediaDirection, Remote};
use serde::Serialize;

use crate::reply_id::ReplyIds;

/// What every body of this node has in common.
pub struct Writer {
    /// `ivrServer`.
    pub node_address: Box<str>,
    /// `siteId`, when the node has a name of its own.
    pub site_id: Option<Box<str>>,
    /// `siteBaseUrl`.
    pub site_base_url: Option<Box<str>>,
    /// Mints `replyId`.
    pub reply_ids: ReplyIds,
}

/// Whether SRTP keys stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// As the application gets it.
    Shown,
    /// As it is kept.
    Left,
}

impl Writer {
    /// The JSON body of an event; the same event always gives the same one.
    pub fn write(&self, event: &Event, keys: Keys) -> Vec<u8> {
        let identity = &event.identity;
        let call = identity.call;
        let (webhook, session, trace) = (
            event.webhook_id().text(),
            call.session().text(),
            call.trace().text(),
        );
        let reply_id = (!event.kind.is_terminal()).then(|| {
            self.reply_ids
                .mint(&identity.domain, call, 0, event.at_unix_ms / 1_000)
        });
        let envelope = Envelope {
            webhook_id: webhook.as_str().into(),
            sequence: event.sequence,
            timestamp: event.at_unix_ms,
            domain: Cow::Borrowed(&identity.domain),
            session_id: session.as_str().into(),
            call_id: Cow::Borrowed(&identity.sip_call_id),
            trace_id: trace.as_str().into(),
            http_transaction_id: webhook.as_str().into(),
            reply_id: reply_id.map(Cow::Owned),
            session_reference_id: event.session_reference_id.as_deref().map(Cow::Borrowed),
            site_id: self.site_id.as_deref().map(Cow::Borrowed),
            site_base_url: self.site_base_url.as_deref().map(Cow::Borrowed),
        };
        match &event.kind {
            EventKind::NewRemoteCall { remote } => {
                json(&self.new_remote_call(event, envelope, remote.as_deref(), keys))
            }
            EventKind::CallAnswered {
                remote,
                session_expires,
            } => json(&answered(event, envelope, remote, *session_expires, keys)),
            EventKind::CallNotify { notice, remote } => {
                json(&self.notify(event, envelope, *notice, remote.as_deref(), keys))
            }
            EventKind::CallFailed { outcome } => {
                let peer = call.peer_participant().text();
                json(&CallFailed {
                    envelope,
                    outcome: wire_outcome(outcome),
                    sip_call_id: Cow::Borrowed(&identity.sip_call_id),
                    error_descr: Cow::Borrowed(&outcome.sip_reason),
                    ivr_server: Cow::Borrowed(&self.node_address),
                    participant_id: peer.as_str().into(),
                })
            }
            EventKind::CallHungup { outcome } => json(&CallHungup {
                envelope,
                outcome: wire_outcome(outcome),
                destination_uri: Cow::Borrowed(&identity.destination_uri),
                source_user: Cow::Borrowed(&identity.source_user),
            }),
        }
    }

    fn new_remote_call<'e>(
        &'e self,
        event: &'e Event,
        envelope: Envelope<'e>,
        remote: Option<&'e Remote>,
        keys: Keys,
    ) -> NewRemoteCall<'e> {
        let identity = &event.identity;
        NewRemoteCall {
            envelope,
            ivr_server: Cow::Borrowed(&self.node_address),
            destination_uri: Cow::Borrowed(&identity.destination_uri),
            source_user: Cow::Borrowed(&identity.source_user),
            codec: remote.map(|remote| remote.codec.as_str().into()),
            codecs: remote
                .map(|remote| {
                    remote
                        .codecs
                        .iter()
                        .map(|codec| codec.as_str().into())
                        .collect()
                })
                .unwrap_or_default(),
            remote_rtp_ip: remote.map(|remote| remote.address.to_string().into()),
            remote_rtp_port: remote.map(|remote| remote.port),
            telephone_event_payload_type: remote.and_then(|remote| remote.telephone_event),
            crypto: remote
                .map(|remote| crypto(&remote.crypto, keys))
                .unwrap_or_default(),
            direction: remote.and_then(unusual_direction),
            cloud_sip_ua_id: identity.service.as_deref().map(Cow::Borrowed),
        }
    }

    fn notify<'e>(
        &'e self,
        event: &'e Event,
        envelope: Envelope<'e>,
        notice: Notice,
        remote: Option<&'e Remote>,
        keys: Keys,
    ) -> CallNotify<'e> {
        let identity = &event.identity;
        let (device, peer) = sides(event);
        CallNotify {
            envelope,
            event: match notice {
                Notice::Ringing => NotifyEvent::Ringing,
                Notice::ReInvite => NotifyEvent::ReInvite,
                Notice::Update => NotifyEvent::Update,
            },
            monitoring_participant: false,
            participant_id: identity.call.peer_participant().to_string().into(),
            user: peer.into(),
            remote_user: device.into(),
            remote_participant_id: identity.call.device_participant().to_string().into(),
            sip_call_id: Cow::Borrowed(&identity.sip_call_id),
            ivr_server: Cow::Borrowed(&self.node_address),
            codec: remote.map(|remote| remote.codec.as_str().into()),
            remote_rtp_ip: remote.map(|remote| remote.address.to_string().into()),
            remote_rtp_port: remote.map(|remote| remote.port),
            telephone_event_payload_type: remote.and_then(|remote| remote.telephone_event),
            crypto: remote
                .map(|remote| crypto(&remote.crypto, keys))
                .unwrap_or_default(),
            direction: remote.map(|remote| remote.direction.as_str().into()),
        }
    }
}

fn answered<'e>(
    event: &'e Event,
    envelope: Envelope<'e>,
    remote: &'e Remote,
    session_expires: Option<u32>,
    keys: Keys,
) -> CallAnswered<'e> {
    let identity = &event.identity;
    let (device, peer) = (
        identity.call.device_participant(),
        identity.call.peer_participant(),
    );
    let inbound = identity.direction == Direction::Inbound;
    let (caller, callee) = if inbound {
        (peer, device)
    } else {
        (device, peer)
    };
    CallAnswered {
        envelope,
        calling_party_number: Cow::Borrowed(&identity.source_user),
        caller_participant_id: caller.to_string().into(),
        callee_participant_id: callee.to_string().into(),
        remote_party_number: Cow::Borrowed(&identity.destination_user),
        connection_id: identity.call.connection().to_string().into(),
        calling_party_expires: session_expires.filter(|_| inbound),
        called_party_expires: session_expires.filter(|_| !inbound),
        codec: remote.codec.as_str().into(),
        monitoring_participant: false,
        remote_rtp_ip: remote.address.to_string().into(),
        remote_rtp_port: remote.port.to_string().into(),
        telephone_event_payload_type: remote.telephone_event,
        crypto: crypto(&remote.crypto, keys),
        direction: unusual_direction(remote),
    }
}

/// The users of device and peer.
fn sides(event: &Event) -> (&str, &str) {
    let identity = &event.identity;
    match identity.direction {
        Direction::Inbound => (&identity.destination_user, &identity.source_user),
        Direction::Outbound => (&identity.source_user, &identity.destination_user),
    }
}

fn unusual_direction(remote: &Remote) -> Option<Cow<'_, str>> {
    (remote.direction != MediaDirection::SendRecv).then(|| remote.direction.as_str().into())
}

fn crypto(crypto: &[Crypto], keys: Keys) -> Vec<WireCrypto<'_>> {
    if keys == Keys::Left {
        return Vec::new();
    }
    crypto
        .iter()
        .map(|key| WireCrypto {
            id: key.tag,
            suite: Cow::Borrowed(&key.suite),
            config: Cow::Borrowed(&key.config),
        })
        .collect()
}

fn wire_outcome(outcome: &Outcome) -> WireOutcome<'_> {
    WireOutcome {
        ended_by: outcome.ended_by.as_str().into(),
        sip_status: Some(outcome.sip_status),
        sip_reason: Some(Cow::Borrowed(&outcome.sip_reason)),
        q850_cause: Some(outcome.q850_cause),
        q850_text: Some(Cow::Borrowed(&outcome.q850_text)),
        duration: outcome.duration,
        class: outcome.class.as_str().into(),
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut bytes, body).expect("texts and numbers always serialise");
    bytes
}

/// The SRTP keys an event carries, as its body shows them.
pub(super) fn keys_of(event: &Event) -> Vec<WireCrypto<'_>> {
    match &event.kind {
        EventKind::NewRemoteCall { remote } | EventKind::CallNotify { remote, .. } => remote
            .as_ref()
            .map(|remote| crypto(&remote.crypto, Keys::Shown))
            .unwrap_or_default(),
        EventKind::CallAnswered { remote, .. } => crypto(&remote.crypto, Keys::Shown),
        EventKind::CallFailed { .. } | EventKind::CallHungup { .. } => Vec::new(),
    }
}

/// A kept body with its keys back in place.
pub(super) fn with_keys(body: &str, keys: &[u8]) -> Option<Vec<u8>> {
    let mut body: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).ok()?;
    body.insert("crypto".to_owned(), serde_json::from_slice(keys).ok()?);
    serde_json::to_vec(&body).ok()
}
