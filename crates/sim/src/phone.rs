//! A phone: a user agent with habits drawn from the seed.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_sip::event::{
    Commit, Event, EventKind, LegId, Locate, LocateFailure, LocateId, Output, Rejection,
};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::Message;
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::{Census, Config, Invite, Listener, Timing, UserAgent};

use crate::network::Place;
use crate::random::Random;
use crate::{DOMAIN, SDP};

/// What a phone's owner does at some time.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Calls the tenant.
    Call,
    /// Gives an unanswered call up.
    GiveUp(LegId),
    /// Lets a call ring, perhaps with early media.
    Ring(LegId, bool),
    /// Answers.
    Accept(LegId),
    /// Declines.
    Reject(LegId, u16),
    /// Changes media.
    Reinvite(LegId),
    /// Hangs up, whatever the state.
    HangUp(LegId),
    /// The battery is empty: nothing is said or heard any more.
    Die,
}

/// How a call of a phone went, as the phone saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The SIP Call-ID.
    pub call_id: String,
    /// The refusal, or 200 once answered.
    pub status: u16,
}

/// What a phone wants of the world.
#[derive(Debug)]
pub enum Wish {
    /// Send a message.
    Send(Flow, Bytes),
    /// Find a host.
    Find(Locate),
    /// Do something later.
    Later(Duration, Act),
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    place: Place,
    agent: UserAgent,
    random: Random,
    by_stream: bool,
    /// Whether it tries drill destinations.
    drills: bool,
    is_dead: bool,
    legs: BTreeSet<LegId>,
    wishes: Vec<Wish>,
    /// The calls it made that came to something.
    pub stories: Vec<Story>,
}

/// A user agent as every peer has one.
fn agent(place: Place, key: u8) -> UserAgent {
    let listener = |transport| Listener {
        transport,
        advertised: place.address(),
    };
    UserAgent::new(Config {
        key: [key; 16],
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        product: "phone".to_owned(),
        session_expires: Duration::from_secs(300),
        min_session_expires: Duration::from_secs(90),
        timing: Timing::default(),
    })
}

impl Phone {
    /// The phone with this number; with `drills` it calls drill destinations too.
    pub fn new(number: usize, mut random: Random, drills: bool) -> Self {
        let key = u8::try_from(number + 1).expect("there are few phones");
        Self {
            place: Place::Phone(number),
            agent: agent(Place::Phone(number), key),
            by_stream: random.percent(30),
            drills,
            random,
            is_dead: false,
            legs: BTreeSet::new(),
            wishes: Vec::new(),
            stories: Vec::new(),
        }
    }

    /// How others call it.
    pub fn uri(&self) -> String {
        let transport = if self.by_stream { ";transport=tcp" } else { "" };
        format!("sip:phone@{}{transport}", self.place.address())
    }

