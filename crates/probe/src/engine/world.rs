//! An engine and everything around it: its disk, its clock, what it sent and what it was sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::CallId;
use hookswitch_call::command::{CommandReply, RequestId};
use hookswitch_call::directory::{
    AuthType, CloudSipUa, Device, Devices, Directory, Settings, Tenant,
};
use hookswitch_call::engine::{Change, Engine, EngineConfig, Limits, Output};
use hookswitch_call::pattern::Pattern;
use hookswitch_sip::event::{Commit, LocateId};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::Message;
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::{Config, Listener, Timing};

use super::ledger::Ledger;

/// The most outputs of one input.
const MOST_OUTPUTS: usize = 400;
/// How many messages are remembered, each way.
const MEMORY: usize = 32;
/// Longer than every timer that silence can need, one after the other.
const SILENCE: Duration = Duration::from_secs(4_000);

pub(super) struct World {
    pub(super) engine: Engine,
    micros: u64,
    /// How far the wall clock was moved, in microseconds.
    shift: i64,
    /// Whether writes become durable only when a step says so.
    slow_disk: bool,
    last: Commit,
    durable: Commit,
    pending: VecDeque<(Commit, Vec<Change>)>,
    held: Vec<(Commit, Output)>,
    /// What the engine handed out to be written, and what of it is on the disk.
    told: Ledger,
    pub(super) kept: Ledger,
    /// Requests we sent, and everything we were sent.
    pub(super) sent: Vec<(Flow, Vec<u8>)>,
    pub(super) heard: Vec<(Flow, Vec<u8>)>,
    /// The tag we gave each Call-ID.
    pub(super) tags: BTreeMap<String, String>,
    pub(super) calls: Vec<CallId>,
    pub(super) locates: Vec<LocateId>,
    last_request: u64,
    unanswered: BTreeSet<RequestId>,
}

fn listener(transport: Transport) -> Listener {
    Listener {
        transport,
        advertised: ([203, 0, 113, 1], 5_060).into(),
    }
}

/// The node's one tenant; its service can be switched off.
pub(super) fn directory(disabled: bool) -> Arc<Directory> {
    let service = CloudSipUa {
        id: "alarms".into(),
        callback_id: "callback".into(),
        name: "alarms".into(),
        destination_match: Pattern::compile("^100").expect("it is a pattern"),
        callback_base_url: "https://app.example/".into(),
        callback_timeout: Duration::from_secs(15),
        disabled,
    };
    let settings = Settings {
        open: vec!["198.51.100.0/24".parse().expect("it is a network")],
        ..Settings::default()
    };
    let behind_rest = Device {
        auth_type: AuthType::Disabled,
    };
    let devices: Devices = [("1001", behind_rest)].into_iter().collect();
    let mut directory = Directory::new(["203.0.113.1"]);
    let tenant = Tenant::new("a.example", settings, devices, vec![Arc::new(service)]);
    directory.put_tenant(Arc::new(tenant));
    Arc::new(directory)
}

fn config(kind: u8) -> EngineConfig {
    let has = |bit: u8| kind & (1 << bit) != 0;
    EngineConfig {
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
        dev: has(0),
        limits: Limits {
            max_calls: has(1).then_some(2),
            max_calls_per_second: has(2).then_some(3),
            max_call_duration: has(3).then_some(Duration::from_secs(40)),
            ..Limits::default()
        },
    }
}

/// Adds to a memory that forgets its oldest.
fn remember<T>(memory: &mut Vec<T>, thing: T) {
    if memory.len() == MEMORY {
        memory.remove(0);
    }
    memory.push(thing);
}

impl World {
    pub(super) fn new(kind: u8) -> Self {
        Self {
            engine: Engine::new(config(kind), directory(false)),
            micros: 1,
            shift: 0,
            slow_disk: kind & 128 != 0,
            last: Commit(0),
            durable: Commit(0),
            pending: VecDeque::new(),
            held: Vec::new(),
            told: Ledger::default(),
            kept: Ledger::default(),
            sent: Vec::new(),
            heard: Vec::new(),
            tags: BTreeMap::new(),
            calls: Vec::new(),
            locates: Vec::new(),
            last_request: 0,
            unanswered: BTreeSet::new(),
        }
    }

    pub(super) fn now(&self) -> Now {
        Now {
            instant: Instant::from_micros(self.micros),
            unix_micros: (1_760_000_000_000_000 + self.micros).saturating_add_signed(self.shift),
        }
    }

    /// The wall clock is moved.
    pub(super) const fn shifts(&mut self, seconds: i64) {
        self.shift = seconds * 1_000_000;
    }

