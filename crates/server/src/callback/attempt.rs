//! One try of a callback: the request, and the same again with the next authentication entry while the
//! application refuses the credentials.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use tokio::time::Instant;

use super::client::{Client, Reply, Wants};
use super::sign::{RestAuth, SignError, webhook_signature};
use super::{AttemptReport, Delivery, Observer, Target, retry_after};
use crate::guard::Blocked;

/// Why a try did not deliver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryError {
    /// The address is not one this node connects to.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// Plain http to an address that is not listed.
    #[error("plain http is only allowed to listed networks, and {0} is in none")]
    PlainHttp(IpAddr),
    /// The host name has no usable address.
    #[error("the host name could not be resolved: {0}")]
    Resolve(String),
    /// No TCP connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// No TLS session, above all because of the certificate.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The time for the try is over; says in what.
    #[error("timed out {0}")]
    Timeout(&'static str),
    /// The reply is no HTTP, or the connection broke.
    #[error("HTTP failed: {0}")]
    Protocol(String),
    /// The reply body is longer than 64 KiB.
    #[error("the reply is longer than 64 KiB")]
    ReplyTooLong,
    /// A status that is not 2xx.
    #[error("the application answered {0}")]
    Status(StatusCode),
    /// The request could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The request could not be written.
    #[error("the request could not be made: {0}")]
    Request(String),
    /// The callback is switched off since the application answered 410.
    #[error("the callback is switched off, because the application answered 410 Gone")]
    SwitchedOff,
    /// Too many callbacks to this application are already waiting.
    #[error("too many callbacks to this application are waiting")]
    Busy,
}

impl TryError {
    /// The HTTP status, when the application gave one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether trying again within seconds cannot help.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::Blocked(_) | Self::PlainHttp(_) | Self::Sign(_) | Self::Request(_)
        )
    }
}

/// What one try came to.
#[derive(Debug)]
pub(super) enum Attempt {
    /// 2xx.
    Delivered { status: StatusCode, body: Bytes },
    /// A 4xx that is final.
    Refused { status: StatusCode },
    /// 410.
    Gone,
    /// Everything else.
    Retry {
        why: TryError,
        retry_after: Option<Duration>,
    },
}

impl Attempt {
    /// The status of the reply that ended it.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Delivered { status, .. } | Self::Refused { status } => Some(status.as_u16()),
            Self::Gone => Some(410),
            Self::Retry { why, .. } => why.status(),
        }
    }

    /// Why it did not deliver.
    pub(super) fn error(&self) -> Option<TryError> {
        match self {
            Self::Delivered { .. } => None,
            Self::Refused { status } => Some(TryError::Status(*status)),
            Self::Gone => Some(TryError::Status(StatusCode::GONE)),
            Self::Retry { why, .. } => Some(why.clone()),
        }
    }
}

/// Tries once, with every authentication entry if need be, before the deadline.
pub(super) async fn attempt(
    client: &Arc<Client>,
    observer: &dyn Observer,
    target: &Target,
    delivery: &Delivery,
    wants: Wants,
    deadline: Instant,
) -> Attempt {
    let mut last = None;
    let entries = target.auth.len().max(1);
    for entry in 0..entries {
        let auth = target.auth.get(entry);
        let started_at = SystemTime::now();
        let started = Instant::now();
        let unix = started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let result = exchange(client, target, auth, delivery, wants, unix, deadline).await;
        let (status, error) = match &result {
            Ok(reply) if reply.status.is_success() => (Some(reply.status), None),
            Ok(reply) => (Some(reply.status), Some(TryError::Status(reply.status))),
            Err(error) => (None, Some(error.clone())),
        };
        observer.tried(&AttemptReport {
            target,
            delivery,
            auth_entry: entry,
            status,
            error: error.as_ref(),
            started_at,
            took: started.elapsed(),
        });
        match judge(result, target.topic.is_some(), unix.as_secs()) {
            Judged::NextEntry(status) => last = Some(status),
            Judged::Done(attempt) => return attempt,
        }
    }
    let status = last.unwrap_or(StatusCode::UNAUTHORIZED);
    Attempt::Retry {
        why: TryError::Status(status),
        retry_after: None,
    }
}

