//! Notifications of a tenant: what its devices do, and what it has to look after. They wait in the outbox like callbacks
//! and are told from there, to the HTTPS endpoints or topics that the notification settings name.
//!
//! What devices do is read off the events of calls, in commit order, and how far that came is written together with the
//! notifications, as is which alarms were told: nothing is left out or told anew by a crash or by another node on the
//! same database, and calls pay nothing for it.

mod alarm;
mod element;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookswitch_api::notice::{ServiceAlarms, SipEvent, SipEvents};
use hookswitch_call::id::CallId;
use hookswitch_store::notifications::{self, Alarm};
use hookswitch_store::{CallKey, EventRow, Result, Store, UnixMicros, Write, events, seal};
use serde::Serialize;

use alarm::Change;
pub use alarm::Failing;

use crate::database;
use crate::directory::{Published, Publisher};
use crate::http::Outbox;

/// What the outbox calls the way of service alarms; no provisioned service has a slash in its id.
pub const ALARMS: &str = "notifications/alarms";
/// The same for SIP events.
pub const SIP_EVENTS: &str = "notifications/sip-events";

/// How often it is looked whether there is something to tell: what happens meanwhile goes together.
const EVERY: Duration = Duration::from_secs(1);
/// Events read at a time.
const PAGE: u32 = 500;
/// Pages of one domain at a time, so that others have their turn.
const PAGES: usize = 10;
/// Events of devices, or alarms, in one notification; together they stay far below the 256 KiB that Amazon SNS takes.
const TOGETHER: usize = 100;

/// Whether a service of the outbox is one of the ways of notifications.
pub fn is_notification(service: &str) -> bool {
    [ALARMS, SIP_EVENTS].contains(&service)
}

/// Puts notifications into the outbox.
pub struct Notifier {
    store: Store,
    publisher: Arc<Publisher>,
    outbox: Arc<dyn Outbox>,
    failing: Arc<Failing>,
    /// The provisioning as it was looked at last.
    seen: Option<Seen>,
}

/// What matters of one version of the provisioning.
struct Seen {
    published: Arc<Published>,
    /// Services whose callbacks are off.
    disabled: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Domains whose SIP events somebody wants.
    watched: BTreeSet<Arc<str>>,
}

impl Notifier {
    /// A notifier that knows nothing yet.
    pub fn new(
        store: Store,
        publisher: Arc<Publisher>,
        outbox: Arc<dyn Outbox>,
        failing: Arc<Failing>,
    ) -> Self {
        Self {
            store,
            publisher,
            outbox,
            failing,
            seen: None,
        }
    }

