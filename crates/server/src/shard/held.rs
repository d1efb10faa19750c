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

    pub(super) fn keep_transmit(&mut self, now: Instant, transmit: Transmit) {
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
        self.durable = self.durable.max(commit);
        let mut released = Vec::new();
        while let Some((after, _)) = self.waiting.front() {
            if *after > self.durable {
                break;
            }
            let Some((after, output)) = self.waiting.pop_front() else {
                break;
            };
            if stored || after != commit {
                released.push(output);
            } else if let Released::Reply { request, .. } = output {
                let why = "the call could not be written to the database; try again";
                let error = CommandError::new(CommandErrorKind::Internal, why);
                released.push(Released::Reply {
                    request,
                    result: Err(error),
                });
            }
        }
        let durable = self.durable;
        let (gone, kept) = std::mem::take(&mut self.farewells)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(_, transmit)| transmit.after <= durable);
        self.farewells = kept;
        released.extend(
            gone.into_iter()
                .map(|(_, transmit)| Released::Transmit(transmit)),
        );
        released
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
