//! Commands and their replies.
//!
//! | command | may be done | may be refused with |
//! |---|---|---|
//! | any, for a call never heard of or of another domain | no | 404 |
//! | any, for a call whose last event came before | no | 409 the call has ended |
//! | `Place` | yes | a bad field, only where one is bad; limits |
//! | `Ringback` | inbound and unanswered | 409 |
//! | `Answer` | inbound; twice only with the same body | 409 another state, only where an answer was ordered before |
//! | `Hangup` | yes | a bad field, only where one is bad; 409 ended |
//! | `Describe` | yes | 409 ended |

use std::sync::Arc;

use hookswitch_call::CallId;
use hookswitch_call::command::{Command, CommandError, CommandErrorKind as Kind, CommandReply};
use hookswitch_call::record::CallState;

use super::Excuses;
use super::story::Story;
use crate::DOMAIN;

/// A command under way, and what its sender could know.
#[derive(Debug)]
pub(super) struct Order {
    command: Command,
    /// A callback or a reply had named the call.
    known: bool,
    /// Its last event had come, or a hangup that ends it at once was taken.
    over: bool,
    /// The customer had been told that it was answered.
    answered: bool,
}

/// The call of a command.
pub(super) const fn call_of(command: &Command) -> Option<CallId> {
    match command {
        Command::Place(_) => None,
        Command::Ringback { call, .. }
        | Command::Answer { call, .. }
        | Command::Hangup { call, .. }
        | Command::Describe { call, .. } => Some(*call),
    }
}

fn domain_of(command: &Command) -> &str {
    match command {
        Command::Place(place) => &place.domain,
        Command::Ringback { domain, .. }
        | Command::Answer { domain, .. }
        | Command::Hangup { domain, .. }
        | Command::Describe { domain, .. } => domain,
    }
}

impl Order {
    pub(super) fn new(command: &Command, story: Option<&mut Story>) -> Self {
        let mut order = Self {
            command: command.clone(),
            known: story.is_some(),
            over: false,
            answered: false,
        };
        if let Some(story) = story {
            let ends_at_once = story.is_inbound() == Some(true) || story.was_answered();
            order.over = story.ended_at().is_some() || story.hung_up && ends_at_once;
            order.answered = story.was_answered();
            if let (Command::Answer { answer, .. }, true) = (command, order.is_ours()) {
                story.handle_answer_ordered(answer);
            }
        }
        order
    }

    pub(super) const fn call(&self) -> Option<CallId> {
        call_of(&self.command)
    }

    pub(super) fn idempotency_key(&self) -> Option<&Arc<str>> {
        match &self.command {
            Command::Place(place) => place.idempotency_key.as_ref(),
            _ => None,
        }
    }

    pub(super) fn is_ours(&self) -> bool {
        domain_of(&self.command) == DOMAIN
    }

    /// Panics where `result` may not be.
    pub(super) fn judge(
        &self,
        result: &Result<CommandReply, CommandError>,
        story: Option<&mut Story>,
        excuses: Excuses,
    ) {
        let refused = result.as_ref().err().map(|error| error.kind);
        let legal = match &self.command {
            _ if refused == Some(Kind::Internal) => excuses.bad_disk,
            _ if !self.is_ours() => refused == Some(Kind::CallNotFound),
            Command::Place(place) => match refused {
                None => matches!(result, Ok(CommandReply::Placed { .. })),
                Some(Kind::BadField) => !place.destination_uri.starts_with("sip:"),
                // Limits, a drain, a store that is away: for the operator to know.
                Some(kind) => !matches!(kind, Kind::CallNotFound | Kind::CallEnded),
            },
            // A callback on its way may know better than its receiver.
            _ if !self.known => refused == Some(Kind::CallNotFound) || story.is_some(),
            _ if self.over => refused == Some(Kind::CallEnded),
            _ if refused == Some(Kind::CallEnded) => true,
            Command::Describe { call, .. } => self.describes(*call, result),
            Command::Hangup { hangup, .. } => match refused {
                None => true,
                Some(kind) => kind == Kind::BadField && hangup.status == Some(200),
            },
            Command::Ringback { .. } => match refused {
                None => !self.answered && is_inbound(story.as_deref()),
                Some(kind) => is_unfit(kind),
            },
            Command::Answer { answer, .. } => match refused {
                None => is_inbound(story.as_deref()),
                Some(Kind::CallInOtherState) => story.as_deref().is_none_or(|story| {
                    story.is_inbound() != Some(true) || story.may_be_answered_otherwise(answer)
                }),
                Some(kind) => is_unfit(kind),
            },
        };
        assert!(legal, "{self:?}: {result:?} with {story:?}");
        if let (Some(story), None) = (story, refused) {
            match &self.command {
                Command::Hangup { .. } => story.hung_up = true,
                Command::Answer { answer, .. } => story.handle_answer_taken(answer),
                _ => {}
            }
        }
    }

    fn describes(&self, call: CallId, result: &Result<CommandReply, CommandError>) -> bool {
        let Ok(CommandReply::Described(record)) = result else {
            return false;
        };
        let fits = !self.answered || record.state == CallState::Confirmed;
        record.identity.call == call && *record.identity.domain == *DOMAIN && fits
    }
}

fn is_inbound(story: Option<&Story>) -> bool {
    story.is_none_or(|story| story.is_inbound() != Some(false))
}

/// What the state or the offer of the call may say against media.
const fn is_unfit(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::CallInOtherState | Kind::CodecNotOffered | Kind::CryptoMismatch | Kind::MediaRequired
    )
}
