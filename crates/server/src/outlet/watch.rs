//! Every exchange with an application, as it happens: for the ladder of its call, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use hookswitch_call::id::CallId;
use http::StatusCode;

use crate::callback::{AttemptReport, Observer, Target};
use crate::directory::Publisher;
use crate::notify::{Failing, is_notification};
use crate::shard::{Line, LineKind, ShardHandle};

/// What became of callbacks since the start.
#[derive(Debug, Default)]
pub struct CallbackCounts {
    /// HTTP exchanges.
    pub attempts: AtomicU64,
    /// Of those, without a 2xx.
    pub failed_attempts: AtomicU64,
    /// Asks an application answered.
    pub asks_answered: AtomicU64,
    /// Asks that brought no usable answer.
    pub asks_failed: AtomicU64,
    /// Tells that were delivered.
    pub tells_delivered: AtomicU64,
    /// Tells given up.
    pub tells_failed: AtomicU64,
}

impl CallbackCounts {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes every exchange with an application into the ladder of its call.
pub struct CallbackLog {
    /// All shards, in their order.
    pub shards: Vec<ShardHandle>,
    /// Where a 410 is written down.
    pub publisher: Arc<Publisher>,
    /// Where exchanges are counted.
    pub counts: Arc<CallbackCounts>,
    /// Who is told whose callbacks nobody takes.
    pub failing: Arc<Failing>,
}

impl CallbackLog {
    /// Whether a service's callbacks are taken; what a call's own URL does tells nothing of it, and 410 is an order.
    fn watch(&self, report: &AttemptReport<'_>) {
        let target = report.target;
        if target.per_call.is_some() {
            return;
        }
        let (domain, service) = (&target.domain, &target.service);
        match (report.error, report.status) {
            (None, _) => self.failing.taken(domain, service),
            (Some(_), Some(StatusCode::GONE)) => {}
            (Some(error), _) => self.failing.failed(domain, service, error, Instant::now()),
        }
    }
}

impl Observer for CallbackLog {
    fn tried(&self, report: &AttemptReport<'_>) {
        CallbackCounts::add(&self.counts.attempts);
        if report.error.is_some() {
            CallbackCounts::add(&self.counts.failed_attempts);
        }
        // A notification has no call, and its own trouble is for the log.
        if is_notification(&report.target.service) {
            if let Some(error) = report.error {
                tracing::info!(domain = %report.target.domain, %error, "a notification was not taken");
            }
            return;
        }
        self.watch(report);
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
            local: None,
            retransmission: false,
            text: report.error.map(ToString::to_string).unwrap_or_default(),
            status: report.status.map(|status| status.as_u16()),
            took: u64::try_from(report.took.as_micros()).ok(),
        };
        shard.log(call, line);
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
