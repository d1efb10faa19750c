//! `/v1/{domain}/calls/{id}/ladder`: everything that was sent for a call, on one time axis.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LadderKind {
    /// A REST command with its reply.
    Rest,
    /// A SIP message.
    Sip,
    /// A callback with its reply.
    Callback,
}

/// Whether it came to the node or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LadderDirection {
    /// It came in.
    In,
    /// It went out.
    Out,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LadderEntry {
    /// When, in microseconds since 1970.
    pub at: u64,
    /// When, in microseconds since the first message of the call.
    pub offset: u64,
    /// What kind of message it is.
    pub kind: LadderKind,
    /// Whether it came in or went out.
    pub direction: LadderDirection,
    /// Who sent it: `application`, `node`, or an address such as `udp:192.0.2.1:5060`.
    pub from: String,
    /// Who received it.
    pub to: String,
    /// It in a few words, such as `INVITE sip:…`, `180 Ringing` or `POST /newRemoteCall`.
    pub summary: String,
    /// The SIP or HTTP status, when it is a reply or has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long its reply took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<u64>,
    /// Whether it is the repetition of an earlier one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// What went wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The whole message, keys and credentials blanked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Reply with a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LadderReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The messages, in order of time.
    pub ladder: Vec<LadderEntry>,
}
