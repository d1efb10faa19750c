//! What a shard's outputs become outside it: rows in the store, asks and tells to applications, ladder lines.

pub mod answer;
mod body;
mod refill;
mod rows;
mod targets;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use bytes::Bytes;
use hookswitch_call::engine::Change;
use hookswitch_call::event::{Event, EventKind};
use hookswitch_call::id::CallId;
use hookswitch_sip::event::Commit;
use hookswitch_store::{
    Batch, DeliveryOutcome, DeliveryUpdate, Error as StoreError, LadderRow, MasterKey, Store,
    UnixMicros,
};
use tokio::sync::mpsc;

use self::body::Keys;
pub use self::body::Writer;
use self::targets::Targets;
use crate::callback::{
    Asked, AttemptReport, BaseUrl, CallKey, Callbacks, Delivery, EventCursor, Observer, Target,
    Tell, TellResult, Told, TraceId,
};
use crate::directory::{Published, Publisher};
use crate::shard::{Input, Line, LineKind, ShardHandle};

/// The store and the callbacks, as the shards use them.
pub struct Outlet {
    store: Store,
    master_key: Arc<MasterKey>,
    writer: Writer,
    /// A copy of the newest provisioning that costs nothing to read.
    published: ArcSwap<Published>,
    targets: Targets,
    callbacks: OnceLock<Callbacks>,
}

/// An event whose row is being written.
#[derive(Clone, Debug)]
pub struct Due {
    tell: Tell,
}

impl Outlet {
    /// An outlet; `connect` gives it its callbacks.
    pub fn new(
        store: Store,
        master_key: Arc<MasterKey>,
        writer: Writer,
        publisher: &Publisher,
    ) -> Self {
        let published = ArcSwap::new(publisher.current());
        Self {
            store,
            master_key,
            writer,
            published,
            targets: Targets::default(),
            callbacks: OnceLock::new(),
        }
    }

    /// The way to the applications; without it nothing is told.
    pub fn connect(&self, callbacks: Callbacks) {
        let _ = self.callbacks.set(callbacks);
    }

    /// Provisioning changed.
    pub fn publish(&self, published: Arc<Published>) {
        self.published.store(published);
    }

    /// How many tells are in memory and how many of them are being tried.
    pub fn load(&self) -> (usize, usize) {
        self.callbacks.get().map_or((0, 0), Callbacks::load)
    }

    /// Hands changes to the writer, whose receipt goes to the shard. Returns the tells that may leave then.
    pub fn commit(&self, commit: Commit, changes: Vec<Change>, shard: &ShardHandle) -> Vec<Due> {
        let mut batch = Batch::default();
        let mut due = Vec::new();
        for change in changes {
            match change {
                Change::Call(record) => batch.calls.push(rows::call(&record)),
                Change::Snapshot { call, snapshot } => {
                    batch.snapshots.push(rows::snapshot(
                        &self.master_key,
                        call,
                        snapshot.as_deref(),
                    ));
                }
                Change::Event(event) => {
                    let target = self.target(&event);
                    let callback_id = self.callback_id(&event);
                    let kept = self.writer.write(&event, Keys::Left);
                    batch
                        .events
                        .push(rows::event(&self.master_key, &event, callback_id, kept));
                    if let (Some(target), false) = (
                        target,
                        matches!(event.kind, EventKind::NewRemoteCall { .. }),
                    ) {
                        due.push(Due {
                            tell: self.tell_of(&event, target),
                        });
                    }
                }
            }
        }
        let receipt = shard.clone();
        let done = move |result: Result<(), StoreError>| {
            if let Err(error) = &result {
                tracing::error!(%error, "a call could not be written");
            }
            receipt.put(Input::Durable {
                commit,
                stored: result.is_ok(),
            });
        };
        if let Err(error) = self.store.writer().submit(batch, done) {
            tracing::error!(%error, "a call could not be written");
            shard.put(Input::Durable {
                commit,
                stored: false,
            });
        }
        due
    }

    /// Tells an application, now that the event is durable.
    pub fn tell(&self, due: Due) {
        if let Some(callbacks) = self.callbacks.get() {
            // Refused: the outbox has the event, and the next refill brings it.
            let _ = callbacks.tell(due.tell);
        }
    }

    /// Asks the application of a service; its answer goes to the shard.
    pub fn ask(self: &Arc<Self>, call: CallId, event: &Event, shard: &ShardHandle) {
        let target = self.target(event);
        let (Some(target), Some(callbacks)) = (target, self.callbacks.get()) else {
            let why = "the service of this call has no usable callback".to_owned();
            let answer = hookswitch_call::command::AskAnswer::Refused { why };
            shard.put(Input::Asked { call, answer });
            return;
        };
        let delivery = self.delivery(event);
        let asking = callbacks.ask(target, delivery);
        let (outlet, shard, sequence) = (Arc::clone(self), shard.clone(), event.sequence);
        tokio::spawn(async move {
            let asked = asking.await;
            outlet.asked(call, sequence, &asked);
            let (answer, fault) = answer::read(&asked);
            if let Some(fault) = fault {
                shard.put(Input::Line {
                    call,
                    line: remark(&fault),
                });
            }
            shard.put(Input::Asked { call, answer });
        });
    }

    /// Writes ladder lines; they may be lost.
    pub fn log(&self, ladder: Vec<LadderRow>) {
        let batch = Batch {
            ladder,
            ..Batch::default()
        };
        if let Err(error) = self.store.writer().submit(batch, |_| ()) {
            tracing::warn!(%error, "ladder lines were lost");
        }
    }

