//! The stream connections: found by number or by peer, opened on demand, bounded.
//!
//! Where there are too many, those give way by which nothing came for longest and whose peers are strangers; a
//! connection with a call is never idle for long, because session timers speak up.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookswitch_sip::flow::Flow;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use super::door::Inboxes;
use super::stream;

/// How much of everything there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections altogether.
    pub connections: usize,
    /// Connections from one address of a good peer.
    pub per_address: usize,
    /// Connections from any other address.
    pub per_stranger: usize,
    /// Messages waiting to be written to one connection.
    pub queue: usize,
    /// A connection without a message for so long is closed.
    pub idle: Duration,
    /// An accepted connection brings its first message within this time.
    pub first: Duration,
    /// A message has to be whole within this time of its first octet.
    pub message: Duration,
    /// A connection of ours has to stand within this time, and a peer has to read within it.
    pub connect: Duration,
    /// Only connections that were idle for so long give way to others.
    pub dispensable: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            per_address: 1_000,
            per_stranger: 256,
            queue: 256,
            idle: Duration::from_secs(900),
            first: Duration::from_secs(30),
            message: Duration::from_secs(20),
            connect: Duration::from_secs(8),
            dispensable: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The same for a process that may hold so many file descriptors: half of them are for SIP.
    #[must_use]
    pub fn within(mut self, descriptors: usize) -> Self {
        self.connections = self.connections.min(descriptors / 2);
        self
    }
}

/// All stream connections.
#[derive(Debug)]
pub struct Connections {
    pub(super) inboxes: Arc<Inboxes>,
    pub(super) limits: Limits,
    epoch: Instant,
    table: Mutex<Table>,
    last: AtomicU32,
}

#[derive(Debug, Default)]
struct Table {
    by_number: HashMap<u32, Entry>,
    by_peer: HashMap<(u16, SocketAddr), u32>,
    per_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Entry {
    flow: Flow,
    queue: mpsc::Sender<Bytes>,
    life: Arc<Life>,
}

/// What a connection's task and the table share.
#[derive(Debug)]
pub(super) struct Life {
    /// Told when the connection has to go.
    pub(super) closing: Notify,
    /// When it last brought a message, in milliseconds since the table began.
    heard: AtomicU64,
}

/// A connection with its number.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) flow: Flow,
    pub(super) waiting: mpsc::Receiver<Bytes>,
    pub(super) life: Arc<Life>,
}

