//! Events as they happen (`text/event-stream`, WHATWG HTML §9.2): bounded in number, in memory, and in patience.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use hookswitch_store::{UnixMicros, events};
use hyper::body::Frame;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::{Cursor, shown};
use crate::http::error::ApiError;
use crate::http::{Rest, blocking};

/// Streams of one domain at a time.
const PER_DOMAIN: usize = 16;
/// Streams of all domains at a time.
const IN_ALL: usize = 512;
/// Events read at a time.
const PAGE: u32 = 50;
/// Pages that wait for a reader.
const AHEAD: usize = 4;
/// How long new events may gather before the store is asked.
const GATHER: Duration = Duration::from_millis(20);

/// How long a reader may leave pages waiting.
const PATIENCE: Duration = Duration::from_secs(15);
/// A quiet stream says that it is alive so often.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The streams that are open.
#[derive(Debug)]
pub struct Streams {
    open: Mutex<HashMap<Arc<str>, usize>>,
    patience: Duration,
    heartbeat: Duration,
}

impl Default for Streams {
    fn default() -> Self {
        Self::new(PATIENCE, HEARTBEAT)
    }
}

/// A place among the streams, given back when it is dropped.
struct Place {
    streams: Arc<Streams>,
    domain: Arc<str>,
}

impl Streams {
    /// No streams yet; a reader may leave pages waiting so long, and a quiet stream shows so often that it lives.
    pub fn new(patience: Duration, heartbeat: Duration) -> Self {
        Self {
            open: Mutex::default(),
            patience,
            heartbeat,
        }
    }

    fn enter(self: &Arc<Self>, domain: &Arc<str>) -> Result<Place, ApiError> {
        let mut open = self.open();
        let in_all: usize = open.values().sum();
        let of_domain = open.get(domain).copied().unwrap_or_default();
        if of_domain >= PER_DOMAIN || in_all >= IN_ALL {
            let reason = format!(
                "{of_domain} streams of this domain are open, and {in_all} in all; close one first"
            );
            let status = StatusCode::TOO_MANY_REQUESTS;
            return Err(ApiError::new(status, "too_many_streams", reason).retry_after(15));
        }
        open.insert(Arc::clone(domain), of_domain + 1);
        Ok(Place {
            streams: Arc::clone(self),
            domain: Arc::clone(domain),
        })
    }

    /// How many there are.
    #[cfg(test)]
    pub(in crate::http) fn count(&self) -> usize {
        self.open().values().sum()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        if let Some(count) = open.get_mut(&self.domain) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.domain);
            }
        }
    }
}

/// Opens a stream behind the cursor.
pub(super) fn open(rest: &Arc<Rest>, domain: &Arc<str>, after: Cursor) -> Result<Body, ApiError> {
    let place = rest.streams.enter(domain).inspect_err(|_| {
        rest.room.brakes().event_streams.hit(Instant::now());
    })?;
    let (pages, waiting) = mpsc::channel(AHEAD);
    let last_words = Arc::new(Mutex::new(None));
    let source = Source {
        bell: rest.outbox.listen(domain),
        closing: rest.readiness.watch(),
        rest: Arc::clone(rest),
        domain: Arc::clone(domain),
        after,
        pages,
    };
    let words = Arc::clone(&last_words);
    tokio::spawn(async move {
        if let Some(end) = source.run().await {
            *words.lock().unwrap_or_else(PoisonError::into_inner) = Some(Bytes::from(end));
        }
        drop(place);
    });
    Ok(Body::new(Messages {
        waiting,
        last_words,
    }))
}

/// Reads events and hands them to the stream's body.
struct Source {
    rest: Arc<Rest>,
    domain: Arc<str>,
    after: Cursor,
    pages: mpsc::Sender<Bytes>,
    bell: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
}

impl Source {
    /// Runs until the reader is gone, too slow, or the node stops; the last message, when there is somebody to
    /// read it.
    async fn run(mut self) -> Option<String> {
        // Headers and a first line leave at once, so that the reader knows that it is heard.
        self.pages
            .send(Bytes::from_static(b": hello\n\n"))
            .await
            .ok()?;
        loop {
            if *self.closing.borrow() {
                let reason = "the node is being stopped; follow again with Last-Event-ID";
                return Some(farewell("closing", reason));
            }
            self.bell.mark_unchanged();
            let asked_at = UnixMicros::now();
            let text = match self.read().await {
                Ok(text) => text,
                Err(error) => return Some(farewell("dropped", &error.reason)),
            };
            let text = match text {
                Some(text) => text,
                None => match self.wait().await {
                    Woken::News => continue,
                    // Without data it is no message, but what a reader sends as Last-Event-ID stays young.
                    Woken::Silence => {
                        self.after = self.after.seen(asked_at);
                        format!("id: {}\n\n", self.after.text())
                    }
                    Woken::Gone => return None,
                },
            };
            match timeout(
                self.rest.streams.patience,
                self.pages.send(Bytes::from(text)),
            )
            .await
            {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => {
                    self.rest.room.brakes().slow_readers.hit(Instant::now());
                    let reason =
                        "events were not read fast enough; follow again with Last-Event-ID";
                    return Some(farewell("dropped", reason));
                }
            }
        }
    }

    /// The next messages; `None`: there is nothing new.
    async fn read(&mut self) -> Result<Option<String>, ApiError> {
        let (rest, domain, row) = (
            Arc::clone(&self.rest),
            Arc::clone(&self.domain),
            self.after.row,
        );
        let found = blocking(move || rest.store.read(|db| events::after(db, &domain, row, PAGE)));
        let found = found.await?;
        let Some(last) = found.last() else {
            return Ok(None);
        };
        self.after = Cursor::of(last);
        let mut text = String::new();
        for event in &found {
            let event = shown(event);
            let data = serde_json::to_string(&event).map_err(|error| ApiError::internal(&error))?;
            // Nothing can go wrong when writing into a text.
            let _ = write!(
                text,
                "id: {}\nevent: {}\ndata: {data}\n\n",
                event.cursor, event.event
            );
        }
        Ok(Some(text))
    }

    async fn wait(&mut self) -> Woken {
        tokio::select! {
            rung = self.bell.changed() => match rung {
                Ok(()) => {
                    tokio::time::sleep(GATHER).await;
                    Woken::News
                }
                Err(_) => Woken::Gone,
            },
            _ = self.closing.changed() => Woken::News,
            () = self.pages.closed() => Woken::Gone,
            () = tokio::time::sleep(self.rest.streams.heartbeat) => Woken::Silence,
        }
    }
}

enum Woken {
    News,
    Silence,
    Gone,
}

fn farewell(event: &str, reason: &str) -> String {
    let data = serde_json::json!({ "reason": reason });
    format!("event: {event}\ndata: {data}\n\n")
}

/// The body of a stream.
struct Messages {
    waiting: mpsc::Receiver<Bytes>,
    last_words: Arc<Mutex<Option<Bytes>>>,
}

impl hyper::body::Body for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = std::task::ready!(self.waiting.poll_recv(cx));
        let next = next.or_else(|| {
            let mut words = self
                .last_words
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            words.take()
        });
        Poll::Ready(next.map(|text| Ok(Frame::data(text))))
    }
}
