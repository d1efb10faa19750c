//! The one end of every call: outcome, terminal event, record, and the leg's last command.

use std::sync::Arc;

use hookswitch_sip::event::{CommandRefused, Commit, LegId, Rejection};
use hookswitch_sip::message::Message;
use hookswitch_sip::time::Now;
use hookswitch_sip::user_agent::LegSnapshot;

use super::{Change, Due, Engine, Output, Party, Past};
use crate::call::Call;
use crate::event::EventKind;
use crate::outcome::{Cause, Class, EndedBy, Outcome, cause_of_status};
use crate::record::{CallRecord, CallState, Identity, Snapshot};
use crate::route::TraceStep;

/// The Reason of our own BYE and CANCEL (RFC 3326).
pub(super) const CLEARING: &str = "Q.850;cause=16;text=\"Normal call clearing\"";

/// Longest text of a peer kept in a record, in octets.
const MAX_TEXT: usize = 200;

impl Engine {
    /// Writes the end of a call: its only terminal event, its last record, and the snapshot of a leg that still owes
    /// something, if it does. What the leg says of the end waits for the write. Returns its number.
    pub(super) fn finish(&mut self, now: Now, call: Box<Call>, outcome: Outcome) -> Commit {
        let owed = self.agent.snapshot(now, call.leg);
        self.close(now, call, outcome, owed)
    }

    /// The same for a peer that ended the call itself and needs nothing of us to know.
    pub(super) fn close_quietly(&mut self, now: Now, call: Box<Call>, outcome: Outcome) -> Commit {
        self.close(now, call, outcome, None)
    }

    fn close(
        &mut self,
        now: Now,
        mut call: Box<Call>,
        outcome: Outcome,
        owed: Option<LegSnapshot>,
    ) -> Commit {
        let outcome = Arc::new(outcome);
        self.counters.ended[outcome.class as usize] += 1;
        call.state = CallState::Ended;
        call.times.ended = Some(now.unix_micros);
        let failed = !call.is_inbound() && call.times.answered.is_none();
        let kind = if failed {
            EventKind::CallFailed {
                outcome: outcome.clone(),
            }
        } else {
            EventKind::CallHungup {
                outcome: outcome.clone(),
            }
        };
        let event = (!call.unheard).then(|| self.tell(now, &mut call, kind));
        let id = call.identity.call;
        let record = call.record(Some(&outcome));
        let leaves = owed.is_some();
        let snapshot = owed.map(|leg| Box::new(Snapshot::ended(&record, call.sequence, leg)));
        let mut changes = vec![
            Change::Call(Box::new(record)),
            Change::Snapshot { call: id, snapshot },
        ];
        changes.extend(event.map(Change::Event));
        let commit = self.next_commit();
        self.commit(&mut call, commit, changes);
        self.agent.hold(call.leg, commit);
        self.deadlines.remove(Due::Call(id), call.filed);
        self.admission.ended(Some(&call.identity.domain));
        self.bury(now, call.leg, &call.identity);
        if let (true, Some(Party::Past(known))) = (leaves, self.legs.get_mut(&call.leg.0)) {
            known.leaving = true;
        }
        commit
    }

    /// Keeps the names of an ended call for its late messages and commands.
    fn bury(&mut self, now: Now, leg: LegId, identity: &Identity) {
        if let Some(party) = self.legs.remove(&leg.0) {
            let party = match party {
                Party::Call(known) => Party::Past(known),
                other => other,
            };
            self.legs.insert(leg.0, party);
        }
        self.ended
            .insert(identity.call.as_u128(), identity.domain.clone());
        self.past.push_back(Past {
            forgotten_at: now.instant + self.afterlife(),
            call: identity.call,
            leg,
        });
    }

    /// Forgets calls that ended long ago.
    pub(super) fn forget(&mut self, now: Now) {
        while let Some(past) = self
            .past
            .pop_front_if(|past| past.forgotten_at <= now.instant)
        {
            if let Some(Party::Past(known)) = self.legs.get(&past.leg.0)
                && known.leaving
                && known.call == past.call
            {
                self.past.push_back(Past {
                    forgotten_at: now.instant + self.afterlife(),
                    ..past
                });
                continue;
            }
            self.ended.remove(&past.call.as_u128());
            // The very same INVITE, sent again after all timers, makes the same leg for another call.
            let is_its =
                |party: &Party| matches!(party, Party::Past(known) if known.call == past.call);
            if self.legs.get(&past.leg.0).is_some_and(is_its) {
                self.legs.remove(&past.leg.0);
            }
        }
    }

    /// Refuses an inbound call that was already asked about.
    pub(super) fn refuse_call(
        &mut self,
        now: Now,
        call: Box<Call>,
        rejection: &Rejection,
        outcome: Outcome,
    ) -> Commit {
        // A leg that is gone has its final response already.
        let _ = self.agent.reject(now, call.leg, rejection);
        self.finish(now, call, outcome)
    }

