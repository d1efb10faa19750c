//! The callbacks of one call, as its application receives them.
//!
//! | phase | inbound | outbound |
//! |---|---|---|
//! | `Silent` | `newRemoteCall` → `Offered`; its end, where a crash came before the question | as `Offered` |
//! | `Offered` | `callNotify update` → same; `callAnswered` → `Answered`; `callHungup` → `Ended` | `callNotify` `ringing`, `update` → same; `callAnswered` → `Answered`; `callFailed` → `Ended` |
//! | `Answered` | `callNotify` `reInvite`, `update` → same; `callHungup` → `Ended` | the same |
//! | `Ended` | nothing but repetitions | nothing but repetitions |

use std::sync::Arc;

use hookswitch_call::command::Answer;
use hookswitch_call::event::{Event, EventKind, Notice};
use hookswitch_call::outcome::{Class, EndedBy, Outcome};
use hookswitch_call::record::Direction;
use hookswitch_sip::time::Instant;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Silent,
    Offered,
    Answered,
    Ended,
}

/// What is known of a call from outside.
#[derive(Debug, Default)]
pub(super) struct Story {
    sip_call_id: Option<Arc<str>>,
    /// Callbacks in the order of their numbers, each once.
    heard: Vec<Arc<Event>>,
    phase: Phase,
    ended_at: Option<Instant>,
    /// The application placed the call.
    is_placed: bool,
    /// Answers that were ordered, by a command or in the reply to `newRemoteCall`; once one was taken, those of which
    /// it says nothing new.
    answers: Vec<Answer>,
    is_answer_taken: bool,
    /// The node was started anew since it began: of an answer whose media the peer refused, only the early media that
    /// stayed are remembered then, and either counts as the same answer.
    is_restored: bool,
    /// A hangup was taken.
    pub(super) hung_up: bool,
}

impl Story {
    pub(super) fn handle_placed(&mut self, sip_call_id: &Arc<str>) {
        self.is_placed = true;
        self.sip_call_id.get_or_insert_with(|| sip_call_id.clone());
    }

    pub(super) fn handle_answer_ordered(&mut self, answer: &Answer) {
        if !self.is_answer_taken {
            self.answers.push(answer.clone());
        }
    }

    /// An order to answer was taken: there must be one answer that everyone taken repeats.
    pub(super) fn handle_answer_taken(&mut self, answer: &Answer) {
        self.is_answer_taken = true;
        self.answers.retain(|first| repeats(first, answer));
        assert!(
            self.is_restored || !self.answers.is_empty(),
            "answered twice: {answer:?}"
        );
    }

    /// Whether another answer may stand in the way of this one.
    pub(super) fn may_be_answered_otherwise(&self, answer: &Answer) -> bool {
        self.is_restored || self.answers.iter().any(|first| !repeats(first, answer))
    }

    pub(super) const fn handle_start(&mut self) {
        self.is_restored = true;
    }

    pub(super) fn handle_event(&mut self, now: Instant, event: &Arc<Event>) {
        let known = |heard: &&Arc<Event>| heard.sequence == event.sequence;
        if let Some(heard) = self.heard.iter().find(known) {
            assert_eq!(heard, event, "the same number, and another event");
            return;
        }
        let first = self.heard.first();
        if let Some(first) = first {
            assert_eq!(
                first.identity, event.identity,
                "the call changed its identity"
            );
        }
        let number = self.heard.last().map_or(0, |last| last.sequence) + 1;
        let unasked = self.is_unasked_end(event);
        assert!(
            event.sequence == number || unasked,
            "{} has number {} and comes after {:?}",
            event.kind.name(),
            event.sequence,
            self.told()
        );
        self.phase = self.follow(event);
        self.sip_call_id = Some(event.identity.sip_call_id.clone());
        self.heard.push(event.clone());
        if self.phase == Phase::Ended {
            self.ended_at = Some(now);
        }
    }

    /// The end of an inbound call whose `newRemoteCall` was written, but never sent, because the node crashed.
    fn is_unasked_end(&self, event: &Event) -> bool {
        let at_restart = |outcome: &Outcome| {
            outcome.ended_by == EndedBy::System && outcome.class == Class::Internal
                || outcome.ended_by == EndedBy::Remote
        };
        self.heard.is_empty()
            && event.sequence == 2
            && matches!(&event.kind, EventKind::CallHungup { outcome } if at_restart(outcome))
    }