enum Judged {
    NextEntry(StatusCode),
    Done(Attempt),
}

fn judge(result: Result<Reply, TryError>, is_topic: bool, unix: u64) -> Judged {
    let reply = match result {
        Ok(reply) => reply,
        Err(why) => {
            return Judged::Done(Attempt::Retry {
                why,
                retry_after: None,
            });
        }
    };
    let status = reply.status;
    Judged::Done(match status.as_u16() {
        200..=299 => Attempt::Delivered {
            status,
            body: reply.body,
        },
        401 | 403 => return Judged::NextEntry(status),
        410 if !is_topic => Attempt::Gone,
        // Amazon SNS says 400 when it is asked too often, too.
        400 if is_topic => again(&reply, unix),
        400..=499 if !matches!(status.as_u16(), 408 | 429) => Attempt::Refused { status },
        _ => again(&reply, unix),
    })
}

/// To be tried again, when the reply wishes so.
fn again(reply: &Reply, unix: u64) -> Attempt {
    let wish = reply
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    Attempt::Retry {
        why: TryError::Status(reply.status),
        retry_after: wish.and_then(|value| retry_after::parse(value, unix)),
    }
}

async fn exchange(
    client: &Arc<Client>,
    target: &Target,
    auth: Option<&RestAuth>,
    delivery: &Delivery,
    wants: Wants,
    unix: Duration,
    deadline: Instant,
) -> Result<Reply, TryError> {
    let make = |http2: bool| {
        if let Some(topic) = &target.topic {
            let unix = unix.as_secs();
            return topic.request(&target.base, &target.domain, delivery, unix, http2);
        }
        let headers = headers(target, auth, delivery, unix)?;
        let uri = target.base.request_target(delivery.name, http2);
        let mut request = Request::new(Full::new(delivery.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.map_err(|error| TryError::Request(error.to_string()))?;
        *request.headers_mut() = headers;
        if !http2 {
            let host = target.base.origin().host_header().clone();
            request.headers_mut().insert(HOST, host);
        }
        Ok(request)
    };
    client
        .exchange(target.base.origin(), &make, wants, deadline)
        .await
}

/// The headers of one request; timestamp and signature belong to the moment it is sent.
fn headers(
    target: &Target,
    auth: Option<&RestAuth>,
    delivery: &Delivery,
    unix: Duration,
) -> Result<HeaderMap, TryError> {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    const AGENT: HeaderValue =
        HeaderValue::from_static(concat!("hookswitch/", env!("CARGO_PKG_VERSION")));
    const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
    const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
    const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
    const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

    let text = |value: String| {
        HeaderValue::try_from(value).map_err(|error| TryError::Request(error.to_string()))
    };
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(USER_AGENT, AGENT);
    if let Some(auth) = auth {
        if target.sends_headers() {
            for (name, value) in auth.headers() {
                headers.insert(name, value.clone());
            }
        }
        if let Some(token) = auth.authorization(target.base.origin(), unix.as_secs())? {
            headers.insert(AUTHORIZATION, token);
        }
    }
    let timestamp = unix.as_secs().to_string();
    let id = &*delivery.webhook_id;
    if !target.secrets.is_empty() {
        let signature = webhook_signature(&target.secrets, id, &timestamp, &delivery.body);
        headers.insert(WEBHOOK_SIGNATURE, text(signature)?);
    }
    headers.insert(WEBHOOK_ID, text(id.to_owned())?);
    headers.insert(WEBHOOK_TIMESTAMP, text(timestamp)?);
    headers.insert(TRACEPARENT, text(traceparent(delivery, unix))?);
    Ok(headers)
}

/// W3C trace context: the call's trace, and a span for this request.
fn traceparent(delivery: &Delivery, unix: Duration) -> String {
    let span = super::scramble((delivery.call, delivery.sequence, unix)).max(1);
    format!("00-{}-{span:016x}-01", delivery.trace)
}
