//! How a call ended: who ended it, with which SIP status, Q.850 cause and class.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Whose act the end was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The application behind the call.
    Local,
    /// The SIP peer.
    Remote,
    /// This node: a timer, a policy, a failure.
    System,
}

impl EndedBy {
    /// The text of `endedBy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::System => "system",
        }
    }
}

/// Why, in one word an application can switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Answered, and hung up.
    Normal,
    /// 486, 600.
    Busy,
    /// Nobody answered in time, or the caller gave up.
    NoAnswer,
    /// The other side does not want the call; redirects too.
    Rejected,
    /// No such user, no way there, no sign of life.
    Unreachable,
    /// The other side wants credentials, or those that it sent are wrong.
    Auth,
    /// Forbidden by a rule of this node.
    Policy,
    /// No media in common.
    Media,
    /// The other side found fault with our request, or we with theirs.
    ClientError,
    /// A server on the way, or the application, failed.
    UpstreamError,
    /// A fault of this node.
    Internal,
}

impl Class {
    /// Every class, in the order of the contract.
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

    /// The text of `class`.
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

    /// The class of a final status received from the peer, or sent to it.
    pub const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Normal,
            404 | 410 | 482 | 483 | 484 | 485 | 604 => Self::Unreachable,
            300..=399 | 402 | 403 | 433 | 436 | 437 | 438 | 603 | 607 | 608 => Self::Rejected,
            401 | 407 => Self::Auth,
            408 | 480 | 487 => Self::NoAnswer,
            486 | 600 => Self::Busy,
            406 | 415 | 488 | 606 => Self::Media,
            400..=499 => Self::ClientError,
            600..=699 => Self::Rejected,
            _ => Self::UpstreamError,
        }
    }
}

/// A Q.850 cause, as a Reason header brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// 1–127.
    pub value: u8,
    /// The peer's text, else the standard one.
    pub text: Option<Box<str>>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whose act it was.
    pub ended_by: EndedBy,
    /// Why, in one word.
    pub class: Class,
    /// The final status of the call's INVITE, or the one that describes the end best.
    pub sip_status: u16,
    /// Its reason phrase.
    pub sip_reason: Cow<'static, str>,
    /// The Q.850 cause: the peer's own, else by RFC 3398 §8.2.6.1.
    pub q850_cause: u8,
    /// The cause in words.
    pub q850_text: Cow<'static, str>,
    /// Whole seconds from answer to end.
    pub duration: u64,
}

impl Outcome {
    /// The end of an answered call.
    pub fn hung_up(ended_by: EndedBy, duration: Duration) -> Self {
        Self {
            duration: duration.as_secs(),
            ..Self::failed(ended_by, 200, "OK")
        }
    }

    /// The end of a call with a final status.
    pub fn failed(
        ended_by: EndedBy,
        sip_status: u16,
        sip_reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        let q850_cause = cause_of_status(sip_status);
        Self {
            ended_by,
            class: Class::of_status(sip_status),
            sip_status,
            sip_reason: sip_reason.into(),
            q850_cause,
            q850_text: cause_text(q850_cause).into(),
            duration: 0,
        }
    }

    /// The end of a call that a restart of the node could not carry on.
    pub fn interrupted() -> Self {
        Self::failed(EndedBy::System, 500, "The server was restarted").of_class(Class::Internal)
    }

    /// The same in another class.
    #[must_use]
    pub const fn of_class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// The same, `duration` after the answer.
    #[must_use]
    pub const fn after(mut self, duration: Duration) -> Self {
        self.duration = duration.as_secs();
        self
    }

    /// The same with the peer's own cause, where it gave one.
    #[must_use]
    pub fn caused(mut self, cause: Option<Cause>) -> Self {
        if let Some(cause) = cause {
            self.q850_cause = cause.value;
            self.q850_text = match cause.text {
                Some(text) if !text.is_empty() => Cow::Owned(text.into()),
                _ => cause_text(cause.value).into(),
            };
        }
        self
    }
}

/// The Q.850 cause of a SIP status (RFC 3398 §8.2.6.1). The RFC leaves 487, 488, 606 and 3xx open: here they are
/// normal clearing, bearer capability not implemented, and call rejected.
pub const fn cause_of_status(status: u16) -> u8 {
    match status {
        200..=299 | 487 => 16,
        301 | 410 => 22,
        300..=399 | 401 | 402 | 403 | 407 | 603 | 607 | 608 => 21,
        404 | 485 | 604 => 1,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        413 | 414 | 416 | 420 | 421 | 422 | 423 | 505 | 513 => 127,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        488 | 606 => 65,
        502 => 38,
        400 | 481 | 500 | 503 => 41,
        600..=699 => 21,
        400..=599 => 41,
        _ => 31,
    }
}

