//! Outgoing callbacks: signed HTTP requests to the customers' applications.
//!
//! Jobs go in, results come out; nothing here knows SIP, calls or SQL. *Asks* ([`Callbacks::ask`]) wait for
//! an answer that steers a call; *tells* ([`Callbacks::tell`]) are delivered at least once, in order per call.
//!
//! A callback's way: `ask.rs` or `tell.rs` (with `queue.rs`) decide when → `attempt.rs` makes one try, signed
//! by `sign.rs` → `client.rs` finds a `connection.rs` or has `connect.rs` open one, past the address guard.

mod ask;
mod attempt;
mod catch_up;
mod client;
mod connect;
mod connection;
mod fair;
mod lanes;
mod queue;
mod retry_after;
mod sign;
mod sns;
mod tell;
mod url;

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::mpsc;
use tokio_rustls::rustls::pki_types::CertificateDer;

pub use ask::{Answered, Asked};
pub use attempt::TryError;
pub use catch_up::CatchUp;
pub use connect::{Resolve, Resolving, SystemNames};
pub use fair::LaneKey;
pub use lanes::{Limits, Wish};
pub use queue::{EventCursor, Held, Page, Refused, Tell, TellResult, Told, Tried};
pub use sign::{RestAuth, Secret, SignError, header_allowed, webhook_signature};
pub use sns::{Sns, Topic};
pub use tell::Hold;
pub use url::{BaseUrl, Origin, UrlError};

use crate::guard::Guard;

/// The call a callback belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub u128);

/// The trace of a call, written as W3C trace context does: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Where a service's callbacks go and how they are signed.
#[derive(Clone, Debug)]
pub struct Target {
    /// The tenant; no tenant's callbacks wait for another's.
    pub domain: Arc<str>,
    /// The provisioned service.
    pub service: Arc<str>,
    /// The URL before the callback's name.
    pub base: BaseUrl,
    /// `restAuthentication`, in its order.
    pub auth: Arc<[RestAuth]>,
    /// `callbackTimeout`: the whole budget of an ask; a try of any callback has a third of it.
    pub timeout: Duration,
    /// The domain's webhook secrets: one, or two during a rotation.
    pub secrets: Arc<[Secret]>,
    /// Whether callbacks are switched off, shared by all targets of the service.
    pub switch: Arc<Switch>,
    /// Set when the base URL is one call's own: how it relates to the provisioned one.
    pub per_call: Option<PerCall>,
    /// Set when what is sent is published to a topic of Amazon SNS; the base URL is that of its API then.
    pub topic: Option<Topic>,
}

/// A call's own base URL in place of the provisioned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerCall {
    same_origin: bool,
}

/// Whether a service's callbacks are switched off, which its application asks for with 410.
#[derive(Debug, Default)]
pub struct Switch(AtomicBool);

impl Switch {
    /// A switch in the given position.
    pub fn new(off: bool) -> Self {
        Self(AtomicBool::new(off))
    }

