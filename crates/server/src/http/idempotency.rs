//! `Idempotency-Key`: a POST that is sent again under the same key is answered again and not done again,
//! for 24 hours and across restarts. Refusals are not kept, since nothing was done; replies that carry
//! a secret are not kept either. What becomes of a request that was at work when a program ended: [`left`].

mod left;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hookswitch_store::idempotency::{self, Claim, Reply, Unanswered};
use hookswitch_store::{Error, UnixMicros};
use http_body_util::BodyExt as _;

use super::error::ApiError;
use super::scopes::{self, Access};
use super::{Rest, allowed, blocking, body};

const LIFE: Duration = Duration::from_secs(24 * 3_600);
const MAX_KEY: usize = 255;
/// How long a caller waits for a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a key waits between two tries to settle it.
const AGAIN: Duration = Duration::from_secs(1);

/// How many requests of this program are at work under each key of a domain.
#[derive(Debug, Default)]
pub struct AtWork(Mutex<HashMap<(String, String), u32>>);

impl AtWork {
    fn change(&self, domain: &str, key: &str, change: impl FnOnce(&mut u32)) -> u32 {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (domain.to_owned(), key.to_owned());
        let count = keys.entry(name.clone()).or_default();
        change(count);
        let left = *count;
        if left == 0 {
            keys.remove(&name);
        }
        left
    }
}

/// The key of a request, as the store has it.
#[derive(Clone, Debug)]
pub(super) struct IdempotencyKey(pub(super) Arc<str>);

/// Marks a response that must not be kept.
#[derive(Clone, Copy)]
pub(super) struct CarriesSecret;

/// Middleware for the routes of a domain.
pub(super) async fn repeat(
    State(rest): State<Arc<Rest>>,
    request: Request,
    next: Next,
) -> Response {
    let is_asked_for =
        request.method() == Method::POST && request.headers().contains_key("idempotency-key");
    // Whoever has no key has no replies of its own either.
    let route = request.extensions().get::<MatchedPath>();
    let access = route.and_then(|route| scopes::needed(request.method(), route.as_str()));
    if !is_asked_for || access == Some(Access::Open) {
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
    let caller = allowed::known(&mut parts, rest).await?;
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
    let taken = Taken::new(rest, &caller.domain, format!("{} {key}", caller.key_id));
    let content = body::read(content).await?;
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    digest.update(parts.method.as_str().as_bytes());
    digest.update(parts.uri.path().as_bytes());
    digest.update(&[0]);
    digest.update(parts.uri.query().unwrap_or_default().as_bytes());
    digest.update(&[0]);
    digest.update(&content);
    match taken.found(digest.finish().as_ref().to_vec()).await? {
        Found::Left(unanswered) => {
            let route = parts.extensions.get::<MatchedPath>();
            let route = route.map_or("", MatchedPath::as_str);
            if let Some(reply) = left::resume(rest, &caller.domain, route, &unanswered).await? {
                taken.finish(reply.clone()).await;
                return Ok(again(reply));
            }
            if !taken.take_over(unanswered).await? {
                return Err(in_progress("is at work again"));
            }
        }
        Found::Claim(Claim::First) => {}
        Found::Claim(Claim::Running(_)) => return Err(in_progress("is still at work")),
        Found::Claim(Claim::OtherRequest) => {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this Idempotency-Key was used for another request",
            ));
        }
        Found::Claim(Claim::Answered(reply)) => return Ok(again(reply)),
    }
    parts
        .extensions
        .insert(IdempotencyKey(Arc::from(taken.key.as_str())));
    let response = next
        .run(Request::from_parts(parts, Body::from(content)))
        .await;
    if !response.status().is_success() || response.extensions().get::<CarriesSecret>().is_some() {
        taken.release().await;
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
        .await;
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

fn in_progress(how: &str) -> ApiError {
    let why = format!("the first request with this Idempotency-Key {how}");
    ApiError::new(StatusCode::CONFLICT, "idempotency_in_progress", why).retry_after(1)
}

/// What a request finds under its key.
enum Found {
    Claim(Claim),
    /// A program that ended, or another node, took it and has not answered.
    Left(Unanswered),
}

/// A key that this request wants or has.
struct Taken {
    rest: Arc<Rest>,
    domain: String,
    key: String,
    /// When the request came that it was taken for, once it is.
    since: OnceLock<UnixMicros>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let at_work = &self.rest.at_work;
        at_work.change(&self.domain, &self.key, |count| *count -= 1);
    }
}

