//! Phones and strangers.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_sip::event::{
    CommandRefused, Commit, Event, EventKind, LegId, Locate, LocateFailure, Output, Rejection,
};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::Message;
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::{
    Census, Config, Invite, LegSnapshot, Listener, RestoreError, Timing, UserAgent,
};

use super::Link;
use super::link::udp;

/// The session description everybody offers and answers.
pub(crate) const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n";

/// How a phone behaves.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) session_expires: Duration,
    pub(crate) min_session_expires: Duration,
    /// Answers every INVITE with 200 at once.
    pub(crate) picks_up: bool,
    /// Sends 100 to every INVITE.
    pub(crate) tries: bool,
    /// Answers re-INVITE and UPDATE at once.
    pub(crate) agrees: bool,
    /// Answers BYE at once.
    pub(crate) releases: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_expires: Duration::from_secs(600),
            min_session_expires: Duration::from_secs(90),
            picks_up: false,
            tries: true,
            agrees: true,
            releases: true,
        }
    }
}

/// A phone's or a stranger's insides.
pub(crate) struct End {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Takes no new connections.
    pub(crate) is_deaf: bool,
    agent: Option<UserAgent>,
    config: Option<Config>,
    /// Every leg as it was at its last event, as it would lie on a disk.
    saved: BTreeMap<LegId, Vec<u8>>,
    settings: Settings,
    next_offer: Option<u16>,
    /// Every event, with the message that caused it.
    heard: Vec<(Event, String)>,
    /// Legs that owe nothing any more.
    settled: Vec<LegId>,
    /// Every leg there was, but those over when a crash came.
    known: BTreeSet<LegId>,
    /// Raw text to send, and text received.
    outbox: Vec<(Flow, Bytes)>,
    inbox: Vec<String>,
    last_offered: Option<LegId>,
    located: VecDeque<Result<Vec<Flow>, LocateFailure>>,
    located_later: bool,
    questions: Vec<Locate>,
}

impl End {
    pub(crate) fn phone(name: &str, place: usize, settings: Settings) -> Self {
        let address: SocketAddr = format!("192.0.2.{}:5060", place + 1).parse().unwrap();
        let listener = |transport| Listener {
            transport,
            advertised: address,
        };
        let config = Config {
            key: [u8::try_from(place).unwrap() + 7; 16],
            listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
            product: name.to_owned(),
            session_expires: settings.session_expires,
            min_session_expires: settings.min_session_expires,
            timing: Timing::default(),
        };
        let mut end = Self::stranger(name, place);
        end.agent = Some(UserAgent::new(config.clone()));
        end.config = Some(config);
        end.settings = settings;
        end
    }

    pub(crate) fn stranger(name: &str, place: usize) -> Self {
        Self {
            name: name.to_owned(),
            address: format!("192.0.2.{}:5060", place + 1).parse().unwrap(),
            is_deaf: false,
            agent: None,
            config: None,
            saved: BTreeMap::new(),
            settings: Settings::default(),
            next_offer: None,
            heard: Vec::new(),
            settled: Vec::new(),
            known: BTreeSet::new(),
            outbox: Vec::new(),
            inbox: Vec::new(),
            last_offered: None,
            located: VecDeque::new(),
            located_later: false,
            questions: Vec::new(),
        }
    }

    pub(crate) fn census(&self) -> Census {
        self.agent
            .as_ref()
            .map(UserAgent::census)
            .unwrap_or_default()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.agent.as_ref()?.poll_timeout()
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        if let Some(agent) = &mut self.agent {
            agent.handle_timeout(now);
        }
        self.listen(now, "");
    }

    pub(crate) fn handle_flow_failure(&mut self, now: Now, flow: Flow) {
        if let Some(agent) = &mut self.agent {
            agent.handle_flow_failure(now, flow);
        }
        self.listen(now, "");
    }

    pub(crate) fn handle_bytes(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let Some(agent) = &mut self.agent else {
            return self.inbox.push(text);
        };
        if let Ok(message) = Message::parse(bytes) {
            agent.handle_message(now, flow, &message);
        }
        self.listen(now, &text);
    }

