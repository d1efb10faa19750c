//! What a shard's outputs become outside it: rows in the store, asks and tells to applications, ladder lines.

pub mod answer;
mod ask;
mod bell;
mod body;
mod complain;
mod refill;
mod restore;
mod results;
mod rows;
mod targets;
mod watch;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookswitch_call::engine::Change;
use hookswitch_call::event::{Event, EventKind};
use hookswitch_call::id::CallId;
use hookswitch_sip::event::Commit;
use hookswitch_store::idempotency::Placed;
use hookswitch_store::statistics::Tally;
use hookswitch_store::{Batch, Error as StoreError, LadderRow, MasterKey, Store};

use self::body::Keys;
pub use self::body::Writer;
pub use self::restore::{Leftover, Restored};
pub(crate) use self::rows::{keys_place, snapshot_place};
use self::targets::Targets;
pub use self::watch::{CallbackCounts, CallbackLog};
use crate::callback::{
    BaseUrl, CallKey, Callbacks, Delivery, EventCursor, Sns, Target, Tell, TraceId,
};
use crate::complaints::Complaints;
use crate::directory::Publisher;
use crate::shard::{Input, ShardHandle};

/// The store and the callbacks, as the shards use them.
pub struct Outlet {
    store: Store,
    master_key: Arc<MasterKey>,
    writer: Writer,
    publisher: Arc<Publisher>,
    targets: Targets,
    callbacks: OnceLock<Arc<Callbacks>>,
    counts: Arc<CallbackCounts>,
    complaints: Complaints,
    bell: Arc<bell::Bell>,
}

/// An event whose row is being written.
#[derive(Clone, Debug)]
pub struct Due {
    tell: Tell,
}

/// What may leave once a write is durable.
#[derive(Debug, Default)]
pub struct Leaving {
    /// Tells.
    pub tells: Vec<Due>,
    /// The call whose announcement was written, and the body of its ask.
    pub ask: Option<(CallId, Bytes)>,
}

impl Outlet {
    /// An outlet; `connect` gives it its callbacks.
    pub fn new(
        store: Store,
        master_key: Arc<MasterKey>,
        writer: Writer,
        publisher: Arc<Publisher>,
    ) -> Self {
        Self {
            store,
            master_key,
            writer,
            publisher,
            targets: Targets::default(),
            callbacks: OnceLock::new(),
            counts: Arc::default(),
            complaints: Complaints::default(),
            bell: Arc::default(),
        }
    }

    /// The same on a node that speaks to Amazon SNS so, if it does.
    #[must_use]
    pub fn publishing_with(mut self, sns: Option<Arc<Sns>>) -> Self {
        self.targets = Targets::publishing_with(sns);
        self
    }

    /// The way to the applications; without it nothing is told.
    pub fn connect(&self, callbacks: Callbacks) {
        let _ = self.callbacks.set(Arc::new(callbacks));
    }

    /// What became of callbacks since the start.
    pub fn counts(&self) -> &Arc<CallbackCounts> {
        &self.counts
    }

    /// How many tells are in memory and how many of them are being tried.
    pub fn load(&self) -> (usize, usize) {
        self.callbacks
            .get()
            .map_or((0, 0), |callbacks| callbacks.load())
    }

