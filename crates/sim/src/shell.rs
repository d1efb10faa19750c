//! The shell as the engine sees it: whatever waits for a write leaves once that is durable.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::command::{CommandError, CommandErrorKind};
use hookswitch_call::directory::{
    AuthType, CloudSipUa, Device, Devices, Directory, Settings, Tenant,
};
use hookswitch_call::engine::{Change, Engine, EngineConfig, Limits, Output};
use hookswitch_call::pattern::Pattern;
use hookswitch_sip::event::{Commit, Transmit};
use hookswitch_sip::flow::Transport;
use hookswitch_sip::message::{Message, Method};
use hookswitch_sip::time::Instant;
use hookswitch_sip::user_agent::{Config, Listener, Timing};

use crate::DOMAIN;
use crate::network::Place;

/// What an application is called by.
const SERVICE: &str = "alarms";
/// A peer's BYE gets its 200 after this time even when the disk is slow.
const FAREWELL: Duration = Duration::from_millis(500);

/// How a node is set up; it lasts over restarts.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Drill destinations exist.
    pub dev: bool,
    /// The longest a call may last.
    pub longest: Option<Duration>,
    /// The application said 410, and nobody enabled its callbacks again.
    pub disabled: bool,
}

/// An engine and what waits around it.
#[derive(Debug)]
pub struct Shell {
    /// The engine.
    pub engine: Engine,
    /// Outputs that wait for a write, in order.
    held: VecDeque<(Commit, Output)>,
    /// 200s to BYE that wait, and when they go out anyway.
    farewells: VecDeque<(Instant, Transmit)>,
    durable: Commit,
    /// The last write that began.
    last: Commit,
    /// Writes that are never made.
    refused: BTreeSet<Commit>,
}

/// What the shell hands on.
#[derive(Debug)]
pub enum Handed {
    /// An output that waits for nothing.
    Output(Output),
    /// A write begins; it has to become durable.
    Began(Commit, Vec<Change>),
}

fn listener(transport: Transport) -> Listener {
    Listener {
        transport,
        advertised: Place::Engine.address(),
    }
}

/// The provisioning of the tenant.
pub fn directory(setup: Setup) -> Arc<Directory> {
    let service = CloudSipUa {
        id: SERVICE.into(),
        callback_id: "callback".into(),
        name: SERVICE.into(),
        destination_match: Pattern::compile("^100").expect("it is a pattern"),
        callback_base_url: "https://app.example/".into(),
        callback_timeout: Duration::from_secs(15),
        disabled: setup.disabled,
    };
    let settings = Settings {
        open: vec!["198.51.100.0/24".parse().expect("it is a network")],
        ..Settings::default()
    };
    let behind_rest = Device::of(AuthType::Disabled);
    let devices: Devices = [("1001", behind_rest)].into_iter().collect();
    let mut directory = Directory::new([Place::Engine.address().ip().to_string().as_str()]);
    let tenant = Tenant::new(DOMAIN, settings, devices, vec![Arc::new(service)]);
    directory.put_tenant(Arc::new(tenant));
    Arc::new(directory)
}

impl Shell {
    /// A shell around a fresh engine; each start of the node has a user agent's key of its own.
    pub fn new(setup: Setup, start: u8) -> Self {
        let config = EngineConfig {
            key: [101; 16],
            shard: 0,
            shards: 1,
            agent: Config {
                key: [102_u8.wrapping_add(start); 16],
                listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
                product: "Hookswitch".to_owned(),
                session_expires: Duration::from_secs(600),
                min_session_expires: Duration::from_secs(90),
                timing: Timing::default(),
            },
            dev: setup.dev,
            limits: Limits {
                max_call_duration: setup.longest,
                ..Limits::default()
            },
        };
        Self {
            engine: Engine::new(config, directory(setup)),
            held: VecDeque::new(),
            farewells: VecDeque::new(),
            durable: Commit(0),
            last: Commit(0),
            refused: BTreeSet::new(),
        }
    }

