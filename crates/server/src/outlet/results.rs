//! What becomes of callbacks, on its way to the outbox: many at a time, and never lost while the store is slow.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_store::{Batch, DeliveryUpdate};
use tokio::sync::{Semaphore, mpsc};

use super::{CallbackCounts, Outlet, rows};
use crate::callback::{EventCursor, TellResult, Told};
use crate::fail::FailPoint;

/// Results written in one batch.
const HANDFUL: usize = 32;
/// How long the first result of a batch waits for others.
const GATHER: Duration = Duration::from_millis(5);
/// Batches on their way to the disk; while there are as many, callbacks wait.
const UNDER_WAY: usize = 64;
/// How soon a batch is offered again that the writer had no room for.
const AGAIN: Duration = Duration::from_millis(100);

impl Outlet {
    /// Writes what becomes of callbacks, until nobody makes any.
    pub async fn record_results(self: Arc<Self>, mut results: mpsc::Receiver<TellResult>) {
        let under_way = Arc::new(Semaphore::new(UNDER_WAY));
        let mut handful = Vec::with_capacity(HANDFUL);
        while results.recv_many(&mut handful, HANDFUL).await > 0 {
            if handful.len() < HANDFUL {
                tokio::time::sleep(GATHER).await;
                while handful.len() < HANDFUL
                    && let Ok(result) = results.try_recv()
                {
                    handful.push(result);
                }
            }
            self.count(&handful);
            let Ok(mut place) = Arc::clone(&under_way).acquire_owned().await else {
                return;
            };
            let gone: Vec<EventCursor> = handful.iter().filter_map(gone).collect();
            loop {
                let updates = handful.iter().map(rows::delivery).collect();
                let (outlet, left) = (Arc::clone(&self), gone.clone());
                let written = move || {
                    if let Some(callbacks) = outlet.callbacks.get() {
                        callbacks.settled(left);
                    }
                    drop(place);
                };
                if self.submit(updates, written) {
                    break;
                }
                tokio::time::sleep(AGAIN).await;
                match Arc::clone(&under_way).acquire_owned().await {
                    Ok(again) => place = again,
                    Err(_) => return,
                }
            }
            handful.clear();
        }
    }

    /// Hands updates to the writer; `false` when it has no room.
    pub(super) fn submit(
        &self,
        deliveries: Vec<DeliveryUpdate>,
        written: impl FnOnce() + Send + 'static,
    ) -> bool {
        let batch = Batch {
            deliveries,
            ..Batch::default()
        };
        let done = move |result: hookswitch_store::Result<()>| {
            if let Err(error) = result {
                tracing::error!(%error, "results of callbacks were lost; those may come twice");
            }
            written();
        };
        let submitted = self.store.writer().submit(batch, done);
        if let Err(error) = &submitted {
            tracing::debug!(%error, "results of callbacks wait for the writer");
        }
        submitted.is_ok()
    }

    fn count(&self, results: &[TellResult]) {
        for result in results.iter().filter(|result| !result.is_ask) {
            match result.told {
                Told::Delivered => {
                    FailPoint::AfterTell.pass();
                    CallbackCounts::add(&self.counts.tells_delivered);
                }
                Told::Failed => CallbackCounts::add(&self.counts.tells_failed),
                Told::Retry { .. } => {}
            }
        }
    }
}

/// The event, when it has left memory.
fn gone(result: &TellResult) -> Option<EventCursor> {
    let stays = matches!(result.told, Told::Retry { parked: false, .. }) || result.is_ask;
    (!stays).then_some(result.cursor)
}