    /// Does what the phone's owner does by habit.
    fn listen(&mut self, now: Now, text: &str) {
        let Some(agent) = &mut self.agent else { return };
        let mut touched = Vec::new();
        while let Some(event) = agent.poll_event() {
            let leg = event.leg;
            if event.kind == EventKind::Settled {
                assert!(!self.settled.contains(&leg), "{leg:?} settled twice");
                self.settled.push(leg);
                self.saved.remove(&leg);
                continue;
            }
            touched.push(leg);
            self.known.insert(leg);
            self.heard.push((event.clone(), text.to_owned()));
            match event.kind {
                EventKind::Offered => {
                    self.last_offered = Some(leg);
                    if self.settings.tries {
                        agent.trying(leg);
                    }
                    if self.settings.picks_up {
                        agent.accept(now, leg, SDP, Commit(0)).unwrap();
                    }
                }
                EventKind::Reoffered { .. } if self.settings.agrees => {
                    let rejection = self.next_offer.take().map(Rejection::new);
                    let answer = rejection.as_ref().map_or(Ok(SDP), Err);
                    agent.answer_offer(now, leg, answer).unwrap();
                }
                EventKind::Ended if self.settings.releases => {
                    agent.release(now, leg, Commit(0));
                }
                _ => {}
            }
        }
        for leg in touched {
            self.save(now, leg);
        }
    }

    /// Writes a leg down as it is now.
    fn save(&mut self, now: Now, leg: LegId) {
        let Some(agent) = &self.agent else { return };
        match agent.snapshot(now, leg) {
            Some(snapshot) => {
                let bytes = postcard::to_stdvec(&snapshot).unwrap();
                self.saved.insert(leg, bytes);
            }
            None => {
                self.saved.remove(&leg);
            }
        }
    }

    fn save_all(&mut self, now: Now) {
        for leg in self.saved.keys().copied().collect::<Vec<_>>() {
            self.save(now, leg);
        }
    }

    pub(crate) fn crash(&mut self) {
        // What was not worth writing down is not heard of again.
        let Self { saved, settled, .. } = self;
        let stays = |leg: &LegId| saved.contains_key(leg) || settled.contains(leg);
        self.known.retain(stays);
        self.agent = None;
        self.outbox.clear();
    }

    /// Takes up every leg that was written down, under another key, as another run has one.
    pub(crate) fn restart(&mut self, now: Now) -> Result<(), RestoreError> {
        let config = self.config.as_mut().unwrap();
        config.key[0] = config.key[0].wrapping_add(64);
        let mut agent = UserAgent::new(config.clone());
        for (leg, bytes) in &self.saved {
            let snapshot: LegSnapshot = postcard::from_bytes(bytes).unwrap();
            assert_eq!(agent.restore(now, snapshot, Commit(7))?, *leg);
        }
        self.agent = Some(agent);
        self.save_all(now);
        self.listen(now, "");
        Ok(())
    }

    pub(crate) fn take_transmits(&mut self, now: Now) -> Vec<(Flow, Bytes, bool)> {
        let mut out: Vec<(Flow, Bytes, bool)> = std::mem::take(&mut self.outbox)
            .into_iter()
            .map(|(flow, bytes)| (flow, bytes, false))
            .collect();
        let mut questions = Vec::new();
        if let Some(agent) = &mut self.agent {
            while let Some(output) = agent.poll_output() {
                match output {
                    Output::Transmit(transmit) => {
                        let message = Message::parse(&transmit.bytes).expect("we write SIP");
                        let text = String::from_utf8_lossy(&transmit.bytes);
                        // A refusal echoes what was broken.
                        let echoes = matches!(message.status(), Some(400 | 505));
                        assert!(echoes || message.defect().is_none(), "{text}");
                        out.push((transmit.flow, transmit.bytes, transmit.retransmission));
                    }
                    Output::Locate(locate) => questions.push(locate),
                }
            }
        }
        for question in questions {
            self.questions.push(question.clone());
            if self.located_later {
                continue;
            }
            let answer = self.located.pop_front();
            let answer = answer.unwrap_or_else(|| plain_answer(&question));
            self.locate(now, &question, answer);
            out.extend(self.take_transmits(now));
        }
        out
    }

    fn locate(&mut self, now: Now, question: &Locate, answer: Result<Vec<Flow>, LocateFailure>) {
        if let Some(agent) = &mut self.agent {
            agent.handle_located(now, question.id, answer);
        }
        self.save_all(now);
        self.listen(now, "");
    }
}

