//! What holds whatever happens: on any link, and under any stream of messages, commands and time.

use std::time::Duration;

use bytes::Bytes;
use hookswitch_sip::event::{
    CommandRefused, Commit, Event, EventKind, LegId, Locate, LocateFailure, Output, Rejection,
};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{HeaderName, Message};
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::{Census, Config, Invite, Listener, Timing, UserAgent};
use proptest::prelude::*;

use crate::support::{Link, SDP, Weather, ms, response, secs};

fn weather() -> impl Strategy<Value = Weather> {
    let copies = prop_oneof![2 => Just(0_u8), 6 => Just(1), 1 => Just(2)];
    let delay = prop_oneof![3 => 1..100_u64, 1 => 100..3_000_u64];
    (copies, delay).prop_map(|(copies, delay)| Weather {
        copies,
        delay: ms(delay),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn on_any_link_a_call_ends_once_on_both_sides(
        weather in prop::collection::vec(weather(), 0..60),
        reliable in any::<bool>(),
        pauses in prop::collection::vec(0..4_000_u64, 4),
        choice in 0..6,
    ) {
        let link = Link::new();
        let (alice, bob) = (link.phone("alice"), link.phone("bob"));
        link.has_weather(weather);
        let call = alice.calls(&bob);
        link.runs(ms(pauses[0]));
        let rings = |bob: &crate::support::Phone| {
            bob.last_offered().is_some_and(|leg| {
                let body = reliable.then_some(SDP);
                bob.does(|agent, now| agent.ring(now, leg, 183, body)).is_ok()
            })
        };
        rings(&bob);
        link.runs(ms(pauses[1]));
        match (choice, bob.last_offered()) {
            (0, Some(leg)) => refused(bob.does(|agent, now| agent.reject(now, leg, &Rejection::new(486)))),
            (1, _) => refused(alice.does(|agent, now| agent.cancel(now, call, None))),
            (_, Some(leg)) => refused(bob.does(|agent, now| agent.accept(now, leg, SDP, Commit(0)))),
            _ => {}
        }
        link.runs(ms(pauses[2]));
        match (choice, bob.last_offered()) {
            (2, _) => refused(alice.does(|agent, now| agent.cancel(now, call, None))),
            (3, _) => refused(alice.does(|agent, now| agent.reinvite(now, call, SDP))),
            (4, Some(leg)) => refused(bob.does(|agent, now| agent.reinvite(now, leg, SDP))),
            _ => {}
        }
        link.runs(ms(pauses[3]));
        if choice == 4 && let Some(leg) = bob.last_offered() {
            refused(bob.does(|agent, now| agent.end(now, leg, None)));
        }
        refused(alice.does(|agent, now| {
            agent.end(now, call, None).or_else(|_| agent.cancel(now, call, None))
        }));
        link.runs(secs(40));
        if let Some(leg) = bob.last_offered() {
            refused(bob.does(|agent, now| agent.reject(now, leg, &Rejection::new(480))));
        }
        for phone in [&alice, &bob] {
            let heard = phone.heard();
            let ends = heard.iter().filter(|kind| is_end(kind)).count();
            prop_assert!(ends <= 1, "{:?}", heard);
            let end = heard.iter().position(is_end).unwrap_or(heard.len());
            prop_assert!(heard.len() <= end + 1, "something after the end: {:?}", heard);
        }
        link.is_quiet_after(secs(700));
    }
}

/// The command may be out of place; that is part of the game.
fn refused(_: Result<(), CommandRefused>) {}

fn is_end(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Cancelled
            | EventKind::AckMissing
            | EventKind::Rejected { .. }
            | EventKind::Ended
            | EventKind::Lost { .. }
    )
}

/// One step of an attack.
#[derive(Clone, Debug)]
enum Step {
    /// A request: kind, dialog, CSeq, transaction, and damage.
    Request(u8, u8, u8, u8, Option<Damage>),
    /// A response to a request of ours: which, status, tag, and damage.
    Response(u8, u16, u8, Option<Damage>),
    /// The owner of a leg does something.
    Command(u8, u8),
    Wait(u32),
    Located(u8),
    Breaks(u8),
}

#[derive(Clone, Debug)]
enum Damage {
    Byte(u16, u8),
    Cut(u16, u8),
    Doubled(u8),
    Truncated(u16),
}

fn damage() -> impl Strategy<Value = Option<Damage>> {
    prop_oneof![
        8 => Just(None),
        1 => (any::<u16>(), any::<u8>()).prop_map(|(at, byte)| Some(Damage::Byte(at, byte))),
        1 => (any::<u16>(), 1..40_u8).prop_map(|(at, count)| Some(Damage::Cut(at, count))),
        1 => (0..12_u8).prop_map(|line| Some(Damage::Doubled(line))),
        1 => any::<u16>().prop_map(|at| Some(Damage::Truncated(at))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![
        prop::sample::select(vec![
            100, 180, 183, 200, 202, 302, 408, 422, 481, 486, 487, 491, 500, 503, 603
        ]),
        100..700_u16,
    ];
    prop_oneof![
        6 => (0..20_u8, 0..4_u8, 0..6_u8, 0..4_u8, damage())
            .prop_map(|(kind, dialog, cseq, branch, damage)| Step::Request(kind, dialog, cseq, branch, damage)),
        5 => (any::<u8>(), status, 0..3_u8, damage())
            .prop_map(|(which, status, tag, damage)| Step::Response(which, status, tag, damage)),
        5 => (0..16_u8, any::<u8>()).prop_map(|(what, leg)| Step::Command(what, leg)),
        2 => prop_oneof![0..1_000_u32, 0..40_000_u32].prop_map(Step::Wait),
        1 => any::<u8>().prop_map(Step::Located),
        1 => any::<u8>().prop_map(Step::Breaks),
    ]
}

/// A user agent and what it did so far.
struct Target {
    agent: UserAgent,
    now: Instant,
    legs: Vec<LegId>,
    /// Requests it sent.
    requests: Vec<(Flow, Bytes)>,
    /// To values it gave itself.
    dialogs: Vec<String>,
    questions: Vec<Locate>,
    rack: u32,
}

fn peer(number: u8) -> Flow {
    let transport = if number.is_multiple_of(2) {
        Transport::Udp
    } else {
        Transport::Tcp
    };
    Flow {
        transport,
        listener: u16::from(number % 2),
        peer: ([192, 0, 2, 50 + number % 3], 5_060).into(),
        connection: u32::from(number % 2) * (1 + u32::from(number % 3)),
    }
}

impl Target {
    fn new() -> Self {
        let listener = |transport| Listener {
            transport,
            advertised: ([192, 0, 2, 1], 5_060).into(),
        };
        let config = Config {
            key: [3; 16],
            listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
            product: "target".to_owned(),
            session_expires: secs(600),
            min_session_expires: secs(90),
            timing: Timing::default(),
        };
        Self {
            agent: UserAgent::new(config),
            now: Instant::from_micros(1),
            legs: Vec::new(),
            requests: Vec::new(),
            dialogs: Vec::new(),
            questions: Vec::new(),
            rack: 1,
        }
    }

    fn now(&self) -> Now {
        Now {
            instant: self.now,
            unix_micros: self.now.as_micros(),
        }
    }

    /// Takes what came out and checks it.
    fn collect(&mut self) {
        while let Some(Event { leg, kind }) = self.agent.poll_event() {
            if kind == EventKind::Offered {
                self.legs.push(leg);
            }
        }
        while let Some(output) = self.agent.poll_output() {
            let transmit = match output {
                Output::Locate(question) => {
                    self.questions.push(question);
                    continue;
                }
                Output::Transmit(transmit) => transmit,
            };
            let text = String::from_utf8_lossy(&transmit.bytes);
            let message = Message::parse(&transmit.bytes).expect("we write SIP");
            let echoes = matches!(message.status(), Some(400 | 505));
            assert!(
                echoes || message.defect().is_none(),
                "{:?}: {text}",
                message.defect()
            );
            if message.is_request() && !transmit.retransmission {
                self.requests.push((transmit.flow, transmit.bytes.clone()));
            } else if let Some(to) = message.header(HeaderName::To).filter(|_| !echoes) {
                self.dialogs.push(to.to_owned());
                self.rack = message.rseq().unwrap_or(self.rack);
            }
        }
    }

    fn runs(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            steps += 1;
            assert!(steps < 100_000, "timers go round in circles");
            self.now = at.max(self.now);
            self.agent.handle_timeout(self.now());
            self.collect();
        }
        self.now = end;
    }

    fn hears(&mut self, flow: Flow, mut bytes: Vec<u8>, damage: Option<&Damage>) {
        if let Some(damage) = damage {
            harm(&mut bytes, damage);
        }
        if let Ok(message) = Message::parse(&bytes) {
            self.agent.handle_message(self.now(), flow, &message);
            self.collect();
        }
    }

    fn request(&self, kind: u8, dialog: u8, cseq: u8, branch: u8) -> Vec<u8> {
        let (method, more, body) = match kind {
            0..=2 => ("INVITE", "", SDP),
            3 => ("INVITE", "Require: 100rel", SDP),
            4 => (
                "INVITE",
                "Supported: 100rel, timer\r\nSession-Expires: 100",
                SDP,
            ),
            5 => (
                "INVITE",
                "Record-Route: <sip:proxy.example.com>, <sip:192.0.2.50;lr>",
                &[][..],
            ),
            6..=8 => ("ACK", "", &[][..]),
            9 => ("CANCEL", "", &[][..]),
            10..=11 => ("BYE", "", &[][..]),
            12..=13 => ("PRACK", "RAck: ", &[][..]),
            14 => ("UPDATE", "", SDP),
            15 => (
                "UPDATE",
                "Supported: timer\r\nSession-Expires: 91;refresher=uas",
                &[][..],
            ),
            16 => ("INFO", "", &b"x"[..]),
            17 => ("OPTIONS", "Require: nothing", &[][..]),
            18 => ("REFER", "Refer-To: sip:x@y", &[][..]),
            _ => ("REGISTER", "", &[][..]),
        };
        let to = match usize::from(dialog).checked_sub(1) {
            Some(back) if back < self.dialogs.len() => {
                self.dialogs[self.dialogs.len() - 1 - back].clone()
            }
            _ => "<sip:target@192.0.2.1>".to_owned(),
        };
        let more = match more {
            "RAck: " => format!("RAck: {} 1 INVITE", self.rack),
            more => more.to_owned(),
        };
        let more = if more.is_empty() { more } else { more + "\r\n" };
        let contact = [
            "192.0.2.50",
            "192.0.2.51:5099;transport=tcp",
            "host.example.com",
        ][usize::from(branch) % 3];
        let mut bytes = format!(
            "{method} sip:target@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK{branch}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=t{}\r\nTo: {to}\r\nCall-ID: c{}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:a@{contact}>\r\n{more}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
            branch % 2,
            branch / 2,
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }

    fn response(&self, which: u8, status: u16, tag: u8) -> Option<(Flow, Vec<u8>)> {
        let recent = self.requests.len().min(6);
        let back = usize::from(which) % recent.max(1);
        let (flow, bytes) = self
            .requests
            .get(self.requests.len().checked_sub(1 + back)?)?;
        let text = String::from_utf8_lossy(bytes);
        let more = match which % 5 {
            0 => format!("tag: {tag}\nRequire: 100rel\nRSeq: {}", 1 + which / 50),
            1 => format!("tag: {tag}\nContact: <sip:x@elsewhere.example.com>\nAllow: UPDATE"),
            2 => format!(
                "tag: {tag}\nContact: <sip:x@192.0.2.51>\nSession-Expires: 90;refresher=uas"
            ),
            3 => format!("tag: {tag}\nMin-SE: {}", 90 + u32::from(which)),
            _ => format!("tag: {tag}\nRecord-Route: <sip:192.0.2.52>, <sip:192.0.2.51;lr>"),
        };
        Some((
            *flow,
            response(
                &text,
                status,
                &more,
                if which.is_multiple_of(3) { SDP } else { b"" },
            ),
        ))
    }

    fn command(&mut self, what: u8, which: u8) {
        let now = self.now();
        let agent = &mut self.agent;
        if what < 3 {
            let call_id = agent.draw_call_id();
            let target = [
                "sip:x@192.0.2.50",
                "sip:x@192.0.2.51;transport=tcp",
                "sip:x@example.com",
            ][usize::from(what)];
            let invite = Invite {
                call_id,
                target,
                from_user: "us er",
                from_domain: "example.com",
                display: Some("a \"name\""),
                body: (!which.is_multiple_of(4)).then_some(SDP),
                headers: Vec::new(),
            };
            self.legs.push(agent.invite(&invite, Commit(1)));
            return self.collect();
        }
        let Some(leg) = self
            .legs
            .get(usize::from(which) % self.legs.len().max(1))
            .copied()
        else {
            return;
        };
        match what {
            3 => agent.trying(leg),
            4 => refused(agent.ring(now, leg, 180, None)),
            5 => refused(agent.ring(now, leg, 183, Some(SDP))),
            6 | 7 => refused(agent.accept(now, leg, SDP, Commit(2))),
            8 => refused(agent.reject(now, leg, &Rejection::new(480))),
            9 => refused(agent.acknowledge(leg, SDP)),
            10 => refused(agent.cancel(now, leg, Some("SIP;cause=200"))),
            11 => refused(agent.end(now, leg, None)),
            12 => agent.release(now, leg, Commit(3)),
            13 => refused(agent.answer_offer(now, leg, Ok(SDP))),
            14 => refused(agent.answer_offer(now, leg, Err(&Rejection::new(488)))),
            _ => refused(agent.reinvite(now, leg, SDP)),
        }
        self.collect();
    }

    fn answers_question(&mut self, number: u8) {
        let Some(question) = self.questions.pop() else {
            return;
        };
        let answer = match number % 4 {
            0 => Err(LocateFailure::NotFound("no".to_owned())),
            1 => Err(LocateFailure::Forbidden("no".to_owned())),
            _ => Ok(vec![peer(number), peer(number / 4)]),
        };
        self.agent.handle_located(self.now(), question.id, answer);
        self.collect();
    }

    /// The owner gives everything up, and then nothing happens for a long time.
    fn ends(&mut self) {
        for _ in 0..3 {
            while !self.questions.is_empty() {
                self.answers_question(2);
            }
            for leg in self.legs.clone() {
                let now = self.now();
                self.agent.release(now, leg, Commit(0));
                refused(self.agent.reject(now, leg, &Rejection::new(480)));
                refused(self.agent.cancel(now, leg, None));
                refused(self.agent.end(now, leg, None));
                self.collect();
            }
            self.runs(secs(200));
        }
    }
}

fn harm(bytes: &mut Vec<u8>, damage: &Damage) {
    let place = |at: u16, bytes: &[u8]| usize::from(at) % bytes.len();
    match damage {
        Damage::Byte(at, byte) => {
            let at = place(*at, bytes);
            bytes[at] = *byte;
        }
        Damage::Cut(at, count) => {
            let at = place(*at, bytes);
            let end = bytes.len().min(at + usize::from(*count));
            bytes.drain(at..end);
        }
        Damage::Truncated(at) => bytes.truncate(place(*at, bytes)),
        Damage::Doubled(line) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let mut lines: Vec<&str> = text.split("\r\n").collect();
            let place = 1 + usize::from(*line) % lines.len().max(2);
            if let Some(line) = lines.get(place).copied() {
                lines.insert(place, line);
            }
            *bytes = lines.join("\r\n").into_bytes();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_nothing_breaks_and_nothing_stays(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut target = Target::new();
        for step in steps {
            match step {
                Step::Request(kind, dialog, cseq, branch, damage) => {
                    let bytes = target.request(kind, dialog, cseq, branch);
                    target.hears(peer(branch), bytes, damage.as_ref());
                }
                Step::Response(which, status, tag, damage) => {
                    if let Some((flow, bytes)) = target.response(which, status, tag) {
                        target.hears(flow, bytes, damage.as_ref());
                    }
                }
                Step::Command(what, which) => target.command(what, which),
                Step::Wait(millis) => target.runs(ms(u64::from(millis))),
                Step::Located(number) => target.answers_question(number),
                Step::Breaks(number) => {
                    target.agent.handle_flow_failure(target.now(), peer(number));
                    target.collect();
                }
            }
        }
        target.ends();
        prop_assert_eq!(target.agent.census(), Census::default());
        prop_assert_eq!(target.agent.poll_timeout(), None);
    }
}