impl Connections {
    pub(super) fn new(inboxes: Arc<Inboxes>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            inboxes,
            limits,
            epoch: Instant::now(),
            table: Mutex::default(),
            last: AtomicU32::new(0),
        })
    }

    /// How many stand.
    pub fn count(&self) -> usize {
        self.table().by_number.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.epoch).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }

    /// A message came by that connection.
    pub(super) fn heard(&self, life: &Life, now: Instant) {
        life.heard.store(self.millis(now), Ordering::Relaxed);
    }

    /// Gives a connection its number; `None`: there are too many, and none that could give way.
    pub(super) fn register(&self, mut flow: Flow, now: Instant) -> Option<Registered> {
        let source = flow.peer.ip();
        let mut table = self.table();
        let from_there = table.per_address.get(&source).copied().unwrap_or(0);
        // A good peer is looked up only where it matters.
        let is_many = from_there >= self.limits.per_stranger
            && (from_there >= self.limits.per_address
                || !self.inboxes.sources().is_good(source, now));
        let mut gone = Vec::new();
        if is_many {
            gone = self.idlest(&mut table, now, 1, |entry| entry.flow.peer.ip() == source);
        } else if table.by_number.len() >= self.limits.connections {
            // Several at once: looking for them takes longer than closing them.
            let several = self.limits.connections.div_ceil(64);
            gone = self.idlest_strangers(&mut table, now, several);
        }
        let has_room =
            table.by_number.len() < self.limits.connections && (!is_many || !gone.is_empty());
        let registered = has_room.then(|| {
            flow.connection = loop {
                let number = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
                if number != 0 && !table.by_number.contains_key(&number) {
                    break number;
                }
            };
            let (queue, waiting) = mpsc::channel(self.limits.queue);
            let life = Arc::new(Life {
                closing: Notify::new(),
                heard: AtomicU64::new(self.millis(now)),
            });
            table.insert(Entry {
                flow,
                queue,
                life: Arc::clone(&life),
            });
            Registered {
                flow,
                waiting,
                life,
            }
        });
        drop(table);
        for _ in 0..gone.len().max(usize::from(registered.is_none())) {
            self.inboxes.brakes().connections.hit(now);
        }
        self.tell_gone(&gone);
        registered
    }

    /// Closes a few idle connections of strangers, where something else than our own limits is exhausted.
    pub(super) fn make_room(&self, now: Instant) {
        let mut table = self.table();
        let gone = self.idlest_strangers(&mut table, now, 16);
        drop(table);
        self.tell_gone(&gone);
    }

    fn idlest_strangers(&self, table: &mut Table, now: Instant, most: usize) -> Vec<Flow> {
        let sources = self.inboxes.sources();
        let mut good: HashMap<IpAddr, bool> = HashMap::new();
        self.idlest(table, now, most, |entry| {
            let source = entry.flow.peer.ip();
            !*good
                .entry(source)
                .or_insert_with(|| sources.is_good(source, now))
        })
    }

    /// Takes out those of `which` that were idle longest, and tells their tasks.
    fn idlest(
        &self,
        table: &mut Table,
        now: Instant,
        most: usize,
        mut which: impl FnMut(&Entry) -> bool,
    ) -> Vec<Flow> {
        let dispensable = u64::try_from(self.limits.dispensable.as_millis()).unwrap_or(u64::MAX);
        let at = self.millis(now);
        let mut idle: Vec<(u64, Flow)> = table
            .by_number
            .values()
            .map(|entry| (entry.life.heard.load(Ordering::Relaxed), entry))
            .filter(|(heard, entry)| at.saturating_sub(*heard) >= dispensable && which(entry))
            .map(|(heard, entry)| (heard, entry.flow))
            .collect();
        idle.sort_unstable_by_key(|(heard, flow)| (*heard, flow.connection));
        idle.truncate(most);
        let gone: Vec<Flow> = idle.into_iter().map(|(_, flow)| flow).collect();
        for flow in &gone {
            table.remove(*flow);
        }
        gone
    }

    /// The connection is closed: requests on their way look for another one.
    pub(super) fn closed(&self, flow: Flow) {
        if self.table().remove(flow) {
            self.tell_gone(&[flow]);
        }
    }

    fn tell_gone(&self, gone: &[Flow]) {
        for flow in gone {
            self.inboxes.fail(*flow);
            self.inboxes.fail(Flow {
                connection: 0,
                ..*flow
            });
        }
    }

    /// Queues a message. A flow with a number takes that connection, one without takes any to the peer or
    /// opens one. False: the connection is gone, or its peer reads too slowly and it is closed.
    pub(super) fn send(self: &Arc<Self>, local: SocketAddr, flow: Flow, bytes: Bytes) -> bool {
        let now = Instant::now();
        let mut table = self.table();
        let number = if flow.connection == 0 {
            table.by_peer.get(&(flow.listener, flow.peer)).copied()
        } else {
            Some(flow.connection)
        };
        if let Some(number) = number {
            let Some(entry) = table.by_number.get(&number) else {
                return false;
            };
            if entry.flow.peer != flow.peer {
                return false;
            }
            let (sent, unread) = (entry.queue.try_send(bytes), entry.flow);
            if matches!(sent, Err(TrySendError::Full(_))) {
                self.inboxes.brakes().unread.hit(now);
                table.remove(unread);
                drop(table);
                self.tell_gone(&[unread]);
                return false;
            }
            return sent.is_ok();
        }
        drop(table);
        let Some(registered) = self.register(flow, now) else {
            return false;
        };
        let flow = registered.flow;
        let queued = self
            .table()
            .by_number
            .get(&flow.connection)
            .map(|entry| entry.queue.clone());
        if queued.is_some_and(|queue| queue.try_send(bytes).is_ok()) {
            tokio::spawn(stream::dial(Arc::clone(self), local, registered));
            return true;
        }
        self.closed(flow);
        false
    }
}

impl Table {
    fn insert(&mut self, entry: Entry) {
        let flow = entry.flow;
        self.by_number.insert(flow.connection, entry);
        self.by_peer
            .insert((flow.listener, flow.peer), flow.connection);
        *self.per_address.entry(flow.peer.ip()).or_default() += 1;
    }

    /// Forgets a connection and tells its task; false: it was forgotten before.
    fn remove(&mut self, flow: Flow) -> bool {
        let Some(entry) = self.by_number.remove(&flow.connection) else {
            return false;
        };
        entry.life.closing.notify_one();
        let peer = (flow.listener, flow.peer);
        if self.by_peer.get(&peer) == Some(&flow.connection) {
            self.by_peer.remove(&peer);
        }
        if let Some(count) = self.per_address.get_mut(&flow.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&flow.peer.ip());
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