    /// The next thing that may be done.
    pub fn poll(&mut self, now: Instant) -> Option<Handed> {
        loop {
            let output = self.engine.poll_output()?;
            let after = match output {
                Output::Commit { commit, changes } => {
                    self.last = commit;
                    return Some(Handed::Began(commit, changes));
                }
                Output::Transmit(ref transmit) => {
                    check_message(&transmit.bytes);
                    transmit.after
                }
                Output::Ask { after, .. } | Output::Reply { after, .. } => after,
                Output::Log(ref entry) => {
                    assert!(Message::parse(&entry.bytes).is_ok(), "a broken log line");
                    Commit(0)
                }
                Output::Locate(_) | Output::Strange(_) => Commit(0),
            };
            assert!(after <= self.last, "a promise comes before its write");
            if self.refused.contains(&after) {
                if let Some(output) = refused(&output) {
                    return Some(Handed::Output(output));
                }
                continue;
            }
            if after <= self.durable {
                return Some(Handed::Output(output));
            }
            match output {
                // A repetition adds nothing to the first copy, which waits already.
                Output::Transmit(transmit) if transmit.retransmission => {}
                Output::Transmit(transmit) if is_farewell(&transmit.bytes) => {
                    self.farewells.push_back((now + FAREWELL, transmit));
                }
                output => self.held.push_back((after, output)),
            }
        }
    }

    /// A write is durable: what waited for it comes out, in order.
    pub fn handle_durable(&mut self, commit: Commit) -> Vec<Output> {
        self.durable = self.durable.max(commit);
        let durable = self.durable;
        let (free, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(after, _)| *after <= durable);
        self.held = held;
        let farewells = std::mem::take(&mut self.farewells);
        let (gone, farewells) = farewells
            .into_iter()
            .partition::<VecDeque<_>, _>(|(_, transmit)| transmit.after <= durable);
        self.farewells = farewells;
        let gone = gone
            .into_iter()
            .map(|(_, transmit)| Output::Transmit(transmit));
        free.into_iter()
            .map(|(_, output)| output)
            .chain(gone)
            .collect()
    }

    /// A write is never made: what waits for it never goes out, and its commands hear so.
    pub fn handle_refused(&mut self, commit: Commit) -> Vec<Output> {
        self.refused.insert(commit);
        let (lost, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(after, _)| *after == commit);
        self.held = held;
        lost.into_iter()
            .filter_map(|(_, output)| refused(&output))
            .collect()
    }

    /// When a 200 to BYE goes out whatever the disk does.
    pub fn poll_farewell(&self) -> Option<Instant> {
        self.farewells.front().map(|(at, _)| *at)
    }

    /// A 200 to BYE that cannot wait any longer.
    pub fn take_farewell(&mut self, now: Instant) -> Option<Output> {
        let (_, transmit) = self.farewells.pop_front_if(|(at, _)| *at <= now)?;
        Some(Output::Transmit(transmit))
    }

    /// When everything is over nothing may be kept or wait.
    pub fn check_closed(&self) {
        assert!(
            self.held.is_empty(),
            "outputs wait for ever: {:?}",
            self.held
        );
        assert_eq!(
            self.engine.census(),
            Default::default(),
            "the engine keeps something"
        );
        assert_eq!(self.engine.poll_timeout(), None);
    }
}

/// What is left of an output whose write is never made.
fn refused(output: &Output) -> Option<Output> {
    let Output::Reply { request, .. } = output else {
        return None;
    };
    let why = "the call could not be written to the database; try again";
    Some(Output::Reply {
        request: *request,
        result: Err(CommandError::new(CommandErrorKind::Internal, why)),
        after: Commit(0),
    })
}

fn is_farewell(bytes: &[u8]) -> bool {
    Message::parse(bytes).is_ok_and(|message| {
        let method = message.cseq().map(|cseq| cseq.method);
        match message.status() {
            Some(200..=299) => method == Ok(Method::Bye),
            Some(300..) => method == Ok(Method::Invite),
            _ => false,
        }
    })
}

/// Every message we write is one. Refusals echo what was broken.
fn check_message(bytes: &[u8]) {
    let text = || String::from_utf8_lossy(bytes);
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => panic!("{error}: {}", text()),
    };
    let echoes = matches!(message.status(), Some(400 | 505));
    assert!(
        echoes || message.defect().is_none(),
        "{:?}: {}",
        message.defect(),
        text()
    );
}
