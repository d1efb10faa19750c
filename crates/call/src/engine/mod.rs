//! The engine: one shard's calls from their first message to their last record.
//!
//! | state | means | moved by |
//! |---|---|---|
//! | `Offered` (inbound) | `newRemoteCall` was asked; the peer heard 100 | reply or command `Ringback` → `Ringing`; `Answer` → `Answered`; `Hangup`, refused or unanswered ask, ring timeout, CANCEL → `Ended` |
//! | `Offered` (outbound) | INVITE is on its way | 18x → `Ringing`; 2xx → `Confirmed`; refusal → `Ended`; `Hangup`, ring timeout → `Cancelling` |
//! | `Ringing` | the called side rings | the same, `callNotify ringing` for outbound calls |
//! | `Answered` | inbound: our 200 waits for ACK | ACK → `Confirmed`; BYE, `Hangup`, no ACK → `Ended` |
//! | `Confirmed` | both talk; `callAnswered` was told | re-INVITE, UPDATE → same, `callNotify`; BYE, `Hangup`, dead peer, longest duration → `Ended` |
//! | `Cancelling` | outbound: CANCEL is on its way | final response, or a 2xx that crossed → `Ended` |
//! | `Ended` | the one terminal event is written; what the leg still owes is kept until it settled; late messages are only logged | 40 s → forgotten |
//!
//! | file | direction |
//! |---|---|
//! | `input.rs` | messages, answers of the world, and the events the user agent makes of them |
//! | `offer.rs` | a new INVITE: limits, routing, media, the ask |
//! | `ask.rs` | what the application replied to the ask |
//! | `command.rs` | ringback, answer, hangup, describe |
//! | `place.rs` | placing a call, and its way to the answer |
//! | `established.rs` | answered calls: ACK, new media, BYE |
//! | `ending.rs` | the one end of every call |
//! | `message.rs` | MESSAGEs for destinations that have no service yet |
//! | `drill.rs` | drill destinations, which need no application |
//! | `timeout.rs` | deadlines |
//! | `admission.rs` | how many calls are let in |
//! | `ladder.rs` | SIP messages for the log |
//! | `stray.rs` | messages of no call for the log, by the tenant they name |
//! | `write.rs` | what is written down when, and what if not |
//! | `restore.rs` | calls of a former run |
//! | `output.rs` | what comes out |
//!
//! Each input runs to its end in one synchronous stack; whatever it takes from the world is an [`Output`].

mod admission;
mod ask;
mod command;
mod drill;
mod ending;
mod established;
mod input;
mod ladder;
mod message;
mod offer;
mod output;
mod place;
mod redact;
mod restore;
mod sign_in;
mod stray;
mod timeout;
mod write;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_sip::auth::Nonces;
use hookswitch_sip::deadlines::Deadlines;
use hookswitch_sip::event::{LegId, Output as AgentOutput};
use hookswitch_sip::hash::{HashedMap, KeyedHash};
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::{self, UserAgent};

use self::admission::Admission;
pub use self::admission::{Full, Limits};
use self::drill::Drill;
use self::ladder::Known;
pub use self::output::{Census, Change, Counters, LogEntry, Output, Owner, Strange};
use self::place::Placing;
pub use self::restore::RestoreError;
use self::write::{Leisurely, Outstanding};
use crate::call::Call;
use crate::directory::Directory;
use crate::id::{CallId, shard_hash};

/// How one shard's engine behaves.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Secret of the node, the same for all its shards and for ever: it decides which shard owns a Call-ID.
    pub key: [u8; 16],
    /// Which shard this is.
    pub shard: u16,
    /// How many there are.
    pub shards: u16,
    /// The user agent; its key differs from shard to shard.
    pub agent: user_agent::Config,
    /// `--dev`: loopback callers are let in and drill destinations exist.
    pub dev: bool,
    /// How many calls are let in and how long they may take.
    pub limits: Limits,
}

/// One shard of call control.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    key: KeyedHash,
    nonces: Nonces,
    agent: UserAgent,
    directory: Arc<Directory>,
    admission: Admission,
    calls: HashedMap<u128, Box<Call>>,
    legs: HashedMap<u64, Party>,
    /// Ended calls in the order in which they will be forgotten.
    past: VecDeque<Past>,
    /// The domains of ended calls, for commands that come too late.
    ended: HashedMap<u128, Arc<str>>,
    deadlines: Deadlines<Due>,
    /// Drill calls under way.
    drills: usize,
    outputs: VecDeque<Output>,
    /// Calls placed in this very stack, whose first write waits for an address that may be known at once.
    placing: VecDeque<Placing>,
    leisurely: Leisurely,
    /// Writes that may not have been made yet, in order.
    outstanding: VecDeque<Outstanding>,
    /// The tenant that the message of no call in this very stack names.
    named: Option<Arc<str>>,
    /// When the last input came.
    present: Instant,
    /// Which axis instants are on, where it outlasts the program.
    axis: Option<u64>,
    counters: Counters,
    last_commit: u64,
    last_call: u64,
}

