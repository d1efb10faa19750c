//! What the engine wants done, and what it counts.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hookswitch_sip::event::{Commit, Locate, Transmit};
use hookswitch_sip::flow::Flow;

use super::Full;
use crate::command::{CommandError, CommandReply, RequestId};
use crate::event::Event;
use crate::id::CallId;
use crate::outcome::Class;
use crate::record::{CallRecord, Snapshot};

/// What the engine wants done.
#[derive(Debug)]
pub enum Output {
    /// Send a message once its write is durable.
    Transmit(Transmit),
    /// Find out where a host is; the answer comes back through `handle_located`.
    Locate(Locate),
    /// Write these changes in one transaction. Comes before everything that waits for it.
    Commit {
        /// The number others wait for; it only grows.
        commit: Commit,
        /// What to write.
        changes: Vec<Change>,
    },
    /// Ask the application; the answer comes back through `handle_asked`.
    Ask {
        /// The call.
        call: CallId,
        /// The service whose application is asked.
        service: Arc<str>,
        /// `newRemoteCall`; the same event is among the changes of `after`.
        event: Arc<Event>,
        /// Not before this write is durable.
        after: Commit,
    },
    /// The end of a command.
    Reply {
        /// The command.
        request: RequestId,
        /// What became of it.
        result: Result<CommandReply, CommandError>,
        /// Not before this write is durable.
        after: Commit,
    },
    /// One message for the SIP log.
    Log(LogEntry),
    /// A call was refused that is no tenant's: nobody has a record of it.
    Strange(Strange),
}

/// A call that is no tenant's.
#[derive(Debug)]
pub struct Strange {
    /// The host of its Request-URI.
    pub host: Box<str>,
    /// Where it came from.
    pub source: IpAddr,
    /// Why it is nobody's.
    pub why: Cow<'static, str>,
}

/// One thing to write.
#[derive(Debug)]
pub enum Change {
    /// Insert or replace the record of a call.
    Call(Box<CallRecord>),
    /// Replace the snapshot of a call, or delete it.
    Snapshot {
        /// The call.
        call: CallId,
        /// What a restart needs; `None` deletes.
        snapshot: Option<Box<Snapshot>>,
    },
    /// Note that this call is under way and that a restart keeps nothing of it but ends its record; deleted as a
    /// snapshot is.
    Unkept(CallId),
    /// Note that the command with this idempotency key placed the call.
    Placed {
        /// The domain of the command's key.
        domain: Arc<str>,
        /// [`Place::idempotency_key`](crate::command::Place::idempotency_key).
        key: Arc<str>,
        /// The call.
        call: CallId,
    },
    /// Append an event. `NewRemoteCall` is delivered by the ask, all others by the outbox.
    Event(Arc<Event>),
}

/// What a logged message belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A recorded call.
    Call(CallId),
    /// No call, but this tenant is named by it.
    Tenant(Arc<str>),
}

/// A SIP message of a recorded call, or of none but with a tenant's name. Keys and credentials are blanked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// What it belongs to.
    pub owner: Owner,
    /// When, in microseconds since 1970.
    pub at_unix_micros: u64,
    /// Between whom.
    pub flow: Flow,
    /// Whether it came in.
    pub received: bool,
    /// Whether the same bytes were seen before.
    pub retransmission: bool,
    /// The message.
    pub bytes: Bytes,
}

/// What happened since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that came in.
    pub received: u64,
    /// Messages handed out.
    pub sent: u64,
    /// Of those, repetitions.
    pub retransmitted: u64,
    /// Datagrams that are no SIP message.
    pub unparseable: u64,
    /// New INVITEs that passed the protocol checks.
    pub offered: u64,
    /// INVITEs that reached a drill destination.
    pub drills: u64,
    /// Calls the application placed.
    pub placed: u64,
    /// Calls that were answered, drills aside.
    pub answered: u64,
    /// Calls that ended, by [`Class`] in the order of [`Class::ALL`]; drills aside.
    pub ended: [u64; Class::ALL.len()],
    /// INVITEs refused for want of a tenant.
    pub refused_domain: u64,
    /// INVITEs answered with 401, to be sent again with credentials.
    pub challenged: u64,
    /// INVITEs of strangers refused.
    pub refused_caller: u64,
    /// INVITEs refused because nothing matches the user.
    pub refused_user: u64,
    /// INVITEs refused because the service's callbacks are switched off.
    pub refused_callback: u64,
    /// INVITEs refused because what matches the user has no service here yet.
    pub refused_service: u64,
    /// Calls an application was not let place, by the setting `outbound` or by its trunks.
    pub refused_outbound: u64,
    /// Calls placed and given up at once, because where they go is unknown or not allowed.
    pub refused_target: u64,
    /// INVITEs refused because of their SDP.
    pub refused_media: u64,
    /// Calls refused, either way, for want of room, by [`Full`] in the order of [`Full::ALL`].
    pub refused_full: [u64; Full::ALL.len()],
    /// Refused INVITEs left out of the records, because there were too many.
    pub unrecorded: u64,
    /// Messages of no call left out of the log, because there were too many.
    pub unlogged: u64,
    /// Commands taken.
    pub commands: u64,
    /// Commands refused.
    pub commands_refused: u64,
    /// Events told or asked.
    pub events: u64,
    /// Calls of a former run taken up.
    pub restored: u64,
    /// Writes that were never made.
    pub not_written: u64,
}

/// How much there is of everything: when no call is under way and 40 s have passed, all of it is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Calls under way.
    pub calls: usize,
    /// Drill calls under way.
    pub drills: usize,
    /// Ended calls whose late messages are still told apart.
    pub past: usize,
    /// Legs known by any of these.
    pub legs: usize,
    /// Deadlines of calls and drills.
    pub deadlines: usize,
    /// Outputs nobody fetched yet.
    pub outputs: usize,
    /// Writes that wait for company.
    pub unwritten: usize,
    /// The user agent's own.
    pub sip: hookswitch_sip::user_agent::Census,
}
