//! What `serve` may be told, from three places: a flag, else an environment variable
//! `HOOKSWITCH_…`, else the TOML file of `--config`. Read and checked once, before anything starts.
//! It opens nothing but that file: whether a port is free or a folder writable shows later.

mod options;
mod sources;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookswitch_sip::flow::Transport;
use ipnet::IpNet;

use crate::callback::Sns;

use options::UNSEEN;
pub use options::{FolderOptions, ServeOptions};
pub use sources::{ConfigError, Environment};
use sources::{Given, Sources};

/// Where the data lives, for every command that touches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The folder of database, keys, lock and control socket.
    pub folder: PathBuf,
    /// The PostgreSQL database, when it is not the one in the folder.
    pub database: Option<DatabaseUrl>,
    /// The file of the key that seals secrets.
    pub master_key_file: PathBuf,
}

/// The address of a PostgreSQL database; it may hold a password and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address, password and all.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

/// Everything `serve` was told, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the data lives.
    pub data: Folder,
    /// The address of the REST interface in the clear.
    pub http: SocketAddr,
    /// The address of the REST interface under TLS.
    pub https: Option<SocketAddr>,
    /// Certificate and key for `--https` and the `tls` and `wss` kinds of `--sip`.
    pub tls: Option<TlsFiles>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The SIP sockets, in this order.
    pub sip: Vec<SipListen>,
    /// What Contact, Via and `ivrServer` say instead of the bound address.
    pub advertise: Option<Advertise>,
    /// The node's name in reply ids, the ready line and, when it was given, callbacks.
    pub node: String,
    /// Whether the node's name was given, so that callbacks carry `siteId`.
    pub node_named: bool,
    /// `siteBaseUrl` of callbacks.
    pub site_base_url: Option<String>,
    /// Private networks that callbacks may reach.
    pub callback_allow: Vec<IpNet>,
    /// Private networks that SIP requests may reach.
    pub sip_allow: Vec<IpNet>,
    /// How notifications are published to topics of Amazon SNS; `None`: they are not.
    pub sns: Option<Sns>,
    /// Loopback is allowed, drill destinations exist.
    pub dev: bool,
    /// Above this rate new INVITEs get 503.
    pub max_calls_per_second: Option<u32>,
    /// Above this number of calls new INVITEs get 503.
    pub max_calls: Option<u32>,
    /// How long running calls are kept after SIGTERM.
    pub drain_timeout: Duration,
    /// Call shards; `None` means half of the processors.
    pub shards: Option<u16>,
    /// The filter of the log on stderr.
    pub log: String,
}

/// A certificate chain and its key, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, our own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// One SIP socket to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipListen {
    /// Its transport.
    pub transport: Transport,
    /// Its address; port 0 means any free one.
    pub address: SocketAddr,
}

/// The address others reach us at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertise {
    /// The address.
    pub ip: IpAddr,
    /// The port, where it differs from the bound one.
    pub port: Option<u16>,
}

const DEFAULT_DATA: &str = "./hookswitch-data";
const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_SIP: [&str; 2] = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"];
const DEFAULT_NODE: &str = "node-1";
const DEFAULT_DRAIN: Duration = Duration::from_secs(60);

impl Folder {
    /// Reads `--data` and `--master-key-file` from flags, environment and file.
    pub fn read(flags: &FolderOptions, environment: Environment<'_>) -> Result<Self, ConfigError> {
        Self::from_sources(&Sources::open(flags.config.as_deref(), environment)?, flags)
    }

    fn from_sources(sources: &Sources<'_>, flags: &FolderOptions) -> Result<Self, ConfigError> {
        let folder = sources.one("data", flags.data.as_deref())?.map_or_else(
            || Ok(PathBuf::from(DEFAULT_DATA)),
            |given| given.parse(value::path),
        )?;
        let database = sources.one("database", flags.database.as_deref())?;
        let database = parse(database, value::database)?;
        let master_key_file =
            match sources.one("master-key-file", flags.master_key_file.as_deref())? {
                Some(given) => given.parse(value::path)?,
                None => Self::usual_key_file(&folder),
            };
        Ok(Self {
            folder,
            database,
            master_key_file,
        })
    }

