//! A customer's application: a web server whose answers a test decides.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// A request as the application got it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }
}

/// What the application answers.
pub(crate) enum Reply {
    Status(u16),
    StatusWith(u16, &'static str, String),
    Json(String),
    /// 200 and a body without an end.
    Endless,
    /// Nothing, ever.
    Silence,
    /// 200 once the test allows it.
    After(tokio::sync::oneshot::Receiver<()>),
}

/// A running application.
pub(crate) struct Application {
    address: SocketAddr,
    scheme: &'static str,
    connections: Arc<AtomicUsize>,
    requests: mpsc::UnboundedReceiver<Seen>,
    server: tokio::task::AbortHandle,
}

impl Drop for Application {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Application {
    /// An application on plain http.
    pub(crate) async fn start(answer: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        Self::start_with(None, answer).await
    }

    /// An application on https.
    pub(crate) async fn start_tls(
        tls: TlsAcceptor,
        answer: impl FnMut(&Seen) -> Reply + Send + 'static,
    ) -> Self {
        Self::start_with(Some(tls), answer).await
    }

    async fn start_with(
        tls: Option<TlsAcceptor>,
        answer: impl FnMut(&Seen) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, requests) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            seen: sender,
            answer: std::sync::Mutex::new(answer),
        });
        let counter = Arc::clone(&connections);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, tls.clone(), Arc::clone(&desk)));
            }
        });
        Self {
            address,
            scheme,
            connections,
            requests,
            server: server.abort_handle(),
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url_as("127.0.0.1")
    }

    pub(crate) fn url_as(&self, host: &str) -> String {
        format!("{}://{host}:{}/hooks", self.scheme, self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The next request, which may still be on its way.
    pub(crate) async fn request(&mut self) -> Seen {
        self.requests.recv().await.unwrap()
    }

    /// The requests that have come and were not looked at yet.
    pub(crate) fn requests(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

struct Desk<F> {
    seen: mpsc::UnboundedSender<Seen>,
    answer: std::sync::Mutex<F>,
}

async fn serve<F>(stream: TcpStream, tls: Option<TlsAcceptor>, desk: Arc<Desk<F>>)
where
    F: FnMut(&Seen) -> Reply + Send + 'static,
{
    let service = service_fn(move |request| answer(Arc::clone(&desk), request));
    let server = auto::Builder::new(TokioExecutor::new());
    // A client that goes away in the middle is part of many tests.
    match tls {
        None => drop(server.serve_connection(TokioIo::new(stream), service).await),
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            }
        }
    }
}

type ReplyBody = UnsyncBoxBody<Bytes, Infallible>;

async fn answer<F>(
    desk: Arc<Desk<F>>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible>
where
    F: FnMut(&Seen) -> Reply + Send + 'static,
{
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let seen = Seen {
        method: head.method,
        path: head.uri.path_and_query().unwrap().to_string(),
        version: head.version,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let reply = (desk.answer.lock().unwrap())(&seen);
    desk.seen.send(seen).ok();
    let full = |text: String| Full::new(Bytes::from(text)).boxed_unsync();
    let builder = Response::builder();
    let response = match reply {
        Reply::Status(status) => builder.status(status).body(full(String::new())),
        Reply::StatusWith(status, name, value) => builder
            .status(status)
            .header(name, value)
            .body(full(String::new())),
        Reply::Json(text) => builder.body(full(text)),
        Reply::Endless => builder.body(Endless.boxed_unsync()),
        Reply::Silence => pending().await,
        Reply::After(allowed) => {
            allowed.await.unwrap();
            builder.body(full(String::new()))
        }
    };
    Ok(response.unwrap())
}

struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 4096])))))
    }
}
