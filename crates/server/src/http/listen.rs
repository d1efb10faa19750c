//! The HTTP sockets: HTTP/1.1 and HTTP/2, in the clear or under TLS, with bounds on what a slow or
//! silent client may hold.

mod opening;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower::ServiceExt as _;

use crate::brake::Brakes;
use crate::config::TlsFiles;
use opening::Opening;

/// Connections at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// Connections of one address at a time.
const MAX_PER_ADDRESS: usize = 1_024;
/// The longest head of a request, in octets; a client that sends it slowly holds that much memory.
const MAX_HEAD: usize = 64 * 1024;
/// The patience of a [`Crowd`].
const PATIENCE: Duration = Duration::from_secs(15);
/// What is being answered when the server stops may take so long.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Reads a certificate chain and its key, for HTTP over TLS.
pub fn tls(files: &TlsFiles) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("--tls-cert {} cannot be read", files.certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("--tls-key {} cannot be read", files.key.display()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("--tls-cert and --tls-key do not belong together")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Who is connected, over all sockets: no address takes every place.
#[derive(Debug)]
pub struct Crowd {
    places: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    proxies: Vec<IpNet>,
    brakes: Arc<Brakes>,
    /// A request's head, and a TLS handshake, take no longer; so long a connection may be idle.
    patience: Duration,
}

impl Crowd {
    /// Nobody is connected yet. `most` connections at a time, if that is less than the built-in bound; `proxies` may
    /// have all of them, since they speak for many.
    pub fn new(most: usize, proxies: Vec<IpNet>, brakes: Arc<Brakes>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most.clamp(1, MAX_CONNECTIONS))),
            by_address: Mutex::default(),
            proxies,
            brakes,
            patience: PATIENCE,
        }
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: that address has too many connections.
    fn admit(self: &Arc<Self>, peer: IpAddr, place: OwnedSemaphorePermit) -> Option<Guest> {
        let peer = peer.to_canonical();
        let is_proxy = self.proxies.iter().any(|network| network.contains(&peer));
        let mut by_address = self.by_address();
        let count = by_address.entry(peer).or_default();
        if *count >= MAX_PER_ADDRESS && !is_proxy {
            self.brakes.http_connections.hit(Instant::now());
            return None;
        }
        *count += 1;
        Some(Guest {
            crowd: Arc::clone(self),
            peer,
            _place: place,
        })
    }
}

/// A connection's place.
struct Guest {
    crowd: Arc<Crowd>,
    peer: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut by_address = self.crowd.by_address();
        if let Some(count) = by_address.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.peer);
            }
        }
    }
}

