//! Request bodies: JSON of a bounded size, read whole, with errors that name the member at fault.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use hookswitch_api::error::FieldError;
use hookswitch_api::lenient::{self, Parsed};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// The longest JSON body, in bytes.
const MAX_JSON: usize = 1024 * 1024;
/// A body comes within this time, however slowly.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body of type `T`, with the members that meant nothing.
pub(super) struct Json<T> {
    pub(super) value: T,
    pub(super) unknown: Vec<FieldError>,
}

impl<T> Json<T> {
    /// The body, when all of it was understood or that was not asked for; what meant nothing is told.
    pub(super) fn known(self, strict: bool) -> Result<(T, Vec<FieldError>), ApiError> {
        tolerate(&self.unknown, strict)?;
        Ok((self.value, self.unknown))
    }
}

/// Refuses members that meant nothing when a strict reader is asked for.
pub(super) fn tolerate(unknown: &[FieldError], strict: bool) -> Result<(), ApiError> {
    if !strict || unknown.is_empty() {
        return Ok(());
    }
    let refuse = |error: &FieldError| {
        let why = error.detail.strip_suffix(" and was ignored");
        FieldError::new(error.pointer.as_str(), why.unwrap_or(&error.detail))
    };
    Err(ApiError::fields(unknown.iter().map(refuse).collect()))
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_media_type(request.headers())?;
        parse(&read(request.into_body()).await?)
    }
}

/// A JSON body that may be missing altogether, or be null.
pub(super) struct OptionalJson<T>(pub(super) Json<T>);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        let bytes = read(request.into_body()).await?;
        let is_null = || serde_json::from_slice::<()>(&bytes).is_ok();
        if bytes.is_empty() || is_null() {
            return Ok(Self(Json {
                value: T::default(),
                unknown: Vec::new(),
            }));
        }
        check_media_type(&headers)?;
        parse(&bytes).map(Self)
    }
}

/// The whole body, no longer than JSON may be.
pub(super) async fn read(body: Body) -> Result<Bytes, ApiError> {
    read_within(PATIENCE, body).await
}

async fn read_within(patience: Duration, body: Body) -> Result<Bytes, ApiError> {
    let collected = Limited::new(body, MAX_JSON).collect();
    let Ok(collected) = tokio::time::timeout(patience, collected).await else {
        return Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow_body",
            "the body did not come within 30 s",
        ));
    };
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "a JSON body may have 1 MiB at most",
        )),
        Err(_) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "incomplete_body",
            "the body broke off before its end",
        )),
    }
}

/// Bodies are read as they come (RFC 9110 §8.4).
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    let mut codings = codings.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let is_plain = codings.all(|coding| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    });
    if is_plain {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "the body must come without Content-Encoding: compressed ones are not taken",
    ))
}

/// A missing type is taken for JSON, as the original interface does; a wrong one is refused.
fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    check_encoding(headers)?;
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let media = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let media = media.trim().to_ascii_lowercase();
    if media == "application/json" || media.starts_with("application/") && media.ends_with("+json")
    {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!("the body must be application/json, not {media}"),
    ))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Json<T>, ApiError> {
    match lenient::parse(bytes) {
        Ok(Parsed { value, unknown }) => Ok(Json { value, unknown }),
        Err(error) if error.pointer.is_empty() => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            error.detail,
        )),
        Err(error) => Err(ApiError::fields(vec![error])),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::*;

    /// A body that never ends.
    pub(crate) struct Endless;

    impl hyper::body::Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let patience = Duration::from_millis(1);
        let error = read_within(patience, Body::new(Endless)).await.unwrap_err();
        assert_eq!((error.status.as_u16(), &*error.code), (408, "slow_body"));
    }
}
