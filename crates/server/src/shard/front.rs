//! What happens to a message around the engine: it is refused before it costs anything where there is no room for it,
//! and what came of it tells who its sender is.

use std::time::Instant;

use hookswitch_sip::message::{Message, ParseError};
use hookswitch_sip::stateless::Refusal;
use hookswitch_sip::time::Now;

use super::Running;
use crate::net::{Kind, Received};

impl Running {
    pub(super) fn handle_received(&mut self, now: Now, received: &Received) {
        let present = Instant::now();
        let brakes = self.shard.inboxes.brakes();
        if received.is_stale(present) && !received.flow.transport.is_reliable() {
            // Its copy is here or on its way, and a refusal now would cross with what the copy gets.
            return brakes.stale.hit(present);
        }
        if let Kind::NewCall(fingerprint) = received.kind {
            let is_late = received.is_stale(present);
            if is_late || self.shard.engine.is_full(now.instant) {
                let brake = if is_late { &brakes.late } else { &brakes.calls };
                brake.hit(present);
                return self
                    .outgoing
                    .extend(self.shard.inboxes.refuse_call(received));
            }
            if let Some(fingerprint) = fingerprint {
                self.shard.arrivals.admitted(fingerprint, present);
            }
        }
        let (sent, unreadable) = (
            self.outgoing.len(),
            self.shard.engine.counters().unparseable,
        );
        self.shard
            .engine
            .handle_datagram(now, received.flow, &received.bytes);
        self.drain_into_queue(now);
        if self.shard.engine.counters().unparseable > unreadable {
            self.refuse_unreadable(received, present);
        }
        let sent = self.outgoing.get(sent..).unwrap_or_default();
        self.shard.inboxes.learn(received, sent, present);
    }

    /// The parser gave it up, but its sender may still be told.
    fn refuse_unreadable(&mut self, received: &Received, present: Instant) {
        let refusal = match Message::parse(&received.bytes) {
            Err(ParseError::TooLong | ParseError::LineTooLong | ParseError::TooManyHeaders) => {
                self.shard.inboxes.brakes().oversized.hit(present);
                Refusal {
                    status: 513,
                    reason: "Message Too Large",
                    retry_after: None,
                }
            }
            _ => Refusal {
                status: 400,
                reason: "Bad Request",
                retry_after: None,
            },
        };
        let inboxes = &self.shard.inboxes;
        inboxes.offended(received, present);
        self.outgoing
            .extend(inboxes.refusal_of(received.flow, &received.bytes, refusal));
    }
}