    /// A number for a command; its reply is expected.
    pub(super) fn requests(&mut self) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.unanswered.insert(request);
        request
    }

    pub(super) fn receives(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.engine.handle_datagram(self.now(), flow, &bytes);
        remember(&mut self.heard, (flow, bytes));
        self.pumps();
    }

    /// Takes what the engine wants done.
    pub(super) fn pumps(&mut self) {
        let mut count = 0;
        while let Some(output) = self.engine.poll_output() {
            count += 1;
            assert!(count <= MOST_OUTPUTS, "one input, {count} outputs");
            let after = match &output {
                Output::Transmit(transmit) => transmit.after,
                Output::Ask { after, .. } | Output::Reply { after, .. } => *after,
                Output::Commit { .. } | Output::Locate(_) | Output::Log(_) => Commit(0),
            };
            assert!(after <= self.last, "a promise comes before its write");
            match output {
                Output::Commit { commit, changes } => self.begins(commit, changes),
                output if after <= self.durable => self.performs(output),
                output => self.held.push((after, output)),
            }
        }
        if !self.slow_disk {
            self.writes(usize::MAX);
        }
    }

    fn begins(&mut self, commit: Commit, changes: Vec<Change>) {
        assert!(commit > self.last, "commit numbers only grow");
        self.last = commit;
        self.told.write(&changes);
        self.pending.push_back((commit, changes));
    }

    /// So many writes become durable.
    pub(super) fn writes(&mut self, count: usize) {
        for _ in 0..count {
            let Some((commit, changes)) = self.pending.pop_front() else {
                break;
            };
            self.kept.write(&changes);
            self.durable = commit;
        }
        let durable = self.durable;
        for (_, output) in self
            .held
            .extract_if(.., |(after, _)| *after <= durable)
            .collect::<Vec<_>>()
        {
            self.performs(output);
        }
    }

    fn performs(&mut self, output: Output) {
        match output {
            Output::Transmit(transmit) => {
                let message = sound(&transmit.bytes);
                let (call, tag) = (message.call_id(), message.to().ok().and_then(|to| to.tag()));
                if message.is_request() {
                    remember(&mut self.sent, (transmit.flow, transmit.bytes.to_vec()));
                } else if let (Ok(call), Some(tag)) = (call, tag) {
                    self.tags.insert(call.to_owned(), tag.to_owned());
                }
            }
            Output::Ask { call, event, .. } => {
                assert!(self.told.has(&event), "the ask is no event");
                remember(&mut self.calls, call);
            }
            Output::Reply {
                request, result, ..
            } => {
                assert!(self.unanswered.remove(&request), "a second reply");
                if let Ok(CommandReply::Placed { call, .. }) = result {
                    remember(&mut self.calls, call);
                }
            }
            Output::Log(entry) => {
                Message::parse(&entry.bytes).expect("a line of the ladder is a message");
            }
            Output::Locate(locate) => self.locates.push(locate.id),
            Output::Commit { .. } => {}
        }
    }

    /// Lets time pass, with every deadline on the way.
    pub(super) fn passes(&mut self, time: Duration) {
        let end = Instant::from_micros(self.micros) + time;
        let mut turns = 0;
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) {
            turns += 1;
            assert!(turns < 20_000, "time goes round in circles");
            self.micros = self.micros.max(due.as_micros());
            self.engine.handle_timeout(self.now());
            self.pumps();
        }
        self.micros = end.as_micros();
    }

    /// Every write becomes durable, every question is answered with no, and then nobody says anything any more.
    pub(super) fn closes(&mut self) {
        self.slow_disk = false;
        self.writes(usize::MAX);
        for _ in 0..8 {
            for id in std::mem::take(&mut self.locates) {
                self.engine.handle_located(self.now(), id, Ok(Vec::new()));
                self.pumps();
            }
            self.passes(SILENCE / 8);
        }
        assert_eq!(self.engine.census(), Default::default());
        assert_eq!(self.engine.poll_timeout(), None);
        assert!(self.held.is_empty(), "waits for ever: {:?}", self.held);
        assert!(self.unanswered.is_empty(), "commands without reply");
        self.kept.check_closed();
    }
}

/// Every message we write is one. Refusals echo what was broken.
fn sound(bytes: &[u8]) -> Message<'_> {
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let message = Message::parse(bytes).unwrap_or_else(|error| panic!("{error}: {}", text()));
    let echoes = matches!(message.status(), Some(400 | 505));
    let defect = message.defect().filter(|_| !echoes);
    assert!(defect.is_none(), "{defect:?}: {}", text());
    message
}
