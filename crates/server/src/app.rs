//! The running program: everything opened, joined and started in one place, and stopped again.

mod calls;
mod former;
mod gauges;
mod key_use;
mod stop;
mod sweep;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hookswitch_call::engine::{Engine, EngineConfig, Limits};
use hookswitch_sip::flow::Transport;
use hookswitch_sip::hash::KeyedHash;
use hookswitch_sip::user_agent::{self, Timing};
use hookswitch_store::{Options, Store, Vital, settings};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::auth::{Keys, SipTokens};
use crate::brake::Brakes;
use crate::callback::{self, Callbacks, Resolve, SystemNames};
use crate::clock::Clock;
use crate::complaints::Complaints;
use crate::config::Config;
use crate::control::{self, FolderLock, Operator, Taken};
use crate::database;
use crate::directory::Publisher;
use crate::guard::Guard;
use crate::http::{
    self, AtWork, BulkJobs, Crowd, Failures, Readiness, Rest, Room, Searches, Signed,
};
use crate::master_key;
use crate::net::{self, Inboxes, Locator, Sockets, Sources};
use crate::notify::{Failing, Notifier};
use crate::outlet::{CallbackLog, Outlet, Writer};
use crate::password::Hashing;
use crate::reply_id::ReplyIds;
use crate::secrets;
use crate::shard::{Input, Shard, ShardHandle, Tap};
use crate::telemetry::Metrics;
use crate::vital;
use calls::Calls;

/// Messages each lane of a shard's inbox holds.
const INBOX: usize = 8_192;
/// Results of tells that wait to be written.
const RESULTS: usize = 4_096;
/// The Server and User-Agent value.
const PRODUCT: &str = concat!("Hookswitch/", env!("CARGO_PKG_VERSION"));

/// The listener that gateways are told: the safest one they know.
fn for_gateways(listeners: &[user_agent::Listener]) -> Option<(Transport, SocketAddr)> {
    let known = [Transport::Tls, Transport::Udp, Transport::Tcp];
    known.into_iter().find_map(|transport| {
        let mut fit = listeners.iter().filter(|it| it.transport == transport);
        fit.next().map(|listener| (transport, listener.advertised))
    })
}

/// The running program.
pub struct App {
    http: SocketAddr,
    https: Option<SocketAddr>,
    sip: Vec<(hookswitch_sip::flow::Transport, SocketAddr)>,
    node: String,
    operator: Arc<Operator>,
    readiness: Arc<Readiness>,
    shards: Vec<ShardHandle>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    store: Store,
    keys: Arc<Keys>,
    control_socket: PathBuf,
    _lock: FolderLock,
}

