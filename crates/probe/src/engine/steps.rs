//! The steps: what one or two octets make happen.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::CallId;
use hookswitch_call::command::{Accepted, Answer, AskAnswer, Command, Hangup, Place};
use hookswitch_media::{Codec, Crypto, Endpoint};
use hookswitch_sip::event::LocateFailure;
use hookswitch_sip::flow::{Flow, Transport};

use super::choices::Choices;
use super::peer;
use super::world::{World, directory};

fn device(choices: &mut Choices<'_>) -> Endpoint {
    let kind = choices.byte();
    let key = Crypto {
        tag: 1,
        suite: "AES_CM_128_HMAC_SHA1_80".to_owned(),
        config: "inline:OURSECRETOURSECRETOURSECRET".to_owned(),
    };
    Endpoint {
        address: [203, 0, 113, 50].into(),
        port: 30_000 + u16::from(kind & 3) * 2,
        codec: Codec::ALL[usize::from(kind >> 4) % Codec::ALL.len()],
        telephone_event: (kind & 4 != 0).then_some(101),
        crypto: (kind & 8 != 0).then_some(key).into_iter().collect(),
    }
}

fn answer(choices: &mut Choices<'_>) -> Answer {
    Answer {
        media: device(choices),
        session_reference_id: None,
    }
}

fn hangup(choices: &mut Choices<'_>) -> Hangup {
    Hangup {
        status: choices.pick(&[None, Some(404), Some(603), Some(401), Some(200)]),
        reason: None,
    }
}

fn domain(choices: &mut Choices<'_>) -> Arc<str> {
    let foreign = choices.byte() == 255;
    (if foreign { "b.example" } else { "a.example" }).into()
}

impl World {
    /// One step.
    pub(super) fn step(&mut self, choices: &mut Choices<'_>) {
        let kind = choices.byte();
        match kind % 20 {
            0 | 1 => self.passes(choices.pause()),
            2..=4 => {
                let flow = peer::flow(choices);
                let text = peer::request(choices, |call| self.tags.get(call).cloned());
                self.receives(flow, text.into_bytes());
            }
            5..=7 => self.responds(choices, peer::response),
            8 => self.responds(choices, peer::callback),
            9 => {
                if let Some((flow, bytes)) = choices.recent(&self.heard).cloned() {
                    self.receives(flow, bytes);
                }
            }
            10 => self.hears_bent(choices),
            11 => {
                let flow = peer::flow(choices);
                let bytes = choices.octets().to_vec();
                self.receives(flow, bytes);
            }
            12 => self.places(choices),
            13 => self.is_asked(choices),
            14 | 15 => self.commands(choices),
            16 => self.locates(choices),
            17 => {
                let used = choices.recent(&self.sent).map(|(flow, _)| *flow);
                let flow = used.unwrap_or_else(|| peer::flow(choices));
                self.engine.handle_flow_failure(self.now(), flow);
                self.pumps();
            }
            18 => self.writes(usize::from(choices.byte())),
            _ => self.is_operated(choices),
        }
    }

