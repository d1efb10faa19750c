//! A leg: one INVITE with the dialogs it makes, and the offers under way inside.

use std::time::Duration;

use bytes::Bytes;

use crate::auth::DigestClient;
use crate::dialog::Dialog;
use crate::dialog::reliable::Unacknowledged;
use crate::dialog::session_timer::{Agreement, SessionTimer};
use crate::event::{Commit, LegId, LocateId};
use crate::flow::Flow;
use crate::message::HeaderName;
use crate::time::Instant;
use crate::transaction::key::TransactionKey;
use crate::transaction::timing::Timing;

/// Everything about one leg. Rare parts are boxed: most legs are held, confirmed and silent.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    /// Whether we sent the INVITE.
    pub(crate) is_client: bool,
    /// The way the peer's last message came, or our INVITE went.
    pub(crate) flow: Flow,
    /// The way to the dialog's next hop, once it is known.
    pub(crate) next_hop: Option<Flow>,
    pub(crate) dialog: Dialog,
    pub(crate) stage: Stage,
    /// A 2xx of ours without ACK.
    pub(crate) accepted: Option<Box<Accepted>>,
    pub(crate) reoffer: Option<Box<Reoffer>>,
    pub(crate) timer: SessionTimer,
    /// Our current SDP, for refreshes by re-INVITE.
    pub(crate) local_body: Bytes,
    /// CSeq of our INVITE whose 2xx brought an offer, until `acknowledge` answers it.
    pub(crate) owes_ack: Option<u32>,
    /// CSeq of the INVITE whose 2xx we acknowledged last, and the ACK's body.
    pub(crate) acknowledged: Option<(u32, Bytes)>,
    /// The peer's BYE, waiting for `release`.
    pub(crate) farewell: Option<Box<Farewell>>,
    /// Requests that wait for the next hop's address.
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) locating: Option<LocateId>,
    /// The next hop changed while it was being asked for.
    pub(crate) hop_moved: bool,
    pub(crate) filed: Option<Instant>,
}

/// How far the INVITE is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The peer's INVITE has no final response yet.
    Offered(Box<Offered>),
    /// Our INVITE has no final response yet.
    Calling(Box<Calling>),
    /// A 2xx went out or came in.
    Established,
}

/// The peer's INVITE.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) key: TransactionKey,
    /// The whole request, from which responses are made.
    pub(crate) invite: Bytes,
    pub(crate) requires_100rel: bool,
    pub(crate) supports_100rel: bool,
    pub(crate) has_offer: bool,
    pub(crate) agreed: Agreement,
    /// When the caller's patience ends, as Expires has it (RFC 3261 §13.3.1).
    pub(crate) expires_at: Option<Instant>,
    pub(crate) next_rseq: u32,
    pub(crate) unacknowledged: Option<Unacknowledged>,
    /// A reliable response carried the answer; with its PRACK, the offer of the INVITE is settled.
    pub(crate) answer_given: bool,
    /// An offer of the peer was answered since: the 2xx has nothing to say about media any more.
    pub(crate) renegotiated: bool,
    /// A further provisional response, held back until the PRACK.
    pub(crate) queued: Option<(u16, Bytes)>,
    /// The 2xx, held back until the PRACK.
    pub(crate) held_answer: Option<(Bytes, Commit)>,
    pub(crate) repeat: Option<Repeat>,
}

/// The last provisional response, to be said again.
#[derive(Clone, Debug)]
pub(crate) struct Repeat {
    pub(crate) status: u16,
    /// What was sent; nothing when it went reliably and so may not be sent again.
    pub(crate) copy: Option<Bytes>,
    pub(crate) at: Instant,
}

/// Our INVITE.
#[derive(Debug)]
pub(crate) struct Calling {
    /// What to build it from, for further targets and after 422.
    pub(crate) draft: Draft,
    pub(crate) key: Option<TransactionKey>,
    /// Further addresses to try (RFC 3263 §4.3).
    pub(crate) spare: Vec<Flow>,
    pub(crate) early: Vec<Early>,
    /// `cancel` was called; the Reason value, if any.
    pub(crate) cancelled: Option<Option<Box<str>>>,
    pub(crate) cancel_sent: bool,
    /// The layer above heard the end already; what still comes is cancelled or ended unheard.
    pub(crate) silent: bool,
    pub(crate) raised_interval: u32,
    /// Answers whoever asks who calls.
    pub(crate) digest: Option<DigestClient>,
    /// A former run sent it; what the peer said since then is not known.
    pub(crate) restored: bool,
}

/// The parts of our INVITE that do not depend on the way it goes.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) body: Option<Bytes>,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) interval: u32,
    pub(crate) minimum: u32,
    pub(crate) after: Commit,
}

/// An early dialog of our INVITE.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) dialog: Dialog,
    pub(crate) last_rseq: Option<u32>,
    /// Whether a reliable response answered our offer.
    pub(crate) answered: bool,
}

