//! Commands for calls under way, and what stands in their way.

use std::sync::Arc;

use hookswitch_media::{AnswerError, Endpoint};
use hookswitch_sip::event::{CommandRefused, Commit, Rejection};
use hookswitch_sip::time::Now;

use super::ending::phrase_of;
use super::ladder::Before;
use super::{Engine, Output, Party};
use crate::call::Call;
use crate::command::CommandReply::Done;
use crate::command::{
    Answer, Command, CommandError, CommandErrorKind, CommandReply, Hangup, RequestId,
};
use crate::id::CallId;
use crate::outcome::{EndedBy, Outcome};
use crate::record::CallState;

impl Engine {
    /// An order of the application. Exactly one [`Output::Reply`] follows, in this very call.
    pub fn handle_command(&mut self, now: Now, request: RequestId, command: Command) {
        self.present = now.instant;
        self.counters.commands += 1;
        let (result, after) = match command {
            Command::Place(place) => match self.place(now, request, &place) {
                Ok(()) => {
                    // The reply comes with the first write.
                    self.settle(now, None);
                    return self.collect(now);
                }
                Err(error) => (Err(error), Commit(0)),
            },
            Command::Ringback {
                call,
                domain,
                media,
            } => self.with_call(call, &domain, |engine, mut call| {
                let result = engine.ring_back(now, &mut call, media);
                engine.kept(call, result)
            }),
            Command::Answer {
                call,
                domain,
                answer,
            } => self.with_call(call, &domain, |engine, mut call| {
                let result = engine.answer(now, &mut call, *answer);
                engine.kept(call, result)
            }),
            Command::Hangup {
                call,
                domain,
                hangup,
            } => self.with_call(call, &domain, |engine, found| {
                if let Err(error) = check_hangup(&hangup) {
                    return engine.kept(found, Err(error));
                }
                let commit = engine.hang_up(now, found, &hangup);
                (Ok(Done { call }), commit)
            }),
            Command::Describe { call, domain } => self.with_call(call, &domain, |engine, call| {
                let record = Box::new(call.record(None));
                engine.put_call(call);
                (Ok(CommandReply::Described(record)), Commit(0))
            }),
        };
        self.counters.commands_refused += u64::from(result.is_err());
        self.outputs.push_back(Output::Reply {
            request,
            result,
            after,
        });
        self.settle(now, None);
        self.collect(now);
    }

    /// Finds the call of a command in the domain of its key.
    fn with_call(
        &mut self,
        id: CallId,
        domain: &str,
        act: impl FnOnce(&mut Self, Box<Call>) -> Replied,
    ) -> Replied {
        match self.take_call(id) {
            Some(call) if *call.identity.domain == *domain => act(self, call),
            Some(foreign) => {
                self.put_call(foreign);
                (Err(CommandError::call_not_found()), Commit(0))
            }
            None => {
                let ended = self.ended.get(&id.as_u128());
                let error = if ended.is_some_and(|owner| **owner == *domain) {
                    CommandError::call_ended()
                } else {
                    CommandError::call_not_found()
                };
                (Err(error), Commit(0))
            }
        }
    }

    /// The call goes on; its reply waits for the call's last write.
    fn kept(&mut self, call: Box<Call>, result: Result<(), CommandError>) -> Replied {
        let replied = match result {
            Ok(()) => {
                let call_id = call.identity.call;
                (Ok(Done { call: call_id }), call.committed)
            }
            Err(error) => (Err(error), Commit(0)),
        };
        self.put_call(call);
        replied
    }

    /// 180, or 183 with the device's early media.
    pub(super) fn ring_back(
        &mut self,
        now: Now,
        call: &mut Call,
        media: Option<Endpoint>,
    ) -> Result<(), CommandError> {
        if !call.is_inbound() || !call.is_pending() {
            return Err(in_other_state(call));
        }
        match media {
            None => self
                .agent
                .ring(now, call.leg, 180, None)
                .map_err(|refused| not_now(call, refused))?,
            Some(media) => {
                let Some(offer) = &call.offer else {
                    return Err(CommandError::new(
                        CommandErrorKind::CallInOtherState,
                        "the caller's INVITE carried no offer, so there can be no early media",
                    ));
                };
                let moved = call.local.as_deref().is_some_and(|early| *early != media);
                if moved {
                    return Err(CommandError::new(
                        CommandErrorKind::CallInOtherState,
                        "early media already goes elsewhere; it can be moved by the answer",
                    ));
                }
                let sdp =
                    hookswitch_media::answer(offer, &media, call.origin).map_err(|e| unfit(&e))?;
                self.agent
                    .ring(now, call.leg, 183, Some(&sdp))
                    .map_err(|refused| not_now(call, refused))?;
                call.local = Some(Arc::new(media));
            }
        }
        call.ring(now);
        call.asked_until = None;
        self.refresh_later(call);
        Ok(())
    }

