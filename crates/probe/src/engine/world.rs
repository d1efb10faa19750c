//! An engine and everything around it: its disk, its clock, what it sent and what it was sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::CallId;
use hookswitch_call::command::{CommandReply, RequestId};
use hookswitch_call::directory::{
    AuthType, CloudSipUa, Device, Devices, Directory, Settings, Tenant,
};
use hookswitch_call::engine::{Change, Engine, EngineConfig, Limits, Output, RestoreError};
use hookswitch_call::event::Event;
use hookswitch_call::pattern::Pattern;
use hookswitch_call::record::Snapshot;
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
    /// `PROBE_STORY` is set: everything is told on stderr as it happens.
    is_told: bool,
    pub(super) engine: Engine,
    /// What the node is like, and how often it was started again.
    kind: u8,
    starts: u8,
    micros: u64,
    /// When the node was started.
    booted: u64,
    /// How far the wall clock was moved, in microseconds.
    shift: i64,
    /// Whether writes become durable only when a step says so.
    slow_disk: bool,
    last: Commit,
    durable: Commit,
    /// Writes without receipt, and since when.
    pending: VecDeque<(Commit, Instant, Vec<Change>)>,
    held: Vec<(Commit, Output)>,
    /// Writes that are never made.
    refused: BTreeSet<Commit>,
    /// The events handed out to be written, and everything that is on the disk.
    told: BTreeMap<(CallId, u32), Arc<Event>>,
    kept: Ledger,
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
    let behind_rest = Device::of(AuthType::Disabled);
    let devices: Devices = [("1001", behind_rest)].into_iter().collect();
    let mut directory = Directory::new(["203.0.113.1"]);
    let tenant = Tenant::new("a.example", settings, devices, vec![Arc::new(service)]);
    directory.put_tenant(Arc::new(tenant));
    Arc::new(directory)
}

fn config(kind: u8, starts: u8) -> EngineConfig {
    let has = |bit: u8| kind & (1 << bit) != 0;
    EngineConfig {
        key: [101; 16],
        shard: 0,
        shards: 1,
        agent: Config {
            key: [102_u8.wrapping_add(starts); 16],
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
            is_told: std::env::var_os("PROBE_STORY").is_some(),
            engine: Engine::new(config(kind, 0), directory(false)),
            kind,
            starts: 0,
            micros: 1,
            booted: 0,
            shift: 0,
            slow_disk: kind & 128 != 0,
            last: Commit(0),
            durable: Commit(0),
            pending: VecDeque::new(),
            held: Vec::new(),
            refused: BTreeSet::new(),
            told: BTreeMap::new(),
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
            instant: Instant::from_micros(self.micros - self.booted),
            unix_micros: (1_760_000_000_000_000 + self.micros).saturating_add_signed(self.shift),
        }
    }

    /// Tells what happens, to whoever looks at one input.
    pub(super) fn notes(&self, what: &dyn Fn() -> String) {
        if self.is_told {
            let seconds = Duration::from_micros(self.micros).as_secs_f64();
            eprintln!("{seconds:10.3} {}", what());
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
        self.notes(&|| format!("<- {} {}", flow.peer, String::from_utf8_lossy(&bytes)));
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
            self.notes(&|| format!("   {output:?}"));
            let after = match &output {
                Output::Transmit(transmit) => transmit.after,
                Output::Ask { after, .. } | Output::Reply { after, .. } => *after,
                Output::Commit { .. } | Output::Locate(_) | Output::Log(_) | Output::Strange(_) => {
                    Commit(0)
                }
            };
            assert!(after <= self.last, "a promise comes before its write");
            match output {
                Output::Commit { commit, changes } => self.begins(commit, changes),
                output if self.refused.contains(&after) => self.gives_up(&output),
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
        for change in &changes {
            if let Change::Event(event) = change {
                let key = (event.identity.call, event.sequence);
                self.told.insert(key, event.clone());
            }
        }
        self.pending
            .push_back((commit, self.now().instant, changes));
    }

    /// So many writes become durable.
    pub(super) fn writes(&mut self, count: usize) {
        for _ in 0..count {
            let Some((commit, _, changes)) = self.pending.pop_front() else {
                break;
            };
            self.notes(&|| format!("durable {commit:?}"));
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

    /// The engine hears how old the oldest write without receipt is.
    pub(super) fn tells_lag(&mut self) {
        let oldest = self.pending.front().map(|(_, since, _)| *since);
        let now = self.now().instant;
        let lag = oldest.map(|since| now.saturating_since(since));
        self.engine.handle_store_lag(lag);
    }

    /// The write that was handed out last is never made.
    pub(super) fn refuses(&mut self) {
        let Some((commit, ..)) = self.pending.pop_back() else {
            return;
        };
        self.notes(&|| format!("refused {commit:?}"));
        self.refused.insert(commit);
        for (_, output) in self
            .held
            .extract_if(.., |(after, _)| *after == commit)
            .collect::<Vec<_>>()
        {
            self.gives_up(&output);
        }
        self.engine.handle_not_written(self.now(), commit);
        self.pumps();
    }

    /// What waits for a write that is never made stays, but a command hears so.
    fn gives_up(&mut self, output: &Output) {
        if let Output::Reply { request, .. } = output {
            assert!(self.unanswered.remove(request), "a second reply");
        }
    }

    /// The node is gone for a while, and takes its calls up again.
    pub(super) fn restarts(&mut self, pause: Duration) {
        self.notes(&|| "the node is started again".to_owned());
        self.starts = self.starts.wrapping_add(1);
        self.micros += u64::try_from(pause.as_micros()).unwrap_or(0);
        self.booted = self.micros - 1;
        self.engine = Engine::new(config(self.kind, self.starts), directory(false));
        (self.last, self.durable) = (Commit(0), Commit(0));
        self.pending.clear();
        self.held.clear();
        self.refused.clear();
        self.unanswered.clear();
        self.locates.clear();
        self.kept.forget_drills();
        for rows in self.kept.clone().calls.into_values() {
            if let Some(snapshot) = rows.snapshot {
                let snapshot = Snapshot::decode(&snapshot.encode()).expect("it is whole");
                let restored = self.engine.restore(self.now(), snapshot, rows.record);
                assert!(matches!(restored, Ok(()) | Err(RestoreError::Overtaken)));
                self.pumps();
            }
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
                let told = self.told.get(&(call, event.sequence));
                assert_eq!(told, Some(&event), "the ask is no event");
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
            Output::Commit { .. } | Output::Strange(_) => {}
        }
    }

    /// Lets time pass, with every deadline on the way.
    pub(super) fn passes(&mut self, time: Duration) {
        let end = self.now().instant + time;
        let mut turns = 0;
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) {
            turns += 1;
            assert!(turns < 20_000, "time goes round in circles");
            self.micros = self.micros.max(self.booted + due.as_micros());
            self.engine.handle_timeout(self.now());
            self.pumps();
        }
        self.micros = self.booted + end.as_micros();
    }

    /// Every write becomes durable, every question is answered with no, and then nobody says anything any more.
    pub(super) fn closes(&mut self) {
        self.falls_silent();
        if !self.refused.is_empty() {
            self.kept.forget_drills();
        }
        if self.kept.has_leftovers() && !self.refused.is_empty() {
            // Where the deletion itself was refused, the next start makes up for it.
            self.restarts(Duration::from_secs(1));
            self.falls_silent();
        }
        self.kept.check_closed();
    }

    fn falls_silent(&mut self) {
        self.notes(&|| "silence".to_owned());
        self.slow_disk = false;
        self.writes(usize::MAX);
        self.tells_lag();
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
