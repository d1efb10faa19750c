//! Outputs that promise something, kept until what they promise is durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::command::{CommandError, CommandErrorKind, RequestId};
use hookswitch_call::event::Event;
use hookswitch_call::id::CallId;
use hookswitch_sip::event::{Commit, Transmit};
use hookswitch_sip::message::{Message, Method};
use hookswitch_sip::time::Instant;

use super::handle::CommandResult;
use crate::outlet::Due;

/// A peer's BYE gets its 200 after this time even when the disk is slow: the call is over either way.
const FAREWELL: Duration = Duration::from_millis(500);

/// An output whose time has come.
#[derive(Debug)]
pub(super) enum Released {
    Transmit(Transmit),
    Ask {
        call: CallId,
        event: Arc<Event>,
    },
    Reply {
        request: RequestId,
        result: CommandResult,
    },
    Tell(Due),
}

/// What waits, in the order of its commits.
#[derive(Debug, Default)]
pub(super) struct Held {
    durable: Commit,
    waiting: VecDeque<(Commit, Released)>,
    /// 200s to BYE among them: when they go out anyway.
    farewells: VecDeque<(Instant, Transmit)>,
}

impl Held {
    pub(super) fn is_durable(&self, after: Commit) -> bool {
        after <= self.durable
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.farewells.len()
    }

    /// Keeps a message; a repetition adds nothing to the first copy, which waits already.
    pub(super) fn keep_transmit(&mut self, now: Instant, transmit: Transmit) {
        if transmit.retransmission {
            return;
        }
        let is_farewell = Message::parse(&transmit.bytes).is_ok_and(|message| {
            !message.is_request() && message.cseq().is_ok_and(|cseq| cseq.method == Method::Bye)
        });
        if is_farewell {
            self.farewells.push_back((now + FAREWELL, transmit));
        } else {
            self.waiting
                .push_back((transmit.after, Released::Transmit(transmit)));
        }
    }

    pub(super) fn keep(&mut self, after: Commit, output: Released) {
        self.waiting.push_back((after, output));
    }

    /// Everything up to `commit` is settled; what waited for a write that failed promises nothing.
    pub(super) fn release(&mut self, commit: Commit, stored: bool) -> Vec<Released> {
        let mut released = if stored {
            Vec::new()
        } else {
            self.refuse(commit)
        };
        self.durable = self.durable.max(commit);
        while self
            .waiting
            .front()
            .is_some_and(|(after, _)| *after <= self.durable)
        {
            released.extend(self.waiting.pop_front().map(|(_, output)| output));
        }
        let durable = self.durable;
        let farewells = std::mem::take(&mut self.farewells);
        for (at, transmit) in farewells {
            if transmit.after <= durable {
                released.push(Released::Transmit(transmit));
            } else {
                self.farewells.push_back((at, transmit));
            }
        }
        released
    }

    /// The write was never made: commands that waited for it hear so, the rest is forgotten. Earlier writes
    /// may still be under way, so nothing else is released.
    pub(super) fn refuse(&mut self, commit: Commit) -> Vec<Released> {
        let mut refused = Vec::new();
        self.waiting.retain_mut(|(after, output)| {
            if *after != commit {
                return true;
            }
            if let Released::Reply { request, .. } = output {
                let why = "the call could not be written to the database; try again";
                let error = CommandError::new(CommandErrorKind::Internal, why);
                refused.push(Released::Reply {
                    request: *request,
                    result: Err(error),
                });
            }
            false
        });
        refused
    }

    pub(super) fn next_force(&self) -> Option<Instant> {
        self.farewells.front().map(|(at, _)| *at)
    }

    /// The 200s to BYE that cannot wait any longer.
    pub(super) fn take_forced(&mut self, now: Instant) -> Vec<Transmit> {
        let mut forced = Vec::new();
        while self.farewells.front().is_some_and(|(at, _)| *at <= now) {
            forced.extend(self.farewells.pop_front().map(|(_, transmit)| transmit));
        }
        forced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookswitch_call::command::CommandReply;

    fn reply(request: u64) -> Released {
        let call = CallId::from_u128(1);
        Released::Reply {
            request: RequestId(request),
            result: Ok(CommandReply::Done { call }),
        }
    }

    fn settled(released: &[Released]) -> Vec<(u64, bool)> {
        let told = |output: &Released| match output {
            Released::Reply { request, result } => (request.0, result.is_ok()),
            other => panic!("{other:?}"),
        };
        released.iter().map(told).collect()
    }

    #[test]
    fn outputs_leave_in_order_once_their_write_is_durable() {
        let mut held = Held::default();
        for commit in 1..=3 {
            held.keep(Commit(commit), reply(commit));
        }
        assert_eq!(
            settled(&held.release(Commit(2), true)),
            [(1, true), (2, true)]
        );
        assert!(held.is_durable(Commit(2)) && !held.is_durable(Commit(3)));
        assert_eq!(settled(&held.release(Commit(3), true)), [(3, true)]);
    }

    #[test]
    fn a_write_that_was_never_made_releases_nothing_that_waits_for_earlier_ones() {
        let mut held = Held::default();
        held.keep(Commit(1), reply(1));
        held.keep(Commit(2), reply(2));
        assert_eq!(settled(&held.refuse(Commit(2))), [(2, false)]);
        assert!(!held.is_durable(Commit(1)));
        assert_eq!(settled(&held.release(Commit(1), true)), [(1, true)]);
    }

    #[test]
    fn a_write_that_failed_promises_nothing() {
        let mut held = Held::default();
        held.keep(Commit(1), reply(1));
        assert_eq!(settled(&held.release(Commit(1), false)), [(1, false)]);
        assert_eq!(held.len(), 0);
    }

    #[test]
    fn a_repetition_of_a_message_that_waits_does_not_wait_beside_it() {
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 5060));
        let transmit = |retransmission| Transmit {
            flow: hookswitch_sip::flow::Flow {
                transport: hookswitch_sip::flow::Transport::Udp,
                listener: 0,
                peer,
                connection: 0,
            },
            bytes: bytes::Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"),
            after: Commit(1),
            leg: None,
            retransmission,
        };
        let mut held = Held::default();
        for retransmission in [false, true] {
            held.keep_transmit(Instant::from_micros(0), transmit(retransmission));
        }
        assert_eq!(held.release(Commit(1), true).len(), 1);
    }
}