/// Address literals are where they say; names are nowhere.
fn plain_answer(question: &Locate) -> Result<Vec<Flow>, LocateFailure> {
    let Ok(ip) = question.host.parse() else {
        return Err(LocateFailure::NotFound("no such name".to_owned()));
    };
    let transport = question.transport.unwrap_or(Transport::Udp);
    let port = question.port.unwrap_or(transport.default_port());
    let listener = u16::from(transport == Transport::Tcp);
    Ok(vec![Flow {
        transport,
        listener,
        peer: SocketAddr::new(ip, port),
        connection: 0,
    }])
}

#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) link: Link,
    pub(crate) end: Rc<RefCell<End>>,
    pub(crate) place: usize,
}

impl Phone {
    pub(crate) fn address(&self) -> SocketAddr {
        self.end.borrow().address
    }

    pub(crate) fn uri(&self) -> String {
        format!("sip:{}@{}", self.end.borrow().name, self.address())
    }

    /// Works on the user agent and sends what comes of it.
    pub(crate) fn does<T>(&self, work: impl FnOnce(&mut UserAgent, Now) -> T) -> T {
        let now = self.link.now();
        let result = {
            let mut end = self.end.borrow_mut();
            let result = work(end.agent.as_mut().unwrap(), now);
            end.save_all(now);
            end.listen(now, "");
            result
        };
        self.link.collect(self.place);
        result
    }

    pub(crate) fn calls(&self, other: &Self) -> LegId {
        self.calls_uri(&other.uri(), Some(SDP))
    }

    pub(crate) fn calls_uri(&self, target: &str, body: Option<&[u8]>) -> LegId {
        let leg = self.does(|agent, _| {
            let call_id = agent.draw_call_id();
            let invite = Invite {
                call_id,
                target,
                from_user: "caller",
                from_domain: "example.com",
                display: Some("A Caller"),
                body,
                headers: Vec::new(),
            };
            agent.invite(&invite, Commit(0))
        });
        self.end.borrow_mut().known.insert(leg);
        self.saves(leg);
        leg
    }

    /// Pulls the plug: nothing is sent any more, nothing heard, and its connections are gone.
    pub(crate) fn crashes(&self) {
        self.end.borrow_mut().crash();
        self.link.breaks_connections_of(Some(self.place));
    }

    /// Starts again, with what was written down at the last event of each leg.
    pub(crate) fn restarts(&self) {
        let now = self.link.now();
        self.end.borrow_mut().restart(now).unwrap();
        self.link.collect(self.place);
    }

    /// Crashes and starts again a second later.
    pub(crate) fn is_restarted(&self) {
        self.crashes();
        self.link.runs(Duration::from_secs(1));
        self.restarts();
    }

    /// Writes a leg down that had no event yet.
    pub(crate) fn saves(&self, leg: LegId) {
        let now = self.link.now();
        self.end.borrow_mut().save(now, leg);
    }

    /// Legs that owe nothing any more.
    pub(crate) fn settled(&self) -> Vec<LegId> {
        self.end.borrow().settled.clone()
    }

    /// Every leg there was, but those over when a crash came; in order.
    pub(crate) fn known(&self) -> Vec<LegId> {
        self.end.borrow().known.iter().copied().collect()
    }

    /// Puts another state of things on the disk.
    pub(crate) fn finds(&self, saved: BTreeMap<LegId, Vec<u8>>) {
        self.end.borrow_mut().saved = saved;
    }

    /// What lies on the disk.
    pub(crate) fn saved(&self) -> BTreeMap<LegId, Vec<u8>> {
        self.end.borrow().saved.clone()
    }

    /// The last leg somebody offered.
    pub(crate) fn offered(&self) -> LegId {
        let last = self.end.borrow().last_offered;
        last.expect("somebody calls")
    }

    pub(crate) fn last_offered(&self) -> Option<LegId> {
        self.end.borrow().last_offered
    }

    pub(crate) fn rings(&self, leg: LegId) {
        self.does(|agent, now| agent.ring(now, leg, 180, None))
            .unwrap();
    }

    pub(crate) fn answers(&self, leg: LegId) {
        self.does(|agent, now| agent.accept(now, leg, SDP, Commit(0)))
            .unwrap();
    }