/// A 2xx of ours, repeated until ACK (RFC 3261 §13.3.1.4).
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) response: Bytes,
    pub(crate) flow: Flow,
    pub(crate) cseq: u32,
    pub(crate) after: Commit,
    /// Whether it answered the first INVITE of the leg.
    pub(crate) first: bool,
    /// Whether it carried an offer, so that the ACK brings the answer.
    pub(crate) offered: bool,
    /// `end` was called: BYE follows the ACK (RFC 3261 §15).
    pub(crate) closing: Option<Option<Box<str>>>,
    interval: Duration,
    retransmit_at: Instant,
    gives_up_at: Instant,
}

/// What a deadline of a 2xx brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AcceptedDue {
    Retransmit,
    GaveUp,
    Nothing,
}

impl Accepted {
    #[expect(
        clippy::too_many_arguments,
        reason = "the one constructor of a plain record"
    )]
    pub(crate) fn new(
        now: Instant,
        timing: &Timing,
        response: Bytes,
        flow: Flow,
        cseq: u32,
        after: Commit,
        first: bool,
        offered: bool,
    ) -> Self {
        Self {
            response,
            flow,
            cseq,
            after,
            first,
            offered,
            closing: None,
            interval: timing.t1,
            retransmit_at: now + timing.t1,
            gives_up_at: now + timing.patience(),
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.retransmit_at.min(self.gives_up_at)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, timing: &Timing) -> AcceptedDue {
        if now >= self.gives_up_at {
            return AcceptedDue::GaveUp;
        }
        if now >= self.retransmit_at {
            self.interval = timing.backed_off(self.interval);
            self.retransmit_at = now + self.interval;
            return AcceptedDue::Retransmit;
        }
        AcceptedDue::Nothing
    }
}

/// An offer under way inside the dialog.
#[derive(Debug)]
pub(crate) enum Reoffer {
    /// The peer's re-INVITE, UPDATE or PRACK waits for `answer_offer`.
    Theirs {
        key: TransactionKey,
        request: Bytes,
        flow: Flow,
        invite: bool,
        has_offer: bool,
        /// What its acceptance makes of the session timer.
        agreed: Agreement,
    },
    /// Ours has no final response yet, or waits for the next hop's address.
    Ours { key: Option<TransactionKey> },
    /// Ours met 491 and is tried again then (RFC 3261 §14.1).
    Glare {
        retry_at: Instant,
        body: Bytes,
        refresh: bool,
    },
}

/// The peer's BYE.
#[derive(Debug)]
pub(crate) struct Farewell {
    pub(crate) key: TransactionKey,
    pub(crate) request: Bytes,
    pub(crate) flow: Flow,
}

/// A request that waits for the next hop's address.
#[derive(Debug)]
pub(crate) enum Waiting {
    Ack { cseq: u32, body: Bytes },
    Bye { reason: Option<Box<str>> },
    Reinvite { body: Bytes },
    Refresh,
}

impl Leg {
    /// Whether the layer above is through with it and only our BYE is left to send.
    pub(crate) fn is_parting(&self) -> bool {
        let closing = self
            .accepted
            .as_ref()
            .is_some_and(|accepted| accepted.closing.is_some());
        let waits = |waiting: &Waiting| matches!(waiting, Waiting::Bye { .. });
        closing || self.waiting.iter().any(waits)
    }

    /// Whether the layer above heard the end of this unanswered call already.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(&self.stage, Stage::Calling(calling) if calling.silent)
    }

    /// Whether a request of the peer waits for our response, or a 2xx of ours for its ACK.
    pub(crate) fn owes_response(&self) -> bool {
        let offered = matches!(self.reoffer.as_deref(), Some(Reoffer::Theirs { .. }));
        offered || self.accepted.is_some() || self.farewell.is_some()
    }

    /// When something has to be done next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let stage = match &self.stage {
            Stage::Offered(offered) => {
                let unacknowledged = offered
                    .unacknowledged
                    .as_ref()
                    .map(Unacknowledged::deadline);
                let repeat = offered.repeat.as_ref().map(|repeat| repeat.at);
                // Answered, and only the PRACK is missing: the answer came in time.
                let expiry = offered.expires_at.filter(|_| offered.held_answer.is_none());
                unacknowledged.into_iter().chain(repeat).chain(expiry).min()
            }
            Stage::Calling(_) | Stage::Established => None,
        };
        let accepted = self.accepted.as_ref().map(|accepted| accepted.deadline());
        let glare = match self.reoffer.as_deref() {
            Some(Reoffer::Glare { retry_at, .. }) => Some(*retry_at),
            _ => None,
        };
        let timer = match self.stage {
            Stage::Established => self.timer.deadline(),
            _ => None,
        };
        stage
            .into_iter()
            .chain(accepted)
            .chain(glare)
            .chain(timer)
            .min()
    }
}