    /// A peer answers one of our requests, or says something of its own in the dialog it made.
    fn responds(
        &mut self,
        choices: &mut Choices<'_>,
        write: fn(&mut Choices<'_>, &[u8]) -> Option<String>,
    ) {
        let request = choices.recent(&self.sent).cloned();
        if let Some((flow, bytes)) = request
            && let Some(text) = write(choices, &bytes)
        {
            self.receives(flow, text.into_bytes());
        }
    }

    /// Something we heard before comes again with an octet changed.
    fn hears_bent(&mut self, choices: &mut Choices<'_>) {
        let Some((flow, mut bytes)) = choices.recent(&self.heard).cloned() else {
            return;
        };
        let place = usize::from(u16::from_be_bytes([choices.byte(), choices.byte()]));
        let place = place % bytes.len().max(1);
        match (choices.byte(), bytes.get_mut(place)) {
            (0, _) => bytes.truncate(place),
            (other, Some(octet)) => *octet = other,
            _ => {}
        }
        self.receives(flow, bytes);
    }

    fn command(&mut self, command: Command) {
        let request = self.requests();
        self.engine.handle_command(self.now(), request, command);
        self.pumps();
    }

    fn places(&mut self, choices: &mut Choices<'_>) {
        const DESTINATIONS: [&str; 6] = [
            "sip:bob@198.51.100.7:5060",
            "sip:bob@b.example;transport=tcp",
            "sips:bob@b.example",
            "tel:+4670123",
            "sip:1001@a.example",
            "bob",
        ];
        let command = Command::Place(Box::new(Place {
            domain: domain(choices),
            service: choices
                .pick(&[None, Some("alarms"), Some("none")])
                .map(Into::into),
            destination_uri: choices.pick(&DESTINATIONS).to_owned(),
            source_user: choices.pick(&["1001", "1009", "a\"b", ""]).to_owned(),
            media: device(choices),
            session_reference_id: None,
            callback_base_url: None,
            ring_timeout: choices.pick(&[None, Some(Duration::from_secs(5))]),
            idempotency_key: None,
        }));
        self.command(command);
    }

    fn any_call(&self, choices: &mut Choices<'_>) -> Option<CallId> {
        choices.recent(&self.calls).copied()
    }

    fn is_asked(&mut self, choices: &mut Choices<'_>) {
        let Some(call) = self.any_call(choices) else {
            return;
        };
        let kind = choices.byte();
        let has = |bit: u8| kind & (1 << bit) != 0;
        let why = "so it is".to_owned();
        let answer = match kind & 7 {
            0 => AskAnswer::TimedOut { why },
            1 => AskAnswer::Refused { why },
            2 => AskAnswer::Disabled { why },
            _ => AskAnswer::Accepted(Box::new(Accepted {
                session_reference_id: has(3).then(|| "reference".into()),
                ringback: has(4).then(|| has(5).then(|| device(choices))),
                answer: has(6).then(|| answer(choices)),
                hangup: has(7).then(|| hangup(choices)),
                fault: None,
            })),
        };
        self.engine.handle_asked(self.now(), call, answer);
        self.pumps();
    }

    fn commands(&mut self, choices: &mut Choices<'_>) {
        let Some(call) = self.any_call(choices) else {
            return;
        };
        let domain = domain(choices);
        let kind = choices.byte();
        let command = match kind & 7 {
            0 | 1 => Command::Ringback {
                call,
                domain,
                media: (kind & 8 != 0).then(|| device(choices)),
            },
            2..=4 => Command::Answer {
                call,
                domain,
                answer: Box::new(answer(choices)),
            },
            5 | 6 => Command::Hangup {
                call,
                domain,
                hangup: hangup(choices),
            },
            _ => Command::Describe { call, domain },
        };
        self.command(command);
    }

    fn locates(&mut self, choices: &mut Choices<'_>) {
        let Some(&id) = choices.recent(&self.locates) else {
            return;
        };
        self.locates.retain(|other| *other != id);
        let flow = |transport, last, connection| Flow {
            transport,
            listener: u16::from(transport == Transport::Tcp),
            peer: ([198, 51, 100, last], 5_060).into(),
            connection,
        };
        let (udp, tcp) = (flow(Transport::Udp, 7, 0), flow(Transport::Tcp, 7, 0));
        let result = match choices.byte() % 8 {
            0..=2 => Ok(vec![udp]),
            3 => Ok(vec![tcp]),
            4 => Ok(vec![udp, flow(Transport::Udp, 8, 0), tcp]),
            5 => Ok(Vec::new()),
            6 => Err(LocateFailure::NotFound("no such name".to_owned())),
            _ => Err(LocateFailure::Forbidden("it is private".to_owned())),
        };
        self.engine.handle_located(self.now(), id, result);
        self.pumps();
    }

    /// What the operator and the machine do.
    fn is_operated(&mut self, choices: &mut Choices<'_>) {
        match choices.byte() % 16 {
            0 => self.engine.handle_drain(true),
            1 => self.engine.handle_drain(false),
            2 => self.engine.handle_directory(directory(true)),
            3 => self.engine.handle_directory(directory(false)),
            4 => self.engine.handle_directory(Arc::default()),
            5 => self.shifts(3_600),
            6 => self.shifts(-3_600),
            7 => self.shifts(0),
            8 | 9 => self.tells_lag(),
            10 => self.engine.handle_inbox_age(choices.pause()),
            11 => self.engine.handle_inbox_age(Duration::ZERO),
            12 => self.refuses(),
            _ => self.restarts(choices.pause()),
        }
        self.pumps();
    }
}
