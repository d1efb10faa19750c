//! What an application is told, as facts; the wire is the shell's business.

use std::sync::Arc;

use hookswitch_media::Remote;

use crate::id::Uuid;
use crate::outcome::Outcome;
use crate::record::Identity;

/// One callback to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The call: domain, service, numbers, Call-ID, target.
    pub identity: Arc<Identity>,
    /// Per call, from 1, without a gap.
    pub sequence: u32,
    /// When it happened, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The application's own name for the call.
    pub session_reference_id: Option<Arc<str>>,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// `webhookId`: the same for every attempt to deliver the event.
    pub fn webhook_id(&self) -> Uuid {
        self.identity.call.webhook(self.sequence)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An inbound call waits for an answer.
    NewRemoteCall {
        /// The peer's media; absent when its INVITE carried no offer.
        remote: Option<Arc<Remote>>,
    },
    /// Both sides are connected.
    CallAnswered {
        /// The peer's media.
        remote: Arc<Remote>,
        /// The session interval of the SIP leg in seconds.
        session_expires: Option<u32>,
    },
    /// Progress.
    CallNotify {
        /// Which.
        notice: Notice,
        /// The peer's media, where the message brought some.
        remote: Option<Arc<Remote>>,
    },
    /// An outbound call was never answered.
    CallFailed {
        /// Why.
        outcome: Arc<Outcome>,
    },
    /// Any other call is over.
    CallHungup {
        /// Why.
        outcome: Arc<Outcome>,
    },
}

impl EventKind {
    /// The name of the callback.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NewRemoteCall { .. } => "newRemoteCall",
            Self::CallAnswered { .. } => "callAnswered",
            Self::CallNotify { .. } => "callNotify",
            Self::CallFailed { .. } => "callFailed",
            Self::CallHungup { .. } => "callHungup",
        }
    }

    /// Whether it is the last event of its call.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::CallFailed { .. } | Self::CallHungup { .. })
    }
}

/// The `event` of a `callNotify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The called side rings, or its early media changed.
    Ringing,
    /// The peer's re-INVITE changed the media.
    ReInvite,
    /// The peer's UPDATE changed the media.
    Update,
}

impl Notice {
    /// The text of `event`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::ReInvite => "reInvite",
            Self::Update => "update",
        }
    }
}