    pub(crate) fn rejects(&self, leg: LegId, status: u16) {
        self.does(|agent, now| agent.reject(now, leg, &Rejection::new(status)))
            .unwrap();
    }

    pub(crate) fn cancels(&self, leg: LegId) {
        self.does(|agent, now| agent.cancel(now, leg, None))
            .unwrap();
    }

    pub(crate) fn hangs_up(&self, leg: LegId) {
        self.does(|agent, now| agent.end(now, leg, None)).unwrap();
    }

    pub(crate) fn reinvites(&self, leg: LegId) -> Result<(), CommandRefused> {
        self.does(|agent, now| agent.reinvite(now, leg, SDP))
    }

    /// Events since the last time, with their messages' text.
    pub(crate) fn hears(&self) -> Vec<(EventKind, String)> {
        let heard = std::mem::take(&mut self.end.borrow_mut().heard);
        heard
            .into_iter()
            .map(|(event, text)| (event.kind, text))
            .collect()
    }

    /// The kinds of the events since the last time.
    pub(crate) fn heard(&self) -> Vec<EventKind> {
        self.hears().into_iter().map(|(kind, _)| kind).collect()
    }

    pub(crate) fn census(&self) -> Census {
        self.end.borrow().census()
    }

    pub(crate) fn answers_next_offer_with(&self, status: u16) {
        self.end.borrow_mut().next_offer = Some(status);
    }

    pub(crate) fn sets(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.end.borrow_mut().settings);
    }

    /// The answer to the next question where a host lives.
    pub(crate) fn will_locate(&self, answer: Result<Vec<Flow>, LocateFailure>) {
        self.end.borrow_mut().located.push_back(answer);
    }

    /// Questions wait until `locates`.
    pub(crate) fn waits_for_names(&self, waits: bool) {
        self.end.borrow_mut().located_later = waits;
    }

    pub(crate) fn locates(&self, question: &Locate, answer: Result<Vec<Flow>, LocateFailure>) {
        let now = self.link.now();
        self.end.borrow_mut().locate(now, question, answer);
        self.link.collect(self.place);
    }

    pub(crate) fn asked(&self) -> Vec<Locate> {
        self.end.borrow().questions.clone()
    }

    pub(crate) fn is_deaf(&self, deaf: bool) {
        self.end.borrow_mut().is_deaf = deaf;
    }
}

/// A SIP element that says what the test says.
#[derive(Clone)]
pub(crate) struct Stranger {
    pub(crate) link: Link,
    pub(crate) end: Rc<RefCell<End>>,
    pub(crate) place: usize,
}

impl Stranger {
    pub(crate) fn address(&self) -> SocketAddr {
        self.end.borrow().address
    }

    pub(crate) fn uri(&self) -> String {
        format!("sip:{}@{}", self.end.borrow().name, self.address())
    }

    /// The flow by which others reach it.
    pub(crate) fn flow(&self) -> Flow {
        udp(self.address())
    }

    /// Sends a message and lets it arrive and be answered.
    pub(crate) fn says(&self, to: &Phone, message: impl AsRef<[u8]>) {
        let bytes = Bytes::copy_from_slice(message.as_ref());
        self.end
            .borrow_mut()
            .outbox
            .push((udp(to.address()), bytes));
        self.link.collect(self.place);
        self.link.runs(Duration::from_millis(40));
    }

    /// Answers the last received request called `what`.
    pub(crate) fn answers(&self, to: &Phone, what: &str, status: u16, more: &str, body: &[u8]) {
        let request = self.last(what);
        self.says(to, super::text::response(&request, status, more, body));
    }

    /// What came since the last time.
    pub(crate) fn gets(&self) -> Vec<String> {
        std::mem::take(&mut self.end.borrow_mut().inbox)
    }

    /// The names of what came since the last time.
    pub(crate) fn got(&self) -> Vec<String> {
        let names = self.gets();
        let name = |text: &String| super::link::name_of(text.as_bytes());
        names.iter().map(name).collect()
    }

    /// The last message called `what` that came; it stays in the inbox.
    pub(crate) fn last(&self, what: &str) -> String {
        let end = self.end.borrow();
        let is_it = |text: &&String| super::link::name_of(text.as_bytes()) == what;
        let found = end.inbox.iter().rev().find(is_it).cloned();
        found.unwrap_or_else(|| panic!("no {what} among {:#?}", end.inbox))
    }
}