/// The name of a Q.850 cause.
pub const fn cause_text(cause: u8) -> &'static str {
    match cause {
        1 => "Unallocated (unassigned) number",
        2 => "No route to specified transit network",
        3 => "No route to destination",
        16 => "Normal call clearing",
        17 => "User busy",
        18 => "No user responding",
        19 => "No answer from user (user alerted)",
        20 => "Subscriber absent",
        21 => "Call rejected",
        22 => "Number changed",
        25 => "Exchange routing error",
        26 => "Non-selected user clearing",
        27 => "Destination out of order",
        28 => "Invalid number format (address incomplete)",
        29 => "Facility rejected",
        31 => "Normal, unspecified",
        34 => "No circuit/channel available",
        38 => "Network out of order",
        41 => "Temporary failure",
        42 => "Switching equipment congestion",
        44 => "Requested circuit/channel not available",
        47 => "Resource unavailable, unspecified",
        50 => "Requested facility not subscribed",
        55 => "Incoming calls barred within CUG",
        57 => "Bearer capability not authorized",
        58 => "Bearer capability not presently available",
        63 => "Service or option not available, unspecified",
        65 => "Bearer capability not implemented",
        69 => "Requested facility not implemented",
        79 => "Service or option not implemented, unspecified",
        81 => "Invalid call reference value",
        87 => "User not member of CUG",
        88 => "Incompatible destination",
        95 => "Invalid message, unspecified",
        102 => "Recovery on timer expiry",
        111 => "Protocol error, unspecified",
        127 => "Interworking, unspecified",
        _ => "Unknown cause",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_the_table_of_rfc_3398() {
        let table = [
            (400, 41),
            (401, 21),
            (402, 21),
            (403, 21),
            (404, 1),
            (405, 63),
            (406, 79),
            (407, 21),
            (408, 102),
            (410, 22),
            (413, 127),
            (414, 127),
            (415, 79),
            (416, 127),
            (420, 127),
            (421, 127),
            (423, 127),
            (480, 18),
            (481, 41),
            (482, 25),
            (483, 25),
            (484, 28),
            (485, 1),
            (486, 17),
            (500, 41),
            (501, 79),
            (502, 38),
            (503, 41),
            (504, 102),
            (505, 127),
            (513, 127),
            (600, 17),
            (603, 21),
            (604, 1),
        ];
        for (status, cause) in table {
            assert_eq!(cause_of_status(status), cause, "{status}");
            assert_ne!(cause_text(cause), "Unknown cause", "{cause}");
        }
    }

    #[test]
    fn every_final_status_has_a_class_and_a_named_cause() {
        for status in 200..700 {
            assert!(Class::ALL.contains(&Class::of_status(status)));
            assert_ne!(
                cause_text(cause_of_status(status)),
                "Unknown cause",
                "{status}"
            );
        }
    }

    #[test]
    fn classes_follow_the_status() {
        let table = [
            (200, Class::Normal),
            (302, Class::Rejected),
            (403, Class::Rejected),
            (401, Class::Auth),
            (404, Class::Unreachable),
            (408, Class::NoAnswer),
            (480, Class::NoAnswer),
            (486, Class::Busy),
            (487, Class::NoAnswer),
            (488, Class::Media),
            (420, Class::ClientError),
            (500, Class::UpstreamError),
            (503, Class::UpstreamError),
            (600, Class::Busy),
            (603, Class::Rejected),
        ];
        for (status, class) in table {
            assert_eq!(Class::of_status(status), class, "{status}");
        }
    }

    #[test]
    fn the_peers_own_cause_comes_before_the_table() {
        let outcome = Outcome::failed(EndedBy::Remote, 480, "Temporarily Unavailable");
        assert_eq!(
            (outcome.q850_cause, &*outcome.q850_text),
            (18, "No user responding")
        );
        let told = outcome.clone().caused(Some(Cause {
            value: 20,
            text: None,
        }));
        assert_eq!(
            (told.q850_cause, &*told.q850_text),
            (20, "Subscriber absent")
        );
        let told = outcome.caused(Some(Cause {
            value: 20,
            text: Some("switched off".into()),
        }));
        assert_eq!(&*told.q850_text, "switched off");
    }

    #[test]
    fn a_call_that_was_hung_up_has_whole_seconds() {
        let outcome = Outcome::hung_up(EndedBy::Remote, Duration::from_millis(61_999));
        assert_eq!(
            (outcome.sip_status, outcome.q850_cause, outcome.duration),
            (200, 16, 61)
        );
        assert_eq!(outcome.class, Class::Normal);
    }
}
