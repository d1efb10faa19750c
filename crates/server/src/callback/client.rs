//! One HTTP exchange on a pooled connection: HTTP/2 where the server agrees to it, else HTTP/1.1.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::attempt::TryError;
use super::connect::Connector;
use super::connection::{Failure, Http1, Http2, REPLY_LIMIT, before_reply, read_body};
use super::url::Origin;

/// Longest time to open a connection, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a body nobody needs may take before its connection is given up for it.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// How long a connection is kept without a request on it.
const IDLE_LIMIT: Duration = Duration::from_secs(50);
/// Idle HTTP/1.1 connections kept per origin.
const IDLE_PER_ORIGIN: usize = 128;
/// Idle HTTP/1.1 connections kept in all.
const IDLE_IN_ALL: usize = 2048;

/// The connections to all customers.
pub(super) struct Client {
    connector: Connector,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    origins: HashMap<Box<str>, Pool>,
    idle: usize,
    sweeping: bool,
}

/// What is known of one origin.
struct Pool {
    idle: Vec<Idle>,
    http2: Option<Http2>,
    speaks: Option<Version>,
    /// Held while a connection is opened whose version is not known to be HTTP/1.1, so that one is opened, not many.
    opening: Arc<tokio::sync::Mutex<()>>,
    used: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

struct Idle {
    connection: Box<Http1>,
    since: Instant,
}

/// How much of a reply is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Status and whole body.
    Body,
    /// The status alone decides; the body is read only to use the connection again.
    Status,
}

/// A reply, its body cut off from the connection.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Makes the request, for HTTP/2 (`true`) or HTTP/1.1.
pub(super) trait MakeRequest:
    Fn(bool) -> Result<Request<Full<Bytes>>, TryError> + Sync
{
}
impl<F: Fn(bool) -> Result<Request<Full<Bytes>>, TryError> + Sync> MakeRequest for F {}

impl Client {
    pub(super) fn new(connector: Connector) -> Arc<Self> {
        Arc::new(Self {
            connector,
            pools: Mutex::default(),
        })
    }

