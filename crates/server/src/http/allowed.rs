//! The proof that a caller may do what a handler does: no handler of a tenant's path works without.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::Rest;
use super::error::ApiError;
use super::{limit, source};
use crate::auth::{Caller, Denied, Scope, WRONG_CLAIM};

/// What a handler needs of its caller's key: one of these scopes.
pub(super) trait Need {
    /// Any of them is enough.
    const ANY_OF: &'static [Scope];
}

/// To steer calls.
pub(super) struct Steer;
/// To change what is provisioned.
pub(super) struct Change;
/// To look at what is provisioned.
pub(super) struct Look;
/// To be known.
pub(super) struct BeKnown;

impl Need for Steer {
    const ANY_OF: &'static [Scope] = &[Scope::Calls];
}

impl Need for Change {
    const ANY_OF: &'static [Scope] = &[Scope::Provisioning];
}

impl Need for Look {
    const ANY_OF: &'static [Scope] = &[Scope::Read, Scope::Provisioning];
}

impl Need for BeKnown {
    const ANY_OF: &'static [Scope] = &[Scope::Calls, Scope::Read, Scope::Provisioning];
}

/// A caller whose key is the path's domain's and has the scope.
pub(super) struct Allowed<N> {
    caller: Caller,
    need: PhantomData<fn() -> N>,
}

impl<N> Deref for Allowed<N> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<N: Need> FromRequestParts<Arc<Rest>> for Allowed<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, rest)
            .await
            .map_err(|_| {
                ApiError::new(StatusCode::BAD_REQUEST, "bad_path", "the path is not UTF-8")
            })?;
        let domain = params
            .iter()
            .find(|(name, _)| *name == "domain")
            .map(|(_, domain)| domain.to_ascii_lowercase())
            .ok_or_else(|| ApiError::internal(&"a path without a domain asks for a caller"))?;
        let caller = authenticate(parts, rest, &domain)?;
        limit::enter(parts, &rest.room, &caller.domain)?;
        if !N::ANY_OF.iter().any(|scope| caller.scopes.has(*scope)) {
            let words: Vec<&str> = N::ANY_OF.iter().map(|scope| scope.as_str()).collect();
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "scope_missing",
                format!("this needs a key with the scope {}", words.join(" or ")),
            ));
        }
        Ok(Self {
            caller,
            need: PhantomData,
        })
    }
}

fn authenticate(parts: &Parts, rest: &Rest, domain: &str) -> Result<Caller, ApiError> {
    // Who presents nothing guesses nothing, and is not counted.
    let credential = bearer(parts).map_err(unauthorized)?;
    let denied = match rest.keys.authenticate(credential, domain, unix_seconds()) {
        Ok(caller) => return Ok(caller),
        Err(Denied::Unknown(why)) => unauthorized(why),
        Err(Denied::Foreign) => {
            let why = "the key does not open this domain";
            ApiError::new(StatusCode::FORBIDDEN, "forbidden", why)
        }
        Err(Denied::ForeignClaim) => ApiError::new(StatusCode::FORBIDDEN, "forbidden", WRONG_CLAIM),
    };
    let source = source::of(parts, &rest.trusted_proxies);
    match rest.failures.count(source, Instant::now()) {
        None => Err(denied),
        Some(wait) => {
            rest.room.brakes().sign_ins.hit(Instant::now());
            let why = "too many requests from this address had no valid credential";
            let status = StatusCode::TOO_MANY_REQUESTS;
            Err(ApiError::new(status, "too_many_failures", why).retry_after(wait.as_secs().max(1)))
        }
    }
}

fn unauthorized(why: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", why)
}

fn bearer(parts: &Parts) -> Result<&str, &'static str> {
    const MISSING: &str = "send the header Authorization: Bearer with an API token or a JWT";
    let value = parts
        .headers
        .get(AUTHORIZATION)
        .ok_or(MISSING)?
        .to_str()
        .map_err(|_| MISSING)?;
    let (scheme, credential) = value.split_once(' ').ok_or(MISSING)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(credential.trim())
    } else {
        Err(MISSING)
    }
}

pub(super) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
