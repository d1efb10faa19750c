//! What everybody wants done, and how messages travel.

use bytes::Bytes;
use hookswitch_call::CallId;
use hookswitch_call::command::{CommandError, CommandErrorKind, CommandReply, RequestId};
use hookswitch_call::engine::Output;
use hookswitch_sip::event::{Locate, LocateFailure};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{HeaderName, Message};

use super::agenda::Step;
use super::{World, plain};
use crate::application::{Sending, Verdict};
use crate::mischief;
use crate::network::{Carried, Place};
use crate::phone::Wish;
use crate::shell::Handed;

impl World {
    /// Does what somebody wants done.
    pub(super) fn serve(&mut self, place: Place) {
        match place {
            Place::Engine => self.serve_node(),
            Place::Phone(number) => {
                while let Some(wish) = self.phones[number].poll_wish() {
                    match wish {
                        Wish::Send(flow, bytes) => self.send(place, flow, &bytes),
                        Wish::Find(locate) => self.find(place, locate),
                        Wish::Later(delay, act) => self.later(delay, Step::Act(number, act)),
                    }
                }
            }
            Place::Carrier => {
                while let Some((flow, bytes)) = self.carrier.poll_message() {
                    self.send(place, flow, &bytes);
                }
            }
        }
    }

    fn serve_node(&mut self) {
        loop {
            let Some(shell) = &mut self.node.shell else {
                return;
            };
            match shell.poll(self.now) {
                None => return,
                Some(Handed::Output(output)) => self.perform(output),
                Some(Handed::Began(commit, changes)) => {
                    let latency = self.random.millis(0, self.climate.write);
                    self.crash_in_between(latency);
                    if let Err(commit) = self.node.disk.write(self.now, latency, commit, changes) {
                        self.refused(commit);
                    }
                }
            }
        }
    }

    pub(super) fn perform(&mut self, output: Output) {
        match output {
            Output::Transmit(transmit) => {
                self.send(Place::Engine, transmit.flow, &transmit.bytes);
            }
            Output::Locate(locate) => self.find(Place::Engine, locate),
            Output::Ask { call, event, .. } => {
                assert!(self.node.disk.ledger.has(&event), "the ask is no event");
                self.note(|| format!("application is asked about {call}"));
                self.model.handle_callback(self.now, &event);
                self.figures.count("callbacks");
                self.asked(call);
            }
            Output::Reply {
                request, result, ..
            } => self.reply(request, result),
            Output::Commit { .. } | Output::Log(_) | Output::Strange(_) => {}
        }
    }

    fn asked(&mut self, call: CallId) {
        let start = self.node.start;
        let mut over = std::time::Duration::from_secs(15);
        for (delay, sending) in self.application.handle_ask(call) {
            match sending {
                Sending::Asked(call, answer) => {
                    over = over.min(delay);
                    self.later(delay, Step::Asked(start, call, answer));
                }
                Sending::Command(command) => self.later(delay, Step::Command(command)),
            }
        }
        self.later(over, Step::AskOver(start, call));
    }

    fn reply(&mut self, request: RequestId, result: Result<CommandReply, CommandError>) {
        self.note(|| format!("engine replies {result:?}"));
        // 503 went out before.
        if !self.unanswered.remove(&request) {
            return;
        }
        let result = result.map_err(|error| self.looked_up(request, error));
        if let (Some(key), Ok(CommandReply::Placed { call, .. })) =
            (self.model.idempotency_key_of(request), &result)
        {
            let noted = self.node.disk.ledger.placed(key);
            assert_eq!(noted, Some(*call), "it is found again by its key");
        }
        self.model.handle_reply(request, &result);
        let Ok(CommandReply::Placed { call, .. }) = result else {
            return;
        };
        for (delay, sending) in self.application.handle_placed(call) {
            if let Sending::Command(command) = sending {
                self.later(delay, Step::Command(command));
            }
        }
    }

    /// A call the engine has forgotten is looked up among the records.
    fn looked_up(&self, request: RequestId, error: CommandError) -> CommandError {
        let record = self
            .model
            .call_of(request)
            .and_then(|call| self.node.disk.ledger.record(call));
        match record {
            Some(_)
                if error.kind == CommandErrorKind::CallNotFound && self.model.is_ours(request) =>
            {
                CommandError::new(CommandErrorKind::CallEnded, "the call has ended")
            }
            _ => error,
        }
    }

    /// The next callback of a call goes, if there is one and none is under way.
    pub(super) fn tell_next(&mut self, call: CallId) {
        let delay = self.random.millis(1, 20);
        self.later(delay, Step::Tell(self.node.start, call));
    }

    pub(super) fn tell(&mut self, call: CallId) {
        if self.node.setup.disabled || self.node.shell.is_none() {
            return;
        }
        let Some((event, failures)) = self.node.outbox.take(call) else {
            return;
        };
        let verdict = self.application.handle_tell(failures);
        self.note(|| {
            format!(
                "application is told {} of {call}: {verdict:?}",
                event.kind.name()
            )
        });
        if matches!(verdict, Verdict::Taken | Verdict::TakenUnheard) {
            self.model.handle_callback(self.now, &event);
            self.figures.count("callbacks");
        }
        if verdict != Verdict::Taken {
            self.figures.count("callbacks that fail");
        }
        let delay = self.random.millis(1, 500);
        self.later(delay, Step::Told(self.node.start, call, verdict));
    }

