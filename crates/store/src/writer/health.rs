//! Whether writes reach the database, as others may ask while the writer itself is stuck.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, UnixMicros};

/// Whether writes reach the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Since when nothing could be written; `None` while the last try went well.
    pub away_since: Option<UnixMicros>,
    /// How long the oldest write at work that somebody waits for has been waiting.
    pub oldest_waiting: Duration,
    /// Why the last write that had to be tried again failed.
    pub last_error: Option<String>,
}

/// What the writer says of itself.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    oldest: Option<Instant>,
    away: Option<(UnixMicros, Error)>,
    last_error: Option<String>,
    stopping: Option<Instant>,
}

impl Pulse {
    pub(super) fn health(&self) -> Health {
        let state = self.state();
        Health {
            away_since: state.away.as_ref().map(|(since, _)| *since),
            oldest_waiting: state.oldest.map_or(Duration::ZERO, |since| since.elapsed()),
            last_error: state.last_error.clone(),
        }
    }

    /// A group is at work whose oldest job came at that time.
    pub(super) fn begins(&self, oldest: Option<Instant>) {
        self.state().oldest = oldest;
    }

    /// The group is written, or given up; tells whether a try had failed before.
    pub(super) fn ends(&self) -> bool {
        let mut state = self.state();
        state.oldest = None;
        state.away.take().is_some()
    }

    /// The group could not be written and waits for the next try.
    pub(super) fn fails(&self, error: &Error) {
        let mut state = self.state();
        state.last_error = Some(error.to_string());
        let since = state.away.take().map(|(since, _)| since);
        state.away = Some((since.unwrap_or_else(UnixMicros::now), error.clone()));
    }

    /// Why nothing is written at present.
    pub(super) fn trouble(&self) -> Option<Error> {
        self.state().away.as_ref().map(|(_, error)| error.clone())
    }

    pub(super) fn stop(&self) {
        self.state().stopping = Some(Instant::now());
    }

    /// For how long the writer has been asked to stop.
    pub(super) fn stopping_for(&self) -> Option<Duration> {
        self.state().stopping.map(|since| since.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
