//! `/provisioning/logs/{domain}/sip`: what was really sent and received, by tenant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::time;

/// The most items of a reply.
pub const MAX_LIMIT: u32 = 1_000;
/// How many items a reply has at most when nobody says.
const USUAL_LIMIT: u32 = 100;
/// The longest filter in characters.
const MAX_PATTERN: usize = 1_024;
/// Which messages are wanted. 0 and the empty text mean the same as absence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(example = json!({"filterPattern": "INVITE +46701234567", "limit": 50, "startTime": 1_763_731_200_000_u64, "endTime": 1_763_734_800_000_u64}))]
pub struct SipLogQuery {
    /// Words that must all occur in the message, in any case, `"several words"` in quotation marks; or a regular
    /// expression as `/…/` or `/…/i`.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 1_024)]
    pub filter_pattern: Option<String>,
    /// How many messages at most, up to 1000; 100 when absent.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(minimum = 0, maximum = 1_000)]
    pub limit: Option<u32>,
    /// None older than this, in milliseconds (or seconds) since 1970.
    #[serde(deserialize_with = "lenient::time")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub start_time: Option<u64>,
    /// None younger than this, in milliseconds (or seconds) since 1970.
    #[serde(deserialize_with = "lenient::time")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub end_time: Option<u64>,
    /// The token of an earlier reply to the same question: goes on with older messages.
    #[serde(deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
}

impl SipLogQuery {
    /// What is wrong with it, the pattern's syntax aside.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        let pattern = self.filter_pattern.as_deref().unwrap_or_default();
        if pattern.chars().count() > MAX_PATTERN {
            faults.add(
                "/filterPattern",
                format!("must have at most {MAX_PATTERN} characters"),
            );
        }
        faults.range(
            "/limit",
            self.limit.map(u64::from),
            0..=u64::from(MAX_LIMIT),
        );
        if self.from() >= self.until() {
            faults.add("/startTime", "must not be after endTime");
        }
        faults.into_vec()
    }

    /// How many items at most.
    pub fn limit(&self) -> u32 {
        self.limit.filter(|limit| *limit > 0).unwrap_or(USUAL_LIMIT)
    }

    /// The first microsecond since 1970 that is meant.
    pub fn from(&self) -> u64 {
        time::first_micro(self.start_time.unwrap_or(0))
    }

    /// The first microsecond since 1970 that is not meant any more: the named millisecond or second is.
    pub fn until(&self) -> u64 {
        match self.end_time.filter(|time| *time > 0) {
            None => u64::MAX,
            Some(time) => time::behind(time),
        }
    }
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SipLogType {
    /// A request.
    Request,
    /// A response.
    Response,
}

/// Whether it came to the node or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SipLogDirection {
    /// It came in.
    In,
    /// It went out.
    Out,
}

/// One message as it was sent or received, above TLS; credentials and media keys are `***`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SipLogItem {
    /// When, in milliseconds since 1970.
    pub time_stamp: u64,
    /// Request or response.
    #[serde(rename = "type")]
    pub kind: SipLogType,
    /// The method; of a response, the one it answers. Empty when the message has none that can be read.
    #[schema(example = "INVITE")]
    pub method: String,
    /// The Request-URI; empty in a response.
    #[schema(example = "sip:1001@acme.example.com")]
    pub request_uri: String,
    /// The status as text; empty in a request.
    #[schema(example = "")]
    pub status_code: String,
    /// The reason phrase; empty in a request.
    #[schema(example = "")]
    pub reason: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    #[schema(example = "udp")]
    pub transport: String,
    /// Who sent it.
    #[schema(example = "192.0.2.10")]
    pub src_ip: String,
    /// The sender's port.
    #[schema(example = 5060)]
    pub src_port: u16,
    /// Who received it.
    #[schema(example = "203.0.113.1")]
    pub dst_ip: String,
    /// The receiver's port.
    #[schema(example = 5060)]
    pub dst_port: u16,
    /// Header fields by their full names; those that stand more than once are joined with commas.
    #[schema(example = json!({"Call-ID": "a84b4c76e66710", "CSeq": "1 INVITE"}))]
    pub sip_headers: BTreeMap<String, String>,
    /// The body.
    #[schema(example = "")]
    pub body: String,
    /// Whether it came in or went out.
    pub direction: SipLogDirection,
    /// Whether it is the repetition of an earlier one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// The call it belongs to, as `/v1/{domain}/calls/{id}/ladder` knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
}

/// Reply with messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SipLogReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The latest messages that fit, in order of time.
    pub log_items: Vec<SipLogItem>,
    /// Whether everything was looked at; otherwise the limit, or the time one search may take, was reached first.
    #[schema(example = true)]
    pub complete: bool,
    /// From when on everything was looked at, in milliseconds since 1970, when not all was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched_from: Option<u64>,
    /// The same question with this token goes on with older messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::parse;

    fn query(body: &str) -> SipLogQuery {
        parse(body.as_bytes()).unwrap().value
    }

    #[test]
    fn nothing_said_means_the_latest_hundred_of_all_time() {
        for body in [
            "{}",
            r#"{"filterPattern":"","limit":0,"startTime":0,"endTime":0}"#,
        ] {
            let query = query(body);
            assert_eq!(query.validate(), []);
            let read = (query.limit(), query.from(), query.until());
            assert_eq!(read, (100, 0, u64::MAX));
        }
    }

    #[test]
    fn the_named_second_or_millisecond_is_meant() {
        let seconds = query(r#"{"startTime":1763731200,"endTime":"1763731200"}"#);
        assert_eq!(seconds.until() - seconds.from(), 1_000_000);
        let millis = query(r#"{"startTime":1763731200005,"endTime":1763731200005}"#);
        assert_eq!(millis.until() - millis.from(), 1_000);
    }

    #[test]
    fn each_member_out_of_bounds_is_named() {
        let long = "x".repeat(1_025);
        let body =
            format!(r#"{{"filterPattern":"{long}","limit":1001,"startTime":2,"endTime":1}}"#);
        let faults = query(&body).validate().into_iter();
        let pointers: Vec<_> = faults.map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/filterPattern", "/limit", "/startTime"]);
    }
}