    /// 200 with the device's media.
    pub(super) fn answer(
        &mut self,
        now: Now,
        call: &mut Call,
        answer: Answer,
    ) -> Result<(), CommandError> {
        if !call.is_inbound() {
            return Err(in_other_state(call));
        }
        if !call.is_pending() {
            let repeated = is_repeated(call, &answer);
            return repeated.then_some(()).ok_or_else(|| in_other_state(call));
        }
        let media = Arc::new(answer.media);
        let mut sdp = describe(call, &media)?;
        let early = call.local.clone().filter(|early| *early != media);
        if let Some(early) = &early {
            // The 2xx repeats the answer of a 183 (RFC 3261 §13.2.1); other media need an offer of ours after it.
            sdp = describe(call, early)?;
        }
        let commit = self.next_commit();
        self.agent
            .accept(now, call.leg, &sdp, commit)
            .map_err(|refused| not_now(call, refused))?;
        call.answered_with = Some(media.clone());
        (call.local, call.moves_to) = match early {
            Some(early) => (Some(early), Some(media)),
            None => (Some(media), None),
        };
        call.offer = None;
        call.asked_until = None;
        if answer.session_reference_id.is_some() {
            call.session_reference_id = answer.session_reference_id;
        }
        call.answer(now);
        self.counters.answered += 1;
        let is_held = !self
            .agent
            .leg(call.leg)
            .is_some_and(|view| view.is_answered);
        if let (true, Some(Party::Call(known))) = (is_held, self.legs.get_mut(&call.leg.0)) {
            known.before = Before::Answer;
        }
        let snapshot = self.snapshot(now, call);
        self.commit(call, commit, snapshot.into_iter().collect());
        Ok(())
    }

    /// Ends a call in whatever state it is. Returns the write the reply waits for.
    pub(super) fn hang_up(&mut self, now: Now, mut call: Box<Call>, hangup: &Hangup) -> Commit {
        match call.state {
            CallState::Offered | CallState::Ringing if call.is_inbound() => {
                let status = hangup.status.unwrap_or(486);
                let reason = hangup.reason.as_deref().unwrap_or_default();
                let rejection = Rejection::new(status).because(reason.to_owned());
                let outcome = Outcome::failed(EndedBy::Local, status, phrase_of(status, reason));
                self.refuse_call(now, call, &rejection, outcome)
            }
            CallState::Answered | CallState::Confirmed => {
                self.part(now, call.leg);
                let outcome = Outcome::hung_up(EndedBy::Local, call.lasted(now));
                self.finish(now, call, outcome)
            }
            state => {
                if state != CallState::Cancelling {
                    let outcome = Outcome::failed(EndedBy::Local, 487, "Request Terminated");
                    self.give_up(now, &mut call, outcome);
                }
                let after = call.committed;
                self.put_call(call);
                after
            }
        }
    }
}

/// The reply to a command, and the write it waits for.
pub(super) type Replied = (Result<CommandReply, CommandError>, Commit);

/// The SDP of our 2xx: the answer to the offer, or the offer where there is none.
fn describe(call: &Call, media: &Endpoint) -> Result<Vec<u8>, CommandError> {
    match &call.offer {
        Some(offer) => {
            hookswitch_media::answer(offer, media, call.origin).map_err(|error| unfit(&error))
        }
        None => Ok(hookswitch_media::offer(media, call.origin)),
    }
}

/// Whether a hangup can be carried out.
pub(super) fn check_hangup(hangup: &Hangup) -> Result<(), CommandError> {
    if hangup.status.is_none_or(is_rejection) {
        return Ok(());
    }
    let why = "sipStatus must be 400 to 699, but not 401, 407, 420, 421 or 422";
    Err(CommandError::bad_field("/sipStatus", why))
}

/// Statuses that would need header fields or mean something else to the caller are not for applications.
const fn is_rejection(status: u16) -> bool {
    matches!(status, 400..=699) && !matches!(status, 401 | 407 | 420..=422)
}

/// Whether an answer says what was already answered.
fn is_repeated(call: &Call, answer: &Answer) -> bool {
    let media = call.answered_with.as_deref();
    let named = answer.session_reference_id.is_none()
        || answer.session_reference_id == call.session_reference_id;
    matches!(call.state, CallState::Answered | CallState::Confirmed)
        && media == Some(&answer.media)
        && named
}

pub(super) fn in_other_state(call: &Call) -> CommandError {
    let why = match (call.state, call.is_inbound()) {
        (CallState::Answered | CallState::Confirmed, _) => "the call is already answered",
        (CallState::Cancelling, _) => "the call is being given up",
        (CallState::Ended, _) => return CommandError::call_ended(),
        (CallState::Offered | CallState::Ringing, true) => "the call waits for an answer",
        (CallState::Offered | CallState::Ringing, false) => {
            "the call was placed by the application, so the other side answers it"
        }
    };
    CommandError::new(CommandErrorKind::CallInOtherState, why)
}

fn not_now(call: &Call, refused: CommandRefused) -> CommandError {
    match refused {
        CommandRefused::Gone => CommandError::call_ended(),
        CommandRefused::State => in_other_state(call),
        CommandRefused::NeedsMedia => CommandError::new(
            CommandErrorKind::MediaRequired,
            "the caller requires reliable ringing but offered no media: answer or hang up instead",
        ),
    }
}

/// A device's media that do not fit the offer.
fn unfit(error: &AnswerError) -> CommandError {
    let reason = error.to_string();
    match error {
        AnswerError::CodecNotOffered { .. } => {
            CommandError::new(CommandErrorKind::CodecNotOffered, reason).at("/codec")
        }
        AnswerError::CryptoMismatch { .. } => {
            CommandError::new(CommandErrorKind::CryptoMismatch, reason).at("/crypto")
        }
        AnswerError::Malformed(_) => CommandError::new(CommandErrorKind::Internal, reason),
    }
}
