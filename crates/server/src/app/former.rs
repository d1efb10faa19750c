//! Calls of a former run, given back to the shards before anything is read from the network.

use std::time::Instant;

use hookswitch_call::engine::Engine;

use crate::clock::Clock;
use crate::net::Sources;
use crate::outlet::{Leftover, Outlet, Restored};

/// Gives every call that a former run left behind to the engine it falls on now; their peers are good ones. Blocks on
/// the store.
///
/// # Errors
/// When the store cannot be read or written.
pub(super) fn restore(
    outlet: &Outlet,
    clock: &Clock,
    engines: &mut [Engine],
    sources: &Sources,
) -> hookswitch_store::Result<()> {
    let since = Instant::now();
    let left = outlet.leftovers()?;
    if left.is_empty() {
        return Ok(());
    }
    let shards = u16::try_from(engines.len()).unwrap_or(u16::MAX);
    let mut by_shard: Vec<Vec<Leftover>> = engines.iter().map(|_| Vec::new()).collect();
    for leftover in left {
        by_shard[usize::from(leftover.call().shard(shards))].push(leftover);
    }
    let sum = std::thread::scope(|scope| -> hookswitch_store::Result<Restored> {
        let work = engines.iter_mut().zip(by_shard);
        let workers: Vec<_> = work
            .map(|(engine, left)| scope.spawn(|| outlet.restore(clock.now(), engine, left)))
            .collect();
        let mut sum = Restored::default();
        for worker in workers {
            let restored = worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            sum.taken += restored.taken;
            sum.ended += restored.ended;
            sum.peers.extend(restored.peers);
        }
        Ok(sum)
    })?;
    for peer in sum.peers {
        sources.welcome(peer, Instant::now());
    }
    tracing::info!(
        taken = sum.taken,
        ended = sum.ended,
        took = ?since.elapsed(),
        "calls of a former run were taken up"
    );
    Ok(())
}

#[cfg(test)]
mod tests;
