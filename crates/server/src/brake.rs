//! Limits that hold something back: each counts what it stopped, for `/metrics`, and says so in the log, at most once
//! in a few seconds.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A limit has one line in the log in so long.
const QUIET: Duration = Duration::from_secs(5);

/// One limit.
#[derive(Debug)]
pub struct Brake {
    /// Its name in the metric's label and in the log.
    pub name: &'static str,
    /// What it did, as the log says it.
    what: &'static str,
    hits: AtomicU64,
    told: Mutex<Option<Told>>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    at: Instant,
    hits: u64,
}

impl Brake {
    const fn new(name: &'static str, what: &'static str) -> Self {
        Self {
            name,
            what,
            hits: AtomicU64::new(0),
            told: Mutex::new(None),
        }
    }

    /// It held something back.
    pub fn hit(&self, now: Instant) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        if let Some(since_last_line) = self.due(now) {
            tracing::warn!(limit = self.name, times = since_last_line, "{}", self.what);
        }
    }

    /// How often since the start.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// How many hits the line tells of that is due now.
    fn due(&self, now: Instant) -> Option<u64> {
        // Whoever finds it locked is told of by the one who holds it, or next time.
        let mut told = self.told.try_lock().ok()?;
        if told.is_some_and(|told| now.saturating_duration_since(told.at) < QUIET) {
            return None;
        }
        let hits = self.hits();
        let before = told.map_or(0, |told| told.hits);
        *told = Some(Told { at: now, hits });
        Some(hits - before)
    }
}

macro_rules! brakes {
    ($($(#[doc = $doc:literal])* $name:ident: $what:literal,)*) => {
        /// Every limit of the program.
        #[derive(Debug)]
        pub struct Brakes {
            $($(#[doc = $doc])* pub $name: Brake,)*
        }

        impl Default for Brakes {
            fn default() -> Self {
                Self { $($name: Brake::new(stringify!($name), $what),)* }
            }
        }

        impl Brakes {
            /// All of them.
            pub fn all(&self) -> impl Iterator<Item = &Brake> {
                [$(&self.$name,)*].into_iter()
            }
        }
    };
}

brakes! {
    /// New calls refused because older messages wait too long.
    late: "new calls are refused: the messages before them wait too long",
    /// New calls refused at `--max-calls`, `--max-calls-per-second`, or while the node is being stopped.
    calls: "new calls are refused: the node has all it may take",
    /// Requests dropped because their senders have repeated them long ago.
    stale: "requests are dropped that waited so long that their senders repeated them",
    /// Messages for which a shard's inbox had no room.
    inbox: "messages are dropped: a shard's inbox is full",
    /// Datagrams and streams that are no SIP.
    garbage: "octets that are no SIP are dropped",
    /// Requests with lines or header fields beyond all bounds.
    oversized: "requests with too long lines or too many of them are refused",
    /// Requests of sources that only cause refusals, refused unread.
    slowed: "sources that cause nothing but refusals are told to wait",
    /// Messages of sources that did not heed that, dropped unread.
    silenced: "sources that cause nothing but refusals are not listened to for a minute",
    /// Connections refused or closed for want of room.
    connections: "connections are refused or closed: there are too many",
    /// Connections closed because a message did not come to its end in time.
    slow_message: "connections are closed: a message did not come to its end in time",
    /// Connections closed because nothing came.
    idle: "connections are closed: nothing came by them",
    /// Connections closed because their peers do not read.
    unread: "connections are closed: their peers do not read",
    /// Times when no file descriptor was left for a connection.
    descriptors: "no file descriptor is left for a connection",
    /// REST requests of a domain that has too many under way.
    domain_requests: "REST requests are refused: their domain has too many under way",
    /// REST connections of an address that has too many.
    http_connections: "HTTP connections are closed: their address has too many",
    /// Wrong credentials of an address that guessed too often.
    sign_ins: "wrong credentials are told to wait: their address had too many",
    /// Streams of events for which there was no room.
    event_streams: "streams of events are refused: too many are open",
    /// Streams of events whose readers did not keep up.
    slow_readers: "streams of events are ended: their readers do not keep up",
    /// REST requests whose body did not come in time.
    slow_body: "REST requests are refused: their bodies did not come in time",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_logged_at_once_and_then_seldom_with_the_count_since() {
        let brake = Brake::new("late", "");
        let start = Instant::now();
        let hit = |after: u64| {
            brake.hits.fetch_add(1, Ordering::Relaxed);
            brake.due(start + Duration::from_millis(after))
        };
        assert_eq!(hit(0), Some(1));
        for millis in 1..1_000 {
            assert_eq!(hit(millis), None);
        }
        assert_eq!(hit(5_000), Some(1_000));
        assert_eq!(hit(5_001), None);
        assert_eq!(brake.hits(), 1_002);
    }

    #[test]
    fn names_are_labels() {
        for brake in Brakes::default().all() {
            assert!(
                brake
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_')
            );
        }
    }
}
