//! The way to a PostgreSQL server: its address, TLS, and a few connections kept open on a runtime of their own.

use std::fmt;
use std::fs;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::Role;
use super::wait::wait;
use crate::{Error, Options, Result};

/// Connections for questions; more than so many at once wait for each other.
const READERS: usize = 16;

/// A PostgreSQL server and the connections to it.
pub(crate) struct Cluster {
    runtime: Option<Runtime>,
    readers: Pool,
    writer: Pool,
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: MakeRustlsConnect,
    /// The server's number for the writer's connection; its own notifications carry it.
    pub(super) own: AtomicI32,
    node: String,
    patience: Duration,
}

impl Cluster {
    /// Prepares the way; nothing is connected yet.
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self> {
        let (mut config, tls) = parse(url)?;
        let mut settings = config
            .get_options()
            .map(ToOwned::to_owned)
            .unwrap_or_default();
        // A node that vanished in the middle of a transaction must not hold its locks.
        settings.push_str(
            " -c idle_in_transaction_session_timeout=15000 -c client_connection_check_interval=2000 \
             -c default_transaction_isolation=read\\ committed -c client_min_messages=warning",
        );
        if !is_node_name(&options.node) {
            return Err(Error::Address(format!(
                "`{}` is no node's name",
                options.node
            )));
        }
        settings.push_str(&format!(" -c hookswitch.node={}", options.node));
        if !options.durable {
            settings.push_str(" -c synchronous_commit=off");
        }
        config.connect_timeout(options.busy_timeout);
        config.keepalives_idle(Duration::from_secs(15));
        config.tcp_user_timeout(Duration::from_secs(15));
        if config.get_application_name().is_none() {
            config.application_name("hookswitch");
        }
        config.options(&settings);
        let mut reading = config.clone();
        reading.options(format!("{settings} -c default_transaction_read_only=on"));
        let pool = |config: tokio_postgres::Config, size| {
            let recycling = ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            };
            Pool::builder(Manager::from_config(config, tls.clone(), recycling))
                .max_size(size)
                .build()
                .map_err(|error| Error::Away(error.to_string()))
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store-postgres")
            .enable_all()
            .build()
            .map_err(Error::io("store-postgres".as_ref()))?;
        Ok(Self {
            readers: pool(reading, READERS)?,
            writer: pool(config.clone(), 1)?,
            runtime: Some(runtime),
            config,
            tls: tls.clone(),
            own: AtomicI32::new(0),
            node: options.node.clone(),
            patience: options.busy_timeout,
        })
    }

    /// How long an answer is waited for.
    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether operators' commands are what connects here, of which there may be several at once.
    pub(super) const fn is_nameless(&self) -> bool {
        self.node.is_empty()
    }

    pub(super) fn runtime(&self) -> &Runtime {
        self.runtime
            .as_ref()
            .expect("it lasts as long as the cluster")
    }

    /// An open connection; [`Error::Away`] when there is none to be had in time.
    pub(super) fn connection(&self, role: Role) -> Result<Object> {
        let pool = match role {
            Role::Reader => self.readers.clone(),
            Role::Writer => self.writer.clone(),
        };
        let node = self.node.clone();
        let task = self.runtime().spawn(async move {
            let client = pool.get().await.map_err(|error| match error {
                PoolError::Backend(error) => Error::from(&error),
                error => Error::Away(error.to_string()),
            })?;
            if role == Role::Reader {
                return Ok((client, 0));
            }
            // Held as long as the connection: two nodes of one name would tell the same events, and restore the same calls.
            let row = client
                .query_one(
                    "SELECT pg_backend_pid(), current_setting('hookswitch.node') = '' \
                     OR pg_try_advisory_lock(hashtext('hookswitch'), hashtext(current_setting('hookswitch.node')))",
                    &[],
                )
                .await;
            let known = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
            match known.map_err(|error| Error::from(&error))? {
                (own, true) => Ok((client, own)),
                (_, false) => {
                    // Given back, it would go on trying for the lock with what it holds.
                    drop(Object::take(client));
                    Err(Error::NodeInUse(node))
                }
            }
        });
        let abort = task.abort_handle();
        match wait(task, self.patience) {
            Some(Ok(connected)) => {
                let (client, own) = connected?;
                if role == Role::Writer {
                    self.own.store(own, Ordering::Relaxed);
                }
                Ok(client)
            }
            Some(Err(_)) => Err(Error::Closed),
            None => {
                abort.abort();
                Err(Error::Away(format!(
                    "no connection within {:?}",
                    self.patience
                )))
            }
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cluster(…)")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The last to hold it may be a thread that must not block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Letters that need no quoting in a connection's options.
fn is_node_name(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// The address and how it is to be protected. `sslrootcert`, `verify-ca` and `verify-full` are PostgreSQL's own words;
/// here every certificate is verified in full.
fn parse(url: &str) -> Result<(tokio_postgres::Config, MakeRustlsConnect)> {
    let bad = |why: String| Error::Address(why);
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(bad("it must begin with postgres://".to_owned()));
    }
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut roots = None;
    let mut says_mode = false;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslrootcert", file)) => roots = Some(file),
            Some(("sslmode", mode)) => {
                says_mode = true;
                kept.push(match mode {
                    "verify-ca" | "verify-full" => "sslmode=require",
                    _ => pair,
                });
            }
            _ => kept.push(pair),
        }
    }
    let plain = format!("{address}?{}", kept.join("&"));
    let mut config = tokio_postgres::Config::from_str(&plain).map_err(|error| {
        let why = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string);
        bad(why)
    })?;
    if !says_mode {
        let is_near = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
        };
        let near = config.get_hosts().iter().all(is_near);
        config.ssl_mode(if near {
            SslMode::Disable
        } else {
            SslMode::Require
        });
    }
    let mut store = RootCertStore::empty();
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let pem = fs::read(file).map_err(Error::io(file.as_ref()))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let added = certificate
                    .ok()
                    .and_then(|certificate| store.add(certificate).ok());
                added.ok_or_else(|| {
                    bad(format!("sslrootcert {file} holds no certificates in PEM"))
                })?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok((config, MakeRustlsConnect::new(tls)))
}

#[cfg(test)]
mod tests;
