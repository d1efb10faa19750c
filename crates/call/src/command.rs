//! What an application can order, and what it is told when that cannot be.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_media::Endpoint;

use crate::id::CallId;
use crate::record::CallRecord;

/// Comes back with the reply to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// An order of the application, already checked for syntax and for the key that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Call somebody.
    Place(Box<Place>),
    /// Let an inbound call ring; with `media` as early media from the device.
    Ringback {
        /// The call.
        call: CallId,
        /// The domain of the key.
        domain: Arc<str>,
        /// Where the device wants early media.
        media: Option<Endpoint>,
    },
    /// Answer an inbound call.
    Answer {
        /// The call.
        call: CallId,
        /// The domain of the key.
        domain: Arc<str>,
        /// The answer.
        answer: Box<Answer>,
    },
    /// End a call in whatever state it is.
    Hangup {
        /// The call.
        call: CallId,
        /// The domain of the key.
        domain: Arc<str>,
        /// Another rejection than 486 for an unanswered call.
        hangup: Hangup,
    },
    /// Tell the state of a call.
    Describe {
        /// The call.
        call: CallId,
        /// The domain of the key.
        domain: Arc<str>,
    },
}

/// The facts of `placeremotecall`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The domain of the key.
    pub domain: Arc<str>,
    /// `cloudSipUAId`: the service whose callbacks serve the call.
    pub service: Option<Arc<str>>,
    /// The SIP URI to call.
    pub destination_uri: String,
    /// The user part of From.
    pub source_user: String,
    /// Where the device wants its media.
    pub media: Endpoint,
    /// Copied into every callback of the call.
    pub session_reference_id: Option<Arc<str>>,
    /// Where the callbacks of this call go instead of the service's URL.
    pub callback_base_url: Option<Arc<str>>,
    /// The longest the call may ring.
    pub ring_timeout: Option<Duration>,
    /// What the shell keeps the reply under: noted with the call's first write.
    pub idempotency_key: Option<Arc<str>>,
}

/// The facts of `answerremotecall`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where the device wants its media.
    pub media: Endpoint,
    /// Copied into every later callback of the call.
    pub session_reference_id: Option<Arc<str>>,
}

/// The facts of `hangupcall`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hangup {
    /// 400–699 without 401, 407, 420, 421, 422; else 486.
    pub status: Option<u16>,
    /// The reason phrase, else the standard one.
    pub reason: Option<Box<str>>,
}

/// What became of the question behind `newRemoteCall`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskAnswer {
    /// The application takes the call, perhaps with a command on board.
    Accepted(Box<Accepted>),
    /// No answer within the budget: 504.
    TimedOut {
        /// One sentence for the record.
        why: String,
    },
    /// The application refused for good: 480.
    Refused {
        /// One sentence for the record.
        why: String,
    },
    /// The application switched its callback off with 410: 480.
    Disabled {
        /// One sentence for the record.
        why: String,
    },
}

/// The 2xx reply to `newRemoteCall`; it may ring and answer at once, and a hangup outdoes both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Copied into every later callback of the call.
    pub session_reference_id: Option<Arc<str>>,
    /// Let it ring, perhaps with early media.
    pub ringback: Option<Option<Endpoint>>,
    /// Answer it.
    pub answer: Option<Answer>,
    /// Refuse it.
    pub hangup: Option<Hangup>,
    /// What was wrong with the reply, where a command in it could not be read.
    pub fault: Option<String>,
}

/// The good end of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandReply {
    /// The call is being placed.
    Placed {
        /// The new call.
        call: CallId,
        /// Its SIP Call-ID.
        sip_call_id: Arc<str>,
    },
    /// The command was carried out.
    Done {
        /// The call.
        call: CallId,
    },
    /// The present state of the call.
    Described(Box<CallRecord>),
}

