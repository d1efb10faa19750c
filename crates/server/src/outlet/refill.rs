//! The outbox read again: tells that left memory, were refused for want of room, or waited through a restart.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookswitch_api::callback::{CallAnswered, CallFailed, CallHungup, CallNotify, Callback as _};
use hookswitch_call::id::CallId;
use hookswitch_store::events::{self, StoredEvent};
use hookswitch_store::{UnixMicros, seal::Place};

use super::{Outlet, body, cursor, rows};
use crate::callback::{BaseUrl, CallKey, Delivery, Tell, TraceId};

/// How often the outbox is read.
const EVERY: Duration = Duration::from_secs(5);
/// Rows read at a time.
const PAGE: u32 = 1_000;
/// A row without a next time is younger than this while its first try, or the note about it, is under way.
const FRESH: Duration = Duration::from_secs(30);

impl Outlet {
    /// Reads the outbox now and then; at first everything that waits, for nothing is under way yet.
    pub async fn refill(self: Arc<Self>) {
        let mut fresh = Duration::ZERO;
        let mut from = 0;
        loop {
            let outlet = Arc::clone(&self);
            let read = tokio::task::spawn_blocking(move || outlet.refill_page(from, fresh)).await;
            from = match read {
                Ok(Ok(next)) => next,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the outbox could not be read");
                    from
                }
                Err(_) => return,
            };
            if from == 0 {
                fresh = FRESH;
                tokio::time::sleep(EVERY).await;
            }
        }
    }

    /// One page of the outbox; returns where the next one begins, 0 after the last.
    fn refill_page(&self, from: i64, fresh: Duration) -> hookswitch_store::Result<i64> {
        let Some(callbacks) = self.callbacks.get() else {
            return Ok(0);
        };
        let mark = callbacks.mark();
        let page = self.store.read(|db| events::pending(db, PAGE, from))?;
        let last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        let next = if last {
            0
        } else {
            page.last().map_or(0, |row| row.cursor)
        };
        let now = UnixMicros::now();
        let due = page.into_iter().filter(|event| is_due(event, now, fresh));
        let tells = due.filter_map(|event| self.tell_of_row(event)).collect();
        // What does not fit stays in the outbox for the next round.
        let left = callbacks.refill(mark, tells, last && from == 0);
        if !left.is_empty() {
            tracing::debug!(
                count = left.len(),
                "callbacks wait in the outbox for room in memory"
            );
        }
        Ok(next)
    }

    fn tell_of_row(&self, event: StoredEvent) -> Option<Tell> {
        let row = event.row;
        let published = self.published.load();
        let target = self.targets.find(&published, &row.domain, &row.service)?;
        let target = match &row.target {
            None => target,
            Some(own) => Arc::new(target.at(BaseUrl::parse(own).ok()?)),
        };
        let body = match &row.sealed {
            None => row.body.into_bytes(),
            Some(sealed) => {
                let place: Place<'_> = rows::keys_place(&row.domain, &row.webhook_id);
                let keys = self.master_key.open(place, sealed).ok()?;
                body::with_keys(&row.body, &keys)?
            }
        };
        let call = CallId::from_u128(row.call.0);
        Some(Tell {
            cursor: cursor(call, row.sequence),
            target,
            delivery: Delivery {
                webhook_id: row.webhook_id.into(),
                name: name_of(&row.name)?,
                body: Bytes::from(body),
                call: CallKey(row.call.0),
                sequence: u64::from(row.sequence),
                trace: TraceId(call.trace().bits()),
            },
            created_at: SystemTime::UNIX_EPOCH + Duration::from_micros(row.created_at.0),
            attempts: event.attempts,
        })
    }
}

/// Asks are not told again: their call has gone on without them.
fn name_of(name: &str) -> Option<&'static str> {
    [
        CallAnswered::NAME,
        CallNotify::NAME,
        CallFailed::NAME,
        CallHungup::NAME,
    ]
    .into_iter()
    .find(|known| *known == name)
}

fn is_due(event: &StoredEvent, now: UnixMicros, fresh: Duration) -> bool {
    match event.next_attempt_at {
        Some(at) => at <= now,
        None => event.row.created_at <= now.before(fresh),
    }
}
