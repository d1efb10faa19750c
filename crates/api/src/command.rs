//! The four call commands below `/mediaservice/{domain}`, with their replies.

mod receive;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use self::receive::Receive;
use crate::crypto::Crypto;
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::url::{self, PlainHttp};

/// The longest `replyId`.
const MAX_REPLY_ID: usize = 4_096;
/// The longest `sessionReferenceId`.
pub(crate) const MAX_REFERENCE: usize = 1_024;
/// The longest SIP URI.
const MAX_URI: usize = 1_024;
/// The longest user part.
const MAX_USER: usize = 256;
/// The longest reason phrase.
const MAX_PHRASE: usize = 128;
/// The longest id of a service.
const MAX_ID: usize = 128;
/// How long a call may ring, in seconds.
pub(crate) const RING_TIMEOUT: std::ops::RangeInclusive<u64> = 1..=3_600;
/// Statuses that start something instead of ending it, so that no call can be refused with them.
const NOT_FINAL: [u16; 5] = [401, 407, 420, 421, 422];

/// Body of `answerremotecall`; in a reply to `newRemoteCall` the same without `replyId`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AnswerRemoteCall {
    /// From the `newRemoteCall` callback.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "name", max_length = 4_096)]
    pub reply_id: Option<String>,
    /// The codec asked of the far end: PCMA, PCMU or GSM.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "codec", example = "PCMA")]
    pub codec: Option<String>,
    /// Where the far end sends its media.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "ip-address", example = "192.0.2.10")]
    pub receive_ip: Option<String>,
    /// The RTP port for the same.
    #[serde(
        deserialize_with = "lenient::port",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = u16, maximum = 65_535, minimum = 1, example = 40_000)]
    pub receive_port: Option<u16>,
    /// The payload type for telephone events (RFC 4733), 96 to 127.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 96, maximum = 127, example = 101)]
    pub telephone_event_payload_type: Option<u8>,
    /// SRTP keys; without them media is plain RTP.
    #[serde(
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
    pub crypto: Vec<Crypto<'static>>,
    /// Copied into every later callback of the call.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 1_024)]
    pub session_reference_id: Option<String>,
}

impl AnswerRemoteCall {
    /// What is wrong with the command.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        check_reply_id(self.reply_id.as_deref(), &mut faults);
        faults.append(self.validate_without_reply_id(""));
        faults.into_vec()
    }

    /// The same inside another body, where `replyId` has no place; `prefix` is the pointer to it.
    pub(crate) fn validate_without_reply_id(&self, prefix: &str) -> Vec<FieldError> {
        let mut faults = Faults::under(prefix);
        self.receive_below(&mut faults);
        faults.line(
            "/sessionReferenceId",
            self.session_reference_id.as_deref(),
            MAX_REFERENCE,
        );
        faults.into_vec()
    }

    /// Where the device wants its media; `None` when [`validate`](Self::validate) finds fault with that.
    pub fn receive(&self) -> Option<Receive<'_>> {
        self.receive_below(&mut Faults::new())
    }

    fn receive_below(&self, faults: &mut Faults) -> Option<Receive<'_>> {
        Receive::check(
            self.codec.as_deref(),
            self.receive_ip.as_deref(),
            self.receive_port,
            self.telephone_event_payload_type,
            &self.crypto,
            faults,
        )
    }
}

/// Body of `sendremotecallringback`; with media the caller hears the device before the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SendRemoteCallRingback {
    /// From the `newRemoteCall` callback.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "name", max_length = 4_096)]
    pub reply_id: Option<String>,
    /// The codec of early media: PCMA, PCMU or GSM.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "codec")]
    pub codec: Option<String>,
    /// Where the far end sends its early media.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "ip-address")]
    pub receive_ip: Option<String>,
    /// The RTP port for the same.
    #[serde(
        deserialize_with = "lenient::port",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u16>, maximum = 65_535, minimum = 1)]
    pub receive_port: Option<u16>,
    /// The payload type for telephone events (RFC 4733), 96 to 127.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 96, maximum = 127)]
    pub telephone_event_payload_type: Option<u8>,
    /// SRTP keys of early media.
    #[serde(
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
    pub crypto: Vec<Crypto<'static>>,
}

