//! Opens connections for callbacks: resolves the host, asks the guard about every address, dials, and
//! speaks TLS. It obeys no proxy variables.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::{ResolverBuilder, TokioResolver};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::attempt::TryError;
use super::url::Origin;
use crate::guard::Guard;

/// How long one address may take before the next one is tried beside it (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 6;

/// Answers with the addresses of a host name.
pub trait Resolve: Send + Sync + 'static {
    /// Every address of the name, best first.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// A look-up under way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Look-ups as the system's resolver configuration says, with a cache that honours TTLs.
pub struct SystemNames(TokioResolver);

impl SystemNames {
    /// Reads the system's resolver configuration.
    pub fn from_system() -> io::Result<Self> {
        let resolver = TokioResolver::builder_tokio().and_then(ResolverBuilder::build);
        resolver.map(Self).map_err(io::Error::other)
    }
}

impl Resolve for SystemNames {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = self.0.lookup_ip(host).await.map_err(io::Error::other)?;
            Ok(found.iter().collect())
        })
    }
}

/// Dials origins.
#[derive(Clone)]
pub(super) struct Connector {
    guard: Guard,
    names: Arc<dyn Resolve>,
    tls: TlsConnector,
}

impl Connector {
    /// A connector that trusts the WebPKI roots and the given ones.
    pub(super) fn new(
        guard: Guard,
        names: Arc<dyn Resolve>,
        extra_roots: Vec<CertificateDer<'static>>,
    ) -> io::Result<Self> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for root in extra_roots {
            roots.add(root).map_err(io::Error::other)?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            guard,
            names,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// A connection to the origin, and whether HTTP/2 was agreed on it.
    pub(super) async fn connect(&self, origin: &Origin) -> Result<(Stream, bool), TryError> {
        let addresses = self.addresses(origin).await?;
        let tcp = dial(&addresses, origin.port()).await?;
        tcp.set_nodelay(true)
            .map_err(|error| TryError::Connect(error.to_string()))?;
        if !origin.is_secure() {
            return Ok((Stream::Plain(tcp), false));
        }
        let name = ServerName::try_from(origin.host().to_owned())
            .map_err(|error| TryError::Tls(error.to_string()))?;
        let tls = self.tls.connect(name, tcp).await;
        let tls = tls.map_err(|error| TryError::Tls(error.to_string()))?;
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Stream::Tls(Box::new(tls)), http2))
    }

    /// The addresses of the origin that may be dialled.
    async fn addresses(&self, origin: &Origin) -> Result<Vec<IpAddr>, TryError> {
        let found = match origin.host().parse() {
            Ok(address) => vec![address],
            Err(_) => {
                let found = self.names.resolve(origin.host()).await;
                found.map_err(|error| TryError::Resolve(error.to_string()))?
            }
        };
        let mut allowed = Vec::with_capacity(found.len());
        let mut refused = None;
        for address in found {
            match self.guard.check(address) {
                Err(blocked) => refused = Some(TryError::Blocked(blocked)),
                Ok(()) if !origin.is_secure() && !self.guard.listed(address) => {
                    refused = Some(TryError::PlainHttp(address));
                }
                Ok(()) => allowed.push(address),
            }
        }
        allowed.truncate(ADDRESSES);
        match refused {
            Some(refused) if allowed.is_empty() => Err(refused),
            _ if allowed.is_empty() => Err(TryError::Resolve("the name has no address".to_owned())),
            _ => Ok(allowed),
        }
    }
}

/// The first connection that opens; a slow address does not hold up the next one.
async fn dial(addresses: &[IpAddr], port: u16) -> Result<TcpStream, TryError> {
    if let [only] = addresses {
        return open(SocketAddr::new(*only, port)).await;
    }
    let mut dialling = JoinSet::new();
    let mut waiting = addresses.iter();
    let mut last = None;
    loop {
        let more = match waiting.next() {
            Some(address) => {
                dialling.spawn(open(SocketAddr::new(*address, port)));
                waiting.len() > 0
            }
            None => false,
        };
        let finished = if more {
            tokio::time::timeout(STAGGER, dialling.join_next()).await
        } else {
            Ok(dialling.join_next().await)
        };
        match finished {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => last = Some(error),
            Ok(Some(Err(error))) => last = Some(TryError::Connect(error.to_string())),
            Ok(None) => {
                let none = || TryError::Connect("no address answered".to_owned());
                return Err(last.unwrap_or_else(none));
            }
            Err(_) => {}
        }
    }
}

async fn open(address: SocketAddr) -> Result<TcpStream, TryError> {
    TcpStream::connect(address)
        .await
        .map_err(|error| TryError::Connect(error.to_string()))
}

/// A connection to a customer, plain or TLS.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