    /// Ends the leg of an answered call: BYE, or a refusal while its 200 still waits for a PRACK (RFC 3262 §3).
    pub(super) fn part(&mut self, now: Now, leg: LegId) {
        if self.agent.end(now, leg, Some(CLEARING)) == Err(CommandRefused::State) {
            let _ = self.agent.reject(now, leg, &Rejection::new(486));
        }
    }

    /// Refuses an INVITE before anybody was asked: a record where there is a tenant, but no event.
    pub(super) fn refuse_offer(
        &mut self,
        now: Now,
        leg: LegId,
        rejection: &Rejection,
        record: Option<(Identity, Class, Vec<TraceStep>)>,
    ) {
        // The leg was offered in this very stack.
        let _ = self.agent.reject(now, leg, rejection);
        let Some((identity, class, trace)) = record else {
            return;
        };
        if !self.admission.may_record_refusal(now.instant) {
            self.counters.unrecorded += 1;
            return;
        }
        let phrase = phrase_of(rejection.status, &rejection.reason);
        let outcome = Outcome::failed(EndedBy::System, rejection.status, phrase).of_class(class);
        let identity = Arc::new(identity);
        let record = CallRecord::offered(identity.clone(), now.unix_micros, trace.into());
        let record = record.refused(outcome);
        let commit = self.next_commit();
        self.outputs.push_back(Output::Commit {
            commit,
            changes: vec![Change::Call(Box::new(record))],
        });
        self.legs
            .insert(leg.0, Party::Call(super::Known::new(identity.call)));
        self.bury(now, leg, &identity);
    }

    /// The caller gave up.
    pub(super) fn cancelled(&mut self, now: Now, call: Box<Call>, message: Option<&Message<'_>>) {
        let mut outcome = Outcome::failed(EndedBy::Remote, 487, "Request Terminated");
        outcome = match cause(message) {
            // RFC 3326 §2: another branch of a fork was answered.
            Some(Told::Sip(200)) => outcome.of_class(Class::Normal).caused(Some(Cause {
                value: 26,
                text: None,
            })),
            told => outcome.caused(told.map(Told::into_cause)),
        };
        self.close_quietly(now, call, outcome);
    }

    /// BYE of the peer: its 200 waits for the record.
    pub(super) fn hung_up(&mut self, now: Now, call: Box<Call>, message: Option<&Message<'_>>) {
        let leg = call.leg;
        let outcome = Outcome::hung_up(EndedBy::Remote, call.lasted(now))
            .caused(cause(message).map(Told::into_cause));
        let commit = self.close_quietly(now, call, outcome);
        self.agent.release(now, leg, commit);
    }

    /// No ACK came for our 2xx.
    pub(super) fn unacknowledged(&mut self, now: Now, mut call: Box<Call>) {
        call.note(TraceStep::new("ack", "missing", "no ACK came for our 200"));
        let outcome = Outcome::failed(EndedBy::System, 408, "Request Timeout")
            .of_class(Class::Unreachable)
            .after(call.lasted(now));
        self.finish(now, call, outcome);
    }

    /// The peer is gone.
    pub(super) fn lost(&mut self, now: Now, mut call: Box<Call>, why: String, status: u16) {
        call.note(TraceStep::new("peer", "lost", why));
        let outcome = Outcome::failed(EndedBy::System, status, phrase_of(status, ""))
            .of_class(Class::Unreachable)
            .after(call.lasted(now));
        self.finish(now, call, outcome);
    }
}

/// What a Reason header told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A Q.850 cause.
    Q850(Cause),
    /// A SIP status.
    Sip(u16),
}

impl Told {
    pub(super) fn into_cause(self) -> Cause {
        match self {
            Self::Q850(cause) => cause,
            Self::Sip(status) => Cause {
                value: cause_of_status(status),
                text: None,
            },
        }
    }
}

/// The Reason of a message, Q.850 first.
pub(super) fn cause(message: Option<&Message<'_>>) -> Option<Told> {
    let reason = message?.reason()?;
    let cause = reason.cause?;
    if reason.protocol.eq_ignore_ascii_case("Q.850") {
        let value = u8::try_from(cause)
            .ok()
            .filter(|value| (1..=127).contains(value))?;
        let text = reason.text.map(|text| shortened(&text).into());
        return Some(Told::Q850(Cause { value, text }));
    }
    let is_status = reason.protocol.eq_ignore_ascii_case("SIP") && (200..700).contains(&cause);
    is_status.then_some(Told::Sip(cause))
}

/// The given reason phrase, else the standard one.
pub(super) fn phrase_of(status: u16, given: &str) -> std::borrow::Cow<'static, str> {
    if given.is_empty() {
        hookswitch_sip::message::status::reason_phrase(status).into()
    } else {
        shortened(given).to_owned().into()
    }
}

/// A peer's text, cut where a record would grow by it.
pub(super) fn shortened(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
