//! Callbacks whose answer steers a call: up to three tries within the service's `callbackTimeout`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::attempt::{Attempt, TryError, attempt};
use super::client::{Client, Wants};
use super::{Delivery, Observer, Target, Tried, jittered};

/// Tries of one ask.
const TRIES: u32 = 3;
/// Pause before the second try; the third waits twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// Asks of one customer to one origin that are tried at a time.
const ASKS_PER_LANE: usize = 512;

/// What an ask came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The application took the call; its reply body, at most 64 KiB, may carry a command.
    Accepted {
        /// The reply body, possibly empty.
        body: Bytes,
    },
    /// The application refused for good (a final 4xx).
    Refused {
        /// Its status.
        status: StatusCode,
        /// One sentence for the call record.
        why: String,
    },
    /// The callback is switched off, since just now or earlier.
    Disabled,
    /// No usable answer within the budget.
    TimedOut {
        /// What went wrong in the last try.
        why: TryError,
        /// How often it was tried.
        tries: u32,
    },
}

/// The end of an ask, and how it came to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What it came to.
    pub asked: Asked,
    /// Every try, the first one first.
    pub tries: Vec<Tried>,
}

impl Asked {
    /// Whether the application is there at all.
    pub(super) fn was_answered(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Refused { .. })
    }
}

/// The asks of this node.
pub(super) struct Asks {
    client: Arc<Client>,
    observer: Arc<dyn Observer>,
    lanes: Mutex<HashMap<Lane, Arc<Semaphore>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Lane {
    domain: Arc<str>,
    origin: Arc<str>,
}

impl Asks {
    pub(super) fn new(client: Arc<Client>, observer: Arc<dyn Observer>) -> Self {
        Self {
            client,
            observer,
            lanes: Mutex::default(),
        }
    }

    /// Asks; over within the target's timeout.
    pub(super) async fn ask(&self, target: &Target, delivery: &Delivery) -> Answered {
        let deadline = Instant::now() + target.timeout;
        let lane = self.enter(target);
        let mut tries = Vec::new();
        let Ok(permit) = timeout_at(deadline, lane.limit.acquire()).await else {
            let why = TryError::Busy;
            let asked = Asked::TimedOut { why, tries: 0 };
            return Answered { asked, tries };
        };
        let asked = self.ask_within(target, delivery, deadline, &mut tries);
        let asked = asked.await;
        drop(permit);
        Answered { asked, tries }
    }

    async fn ask_within(
        &self,
        target: &Target,
        delivery: &Delivery,
        deadline: Instant,
        made: &mut Vec<Tried>,
    ) -> Asked {
        let mut tries = 0;
        loop {
            if target.switch.is_off() {
                return Asked::Disabled;
            }
            tries += 1;
            let limit = deadline.min(Instant::now() + target.try_limit());
            let observer = &*self.observer;
            let began = Instant::now();
            let tried = attempt(&self.client, observer, target, delivery, Wants::Body, limit).await;
            made.push(Tried {
                at: SystemTime::now(),
                took: began.elapsed(),
                status: tried.status(),
                error: tried.error(),
            });
            let (why, retry_after) = match tried {
                Attempt::Delivered { body, .. } => return Asked::Accepted { body },
                Attempt::Refused { status } => {
                    let why = TryError::Status(status).to_string();
                    return Asked::Refused { status, why };
                }
                Attempt::Gone => {
                    if target.switch.turn_off() {
                        observer.switched_off(target);
                    }
                    return Asked::Disabled;
                }
                Attempt::Retry { why, retry_after } => (why, retry_after),
            };
            let pause = PAUSE * (1 << (tries - 1));
            let pause = retry_after.unwrap_or_else(|| jittered(pause, (delivery.call, tries)));
            if tries == TRIES || why.is_lasting() || Instant::now() + pause >= deadline {
                return Asked::TimedOut { why, tries };
            }
            sleep(pause).await;
        }
    }

    fn enter(&self, target: &Target) -> Entered<'_> {
        let origin = Arc::clone(target.base.origin_text());
        let lane = Lane {
            domain: Arc::clone(&target.domain),
            origin,
        };
        let mut lanes = self.lanes();
        let limit = lanes.entry(lane.clone());
        let limit = limit.or_insert_with(|| Arc::new(Semaphore::new(ASKS_PER_LANE)));
        Entered {
            asks: self,
            limit: Arc::clone(limit),
            lane,
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Lane, Arc<Semaphore>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lane in use; the last one out removes it.
struct Entered<'a> {
    asks: &'a Asks,
    limit: Arc<Semaphore>,
    lane: Lane,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut lanes = self.asks.lanes();
        // One in the map, one here.
        if Arc::strong_count(&self.limit) == 2 {
            lanes.remove(&self.lane);
        }
    }
}
