//! The stream connections: found by number or by peer, opened on demand, bounded.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hookswitch_sip::flow::Flow;
use tokio::sync::mpsc;

use super::inbox::Inboxes;
use super::stream;

/// How much of everything there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections altogether.
    pub connections: usize,
    /// Connections from one address.
    pub per_address: usize,
    /// Messages waiting to be written to one connection.
    pub queue: usize,
    /// A connection without a message for so long is closed.
    pub idle: Duration,
    /// A message has to be whole within this time of its first octet.
    pub message: Duration,
    /// A connection of ours has to stand within this time.
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            per_address: 1_000,
            queue: 256,
            idle: Duration::from_secs(900),
            message: Duration::from_secs(20),
            connect: Duration::from_secs(8),
        }
    }
}

/// All stream connections.
#[derive(Debug)]
pub struct Connections {
    pub(super) inboxes: Arc<Inboxes>,
    pub(super) limits: Limits,
    table: Mutex<Table>,
    last: AtomicU32,
    refused: AtomicU64,
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
}

impl Connections {
    pub(super) fn new(inboxes: Arc<Inboxes>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            inboxes,
            limits,
            table: Mutex::default(),
            last: AtomicU32::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// How many stand, and how many were refused.
    pub fn counts(&self) -> (usize, u64) {
        (
            self.table().by_number.len(),
            self.refused.load(Ordering::Relaxed),
        )
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a connection its number; `None`: there are too many.
    pub(super) fn register(&self, mut flow: Flow) -> Option<(Flow, mpsc::Receiver<Bytes>)> {
        let mut table = self.table();
        let from_there = table.per_address.get(&flow.peer.ip()).copied().unwrap_or(0);
        if table.by_number.len() >= self.limits.connections || from_there >= self.limits.per_address
        {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        flow.connection = loop {
            let number = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if number != 0 && !table.by_number.contains_key(&number) {
                break number;
            }
        };
        let (queue, waiting) = mpsc::channel(self.limits.queue);
        table
            .by_number
            .insert(flow.connection, Entry { flow, queue });
        table
            .by_peer
            .insert((flow.listener, flow.peer), flow.connection);
        *table.per_address.entry(flow.peer.ip()).or_default() += 1;
        Some((flow, waiting))
    }

    /// The connection is closed: requests on their way look for another one.
    pub(super) fn closed(&self, flow: Flow) {
        let mut table = self.table();
        if table.by_number.remove(&flow.connection).is_none() {
            return;
        }
        let peer = (flow.listener, flow.peer);
        if table.by_peer.get(&peer) == Some(&flow.connection) {
            table.by_peer.remove(&peer);
        }
        if let Some(count) = table.per_address.get_mut(&flow.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                table.per_address.remove(&flow.peer.ip());
            }
        }
        drop(table);
        self.inboxes.fail(flow);
        self.inboxes.fail(Flow {
            connection: 0,
            ..flow
        });
    }

    /// Queues a message. A flow with a number takes that connection, one without takes any to the peer or
    /// opens one. False: the connection is gone, or its peer reads too slowly.
    pub(super) fn send(self: &Arc<Self>, local: SocketAddr, flow: Flow, bytes: Bytes) -> bool {
        let table = self.table();
        let number = if flow.connection == 0 {
            table.by_peer.get(&(flow.listener, flow.peer)).copied()
        } else {
            Some(flow.connection)
        };
        if let Some(number) = number {
            let Some(entry) = table.by_number.get(&number) else {
                return false;
            };
            return entry.flow.peer == flow.peer && entry.queue.try_send(bytes).is_ok();
        }
        drop(table);
        let Some((flow, waiting)) = self.register(flow) else {
            return false;
        };
        let queued = self
            .table()
            .by_number
            .get(&flow.connection)
            .map(|entry| entry.queue.clone());
        if queued.is_some_and(|queue| queue.try_send(bytes).is_ok()) {
            tokio::spawn(stream::dial(Arc::clone(self), local, flow, waiting));
            return true;
        }
        self.closed(flow);
        false
    }
}
