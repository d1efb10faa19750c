//! The timer values of RFC 3261 §17.1.1.1 and what derives from them.

use std::time::Duration;

/// Timer values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Round-trip estimate, 500 ms.
    pub t1: Duration,
    /// Longest interval between retransmissions, 4 s.
    pub t2: Duration,
    /// How long a message stays in the network, 5 s.
    pub t4: Duration,
    /// How often an unreliable provisional response is repeated, 60 s (RFC 3261 §13.3.1.1).
    pub ring_repeat: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            ring_repeat: Duration::from_secs(60),
        }
    }
}

impl Timing {
    /// 64·T1: timers B, D, F, H, J, L and M.
    pub fn patience(&self) -> Duration {
        self.t1 * 64
    }

    /// The interval after `interval`, doubled up to T2.
    pub fn backed_off(&self, interval: Duration) -> Duration {
        (interval * 2).min(self.t2)
    }
}
