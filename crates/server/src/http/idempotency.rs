//! `Idempotency-Key`: a POST that is sent again under the same key is answered again and not done again,
//! for 24 hours and across restarts. Refusals are not kept, since nothing was done; replies that carry
//! a secret are not kept either.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hookswitch_store::idempotency::{self, Claim, Reply};
use hookswitch_store::{Error, Store, UnixMicros};
use http_body_util::BodyExt as _;

use super::allowed::{Allowed, BeKnown};
use super::error::ApiError;
use super::{Rest, blocking, body};

const LIFE: Duration = Duration::from_secs(24 * 3_600);
const MAX_KEY: usize = 255;

/// Marks a response that must not be kept.
#[derive(Clone, Copy)]
pub(super) struct CarriesSecret;

/// Middleware for the routes of a domain.
pub(super) async fn repeat(
    State(rest): State<Arc<Rest>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key("idempotency-key") {
        return next.run(request).await;
    }
    // In a task of its own: once taken, a key is settled even when the caller hangs up.
    let task = tokio::spawn(async move { repeat_known(&rest, request, next).await });
    match task.await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(panic) => ApiError::internal(&panic).into_response(),
    }
}

async fn repeat_known(
    rest: &Arc<Rest>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, content) = request.into_parts();
    let caller = Allowed::<BeKnown>::from_request_parts(&mut parts, rest).await?;
    let key = parts.headers["idempotency-key"]
        .to_str()
        .unwrap_or_default();
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "bad_idempotency_key",
            "an Idempotency-Key has 1 to 255 printable ASCII characters",
        ));
    }
    // Keys of one caller never meet those of another.
    let taken = Taken {
        store: rest.store.clone(),
        domain: caller.domain.to_string(),
        key: format!("{} {key}", caller.key_id),
    };
    let content = body::read(content).await?;
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    digest.update(parts.method.as_str().as_bytes());
    digest.update(parts.uri.path().as_bytes());
    digest.update(&[0]);
    digest.update(parts.uri.query().unwrap_or_default().as_bytes());
    digest.update(&[0]);
    digest.update(&content);
    match taken.claim(digest.finish().as_ref().to_vec()).await? {
        Claim::First => {}
        Claim::Running => {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "idempotency_in_progress",
                "the first request with this Idempotency-Key is still at work",
            )
            .retry_after(1));
        }
        Claim::OtherRequest => {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this Idempotency-Key was used for another request",
            ));
        }
        Claim::Answered(reply) => return Ok(again(reply)),
    }
    let response = next
        .run(Request::from_parts(parts, Body::from(content)))
        .await;
    if !response.status().is_success() || response.extensions().get::<CarriesSecret>().is_some() {
        taken.release().await?;
        return Ok(response);
    }
    let (parts, content) = response.into_parts();
    let content = content
        .collect()
        .await
        .map_err(|error| ApiError::internal(&error))?
        .to_bytes();
    let text = String::from_utf8(content.to_vec()).map_err(|error| ApiError::internal(&error))?;
    taken
        .finish(Reply {
            status: parts.status.as_u16(),
            body: text,
        })
        .await?;
    Ok(Response::from_parts(parts, Body::from(content)))
}

fn again(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

/// A key that this request wants or has.
#[derive(Clone)]
struct Taken {
    store: Store,
    domain: String,
    key: String,
}

impl Taken {
    async fn claim(&self, fingerprint: Vec<u8>) -> Result<Claim, ApiError> {
        let now = UnixMicros::now();
        self.write(move |db, taken| {
            idempotency::claim(
                db,
                &taken.domain,
                &taken.key,
                &fingerprint,
                now,
                now.before(LIFE),
            )
        })
        .await
    }

    async fn finish(&self, reply: Reply) -> Result<(), ApiError> {
        self.write(move |db, taken| idempotency::finish(db, &taken.domain, &taken.key, &reply))
            .await
    }

    async fn release(&self) -> Result<(), ApiError> {
        self.write(|db, taken| idempotency::release(db, &taken.domain, &taken.key))
            .await
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&hookswitch_store::Write<'_>, &Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ApiError> {
        let taken = self.clone();
        blocking(move || taken.store.clone().write(move |db| change(db, &taken))).await
    }
}