    /// The ask is over: its row in the outbox says so.
    fn asked(&self, call: CallId, sequence: u32, asked: &Asked) {
        let (outcome, status, error) = match asked {
            Asked::Accepted { .. } => (
                DeliveryOutcome::Delivered(UnixMicros::now()),
                Some(200),
                None,
            ),
            Asked::Refused { status, why } => (
                DeliveryOutcome::Failed,
                Some(status.as_u16()),
                Some(why.clone()),
            ),
            Asked::Disabled => (
                DeliveryOutcome::Failed,
                Some(410),
                Some("callback_disabled".to_owned()),
            ),
            Asked::TimedOut { why } => (DeliveryOutcome::Failed, None, Some(why.to_string())),
        };
        let update = DeliveryUpdate {
            call: hookswitch_store::CallKey(call.as_u128()),
            sequence,
            outcome,
            attempts: 1,
            last_status: status,
            last_error: error,
        };
        self.record(vec![update]);
    }

    fn record(&self, deliveries: Vec<DeliveryUpdate>) {
        let batch = Batch {
            deliveries,
            ..Batch::default()
        };
        if let Err(error) = self.store.writer().submit(batch, |_| ()) {
            tracing::warn!(%error, "delivery results were lost; those callbacks may come twice");
        }
    }

    /// Writes what becomes of tells, until the callbacks are gone.
    pub async fn record_results(self: Arc<Self>, mut results: mpsc::Receiver<TellResult>) {
        let mut handful = Vec::with_capacity(256);
        while results.recv_many(&mut handful, 256).await > 0 {
            self.record(handful.drain(..).map(rows::delivery).collect());
        }
    }

    fn callback_id(&self, event: &Event) -> String {
        let published = self.published.load();
        let service = event.identity.service.as_deref().unwrap_or("");
        let callback = published.callback(&event.identity.domain, service);
        callback
            .map(|callback| callback.callback_id.to_string())
            .unwrap_or_default()
    }

    fn target(&self, event: &Event) -> Option<Arc<Target>> {
        let identity = &event.identity;
        let published = self.published.load();
        let target =
            self.targets
                .find(&published, &identity.domain, identity.service.as_deref()?)?;
        match &identity.target {
            None => Some(target),
            Some(own) => Some(Arc::new(target.at(BaseUrl::parse(own).ok()?))),
        }
    }

    fn delivery(&self, event: &Event) -> Delivery {
        let call = event.identity.call;
        Delivery {
            webhook_id: event.webhook_id().to_string().into(),
            name: event.kind.name(),
            body: Bytes::from(self.writer.write(event, Keys::Shown)),
            call: CallKey(call.as_u128()),
            sequence: u64::from(event.sequence),
            trace: TraceId(call.trace().bits()),
        }
    }

    fn tell_of(&self, event: &Event, target: Arc<Target>) -> Tell {
        Tell {
            cursor: cursor(event.identity.call, event.sequence),
            target,
            delivery: self.delivery(event),
            created_at: SystemTime::UNIX_EPOCH + Duration::from_millis(event.at_unix_ms),
            attempts: 0,
        }
    }
}

/// A row's place among the tells in memory: the same for the same event.
fn cursor(call: CallId, sequence: u32) -> EventCursor {
    let bits = call.as_u128();
    let folded = (bits >> 64) ^ bits.rotate_left(17) ^ (u128::from(sequence) << 40);
    EventCursor(i64::from_le_bytes(
        folded.to_le_bytes()[..8]
            .try_into()
            .expect("eight of sixteen bytes"),
    ))
}

fn remark(text: &str) -> Line {
    Line {
        at: UnixMicros::now().0,
        kind: LineKind::Callback,
        received: true,
        peer: "newRemoteCall".to_owned(),
        transport: None,
        retransmission: false,
        text: text.to_owned(),
        status: None,
        took: None,
    }
}

/// Writes every exchange with an application into the ladder of its call.
pub struct CallbackLog {
    /// All shards, in their order.
    pub shards: Vec<ShardHandle>,
    /// Where a 410 is written down.
    pub publisher: Arc<Publisher>,
}

impl Observer for CallbackLog {
    fn tried(&self, report: &AttemptReport<'_>) {
        let call = CallId::from_u128(report.delivery.call.0);
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        let Some(shard) = self.shards.get(usize::from(call.shard(shards))) else {
            return;
        };
        let at = report
            .started_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let line = Line {
            at: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
            kind: LineKind::Callback,
            received: false,
            peer: report.url(),
            transport: None,
            retransmission: false,
            text: report.error.map(ToString::to_string).unwrap_or_default(),
            status: report.status.map(|status| status.as_u16()),
            took: u64::try_from(report.took.as_micros()).ok(),
        };
        shard.put(Input::Line { call, line });
    }

    fn switched_off(&self, target: &Target) {
        tracing::warn!(
            domain = %target.domain,
            service = %target.service,
            "an application answered 410: its callbacks are off until they are enabled or the service is written"
        );
        if target.per_call.is_some() {
            return;
        }
        let (publisher, domain, service) = (
            Arc::clone(&self.publisher),
            Arc::clone(&target.domain),
            Arc::clone(&target.service),
        );
        tokio::task::spawn_blocking(move || {
            if let Err(error) = publisher.switch_callback(&domain, &service, false) {
                tracing::error!(%error, "that the callbacks are off could not be written");
            }
        });
    }
}

impl Due {
    /// The call it is about.
    pub const fn call(&self) -> CallKey {
        self.tell.delivery.call
    }
}

/// What became of a tell, as the store keeps it.
const fn outcome(told: Told, now: UnixMicros, retry_at: UnixMicros) -> DeliveryOutcome {
    match told {
        Told::Delivered => DeliveryOutcome::Delivered(now),
        Told::Failed => DeliveryOutcome::Failed,
        Told::Retry { .. } => DeliveryOutcome::Retry(retry_at),
    }
}