    /// The key's file where no other one is named.
    pub fn usual_key_file(folder: &Path) -> PathBuf {
        folder.join("master.key")
    }

    /// The same folder with the database that a server works on.
    ///
    /// # Errors
    /// When it is no address of one.
    pub fn with_database(self, url: Option<&str>) -> Result<Self, String> {
        let database = url.map(value::database).transpose()?;
        Ok(Self { database, ..self })
    }

    /// The file whose lock says that somebody works on the folder.
    pub fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// The socket through which commands reach a running server.
    pub fn control_socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }
}

impl Config {
    /// What `serve --dev` would be told for one folder: loopback only, any free ports.
    pub fn for_loopback(data: Folder) -> Self {
        let any = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
        let sip = [Transport::Udp, Transport::Tcp];
        Self {
            data,
            http: any,
            https: None,
            tls: None,
            trusted_proxies: Vec::new(),
            sip: sip
                .map(|transport| SipListen {
                    transport,
                    address: any,
                })
                .to_vec(),
            advertise: None,
            node: DEFAULT_NODE.to_owned(),
            node_named: false,
            site_base_url: None,
            callback_allow: value::loopback().to_vec(),
            sip_allow: value::loopback().to_vec(),
            sns: None,
            dev: true,
            max_calls_per_second: None,
            max_calls: None,
            drain_timeout: DEFAULT_DRAIN,
            shards: None,
            log: "warn".to_owned(),
        }
    }

    /// Reads every option of `serve`; the first one that is wrong is named in the error.
    pub fn read(flags: &ServeOptions, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let sources = Sources::open(flags.data.config.as_deref(), environment)?;
        let data = Folder::from_sources(&sources, &flags.data)?;
        let one = |option, flag: &Option<String>| sources.one(option, flag.as_deref());
        let many = |option, flags: &[String]| sources.many(option, flags);

        let dev = sources.switch("dev", flags.dev)?;
        let http = parse_or(one("http", &flags.http)?, value::socket, DEFAULT_HTTP)?;
        let https = parse(one("https", &flags.https)?, value::socket)?;
        let tls = tls_files(&sources, flags)?;
        let sip = sip_sockets(&sources, flags)?;
        let needs_tls = sip
            .iter()
            .any(|s| matches!(s.transport, Transport::Tls | Transport::Wss));
        if tls.is_none() && (https.is_some() || needs_tls) {
            let option = if https.is_some() { "https" } else { "sip" };
            return Err(ConfigError::incomplete(
                option,
                "TLS needs a certificate: give --tls-cert and --tls-key as well",
            ));
        }
        let node = parse(one("node", &flags.node)?, value::node_name)?;
        let mut callback_allow = parse_all(
            many("callback-allow", &flags.callback_allow)?,
            value::network,
        )?;
        let mut sip_allow = parse_all(many("sip-allow", &flags.sip_allow)?, value::network)?;
        if dev {
            callback_allow.extend(value::loopback());
            sip_allow.extend(value::loopback());
        }
        Ok(Self {
            data,
            http,
            https,
            tls,
            trusted_proxies: parse_all(
                many("trusted-proxy", &flags.trusted_proxy)?,
                value::network,
            )?,
            sip,
            advertise: parse(one("advertise", &flags.advertise)?, value::advertise)?,
            node_named: node.is_some(),
            node: node.unwrap_or_else(|| DEFAULT_NODE.to_owned()),
            site_base_url: parse(one("site-base-url", &flags.site_base_url)?, value::base_url)?,
            callback_allow,
            sip_allow,
            sns: sns(&sources, flags)?,
            dev,
            max_calls_per_second: parse(
                one("max-calls-per-second", &flags.max_calls_per_second)?,
                value::count,
            )?,
            max_calls: parse(one("max-calls", &flags.max_calls)?, value::count)?,
            drain_timeout: parse_or(
                one("drain-timeout", &flags.drain_timeout)?,
                value::duration,
                DEFAULT_DRAIN,
            )?,
            shards: parse(one("shards", &flags.shards)?, value::shards)?,
            log: parse(one("log", &flags.log)?, value::text)?.unwrap_or_else(|| "info".to_owned()),
        })
    }
}

