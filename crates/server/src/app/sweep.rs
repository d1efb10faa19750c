//! What is old leaves the database, a little at a time.

use std::time::Duration;

use hookswitch_store::{Store, UnixMicros, Write, calls, events, ladder};

/// How long calls, events and ladders are kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Rows removed in one write, so that nobody waits long behind it.
const PORTION: u32 = 500;
/// How often old rows are looked for.
const EVERY: Duration = Duration::from_secs(60);

type Sweep = fn(&Write<'_>, UnixMicros, u32) -> hookswitch_store::Result<usize>;

/// Sweeps until the runtime stops.
pub(super) async fn run(store: Store) {
    loop {
        tokio::time::sleep(EVERY).await;
        for sweep in [ladder::sweep as Sweep, events::sweep, calls::sweep] {
            while portion(&store, sweep).await {}
        }
    }
}

/// Removes one portion; says whether there may be more.
async fn portion(store: &Store, sweep: Sweep) -> bool {
    let store = store.clone();
    let before = UnixMicros::now().before(KEPT);
    let done =
        tokio::task::spawn_blocking(move || store.write(move |db| sweep(db, before, PORTION)));
    match done.await {
        Ok(Ok(removed)) => removed > 0,
        Ok(Err(error)) => {
            tracing::warn!(%error, "old rows could not be removed");
            false
        }
        Err(_) => false,
    }
}
