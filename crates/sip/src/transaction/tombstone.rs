//! What stays of a finished transaction, so that late copies of its messages do no harm.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::key::TransactionKey;
use crate::event::LegId;
use crate::flow::Flow;
use crate::hash::HashedMap;
use crate::time::Instant;

/// The rest of a finished transaction. Every call leaves three of them for half a minute, so what few of them hold is boxed.
#[derive(Clone, Debug)]
pub(crate) enum Tombstone {
    /// Server, Completed (RFC 3261 §17.2.2): a repeated request gets the response, made again from the
    /// request, for it had nothing of its own.
    Status(u16),
    /// The same with a response worth keeping.
    Response(Box<Bytes>),
    /// Server INVITE, Accepted (RFC 6026) or Confirmed: repeats of INVITE and ACK are absorbed.
    Absorb(LegId),
    /// A request with this Call-ID, From tag and CSeq was refused: the same by another way is 482.
    Merged,
    /// Client INVITE, Completed: a repeated final response gets the ACK again.
    Acknowledged(Box<(Bytes, Flow)>),
    /// Client INVITE, Accepted (RFC 6026): later 2xx go to the leg.
    Accepted(LegId),
}

/// All tombstones; each lives for one of two fixed times, so expiry is two queues.
#[derive(Debug, Default)]
pub(crate) struct Tombstones {
    stones: HashedMap<TransactionKeyBits, Tombstone>,
    long: VecDeque<(Instant, TransactionKeyBits)>,
    short: VecDeque<(Instant, TransactionKeyBits)>,
}

type TransactionKeyBits = u128;

impl Tombstones {
    /// Keeps `stone` for `life`; `long` tells which of the two lives that is.
    fn put(
        &mut self,
        now: Instant,
        key: TransactionKey,
        stone: Tombstone,
        life: Duration,
        long: bool,
    ) {
        self.stones.insert(key.0, stone);
        let queue = if long {
            &mut self.long
        } else {
            &mut self.short
        };
        queue.push_back((now + life, key.0));
    }

    /// Keeps `stone` for 64·T1.
    pub(crate) fn put_long(
        &mut self,
        now: Instant,
        key: TransactionKey,
        stone: Tombstone,
        life: Duration,
    ) {
        self.put(now, key, stone, life, true);
    }

    /// Keeps `stone` for T4.
    pub(crate) fn put_short(
        &mut self,
        now: Instant,
        key: TransactionKey,
        stone: Tombstone,
        life: Duration,
    ) {
        self.put(now, key, stone, life, false);
    }

    pub(crate) fn find(&self, key: TransactionKey) -> Option<&Tombstone> {
        self.stones.get(&key.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.stones.len()
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let long = self.long.front().map(|(at, _)| *at);
        let short = self.short.front().map(|(at, _)| *at);
        long.into_iter().chain(short).min()
    }

    /// Clears what is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        for queue in [&mut self.long, &mut self.short] {
            while queue.front().is_some_and(|(at, _)| *at <= now) {
                if let Some((_, key)) = queue.pop_front() {
                    self.stones.remove(&key);
                }
            }
        }
        if self.stones.is_empty() {
            self.stones.shrink_to_fit();
        }
    }
}