impl App {
    /// Opens everything and starts to serve.
    ///
    /// # Errors
    /// The first thing that cannot be had, by the name of its option.
    pub async fn start(config: Config, tap: Option<Tap>) -> anyhow::Result<Self> {
        let lock = match FolderLock::take_patiently(&config.data).await? {
            Taken::ByUs(lock) => lock,
            Taken::ByAnother => bail!(
                "--data {} is in use by another hookswitch; stop that one, or give another folder",
                config.data.folder.display()
            ),
        };
        let store = database::open(&config.data, store_options(&config))?;
        let master_key = Arc::new(master_key::load(&config.data.master_key_file, &store)?);

        let ports = port_names(&config);
        let sockets = Sockets::bind(&config.sip, |place| remembered_port(&store, &ports[place]))?;
        remember_ports(&store, &ports, &sockets.ports())?;
        let listeners = sockets.listeners(config.advertise);
        let addresses: Arc<[SocketAddr]> = listeners.iter().map(|l| l.advertised).collect();
        let node_address = listeners
            .first()
            .map_or_else(String::new, |l| l.advertised.ip().to_string());
        let own: Vec<String> = listeners
            .iter()
            .map(|listener| listener.advertised.ip())
            .chain(sockets.addresses().map(|(_, bound)| bound.ip()))
            .map(|address| address.to_string())
            .collect();
        http::resume_bulk(&store, &config.node)?;
        let publisher = Arc::new(Publisher::load(
            store.clone(),
            Arc::clone(&master_key),
            own.iter().map(String::as_str),
        )?);
        let keys = Arc::new(Keys::load(&store)?);
        let sip_tokens = Arc::new(SipTokens::new(&secrets::of_node(
            &store,
            &master_key,
            "sip-tokens",
        )?));
        publisher.take_tokens(sip_tokens.clone(), &config.sip_allow);
        database::follow(&store, &keys, &publisher);

        let shard_key: [u8; 16] = secrets::of_node(&store, &master_key, "shards")?;
        let agent_key: [u8; 16] = hookswitch_store::seal::random_bytes();
        let reply_key: [u8; 32] = secrets::of_node(&store, &master_key, "reply-id")?;
        let writer = Writer {
            node_address: node_address.as_str().into(),
            site_id: config.node_named.then(|| config.node.as_str().into()),
            site_base_url: config.site_base_url.as_deref().map(Into::into),
            reply_ids: ReplyIds::new(&reply_key, config.node.clone()),
        };
        let outlet = Arc::new(
            Outlet::new(
                store.clone(),
                Arc::clone(&master_key),
                writer,
                Arc::clone(&publisher),
            )
            .publishing_with(config.sns.clone().map(Arc::new)),
        );
        let failing = Arc::<Failing>::default();

        let count = shard_count(&config);
        let handle_of = |_| match &tap {
            None => ShardHandle::new(),
            Some(_) => ShardHandle::watched(),
        };
        let handles: Vec<(ShardHandle, _)> = (0..count).map(handle_of).collect();
        let shards: Vec<ShardHandle> = handles.iter().map(|(handle, _)| handle.clone()).collect();
        let names: Arc<dyn Resolve> = Arc::new(SystemNames::from_system()?);
        let (results, told) = mpsc::channel(RESULTS);
        outlet.connect(Callbacks::new(callback::Parts {
            guard: Guard::new(config.callback_allow.clone()),
            names: Arc::clone(&names),
            extra_roots: Vec::new(),
            observer: Arc::new(CallbackLog {
                shards: shards.clone(),
                publisher: Arc::clone(&publisher),
                counts: Arc::clone(outlet.counts()),
                failing: Arc::clone(&failing),
            }),
            results,
            limits: callback::Limits::default(),
            catch_up: callback::CatchUp::apart()?,
        })?);
        outlet.take_up()?;
        vital::spawn(
            "results of callbacks",
            Arc::clone(&outlet).record_results(told),
        );
        vital::spawn("the outbox", Arc::clone(&outlet).refill());
        vital::spawn("retention", sweep::run(store.clone()));
        let notifier = Notifier::new(
            store.clone(),
            Arc::clone(&publisher),
            Arc::clone(&outlet) as Arc<dyn http::Outbox>,
            failing,
        );
        vital::spawn("notifications", notifier.run());
        vital::spawn(
            "the use of keys",
            key_use::run(store.clone(), Arc::clone(&keys)),
        );

        let sip: Vec<_> = sockets.addresses().collect();
        let locator = Arc::new(Locator::new(
            names,
            Guard::new(config.sip_allow.clone()),
            sip.clone(),
        ));
        let brakes = Arc::new(Brakes::default());
        let listed = {
            let (guard, publisher) = (Guard::new(config.sip_allow.clone()), Arc::clone(&publisher));
            move |source| {
                guard.listed(source) || !publisher.current().directory.granted(source).is_empty()
            }
        };
        let sources = Arc::new(Sources::new(&agent_key, Instant::now(), listed));
        let (inboxes, arrivals) =
            Inboxes::new(&shard_key, count, INBOX, sources, Arc::clone(&brakes));
        let inboxes = Arc::new(inboxes);
        let clock = Clock::start();
        let directory = Arc::clone(&publisher.current().directory);
        let engine_of = |place| {
            let engine = EngineConfig {
                key: shard_key,
                shard: place,
                shards: count,
                agent: user_agent::Config {
                    key: key_of_shard(&agent_key, place),
                    listeners: listeners.clone(),
                    product: PRODUCT.to_owned(),
                    session_expires: Duration::from_secs(600),
                    min_session_expires: Duration::from_secs(90),
                    timing: Timing::default(),
                },
                dev: config.dev,
                limits: Limits {
                    max_calls: config
                        .max_calls
                        .map(|calls| calls.div_ceil(u32::from(count))),
                    max_calls_per_second: config
                        .max_calls_per_second
                        .map(|rate| rate.div_ceil(u32::from(count))),
                    ..Limits::default()
                },
            };
            let mut engine = Engine::new(engine, Arc::clone(&directory));
            if let Some(axis) = clock.axis() {
                engine.handle_axis(axis);
            }
            engine
        };
        let mut engines: Vec<Engine> = (0..count).map(engine_of).collect();
        // Before the first message is read: whoever speaks to an old call finds it.
        former::restore(&outlet, &clock, &mut engines, inboxes.sources())?;
        let descriptors = net::raise_limit();
        let limits = net::Limits::default().within(descriptors);
        let egress = sockets.serve(&inboxes, limits)?;
        for ((engine, (own, inputs)), arrivals) in engines.into_iter().zip(handles).zip(arrivals) {
            let shard = Shard {
                engine,
                clock,
                arrivals,
                inboxes: Arc::clone(&inboxes),
                inputs,
                own,
                egress: Arc::clone(&egress),
                addresses: Arc::clone(&addresses),
                locator: Arc::clone(&locator),
                outlet: Arc::clone(&outlet),
                tap: tap.clone(),
                directory: publisher.subscribe(),
            };
            vital::spawn("a SIP shard", shard.run());
        }

        let metrics = Arc::new(Metrics::default());
        metrics.watch(Box::new(gauges::Node::new(
            shards.clone(),
            Arc::clone(&inboxes),
            egress,
            store.clone(),
            Arc::clone(&outlet),
        )));
        let readiness = Arc::new(Readiness::default());
        let rest = Arc::new(Rest {
            store: store.clone(),
            master_key: Arc::clone(&master_key),
            keys: Arc::clone(&keys),
            publisher: Arc::clone(&publisher),
            reply_ids: Arc::new(ReplyIds::new(&reply_key, config.node.clone())),
            calls: Arc::new(Calls::new(shards.clone(), store.clone())),
            outbox: Arc::clone(&outlet) as Arc<dyn http::Outbox>,
            streams: Arc::default(),
            metrics,
            readiness: Arc::clone(&readiness),
            failures: Failures::default(),
            complaints: Complaints::default(),
            sip_tokens,
            signed: Signed::since(clock.now().unix_micros / 1_000_000),
            bulk: BulkJobs::new(&config.node),
            sip_address: for_gateways(&listeners),
            hashing: Hashing::default(),
            at_work: AtWork::default(),
            room: Arc::new(Room::new(Arc::clone(&brakes))),
            searches: Searches::default(),
            trusted_proxies: config.trusted_proxies.clone(),
            callback_allow: config.callback_allow.clone(),
            sns_region: config.sns.as_ref().map(|sns| sns.region.clone()),
            dev: config.dev,
        });
        let (stop, stopped) = watch::channel(false);
        let mut servers = Vec::new();
        let proxies = config.trusted_proxies.clone();
        let crowd = Arc::new(Crowd::new(descriptors / 4, proxies, brakes));
        let router = http::router(rest);
        let listener = tokio::net::TcpListener::bind(config.http)
            .await
            .with_context(|| format!("--http {} cannot be opened", config.http))?;
        let http = listener.local_addr()?;
        servers.push(vital::spawn(
            "REST",
            http::serve(
                listener,
                None,
                router.clone(),
                Arc::clone(&crowd),
                stopped.clone(),
            ),
        ));
        let mut https = None;
        if let (Some(address), Some(files)) = (config.https, &config.tls) {
            let tls = http::tls(files)?;
            let listener = tokio::net::TcpListener::bind(address)
                .await
                .with_context(|| format!("--https {address} cannot be opened"))?;
            https = Some(listener.local_addr()?);
            servers.push(vital::spawn(
                "REST",
                http::serve(listener, Some(tls), router, crowd, stopped),
            ));
        }
        let operator = Arc::new(Operator::live(
            store.clone(),
            config.data.clone(),
            master_key,
            Arc::clone(&keys),
            publisher,
        ));
        let control_socket = config.data.control_socket();
        let control =
            control::listen(&control_socket).context("the control socket cannot be opened")?;
        servers.push(vital::spawn(
            "the control socket",
            control::serve(control, Arc::clone(&operator), config.data),
        ));
        readiness.ready();
        Ok(Self {
            http,
            https,
            sip,
            node: config.node,
            operator,
            readiness,
            shards,
            stop,
            servers,
            store,
            keys,
            control_socket,
            _lock: lock,
        })
    }