impl Taken {
    fn new(rest: &Arc<Rest>, domain: &str, key: String) -> Arc<Self> {
        rest.at_work.change(domain, &key, |count| *count += 1);
        Arc::new(Self {
            rest: Arc::clone(rest),
            domain: domain.to_owned(),
            key,
            since: OnceLock::new(),
        })
    }

    fn since(&self) -> UnixMicros {
        self.since.get().copied().unwrap_or_default()
    }

    fn is_alone(&self) -> bool {
        let at_work = &self.rest.at_work;
        at_work.change(&self.domain, &self.key, |_| {}) == 1
    }

    /// A key that was at work already while no other request here was, and still is, is not at work here.
    async fn found(self: &Arc<Self>, fingerprint: Vec<u8>) -> Result<Found, ApiError> {
        let mut left = None;
        loop {
            let claim = self.claim(fingerprint.clone()).await?;
            match claim {
                Claim::Running(found) if left.as_ref() == Some(&found) => {
                    self.since.get_or_init(|| found.since);
                    return Ok(Found::Left(found));
                }
                Claim::Running(found) if self.is_alone() => left = Some(found),
                claim => return Ok(Found::Claim(claim)),
            }
        }
    }

    /// This request goes on where another was left, unless a third one does already.
    async fn take_over(self: &Arc<Self>, left: Unanswered) -> Result<bool, ApiError> {
        self.write(move |db, taken| {
            let node = taken.rest.reply_ids.node();
            idempotency::take_over(db, &taken.domain, &taken.key, &left, node)
        })
        .await
    }

    async fn claim(self: &Arc<Self>, fingerprint: Vec<u8>) -> Result<Claim, ApiError> {
        let now = UnixMicros::now();
        let taken = Arc::clone(self);
        let mut claim = tokio::spawn(async move {
            let claim = taken.write(move |db, taken| {
                let expired = now.before(LIFE);
                let request = idempotency::Request {
                    domain: &taken.domain,
                    key: &taken.key,
                    fingerprint: &fingerprint,
                    node: taken.rest.reply_ids.node(),
                };
                let claim = idempotency::claim(db, &request, now, expired)?;
                if claim == Claim::First {
                    taken.since.get_or_init(|| now);
                }
                Ok(claim)
            });
            claim.await
        });
        if let Ok(claim) = tokio::time::timeout(PATIENCE, &mut claim).await {
            return claim.map_err(|panic| ApiError::internal(&panic))?;
        }
        // Nobody waits for it any more, so the key is to be free once it is taken.
        let taken = Arc::clone(self);
        tokio::spawn(async move {
            if let Ok(Ok(Claim::First)) = claim.await {
                taken.release().await;
            }
        });
        let why = "the database does not answer; nothing was done, so try again";
        Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store_away", why).retry_after(1))
    }

    async fn finish(self: &Arc<Self>, reply: Reply) {
        self.settle(move |db, taken| {
            idempotency::finish(db, &taken.domain, &taken.key, taken.since(), &reply)
        })
        .await;
    }

    async fn release(self: &Arc<Self>) {
        self.settle(|db, taken| idempotency::release(db, &taken.domain, &taken.key, taken.since()))
            .await;
    }

    /// The caller has its answer before long, whatever the database does; the key is at work until it is settled.
    async fn settle<C>(self: &Arc<Self>, change: C)
    where
        C: Fn(&hookswitch_store::Write<'_>, &Self) -> Result<(), Error> + Clone + Send + 'static,
    {
        let taken = Arc::clone(self);
        let settled = tokio::spawn(async move {
            while let Err(error) = taken.write(change.clone()).await {
                if error.status != StatusCode::SERVICE_UNAVAILABLE {
                    tracing::error!(why = %error.reason, "an Idempotency-Key could not be settled");
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
        let _ = tokio::time::timeout(PATIENCE, settled).await;
    }

    async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&hookswitch_store::Write<'_>, &Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ApiError> {
        let taken = Arc::clone(self);
        blocking(move || {
            let store = taken.rest.store.clone();
            store.write(move |db| change(db, &taken))
        })
        .await
    }
}
