//! The client transactions (RFC 3261 §17.1).
//!
//! INVITE and the rest differ in two timers only, so they are one machine. Completed and Accepted need no
//! more than a tombstone.

use std::time::Duration;

use bytes::Bytes;

use super::timing::Timing;
use crate::event::{Commit, LegId};
use crate::flow::Flow;
use crate::time::Instant;

/// Why a request was sent, and so who cares for its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The INVITE that opens the leg.
    Invite,
    /// A re-INVITE the caller of the API asked for.
    Reinvite,
    /// A re-INVITE that only refreshes the session.
    RefreshInvite,
    /// An UPDATE that only refreshes the session.
    RefreshUpdate,
    /// CANCEL.
    Cancel,
    /// BYE.
    Bye,
    /// PRACK.
    Prack,
}

impl Purpose {
    pub(crate) const fn is_invite(self) -> bool {
        matches!(self, Self::Invite | Self::Reinvite | Self::RefreshInvite)
    }

    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Invite | Self::Reinvite | Self::RefreshInvite => "INVITE",
            Self::RefreshUpdate => "UPDATE",
            Self::Cancel => "CANCEL",
            Self::Bye => "BYE",
            Self::Prack => "PRACK",
        }
    }
}

/// A request of ours without its final response.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) leg: LegId,
    pub(crate) purpose: Purpose,
    /// The CSeq number.
    pub(crate) cseq: u32,
    pub(crate) flow: Flow,
    pub(crate) request: Bytes,
    pub(crate) after: Commit,
    interval: Duration,
    retransmit_at: Option<Instant>,
    /// Timer B or F; none once an INVITE proceeds.
    gives_up_at: Option<Instant>,
    proceeding: bool,
    cancelled: bool,
    pub(crate) filed: Option<Instant>,
}

/// What a deadline brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send the request again.
    Retransmit,
    /// Timer B or F: nobody answered.
    GaveUp,
    /// Nothing yet.
    Nothing,
}

impl Client {
    #[expect(
        clippy::too_many_arguments,
        reason = "the one constructor of a plain record"
    )]
    pub(crate) fn new(
        now: Instant,
        timing: &Timing,
        leg: LegId,
        purpose: Purpose,
        cseq: u32,
        flow: Flow,
        request: Bytes,
        after: Commit,
    ) -> Self {
        let unreliable = !flow.transport.is_reliable();
        Self {
            leg,
            purpose,
            cseq,
            flow,
            request,
            after,
            interval: timing.t1,
            retransmit_at: unreliable.then(|| now + timing.t1),
            gives_up_at: Some(now + timing.patience()),
            proceeding: false,
            cancelled: false,
            filed: None,
        }
    }

    /// Whether a provisional response came.
    pub(crate) fn is_proceeding(&self) -> bool {
        self.proceeding
    }

    /// A provisional response: INVITE waits on without limit, others go on repeating every T2.
    pub(crate) fn handle_provisional(&mut self, now: Instant, timing: &Timing) {
        self.proceeding = true;
        if self.purpose.is_invite() {
            self.retransmit_at = None;
            if !self.cancelled {
                self.gives_up_at = None;
            }
        } else if self.retransmit_at.is_some() {
            self.interval = timing.t2;
            self.retransmit_at = Some(now + timing.t2);
        }
    }

    /// After CANCEL a proceeding INVITE waits 64·T1 at most for its final response (RFC 3261 §9.1).
    pub(crate) fn handle_cancelled(&mut self, now: Instant, timing: &Timing) {
        self.cancelled = true;
        self.gives_up_at = Some(now + timing.patience());
    }

    /// Given up before any response: what CANCEL would end need not be asked for again (RFC 3261 §9.1), but a
    /// response may still come.
    pub(crate) fn handle_given_up(&mut self, now: Instant, timing: &Timing) {
        self.handle_cancelled(now, timing);
        self.retransmit_at = None;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retransmit_at.into_iter().chain(self.gives_up_at).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, timing: &Timing) -> Due {
        if self.gives_up_at.is_some_and(|at| now >= at) {
            return Due::GaveUp;
        }
        if self.retransmit_at.is_some_and(|at| now >= at) {
            self.interval = if self.purpose.is_invite() {
                self.interval * 2
            } else {
                timing.backed_off(self.interval)
            };
            self.retransmit_at = Some(now + self.interval);
            return Due::Retransmit;
        }
        Due::Nothing
    }
}