/// Answers on one socket until `stop` turns true; requests under way are finished first.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    crowd: Arc<Crowd>,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    loop {
        let place = Arc::clone(&crowd.places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others have to end first.
                tracing::debug!(%error, "no HTTP connection can be accepted");
                crowd.brakes.descriptors.hit(Instant::now());
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(guest) = crowd.admit(peer.ip(), place) else {
            continue;
        };
        let connection = Connection {
            patience: crowd.patience,
            router: router.clone(),
            peer,
            watcher: graceful.watcher(),
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            connection.run(stream, acceptor).await;
            drop(guest);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(LAST_ANSWERS, graceful.shutdown()).await;
}

struct Connection {
    patience: Duration,
    router: Router,
    peer: SocketAddr,
    watcher: hyper_util::server::graceful::Watcher,
}

impl Connection {
    async fn run(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        // Small answers leave at once; an error means that the peer is gone already.
        let _ = stream.set_nodelay(true);
        match acceptor {
            None => self.answer(stream).await,
            Some(acceptor) => {
                match tokio::time::timeout(self.patience, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => self.answer(stream).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self {
            patience,
            router,
            peer,
            watcher,
        } = self;
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let router = router.clone();
            async move {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(ConnectInfo(peer));
                router
                    .oneshot(request)
                    .await
                    .map_err(|never: Infallible| never)
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .max_buf_size(MAX_HEAD)
            .header_read_timeout(patience);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .max_concurrent_streams(256);
        let connection = builder
            .serve_connection(TokioIo::new(Opening::new(stream, patience)), service)
            .into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "an HTTP connection broke");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn router() -> Router {
        let who = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() };
        Router::new().route("/", axum::routing::get(who))
    }

    fn crowd(proxies: &[&str]) -> Arc<Crowd> {
        let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        Arc::new(Crowd::new(2_000, proxies, Arc::default()))
    }

    #[test]
    fn no_address_takes_every_place_but_a_proxy_may() {
        let crowd = crowd(&["192.0.2.8/32"]);
        let admit = |peer: &str| {
            let place = Arc::clone(&crowd.places).try_acquire_owned().unwrap();
            crowd.admit(peer.parse().unwrap(), place)
        };
        let mut guests: Vec<Guest> = (0..MAX_PER_ADDRESS)
            .filter_map(|_| admit("192.0.2.1"))
            .collect();
        assert_eq!(guests.len(), MAX_PER_ADDRESS);
        assert!(admit("192.0.2.1").is_none() && admit("::ffff:192.0.2.1").is_none());
        assert!(admit("192.0.2.2").is_some());
        guests.pop();
        assert!(admit("192.0.2.1").is_some());
        drop(guests);
        assert!(crowd.by_address().is_empty(), "nobody is remembered");
        let proxied: Vec<Guest> = (0..=MAX_PER_ADDRESS)
            .filter_map(|_| admit("192.0.2.8"))
            .collect();
        assert_eq!(proxied.len(), MAX_PER_ADDRESS + 1);
    }

    #[tokio::test]
    async fn a_connection_that_asks_nothing_is_closed_also_after_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_stop, stopped) = watch::channel(false);
        let crowd = Crowd {
            patience: Duration::from_millis(100),
            ..Crowd::new(10, Vec::new(), Arc::default())
        };
        tokio::spawn(serve(listener, None, router(), Arc::new(crowd), stopped));
        for first in [
            "",
            "PRI * HT",
            "GET / HT",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(first.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let closed = stream.read_to_end(&mut answer);
            let closed = tokio::time::timeout(Duration::from_secs(10), closed).await;
            assert!(closed.is_ok(), "{first:?} keeps its connection");
        }
    }

    #[tokio::test]
    async fn a_head_beyond_all_bounds_is_refused_before_it_fills_memory() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(serve(listener, None, router(), crowd(&[]), stopped));
        for (octets, status) in [(MAX_HEAD / 2, "200"), (2 * MAX_HEAD, "431")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let long = "a".repeat(octets);
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, *format!("HTTP/1.1 {status}").as_bytes());
        }
    }

    async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn requests_know_their_peer_and_a_stopped_server_listens_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(listener, None, router(), crowd(&[]), stopped));
        let answer = ask(TcpStream::connect(address).await.unwrap()).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"),
            "{answer}"
        );
        stop.send(true).unwrap();
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn the_same_is_answered_under_tls() {
        let folder = tempfile::tempdir().unwrap();
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.certificate, signed.cert.pem()).unwrap();
        std::fs::write(&files.key, signed.signing_key.serialize_pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(serve(
            listener,
            Some(tls(&files).unwrap()),
            router(),
            crowd(&[]),
            stopped,
        ));

        let mut roots = tokio_rustls::rustls::RootCertStore::empty();
        roots.add(signed.cert.der().clone()).unwrap();
        let client = tokio_rustls::rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = connector
            .connect("localhost".try_into().unwrap(), stream)
            .await
            .unwrap();
        assert!(ask(stream).await.starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn a_key_that_is_not_there_is_named_with_its_option() {
        let files = TlsFiles {
            certificate: "/nowhere/c.pem".into(),
            key: "/nowhere/k.pem".into(),
        };
        assert!(
            tls(&files)
                .unwrap_err()
                .to_string()
                .starts_with("--tls-cert /nowhere/c.pem")
        );
    }
}
