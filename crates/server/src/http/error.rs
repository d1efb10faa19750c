//! What a caller of REST is told when something is wrong: one shape for every status.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hookswitch_api::error::{ErrorBody, FieldError};
use hookswitch_api::lenient::shortened;

use super::trace::TraceId;
use crate::database;
use crate::password::Busy;

/// Characters of one sentence or pointer that a refusal has at most, whatever it repeats of the request.
const MAX_TEXT: usize = 500;

/// A refusal: the status, a stable code, a sentence a person can act on, and the fields it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// Snake-case and stable.
    pub code: Cow<'static, str>,
    /// One sentence.
    pub reason: String,
    /// The fields, where the body is to blame.
    pub errors: Vec<FieldError>,
    /// Seconds to wait, where waiting helps.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// A refusal without fields.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            reason: reason.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// 400 for a body or a parameter, with the fields that are wrong.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let reason = match errors.as_slice() {
            [only] if only.pointer.is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            many => format!("{} fields are wrong; see errors", many.len()),
        };
        Self {
            errors,
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_field", reason)
        }
    }

    /// 400 for one field.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(pointer, detail)])
    }

    /// 404 for a thing of the caller's own domain.
    pub fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", reason)
    }

    /// 500 with the cause in the log only.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed for our own fault");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong here; the traceId finds it in the log",
        )
    }

    /// The same with a Retry-After of so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

/// 400 for a body that has faults.
pub(super) fn refuse_faults(faults: Vec<FieldError>) -> Result<(), ApiError> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(ApiError::fields(faults))
    }
}

impl From<hookswitch_store::Error> for ApiError {
    fn from(error: hookswitch_store::Error) -> Self {
        use hookswitch_store::Error;
        match error {
            Error::NoSuchDomain => Self::not_found("the domain was removed"),
            error if error.is_transient() => {
                database::tells(&error, "a request was refused for want of the database");
                let why = match &error {
                    // What the system or the database says may name hosts and files.
                    Error::Away(_) | Error::NodeInUse(_) => "it is away".to_owned(),
                    Error::DiskFailed(_) => "its disk fails".to_owned(),
                    error => error.to_string(),
                };
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database_away",
                    format!("the database cannot be used at the moment: {why}"),
                )
                .retry_after(5)
            }
            error => Self::internal(&error),
        }
    }
}

impl From<Busy> for ApiError {
    fn from(busy: Busy) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "hashing_busy", busy.to_string()).retry_after(2)
    }
}

impl IntoResponse for ApiError {
    /// Leaves the body to `render`, which knows what the caller accepts and the trace id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"hookswitch\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Middleware: writes the body of every refusal, also of those the router made by itself.
pub(super) async fn render(
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let wants_problem = accepts_problem(&request);
    let trace_id = request
        .extensions()
        .get::<TraceId>()
        .copied()
        .unwrap_or_default();
    let mut response = next(request).await;
    let Some(error) = error_of(&mut response) else {
        return response;
    };
    let status = error.status.as_u16();
    let shortened = |text: &str| shortened(text, MAX_TEXT).into_owned();
    let errors = error.errors.iter();
    let mut body = ErrorBody {
        success: false,
        reason: shortened(&error.reason),
        code: error.code.into_owned(),
        errors: errors
            .map(|error| FieldError::new(shortened(&error.pointer), shortened(&error.detail)))
            .collect(),
        trace_id: trace_id.to_string(),
        problem: None,
    };
    if wants_problem {
        let title = error.status.canonical_reason().unwrap_or("Error");
        body = body.into_problem(status, title);
    }
    let content_type = if wants_problem {
        "application/problem+json"
    } else {
        "application/json"
    };
    let bytes = serde_json::to_vec(&body).expect("texts and numbers always serialise");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(bytes);
    response
}

fn error_of(response: &mut Response) -> Option<ApiError> {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        return Some(error);
    }
    let status = response.status();
    // What axum or tower refuse by themselves says so in plain text or not at all.
    let is_ours = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/"));
    if !(status.is_client_error() || status.is_server_error()) || is_ours {
        return None;
    }
    let (code, reason) = match status {
        StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "this path does not know the method; see the Allow header",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is larger than allowed"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "the body must be JSON"),
        StatusCode::INTERNAL_SERVER_ERROR => (
            "internal",
            "something went wrong here; the traceId finds it in the log",
        ),
        _ => ("bad_request", "the request cannot be understood"),
    };
    Some(ApiError::new(status, code, reason))
}

/// Whether the caller prefers RFC 9457 to plain JSON.
fn accepts_problem(request: &Request) -> bool {
    request
        .headers()
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let refused = parts.any(|p| {
                p.strip_prefix("q=")
                    .is_some_and(|q| q.trim_matches(['0', '.']).is_empty())
            });
            media.eq_ignore_ascii_case("application/problem+json") && !refused
        })
}
