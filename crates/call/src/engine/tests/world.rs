//! One engine, a world of text around it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_media::{Codec, Endpoint};
use hookswitch_sip::event::{Commit, Locate, Transmit};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{HeaderName, Message};
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::{Config, Listener, Timing};

use crate::command::{
    Accepted, Answer, AskAnswer, Command, CommandError, CommandReply, Hangup, Place, RequestId,
};
use crate::directory::{
    AuthType, CloudSipUa, Device, Devices, Directory, OutboundPolicy, Settings, Tenant,
};
use crate::engine::{Change, Engine, EngineConfig, Limits, LogEntry, Output, Strange};
use crate::event::{Event, EventKind};
use crate::id::CallId;
use crate::outcome::Outcome;
use crate::pattern::Pattern;
use crate::record::{CallRecord, CallState, Snapshot};

pub(super) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

pub(super) const SECURE_OFFER: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 40000 RTP/SAVP 8\r\na=rtpmap:8 PCMA/8000\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PEERSECRETPEERSECRETPEERSECRETPEERSECRET\r\n";

/// The SDP of a peer that answers PCMA on `port`.
pub(super) fn peer_answer(port: u16) -> String {
    format!(
        "v=0\r\no=- 9 9 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

/// A device that speaks PCMA and receives on `port`.
pub(super) fn device(port: u16) -> Endpoint {
    Endpoint {
        address: "203.0.113.50".parse().unwrap(),
        port,
        codec: Codec::Pcma,
        telephone_event: Some(101),
        crypto: Vec::new(),
    }
}

pub(super) struct World {
    pub(super) engine: Engine,
    config: EngineConfig,
    settings: Settings,
    /// The life of the engine began then, on its own clock.
    started: u64,
    micros: u64,
    /// How far the wall clock was set forward.
    pub(super) set_forward: Duration,
    /// The axis of the instants, where they go on over restarts.
    pub(super) axis: Option<u64>,
    /// How many writes there were.
    pub(super) commits: usize,
    /// The program will die before any later write is durable.
    pub(super) torn_after: Option<u64>,
    pub(super) sent: Vec<Transmit>,
    pub(super) events: Vec<Arc<Event>>,
    pub(super) records: BTreeMap<CallId, CallRecord>,
    pub(super) snapshots: BTreeMap<CallId, Box<Snapshot>>,
    pub(super) unkept: BTreeSet<CallId>,
    pub(super) placed: BTreeMap<Arc<str>, CallId>,
    pub(super) asks: Vec<(CallId, Arc<str>)>,
    pub(super) locates: Vec<Locate>,
    pub(super) log: Vec<LogEntry>,
    pub(super) strange: Vec<Strange>,
    replies: Vec<(RequestId, Result<CommandReply, CommandError>)>,
    durable: u64,
    last_request: u64,
}

pub(super) fn settings() -> Settings {
    Settings {
        open: vec!["198.51.100.0/24".parse().unwrap()],
        ..Settings::default()
    }
}

pub(super) fn directory(settings: Settings, disabled: bool) -> Arc<Directory> {
    directory_with(
        settings,
        disabled,
        &[("1001", Device::of(AuthType::Disabled))],
    )
}

/// A directory with these devices.
pub(super) fn directory_with(
    settings: Settings,
    disabled: bool,
    devices: &[(&str, Device)],
) -> Arc<Directory> {
    let service = CloudSipUa {
        id: "alarms".into(),
        callback_id: "cb".into(),
        name: "alarms".into(),
        destination_match: Pattern::compile("^(100|new)").unwrap(),
        callback_base_url: "https://app.example/".into(),
        callback_timeout: Duration::from_secs(15),
        disabled,
    };
    let devices: Devices = devices.iter().cloned().collect();
    let mut directory = Directory::new(["192.0.2.1"]);
    let tenant = Tenant::new("a.example", settings, devices, vec![Arc::new(service)]);
    directory.put_tenant(Arc::new(tenant));
    Arc::new(directory)
}

pub(super) fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: 0,
        peer: "198.51.100.7:5060".parse().unwrap(),
        connection: 0,
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(settings(), Limits::default(), false)
    }

    pub(super) fn with(settings: Settings, limits: Limits, dev: bool) -> Self {
        let config = EngineConfig {
            key: [1; 16],
            shard: 1,
            shards: 3,
            agent: Config {
                key: [2; 16],
                listeners: vec![Listener {
                    transport: Transport::Udp,
                    advertised: "192.0.2.1:5060".parse().unwrap(),
                }],
                product: "Hookswitch".into(),
                session_expires: Duration::from_secs(600),
                min_session_expires: Duration::from_secs(90),
                timing: Timing::default(),
            },
            dev,
            limits,
        };
        Self {
            engine: Engine::new(config.clone(), directory(settings.clone(), false)),
            config,
            settings,
            started: 0,
            set_forward: Duration::ZERO,
            axis: None,
            micros: 0,
            commits: 0,
            torn_after: None,
            sent: Vec::new(),
            events: Vec::new(),
            records: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            unkept: BTreeSet::new(),
            placed: BTreeMap::new(),
            asks: Vec::new(),
            locates: Vec::new(),
            log: Vec::new(),
            strange: Vec::new(),
            replies: Vec::new(),
            durable: 0,
            last_request: 0,
        }
    }

    pub(super) fn now(&self) -> Now {
        Now {
            instant: Instant::from_micros(self.micros - self.started),
            unix_micros: 1_760_000_000_000_000
                + self.micros
                + u64::try_from(self.set_forward.as_micros()).unwrap(),
        }
    }

    /// Fetches what the engine wants, and checks that nothing waits for a write that did not come before it.
    fn pump(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    self.check(transmit.after);
                    let text = String::from_utf8(transmit.bytes.to_vec()).unwrap();
                    assert!(
                        Message::parse(text.as_bytes()).unwrap().defect().is_none(),
                        "{text}"
                    );
                    self.sent.push(transmit);
                }
                Output::Locate(locate) => self.locates.push(locate),
                Output::Commit { commit, changes } => {
                    assert!(commit.0 > self.durable, "commit numbers only grow");
                    self.durable = commit.0;
                    self.commits += 1;
                    if self.torn_after.is_none_or(|last| commit.0 <= last) {
                        changes.into_iter().for_each(|change| self.write(change));
                    }
                }
                Output::Ask {
                    call,
                    service,
                    event,
                    after,
                } => {
                    self.check(after);
                    assert!(matches!(event.kind, EventKind::NewRemoteCall { .. }));
                    assert_eq!(self.events.last(), Some(&event), "the ask is an event too");
                    self.asks.push((call, service));
                }
                Output::Reply {
                    request,
                    result,
                    after,
                } => {
                    self.check(after);
                    self.replies.push((request, result));
                }
                Output::Log(entry) => self.log.push(entry),
                Output::Strange(strange) => self.strange.push(strange),
            }
        }
    }

    /// Fetches what an input brought that the test gave the engine itself.
    pub(super) fn pumps(&mut self) {
        self.pump();
    }

    fn check(&self, after: Commit) {
        assert!(after.0 <= self.durable, "its write comes first");
    }

    fn write(&mut self, change: Change) {
        match change {
            Change::Call(record) => {
                self.records.insert(record.identity.call, *record);
            }
            Change::Snapshot { call, snapshot } => match snapshot {
                Some(snapshot) => {
                    self.snapshots.insert(call, snapshot);
                }
                None => {
                    let state = self.records[&call].state;
                    assert_eq!(
                        state,
                        CallState::Ended,
                        "a call under way keeps its snapshot"
                    );
                    self.snapshots.remove(&call);
                    self.unkept.remove(&call);
                }
            },
            Change::Unkept(call) => {
                assert!(self.records[&call].outcome.is_none(), "it is under way");
                self.unkept.insert(call);
            }
            Change::Placed { key, call, .. } => {
                let known = self.placed.insert(key, call);
                assert_eq!(known, None, "a command places one call");
            }
            Change::Event(event) => {
                let earlier = self
                    .events
                    .iter()
                    .filter(|known| known.identity.call == event.identity.call);
                let earlier: Vec<_> = earlier.collect();
                assert_eq!(
                    usize::try_from(event.sequence).unwrap(),
                    earlier.len() + 1,
                    "no gap"
                );
                assert!(
                    !earlier.iter().any(|known| known.kind.is_terminal()),
                    "nothing follows the end"
                );
                self.events.push(event);
            }
        }
    }

    /// The program dies and starts again `after` that time, with what was written and a clock that begins anew.
    pub(super) fn restarts(&mut self, after: Duration) {
        self.micros += u64::try_from(after.as_micros()).unwrap();
        if self.axis.is_none() {
            self.started = self.micros;
        }
        self.config.agent.key[0] += 1;
        let directory = directory(self.settings.clone(), false);
        self.engine = Engine::new(self.config.clone(), directory);
        if let Some(axis) = self.axis {
            self.engine.handle_axis(axis);
        }
        self.sent.clear();
        self.durable = 0;
        self.torn_after = None;
        for (call, snapshot) in self.snapshots.clone() {
            let snapshot = Snapshot::decode(&snapshot.encode()).unwrap();
            let record = self.records.get(&call).cloned();
            let now = self.now();
            self.engine.restore(now, snapshot, record).unwrap();
        }
        self.pump();
    }

    /// A message of the peer.
    pub(super) fn receives(&mut self, text: &str) {
        self.receives_from(flow(), text.as_bytes());
    }

    pub(super) fn receives_from(&mut self, flow: Flow, bytes: &[u8]) {
        self.engine.handle_datagram(self.now(), flow, bytes);
        self.pump();
    }

    /// Lets time pass, with every deadline on the way.
    pub(super) fn passes(&mut self, duration: Duration) {
        let end = self.micros + u64::try_from(duration.as_micros()).unwrap();
        while let Some(due) = self
            .engine
            .poll_timeout()
            .map(|due| due.as_micros() + self.started)
            .filter(|due| *due <= end)
        {
            assert!(
                due >= self.micros || self.micros == self.started,
                "a deadline was left behind"
            );
            self.micros = due.max(self.micros);
            self.engine.handle_timeout(self.now());
            self.pump();
        }
        self.micros = end;
    }

    pub(super) fn commands(&mut self, command: Command) -> Result<CommandReply, CommandError> {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.engine.handle_command(self.now(), request, command);
        self.pump();
        let (replied, result) = self.replies.pop().expect("a reply comes at once");
        assert_eq!((replied, self.replies.len()), (request, 0), "one reply");
        result
    }

    /// The reply to a command the test gave the engine itself.
    pub(super) fn reply(&mut self) -> Option<Result<CommandReply, CommandError>> {
        self.replies.pop().map(|(_, result)| result)
    }

    pub(super) fn replies_to_ask(&mut self, accepted: Accepted) {
        self.asked(AskAnswer::Accepted(Box::new(accepted)));
    }

    pub(super) fn asked(&mut self, answer: AskAnswer) {
        let (call, _) = *self.asks.last().expect("there was an ask");
        self.engine.handle_asked(self.now(), call, answer);
        self.pump();
    }

    /// The call asked about last.
    pub(super) fn call(&self) -> CallId {
        self.asks.last().expect("there was an ask").0
    }

    pub(super) fn ringback(
        &mut self,
        media: Option<Endpoint>,
    ) -> Result<CommandReply, CommandError> {
        let call = self.call();
        let domain = "a.example".into();
        self.commands(Command::Ringback {
            call,
            domain,
            media,
        })
    }

    pub(super) fn answers(&mut self, media: Endpoint) -> Result<CommandReply, CommandError> {
        let answer = Answer {
            media,
            session_reference_id: None,
        };
        let command = Command::Answer {
            call: self.call(),
            domain: "a.example".into(),
            answer: Box::new(answer),
        };
        self.commands(command)
    }

    pub(super) fn hangs_up(&mut self, call: CallId) -> Result<CommandReply, CommandError> {
        self.hangs_up_with(call, Hangup::default())
    }

    pub(super) fn hangs_up_with(
        &mut self,
        call: CallId,
        hangup: Hangup,
    ) -> Result<CommandReply, CommandError> {
        let domain = "a.example".into();
        self.commands(Command::Hangup {
            call,
            domain,
            hangup,
        })
    }

    pub(super) fn place(&self) -> Place {
        Place {
            domain: "a.example".into(),
            service: None,
            destination_uri: "sip:bob@198.51.100.7:5060".into(),
            source_user: "1001".into(),
            media: device(30_000),
            session_reference_id: Some("ref-1".into()),
            callback_base_url: None,
            ring_timeout: None,
            idempotency_key: None,
        }
    }

    /// Places a call and finds the peer at its address.
    pub(super) fn places(&mut self) -> CallId {
        let place = self.place();
        let Ok(CommandReply::Placed { call, .. }) = self.commands(Command::Place(Box::new(place)))
        else {
            panic!("the call is placed");
        };
        let locate = self.locates.pop().expect("the peer has to be found");
        self.engine
            .handle_located(self.now(), locate.id, Ok(vec![flow()]));
        self.pump();
        call
    }

    pub(super) fn sets_outbound(&mut self, outbound: OutboundPolicy) {
        let settings = Settings {
            outbound,
            ..settings()
        };
        self.engine.handle_directory(directory(settings, false));
    }

    /// The first lines of everything sent since the last look.
    pub(super) fn heard(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        sent.iter()
            .map(|transmit| first_line(&transmit.bytes))
            .collect()
    }

    /// The last message sent, as text.
    pub(super) fn last_sent(&self) -> String {
        let transmit = self.sent.last().expect("something was sent");
        String::from_utf8(transmit.bytes.to_vec()).unwrap()
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.kind.name()).collect()
    }

    /// The outcome of the last event, which has to be the end.
    pub(super) fn outcome(&self) -> Arc<Outcome> {
        match &self.events.last().expect("an event was told").kind {
            EventKind::CallFailed { outcome } | EventKind::CallHungup { outcome } => {
                outcome.clone()
            }
            other => panic!("{} is not the end", other.name()),
        }
    }

    pub(super) fn record(&self, call: CallId) -> &CallRecord {
        &self.records[&call]
    }

    /// Whether the record's trace holds a step of this rule with this result.
    pub(super) fn traced(&self, call: CallId, rule: &str, result: &str) -> bool {
        self.record(call)
            .trace
            .iter()
            .any(|step| step.rule == rule && step.result == result)
    }

    /// Time passes until nothing is left of any call.
    pub(super) fn everything_is_forgotten(&mut self) {
        self.passes(Duration::from_secs(200));
        let census = self.engine.census();
        assert_eq!(census, super::super::Census::default());
        assert!(self.snapshots.is_empty(), "a snapshot outlived its call");
    }
}

