//! What happens when its time has come.

use std::time::Duration;

use bytes::Bytes;
use hookswitch_call::CallId;
use hookswitch_call::command::{AskAnswer, Command, RequestId};
use hookswitch_sip::event::Locate;
use hookswitch_sip::flow::Flow;

use super::{World, plain};
use crate::application::Verdict;
use crate::carrier::Carrier;
use crate::network::Place;
use crate::phone::Act;

/// One entry of the agenda. What carries the number of a start is void after another one.
#[derive(Debug)]
pub(super) enum Step {
    /// A message arrives.
    Arrive(Place, Flow, Bytes),
    /// A message is sent beside those a user agent wants sent.
    Post(Place, Flow, Bytes),
    /// A connection broke.
    Break(Place, Flow),
    /// A host is found.
    Locate(u8, Place, Locate),
    /// The application replies to `newRemoteCall`.
    Asked(u8, CallId, AskAnswer),
    /// The ask is over, with or without a reply.
    AskOver(u8, CallId),
    /// The application commands.
    Command(Command),
    /// The node waits no longer for a write before it replies 503.
    Impatience(RequestId),
    /// A callback reaches the application.
    Tell(u8, CallId),
    /// What became of the callback reaches the node.
    Told(u8, CallId, Verdict),
    /// The callbacks are enabled again.
    Enable,
    /// The owner of a phone does something.
    Act(usize, Act),
    /// The application calls somebody.
    Place,
    /// The node is being stopped, or not any more.
    Drain(bool),
    /// The node crashes.
    Crash,
    /// It is started again.
    Start,
    /// Its disk stalls.
    Stall,
    /// Its disk refuses.
    Refuse,
    /// Its wall clock is set.
    SetClock,
    /// It does nothing for a while, and messages wait in its inbox.
    Rush,
    /// It hears how long they waited.
    Late(Duration),
}

impl World {
    pub(super) fn step(&mut self) {
        let Some((_, step)) = self.agenda.pop_first() else {
            return;
        };
        match step {
            Step::Arrive(Place::Engine, flow, bytes) if self.now < self.node.busy_until => {
                self.at(
                    self.node.busy_until,
                    Step::Arrive(Place::Engine, flow, bytes),
                );
            }
            Step::Arrive(to, flow, bytes) => self.arrive(to, flow, &bytes),
            Step::Post(from, flow, bytes) => self.carry(from, flow, &bytes),
            Step::Break(to, flow) => self.break_flow(to, flow),
            Step::Locate(start, place, locate) => {
                if place != Place::Engine || start == self.node.start {
                    self.locate(place, &locate);
                }
            }
            Step::Asked(start, call, answer) if start == self.node.start => {
                self.note(|| format!("application replies {answer:?}"));
                self.model.handle_asked(call, &answer);
                if matches!(answer, AskAnswer::Disabled { .. }) {
                    self.disable();
                }
                let now = self.node.read(self.now);
                if let Some(shell) = &mut self.node.shell {
                    shell.engine.handle_asked(now, call, answer);
                }
                self.serve(Place::Engine);
            }
            Step::AskOver(start, call) if start == self.node.start => {
                self.node.outbox.open(call);
                self.tell_next(call);
            }
            Step::Asked(..) | Step::AskOver(..) => {}
            Step::Command(command) => self.command(command),
            Step::Impatience(request) => {
                if self.unanswered.remove(&request) {
                    self.note(|| format!("no reply to {request:?} in time"));
                    self.figures.count("replies 503 store away");
                    self.model.handle_no_reply(request);
                }
            }
            Step::Tell(start, call) if start == self.node.start => self.tell(call),
            Step::Told(start, call, verdict) if start == self.node.start => {
                self.told(call, verdict);
            }
            Step::Tell(..) | Step::Told(..) => {}
            Step::Enable => self.enable(),
            Step::Act(number, act) => self.act(number, act),
            Step::Place => self.place(),
            Step::Drain(draining) => {
                if let Some(shell) = &mut self.node.shell {
                    shell.engine.handle_drain(draining);
                }
            }
            Step::Crash => self.crash(),
            Step::Start => self.start(),
            Step::Stall => self.stall(),
            Step::Refuse => self.refuse(),
            Step::SetClock => self.set_clock(),
            Step::Rush => self.rush(),
            Step::Late(age) => self.late(age),
        }
    }

    fn act(&mut self, number: usize, act: Act) {
        self.note(|| format!("phone {number} does {act:?}"));
        if matches!(act, Act::Die) {
            self.model.handle_death(number);
            self.figures.count("phones that die");
        }
        self.phones[number].handle_act(plain(self.now), act);
        self.serve(Place::Phone(number));
    }

    fn place(&mut self) {
        let number = usize::try_from(self.random.below(8)).unwrap_or(0);
        let destination = match self.phones.get(number) {
            Some(phone) => phone.uri(),
            None => match self.random.below(6) {
                0 => "sip:x@nowhere.example".to_owned(),
                1 => "sip:x@198.51.100.99".to_owned(),
                2 => "sip:x@many.example".to_owned(),
                3 => "tel:+49301234".to_owned(),
                _ => Carrier::uri(),
            },
        };
        let command = self.application.place(destination);
        self.command(command);
    }

    /// A command goes to the node; nobody hears it while it is down.
    pub(super) fn command(&mut self, command: Command) {
        self.note(|| format!("application commands {command:?}"));
        let now = self.node.read(self.now);
        let Some(shell) = &mut self.node.shell else {
            self.figures.count("commands nobody heard");
            return;
        };
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.unanswered.insert(request);
        self.figures.count("commands");
        self.model.handle_command(request, &command);
        shell.engine.handle_command(now, request, command);
        self.later(super::faults::IMPATIENCE, Step::Impatience(request));
        self.serve(Place::Engine);
    }
}
