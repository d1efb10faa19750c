//! `/v1/{domain}/calls`: what became of calls.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::callback::Outcome;
use crate::error::FieldError;
use crate::lenient;
use crate::page::Page;

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallDirection {
    /// The SIP peer called.
    Inbound,
    /// The application called.
    Outbound,
}

impl CallDirection {
    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallClass {
    /// Answered, and hung up.
    Normal,
    /// The called side is busy.
    Busy,
    /// Nobody answered in time, or the caller gave up.
    NoAnswer,
    /// The other side does not want the call.
    Rejected,
    /// No such user, no way there, no sign of life.
    Unreachable,
    /// Credentials are wanted, or wrong.
    Auth,
    /// A rule of the node forbids it.
    Policy,
    /// No media in common.
    Media,
    /// One side found fault with the other's request.
    ClientError,
    /// A server on the way, or the application, failed.
    UpstreamError,
    /// A fault of the node, or a start in between.
    Internal,
}

impl CallClass {
    /// Each of them.
    pub const ALL: [Self; 11] = [
        Self::Normal,
        Self::Busy,
        Self::NoAnswer,
        Self::Rejected,
        Self::Unreachable,
        Self::Auth,
        Self::Policy,
        Self::Media,
        Self::ClientError,
        Self::UpstreamError,
        Self::Internal,
    ];

    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::Auth => "auth",
            Self::Policy => "policy",
            Self::Media => "media",
            Self::ClientError => "client_error",
            Self::UpstreamError => "upstream_error",
            Self::Internal => "internal",
        }
    }
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// Inbound: the application was asked. Outbound: the INVITE is on its way.
    Offered,
    /// It rings.
    Ringing,
    /// Inbound: our 200 waits for its ACK.
    Answered,
    /// Both sides are connected.
    Confirmed,
    /// Outbound: CANCEL is on its way.
    Cancelling,
    /// It is over.
    Ended,
}

impl CallState {
    /// The text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            CallState::Offered => "offered",
            CallState::Ringing => "ringing",
            CallState::Answered => "answered",
            CallState::Confirmed => "confirmed",
            CallState::Cancelling => "cancelling",
            CallState::Ended => "ended",
        }
    }
}

/// The query of the list of calls; every filter narrows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct CallQuery {
    /// Only calls in this state.
    #[param(inline)]
    pub state: Option<CallState>,
    /// Only calls in this direction.
    #[param(inline)]
    pub direction: Option<CallDirection>,
    /// Only calls that ended so.
    #[param(inline)]
    pub class: Option<CallClass>,
    /// Only calls that began at this time or later, in milliseconds since 1970.
    #[serde(deserialize_with = "lenient::time")]
    #[param(maximum = 9_007_199_254_740_991_u64)]
    pub started_after: Option<u64>,
    /// Only calls that began before this time, in milliseconds since 1970.
    #[serde(deserialize_with = "lenient::time")]
    #[param(maximum = 9_007_199_254_740_991_u64)]
    pub started_before: Option<u64>,
    /// Only calls from or to this user.
    #[serde(deserialize_with = "lenient::text")]
    pub number: Option<String>,
    /// Only calls from this user.
    #[serde(deserialize_with = "lenient::text")]
    pub source_user: Option<String>,
    /// Only calls to this user.
    #[serde(deserialize_with = "lenient::text")]
    pub destination_user: Option<String>,
    /// Only the calls with this SIP Call-ID.
    #[serde(deserialize_with = "lenient::text")]
    pub call_id: Option<String>,
    /// Only calls the application gave this name.
    #[serde(deserialize_with = "lenient::text")]
    pub session_reference_id: Option<String>,
    /// How many calls at most, 1 to 100; 100 when absent.
    #[serde(deserialize_with = "lenient::text")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The token of the page before.
    #[serde(deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
}

impl CallQuery {
    /// The page that is asked for.
    pub fn page(&self) -> Result<Page, FieldError> {
        Page::of(self.limit.as_deref(), self.next_token.as_deref())
    }
}

/// A call as lists show it. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Names the call below `/v1/{domain}/calls`.
    pub id: String,
    /// The tenant.
    pub domain: String,
    /// Who called whom.
    pub direction: CallDirection,
    /// How far it is.
    pub state: CallState,
    /// The service that serves it.
    #[serde(
        rename = "cloudSipUAId",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub cloud_sip_ua_id: Option<String>,
    /// The user part of From.
    pub source_user: String,
    /// The user part of the Request-URI.
    pub destination_user: String,
    /// The Request-URI.
    pub destination_uri: String,
    /// The SIP Call-ID.
    pub call_id: String,
    /// Identifies the session in callbacks.
    pub session_id: String,
    /// Identifies the call in callbacks.
    pub trace_id: String,
    /// The application's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_reference_id: Option<String>,
    /// When the INVITE came in, or the command to call.
    pub started_at: u64,
    /// When it first rang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<u64>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<u64>,
    /// When both sides were connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<u64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<u64>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome<'static>>,
}

/// One side's media, without keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallMedia {
    /// Where it receives RTP.
    pub ip: String,
    /// Its port.
    pub port: u16,
    /// Its codec.
    pub codec: String,
    /// Its payload type for telephone events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone_event_payload_type: Option<u8>,
    /// The crypto-suites of its keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<String>,
    /// Its direction, where it said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
}

/// One step of the decision where a call goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceStep {
    /// Which rule looked.
    pub rule: String,
    /// What it found.
    pub result: String,
    /// Why, in words.
    pub why: String,
}

/// One callback of a call and what became of it. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallEvent {
    /// The same in every attempt.
    pub webhook_id: String,
    /// The name of the callback.
    #[schema(example = "callAnswered")]
    pub name: String,
    /// Counts the callbacks of the call from 1.
    pub sequence: u32,
    /// When it happened.
    pub timestamp: u64,
    /// How far its delivery is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// The HTTP status of the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// What was wrong with the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<u64>,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Not delivered yet.
    Pending,
    /// The application took it.
    Delivered,
    /// Given up; it can be replayed.
    Failed,
}

/// Everything there is to know about a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallDetail {
    /// What lists show too.
    #[serde(flatten)]
    pub call: Call,
    /// Names the call in commands, while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_id: Option<String>,
    /// The node whose call it is, where commands for it go, while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The device's media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<CallMedia>,
    /// The SIP peer's media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<CallMedia>,
    /// How it was decided where the call goes.
    pub trace: Vec<TraceStep>,
    /// Its callbacks, in order.
    pub events: Vec<CallEvent>,
}

/// Reply to a list of calls, the latest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The calls of the page.
    pub calls: Vec<Call>,
    /// Leads to the next page, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Reply with one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The call.
    pub call: CallDetail,
}

#[cfg(test)]
mod tests;
