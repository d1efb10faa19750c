//! A customer's application: slow, wrong, contradictory, or gone.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::CallId;
use hookswitch_call::command::{Accepted, Answer, AskAnswer, Command, Hangup, Place};
use hookswitch_media::{Codec, Endpoint};

use crate::DOMAIN;
use crate::random::Random;

/// What the application sends at some time.
#[derive(Debug)]
pub enum Sending {
    /// The reply to `newRemoteCall`.
    Asked(CallId, AskAnswer),
    /// A command.
    Command(Command),
}

/// What the application does with a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes it.
    Taken,
    /// It takes it, and the node never hears so.
    TakenUnheard,
    /// 500, or no answer.
    Failed,
    /// 410: callbacks are switched off.
    Gone,
}

/// An application.
#[derive(Debug)]
pub struct Application {
    random: Random,
    /// How often of a hundred something goes wrong with it.
    faults: u64,
    /// Every call it heard of.
    pub calls: Vec<CallId>,
    /// How many calls it wanted placed.
    placed: u64,
}

fn domain() -> Arc<str> {
    DOMAIN.into()
}

/// A device of the application.
fn device(port: u16) -> Endpoint {
    Endpoint {
        address: [203, 0, 113, 50].into(),
        port,
        codec: Codec::Pcma,
        telephone_event: Some(101),
        crypto: Vec::new(),
    }
}

impl Application {
    /// An application where so many of a hundred things go wrong.
    pub const fn new(random: Random, faults: u64) -> Self {
        Self {
            random,
            faults,
            calls: Vec::new(),
            placed: 0,
        }
    }

    fn media(&mut self) -> Endpoint {
        let port = self.random.pick(&[30_000, 30_000, 30_002]);
        let mut media = device(port);
        if self.random.percent(self.faults / 4) {
            media.codec = Codec::Gsm;
        }
        media
    }

    fn answer(&mut self) -> Answer {
        Answer {
            media: self.media(),
            session_reference_id: self.random.percent(50).then(|| "reference".into()),
        }
    }

    fn hangup(&mut self) -> Hangup {
        Hangup {
            status: self
                .random
                .pick(&[None, None, Some(603), Some(404), Some(200)]),
            reason: self.random.percent(20).then(|| "Gone fishing".into()),
        }
    }

    /// `newRemoteCall` came: what it replies and does, and when.
    pub fn handle_ask(&mut self, call: CallId) -> Vec<(Duration, Sending)> {
        self.calls.push(call);
        let mut sendings = Vec::new();
        let slow = self.random.percent(self.faults / 2);
        let latency = self.random.millis(1, if slow { 25_000 } else { 500 });
        let why = || "the simulation says so".to_owned();
        let answer = if self.random.percent(self.faults) {
            match self.random.below(4) {
                0 => Some(AskAnswer::TimedOut { why: why() }),
                1 => Some(AskAnswer::Refused { why: why() }),
                2 => Some(AskAnswer::Disabled { why: why() }),
                _ => None,
            }
        } else {
            Some(AskAnswer::Accepted(Box::new(self.accepted())))
        };
        if let Some(answer) = answer {
            sendings.push((latency, Sending::Asked(call, answer)));
        }
        self.plan(call, &mut sendings);
        sendings
    }

    fn accepted(&mut self) -> Accepted {
        let mut accepted = Accepted {
            session_reference_id: self.random.percent(50).then(|| "ours".into()),
            ..Accepted::default()
        };
        match self.random.below(6) {
            0 => accepted.answer = Some(self.answer()),
            1 => accepted.ringback = Some(self.random.percent(40).then(|| self.media())),
            2 if self.random.percent(50) => accepted.hangup = Some(self.hangup()),
            _ => {}
        }
        accepted
    }

    /// A callback came that failed so often before; the fourth time it is taken.
    pub fn handle_tell(&mut self, failures: u32) -> Verdict {
        if failures >= 3 || !self.random.percent(self.faults) {
            return Verdict::Taken;
        }
        match self.random.below(10) {
            0..4 => Verdict::Failed,
            4..9 => Verdict::TakenUnheard,
            _ => Verdict::Gone,
        }
    }

    /// A command nobody expects: for a call that never was, of another domain, or out of place.
    fn nonsense(&mut self, call: CallId) -> Command {
        let foreign = self.random.percent(30);
        let domain = if foreign {
            "other.example".into()
        } else {
            domain()
        };
        let call = match self.random.below(4) {
            0 => CallId::from_u128(u128::from(self.random.draw())),
            1 if !self.calls.is_empty() => self.random.pick(&self.calls),
            _ => call,
        };
        match self.random.below(4) {
            0 => Command::Ringback {
                call,
                domain,
                media: None,
            },
            1 => Command::Answer {
                call,
                domain,
                answer: Box::new(self.answer()),
            },
            2 => Command::Hangup {
                call,
                domain,
                hangup: self.hangup(),
            },
            _ => Command::Describe { call, domain },
        }
    }

    /// What it does with an inbound call, in any order.
    fn plan(&mut self, call: CallId, sendings: &mut Vec<(Duration, Sending)>) {
        let mut send = |delay, command| sendings.push((delay, Sending::Command(command)));
        if self.random.percent(60) {
            let media = self.random.percent(40).then(|| self.media());
            let ringback = Command::Ringback {
                call,
                domain: domain(),
                media,
            };
            send(self.random.millis(0, 3_000), ringback);
        }
        for _ in 0..self.random.pick(&[0, 1, 1, 1, 2]) {
            let answer = Command::Answer {
                call,
                domain: domain(),
                answer: Box::new(self.answer()),
            };
            send(self.random.millis(0, 10_000), answer);
        }
        if self.random.percent(50) {
            let delay = self.random.millis(0, 90_000);
            send(delay, self.hang_up(call));
        }
        if self.random.percent(20) {
            let domain = domain();
            let delay = self.random.millis(0, 90_000);
            send(delay, Command::Describe { call, domain });
        }
        while self.random.percent(10 + self.faults / 2) {
            let delay = self.random.millis(0, 120_000);
            send(delay, self.nonsense(call));
        }
    }

    /// The command that ends a call.
    pub fn hang_up(&mut self, call: CallId) -> Command {
        Command::Hangup {
            call,
            domain: domain(),
            hangup: self.hangup(),
        }
    }

    /// The command that ends a call and cannot be refused for its fields.
    pub fn closes(call: CallId) -> Command {
        Command::Hangup {
            call,
            domain: domain(),
            hangup: Hangup::default(),
        }
    }

    /// The command that calls `destination`.
    pub fn place(&mut self, destination: String) -> Command {
        let media = self.media();
        self.placed += 1;
        Command::Place(Box::new(Place {
            domain: domain(),
            service: Some("alarms".into()),
            destination_uri: destination,
            source_user: "1001".to_owned(),
            media,
            session_reference_id: None,
            callback_base_url: None,
            ring_timeout: self.random.percent(50).then(|| Duration::from_secs(30)),
            idempotency_key: Some(self.placed.to_string().into()),
        }))
    }

    /// A call was placed: when it is hung up, if ever.
    pub fn handle_placed(&mut self, call: CallId) -> Vec<(Duration, Sending)> {
        self.calls.push(call);
        let mut sendings = Vec::new();
        if self.random.percent(60) {
            let delay = self.random.millis(0, 60_000);
            sendings.push((delay, Sending::Command(self.hang_up(call))));
        }
        while self.random.percent(10 + self.faults / 2) {
            let delay = self.random.millis(0, 90_000);
            sendings.push((delay, Sending::Command(self.nonsense(call))));
        }
        sendings
    }
}