/// What a leg belongs to.
#[derive(Debug)]
enum Party {
    Call(Known),
    Drill(Drill),
    /// An ended call, whose late messages still go to its ladder.
    Past(Known),
}

/// An ended call on its way to oblivion.
#[derive(Debug)]
struct Past {
    forgotten_at: Instant,
    call: CallId,
    leg: LegId,
}

/// Whose deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Call(CallId),
    Drill(LegId),
}

impl Engine {
    /// An engine without calls.
    pub fn new(config: EngineConfig, directory: Arc<Directory>) -> Self {
        Self {
            key: KeyedHash::new(&config.key),
            // Of this run only: which nonces were used is not remembered over a restart.
            nonces: Nonces::new(KeyedHash::new(&config.agent.key)),
            agent: UserAgent::new(config.agent.clone()),
            admission: Admission::new(config.limits.clone(), config.shards),
            directory,
            calls: HashedMap::default(),
            legs: HashedMap::default(),
            past: VecDeque::new(),
            ended: HashedMap::default(),
            deadlines: Deadlines::default(),
            drills: 0,
            outputs: VecDeque::new(),
            placing: VecDeque::new(),
            leisurely: Leisurely::default(),
            outstanding: VecDeque::new(),
            named: None,
            present: Instant::default(),
            axis: None,
            counters: Counters::default(),
            last_commit: 0,
            last_call: 0,
            config,
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            self.open_unlocated();
        }
        self.outputs.pop_front()
    }

    /// When `handle_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let forgotten = self.past.front().map(|past| past.forgotten_at);
        let agent = self.agent.poll_timeout();
        [
            forgotten,
            agent,
            self.deadlines.next(),
            self.leisurely.due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether a new call would be refused, whoever calls: the shell may refuse it without reading it.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.admission.is_full(now)
    }

    /// What happened since the start.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How much there is of everything.
    pub fn census(&self) -> Census {
        Census {
            calls: self.calls.len(),
            drills: self.drills,
            past: self.past.len(),
            legs: self.legs.len(),
            deadlines: self.deadlines.len(),
            outputs: self.outputs.len() + self.placing.len(),
            unwritten: self.leisurely.len(),
            sip: self.agent.census(),
        }
    }

    /// Takes what the user agent wants sent, and logs it for calls that have a record and tenants that are named.
    fn collect(&mut self, now: Now) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                AgentOutput::Transmit(mut transmit) => {
                    self.write_before(now, &mut transmit);
                    self.counters.sent += 1;
                    self.counters.retransmitted += u64::from(transmit.retransmission);
                    self.log_sent(now, &transmit);
                    self.outputs.push_back(Output::Transmit(transmit));
                }
                AgentOutput::Locate(locate) => self.outputs.push_back(Output::Locate(locate)),
            }
        }
    }

    /// Takes a call out, to work on it beside `self`; `put_call` or `finish` must follow.
    fn take_call(&mut self, call: CallId) -> Option<Box<Call>> {
        self.calls.remove(&call.as_u128())
    }

    fn put_call(&mut self, mut call: Box<Call>) {
        let id = call.identity.call;
        let wanted = call.deadline();
        let mut filed = call.filed;
        self.deadlines.file(Due::Call(id), &mut filed, wanted);
        call.filed = filed;
        self.calls.insert(id.as_u128(), call);
    }

    /// A call enters the books.
    fn open_call(&mut self, call: Box<Call>) {
        self.admission.began(Some(&call.identity.domain));
        let known = Known::new(call.identity.call);
        self.legs.insert(call.leg.0, Party::Call(known));
        self.put_call(call);
    }

    /// A new call id for a SIP Call-ID that falls on this shard.
    fn draw_call(&mut self, now: Now, sip_call_id: &str) -> CallId {
        self.last_call += 1;
        let random = self.key.of(&[
            b"call",
            &self.config.shard.to_le_bytes(),
            &self.last_call.to_le_bytes(),
            &now.unix_micros.to_le_bytes(),
            sip_call_id.as_bytes(),
        ]);
        CallId::new(
            now.unix_millis(),
            random,
            shard_hash(&self.key, sip_call_id),
        )
    }

    /// How long late messages of an ended call may still come, with a margin beyond every timer of the user agent.
    fn afterlife(&self) -> Duration {
        self.config.agent.timing.patience() + Duration::from_secs(8)
    }
}