    /// Looks again and again until the runtime stops.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            let look = tokio::task::spawn_blocking(move || {
                if let Err(error) = self.look(Instant::now(), UnixMicros::now()) {
                    database::tells(&error, "notifications wait for the database");
                }
                self
            });
            match look.await {
                Ok(notifier) => self = notifier,
                Err(_) => return,
            }
        }
    }

    /// Puts whatever there is to tell into the outbox. Blocks.
    fn look(&mut self, now: Instant, wall: UnixMicros) -> Result<()> {
        let published = self.publisher.current();
        let (told, standing) = self
            .store
            .read(|db| Ok((notifications::all(db)?, notifications::alarms(db)?)))?;
        let seen = match self.seen.take() {
            Some(seen) if Arc::ptr_eq(&seen.published, &published) => seen,
            Some(_) => Seen::of(published),
            None => {
                self.failing.stand(&standing, now);
                Seen::of(published)
            }
        };
        let done = self
            .tell_alarms(&seen, &standing, now, wall)
            .and_then(|()| self.tell_events(&seen, told, wall));
        self.seen = Some(seen);
        done
    }

    fn tell_alarms(
        &self,
        seen: &Seen,
        standing: &[Alarm],
        now: Instant,
        wall: UnixMicros,
    ) -> Result<()> {
        let published = &seen.published;
        let is_wanted = |domain: &str| published.callback(domain, ALARMS).is_some();
        let unwanted: BTreeSet<&str> = standing.iter().map(|alarm| &*alarm.domain).collect();
        for domain in unwanted.into_iter().filter(|domain| !is_wanted(domain)) {
            let domain = domain.to_owned();
            self.store
                .write(move |db| notifications::forget_alarms(db, &domain))?;
        }
        let switched = alarm::switched(published, &seen.disabled, standing);
        let mut by_domain: BTreeMap<Arc<str>, Vec<Change>> = BTreeMap::new();
        for change in switched
            .into_iter()
            .filter(|change| is_wanted(&change.domain))
            .chain(self.failing.look(published, now))
        {
            let changes = by_domain.entry(Arc::clone(&change.domain)).or_default();
            changes.push(change);
        }
        for (domain, changes) in by_domain {
            for changes in changes.chunks(TOGETHER) {
                self.tell_changes(published, &domain, changes.to_vec(), wall)?;
                self.failing.settle(changes);
            }
        }
        Ok(())
    }

    fn tell_changes(
        &self,
        published: &Published,
        domain: &Arc<str>,
        changes: Vec<Change>,
        wall: UnixMicros,
    ) -> Result<()> {
        let changes: Vec<_> = changes
            .into_iter()
            .map(|change| (change.shown(published, wall), change))
            .collect();
        let owner = Arc::clone(domain);
        let is_told = self.store.write(move |db| {
            let mut body = Vec::new();
            for (shown, change) in &changes {
                if change.is_new(db)? {
                    body.push(shown.clone());
                }
            }
            if body.is_empty() {
                return Ok(false);
            }
            append(
                db,
                &owner,
                ALARMS,
                ServiceAlarms::NAME,
                wall,
                &[body],
                |place, body| ServiceAlarms {
                    event: ServiceAlarms::EVENT.to_owned(),
                    body: body.clone(),
                    webhook_id: place.webhook_id,
                    sequence: place.sequence,
                    domain: owner.to_string(),
                    timestamp: wall.0 / 1_000,
                },
            )?;
            Ok(true)
        })?;
        if is_told {
            self.outbox.replayed(domain, ALARMS);
        }
        Ok(())
    }

    fn tell_events(&self, seen: &Seen, told: Vec<(String, i64)>, wall: UnixMicros) -> Result<()> {
        let mut begun = BTreeSet::new();
        let mut reached = Vec::new();
        for (domain, cursor) in told {
            let domain: Arc<str> = domain.into();
            if seen.watched.contains(&domain) {
                begun.insert(Arc::clone(&domain));
                reached.push((domain, cursor));
            } else {
                self.store
                    .write(move |db| notifications::forget(db, &domain))?;
            }
        }
        for domain in seen.watched.difference(&begun) {
            let domain = Arc::clone(domain);
            self.store
                .write(move |db| notifications::begin(db, &domain))?;
        }
        if reached.is_empty() {
            return Ok(());
        }
        let newest = self.store.read(events::newest_cursor)?;
        for (domain, cursor) in reached {
            if newest > cursor {
                self.tell_events_of(&domain, cursor, wall)?;
            }
        }
        Ok(())
    }

    fn tell_events_of(&self, domain: &Arc<str>, mut reached: i64, wall: UnixMicros) -> Result<()> {
        for _ in 0..PAGES {
            let (found, last, count) = self.store.read(|db| {
                let page = events::after(db, domain, reached, PAGE)?;
                let found: Result<Vec<Option<SipEvent>>> =
                    page.iter().map(|event| element::of(db, event)).collect();
                Ok((found?, page.last().map(|event| event.cursor), page.len()))
            })?;
            let Some(last) = last else {
                return Ok(());
            };
            let found: Vec<SipEvent> = found.into_iter().flatten().collect();
            let bodies: Vec<Vec<SipEvent>> = found.chunks(TOGETHER).map(<[_]>::to_vec).collect();
            let (owner, has_some) = (Arc::clone(domain), !bodies.is_empty());
            let is_ours = self.store.write(move |db| {
                if !notifications::reach(db, &owner, reached, last)? {
                    return Ok(false);
                }
                append(
                    db,
                    &owner,
                    SIP_EVENTS,
                    SipEvents::NAME,
                    wall,
                    &bodies,
                    |place, body| SipEvents {
                        event: SipEvents::EVENT.to_owned(),
                        body: body.clone(),
                        webhook_id: place.webhook_id,
                        sequence: place.sequence,
                        domain: owner.to_string(),
                        timestamp: wall.0 / 1_000,
                    },
                )?;
                Ok(true)
            })?;
            if !is_ours {
                return Ok(());
            }
            if has_some {
                self.outbox.replayed(domain, SIP_EVENTS);
            }
            reached = last;
            if count < PAGE as usize {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Seen {
    fn of(published: Arc<Published>) -> Self {
        let (mut disabled, mut watched) = (BTreeSet::new(), BTreeSet::new());
        for domain in published.domains() {
            let Some(callbacks) = published.callbacks(domain) else {
                continue;
            };
            for (service, callback) in &callbacks.services {
                if &**service == SIP_EVENTS {
                    watched.insert(Arc::clone(domain));
                } else if callback.disabled && !is_notification(service) {
                    disabled.insert((Arc::clone(domain), Arc::clone(service)));
                }
            }
        }
        Self {
            published,
            disabled,
            watched,
        }
    }
}

/// What a notification is known by.
struct Place {
    webhook_id: String,
    sequence: u32,
}

/// Numbers notifications and puts them into the outbox, as part of a larger change.
fn append<B, N: Serialize>(
    db: &Write<'_>,
    domain: &Arc<str>,
    way: &'static str,
    name: &'static str,
    wall: UnixMicros,
    bodies: &[B],
    mut make: impl FnMut(Place, &B) -> N,
) -> Result<()> {
    if bodies.is_empty() {
        return Ok(());
    }
    let fresh = CallKey(u128::from_be_bytes(seal::random_bytes()));
    let count = u32::try_from(bodies.len()).unwrap_or(u32::MAX);
    let (call, told) = notifications::number(db, domain, way, fresh, count)?;
    let key = CallId::from_u128(call.0);
    let rows: Vec<EventRow> = (told + 1..)
        .zip(bodies)
        .map(|(sequence, body)| {
            let webhook_id = key.webhook(sequence).to_string();
            let place = Place {
                webhook_id: webhook_id.clone(),
                sequence,
            };
            let notice = make(place, body);
            EventRow {
                webhook_id,
                call,
                domain: Arc::clone(domain),
                service: way.to_owned(),
                callback_id: callback_id(way).to_owned(),
                name: name.into(),
                sequence,
                terminal: false,
                target: None,
                created_at: wall,
                body: serde_json::to_string(&notice).expect("texts and numbers always serialise"),
                sealed: None,
            }
        })
        .collect();
    notifications::append(db, &rows)
}

/// The `callbackId` of a way, by which it is found among deliveries and enabled again.
pub const fn callback_id(way: &str) -> &'static str {
    match way.as_bytes() {
        b"notifications/alarms" => "notifications-alarms",
        _ => "notifications-sip-events",
    }
}

#[cfg(test)]
mod tests;
