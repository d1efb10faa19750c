//! Rings when new events of a domain are durable, for those who stream them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Outlet;
use crate::http::Outbox;

/// One bell for each domain that somebody listens to.
#[derive(Debug, Default)]
pub(super) struct Bell {
    anybody: AtomicBool,
    domains: Mutex<HashMap<Arc<str>, watch::Sender<u64>>>,
}

impl Bell {
    pub(super) fn ring(&self, domain: &str) {
        if !self.anybody.load(Ordering::Acquire) {
            return;
        }
        let mut domains = self.domains();
        if let Some(bell) = domains.get(domain) {
            bell.send_modify(|rung| *rung += 1);
            if bell.is_closed() {
                domains.remove(domain);
                self.anybody.store(!domains.is_empty(), Ordering::Release);
            }
        }
    }

    pub(super) fn listen(&self, domain: &Arc<str>) -> watch::Receiver<u64> {
        let mut domains = self.domains();
        self.anybody.store(true, Ordering::Release);
        let bell = domains.entry(Arc::clone(domain));
        bell.or_default().subscribe()
    }

    fn domains(&self) -> MutexGuard<'_, HashMap<Arc<str>, watch::Sender<u64>>> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for Outlet {
    fn replayed(&self, domain: &str, service: &str) {
        self.take_up_service(domain, service);
    }

    fn listen(&self, domain: &Arc<str>) -> watch::Receiver<u64> {
        self.bell.listen(domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_rings_for_its_domain_and_is_put_away_when_nobody_listens() {
        let bell = Bell::default();
        bell.ring("one.example");
        let listener = bell.listen(&"one.example".into());
        bell.ring("other.example");
        assert!(!listener.has_changed().unwrap());
        bell.ring("one.example");
        assert!(listener.has_changed().unwrap());
        drop(listener);
        bell.ring("one.example");
        assert!(bell.domains().is_empty() && !bell.anybody.load(Ordering::Relaxed));
    }
}