    /// Hands changes to the writer, whose receipt goes to the shard. Returns what may leave then.
    pub fn commit(&self, commit: Commit, changes: Vec<Change>, shard: &ShardHandle) -> Leaving {
        let mut batch = Batch::default();
        let mut leaving = Leaving::default();
        for change in changes {
            match change {
                Change::Call(record) => {
                    self.complain_of(&record);
                    batch.calls.push(rows::call(&record));
                }
                Change::Snapshot { call, snapshot } => {
                    batch.snapshots.push(rows::snapshot(
                        &self.master_key,
                        call,
                        snapshot.as_deref(),
                    ));
                }
                Change::Unkept(call) => {
                    batch.snapshots.push(rows::unkept(&self.master_key, call));
                }
                Change::Placed { domain, key, call } => {
                    let call = hookswitch_store::CallKey(call.as_u128());
                    batch.placed.push(Placed { domain, key, call });
                }
                Change::Event(event) => {
                    let target = self.target(&event);
                    let callback_id = self.callback_id(&event);
                    let kept = self.writer.write(&event, Keys::Left);
                    let is_ask = matches!(event.kind, EventKind::NewRemoteCall { .. });
                    if let Some(target) = target {
                        let shown = if body::keys_of(&event).is_empty() {
                            kept.clone()
                        } else {
                            self.writer.write(&event, Keys::Shown)
                        };
                        if is_ask {
                            leaving.ask = Some((event.identity.call, shown.into()));
                        } else {
                            leaving.tells.push(Due {
                                tell: Self::tell_of(&event, target, shown),
                            });
                        }
                    }
                    batch
                        .events
                        .push(rows::event(&self.master_key, &event, callback_id, kept));
                }
            }
        }
        let receipt = shard.clone();
        let told = batch.events.first().map(|event| Arc::clone(&event.domain));
        let told = told.map(|domain| (domain, Arc::clone(&self.bell)));
        let done = move |result: Result<(), StoreError>| {
            match (&result, told) {
                (Err(error), _) => tracing::error!(%error, "a call could not be written"),
                (Ok(()), Some((domain, bell))) => bell.ring(&domain),
                (Ok(()), None) => {}
            }
            receipt.put(Input::Durable {
                commit,
                stored: result.is_ok(),
            });
        };
        if let Err(error) = self.store.writer().submit(batch, done) {
            tracing::error!(%error, "a call could not be written");
            shard.put(Input::NotWritten { commit });
        }
        leaving
    }

    /// Tells an application, now that the event is durable.
    pub fn tell(&self, due: Due) {
        if let Some(callbacks) = self.callbacks.get() {
            // Refused: the outbox has the event, and the next refill brings it.
            let _ = callbacks.tell(due.tell);
        }
    }

    /// Whether the writer would take ladder lines now.
    pub fn has_room_for_lines(&self) -> bool {
        self.store.writer().has_room_for_logs()
    }

    /// Writes ladder lines and counts; `written` is called when that is done, or given up.
    ///
    /// # Errors
    /// The counts, when the writer takes nothing; the lines are lost.
    pub fn log(
        &self,
        ladder: Vec<LadderRow>,
        tallies: Vec<Tally>,
        written: impl FnOnce() + Send + 'static,
    ) -> Result<(), Vec<Tally>> {
        let batch = Batch {
            ladder,
            tallies: tallies.clone(),
            ..Batch::default()
        };
        let submitted = self.store.writer().submit(batch, move |_| written());
        submitted.map_err(|error| {
            tracing::warn!(%error, "ladder lines were lost");
            tallies
        })
    }

    fn callback_id(&self, event: &Event) -> String {
        let published = self.publisher.current();
        let service = event.identity.service.as_deref().unwrap_or("");
        let callback = published.callback(&event.identity.domain, service);
        callback
            .map(|callback| callback.callback_id.to_string())
            .unwrap_or_default()
    }

    fn target(&self, event: &Event) -> Option<Arc<Target>> {
        let identity = &event.identity;
        let published = self.publisher.current();
        let target =
            self.targets
                .find(&published, &identity.domain, identity.service.as_deref()?)?;
        match &identity.target {
            None => Some(target),
            Some(own) => Some(Arc::new(target.at(BaseUrl::parse(own).ok()?))),
        }
    }

    fn delivery(event: &Event, body: Bytes) -> Delivery {
        let call = event.identity.call;
        Delivery {
            webhook_id: event.webhook_id().to_string().into(),
            name: event.kind.name(),
            body,
            call: CallKey(call.as_u128()),
            sequence: u64::from(event.sequence),
            trace: TraceId(call.trace().bits()),
        }
    }

    fn tell_of(event: &Event, target: Arc<Target>, body: Vec<u8>) -> Tell {
        Tell {
            cursor: cursor(event.identity.call, event.sequence),
            target,
            delivery: Self::delivery(event, body.into()),
            created_at: SystemTime::UNIX_EPOCH + Duration::from_millis(event.at_unix_ms),
            attempts: 0,
            first_tried: None,
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
