//! A shard's inbox: two bounded lanes, with the time each message arrived.
//!
//! What belongs to calls under way goes first; what would begin something waits behind it, and is not worth serving
//! once its sender has repeated it. The age of the oldest message is the measure of whether the node keeps up
//! ([`Pressure`]).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookswitch_sip::flow::Flow;
use hookswitch_sip::hash::AlreadyHashed;
use tokio::sync::Notify;

use super::pressure::Pressure;

/// With newcomers refused, nothing waits so long, unless the node got slower.
const BEYOND_THE_DOOR: Duration = Duration::from_millis(300);
/// Timer A: a request that waited longer was repeated by its sender (RFC 3261 §17.1.1.2).
const REPEATED: Duration = Duration::from_millis(500);
/// Of eight messages taken at a time, one is new even when others wait: nobody's flood stops new calls for good.
const SHARE: usize = 8;
/// How long the copies of a request may come (64·T1).
const COPIES: Duration = Duration::from_secs(32);
/// Known requests per half of [`COPIES`]; beyond, the oldest half is forgotten.
const MAX_KNOWN: usize = 65_536;

/// One whole message as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// The way it came.
    pub flow: Flow,
    /// The message.
    pub bytes: Bytes,
    /// When the network had it.
    pub at: Instant,
    /// What it is to the shard.
    pub kind: Kind,
}

/// What a message is, as far as one can see without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A response, or a request of a dialog or a transaction that exists.
    Inside,
    /// An INVITE nobody knows yet, by its fingerprint where it has one.
    NewCall(Option<u64>),
    /// Any other request outside dialogs.
    Other,
}

impl Received {
    /// Whether its sender has repeated it by now, or would have over UDP.
    pub fn is_stale(&self, now: Instant) -> bool {
        self.kind != Kind::Inside && now.saturating_duration_since(self.at) > REPEATED
    }
}

/// What the network tells a shard.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A message.
    Message(Received),
    /// A way that leads nowhere any more.
    FlowFailed(Flow),
}

/// What a shard has for an INVITE that starts a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newcomer {
    /// The engine has it: this is a copy.
    Known,
    /// It waits in the lane: this is a copy, and nothing is to be done for it.
    Waiting,
    /// The shard does not keep up, and this is one of the share it cannot serve.
    Late,
    /// The lane of newcomers is full.
    Full,
    /// A place.
    Welcome,
}

/// The two lanes of one shard, seen from the network.
#[derive(Debug)]
pub(super) struct Inbox {
    lanes: Mutex<Lanes>,
    filled: Notify,
    emptied: Notify,
    room: usize,
}

#[derive(Debug, Default)]
struct Lanes {
    urgent: VecDeque<(Instant, Arrival)>,
    fresh: VecDeque<Received>,
    /// INVITEs that wait, and when their senders last repeated them.
    repeated: HashMap<u64, Instant, AlreadyHashed>,
    known: Known,
    pressure: Pressure,
    /// Streams that wait for room.
    waiting: usize,
}

/// The shard's own end.
#[derive(Debug)]
pub struct Arrivals {
    inbox: Arc<Inbox>,
    overdue: Duration,
}

/// Lanes with room for `room` messages each.
pub(super) fn inbox(room: usize) -> (Arc<Inbox>, Arrivals) {
    let inbox = Arc::new(Inbox {
        lanes: Mutex::default(),
        filled: Notify::new(),
        emptied: Notify::new(),
        room,
    });
    let arrivals = Arrivals {
        inbox: Arc::clone(&inbox),
        overdue: Duration::ZERO,
    };
    (inbox, arrivals)
}

impl Inbox {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is for an INVITE from outside that the network had at `at`, by its fingerprint: one look under one
    /// lock.
    pub(super) fn newcomer(&self, fingerprint: Option<u64>, at: Instant, now: Instant) -> Newcomer {
        let mut lanes = self.lanes();
        if let Some(fingerprint) = fingerprint {
            if lanes.known.contains(fingerprint) {
                return Newcomer::Known;
            }
            if let Some(last) = lanes.repeated.get_mut(&fingerprint) {
                *last = at.max(*last);
                return Newcomer::Waiting;
            }
        }
        lanes.look(now);
        match () {
            () if lanes.fresh.len() >= self.room => Newcomer::Full,
            () if lanes.pressure.refuses(now) => Newcomer::Late,
            () => Newcomer::Welcome,
        }
    }

