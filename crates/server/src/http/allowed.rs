//! The proof that a caller may do what a handler does: no handler of a tenant's path works without. What comes first
//! is the credential, then the domain, then the scope; nothing of the tenant's is looked at before.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::error::ApiError;
use super::scopes::{self, Access};
use super::{Rest, limit, provisory, source};
use crate::auth::{Caller, Denied, Keys, Scope, WRONG_CLAIM};

/// What a handler says that it does with its caller's domain. The table of [`scopes`] says the same, and says it to
/// readers of `openapi.json`.
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

impl Need for Steer {
    const ANY_OF: &'static [Scope] = &[Scope::Calls];
}

impl Need for Change {
    const ANY_OF: &'static [Scope] = &[Scope::Provisioning];
}

impl Need for Look {
    const ANY_OF: &'static [Scope] = &[Scope::Read, Scope::Provisioning];
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
        let caller = known(parts, rest).await?;
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map(MatchedPath::as_str);
        let access = route.and_then(|route| scopes::needed(&parts.method, route));
        if access != Some(Access::AnyOf(N::ANY_OF)) {
            let why = "the table of scopes and the handler do not agree on who may call it";
            return Err(ApiError::internal(&why));
        }
        if !N::ANY_OF.iter().any(|scope| caller.scopes.has(*scope)) {
            let words: Vec<&str> = N::ANY_OF.iter().map(|scope| scope.as_str()).collect();
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "scope_missing",
                format!("this needs a key with the scope {}", words.join(" or ")),
            ));
        }
        refuse_draft(parts, route)?;
        Ok(Self {
            caller,
            need: PhantomData,
        })
    }
}

/// Who asks for a draft is not to change, or be shown, what is in force.
fn refuse_draft(parts: &Parts, route: Option<&str>) -> Result<(), ApiError> {
    let kinds = provisory::kinds();
    let kind = route.and_then(|route| route.strip_prefix("/provisioning/")?.split('/').next());
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let mut parameters = form_urlencoded::parse(query);
    let asks = parameters.any(|(name, value)| name == "provisory" && value != "false");
    if !asks || kind.is_some_and(|kind| kinds.contains(&kind)) {
        return Ok(());
    }
    let detail = format!(
        "must be left out: this would change or show what is in force, and only {} have drafts",
        kinds.join(", ")
    );
    Err(ApiError::field("/provisory", detail))
}

/// A caller whose key is the path's domain's, whatever it may do; where the path names none, the key's domain is meant.
pub(super) async fn known(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Caller, ApiError> {
    let domain = domain_in(parts, rest).await?;
    let caller = match parts.extensions.get::<Caller>() {
        // Its signature was checked where the body was at hand.
        Some(signer) => signer.clone(),
        None => authenticate(parts, rest, domain.as_deref()).await?,
    };
    limit::enter(parts, &rest.room, &caller.domain)?;
    Ok(caller)
}

/// The domain that the path names, in lower case.
pub(super) async fn domain_of(parts: &mut Parts, rest: &Arc<Rest>) -> Result<String, ApiError> {
    let domain = domain_in(parts, rest).await?;
    domain.ok_or_else(|| ApiError::internal(&"a path without a domain was signed"))
}

async fn domain_in(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Option<String>, ApiError> {
    let params = RawPathParams::from_request_parts(parts, rest)
        .await
        .map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "bad_path", "the path is not UTF-8"))?;
    Ok(params
        .iter()
        .find(|(name, _)| *name == "domain")
        .map(|(_, domain)| domain.to_ascii_lowercase()))
}

/// A caller on a path that names no domain: what is there belongs to the key, whatever it may do elsewhere.
pub(super) struct Myself(pub(super) Caller);

impl FromRequestParts<Arc<Rest>> for Myself {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, ApiError> {
        let caller = known(parts, rest).await?;
        refuse_draft(parts, None)?;
        Ok(Self(caller))
    }
}

/// Signatures are verified with the keys of the domain that the path names: a JWT is refused after this time, so that
/// how long it took tells nobody whether there is such a domain, nor how many keys it has.
const REFUSAL_TIME: Duration = Duration::from_millis(50);

async fn authenticate(
    parts: &Parts,
    rest: &Rest,
    domain: Option<&str>,
) -> Result<Caller, ApiError> {
    let refused_at = tokio::time::Instant::now() + REFUSAL_TIME;
    // Who presents nothing guesses nothing, and is not counted.
    let credential = bearer(parts).map_err(unauthorized)?;
    let caller = match domain {
        Some(domain) => rest.keys.authenticate(credential, domain, unix_seconds()),
        None => rest.keys.authenticate_own(credential, unix_seconds()),
    };
    let denied = match caller {
        Ok(caller) => return Ok(caller),
        Err(denied) => denied,
    };
    let refusal = refuse(parts, rest, denied);
    if Keys::is_signed(credential) {
        tokio::time::sleep_until(refused_at).await;
    }
    Err(refusal)
}

/// What a caller is told whose credential was not taken; too many from one source are told to wait.
pub(super) fn refuse(parts: &Parts, rest: &Rest, denied: Denied) -> ApiError {
    let source = source::of(parts, &rest.trusted_proxies);
    if let Some(wait) = rest.failures.count(source, Instant::now()) {
        return too_many_failures(rest, wait);
    }
    let forbidden = |why: &str| ApiError::new(StatusCode::FORBIDDEN, "forbidden", why);
    match denied {
        Denied::Unknown(why) => unauthorized(why),
        Denied::Foreign => forbidden("the key does not open this domain"),
        Denied::ForeignClaim => forbidden(WRONG_CLAIM),
    }
}

/// What a source is told that failed too often.
pub(super) fn too_many_failures(rest: &Rest, wait: Duration) -> ApiError {
    rest.room.brakes().sign_ins.hit(Instant::now());
    let why = "too many requests from this address had no valid credential";
    let status = StatusCode::TOO_MANY_REQUESTS;
    ApiError::new(status, "too_many_failures", why).retry_after(wait.as_secs().max(1))
}

pub(super) fn unauthorized(why: &str) -> ApiError {
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
