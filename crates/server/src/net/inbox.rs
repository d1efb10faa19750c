//! Which shard a message is for, and the bounded way there.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hookswitch_call::id::shard_of_call_id;
use hookswitch_sip::flow::Flow;
use hookswitch_sip::hash::KeyedHash;
use hookswitch_sip::message::peek_call_id;
use tokio::sync::mpsc;

/// One whole message as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// The way it came.
    pub flow: Flow,
    /// The message.
    pub bytes: Bytes,
}

/// What the network tells a shard.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A message.
    Message(Received),
    /// A way that leads nowhere any more.
    FlowFailed(Flow),
}

/// The inboxes of all shards.
#[derive(Debug)]
pub struct Inboxes {
    hash: KeyedHash,
    shards: Vec<mpsc::Sender<Arrival>>,
    dropped: AtomicU64,
    received: AtomicU64,
}

impl Inboxes {
    /// Inboxes with room for `room` messages each; `key` is the one calls are spread by.
    pub fn new(key: &[u8; 16], shards: u16, room: usize) -> (Self, Vec<mpsc::Receiver<Arrival>>) {
        let (senders, receivers) = (0..shards.max(1)).map(|_| mpsc::channel(room)).unzip();
        let inboxes = Self {
            hash: KeyedHash::new(key),
            shards: senders,
            dropped: AtomicU64::new(0),
            received: AtomicU64::new(0),
        };
        (inboxes, receivers)
    }

    /// Puts a datagram into its shard's inbox; when that is full it is dropped, as a network would: its sender
    /// repeats it.
    pub fn put(&self, flow: Flow, bytes: Bytes) {
        self.received.fetch_add(1, Ordering::Relaxed);
        let shard = self.shard_of(&bytes);
        let arrival = Arrival::Message(Received { flow, bytes });
        if self.shards[shard].try_send(arrival).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts a message of a stream into its shard's inbox and waits for room, so that the stream is not read
    /// meanwhile: nobody would repeat it.
    pub async fn put_patiently(&self, flow: Flow, bytes: Bytes) {
        self.received.fetch_add(1, Ordering::Relaxed);
        let shard = self.shard_of(&bytes);
        let arrival = Arrival::Message(Received { flow, bytes });
        let _ = self.shards[shard].send(arrival).await;
    }

    /// A message without a Call-ID goes to the first shard, whose parser finds the words for the refusal.
    fn shard_of(&self, bytes: &[u8]) -> usize {
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        if shards == 1 {
            return 0;
        }
        peek_call_id(bytes).map_or(0, |call_id| {
            usize::from(shard_of_call_id(&self.hash, call_id, shards))
        })
    }

    /// Tells every shard that a way broke.
    pub fn fail(&self, flow: Flow) {
        for shard in &self.shards {
            if shard.try_send(Arrival::FlowFailed(flow)).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Messages that came in, and those for which there was no room.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.received.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }
}
