//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).
//!
//! Proceeding and Completed live here; Accepted and Confirmed need no more than a tombstone.

use std::time::Duration;

use bytes::Bytes;

use super::timing::Timing;
use crate::event::{Commit, LegId};
use crate::flow::Flow;
use crate::time::Instant;

/// An INVITE being answered, or refused and not yet acknowledged.
#[derive(Debug)]
pub(crate) struct ServerInvite {
    pub(crate) leg: LegId,
    /// The way the INVITE came.
    pub(crate) source: Flow,
    /// Where responses go (RFC 3261 §18.2.2).
    pub(crate) flow: Flow,
    /// Its final response is not sent before this write is durable.
    pub(crate) after: Commit,
    state: State,
    pub(crate) filed: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Proceeding {
        last: Option<Bytes>,
    },
    Completed {
        response: Bytes,
        interval: Duration,
        retransmit_at: Option<Instant>,
        gives_up_at: Instant,
    },
}

/// What a deadline brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send the response again.
    Retransmit(Bytes),
    /// Timer H: no ACK came.
    GaveUp,
    /// Nothing yet.
    Nothing,
}

impl ServerInvite {
    pub(crate) fn new(leg: LegId, flow: Flow) -> Self {
        Self {
            leg,
            source: flow,
            flow,
            after: Commit(0),
            state: State::Proceeding { last: None },
            filed: None,
        }
    }

    /// A provisional response went out; repeats of the INVITE get it again.
    pub(crate) fn handle_provisional(&mut self, response: Bytes) {
        if let State::Proceeding { last } = &mut self.state {
            *last = Some(response);
        }
    }

    /// A final response other than 2xx went out.
    pub(crate) fn handle_refusal(&mut self, now: Instant, timing: &Timing, response: Bytes) {
        let unreliable = !self.flow.transport.is_reliable();
        self.state = State::Completed {
            response,
            interval: timing.t1,
            retransmit_at: unreliable.then(|| now + timing.t1),
            gives_up_at: now + timing.patience(),
        };
    }

    /// A copy of the INVITE: what to send again.
    pub(crate) fn handle_copy(&self) -> Option<Bytes> {
        match &self.state {
            State::Proceeding { last } => last.clone(),
            State::Completed { response, .. } => Some(response.clone()),
        }
    }

    /// Whether no final response was given yet.
    pub(crate) fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Proceeding { .. } => None,
            State::Completed {
                retransmit_at,
                gives_up_at,
                ..
            } => Some(retransmit_at.map_or(*gives_up_at, |at| at.min(*gives_up_at))),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, timing: &Timing) -> Due {
        let State::Completed {
            response,
            interval,
            retransmit_at,
            gives_up_at,
        } = &mut self.state
        else {
            return Due::Nothing;
        };
        if now >= *gives_up_at {
            return Due::GaveUp;
        }
        if retransmit_at.is_some_and(|at| now >= at) {
            *interval = timing.backed_off(*interval);
            *retransmit_at = Some(now + *interval);
            return Due::Retransmit(response.clone());
        }
        Due::Nothing
    }
}