    /// When it wants to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.agent.poll_timeout().filter(|_| !self.is_dead)
    }

    /// What it keeps; the dead keep nothing.
    pub fn census(&self) -> Census {
        if self.is_dead {
            return Census::default();
        }
        self.agent.census()
    }

    /// The next wish.
    pub fn poll_wish(&mut self) -> Option<Wish> {
        if self.is_dead {
            return None;
        }
        while let Some(output) = self.agent.poll_output() {
            self.wishes.push(match output {
                Output::Transmit(transmit) => Wish::Send(transmit.flow, transmit.bytes),
                Output::Locate(locate) => Wish::Find(locate),
            });
        }
        (!self.wishes.is_empty()).then(|| self.wishes.remove(0))
    }

    /// A message came.
    pub fn handle_bytes(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        if let Some(message) = Message::parse(bytes).ok().filter(|_| !self.is_dead) {
            self.agent.handle_message(now, flow, &message);
            self.settle(now);
        }
    }

    /// Its time has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.agent.handle_timeout(now);
        self.settle(now);
    }

    /// A connection broke.
    pub fn handle_flow_failure(&mut self, now: Now, flow: Flow) {
        self.agent.handle_flow_failure(now, flow);
        self.settle(now);
    }

    /// A host was found, or not.
    pub fn handle_located(
        &mut self,
        now: Now,
        id: LocateId,
        answer: Result<Vec<Flow>, LocateFailure>,
    ) {
        self.agent.handle_located(now, id, answer);
        self.settle(now);
    }

    /// Its owner does something; out of place it does nothing.
    pub fn handle_act(&mut self, now: Now, act: Act) {
        if self.is_dead {
            return;
        }
        let _ = match act {
            Act::Call => {
                self.call(now);
                Ok(())
            }
            Act::GiveUp(leg) => self.agent.cancel(now, leg, None),
            Act::Ring(leg, early) => {
                let status = if early { 183 } else { 180 };
                self.agent.ring(now, leg, status, early.then_some(SDP))
            }
            Act::Accept(leg) => self.agent.accept(now, leg, SDP, Commit(0)),
            Act::Reject(leg, status) => self.agent.reject(now, leg, &Rejection::new(status)),
            Act::Reinvite(leg) => self.agent.reinvite(now, leg, SDP),
            Act::HangUp(leg) => self
                .agent
                .end(now, leg, None)
                .or_else(|_| self.agent.cancel(now, leg, None))
                .or_else(|_| self.agent.reject(now, leg, &Rejection::new(480))),
            Act::Die => {
                self.is_dead = true;
                Ok(())
            }
        };
        self.settle(now);
    }

    /// Its owner ends every call.
    pub fn closes(&mut self, now: Now) {
        for leg in self.legs.clone() {
            self.handle_act(now, Act::HangUp(leg));
        }
    }

    fn call(&mut self, now: Now) {
        let user = if self.drills && self.random.percent(40) {
            self.random.pick(&[
                "drill-answer",
                "drill-hangup-after-2s",
                "drill-486-after-2s",
                "drill-noanswer",
            ])
        } else {
            self.random
                .pick(&["1001", "1001", "1001", "1001", "1001", "nobody"])
        };
        let transport = if self.by_stream { ";transport=tcp" } else { "" };
        let target = format!("sip:{user}@{DOMAIN}{transport}");
        let call_id = self.agent.draw_call_id();
        let has_offer = self.random.percent(85);
        let invite = Invite {
            call_id,
            target: &target,
            from_user: "+4670000",
            from_domain: "phones.example",
            display: self.random.percent(50).then_some("A \"phone\", mine"),
            body: has_offer.then_some(SDP),
            headers: Vec::new(),
        };
        let leg = self.agent.invite(&invite, Commit(0));
        self.legs.insert(leg);
        if self.random.percent(40) {
            self.later(0, 20_000, Act::GiveUp(leg));
        }
        self.settle(now);
    }

    fn later(&mut self, least: u64, most: u64, act: Act) {
        let delay = self.random.millis(least, most);
        self.wishes.push(Wish::Later(delay, act));
    }

    fn settle(&mut self, now: Now) {
        while let Some(Event { leg, kind }) = self.agent.poll_event() {
            match kind {
                EventKind::Offered => self.offered(leg),
                EventKind::Answered => {
                    // It has nothing to answer where it made the offer.
                    let _ = self.agent.acknowledge(leg, SDP);
                    self.tells(leg, 200);
                    self.talks(leg);
                }
                EventKind::Confirmed => self.talks(leg),
                EventKind::Ended => self.agent.release(now, leg, Commit(0)),
                EventKind::Reoffered { .. } => {
                    let rejection = Rejection::new(488);
                    let agrees = self.random.percent(90);
                    let answer = if agrees { Ok(SDP) } else { Err(&rejection) };
                    let _ = self.agent.answer_offer(now, leg, answer);
                }
                EventKind::Rejected { status, local, .. } if !local => self.tells(leg, status),
                _ => {}
            }
        }
    }

    fn tells(&mut self, leg: LegId, status: u16) {
        if let Some(view) = self.agent.leg(leg) {
            let call_id = view.call_id.to_owned();
            self.stories.push(Story { call_id, status });
        }
    }

    fn offered(&mut self, leg: LegId) {
        self.legs.insert(leg);
        if self.random.percent(70) {
            self.agent.trying(leg);
        }
        let status = self.random.pick(&[486, 603, 480, 404, 302, 503]);
        match self.random.below(10) {
            0 => {}
            1 | 2 => self.later(0, 5_000, Act::Reject(leg, status)),
            _ => {
                let early = self.random.percent(30);
                self.later(0, 2_000, Act::Ring(leg, early));
                self.later(0, 20_000, Act::Accept(leg));
            }
        }
    }

    fn talks(&mut self, leg: LegId) {
        if self.random.percent(30) {
            self.later(0, 60_000, Act::Reinvite(leg));
        }
        if self.random.percent(60) {
            self.later(0, 120_000, Act::HangUp(leg));
        }
    }
}
