//! What an application may say to `newRemoteCall`.

use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::command::{AnswerRemoteCall, HangupCall, MAX_REFERENCE, SendRemoteCallRingback};
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;

/// The body of a 2xx reply to `newRemoteCall`: nothing, a reference, and perhaps one command at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NewRemoteCallReply {
    /// Copied into every later callback of the call.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 1_024, example = "mySessionReference")]
    pub session_reference_id: Option<String>,
    /// As `sendremotecallringback`, without `replyId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RingbackInReply>)]
    pub ringback: Option<SendRemoteCallRingback>,
    /// As `answerremotecall`, without `replyId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AnswerInReply>)]
    pub answer: Option<AnswerRemoteCall>,
    /// As `hangupcall`, without `replyId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HangupInReply>)]
    pub hangup: Option<HangupCall>,
}

/// Describes a command that stands in a reply, which names the call itself.
macro_rules! in_reply {
    ($name:ident, $command:ty) => {
        struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let mut schema = <$command>::schema();
                if let RefOr::T(Schema::Object(object)) = &mut schema {
                    object.properties.remove("replyId");
                    object.required.retain(|name| name != "replyId");
                    object.description =
                        Some("A command in a reply, without `replyId`.".to_owned());
                }
                schema
            }
        }

        impl ToSchema for $name {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                <$command>::schemas(schemas);
            }
        }
    };
}

in_reply!(RingbackInReply, SendRemoteCallRingback);
in_reply!(AnswerInReply, AnswerRemoteCall);
in_reply!(HangupInReply, HangupCall);

impl NewRemoteCallReply {
    /// Reads the body of a reply: nothing, blanks and anything but a JSON object say nothing; the error
    /// names a member of an object that has the wrong type.
    pub fn parse(body: &[u8]) -> Result<Self, FieldError> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Ok(Self::default());
        }
        lenient::parse(body).map(|parsed| parsed.value)
    }

    /// What is wrong with the reply.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.line(
            "/sessionReferenceId",
            self.session_reference_id.as_deref(),
            MAX_REFERENCE,
        );
        if self.hangup.is_some() && (self.answer.is_some() || self.ringback.is_some()) {
            faults.add("/hangup", "must not come together with another command");
        }
        if let Some(ringback) = &self.ringback {
            faults.append(ringback.validate_without_reply_id("/ringback"));
        }
        if let Some(answer) = &self.answer {
            faults.append(answer.validate_without_reply_id("/answer"));
        }
        if let Some(hangup) = &self.hangup {
            faults.append(hangup.validate_without_reply_id("/hangup"));
        }
        faults.into_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> NewRemoteCallReply {
        NewRemoteCallReply::parse(body.as_bytes()).unwrap()
    }

    fn pointers(body: &str) -> Vec<String> {
        let faults = parsed(body).validate();
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn the_documented_sample_is_read() {
        let reply = parsed(r#"{"sessionReferenceId": "mySessionReference"}"#);
        assert_eq!(
            reply.session_reference_id.as_deref(),
            Some("mySessionReference")
        );
        assert_eq!(
            parsed(r#"{"sessionReferenceId": 20000}"#).session_reference_id,
            Some("20000".into())
        );
    }

    #[test]
    fn a_reply_that_says_nothing_is_no_error() {
        for body in ["", "  ", "{}", "OK", "null", "[1]", r#"{"action":"x"}"#] {
            assert_eq!(parsed(body), NewRemoteCallReply::default(), "{body}");
        }
    }

    #[test]
    fn a_command_on_board_needs_no_reply_id() {
        let body = r#"{"answer":{"codec":"pcma","receiveIp":"192.0.2.1","receivePort":"40000"}}"#;
        let reply = parsed(body);
        assert_eq!(reply.validate(), []);
        let receive = reply.answer.as_ref().unwrap().receive().unwrap();
        assert_eq!((receive.codec, receive.port), ("PCMA", 40_000));
        assert_eq!(parsed(r#"{"ringback":{}}"#).validate(), []);
        assert_eq!(
            parsed(r#"{"hangup":{"sipStatus":486,"reason":"Busy"}}"#).validate(),
            []
        );
    }

    #[test]
    fn faults_point_into_the_command_on_board() {
        assert_eq!(
            pointers(r#"{"answer":{"codec":"PCMA","receiveIp":"x"}}"#),
            ["/answer/receiveIp", "/answer/receivePort"]
        );
        assert_eq!(
            pointers(r#"{"hangup":{"sipStatus":200},"ringback":{"codec":"opus"}}"#),
            [
                "/hangup",
                "/ringback/codec",
                "/ringback/receiveIp",
                "/ringback/receivePort",
                "/hangup/sipStatus"
            ]
        );
        let error = NewRemoteCallReply::parse(br#"{"answer":{"receivePort":[]}}"#).unwrap_err();
        assert_eq!(error.pointer, "/answer/receivePort");
    }
}