    /// Sends one request to an origin and reads the reply, all before the deadline.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        origin: &Origin,
        request: &impl MakeRequest,
        wants: Wants,
        deadline: Instant,
    ) -> Result<Reply, TryError> {
        // A server may close an idle connection while a request is on its way. Every callback carries its
        // webhook-id, so sending it again cannot do harm (RFC 9110 §9.2.2).
        let mut reused = self.reuse(origin);
        loop {
            let last = reused.is_none();
            let connection = match reused.take() {
                Some(connection) => connection,
                None => {
                    let limit = deadline.min(Instant::now() + CONNECT_LIMIT);
                    // What is seldom needed is boxed, or every callback in flight would carry its size.
                    let opened = timeout_at(limit, Box::pin(self.open(origin))).await;
                    opened.map_err(|_| TryError::Timeout("connecting"))??
                }
            };
            let result = match connection {
                Opened::Http1(connection) => {
                    self.over_http1(origin, connection, request(false)?, wants, deadline)
                        .await
                }
                Opened::Http2(sender) => {
                    let request = request(true)?;
                    Box::pin(self.over_http2(origin, sender, request, wants, deadline)).await
                }
            };
            match result {
                Ok(reply) => return Ok(reply),
                Err(Failure::BeforeReply(_)) if !last => {}
                Err(Failure::BeforeReply(error) | Failure::Final(error)) => return Err(error),
            }
        }
    }

    /// A connection that is there already.
    fn reuse(&self, origin: &Origin) -> Option<Opened> {
        let idle = self.idle(origin).map(Opened::Http1);
        idle.or_else(|| self.shared(origin).map(Opened::Http2))
    }

    async fn over_http1(
        self: &Arc<Self>,
        origin: &Origin,
        mut connection: Box<Http1>,
        request: Request<Full<Bytes>>,
        wants: Wants,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let head = timeout_at(deadline, connection.send(request)).await;
        let (head, body) = head.map_err(|_| Failure::TOO_LATE)??.into_parts();
        let limit = limit_for(wants, deadline);
        let body = timeout_at(limit, read_body(body, |cx| connection.drive(cx))).await;
        if matches!(body, Ok(Ok(_))) && connection.is_reusable().await {
            self.keep(origin, connection);
        }
        reply_of(head, body, wants)
    }

    async fn over_http2(
        &self,
        origin: &Origin,
        mut sender: Http2,
        request: Request<Full<Bytes>>,
        wants: Wants,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let head = timeout_at(deadline, async {
            sender.ready().await?;
            sender.send_request(request).await
        });
        let Ok(head) = head.await else {
            // The connection may be dead without anybody having said so: the next request opens another one.
            self.forget_http2(origin);
            return Err(Failure::TOO_LATE);
        };
        let (head, body) = head.map_err(|error| before_reply(&error))?.into_parts();
        let body = timeout_at(limit_for(wants, deadline), read_body(body, |_| ())).await;
        reply_of(head, body, wants)
    }

    /// Opens a connection; of several callers to an HTTP/2 server one does, and the others share it.
    async fn open(self: &Arc<Self>, origin: &Origin) -> Result<Opened, TryError> {
        let mut alone = None;
        if origin.is_secure() {
            let opening = {
                let mut pools = self.pools();
                Arc::clone(&pools.origin(origin).opening)
            };
            let lock = opening.lock_owned().await;
            if let Some(sender) = self.shared(origin) {
                return Ok(Opened::Http2(sender));
            }
            if self.pools().origin(origin).speaks != Some(Version::Http1) {
                alone = Some(lock);
            }
        }
        let (stream, http2) = self.connector.connect(origin).await?;
        let io = TokioIo::new(stream);
        let opened = if http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(Duration::from_secs(20))
                .keep_alive_timeout(Duration::from_secs(10))
                .max_header_list_size(16 * 1024)
                .handshake(io)
                .await
                .map_err(|error| TryError::Protocol(error.to_string()))?;
            // Its end is seen by whoever uses the sender next.
            tokio::spawn(async move { connection.await.ok() });
            let mut pools = self.pools();
            let pool = pools.origin(origin);
            pool.speaks = Some(Version::Http2);
            pool.http2 = Some(sender.clone());
            self.sweep(&mut pools);
            Opened::Http2(sender)
        } else {
            let (sender, connection) = http1::Builder::new()
                .max_buf_size(REPLY_LIMIT)
                .handshake(io)
                .await
                .map_err(|error| TryError::Protocol(error.to_string()))?;
            let mut pools = self.pools();
            pools.origin(origin).speaks = Some(Version::Http1);
            self.sweep(&mut pools);
            Opened::Http1(Box::new(Http1::new(sender, connection)))
        };
        drop(alone);
        Ok(opened)
    }

    /// An idle HTTP/1.1 connection that the server has not closed, the last used one first.
    fn idle(&self, origin: &Origin) -> Option<Box<Http1>> {
        loop {
            let mut pools = self.pools();
            let idle = pools.origins.get_mut(origin.as_str())?.idle.pop()?;
            pools.idle -= 1;
            drop(pools);
            let mut connection = idle.connection;
            connection.drive(&mut Context::from_waker(Waker::noop()));
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    /// The HTTP/2 connection to the origin, while it lives.
    fn shared(&self, origin: &Origin) -> Option<Http2> {
        let mut pools = self.pools();
        let pool = pools.origins.get_mut(origin.as_str())?;
        pool.used = Instant::now();
        pool.http2.take_if(|sender| sender.is_closed());
        pool.http2.clone()
    }

    fn forget_http2(&self, origin: &Origin) {
        if let Some(pool) = self.pools().origins.get_mut(origin.as_str()) {
            pool.http2 = None;
        }
    }

    fn keep(self: &Arc<Self>, origin: &Origin, connection: Box<Http1>) {
        let now = Instant::now();
        let mut pools = self.pools();
        if pools.idle >= IDLE_IN_ALL {
            return;
        }
        let pool = pools.origin(origin);
        pool.used = now;
        if pool.idle.len() < IDLE_PER_ORIGIN {
            pool.idle.push(Idle {
                connection,
                since: now,
            });
            pools.idle += 1;
            self.sweep(&mut pools);
        }
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that idle connections are closed in time; the task ends when there is nothing left to close.
    fn sweep(self: &Arc<Self>, pools: &mut Pools) {
        if !std::mem::replace(&mut pools.sweeping, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }
}

async fn sweep(client: Weak<Client>) {
    loop {
        tokio::time::sleep(IDLE_LIMIT / 4).await;
        let Some(client) = client.upgrade() else {
            return;
        };
        let now = Instant::now();
        let mut pools = client.pools();
        pools.origins.retain(|_, pool| {
            pool.idle.retain(|idle| now < idle.since + IDLE_LIMIT);
            let unused = now >= pool.used + IDLE_LIMIT;
            pool.http2.take_if(|sender| unused || sender.is_closed());
            !unused || !pool.idle.is_empty()
        });
        pools.idle = pools.origins.values().map(|pool| pool.idle.len()).sum();
        if pools.origins.is_empty() {
            pools.sweeping = false;
            return;
        }
    }
}

impl Pools {
    fn origin(&mut self, origin: &Origin) -> &mut Pool {
        // Not the entry API: it would copy the key every time.
        if !self.origins.contains_key(origin.as_str()) {
            let pool = Pool {
                idle: Vec::new(),
                http2: None,
                speaks: None,
                opening: Arc::default(),
                used: Instant::now(),
            };
            self.origins.insert(origin.as_str().into(), pool);
        }
        self.origins
            .get_mut(origin.as_str())
            .expect("it was put there above")
    }
}

/// What came of an exchange whose head is there: a body that nobody needs may fail or take too long.
fn reply_of(
    head: Parts,
    body: Result<Result<Bytes, TryError>, Elapsed>,
    wants: Wants,
) -> Result<Reply, Failure> {
    let body = match body {
        Ok(Ok(body)) => body,
        _ if wants == Wants::Status => Bytes::new(),
        Ok(Err(error)) => return Err(Failure::Final(error)),
        Err(_) => return Err(Failure::TOO_LATE),
    };
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body,
    })
}

fn limit_for(wants: Wants, deadline: Instant) -> Instant {
    match wants {
        Wants::Body => deadline,
        Wants::Status => deadline.min(Instant::now() + DRAIN_LIMIT),
    }
}

enum Opened {
    Http1(Box<Http1>),
    Http2(Http2),
}