impl SendRemoteCallRingback {
    /// What is wrong with the command.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        check_reply_id(self.reply_id.as_deref(), &mut faults);
        faults.append(self.validate_without_reply_id(""));
        faults.into_vec()
    }

    pub(crate) fn validate_without_reply_id(&self, prefix: &str) -> Vec<FieldError> {
        let mut faults = Faults::under(prefix);
        self.receive_below(&mut faults);
        faults.into_vec()
    }

    /// Where the device wants early media; `None` for plain ringing, or when
    /// [`validate`](Self::validate) finds fault.
    pub fn receive(&self) -> Option<Receive<'_>> {
        self.receive_below(&mut Faults::new())
    }

    fn receive_below(&self, faults: &mut Faults) -> Option<Receive<'_>> {
        let is_plain = self.receive_ip.is_none()
            && self.receive_port.is_none()
            && self.codec.is_none()
            && self.telephone_event_payload_type.is_none()
            && self.crypto.is_empty();
        if is_plain {
            return None;
        }
        Receive::check(
            self.codec.as_deref(),
            self.receive_ip.as_deref(),
            self.receive_port,
            self.telephone_event_payload_type,
            &self.crypto,
            faults,
        )
    }
}

/// What [`SendRemoteCallRingback::validate`] says of members that depend on each other: with any of the media members
/// the three that media cannot do without are required.
pub(crate) fn ringback_conditions() -> Value {
    let given = |name: &str, what: Value| json!({"required": [name], "properties": {name: what}});
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer"}));
    json!({
        "if": {"anyOf": [
            given("codec", text.clone()),
            given("receiveIp", text.clone()),
            given("receivePort", number.clone()),
            given("telephoneEventPayloadType", number.clone()),
            given("crypto", json!({"minItems": 1})),
        ]},
        "then": {
            "required": ["codec", "receiveIp", "receivePort"],
            "properties": {"codec": text, "receiveIp": text, "receivePort": number},
        },
    })
}

/// Body of `hangupcall`: busy for a call that was not answered, else its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HangupCall {
    /// From any callback of the call, or from the reply to `placeremotecall`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "name", max_length = 4_096)]
    pub reply_id: Option<String>,
    /// Another rejection than 486 for a call that was not answered: 400 to 699 without 401, 407, 420, 421, 422.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 400, maximum = 699, example = 480)]
    pub sip_status: Option<u16>,
    /// The reason phrase beside it.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 128)]
    pub reason: Option<String>,
}

impl HangupCall {
    /// What is wrong with the command.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        check_reply_id(self.reply_id.as_deref(), &mut faults);
        faults.append(self.validate_without_reply_id(""));
        faults.into_vec()
    }

    pub(crate) fn validate_without_reply_id(&self, prefix: &str) -> Vec<FieldError> {
        let mut faults = Faults::under(prefix);
        if self
            .sip_status
            .is_some_and(|status| !(400..700).contains(&status) || NOT_FINAL.contains(&status))
        {
            faults.add(
                "/sipStatus",
                "must be from 400 to 699, without 401, 407, 420, 421 and 422",
            );
        }
        faults.line("/reason", self.reason.as_deref(), MAX_PHRASE);
        faults.into_vec()
    }
}

/// What [`HangupCall::validate`] says of statuses that end nothing.
pub(crate) fn hangup_conditions() -> Value {
    json!({"not": {"properties": {"sipStatus": {"enum": NOT_FINAL}}, "required": ["sipStatus"]}})
}

