//! What other nodes committed, heard on a connection of its own.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_postgres::{AsyncMessage, Notification};

use super::Cluster;

/// How long a lost connection waits for the next try.
const AGAIN: Duration = Duration::from_millis(200);

/// What was heard and is not passed on yet: of each kind and domain one, so it never grows beyond the tenants.
#[derive(Debug, Default)]
pub(crate) struct News {
    heard: Mutex<Heard>,
    bell: Condvar,
    /// It was listened at least once.
    begun: AtomicBool,
}

/// What somebody else committed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Something may have been missed: all of it may have changed.
    pub(crate) everything: bool,
    /// The tenants whose provisioning changed.
    pub(crate) domains: BTreeSet<String>,
    /// There are new events.
    pub(crate) events: bool,
    closed: bool,
}

impl News {
    /// Waits until there is something; `None` when nothing more will come.
    pub(crate) fn next(&self) -> Option<Heard> {
        let nothing = |heard: &mut Heard| *heard == Heard::default();
        let heard = self.bell.wait_while(self.heard(), nothing);
        let mut heard = heard.unwrap_or_else(PoisonError::into_inner);
        if heard.closed {
            return None;
        }
        Some(std::mem::take(&mut *heard))
    }

    /// Ends the wait of whoever waits for more.
    pub(crate) fn close(&self) {
        self.add(|heard| heard.closed = true);
    }

    /// Has a new listener hear that everything may have changed, as the first notifications may have passed it by.
    pub(crate) fn greet(&self) {
        if self.begun.load(Ordering::SeqCst) {
            self.add(|heard| heard.everything = true);
        }
    }

    fn add(&self, note: impl FnOnce(&mut Heard)) {
        note(&mut self.heard());
        self.bell.notify_one();
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// Listens from now on; after every connection, the first one too, everything counts as changed.
    pub(crate) fn listen(self: &Arc<Self>, news: &Arc<News>) {
        let (cluster, news) = (Arc::downgrade(self), Arc::clone(news));
        self.runtime().spawn(async move {
            loop {
                let Some(connecting) = cluster.upgrade().map(|cluster| {
                    let (config, tls) = (cluster.config.clone(), cluster.tls.clone());
                    async move { config.connect(tls).await }
                }) else {
                    return;
                };
                if let Ok((client, mut connection)) = connecting.await {
                    let mut listening = pin!(
                        client.batch_execute("LISTEN hookswitch_domain; LISTEN hookswitch_events")
                    );
                    let mut listens = false;
                    loop {
                        let message = poll_fn(|context| connection.poll_message(context));
                        tokio::select! {
                            Ok(()) = &mut listening, if !listens => {
                                listens = true;
                                news.begun.store(true, Ordering::SeqCst);
                                news.add(|heard| (heard.everything, heard.events) = (true, true));
                            }
                            message = message => match message {
                                Some(Ok(AsyncMessage::Notification(told))) => {
                                    let Some(cluster) = cluster.upgrade() else { return };
                                    let own = cluster.own.load(Ordering::Relaxed);
                                    if told.process_id() != own {
                                        news.add(|heard| note(heard, &told));
                                    }
                                }
                                Some(Ok(_)) => {}
                                Some(Err(_)) | None => break,
                            }
                        }
                    }
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
    }
}

fn note(heard: &mut Heard, told: &Notification) {
    match told.channel() {
        "hookswitch_domain" if told.payload().is_empty() => heard.everything = true,
        "hookswitch_domain" => {
            heard.domains.insert(told.payload().to_owned());
        }
        _ => heard.events = true,
    }
}
