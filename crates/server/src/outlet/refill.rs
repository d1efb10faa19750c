//! The outbox read again: tells that left memory, were refused for want of room, or waited through a restart.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookswitch_api::callback::{CallAnswered, CallFailed, CallHungup, CallNotify, Callback as _};
use hookswitch_call::id::CallId;
use hookswitch_store::events::{self, StoredEvent};
use hookswitch_store::{DeliveryOutcome, DeliveryUpdate, UnixMicros, seal::Place};

use super::{Outlet, body, cursor, rows};
use crate::callback::{BaseUrl, CallKey, Callbacks, Delivery, Mark, Tell, TraceId};

/// How often the outbox is read.
const EVERY: Duration = Duration::from_secs(5);
/// Rows read at a time.
const PAGE: u32 = 1_000;

impl Outlet {
    /// Reads the whole outbox now and then, a page at a time.
    pub async fn refill(self: Arc<Self>) {
        loop {
            if let Some(mark) = self.callbacks.get().map(Callbacks::mark) {
                self.sweep(mark).await;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// One sweep; what is here already, or was a moment ago, the callbacks pass over themselves.
    async fn sweep(self: &Arc<Self>, mark: Mark) {
        let mut from = 0;
        loop {
            let outlet = Arc::clone(self);
            let read = tokio::task::spawn_blocking(move || outlet.refill_page(mark, from)).await;
            match read {
                Ok(Ok(0)) | Err(_) => return,
                Ok(Ok(next)) => from = next,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the outbox could not be read");
                    return;
                }
            }
        }
    }

    /// One page of the outbox; returns where the next one begins, 0 after the last.
    fn refill_page(&self, mark: Mark, from: i64) -> hookswitch_store::Result<i64> {
        let Some(callbacks) = self.callbacks.get() else {
            return Ok(0);
        };
        let page = self.store.read(|db| events::pending(db, PAGE, from))?;
        let last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        let next = if last {
            0
        } else {
            page.last().map_or(0, |row| row.cursor)
        };
        let now = UnixMicros::now();
        let mut tells = Vec::new();
        let mut orphans = Vec::new();
        for event in page
            .into_iter()
            .filter(|event| event.next_attempt_at.is_none_or(|at| at <= now))
        {
            match self.has_service(&event) {
                true => tells.extend(self.tell_of_row(event)),
                false => orphans.push(orphaned(&event)),
            }
        }
        if !orphans.is_empty() {
            self.record(orphans);
        }
        // What does not fit stays in the outbox for the next sweep.
        let left = callbacks.refill(mark, tells, last);
        if !left.is_empty() {
            tracing::debug!(
                count = left.len(),
                "callbacks wait in the outbox for room in memory"
            );
        }
        Ok(next)
    }

    fn has_service(&self, event: &StoredEvent) -> bool {
        self.publisher
            .current()
            .callback(&event.row.domain, &event.row.service)
            .is_some()
    }

    fn tell_of_row(&self, event: StoredEvent) -> Option<Tell> {
        let row = event.row;
        let published = self.publisher.current();
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

/// An event nobody is there for any more: kept as failed, and replayable.
fn orphaned(event: &StoredEvent) -> DeliveryUpdate {
    DeliveryUpdate {
        call: event.row.call,
        sequence: event.row.sequence,
        outcome: DeliveryOutcome::Failed,
        attempts: event.attempts,
        last_status: event.last_status,
        last_error: Some("the service was deleted".to_owned()),
        tries: Vec::new(),
    }
}
