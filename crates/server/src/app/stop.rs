//! Stopping: the signals that ask for it, and the calls that are waited for.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::shard::ShardHandle;

/// How often running calls are counted.
const LOOK: Duration = Duration::from_millis(200);

/// SIGTERM and SIGINT.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the next one.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Returns when no call is left, or after `patience`.
pub(super) async fn wait_for_calls(shards: &[ShardHandle], patience: Duration) {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        let mut left = 0;
        for shard in shards {
            left += shard.calls().await;
        }
        if left == 0 {
            return;
        }
        sleep(LOOK.min(until - Instant::now())).await;
    }
}
