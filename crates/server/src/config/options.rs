//! The options as typed on the command line, and the sentences `--help` teaches with.

use clap::Args;

/// Every option that a file or the environment may set.
pub(super) const NAMES: [&str; 25] = [
    "data",
    "database",
    "master-key-file",
    "http",
    "https",
    "tls-cert",
    "tls-key",
    "trusted-proxy",
    "sip",
    "advertise",
    "node",
    "site-base-url",
    "callback-allow",
    "sip-allow",
    "sns-endpoint",
    "sns-region",
    "sns-access-key-id",
    "sns-secret-access-key",
    "sns-session-token",
    "dev",
    "max-calls-per-second",
    "max-calls",
    "drain-timeout",
    "shards",
    "log",
];

/// Those of them that the command line does not take, because everybody on the machine can read it.
pub(super) const UNSEEN: [&str; 2] = ["sns-secret-access-key", "sns-session-token"];

/// Where the data lives.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Data")]
pub struct FolderOptions {
    /// Folder of the embedded database, the keys and recordings; made on first run, for its owner
    /// only [default: ./hookswitch-data]
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<String>,
    /// PostgreSQL database instead of the embedded one, such as
    /// postgres://user:password@host/hookswitch; several nodes may share it. The password is better
    /// given in HOOKSWITCH_DATABASE or the file, as others may see flags
    #[arg(long, value_name = "URL", global = true, hide_env_values = true)]
    pub database: Option<String>,
    /// File of the key that seals every stored secret; made on first run [default: master.key in
    /// the data folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub master_key_file: Option<String>,
    /// TOML file with these options as keys, for example `sip = ["udp:0.0.0.0:5060"]`
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<String>,
}

/// The options of `serve`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct ServeOptions {
    /// Where the data lives.
    #[command(flatten)]
    pub data: FolderOptions,

    /// Address of the REST interface [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", help_heading = "REST")]
    pub http: Option<String>,
    /// Address of the REST interface under TLS; needs --tls-cert and --tls-key
    #[arg(long, value_name = "ADDR", help_heading = "REST")]
    pub https: Option<String>,
    /// Certificate chain, PEM, for --https and the tls and wss kinds of --sip
    #[arg(long, value_name = "FILE", help_heading = "REST")]
    pub tls_cert: Option<String>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", help_heading = "REST")]
    pub tls_key: Option<String>,
    /// A proxy in front of us whose X-Forwarded-For is believed; repeatable
    #[arg(long, value_name = "CIDR", help_heading = "REST")]
    pub trusted_proxy: Vec<String>,

    /// A SIP socket as KIND:ADDRESS:PORT with the kinds udp, tcp, tls, ws, wss; port 0 takes a free
    /// one and keeps it; repeatable [default: udp:127.0.0.1:5060 and tcp:127.0.0.1:5060]
    #[arg(long, value_name = "URI", help_heading = "SIP")]
    pub sip: Vec<String>,
    /// Address put into Contact and Via when phones see us under another one than we bind (NAT, a
    /// container)
    #[arg(long, value_name = "IP[:PORT]", help_heading = "SIP")]
    pub advertise: Option<String>,
    /// Private network that SIP requests of ours may reach; repeatable. Without it, loopback,
    /// private and link-local targets are refused
    #[arg(long, value_name = "CIDR", help_heading = "SIP")]
    pub sip_allow: Vec<String>,

    /// Private network that callbacks may reach, also with plain http://; repeatable
    #[arg(long, value_name = "CIDR", help_heading = "Callbacks")]
    pub callback_allow: Vec<String>,
    /// Name of this node; callbacks then carry it as siteId
    #[arg(long, value_name = "NAME", help_heading = "Callbacks")]
    pub node: Option<String>,
    /// siteBaseUrl of callbacks: where commands for this node's calls go
    #[arg(long, value_name = "URL", help_heading = "Callbacks")]
    pub site_base_url: Option<String>,

    /// Region of the Amazon SNS topics that notifications may be published to; with it go
    /// --sns-access-key-id and, in the environment or the file only, `sns-secret-access-key` and
    /// `sns-session-token`
    #[arg(long, value_name = "REGION", help_heading = "Notifications")]
    pub sns_region: Option<String>,
    /// The access key id that Amazon SNS knows us by
    #[arg(long, value_name = "ID", help_heading = "Notifications")]
    pub sns_access_key_id: Option<String>,
    /// Where the API of Amazon SNS is [default: `https://sns.REGION.amazonaws.com`]
    #[arg(long, value_name = "URL", help_heading = "Notifications")]
    pub sns_endpoint: Option<String>,

    /// New calls a second above which INVITEs get 503 with Retry-After
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_calls_per_second: Option<String>,
    /// Calls at a time above which INVITEs get 503 with Retry-After
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_calls: Option<String>,
    /// How long running calls are kept after SIGTERM, such as 90s or 5m [default: 60s]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub drain_timeout: Option<String>,
    /// Threads of calls; each call lives on one [default: half of the processors]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub shards: Option<String>,

    /// For trying things out on one machine: loopback is allowed for callbacks and SIP, and the
    /// users drill-answer, drill-busy, drill-noanswer, drill-486-after-2s and drill-hangup-after-2s
    /// of any domain answer by themselves
    #[arg(long, help_heading = "Node")]
    pub dev: bool,
    /// What is logged on stderr, such as info or hookswitch_server=debug [default: info]
    #[arg(long, value_name = "FILTER", help_heading = "Node")]
    pub log: Option<String>,
}
