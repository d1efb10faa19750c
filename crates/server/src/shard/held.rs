//! Outputs that promise something, kept until what they promise is durable.
//!
//! | waits | leaves when its write is durable | the write failed for good | the disk is slow |
//! |---|---|---|---|
//! | a message | yes | never, nor does a repetition of it | its repetitions wait in the first copy |
//! | the 200 to a BYE, the refusal of an INVITE | yes | after 500 ms | after 500 ms, and so do its repetitions: the call is over either way |
//! | the reply to a command | yes | an error | after 10 s it says so (503 `store_away`); the command stands |
//! | the reply to `placeremotecall` | yes | an error | after 10 s it says so, and the call's INVITE never leaves |
//! | an ask | yes | never | it waits, until this node gave its call up |
//! | a tell | yes | never | it waits |

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_call::command::{CommandError, CommandErrorKind, CommandReply, RequestId};
use hookswitch_call::event::Event;
use hookswitch_call::id::CallId;
use hookswitch_sip::event::{Commit, Transmit};
use hookswitch_sip::message::{Message, Method};
use hookswitch_sip::time::Instant;

use super::handle::CommandResult;
use crate::outlet::Due;

/// A peer's BYE gets its 200, and its INVITE its refusal, after this time even when the disk is slow.
const FAREWELL: Duration = Duration::from_millis(500);
/// A command is answered after this time even when the disk is slow.
const REPLY: Duration = Duration::from_secs(10);
/// How often a write that takes long is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Nothing is repeated for longer than this.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Writes remembered as failed, or as answered before they were made.
const MOST_REMEMBERED: usize = 100_000;

/// An output whose time has come.
#[derive(Debug)]
pub(super) enum Released {
    Transmit(Transmit),
    Ask {
        call: CallId,
        event: Arc<Event>,
        /// What it says, where that is written already.
        body: Option<Bytes>,
    },
    Reply {
        request: RequestId,
        result: CommandResult,
    },
    Tell(Due),
    /// A call whose first write is late; it is to be given up, and the command told what became of it.
    Late {
        request: RequestId,
        call: CallId,
        after: Commit,
    },
}

/// What waits, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Held {
    durable: Commit,
    /// Writes without a receipt, and since when.
    unsettled: VecDeque<(Commit, Instant)>,
    waiting: VecDeque<(Commit, Released)>,
    replies: VecDeque<Waiting<(RequestId, CommandResult)>>,
    farewells: VecDeque<Waiting<Transmit>>,
    /// Writes that were never made.
    lost: Remembered,
    /// Writes whose 200 to BYE did not wait for them.
    forced: Remembered,
}

/// What does not wait for ever.
#[derive(Debug)]
struct Waiting<T> {
    after: Commit,
    until: Instant,
    output: T,
}

impl Held {
    /// A write is on its way.
    pub(super) fn submitted(&mut self, now: Instant, commit: Commit) {
        self.unsettled.push_back((commit, now));
    }

    /// How long the oldest write has been under way; nothing when none is.
    pub(super) fn lag(&self, now: Instant) -> Option<Duration> {
        let oldest = self.unsettled.front();
        oldest.map(|(_, since)| now.saturating_since(*since))
    }

    pub(super) fn is_durable(&self, after: Commit) -> bool {
        after <= self.durable && !self.lost.has(after)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.replies.len() + self.farewells.len()
    }

    /// Keeps a message, or hands it back when it may leave now. A repetition adds nothing to the first copy, which
    /// waits already.
    pub(super) fn keep_transmit(&mut self, now: Instant, transmit: Transmit) -> Option<Transmit> {
        let after = transmit.after;
        if self.is_durable(after) {
            return Some(transmit);
        }
        if is_farewell(&transmit) {
            if self.forced.has(after) {
                return Some(transmit);
            }
            if !transmit.retransmission {
                let until = now + FAREWELL;
                self.farewells.push_back(Waiting {
                    after,
                    until,
                    output: transmit,
                });
            }
        } else if !transmit.retransmission && !self.lost.has(after) {
            self.waiting
                .push_back((after, Released::Transmit(transmit)));
        }
        None
    }

    /// Keeps an output, or hands it back when it may leave now.
    pub(super) fn keep(
        &mut self,
        now: Instant,
        after: Commit,
        output: Released,
    ) -> Option<Released> {
        if self.is_durable(after) {
            return Some(output);
        }
        match output {
            Released::Reply { request, .. } if self.lost.has(after) => Some(refusal(request)),
            _ if self.lost.has(after) => None,
            Released::Reply { request, result } => {
                let (until, output) = (now + REPLY, (request, result));
                self.replies.push_back(Waiting {
                    after,
                    until,
                    output,
                });
                None
            }
            output => {
                self.waiting.push_back((after, output));
                None
            }
        }
    }

