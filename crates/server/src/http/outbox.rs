//! The way from REST to the outbox: what is replayed is told again, and what is new is announced.

use std::sync::Arc;

use tokio::sync::watch;

/// What REST asks of the outbox. Implemented by the shell, and by tests.
pub trait Outbox: Send + Sync + 'static {
    /// Events of this service were put back, and are to be told.
    fn replayed(&self, domain: &str, service: &str);

    /// Changes whenever new events of the domain are durable.
    fn listen(&self, domain: &Arc<str>) -> watch::Receiver<u64>;
}