    /// Where REST listens.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where SIP listens, in the order of the configuration.
    pub fn sip(&self) -> Vec<SocketAddr> {
        self.sip.iter().map(|(_, address)| *address).collect()
    }

    /// What an operator may do, on the running program.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The one line of JSON that says that everything listens.
    pub fn ready_line(&self) -> String {
        let sip: Vec<String> = self
            .sip
            .iter()
            .map(|(transport, address)| format!("{transport}:{address}"))
            .collect();
        let mut line = serde_json::json!({
            "ready": true, "http": format!("http://{}", self.http), "sip": sip, "node": self.node,
        });
        if let Some(https) = self.https {
            line["https"] = format!("https://{https}").into();
        }
        line.to_string()
    }

    /// Refuses new calls, waits for the running ones for at most `patience`, and stops.
    pub async fn stop(self, patience: Duration) {
        self.readiness.draining();
        for shard in &self.shards {
            shard.put(Input::Drain(true));
        }
        stop::wait_for_calls(&self.shards, patience).await;
        let _ = self.stop.send(true);
        let mut servers = self.servers;
        let control = servers.pop();
        for server in servers {
            let _ = server.await;
        }
        if let Some(control) = control {
            control.abort();
        }
        let _ = std::fs::remove_file(&self.control_socket);
        for shard in &self.shards {
            shard.flush_ladders().await;
        }
        let (store, keys) = (self.store, self.keys);
        let last = move || key_use::note(&store, &keys).and_then(|()| store.writer().flush());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(last).await {
            tracing::warn!(%error, "the last writes are lost");
        }
        Vital::end_well();
    }
}