    fn follow(&self, event: &Event) -> Phase {
        let inbound = event.identity.direction == Direction::Inbound;
        assert!(!inbound || !self.is_placed, "a placed call came in");
        let phase = match self.phase {
            Phase::Silent if !inbound => Phase::Offered,
            other => other,
        };
        let next = match (phase, &event.kind) {
            (Phase::Silent, EventKind::NewRemoteCall { .. }) => Phase::Offered,
            (Phase::Silent, EventKind::CallHungup { .. }) if event.sequence == 2 => Phase::Ended,
            (Phase::Offered, EventKind::CallNotify { notice, .. }) => {
                let fits = match notice {
                    Notice::Ringing => !inbound,
                    Notice::Update => true,
                    Notice::ReInvite => false,
                };
                assert!(fits, "{notice:?} before the answer: {:?}", self.told());
                Phase::Offered
            }
            (Phase::Offered, EventKind::CallAnswered { .. }) => Phase::Answered,
            (Phase::Offered, EventKind::CallFailed { .. }) if !inbound => Phase::Ended,
            (Phase::Offered, EventKind::CallHungup { .. }) if inbound => Phase::Ended,
            (Phase::Answered, EventKind::CallNotify { notice, .. }) => {
                assert_ne!(*notice, Notice::Ringing, "it rings after the answer");
                Phase::Answered
            }
            (Phase::Answered, EventKind::CallHungup { .. }) => Phase::Ended,
            (phase, kind) => panic!(
                "{} in phase {phase:?} of an {} call: {}",
                kind.name(),
                event.identity.direction.as_str(),
                self.told()
            ),
        };
        if let EventKind::CallFailed { outcome } | EventKind::CallHungup { outcome } = &event.kind {
            check_outcome(outcome, phase == Phase::Answered);
        }
        next
    }

    /// When its last event came.
    pub(super) const fn ended_at(&self) -> Option<Instant> {
        self.ended_at
    }

    pub(super) fn was_answered(&self) -> bool {
        let answered = |event: &Arc<Event>| matches!(event.kind, EventKind::CallAnswered { .. });
        self.heard.iter().any(answered)
    }

    pub(super) fn sip_call_id(&self) -> Option<&str> {
        self.sip_call_id.as_deref()
    }

    /// Whether the peer called; none while nobody knows.
    pub(super) fn is_inbound(&self) -> Option<bool> {
        let direction = self.heard.first().map(|event| event.identity.direction);
        match direction {
            Some(direction) => Some(direction == Direction::Inbound),
            None => self.is_placed.then_some(false),
        }
    }

    pub(super) fn outcome(&self) -> Option<&Outcome> {
        match &self.heard.last()?.kind {
            EventKind::CallFailed { outcome } | EventKind::CallHungup { outcome } => Some(outcome),
            _ => None,
        }
    }

    /// The story in one line.
    pub(super) fn told(&self) -> String {
        let names: Vec<_> = self.heard.iter().map(|event| event.kind.name()).collect();
        let end = self.outcome().map(|outcome| {
            format!(
                " {} {} {}",
                outcome.ended_by.as_str(),
                outcome.class.as_str(),
                outcome.sip_status
            )
        });
        format!(
            "{:?} {names:?}{}",
            self.is_inbound(),
            end.unwrap_or_default()
        )
    }
}

/// Whether an answer says nothing that the first one did not.
fn repeats(first: &Answer, answer: &Answer) -> bool {
    let name = &answer.session_reference_id;
    first.media == answer.media && (name.is_none() || *name == first.session_reference_id)
}

/// What every end has to say.
fn check_outcome(outcome: &Outcome, answered: bool) {
    assert!((200..700).contains(&outcome.sip_status), "{outcome:?}");
    assert!((1..=127).contains(&outcome.q850_cause), "{outcome:?}");
    assert!(!outcome.sip_reason.is_empty(), "{outcome:?}");
    assert!(
        answered
            || outcome.class != Class::Normal
            || outcome.sip_status != 200
            || outcome.ended_by != EndedBy::System,
        "nobody answered, and the node calls it normal: {outcome:?}"
    );
}