/// What is wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandErrorKind {
    /// A field cannot be used.
    BadField,
    /// The domain of the key has no configuration here.
    DomainNotFound,
    /// No such call in the domain.
    CallNotFound,
    /// The call is over.
    CallEnded,
    /// The state of the call does not allow it.
    CallInOtherState,
    /// The device's codec is not in the offer.
    CodecNotOffered,
    /// The device's keys do not fit the offer.
    CryptoMismatch,
    /// The caller demands a reliable response with media.
    MediaRequired,
    /// The domain may not call there.
    OutboundForbidden,
    /// The node is being stopped.
    Draining,
    /// More calls than the node or the domain may have.
    OverCapacity,
    /// The database does not answer.
    StoreAway,
    /// A fault of this node.
    Internal,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CommandError {
    /// What is wrong.
    pub kind: CommandErrorKind,
    /// One sentence a person can act on.
    pub reason: Cow<'static, str>,
    /// The field at fault, as a JSON pointer.
    pub pointer: Option<&'static str>,
}

impl CommandError {
    /// An error with its sentence.
    pub fn new(kind: CommandErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            pointer: None,
        }
    }

    /// The same with the field at fault.
    #[must_use]
    pub const fn at(mut self, pointer: &'static str) -> Self {
        self.pointer = Some(pointer);
        self
    }

    pub(crate) fn bad_field(pointer: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CommandErrorKind::BadField, reason).at(pointer)
    }

    pub(crate) fn call_not_found() -> Self {
        Self::new(CommandErrorKind::CallNotFound, "there is no such call")
    }

    pub(crate) fn call_ended() -> Self {
        Self::new(CommandErrorKind::CallEnded, "the call has ended")
    }

    /// The `code` member of the reply.
    pub const fn code(&self) -> &'static str {
        match self.kind {
            CommandErrorKind::BadField => "bad_field",
            CommandErrorKind::DomainNotFound => "domain_not_found",
            CommandErrorKind::CallNotFound => "call_not_found",
            CommandErrorKind::CallEnded => "call_ended",
            CommandErrorKind::CallInOtherState => "call_in_other_state",
            CommandErrorKind::CodecNotOffered => "codec_not_offered",
            CommandErrorKind::CryptoMismatch => "crypto_mismatch",
            CommandErrorKind::MediaRequired => "media_required",
            CommandErrorKind::OutboundForbidden => "outbound_forbidden",
            CommandErrorKind::Draining => "draining",
            CommandErrorKind::OverCapacity => "over_capacity",
            CommandErrorKind::StoreAway => "store_away",
            CommandErrorKind::Internal => "internal",
        }
    }

    /// The HTTP status of the reply; the one place where it is decided.
    pub const fn http_status(&self) -> u16 {
        match self.kind {
            CommandErrorKind::BadField => 400,
            CommandErrorKind::OutboundForbidden => 403,
            CommandErrorKind::DomainNotFound | CommandErrorKind::CallNotFound => 404,
            CommandErrorKind::CallEnded
            | CommandErrorKind::CallInOtherState
            | CommandErrorKind::CodecNotOffered
            | CommandErrorKind::CryptoMismatch
            | CommandErrorKind::MediaRequired => 409,
            CommandErrorKind::Internal => 500,
            CommandErrorKind::Draining
            | CommandErrorKind::OverCapacity
            | CommandErrorKind::StoreAway => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_http_status_says_whose_fault_it_is() {
        let table = [
            (CommandErrorKind::BadField, 400, "bad_field"),
            (CommandErrorKind::CallNotFound, 404, "call_not_found"),
            (CommandErrorKind::CallEnded, 409, "call_ended"),
            (CommandErrorKind::CodecNotOffered, 409, "codec_not_offered"),
            (CommandErrorKind::CryptoMismatch, 409, "crypto_mismatch"),
            (
                CommandErrorKind::OutboundForbidden,
                403,
                "outbound_forbidden",
            ),
            (CommandErrorKind::Draining, 503, "draining"),
            (CommandErrorKind::StoreAway, 503, "store_away"),
        ];
        for (kind, status, code) in table {
            let error = CommandError::new(kind, "because");
            assert_eq!((error.http_status(), error.code()), (status, code));
        }
        assert_eq!(
            CommandError::bad_field("/sourceUser", "it is empty").pointer,
            Some("/sourceUser")
        );
    }
}
