//! The five callbacks: what an application is told, as `POST {callbackBaseUrl}/{name}`.
//!
//! Written on the hot path, so every body borrows; owned bodies (`'static`) can be read back, for
//! applications and tests.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crypto::Crypto;

/// A callback body.
pub trait Callback: Serialize {
    /// The last segment of the URL.
    const NAME: &'static str;
}

/// The members that all callbacks share; those a call does not have are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'a> {
    /// The same in every attempt to deliver this callback; the `webhook-id` header.
    pub webhook_id: Cow<'a, str>,
    /// Counts the callbacks of a call from 1.
    pub sequence: u32,
    /// When it happened, in milliseconds since 1970.
    pub timestamp: u64,
    /// The tenant.
    pub domain: Cow<'a, str>,
    /// Identifies the session.
    pub session_id: Cow<'a, str>,
    /// The SIP Call-ID.
    pub call_id: Cow<'a, str>,
    /// Identifies the whole call.
    pub trace_id: Cow<'a, str>,
    /// Identifies this delivery.
    pub http_transaction_id: Cow<'a, str>,
    /// Names the call in commands, while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_id: Option<Cow<'a, str>>,
    /// What the application gave the call as its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_reference_id: Option<Cow<'a, str>>,
    /// The site the callback comes from, when the node has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_id: Option<Cow<'a, str>>,
    /// Where commands for this call go, when the node says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_base_url: Option<Cow<'a, str>>,
}

/// How a call ended; in both terminal callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome<'a> {
    /// `local` (the application), `remote` (the SIP peer) or `system`.
    #[schema(example = "remote")]
    pub ended_by: Cow<'a, str>,
    /// The SIP status that ended the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 486)]
    pub sip_status: Option<u16>,
    /// The reason phrase beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Busy Here")]
    pub sip_reason: Option<Cow<'a, str>>,
    /// The Q.850 cause.
    #[serde(rename = "q850Cause", default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 17)]
    pub q850_cause: Option<u8>,
    /// The cause in words.
    #[serde(rename = "q850Text", default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "User busy")]
    pub q850_text: Option<Cow<'a, str>>,
    /// Seconds between answer and end; 0 when never answered.
    pub duration: u64,
    /// `normal`, `busy`, `no_answer`, `rejected`, `unreachable`, `auth`, `policy`, `media`,
    /// `client_error`, `upstream_error` or `internal`.
    #[schema(example = "busy")]
    pub class: Cow<'a, str>,
}

/// An inbound call waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewRemoteCall<'a> {
    /// What all callbacks share.
    #[serde(flatten)]
    pub envelope: Envelope<'a>,
    /// The address of the node.
    pub ivr_server: Cow<'a, str>,
    /// The Request-URI.
    #[schema(example = "sip:user@domain.com")]
    pub destination_uri: Cow<'a, str>,
    /// The user part of From.
    #[schema(example = "1234567")]
    pub source_user: Cow<'a, str>,
    /// What the far end wants to receive; absent when its INVITE carried no offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "PCMA")]
    pub codec: Option<Cow<'a, str>>,
    /// All its codecs that are known, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codecs: Vec<Cow<'a, str>>,
    /// Where the far end receives media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10.2.30.12")]
    pub remote_rtp_ip: Option<Cow<'a, str>>,
    /// The port for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 20_000)]
    pub remote_rtp_port: Option<u16>,
    /// The far end's payload type for telephone events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 101)]
    pub telephone_event_payload_type: Option<u8>,
    /// The far end's SRTP keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crypto: Vec<Crypto<'a>>,
    /// The far end's direction, when it is not `sendrecv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Cow<'a, str>>,
    /// The service that serves the call.
    #[serde(
        rename = "cloudSipUAId",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub cloud_sip_ua_id: Option<Cow<'a, str>>,
}

impl Callback for NewRemoteCall<'_> {
    const NAME: &'static str = "newRemoteCall";
}

