//! What a request says beside its body: the query string, and the id at the path's end.

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use axum::http::request::Parts;
use hookswitch_api::error::FieldError;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::error::ApiError;

/// A query of type `T`. Below `/v1/` a parameter that nobody knows is refused, for a filter that is ignored answers
/// another question; on the original paths it is ignored, for their clients may send what we never heard of.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned + IntoParams, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let route = parts.extensions.get::<MatchedPath>();
        if route.is_some_and(|route| route.as_str().starts_with("/v1/")) {
            refuse_unknown::<T>(parts.uri.query().unwrap_or_default())?;
        }
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Self(query.0)),
            Err(error) => Err(ApiError::fields(vec![fault(&error.body_text())])),
        }
    }
}

/// Characters of an unknown name that are told.
const MAX_NAME: usize = 64;
/// Unknown parameters that are told.
const MAX_UNKNOWN: usize = 32;

fn refuse_unknown<T: IntoParams>(query: &str) -> Result<(), ApiError> {
    if query.is_empty() {
        return Ok(());
    }
    let known = T::into_params(|| None);
    let mut faults: Vec<FieldError> = Vec::new();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        let step = name.replace('~', "~0").replace('/', "~1");
        let pointer: String = format!("/{step}").chars().take(MAX_NAME).collect();
        let is_known = known.iter().any(|known| known.name == *name);
        let is_told = faults.iter().any(|fault| fault.pointer == pointer);
        if !is_known && !is_told && faults.len() < MAX_UNKNOWN {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            let detail = format!(
                "is no parameter of this request; there are {}",
                names.join(", ")
            );
            faults.push(FieldError::new(pointer, detail));
        }
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(ApiError::fields(faults)),
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
