//! Notifications of a tenant: what its devices do, and what it has to look after. They wait in the outbox like callbacks
//! and are told from there, to the HTTPS endpoints or topics that the notification settings name.
//!
//! What devices do is read off the events of calls, in commit order, and how far that came is written together with the
//! notifications: nothing is left out or told anew by a crash, and calls pay nothing for it.

mod alarm;
mod element;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookswitch_api::notice::{ServiceAlarm, ServiceAlarms, SipEvent, SipEvents};
use hookswitch_call::id::CallId;
use hookswitch_store::{CallKey, EventRow, Result, Store, UnixMicros, events, notifications, seal};
use serde::Serialize;

pub use alarm::Failing;

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
    streams: BTreeMap<(Arc<str>, &'static str), Stream>,
    /// Services whose callbacks are off.
    disabled: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Alarms that are not in the outbox yet.
    alarms: BTreeMap<Arc<str>, Vec<ServiceAlarm>>,
    is_new: bool,
}

/// Notifications of one domain and way, numbered in the order in which they are told.
#[derive(Clone, Copy, Debug)]
struct Stream {
    key: CallKey,
    told: u32,
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
            streams: BTreeMap::new(),
            disabled: BTreeSet::new(),
            alarms: BTreeMap::new(),
            is_new: true,
        }
    }

    /// Looks again and again until the runtime stops.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            let look = tokio::task::spawn_blocking(move || {
                if let Err(error) = self.look(Instant::now(), UnixMicros::now()) {
                    tracing::warn!(%error, "notifications wait for the database");
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
        if std::mem::take(&mut self.is_new) {
            self.disabled = disabled(&published);
        }
        self.raise_alarms(&published, now, wall)?;
        self.watch_devices(&published, wall)
    }

    fn raise_alarms(
        &mut self,
        published: &Arc<Published>,
        now: Instant,
        wall: UnixMicros,
    ) -> Result<()> {
        let off = disabled(published);
        let switched = off
            .difference(&self.disabled)
            .map(|service| (service, true))
            .chain(
                self.disabled
                    .difference(&off)
                    .map(|service| (service, false)),
            );
        let switched = switched.map(|((domain, service), is_off)| {
            let alarm = alarm::switched(published, domain, service, is_off, wall);
            (Arc::clone(domain), alarm)
        });
        let switched = switched.chain(self.failing.look(published, now, wall));
        for (domain, alarm) in Vec::from_iter(switched) {
            // Whoever has said where they go gets them; there are few, and the last ones count.
            if published.callback(&domain, ALARMS).is_some() {
                let alarms = self.alarms.entry(domain).or_default();
                alarms.push(alarm);
                let surplus = alarms.len().saturating_sub(TOGETHER);
                alarms.drain(..surplus);
            }
        }
        self.disabled = off;
        while let Some((domain, body)) = self.alarms.first_key_value() {
            let domain = Arc::clone(domain);
            let alarms = ServiceAlarms {
                event: ServiceAlarms::EVENT.to_owned(),
                body: body.clone(),
                domain: domain.to_string(),
                timestamp: wall.0 / 1_000,
            };
            self.tell(&domain, ALARMS, ServiceAlarms::NAME, wall, &[alarms], None)?;
            self.alarms.remove(&domain);
        }
        Ok(())
    }

    fn watch_devices(&mut self, published: &Published, wall: UnixMicros) -> Result<()> {
        let stored = self.store.read(notifications::all)?;
        let is_wanted = |domain: &str| published.callback(domain, SIP_EVENTS).is_some();
        for (domain, _) in stored.iter().filter(|(domain, _)| !is_wanted(domain)) {
            let domain = domain.clone();
            self.store
                .write(move |db| notifications::forget(db, &domain))?;
        }
        // Settings that came with an import.
        let watched: BTreeSet<&str> = stored.iter().map(|(domain, _)| &**domain).collect();
        for domain in published.domains().filter(|domain| is_wanted(domain)) {
            if !watched.contains(&**domain) {
                let domain = Arc::clone(domain);
                self.store
                    .write(move |db| notifications::begin(db, &domain))?;
            }
        }
        let newest = self.store.read(events::newest_cursor)?;
        for (domain, reached) in stored {
            if is_wanted(&domain) && newest > reached {
                self.watch_domain(&domain.into(), reached, wall)?;
            }
        }
        Ok(())
    }

    fn watch_domain(
        &mut self,
        domain: &Arc<str>,
        mut reached: i64,
        wall: UnixMicros,
    ) -> Result<()> {
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
            let told: Vec<SipEvents> = found
                .chunks(TOGETHER)
                .map(|body| SipEvents {
                    event: SipEvents::EVENT.to_owned(),
                    body: body.to_vec(),
                    domain: domain.to_string(),
                    timestamp: wall.0 / 1_000,
                })
                .collect();
            let name = SipEvents::NAME;
            self.tell(domain, SIP_EVENTS, name, wall, &told, Some(last))?;
            reached = last;
            if count < PAGE as usize {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Writes notifications, and how far the events were told with them; then they are on their way.
    fn tell(
        &mut self,
        domain: &Arc<str>,
        way: &'static str,
        name: &'static str,
        wall: UnixMicros,
        bodies: &[impl Serialize],
        reached: Option<i64>,
    ) -> Result<()> {
        let fresh = || Stream {
            key: CallKey(u128::from_be_bytes(seal::random_bytes())),
            told: 0,
        };
        let place = (Arc::clone(domain), way);
        let mut stream = *self.streams.entry(place.clone()).or_insert_with(fresh);
        let rows: Vec<EventRow> = bodies
            .iter()
            .map(|body| {
                stream.told += 1;
                row(domain, way, name, stream, wall, body)
            })
            .collect();
        let owner = Arc::clone(domain);
        self.store.write(move |db| {
            notifications::append(db, &rows)?;
            match reached {
                Some(cursor) => notifications::reach(db, &owner, cursor),
                None => Ok(()),
            }
        })?;
        self.streams.insert(place, stream);
        if !bodies.is_empty() {
            self.outbox.replayed(domain, way);
        }
        Ok(())
    }
}

fn row(
    domain: &Arc<str>,
    way: &'static str,
    name: &'static str,
    stream: Stream,
    wall: UnixMicros,
    body: &impl Serialize,
) -> EventRow {
    let key = CallId::from_u128(stream.key.0);
    EventRow {
        webhook_id: key.webhook(stream.told).to_string(),
        call: stream.key,
        domain: Arc::clone(domain),
        service: way.to_owned(),
        callback_id: callback_id(way).to_owned(),
        name: name.into(),
        sequence: stream.told,
        terminal: false,
        target: None,
        created_at: wall,
        body: serde_json::to_string(body).expect("texts and numbers always serialise"),
        sealed: None,
    }
}

/// The `callbackId` of a way, by which it is found among deliveries and enabled again.
pub const fn callback_id(way: &str) -> &'static str {
    match way.as_bytes() {
        b"notifications/alarms" => "notifications-alarms",
        _ => "notifications-sip-events",
    }
}

/// The services whose callbacks are off, those of notifications aside.
fn disabled(published: &Published) -> BTreeSet<(Arc<str>, Arc<str>)> {
    let mut disabled = BTreeSet::new();
    for domain in published.domains() {
        let services = published.callbacks(domain).into_iter();
        let services = services.flat_map(|callbacks| &callbacks.services);
        let off =
            services.filter(|(service, callback)| callback.disabled && !is_notification(service));
        disabled.extend(off.map(|(service, _)| (Arc::clone(domain), Arc::clone(service))));
    }
    disabled
}

#[cfg(test)]
mod tests;