/// `hookswitch serve`: runs until told to stop.
///
/// # Errors
/// What could not be started.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let patience = config.drain_timeout;
    // Before anybody is told that the program is ready: who reads that may stop it at once. The start is a task of its own,
    // as it waits for the database.
    let mut signals = stop::Signals::listen()?;
    let app = tokio::select! {
        app = tokio::spawn(App::start(config, None)) => app??,
        () = signals.wait() => {
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    println_ready(&app)?;
    signals.wait().await;
    tracing::info!(
        ?patience,
        "stopping: new calls are refused, running ones are kept"
    );
    tokio::select! {
        () = app.stop(patience) => {}
        () = signals.wait() => tracing::warn!("stopped at once"),
    }
    Ok(())
}

fn println_ready(app: &App) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", app.ready_line())?;
    out.flush()?;
    Ok(())
}

/// A call waits for two commits before its 200: groups gather for less than they may.
fn store_options(config: &Config) -> Options {
    Options {
        node: config.node.clone(),
        gather: Duration::from_micros(500),
        ..Options::default()
    }
}

/// Half of the processors: the database writer and the kernel's network work have the others, and fewer
/// threads wake each other less.
pub fn worker_threads() -> u16 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u16::try_from(processors / 2).unwrap_or(u16::MAX).max(1)
}

fn shard_count(config: &Config) -> u16 {
    config.shards.unwrap_or_else(worker_threads).max(1)
}

fn key_of_shard(key: &[u8; 16], shard: u16) -> [u8; 16] {
    KeyedHash::new(key)
        .of(&[b"shard", &shard.to_le_bytes()])
        .to_le_bytes()
}

/// The settings that remember the ports; nodes that share a database have each their own.
fn port_names(config: &Config) -> Vec<String> {
    let node = match &config.data.database {
        None => String::new(),
        Some(_) => format!("{}.", config.node),
    };
    let places = 0..config.sip.len();
    places
        .map(|place| format!("{node}sip.port.{place}"))
        .collect()
}

/// Ports that were any free one stay what they were, because restored calls name them.
fn remembered_port(store: &Store, name: &str) -> Option<u16> {
    store
        .read(|db| settings::find(db, name))
        .ok()
        .flatten()?
        .parse()
        .ok()
}

fn remember_ports(store: &Store, names: &[String], ports: &[u16]) -> anyhow::Result<()> {
    let named: Vec<_> = names.iter().cloned().zip(ports.to_vec()).collect();
    store.write(move |db| {
        for (name, port) in &named {
            settings::put(db, name, &port.to_string())?;
        }
        Ok(())
    })?;
    Ok(())
}