/// Body of `placeremotecall`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PlaceRemoteCall {
    /// The SIP URI to call.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "sip-uri", example = "sip:+46890510@example.com")]
    pub destination_uri: Option<String>,
    /// The user part of From: the calling number.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "source-user", example = "+46890200")]
    pub source_user: Option<String>,
    /// The codec asked of the far end: PCMA, PCMU or GSM.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "codec", example = "PCMA")]
    pub codec: Option<String>,
    /// Where the far end sends its media.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = String, format = "ip-address", example = "192.0.2.10")]
    pub receive_ip: Option<String>,
    /// The RTP port for the same.
    #[serde(
        deserialize_with = "lenient::port",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(required, value_type = u16, maximum = 65_535, minimum = 1, example = 40_000)]
    pub receive_port: Option<u16>,
    /// The payload type for telephone events (RFC 4733), 96 to 127.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 96, maximum = 127, example = 101)]
    pub telephone_event_payload_type: Option<u8>,
    /// SRTP keys; without them media is plain RTP.
    #[serde(
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
    pub crypto: Vec<Crypto<'static>>,
    /// Copied into every callback of the call.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 1_024)]
    pub session_reference_id: Option<String>,
    /// Where the callbacks of this call go, instead of the service's own URL.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "callback-url")]
    pub callback_base_url: Option<String>,
    /// The service that serves the call; else the one that `sourceUser` matches, else the only one.
    #[serde(
        rename = "cloudSipUAId",
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 128)]
    pub cloud_sip_ua_id: Option<String>,
    /// How long the call may ring, in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 3_600, example = 180)]
    pub ring_timeout: Option<u32>,
}

impl PlaceRemoteCall {
    /// What is wrong with the command.
    pub fn validate(&self, plain: PlainHttp) -> Vec<FieldError> {
        let mut faults = Faults::new();
        check_destination(self.destination_uri.as_deref(), &mut faults);
        let user = self.source_user.as_deref();
        faults.required("/sourceUser", user, MAX_USER);
        if user.is_some_and(|user| user.contains([' ', '@', '<', '>', '"'])) {
            faults.add("/sourceUser", "must be the user part of a SIP URI only");
        }
        self.receive_below(&mut faults);
        faults.line(
            "/sessionReferenceId",
            self.session_reference_id.as_deref(),
            MAX_REFERENCE,
        );
        if let Some(url) = &self.callback_base_url {
            faults.check("/callbackBaseUrl", url::check(url, plain));
        }
        faults.line("/cloudSipUAId", self.cloud_sip_ua_id.as_deref(), MAX_ID);
        faults.range(
            "/ringTimeout",
            self.ring_timeout.map(u64::from),
            RING_TIMEOUT,
        );
        faults.into_vec()
    }

    /// Where the device wants its media; `None` when [`validate`](Self::validate) finds fault with that.
    pub fn receive(&self) -> Option<Receive<'_>> {
        self.receive_below(&mut Faults::new())
    }

    fn receive_below(&self, faults: &mut Faults) -> Option<Receive<'_>> {
        Receive::check(
            self.codec.as_deref(),
            self.receive_ip.as_deref(),
            self.receive_port,
            self.telephone_event_payload_type,
            &self.crypto,
            faults,
        )
    }
}

fn check_reply_id(reply_id: Option<&str>, faults: &mut Faults) {
    faults.required("/replyId", reply_id, MAX_REPLY_ID);
}

/// What is wrong with the `destinationUri` of a call that is, or might be, placed.
pub fn check_destination_uri(uri: Option<&str>) -> Vec<FieldError> {
    let mut faults = Faults::new();
    check_destination(uri, &mut faults);
    faults.into_vec()
}

fn check_destination(uri: Option<&str>, faults: &mut Faults) {
    const POINTER: &str = "/destinationUri";
    faults.required(POINTER, uri, MAX_URI);
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else {
        return;
    };
    let schemes = ["sip:", "sips:", "tel:"];
    let known = schemes.iter().any(|scheme| {
        uri.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !known || uri.ends_with(':') {
        faults.add(
            POINTER,
            "must be a SIP URI, such as sip:+46890510@example.com",
        );
    } else if uri.contains([' ', '<', '>', '"']) {
        faults.add(
            POINTER,
            "must be a bare URI, other characters percent-encoded",
        );
    }
}

/// Reply to a command that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
}

impl CommandReply {
    /// The one there is.
    pub const DONE: Self = Self { success: true };
}

/// Reply to `placeremotecall`; the result arrives as callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceRemoteCallReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// Names the call in later commands, also while it rings.
    #[schema(required, value_type = String, format = "name", max_length = 4_096)]
    pub reply_id: String,
    /// Identifies the session.
    pub session_id: String,
    /// The SIP Call-ID.
    pub call_id: String,
    /// The same in every callback of the call.
    pub trace_id: String,
}

#[cfg(test)]
mod tests;