    /// Whether no callback is sent.
    pub fn is_off(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sends callbacks again.
    pub fn turn_on(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Sends no more callbacks; says whether some were sent until now.
    pub fn turn_off(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

impl Target {
    /// The same service for one call with its own base URL: a switch of its own, and `requestHeaders` only
    /// when the origin is the provisioned one.
    pub fn at(&self, base: BaseUrl) -> Self {
        let same_origin = base.origin().as_str() == self.base.origin().as_str();
        let switch = Arc::default();
        Self {
            base,
            switch,
            per_call: Some(PerCall { same_origin }),
            ..self.clone()
        }
    }

    fn sends_headers(&self) -> bool {
        self.per_call.is_none_or(|per_call| per_call.same_origin)
    }

    fn try_limit(&self) -> Duration {
        self.timeout / 3
    }
}

/// One callback, fixed for all its tries.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `webhook-id`.
    pub webhook_id: Arc<str>,
    /// The last part of the URL: `newRemoteCall`, `callAnswered`, …
    pub name: &'static str,
    /// The JSON body.
    pub body: Bytes,
    /// The call it is about.
    pub call: CallKey,
    /// Its number among the call's callbacks, from 1.
    pub sequence: u64,
    /// The trace it belongs to.
    pub trace: TraceId,
}

/// One HTTP exchange, for the call's ladder.
#[derive(Clone, Copy, Debug)]
pub struct AttemptReport<'a> {
    /// Where it went.
    pub target: &'a Target,
    /// What was sent.
    pub delivery: &'a Delivery,
    /// Which entry of `restAuthentication` signed it, from 0.
    pub auth_entry: usize,
    /// The status, when there was a reply.
    pub status: Option<StatusCode>,
    /// Why it did not deliver.
    pub error: Option<&'a TryError>,
    /// When it began.
    pub started_at: SystemTime,
    /// How long it took.
    pub took: Duration,
}

impl AttemptReport<'_> {
    /// The URL of the request.
    pub fn url(&self) -> String {
        self.target.base.at(self.delivery.name)
    }
}

/// Sees every HTTP exchange; called between the exchanges, so it must not block.
pub trait Observer: Send + Sync + 'static {
    /// An exchange has ended.
    fn tried(&self, report: &AttemptReport<'_>);
    /// The application answered 410, and the target's callbacks are off from now on; told once.
    fn switched_off(&self, target: &Target);
}

/// All outgoing callbacks of this node. Dropping it stops the retries; what runs is finished.
pub struct Callbacks {
    asks: ask::Asks,
    tells: tell::Tells,
    results: mpsc::Sender<TellResult>,
}

/// What callbacks are made of.
pub struct Parts {
    /// Which addresses may be connected to.
    pub guard: Guard,
    /// Who resolves host names.
    pub names: Arc<dyn Resolve>,
    /// Certificates trusted beside the WebPKI roots.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Who sees every exchange.
    pub observer: Arc<dyn Observer>,
    /// Where the results of tells go; deliveries wait while it is full.
    pub results: mpsc::Sender<TellResult>,
    /// How much runs and waits at a time.
    pub limits: Limits,
    /// Where what was missed is delivered.
    pub catch_up: CatchUp,
}

impl Callbacks {
    /// Callbacks on the current tokio runtime.
    pub fn new(parts: Parts) -> io::Result<Self> {
        let connector = connect::Connector::new(parts.guard, parts.names, parts.extra_roots)?;
        // A connection is driven where it was opened, so each side has its own.
        let late_client = client::Client::new(connector.clone());
        let client = client::Client::new(connector);
        let asks = ask::Asks::new(Arc::clone(&client), Arc::clone(&parts.observer));
        let results = parts.results.clone();
        let tells = tell::Tells::new(
            client,
            late_client,
            parts.catch_up,
            parts.observer,
            parts.results,
            parts.limits,
        );
        Ok(Self {
            asks,
            tells,
            results,
        })
    }

    /// Asks the application what to do with a call. The call's tells wait from now on until the future is
    /// done or dropped; dropping it gives the ask up.
    pub fn ask(
        self: &Arc<Self>,
        target: Arc<Target>,
        delivery: Delivery,
    ) -> impl Future<Output = Answered> + Send + 'static {
        let hold = self.hold(delivery.call);
        let callbacks = Arc::clone(self);
        async move {
            let answered = callbacks.asks.ask(&target, &delivery).await;
            if answered.asked.was_answered() {
                callbacks.tells.answered(&target);
            }
            drop(hold);
            answered
        }
    }

    /// Delivers an event that the outbox holds, after all earlier ones of its call. When there is no room, it
    /// is refused and stays in the outbox, and so do those after it, until [`Callbacks::next_read`] has asked
    /// for all of them.
    pub fn tell(&self, tell: Tell) -> Result<(), Refused> {
        self.tells.tell(tell)
    }

    /// Keeps back the tells of a call until the hold is dropped.
    pub fn hold(&self, call: CallKey) -> Hold {
        self.tells.hold(call)
    }

    /// Passes on what an ask came to, among the results of the tells; waits while they are full.
    pub async fn report(&self, result: TellResult) {
        // Nobody listens any more when the node shuts down.
        self.results.send(result).await.ok();
    }

    /// The outbox may hold tells of that target which are not here: those of a former run, or replayed ones.
    pub fn backlog(&self, target: &Target) {
        self.tells.backlog(target);
    }

    /// Rows that were tried before a restart hold back the later ones of their calls for the rest of a minute.
    pub fn held(&self, held: Vec<Held>) {
        self.tells.held(held);
    }

    /// Waits until something is to be read of the outbox, and says what; then [`Callbacks::page`] must follow.
    pub async fn next_read(&self) -> Wish {
        self.tells.next_read().await
    }

    /// What was read of the outbox; `None` when it could not be read. Rows that are here already are passed over.
    pub fn page(&self, wish: &Wish, page: Option<Page>) {
        self.tells.page(wish, page);
    }

    /// The outbox shows the results of these, so that reading it cannot bring them back.
    pub fn settled(&self, events: Vec<EventCursor>) {
        self.tells.settled(events);
    }

    /// How many tells are in memory and how many of them are being tried.
    pub fn load(&self) -> (usize, usize) {
        self.tells.load()
    }
}

/// A number without a pattern, for jitter and span ids; nothing secret rests on it.
fn scramble(seed: impl Hash) -> u64 {
    let mut hasher = siphasher::sip::SipHasher13::new();
    seed.hash(&mut hasher);
    hasher.finish()
}

/// A duration between three and five quarters of the given one.
fn jittered(duration: Duration, seed: impl Hash) -> Duration {
    let share = u32::try_from(scramble(seed) % 1000).expect("less than 1000");
    duration * (750 + share / 2) / 1000
}

#[cfg(test)]
mod tests;