fn tls_files(sources: &Sources<'_>, flags: &ServeOptions) -> Result<Option<TlsFiles>, ConfigError> {
    let certificate = parse(
        sources.one("tls-cert", flags.tls_cert.as_deref())?,
        value::path,
    )?;
    let key = parse(
        sources.one("tls-key", flags.tls_key.as_deref())?,
        value::path,
    )?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::incomplete(
            "tls-cert",
            "its private key is missing: give --tls-key",
        )),
        (None, Some(_)) => Err(ConfigError::incomplete(
            "tls-key",
            "its certificate is missing: give --tls-cert",
        )),
    }
}

fn sns(sources: &Sources<'_>, flags: &ServeOptions) -> Result<Option<Sns>, ConfigError> {
    let text = |option, flag: Option<&str>| parse(sources.one(option, flag)?, value::text);
    let endpoint = parse(
        sources.one("sns-endpoint", flags.sns_endpoint.as_deref())?,
        value::base_url,
    )?;
    let region = text("sns-region", flags.sns_region.as_deref())?;
    let id = text("sns-access-key-id", flags.sns_access_key_id.as_deref())?;
    let [secret, token] = UNSEEN;
    let (secret, token) = (text(secret, None)?, text(token, None)?);
    match (region, id, secret) {
        (Some(region), Some(id), Some(secret)) => Ok(Some(Sns {
            endpoint: endpoint
                .unwrap_or_else(|| format!("https://sns.{region}.amazonaws.com"))
                .into(),
            region: region.into(),
            access_key_id: id.into(),
            secret_access_key: secret.into(),
            session_token: token.map(Into::into),
        })),
        (None, None, None) if endpoint.is_none() && token.is_none() => Ok(None),
        _ => Err(ConfigError::incomplete(
            "sns-region",
            "Amazon SNS needs all of --sns-region, --sns-access-key-id and HOOKSWITCH_SNS_SECRET_ACCESS_KEY",
        )),
    }
}

fn sip_sockets(sources: &Sources<'_>, flags: &ServeOptions) -> Result<Vec<SipListen>, ConfigError> {
    let given = sources.many("sip", &flags.sip)?;
    let sockets = if given.is_empty() {
        DEFAULT_SIP
            .iter()
            .map(|text| value::sip_listen(text).expect("the defaults are well-formed"))
            .collect()
    } else {
        parse_all(given, value::sip_listen)?
    };
    for (index, socket) in sockets.iter().enumerate() {
        if socket.address.port() != 0 && sockets[..index].contains(socket) {
            return Err(ConfigError::incomplete(
                "sip",
                &format!("{}:{} is listed twice", socket.transport, socket.address),
            ));
        }
    }
    Ok(sockets)
}

fn parse<T>(
    given: Option<Given>,
    parser: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    given.map(|given| given.parse(parser)).transpose()
}

fn parse_or<T>(
    given: Option<Given>,
    parser: fn(&str) -> Result<T, String>,
    default: T,
) -> Result<T, ConfigError> {
    Ok(parse(given, parser)?.unwrap_or(default))
}

fn parse_all<T>(
    given: Vec<Given>,
    parser: fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, ConfigError> {
    given.into_iter().map(|given| given.parse(parser)).collect()
}

#[cfg(test)]
mod tests;
