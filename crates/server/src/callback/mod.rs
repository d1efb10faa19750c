//! Outgoing callbacks: signed HTTP requests to the customers' applications.
//!
//! Jobs go in, results come out; nothing here knows SIP, calls or SQL. *Asks* ([`Callbacks::ask`]) wait for
//! an answer that steers a call; *tells* ([`Callbacks::tell`]) are delivered at least once, in order per call.
//!
//! A callback's way: `ask.rs` or `tell.rs` (with `queue.rs`) decide when → `attempt.rs` makes one try, signed
//! by `sign.rs` → `client.rs` finds a `connection.rs` or has `connect.rs` open one, past the address guard.

mod ask;
mod attempt;
mod client;
mod connect;
mod connection;
mod fair;
mod queue;
mod retry_after;
mod sign;
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

pub use ask::Asked;
pub use attempt::TryError;
pub use connect::{Resolve, Resolving, SystemNames};
pub use queue::{EventCursor, Limits, Mark, Refused, Tell, TellResult, Told};
pub use sign::{RestAuth, Secret, SignError, header_allowed, webhook_signature};
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
    asks: Arc<ask::Asks>,
    tells: tell::Tells,
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
}

impl Callbacks {
    /// Callbacks on the current tokio runtime.
    pub fn new(parts: Parts) -> io::Result<Self> {
        let connector = connect::Connector::new(parts.guard, parts.names, parts.extra_roots)?;
        let client = client::Client::new(connector);
        let asks = ask::Asks::new(Arc::clone(&client), Arc::clone(&parts.observer));
        let tells = tell::Tells::new(client, parts.observer, parts.results, parts.limits);
        Ok(Self {
            asks: Arc::new(asks),
            tells,
        })
    }

    /// Asks the application what to do with a call. The call's tells wait from now on until the future is
    /// done or dropped; dropping it gives the ask up.
    pub fn ask(
        &self,
        target: Arc<Target>,
        delivery: Delivery,
    ) -> impl Future<Output = Asked> + Send + 'static {
        let hold = self.hold(delivery.call);
        let asks = Arc::clone(&self.asks);
        async move {
            let asked = asks.ask(&target, &delivery).await;
            drop(hold);
            asked
        }
    }

    /// Delivers an event that the outbox holds, after all earlier ones of its call. When there is no room, it
    /// is refused and stays in the outbox until [`Callbacks::refill`] brings it again.
    pub fn tell(&self, tell: Tell) -> Result<(), Refused> {
        self.tells.tell(tell)
    }

    /// Keeps back the tells of a call until the hold is dropped.
    pub fn hold(&self, call: CallKey) -> Hold {
        self.tells.hold(call)
    }

    /// A point in time to read the outbox from, for [`Callbacks::refill`].
    pub fn mark(&self) -> Mark {
        self.tells.mark()
    }

    /// Takes what the outbox holds and is due: rows in cursor order, read after `mark` was taken, in one piece
    /// or several. `complete` says that this is the last piece and no due row was left out. Rows that are
    /// here, or left a moment ago, are passed over; those for which there is no room come back.
    ///
    /// Once a target was refused, its new tells are too, until a complete refill has brought the older ones;
    /// so none overtakes another of its call.
    pub fn refill(&self, mark: Mark, rows: Vec<Tell>, complete: bool) -> Vec<Tell> {
        self.tells.refill(mark, rows, complete)
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