    /// Puts a message into its lane; gives it back when that is full.
    pub(super) fn put(&self, arrival: Arrival, at: Instant) -> Result<(), Arrival> {
        let mut lanes = self.lanes();
        let was_empty = lanes.urgent.is_empty() && lanes.fresh.is_empty();
        match arrival {
            Arrival::Message(received) if received.kind != Kind::Inside => {
                if lanes.fresh.len() >= self.room {
                    return Err(Arrival::Message(received));
                }
                if let Kind::NewCall(Some(fingerprint)) = received.kind {
                    lanes.repeated.insert(fingerprint, received.at);
                }
                lanes.fresh.push_back(received);
            }
            // A broken way is told in any case: there are fewer of them than connections.
            Arrival::Message(_) if lanes.urgent.len() >= self.room => return Err(arrival),
            arrival => lanes.urgent.push_back((at, arrival)),
        }
        drop(lanes);
        if was_empty {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Puts a message into its lane as soon as there is room.
    pub(super) async fn put_patiently(&self, arrival: Arrival, at: Instant) {
        let mut arrival = arrival;
        // Counted before the first try, so that whoever makes room meanwhile says so.
        let _left = self.wait();
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            match self.put(arrival, at) {
                Ok(()) => return,
                Err(back) => arrival = back,
            }
            emptied.await;
        }
    }

    fn wait(&self) -> Waiting<'_> {
        self.lanes().waiting += 1;
        Waiting(self)
    }
}

/// One stream less waits, also when it was closed meanwhile.
struct Waiting<'i>(&'i Inbox);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut lanes = self.0.lanes();
        lanes.waiting = lanes.waiting.saturating_sub(1);
    }
}

impl Lanes {
    fn oldest(&self, now: Instant) -> Duration {
        let urgent = self.urgent.front().map(|(at, _)| *at);
        let fresh = self.fresh.front().map(|received| received.at);
        let at = urgent.into_iter().chain(fresh).min();
        at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    /// The next one of those that wait, as old as its last copy: whoever repeats it wants it still.
    fn next_fresh(&mut self) -> Option<Received> {
        let mut received = self.fresh.pop_front()?;
        if let Kind::NewCall(Some(fingerprint)) = received.kind
            && let Some(last) = self.repeated.remove(&fingerprint)
        {
            received.at = last;
        }
        Some(received)
    }

    fn look(&mut self, now: Instant) {
        let oldest = self.oldest(now);
        self.pressure.look(oldest, now);
    }
}

impl Arrivals {
    /// Takes up to `most` messages, of calls under way first; waits while there are none. Nothing is lost when the
    /// caller stops waiting.
    pub async fn recv_many(&mut self, into: &mut Vec<Arrival>, most: usize) -> usize {
        loop {
            let taken = self.take(into, most);
            if taken > 0 {
                return taken;
            }
            self.inbox.filled.notified().await;
        }
    }

    /// The same without waiting.
    pub fn take(&mut self, into: &mut Vec<Arrival>, most: usize) -> usize {
        self.take_at(Instant::now(), into, most)
    }

    fn take_at(&mut self, now: Instant, into: &mut Vec<Arrival>, most: usize) -> usize {
        let mut lanes = self.inbox.lanes();
        lanes.look(now);
        let oldest = lanes.oldest(now);
        self.overdue = match lanes.pressure.is_standing(now) && oldest > BEYOND_THE_DOOR {
            true => oldest,
            false => Duration::ZERO,
        };
        let before = into.len();
        let reserved = lanes.fresh.len().min(most / SHARE);
        let urgent = lanes.urgent.len().min(most - reserved);
        into.extend(lanes.urgent.drain(..urgent).map(|(_, arrival)| arrival));
        let fresh = lanes.fresh.len().min(most - urgent);
        for _ in 0..fresh {
            into.extend(lanes.next_fresh().map(Arrival::Message));
        }
        let (taken, waiting) = (into.len() - before, lanes.waiting);
        drop(lanes);
        for _ in 0..taken.min(waiting) {
            self.inbox.emptied.notify_one();
        }
        taken
    }

    /// How long the oldest message had waited when messages were last taken, where refusing newcomers at the door was
    /// not enough; else zero. What is in the lanes is served as long as that helps: refusing it, too, would leave the
    /// node idle until the lanes fill again.
    pub const fn overdue(&self) -> Duration {
        self.overdue
    }

    /// The engine heard of an INVITE: its copies belong to a call under way.
    pub fn admitted(&self, fingerprint: u64, now: Instant) {
        self.inbox.lanes().known.insert(fingerprint, now);
    }
}

/// Fingerprints of the last while, in two halves of which the older one is forgotten at a time.
#[derive(Debug, Default)]
struct Known {
    newer: HashSet<u64, AlreadyHashed>,
    older: HashSet<u64, AlreadyHashed>,
    began: Option<Instant>,
}

impl Known {
    fn contains(&self, fingerprint: u64) -> bool {
        self.newer.contains(&fingerprint) || self.older.contains(&fingerprint)
    }

    fn insert(&mut self, fingerprint: u64, now: Instant) {
        let began = *self.began.get_or_insert(now);
        if now.saturating_duration_since(began) >= COPIES || self.newer.len() >= MAX_KNOWN {
            self.older = std::mem::take(&mut self.newer);
            self.began = Some(now);
        }
        self.newer.insert(fingerprint);
    }
}

#[cfg(test)]
mod tests;
