//! What a caller is told when something is wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One field that is wrong, or was ignored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where, as a JSON pointer (RFC 6901); empty means the whole body.
    #[schema(example = "/callbackBaseUrl")]
    pub pointer: String,
    /// What is wrong with it.
    #[schema(example = "must begin with https://")]
    pub detail: String,
}

impl FieldError {
    /// A wrong field.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// The body of every refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// Always false.
    #[schema(example = false)]
    pub success: bool,
    /// One sentence a person can act on.
    pub reason: String,
    /// Stable, in snake case.
    #[schema(example = "call_not_found")]
    pub code: String,
    /// The fields that are wrong.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// Finds the request in the log.
    pub trace_id: String,
    /// The members of RFC 9457, when the client asked for `application/problem+json`.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

impl ErrorBody {
    /// The same with the members of RFC 9457 beside its own; `title` is the phrase of the status.
    #[must_use]
    pub fn into_problem(mut self, status: u16, title: &str) -> Self {
        self.problem = Some(Problem {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            detail: self.reason.clone(),
        });
        self
    }
}

/// The members of a problem document (RFC 9457 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the `code` beside it names the problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The phrase of the HTTP status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The same sentence as `reason`.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> ErrorBody {
        ErrorBody {
            success: false,
            reason: "The call has ended.".into(),
            code: "call_ended".into(),
            errors: vec![FieldError::new("/replyId", "names a call that has ended")],
            trace_id: "t-1".into(),
            problem: None,
        }
    }

    #[test]
    fn a_refusal_has_the_documented_form() {
        assert_eq!(
            serde_json::to_string(&body()).unwrap(),
            r#"{"success":false,"reason":"The call has ended.","code":"call_ended","errors":[{"pointer":"/replyId","detail":"names a call that has ended"}],"traceId":"t-1"}"#
        );
    }

    #[test]
    fn a_problem_document_has_the_members_of_both_forms() {
        let problem = serde_json::to_value(body().into_problem(409, "Conflict")).unwrap();
        let expected = serde_json::json!({
            "type": "about:blank", "title": "Conflict", "status": 409, "detail": "The call has ended.",
            "success": false, "reason": "The call has ended.", "code": "call_ended", "traceId": "t-1",
            "errors": [{"pointer": "/replyId", "detail": "names a call that has ended"}],
        });
        assert_eq!(problem, expected);
        let read: ErrorBody = serde_json::from_value(problem).unwrap();
        assert_eq!(read, body().into_problem(409, "Conflict"));
    }
}