/// Both sides are connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallAnswered<'a> {
    /// What all callbacks share.
    #[serde(flatten)]
    pub envelope: Envelope<'a>,
    /// The SIP user of the calling side.
    #[schema(example = "46890510")]
    pub calling_party_number: Cow<'a, str>,
    /// The participant that called.
    pub caller_participant_id: Cow<'a, str>,
    /// The participant that was called.
    pub callee_participant_id: Cow<'a, str>,
    /// The SIP user of the called side.
    #[schema(example = "46890200")]
    pub remote_party_number: Cow<'a, str>,
    /// The connection both belong to.
    pub connection_id: Cow<'a, str>,
    /// The session interval of the calling side's leg in seconds, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 600)]
    pub calling_party_expires: Option<u32>,
    /// The session interval of the called side's leg in seconds, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 600)]
    pub called_party_expires: Option<u32>,
    /// The codec the device sends.
    #[schema(example = "GSM")]
    pub codec: Cow<'a, str>,
    /// Always false: nobody listens in.
    pub monitoring_participant: bool,
    /// Where the device sends media.
    #[schema(example = "10.0.0.2")]
    pub remote_rtp_ip: Cow<'a, str>,
    /// The port for the same, as text.
    #[schema(example = "45000")]
    pub remote_rtp_port: Cow<'a, str>,
    /// The far end's payload type for telephone events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone_event_payload_type: Option<u8>,
    /// The far end's SRTP keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crypto: Vec<Crypto<'a>>,
    /// The far end's direction, when it is not `sendrecv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Cow<'a, str>>,
}

impl Callback for CallAnswered<'_> {
    const NAME: &'static str = "callAnswered";
}

/// Progress of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallNotify<'a> {
    /// What all callbacks share.
    #[serde(flatten)]
    pub envelope: Envelope<'a>,
    /// What happened.
    pub event: NotifyEvent,
    /// Always false: nobody listens in.
    pub monitoring_participant: bool,
    /// The participant it happened to.
    pub participant_id: Cow<'a, str>,
    /// Its SIP user.
    #[schema(example = "+46890510")]
    pub user: Cow<'a, str>,
    /// The SIP user of the other side.
    #[schema(example = "+46890200")]
    pub remote_user: Cow<'a, str>,
    /// The participant of the other side.
    pub remote_participant_id: Cow<'a, str>,
    /// The SIP Call-ID.
    pub sip_call_id: Cow<'a, str>,
    /// The address of the node.
    pub ivr_server: Cow<'a, str>,
    /// The far end's codec, when the message brought SDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<Cow<'a, str>>,
    /// Where the far end receives media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_rtp_ip: Option<Cow<'a, str>>,
    /// The port for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_rtp_port: Option<u16>,
    /// The far end's payload type for telephone events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone_event_payload_type: Option<u8>,
    /// The far end's SRTP keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crypto: Vec<Crypto<'a>>,
    /// The far end's direction: `sendrecv`, `sendonly` (hold), `recvonly` or `inactive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Cow<'a, str>>,
}

impl Callback for CallNotify<'_> {
    const NAME: &'static str = "callNotify";
}

/// What a `callNotify` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum NotifyEvent {
    /// The called side rings.
    Ringing,
    /// The far end changed the session with a re-INVITE.
    ReInvite,
    /// The far end changed the session with an UPDATE.
    Update,
}

/// An outbound call was never answered; the last callback of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallFailed<'a> {
    /// What all callbacks share.
    #[serde(flatten)]
    pub envelope: Envelope<'a>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome<'a>,
    /// The SIP Call-ID.
    pub sip_call_id: Cow<'a, str>,
    /// The same as `sipReason`.
    #[schema(example = "Busy Here")]
    pub error_descr: Cow<'a, str>,
    /// The address of the node.
    pub ivr_server: Cow<'a, str>,
    /// The participant that was called.
    pub participant_id: Cow<'a, str>,
}

impl Callback for CallFailed<'_> {
    const NAME: &'static str = "callFailed";
}

/// A call is over; the last callback of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallHungup<'a> {
    /// What all callbacks share.
    #[serde(flatten)]
    pub envelope: Envelope<'a>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome<'a>,
    /// The Request-URI of the call.
    #[schema(example = "sip:user@domain.com")]
    pub destination_uri: Cow<'a, str>,
    /// The user part of From.
    #[schema(example = "1234567")]
    pub source_user: Cow<'a, str>,
}

impl Callback for CallHungup<'_> {
    const NAME: &'static str = "callHungup";
}

#[cfg(test)]
mod tests;
