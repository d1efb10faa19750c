//! `/provisioning/currentuser/profile`: who stands behind the key that calls. A profile goes with its key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use hookswitch_api::done::Done;
use hookswitch_api::error::FieldError;
use hookswitch_api::lenient;
use hookswitch_api::page::DocumentQuery;
use hookswitch_api::profile::{Profile, ProfileReply};
use hookswitch_store::documents::{self as stored, Expected, Key};
use hookswitch_store::{Error, Write};
use serde_json::{Map, Value, json};

use super::allowed::Myself;
use super::body::{Json, tolerate};
use super::documents::tagged;
use super::error::{ApiError, refuse_faults};
use super::precondition::{Precondition, stale};
use super::query::Query;
use super::{Rest, reply, work_off_the_loop};
use crate::auth::Caller;
use crate::kind::PROFILE;

/// Members a profile is created with, and an update leaves alone.
const CREATED: [&str; 6] = [
    "authProvider",
    "otherInfo",
    "useCase",
    "termsAgreed",
    "profileReviewed",
    "deploymentSize",
];

/// What is done with the profile that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// There must be none.
    Create,
    /// It takes its place, but for what only its creation says.
    Update,
    /// Only what is given changes; null takes away.
    Merge,
}

/// Shows the profile of the calling key
#[utoipa::path(
    get, path = "/provisioning/currentuser/profile", tag = "Keys", operation_id = "getProfile",
    responses(
        (status = 200, description = "The profile", body = ProfileReply, headers(("ETag" = String, description = "The version, for `If-Match`")),
            example = json!({"success": true, "profile": {"firstName": "Ann", "lastName": "Berg", "email": "ann@example.com"}})),
    ),
)]
pub(super) async fn find(
    State(rest): State<Arc<Rest>>,
    Myself(caller): Myself,
) -> Result<Response, ApiError> {
    let found = super::blocking(move || {
        rest.store
            .read(|db| stored::find(db, key(&caller.domain, &caller.key_id)))
    })
    .await?;
    let document =
        found.ok_or_else(|| ApiError::not_found("this key has no profile yet: POST makes one"))?;
    let profile: Profile =
        serde_json::from_str(&document.body).map_err(|error| ApiError::internal(&error))?;
    let body = ProfileReply {
        success: true,
        profile,
    };
    Ok(tagged(reply(&body)?, document.version))
}

/// Creates the profile of the calling key
///
/// For who signs in for the first time; a key that has a profile gets 409.
#[utoipa::path(
    post, path = "/provisioning/currentuser/profile", tag = "Keys", operation_id = "createProfile",
    params(DocumentQuery),
    request_body(content = Profile, example = json!({"firstName": "Ann", "lastName": "Berg", "email": "ann@example.com", "termsAgreed": 1_764_000_000})),
    responses(
        (status = 200, description = "It exists", body = Done, example = json!({"success": true})),
    ),
)]
pub(super) async fn create(
    State(rest): State<Arc<Rest>>,
    Myself(caller): Myself,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    write(&rest, caller, &query, &headers, body.value, Way::Create).await
}

/// Updates the profile of the calling key
///
/// What only its creation says stays, unless it is given.
#[utoipa::path(
    put, path = "/provisioning/currentuser/profile", tag = "Keys", operation_id = "putProfile",
    params(DocumentQuery),
    request_body(content = Profile, example = json!({"firstName": "Ann", "lastName": "Berg", "email": "ann@example.com"})),
    responses(
        (status = 200, description = "It is as given", body = Done, example = json!({"success": true})),
    ),
)]
pub(super) async fn update(
    State(rest): State<Arc<Rest>>,
    Myself(caller): Myself,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    write(&rest, caller, &query, &headers, body.value, Way::Update).await
}

/// Patches the profile of the calling key
///
/// A plain object (RFC 7396): what is given changes, null takes away.
#[utoipa::path(
    patch, path = "/provisioning/currentuser/profile", tag = "Keys", operation_id = "patchProfile",
    params(DocumentQuery),
    request_body(content = Profile, example = json!({"phone": "+46890510", "company": null})),
    responses(
        (status = 200, description = "It is patched", body = Done, example = json!({"success": true})),
    ),
)]
pub(super) async fn patch(
    State(rest): State<Arc<Rest>>,
    Myself(caller): Myself,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    write(&rest, caller, &query, &headers, body.value, Way::Merge).await
}

/// Takes the profile of a key that is deleted along.
pub(super) fn delete_along(db: &Write<'_>, domain: &str, sk: &str) -> Result<(), Error> {
    stored::delete(db, key(domain, sk), Expected::Any).map(|_| ())
}

fn key<'a>(domain: &'a str, sk: &'a str) -> Key<'a> {
    Key {
        domain,
        kind: PROFILE.name,
        id: sk,
        draft: false,
    }
}

async fn write(
    rest: &Arc<Rest>,
    caller: Caller,
    query: &DocumentQuery,
    headers: &HeaderMap,
    body: Value,
    way: Way,
) -> Result<Response, ApiError> {
    let Value::Object(given) = body else {
        return Err(ApiError::field("", "must be an object"));
    };
    let strict = query.strict.unwrap_or(false);
    let expected = Precondition::of(headers);
    let work = rest.clone();
    let (warnings, version) = work_off_the_loop(move || {
        let (domain, sk) = (&*caller.domain, &*caller.key_id);
        let found = work.store.read(|db| stored::find(db, key(domain, sk)))?;
        let before = found.as_ref().map(|document| document.version);
        if !expected.allows(before) {
            return Err(stale());
        }
        let old = found.and_then(|document| serde_json::from_str(&document.body).ok());
        let (profile, warnings) = changed(old, given, way, strict)?;
        let text = serde_json::to_string(&profile).map_err(|error| ApiError::internal(&error))?;
        let expected = before.map_or(Expected::Absent, Expected::Version);
        let (domain, sk) = (domain.to_owned(), sk.to_owned());
        let written = work
            .store
            .write(move |db| stored::put(db, key(&domain, &sk), &text, expected));
        match written {
            Ok(written) => Ok((warnings, written.version)),
            Err(Error::Version(_)) if way == Way::Create => Err(exists()),
            Err(Error::Version(_)) => Err(stale()),
            Err(error) => Err(error.into()),
        }
    })
    .await?;
    let body = Done::new().warning(warnings);
    Ok(tagged(reply(&body)?, version))
}

fn exists() -> ApiError {
    let why = "this key has a profile: PUT updates it, PATCH changes parts of it";
    ApiError::new(StatusCode::CONFLICT, "profile_exists", why)
}

/// The profile that comes of what is given, with the members that meant nothing.
fn changed(
    old: Option<Map<String, Value>>,
    given: Map<String, Value>,
    way: Way,
    strict: bool,
) -> Result<(Profile, Vec<FieldError>), ApiError> {
    let mut members = match (way, old) {
        (Way::Create, Some(_)) => return Err(exists()),
        (Way::Merge, None) => {
            return Err(ApiError::not_found(
                "this key has no profile yet: POST makes one",
            ));
        }
        (_, None) => Map::new(),
        (Way::Update, Some(mut old)) => {
            old.retain(|name, _| CREATED.contains(&name.as_str()));
            old
        }
        (_, Some(old)) => old,
    };
    members.extend(given);
    let parsed = lenient::parse_value::<Profile>(json!(members))
        .map_err(|error| ApiError::fields(vec![error]))?;
    tolerate(&parsed.unknown, strict)?;
    refuse_faults(parsed.value.validate())?;
    Ok((parsed.value, parsed.unknown))
}