    /// Everything up to `commit` is settled; what waited for a write that failed promises nothing.
    pub(super) fn settle(&mut self, now: Instant, commit: Commit, stored: bool) -> Vec<Released> {
        let mut released = if stored {
            Vec::new()
        } else {
            self.refuse(now, commit)
        };
        self.durable = self.durable.max(commit);
        let durable = self.durable;
        while self
            .unsettled
            .pop_front_if(|(write, _)| *write <= durable)
            .is_some()
        {}
        while let Some((_, output)) = self.waiting.pop_front_if(|(after, _)| *after <= durable) {
            released.push(output);
        }
        while let Some(reply) = self.replies.pop_front_if(|reply| reply.after <= durable) {
            let (request, result) = reply.output;
            released.push(Released::Reply { request, result });
        }
        for farewell in std::mem::take(&mut self.farewells) {
            if self.is_durable(farewell.after) {
                released.push(Released::Transmit(farewell.output));
            } else {
                self.farewells.push_back(farewell);
            }
        }
        released
    }

    /// The write was never made: commands that waited for it hear so, the rest is forgotten, and so will be what
    /// still comes to wait for it. Earlier writes may still be under way, so nothing else is released.
    pub(super) fn refuse(&mut self, now: Instant, commit: Commit) -> Vec<Released> {
        self.lost.remember(now, commit);
        self.unsettled.retain(|(write, _)| *write != commit);
        self.waiting.retain(|(after, _)| *after != commit);
        let mut refused = Vec::new();
        self.replies.retain(|reply| {
            if reply.after == commit {
                refused.push(refusal(reply.output.0));
            }
            reply.after != commit
        });
        refused
    }

    /// What waits for the write leaves never, even if the write is made after all.
    pub(super) fn withdraw(&mut self, now: Instant, commit: Commit) {
        self.lost.remember(now, commit);
        self.waiting.retain(|(after, _)| *after != commit);
    }

    /// The ask of a call leaves never, if it has not left yet.
    pub(super) fn withdraw_ask(&mut self, of: CallId) -> Option<Arc<Event>> {
        let is_its = |(_, output): &(Commit, Released)| matches!(output, Released::Ask { call, .. } if *call == of);
        let place = self.waiting.iter().position(is_its)?;
        match self.waiting.remove(place) {
            Some((_, Released::Ask { event, .. })) => Some(event),
            _ => None,
        }
    }

    /// When `take_overdue` or `lag` is due.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let farewell = self.farewells.front().map(|farewell| farewell.until);
        let reply = self.replies.front().map(|reply| reply.until);
        let lag = self.unsettled.front().map(|_| now + LOOK);
        [farewell, reply, lag].into_iter().flatten().min()
    }

    /// What cannot wait any longer for a slow disk.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<Released> {
        let mut overdue = Vec::new();
        while let Some(farewell) = self
            .farewells
            .pop_front_if(|farewell| farewell.until <= now)
        {
            self.forced.remember(now, farewell.after);
            overdue.push(Released::Transmit(farewell.output));
        }
        while let Some(reply) = self.replies.pop_front_if(|reply| reply.until <= now) {
            let (request, promised) = reply.output;
            overdue.push(match promised {
                Ok(CommandReply::Placed { call, .. }) => Released::Late {
                    request,
                    call,
                    after: reply.after,
                },
                _ => {
                    let why = "the database does not answer; the command is carried out when it does, and may be \
                               repeated";
                    store_away(request, why.to_owned())
                }
            });
        }
        overdue
    }
}

/// Writes that are remembered for as long as something may be repeated that waited for them.
#[derive(Debug, Default)]
struct Remembered {
    writes: BTreeSet<Commit>,
    forgotten_at: VecDeque<(Instant, Commit)>,
}

impl Remembered {
    fn has(&self, commit: Commit) -> bool {
        !self.writes.is_empty() && self.writes.contains(&commit)
    }

    fn remember(&mut self, now: Instant, commit: Commit) {
        while let Some((_, old)) = self.forgotten_at.pop_front_if(|(at, _)| *at <= now) {
            self.writes.remove(&old);
        }
        if self.forgotten_at.len() >= MOST_REMEMBERED
            && let Some((_, old)) = self.forgotten_at.pop_front()
        {
            self.writes.remove(&old);
        }
        self.writes.insert(commit);
        self.forgotten_at.push_back((now + REMEMBERED, commit));
    }
}

/// Whether a message says that a call is over, which it is whatever is written of it.
fn is_farewell(transmit: &Transmit) -> bool {
    let Some(status) = transmit.bytes.strip_prefix(b"SIP/2.0 ") else {
        return false;
    };
    let method = match status.first() {
        Some(b'2') => Method::Bye,
        Some(b'3'..=b'6') => Method::Invite,
        _ => return false,
    };
    Message::parse(&transmit.bytes)
        .is_ok_and(|message| message.cseq().is_ok_and(|cseq| cseq.method == method))
}

fn refusal(request: RequestId) -> Released {
    let why = "the call could not be written to the database; try again";
    let result = Err(CommandError::new(CommandErrorKind::Internal, why));
    Released::Reply { request, result }
}

/// The reply to a command that waited too long.
pub(super) fn store_away(request: RequestId, why: String) -> Released {
    let result = Err(CommandError::new(CommandErrorKind::StoreAway, why));
    Released::Reply { request, result }
}

#[cfg(test)]
mod tests;
