//! The outbox read again: tells that left memory, found no room, or waited through a restart.
//!
//! The callbacks say whose rows are to be read, and a page of those alone is read, in commit order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookswitch_api::callback::{CallAnswered, CallFailed, CallHungup, CallNotify, Callback as _};
use hookswitch_api::notice::{ServiceAlarms, SipEvents};
use hookswitch_call::id::CallId;
use hookswitch_store::events::{self, Backlog, StoredEvent};
use hookswitch_store::{DeliveryOutcome, DeliveryUpdate, UnixMicros, seal::Place};

use super::{Outlet, body, cursor, rows};
use crate::callback::{
    BaseUrl, CallKey, Callbacks, Delivery, Held, Page, Target, Tell, TraceId, Wish,
};
use crate::database;

/// How often it is looked whether something waits that nobody knows of.
const EVERY: Duration = Duration::from_secs(60);
/// How long after a failed read the next one comes.
const AGAIN: Duration = Duration::from_secs(1);
/// How far back a first try may lie and still hold back later events.
const HOLD: Duration = Duration::from_secs(60);
/// An ask that waits for longer than any may was forgotten in a crash.
const LONGEST_ASK: Duration = Duration::from_secs(600);

impl Outlet {
    /// Reads what the callbacks want of the outbox, until the runtime stops.
    pub async fn refill(self: Arc<Self>) {
        let Some(callbacks) = self.callbacks.get() else {
            return;
        };
        let started = UnixMicros::now();
        let mut look = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                wish = callbacks.next_read() => {
                    let answer = wish.clone();
                    let page = self.off_the_loop(move |outlet, _| outlet.page(&wish, started)).await;
                    if page.is_none() {
                        tokio::time::sleep(AGAIN).await;
                    }
                    callbacks.page(&answer, page);
                }
                _ = look.tick() => {
                    self.off_the_loop(Self::take_up_backlog).await;
                }
            }
        }
    }

    async fn off_the_loop<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, &Callbacks) -> hookswitch_store::Result<T> + Send + 'static,
    ) -> Option<T> {
        let outlet = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let callbacks = outlet.callbacks.get()?;
            work(&outlet, callbacks)
                .inspect_err(|error| database::tells(error, "the outbox could not be read"))
                .ok()
        });
        done.await.ok().flatten()
    }

    /// Before the first event is told: what a former run left comes first, and events that were tried a moment
    /// before the restart hold back the later ones of their calls. Blocks on the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn take_up(&self) -> hookswitch_store::Result<()> {
        let Some(callbacks) = self.callbacks.get() else {
            return Ok(());
        };
        let since = UnixMicros::now().before(HOLD);
        for Backlog {
            domain, service, ..
        } in self.store.read(events::backlog)?
        {
            let held = self
                .store
                .read(|db| events::held(db, &domain, &service, since))?;
            let held = held.into_iter().map(|held| Held {
                cursor: cursor(CallId::from_u128(held.call.0), held.sequence),
                call: CallKey(held.call.0),
                first_tried: time(held.first_try),
            });
            callbacks.held(held.collect());
            self.take_up_service(&domain, &service);
        }
        Ok(())
    }

    /// Every service that something waits for is looked at.
    fn take_up_backlog(&self, callbacks: &Callbacks) -> hookswitch_store::Result<()> {
        for Backlog {
            domain, service, ..
        } in self.store.read(events::backlog)?
        {
            if let Some(target) = self.service_target(&domain, &service) {
                callbacks.backlog(&target);
            } else if self
                .publisher
                .current()
                .callback(&domain, &service)
                .is_none()
            {
                self.orphan(&domain, &service)?;
            }
        }
        Ok(())
    }

    /// Something of this service may wait in the outbox that was not there before.
    pub(super) fn take_up_service(&self, domain: &str, service: &str) {
        if let (Some(callbacks), Some(target)) =
            (self.callbacks.get(), self.service_target(domain, service))
        {
            callbacks.backlog(&target);
        }
    }

    fn service_target(&self, domain: &str, service: &str) -> Option<Arc<Target>> {
        self.targets
            .find(&self.publisher.current(), domain, service)
    }

    fn page(&self, wish: &Wish, started: UnixMicros) -> hookswitch_store::Result<Page> {
        let (domain, service) = (&*wish.lane.domain, &*wish.lane.service);
        let now = UnixMicros::now();
        let due = if wish.early {
            UnixMicros(i64::MAX.cast_unsigned())
        } else {
            now
        };
        let limit = u32::try_from(wish.limit).unwrap_or(u32::MAX);
        let (found, next_due) = self.store.read(|db| {
            let found = events::due(db, domain, service, wish.after, limit, due)?;
            let next_due = match found.next {
                None => events::next_due(db, domain, service, due)?,
                Some(_) => None,
            };
            Ok((found, next_due))
        })?;
        let target = self.service_target(domain, service);
        let mut page = Page {
            rows: Vec::with_capacity(found.events.len()),
            next: found.next,
            next_due: next_due.map(time),
        };
        let mut targets = HashMap::new();
        let mut hopeless = Vec::new();
        for event in found.events {
            let cursor = event.cursor;
            match self.tell_of_row(event, target.as_ref(), &mut targets) {
                Ok(tell) => page.rows.push((cursor, tell)),
                Err(Unusable::Waits(event)) => {
                    let asked_at = event.row.created_at;
                    if asked_at < started || asked_at < now.before(LONGEST_ASK) {
                        hopeless.push(given_up(
                            &event,
                            "the server was restarted before it was answered",
                        ));
                    }
                }
                Err(Unusable::Never(event, why)) => hopeless.push(given_up(&event, why)),
            }
        }
        if !hopeless.is_empty() {
            self.submit(hopeless, || ());
        }
        Ok(page)
    }

    /// An event of a row; `targets` are the URLs that calls of this page have of their own.
    fn tell_of_row(
        &self,
        event: StoredEvent,
        target: Option<&Arc<Target>>,
        targets: &mut HashMap<String, Arc<Target>>,
    ) -> Result<Tell, Unusable> {
        let Some(name) = name_of(&event.row.name) else {
            return Err(Unusable::Waits(Box::new(event)));
        };
        let Some(target) = target else {
            let why = "the service was deleted, or its callback cannot be sent";
            return Err(Unusable::Never(Box::new(event), why));
        };
        let target = match &event.row.target {
            None => Arc::clone(target),
            Some(own) => match (targets.get(own), BaseUrl::parse(own)) {
                (Some(known), _) => Arc::clone(known),
                (None, Ok(base)) => {
                    let own_target = Arc::new(target.at(base));
                    targets.insert(own.clone(), Arc::clone(&own_target));
                    own_target
                }
                (None, Err(_)) => {
                    let why = "the call's own callback URL is not one";
                    return Err(Unusable::Never(Box::new(event), why));
                }
            },
        };
        let Some(body) = self.body_of_row(&event) else {
            let why = "its keys cannot be read with the master key of this node";
            return Err(Unusable::Never(Box::new(event), why));
        };
        let row = event.row;
        let call = CallId::from_u128(row.call.0);
        let created_at = time(row.created_at);
        Ok(Tell {
            cursor: cursor(call, row.sequence),
            target,
            delivery: Delivery {
                webhook_id: row.webhook_id.into(),
                name,
                body: Bytes::from(body),
                call: CallKey(row.call.0),
                sequence: u64::from(row.sequence),
                trace: TraceId(call.trace().bits()),
            },
            created_at,
            attempts: event.attempts,
            first_tried: (event.attempts > 0).then_some(created_at),
        })
    }

    fn body_of_row(&self, event: &StoredEvent) -> Option<Vec<u8>> {
        let row = &event.row;
        let Some(sealed) = &row.sealed else {
            return Some(row.body.clone().into_bytes());
        };
        let place: Place<'_> = rows::keys_place(&row.domain, &row.webhook_id);
        let keys = self.master_key.open(place, sealed).ok()?;
        body::with_keys(&row.body, &keys)
    }

    /// What waits for a service that is gone is kept as failed, and can be replayed should it come back.
    fn orphan(&self, domain: &str, service: &str) -> hookswitch_store::Result<()> {
        const PORTION: u32 = 500;
        let mut after = 0;
        loop {
            let all = UnixMicros(i64::MAX.cast_unsigned());
            let found = self
                .store
                .read(|db| events::due(db, domain, service, after, PORTION, all))?;
            let why = "the service was deleted";
            let updates = found.events.iter().map(|event| given_up(event, why));
            if !self.submit(updates.collect(), || ()) {
                return Ok(());
            }
            match found.next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }
}

/// Why a row is not told.
enum Unusable {
    /// It is an ask, which its call waits for.
    Waits(Box<StoredEvent>),
    /// It cannot be sent.
    Never(Box<StoredEvent>, &'static str),
}

/// Asks are not told again: their call has gone on without them.
fn name_of(name: &str) -> Option<&'static str> {
    [
        CallAnswered::NAME,
        CallNotify::NAME,
        CallFailed::NAME,
        CallHungup::NAME,
        SipEvents::NAME,
        ServiceAlarms::NAME,
    ]
    .into_iter()
    .find(|known| *known == name)
}

/// An event that is not tried any more: kept as failed, and replayable.
fn given_up(event: &StoredEvent, why: &str) -> DeliveryUpdate {
    DeliveryUpdate {
        call: event.row.call,
        sequence: event.row.sequence,
        outcome: DeliveryOutcome::Failed,
        attempts: event.attempts,
        last_status: event.last_status,
        last_error: Some(why.to_owned()),
        tries: Vec::new(),
    }
}

fn time(at: UnixMicros) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(at.0)
}
