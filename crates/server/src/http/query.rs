//! What a request says beside its body: the query string, and the id at the path's end.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use hookswitch_api::error::FieldError;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// A query of type `T`; members nobody knows are ignored.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Self(query.0)),
            Err(error) => Err(ApiError::fields(vec![fault(&error.body_text())])),
        }
    }
}

/// The rejection reads `Failed to deserialize query string: MEMBER: WHY`.
fn fault(text: &str) -> FieldError {
    if let Some((_, member)) = text.split_once("duplicate field `") {
        let pointer = format!("/{}", member.trim_end_matches('`'));
        return FieldError::new(pointer, "may be said once");
    }
    let mut parts = text.splitn(3, ": ").skip(1);
    match (parts.next(), parts.next()) {
        (Some(member), Some(why)) if !member.contains(' ') => {
            FieldError::new(format!("/{member}"), why)
        }
        _ => FieldError::new("", format!("the query is not understood: {text}")),
    }
}

/// The last parameter of a path such as `/provisioning/device/{domain}/{deviceId}`.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::not_found("the path is not UTF-8"))?;
        let last = params.iter().last().map(|(_, value)| value.to_owned());
        last.map(Self)
            .ok_or_else(|| ApiError::internal(&"a path without an id asks for one"))
    }
}
