//! What comes in from the world, and the events the user agent makes of it.

use std::sync::Arc;

use hookswitch_sip::event::{
    Commit, Event as LegEvent, EventKind as LegEventKind, LegId, LocateFailure, LocateId,
};
use hookswitch_sip::flow::Flow;
use hookswitch_sip::message::{Message, ParseError, latin1_to_utf8};
use hookswitch_sip::time::Now;

use super::{Engine, Party, message};
use crate::directory::Directory;

impl Engine {
    /// One whole message: a datagram, or one frame of a stream.
    pub fn handle_datagram(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        match Message::parse(bytes) {
            Ok(message) => self.handle_message(now, flow, &message),
            Err(ParseError::NotUtf8) => {
                let transcoded = latin1_to_utf8(bytes);
                match Message::parse(&transcoded) {
                    Ok(message) => self.handle_message(now, flow, &message),
                    Err(_) => self.counters.unparseable += 1,
                }
            }
            // A keep-alive.
            Err(ParseError::Empty) => {}
            Err(_) => self.counters.unparseable += 1,
        }
    }

    fn handle_message(&mut self, now: Now, flow: Flow, message: &Message<'_>) {
        self.present = now.instant;
        self.counters.received += 1;
        let mut unserved = None;
        let (directory, dev) = (&self.directory, self.config.dev);
        let mut refuse = |message: &Message<'_>| {
            let seconds = now.unix_micros / 1_000_000;
            let route = message::routed(directory, dev, flow, message, seconds)?;
            let rejection = message::rejection(&route.trace);
            unserved = Some(route);
            Some(rejection)
        };
        let leg = self
            .agent
            .handle_message_with(now, flow, message, &mut refuse);
        if let Some(route) = unserved {
            self.record_message(now, message, route);
        }
        self.settle(now, Some(message));
        match leg {
            Some(leg) => self.log_received(now, flow, leg, message.bytes()),
            None => self.log_stray(now, flow, message),
        }
        self.collect(now);
        self.named = None;
    }

    /// Where a host is, or why nobody knows.
    pub fn handle_located(
        &mut self,
        now: Now,
        id: LocateId,
        result: Result<Vec<Flow>, LocateFailure>,
    ) {
        self.present = now.instant;
        self.agent.handle_located(now, id, result);
        self.settle(now, None);
        self.collect(now);
    }

    /// A connection broke, or none could be made.
    pub fn handle_flow_failure(&mut self, now: Now, flow: Flow) {
        self.present = now.instant;
        self.agent.handle_flow_failure(now, flow);
        self.settle(now, None);
        self.collect(now);
    }

    /// Provisioning changed; calls under way keep what they began with.
    pub fn handle_directory(&mut self, directory: Arc<Directory>) {
        self.admission.handle_directory(&directory);
        self.directory = directory;
    }

    /// The node is being stopped, or not any more: while it is, no call begins.
    pub fn handle_drain(&mut self, draining: bool) {
        self.admission.draining = draining;
    }

    /// Hears everything the user agent has to say. `message` is the one just handed to it.
    pub(super) fn settle(&mut self, now: Now, message: Option<&Message<'_>>) {
        while let Some(event) = self.agent.poll_event() {
            self.handle_event(now, event, message);
        }
    }

    fn handle_event(&mut self, now: Now, event: LegEvent, message: Option<&Message<'_>>) {
        if event.kind == LegEventKind::Settled {
            return self.settled(event.leg);
        }
        let call = match self.legs.get(&event.leg.0) {
            Some(Party::Call(known)) => known.call,
            Some(Party::Drill(_)) => {
                return self.handle_drill_event(now, event.leg, &event.kind, message);
            }
            Some(Party::Past(_)) | None => {
                return self.handle_stray(now, event.leg, &event.kind, message);
            }
        };
        let Some(call) = self.take_call(call) else {
            return;
        };
        match event.kind {
            LegEventKind::Cancelled => self.cancelled(now, call, message),
            LegEventKind::Confirmed => self.confirmed(now, call, message),
            LegEventKind::AckMissing => self.unacknowledged(now, call),
            LegEventKind::Progress { status } => self.progressed(now, call, status, message),
            LegEventKind::Answered => self.accepted(now, call, message),
            LegEventKind::Rejected { status, local, why } => {
                self.rejected(now, call, status, local, why, message);
            }
            LegEventKind::Reoffered { invite, has_offer } => {
                self.reoffered(now, call, invite, has_offer, message);
            }
            LegEventKind::ReofferAnswered => self.reoffer_answered(now, call, message),
            LegEventKind::ReinviteAccepted => self.moved(call, message),
            LegEventKind::ReinviteRejected { status } => self.not_moved(call, status),
            LegEventKind::Refreshed => {
                self.refresh_later(&call);
                self.put_call(call);
            }
            LegEventKind::Ended => self.hung_up(now, call, message),
            LegEventKind::Lost { why, status } => self.lost(now, call, why, status),
            LegEventKind::Offered | LegEventKind::Informed | LegEventKind::Settled => {
                self.put_call(call);
            }
        }
    }

    /// An event of a leg nobody holds: a new one, or one that is over.
    fn handle_stray(
        &mut self,
        now: Now,
        leg: LegId,
        kind: &LegEventKind,
        message: Option<&Message<'_>>,
    ) {
        match (kind, message) {
            (LegEventKind::Offered, Some(message)) => self.offered(now, leg, message),
            (LegEventKind::Ended, _) => self.agent.release(now, leg, Commit(0)),
            _ => {}
        }
    }
}

/// The SDP of the message that caused an event.
pub(super) fn body<'b>(message: Option<&Message<'b>>) -> &'b [u8] {
    message.map_or(&[], Message::session_description)
}
