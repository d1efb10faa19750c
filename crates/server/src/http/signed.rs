//! Requests with an AWS Signature V4 on the call paths without suffix: the access key id is the `sk` of an API key, the
//! secret is its token. Everything else carries a bearer token and passes here untouched.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::allowed::{domain_of, refuse, unauthorized, unix_seconds};
use super::error::ApiError;
use super::{Rest, body};
use crate::auth::{Caller, Denied, Secret, Signatures, Spent, WINDOW};
use crate::secrets;
use crate::sigv4::{self, Authorization};

/// The service that a signature must name, as that of the original interface does; the region may be any.
const SERVICE: &str = "execute-api";
/// Bodies read at a time whose sender is not yet known: 64 MiB at most.
const UNKNOWN_BODIES: usize = 64;
/// One sentence for a key that is not there and a signature that is not its: nobody is to learn which.
const WRONG: &str = "the access key id or the signature is wrong";

/// What verifying signatures needs between requests.
pub struct Signed {
    used: Signatures,
    unknown_bodies: Semaphore,
}

impl Signed {
    /// For a program that started at a Unix time in seconds.
    pub fn since(started_at: u64) -> Self {
        Self {
            used: Signatures::since(started_at),
            unknown_bodies: Semaphore::new(UNKNOWN_BODIES),
        }
    }
}

/// Middleware: who signed is known to the handlers; who signed wrongly does not reach them.
pub(super) async fn verify(
    State(rest): State<Arc<Rest>>,
    request: Request,
    next: Next,
) -> Response {
    let is_signed = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .is_some_and(sigv4::is_signature);
    if !is_signed {
        return next.run(request).await;
    }
    match admit(&rest, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn admit(rest: &Arc<Rest>, request: Request) -> Result<Request, ApiError> {
    let (mut parts, content) = request.into_parts();
    let domain = domain_of(&mut parts, rest).await?;
    let now = unix_seconds();
    let (caller, content) = {
        let authorization = Authorization::of(&parts).map_err(|why| unauthorized(why.0))?;
        check_shape(&authorization, now)?;
        let denied = |denied| refuse(&parts, rest, denied);
        let wrong = || denied(Denied::Unknown(WRONG));
        let key = rest
            .keys
            .secret(authorization.access_key_id)
            .ok_or_else(wrong)?;
        let signature = Signature {
            authorization: &authorization,
            token: token_of(rest, &key, authorization.access_key_id)?,
        };
        let content = signature
            .proven_content(rest, &parts, content)
            .await?
            .ok_or_else(wrong)?;
        let caller = key.open(&domain, now).map_err(denied)?;
        take(rest, &parts, &caller, &authorization, now)?;
        (caller, content)
    };
    parts.extensions.insert(caller);
    Ok(Request::from_parts(parts, Body::from(content)))
}

fn check_shape(authorization: &Authorization<'_>, now: u64) -> Result<(), ApiError> {
    if authorization.target.service != SERVICE {
        return Err(unauthorized(
            "Credential must name the service execute-api, such as KEYID/20150830/eu-north-1/execute-api/aws4_request",
        ));
    }
    let apart = authorization.signed_at.abs_diff(now);
    if apart > WINDOW {
        let side = if authorization.signed_at < now {
            "behind"
        } else {
            "ahead of"
        };
        return Err(unauthorized(&format!(
            "x-amz-date is {apart} s {side} the clock here; {WINDOW} s are allowed"
        )));
    }
    Ok(())
}

fn token_of(rest: &Rest, key: &Secret, sk: &str) -> Result<String, ApiError> {
    let place = secrets::token_place(key.domain(), sk);
    rest.master_key
        .open_text(place, &key.sealed)
        .map_err(|error| ApiError::internal(&error))
}

/// A signature under test.
struct Signature<'a> {
    authorization: &'a Authorization<'a>,
    token: String,
}

impl Signature<'_> {
    /// The body, when the signature is that of the whole request. With the payload's hash in a header, strangers are
    /// turned away before their body is read.
    async fn proven_content(
        &self,
        rest: &Rest,
        parts: &Parts,
        content: Body,
    ) -> Result<Option<Bytes>, ApiError> {
        let is_proven = |hash: &str| self.authorization.is_made_with(&self.token, parts, hash);
        let Some(declared) = parts.headers.get("x-amz-content-sha256") else {
            let Ok(_permit) = rest.signed.unknown_bodies.acquire().await else {
                return Err(ApiError::internal(&"the semaphore was closed"));
            };
            let content = body::read(content).await?;
            return Ok(is_proven(&sigv4::hash(&content)).then_some(content));
        };
        let declared = declared.to_str().unwrap_or_default();
        if declared.len() != 64 || !declared.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unauthorized(
                "x-amz-content-sha256 must be the SHA-256 of the body: unsigned and chunked payloads are not taken",
            ));
        }
        if !is_proven(declared) {
            return Ok(None);
        }
        let content = body::read(content).await?;
        let is_whole = sigv4::hash(&content).eq_ignore_ascii_case(declared);
        Ok(is_whole.then_some(content))
    }
}

fn take(
    rest: &Rest,
    parts: &Parts,
    caller: &Caller,
    authorization: &Authorization<'_>,
    now: u64,
) -> Result<(), ApiError> {
    let why = match rest.signed.used.take(
        &caller.domain,
        &authorization.signature,
        authorization.signed_at,
        now,
    ) {
        Ok(()) => return Ok(()),
        Err(Spent::Used) => {
            "this signature was used before: sign again, a second later or with another header"
        }
        Err(Spent::Forgotten) => {
            "this signature is older than what is remembered of used ones: sign again with the present time"
        }
    };
    let refusal = refuse(parts, rest, Denied::Unknown(why));
    Err(if refusal.status == StatusCode::UNAUTHORIZED {
        ApiError::new(refusal.status, "signature_used", why)
    } else {
        refusal
    })
}
