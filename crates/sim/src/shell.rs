//! The shell as the engine sees it: writes that take their time, and whatever waits for them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::directory::{
    AuthType, CloudSipUa, Device, Devices, Directory, Settings, Tenant,
};
use hookswitch_call::engine::{Engine, EngineConfig, Limits, Output};
use hookswitch_call::pattern::Pattern;
use hookswitch_sip::event::Commit;
use hookswitch_sip::flow::Transport;
use hookswitch_sip::message::Message;
use hookswitch_sip::user_agent::{Config, Listener, Timing};

use crate::DOMAIN;
use crate::ledger::Ledger;
use crate::network::Place;

/// What an application is called by.
const SERVICE: &str = "alarms";

/// An engine and what it wrote.
#[derive(Debug)]
pub struct Shell {
    /// The engine.
    pub engine: Engine,
    /// What it wrote.
    pub ledger: Ledger,
    /// Outputs that wait for a write, in order.
    held: VecDeque<(Commit, Output)>,
    durable: Commit,
}

/// What the shell hands on.
#[derive(Debug)]
pub enum Handed {
    /// An output that waits for nothing.
    Output(Output),
    /// A write began; it has to become durable.
    Began(Commit),
}

fn listener(transport: Transport) -> Listener {
    Listener {
        transport,
        advertised: Place::Engine.address(),
    }
}

fn directory() -> Directory {
    let service = CloudSipUa {
        id: SERVICE.into(),
        callback_id: "callback".into(),
        name: SERVICE.into(),
        destination_match: Pattern::compile("^100").expect("it is a pattern"),
        callback_base_url: "https://app.example/".into(),
        callback_timeout: Duration::from_secs(15),
        disabled: false,
    };
    let settings = Settings {
        open: vec!["198.51.100.0/24".parse().expect("it is a network")],
        ..Settings::default()
    };
    let behind_rest = Device {
        auth_type: AuthType::Disabled,
    };
    let devices: Devices = [("1001", behind_rest)].into_iter().collect();
    let mut directory = Directory::new([Place::Engine.address().ip().to_string().as_str()]);
    let tenant = Tenant::new(DOMAIN, settings, devices, vec![Arc::new(service)]);
    directory.put_tenant(Arc::new(tenant));
    directory
}

impl Shell {
    /// A shell around a fresh engine.
    pub fn new(dev: bool, max_call_duration: Option<Duration>) -> Self {
        let config = EngineConfig {
            key: [101; 16],
            shard: 0,
            shards: 1,
            agent: Config {
                key: [102; 16],
                listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
                product: "Hookswitch".to_owned(),
                session_expires: Duration::from_secs(600),
                min_session_expires: Duration::from_secs(90),
                timing: Timing::default(),
            },
            dev,
            limits: Limits {
                max_call_duration,
                ..Limits::default()
            },
        };
        Self {
            engine: Engine::new(config, Arc::new(directory())),
            ledger: Ledger::default(),
            held: VecDeque::new(),
            durable: Commit(0),
        }
    }

    /// The next thing that may be done.
    pub fn poll(&mut self) -> Option<Handed> {
        loop {
            let output = self.engine.poll_output()?;
            let after = match &output {
                Output::Commit { .. } => Commit(0),
                Output::Transmit(transmit) => {
                    check_message(&transmit.bytes);
                    transmit.after
                }
                Output::Ask { event, after, .. } => {
                    assert!(self.ledger.has(event), "the ask is no event");
                    *after
                }
                Output::Reply { after, .. } => *after,
                Output::Log(entry) => {
                    assert!(Message::parse(&entry.bytes).is_ok(), "a broken log line");
                    Commit(0)
                }
                Output::Locate(_) => Commit(0),
            };
            self.ledger.check_promise(after);
            if let Output::Commit { commit, changes } = output {
                self.ledger.write(commit, changes);
                return Some(Handed::Began(commit));
            }
            if after <= self.durable {
                return Some(Handed::Output(output));
            }
            self.held.push_back((after, output));
        }
    }

    /// A write is durable: what waited for it comes out, in order.
    pub fn handle_durable(&mut self, commit: Commit) -> Vec<Output> {
        self.durable = self.durable.max(commit);
        let (free, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(after, _)| *after <= self.durable);
        self.held = held;
        free.into_iter().map(|(_, output)| output).collect()
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
        self.ledger.check_closed();
    }
}

/// Every message we write is one. Refusals echo what was broken.
fn check_message(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => panic!("{error}: {text}"),
    };
    let echoes = matches!(message.status(), Some(400 | 505));
    assert!(
        echoes || message.defect().is_none(),
        "{:?}: {text}",
        message.defect()
    );
}