fn first_line(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().next().unwrap().to_owned()
}

/// A peer that calls, as text.
pub(super) struct Caller {
    call_id: String,
    cseq: u32,
    to: String,
    target: String,
}

impl Caller {
    pub(super) fn new(user: &str) -> Self {
        Self::of_domain(user, "a.example")
    }

    pub(super) fn of_domain(user: &str, host: &str) -> Self {
        Self {
            call_id: format!("call-{user}@198.51.100.7"),
            cseq: 1,
            to: format!("<sip:{user}@{host}>"),
            target: format!("sip:{user}@{host}"),
        }
    }

    pub(super) fn named(user: &str, number: usize) -> Self {
        let mut caller = Self::new(user);
        caller.call_id = format!("call-{number}@198.51.100.7");
        caller
    }

    fn request(&self, method: &str, cseq: u32, extra: &str, body: &str) -> String {
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let branch = match method {
            "ACK" => format!("ack{cseq}"),
            "CANCEL" => "INVITE1".to_owned(),
            other => format!("{other}{cseq}"),
        };
        let cseq_method = method;
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{branch}{}\r\n\
             Max-Forwards: 70\r\nFrom: \"Alice\" <sip:+46700@c.example>;tag=alice\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {cseq} {cseq_method}\r\nContact: <sip:alice@198.51.100.7:5060>\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
            self.target,
            self.call_id,
            self.to,
            self.call_id,
            body.len()
        )
    }

    pub(super) fn invite(&self, body: &str) -> String {
        self.request("INVITE", 1, "", body)
    }

    pub(super) fn invite_with(&self, extra: &str, body: &str) -> String {
        self.request("INVITE", 1, extra, body)
    }

    pub(super) fn cancel(&self, extra: &str) -> String {
        self.request("CANCEL", 1, extra, "")
    }

    /// Takes tag and target of the last response in `world`.
    pub(super) fn learns(&mut self, world: &World) {
        let text = world.last_sent();
        let message = Message::parse(text.as_bytes()).unwrap();
        self.to = message.header(HeaderName::To).unwrap().to_owned();
        if let Some(Ok(contact)) = message.contact() {
            self.target = contact.uri.to_owned();
        }
    }

    pub(super) fn ack(&self, body: &str) -> String {
        self.request("ACK", self.cseq, "", body)
    }

    pub(super) fn next(&mut self, method: &str, extra: &str, body: &str) -> String {
        self.cseq += 1;
        self.request(method, self.cseq, extra, body)
    }
}

/// The value of a header field of a message of ours.
pub(super) fn header(text: &str, name: &str) -> String {
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    let mut values = lines.filter(|(found, _)| *found == name);
    values
        .next()
        .expect("the message has the field")
        .1
        .to_owned()
}

/// The response of a called peer to the last request sent.
pub(super) fn response(world: &World, status: &str, extra: &str, body: &str) -> String {
    let text = world.last_sent();
    respond_to(&text, status, extra, body)
}

pub(super) fn respond_to(request: &str, status: &str, extra: &str, body: &str) -> String {
    let message = Message::parse(request.as_bytes()).unwrap();
    let copy = |name: HeaderName| message.header(name).unwrap().to_owned();
    let to = copy(HeaderName::To);
    let tag = if to.contains("tag=") { "" } else { ";tag=bob" };
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:bob@198.51.100.7:5060>\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
        copy(HeaderName::Via),
        copy(HeaderName::From),
        copy(HeaderName::CallId),
        copy(HeaderName::CSeq),
        body.len()
    )
}

/// The address of a peer no network is open to.
pub(super) fn stranger() -> Flow {
    let address: IpAddr = "192.0.2.200".parse().unwrap();
    Flow {
        peer: (address, 5060).into(),
        ..flow()
    }
}
