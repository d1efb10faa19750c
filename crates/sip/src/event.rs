//! What the user agent tells the layer above, and what it asks the world to do.

use std::borrow::Cow;

use bytes::Bytes;

use crate::flow::{Flow, Transport};
use crate::message::HeaderName;

/// A leg: one INVITE with the dialogs it makes. Never reused while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// The number of a durable write an output waits for; 0 waits for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit(pub u64);

/// A question about where a host lives, answered with `UserAgent::handle_located`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocateId(pub u64);

/// What to look up (RFC 3263).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locate {
    /// Comes back with the answer.
    pub id: LocateId,
    /// A host name, an IPv4 literal, or an IPv6 literal without brackets.
    pub host: String,
    /// The port, where the URI names one.
    pub port: Option<u16>,
    /// The transport, where the URI names one.
    pub transport: Option<Transport>,
    /// Whether the URI was `sips:`.
    pub secure: bool,
    /// A source address the message's peer already used: allowed without a guard.
    pub known_peer: Option<Flow>,
}

/// Why a host could not be located.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocateFailure {
    /// The name does not resolve, or nothing we listen on can reach it.
    NotFound(String),
    /// The address guard refuses every address; the text names the rule.
    Forbidden(String),
}

/// What the user agent wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a message once `after` is durable.
    Transmit(Transmit),
    /// Find out where a host is.
    Locate(Locate),
}

/// One message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The way.
    pub flow: Flow,
    /// The whole message.
    pub bytes: Bytes,
    /// Not before this write is durable.
    pub after: Commit,
    /// The leg it belongs to, for the log.
    pub leg: Option<LegId>,
    /// Whether the very same bytes were sent before.
    pub retransmission: bool,
}

/// A refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// 300–699.
    pub status: u16,
    /// The reason phrase; empty means the standard one.
    pub reason: Cow<'static, str>,
    /// Additional header fields.
    pub headers: Vec<(HeaderName, String)>,
}

impl Rejection {
    /// A refusal with the standard reason phrase.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            reason: Cow::Borrowed(""),
            headers: Vec::new(),
        }
    }

    /// The same with another reason phrase.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Something happened on a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The leg.
    pub leg: LegId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened. Where the table says "message", the message that caused it is the one
/// just handed to `handle_message`; its body and headers are read from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A new INVITE passed every protocol check and waits for `ring`, `accept` or `reject` (message).
    /// Nothing was sent yet, not even 100.
    Offered,
    /// The caller gave up, by CANCEL or BYE (message; may carry Reason), or by the time its Expires allowed (no
    /// message); 487 was sent.
    Cancelled,
    /// ACK for our 2xx came (message; carries the answer when our 2xx made the offer).
    Confirmed,
    /// No ACK within 64·T1; BYE was sent.
    AckMissing,
    /// A provisional response above 100 to our INVITE (message).
    Progress {
        /// 101–199.
        status: u16,
    },
    /// The first 2xx to our INVITE (message). ACK was sent, unless our INVITE had no offer: then
    /// `acknowledge` must follow.
    Answered,
    /// Our INVITE failed for good. With `local` the status is our own verdict (408 no answer,
    /// 503 transport, 480 not located …) and there is no message.
    Rejected {
        /// 300–699.
        status: u16,
        /// Made up by us.
        local: bool,
        /// One sentence for the record when `local`.
        why: String,
    },
    /// re-INVITE, UPDATE or PRACK of the peer with an SDP offer, or a re-INVITE without (message):
    /// `answer_offer` must follow. UPDATE and PRACK may come before the call is answered, once the first offer is.
    Reoffered {
        /// INVITE, else UPDATE or PRACK.
        invite: bool,
        /// False: our 2xx has to carry the offer.
        has_offer: bool,
    },
    /// The ACK of an offerless re-INVITE brought the peer's answer (message).
    ReofferAnswered,
    /// Nothing to tell, but a restart should know: the ACK of a re-INVITE came, so that its 2xx is not repeated any
    /// more, or the peer is reached elsewhere from now on (message).
    Refreshed,
    /// Our re-INVITE was accepted (message).
    ReinviteAccepted,
    /// Our re-INVITE was refused; the session goes on as it was.
    ReinviteRejected {
        /// 300–699.
        status: u16,
    },
    /// BYE from the peer (message; may carry Reason); `release` sends the 200.
    Ended,
    /// The peer is gone: the session timer ran out, or a request inside the dialog got 408, 481 or no way
    /// through. BYE was sent where it could be.
    Lost {
        /// One sentence for the record.
        why: String,
        /// The status that told us, 408 when none came.
        status: u16,
    },
    /// INFO or another request we answered inside the dialog (message); for the log.
    Informed,
    /// An ended leg owes nothing any more: its refusal was acknowledged or timer H ran out, its BYE and CANCEL are
    /// over, nothing is repeated. Comes once for every leg that was offered, placed or restored, after everything
    /// else.
    Settled,
}

/// The command does not fit the leg's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefused {
    /// No such leg.
    #[error("the leg is gone")]
    Gone,
    /// The state does not allow it.
    #[error("the leg is in another state")]
    State,
    /// The peer demands reliable provisional responses with an answer, and there is no body to put in.
    #[error(
        "the peer requires 100rel, and a reliable response to an offerless INVITE must carry an offer"
    )]
    NeedsMedia,
}
