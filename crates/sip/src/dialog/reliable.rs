//! Reliable provisional responses (RFC 3262), sent by us.

use std::time::Duration;

use bytes::Bytes;

use crate::time::Instant;
use crate::transaction::timing::Timing;

/// A reliable provisional response that waits for its PRACK.
#[derive(Debug)]
pub(crate) struct Unacknowledged {
    pub(crate) rseq: u32,
    pub(crate) response: Bytes,
    interval: Duration,
    retransmit_at: Instant,
    gives_up_at: Instant,
}

/// What a deadline brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send it again.
    Retransmit(Bytes),
    /// 64·T1 went by: the INVITE is refused (RFC 3262 §3).
    GaveUp,
    /// Nothing yet.
    Nothing,
}

impl Unacknowledged {
    pub(crate) fn new(now: Instant, timing: &Timing, rseq: u32, response: Bytes) -> Self {
        Self {
            rseq,
            response,
            interval: timing.t1,
            retransmit_at: now + timing.t1,
            gives_up_at: now + timing.patience(),
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.retransmit_at.min(self.gives_up_at)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Due {
        if now >= self.gives_up_at {
            return Due::GaveUp;
        }
        if now >= self.retransmit_at {
            // RFC 3262 §3 doubles without the T2 limit.
            self.interval *= 2;
            self.retransmit_at = now + self.interval;
            return Due::Retransmit(self.response.clone());
        }
        Due::Nothing
    }
}