    pub(super) fn told(&mut self, call: CallId, verdict: Verdict) {
        let marked = self.random.percent(50);
        let taken = verdict == Verdict::Taken;
        self.node.outbox.settle(call, taken, marked);
        match verdict {
            Verdict::Taken => self.tell_next(call),
            Verdict::Gone => self.disable(),
            Verdict::TakenUnheard | Verdict::Failed => {
                let delay = self.random.millis(500, 10_000);
                self.later(delay, Step::Tell(self.node.start, call));
            }
        }
    }

    fn find(&mut self, place: Place, locate: Locate) {
        let slowly = self.random.percent(10);
        let delay = self.random.millis(0, if slowly { 5_000 } else { 20 });
        self.later(delay, Step::Locate(self.node.start, place, locate));
    }

    pub(super) fn locate(&mut self, place: Place, locate: &Locate) {
        let answer = address_of(locate);
        match place {
            Place::Engine => {
                let now = self.node.read(self.now);
                if let Some(shell) = &mut self.node.shell {
                    shell.engine.handle_located(now, locate.id, answer);
                }
            }
            Place::Phone(number) => {
                self.phones[number].handle_located(plain(self.now), locate.id, answer);
            }
            Place::Carrier => {}
        }
        self.serve(place);
    }

    pub(super) fn arrive(&mut self, to: Place, flow: Flow, bytes: &Bytes) {
        match to {
            Place::Engine => {
                let now = self.node.read(self.now);
                let Some(shell) = &mut self.node.shell else {
                    self.figures.count("messages nobody heard");
                    return;
                };
                shell.engine.handle_datagram(now, flow, bytes);
            }
            Place::Phone(number) => {
                self.model.handle_received(self.now, number, bytes);
                self.phones[number].handle_bytes(plain(self.now), flow, bytes);
            }
            Place::Carrier => self.carrier.handle_bytes(self.now, flow, bytes),
        }
        self.serve(to);
    }

    pub(super) fn break_flow(&mut self, to: Place, flow: Flow) {
        self.note(|| format!("{to:?} loses {flow:?}"));
        match to {
            Place::Engine => {
                let now = self.node.read(self.now);
                if let Some(shell) = &mut self.node.shell {
                    shell.engine.handle_flow_failure(now, flow);
                }
            }
            Place::Phone(number) => {
                self.phones[number].handle_flow_failure(plain(self.now), flow);
            }
            Place::Carrier => {}
        }
        self.serve(to);
    }

    /// Somebody sends a message; a phone may do more.
    fn send(&mut self, from: Place, flow: Flow, bytes: &Bytes) {
        let Place::Phone(number) = from else {
            return self.carry(from, flow, bytes);
        };
        let plays = self.climate.mischief > 0 && self.random.percent(self.climate.mischief);
        let trick = if plays {
            self.figures.count("tricks of phones");
            mischief::trick(&mut self.random, bytes)
        } else {
            mischief::Trick::default()
        };
        for (delay, more) in trick.more {
            self.later(delay, Step::Post(from, flow, more));
        }
        if !trick.is_swallowed {
            self.model.handle_sent(self.now, number, bytes);
            self.carry(from, flow, bytes);
        }
    }

    pub(super) fn carry(&mut self, from: Place, flow: Flow, bytes: &Bytes) {
        self.figures.count("messages");
        match self.network.carry(self.now, &mut self.random, from, flow) {
            Carried::Arrives(hops) => {
                self.note(|| format!("{from:?} → {} {} ×{}", flow.peer, title(bytes), hops.len()));
                match hops.len() {
                    0 => self.figures.count("messages lost"),
                    1 => {}
                    _ => self.figures.count("messages doubled"),
                }
                for hop in hops {
                    let bytes = if hop.is_torn {
                        self.figures.count("messages torn");
                        mischief::torn(&mut self.random, bytes)
                    } else {
                        bytes.clone()
                    };
                    self.at(hop.at, Step::Arrive(hop.to, hop.flow, bytes));
                }
            }
            Carried::Broken(hops) => {
                self.note(|| format!("{from:?} ✗ {} {}", flow.peer, title(bytes)));
                self.figures.count("connections that break");
                for hop in hops {
                    self.at(hop.at, Step::Break(hop.to, hop.flow));
                }
            }
        }
    }
}

fn address_of(locate: &Locate) -> Result<Vec<Flow>, LocateFailure> {
    let transport = locate.transport.unwrap_or(Transport::Udp);
    let flow = |peer| Flow {
        transport,
        listener: u16::from(transport != Transport::Udp),
        peer,
        connection: 0,
    };
    if let Ok(ip) = locate.host.parse::<std::net::IpAddr>() {
        let port = locate.port.unwrap_or(transport.default_port());
        return Ok(vec![flow((ip, port).into())]);
    }
    match locate.host.as_str() {
        crate::DOMAIN => Ok(vec![flow(Place::Engine.address())]),
        "many.example" => Ok(vec![
            flow(([198, 51, 100, 99], 5_060).into()),
            flow(Place::Carrier.address()),
            flow(Place::Phone(0).address()),
        ]),
        _ => Err(LocateFailure::NotFound("no such name".to_owned())),
    }
}

/// A message in a few words.
fn title(bytes: &[u8]) -> String {
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => return error.to_string(),
    };
    let cseq = message.header(HeaderName::CSeq).unwrap_or("?");
    let call = message.call_id().unwrap_or("?");
    let call = call.get(..6).unwrap_or(call);
    match message.status() {
        Some(status) => format!("{status} ({cseq}) of {call}"),
        None => format!("{cseq} of {call}"),
    }
}
