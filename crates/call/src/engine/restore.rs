//! Calls of a former run.
//!
//! | state | what a restart does |
//! |---|---|
//! | `Offered`, `Ringing` (inbound), `Answered` while the 200 waits for a PRACK | 500, the terminal event |
//! | `Offered`, `Ringing` (outbound) | CANCEL; the terminal event when the leg ends |
//! | `Answered` | the 200 is repeated until its ACK, or BYE after 64·T1 |
//! | `Confirmed` | goes on; a refresh within 60 s tells whether the peer is still there |
//! | `Cancelling` | goes on; the end it was given up for is kept |
//! | `Ended` | the last refusal or BYE is said again until it is answered; nothing is told |
//!
//! Drill calls are not kept, and the shell ends their records: a phone in one is released by its own BYE, CANCEL or
//! session refresh, which get 481, or by the time its INVITE may take (RFC 3261 §9.1, RFC 4028 §10).

use std::net::IpAddr;
use std::time::Duration;

use hookswitch_sip::event::{Commit, LegId};
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent;

use super::ladder::{Before, Known};
use super::{Engine, Party, Past};
use crate::call::Call;
use crate::id::CallId;
use crate::outcome::Outcome;
use crate::record::{CallRecord, CallState, Snapshot};
use crate::route::TraceStep;
use crate::snapshot::Steady;

/// A machine says only so exactly how long it has been running.
const COARSE: Duration = Duration::from_secs(1);

/// Why a call was not taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The call is here already; nothing was done.
    #[error("the call is here already")]
    Taken,
    /// Another call has its dialog; it has ended, with its terminal event.
    #[error("another call has its dialog")]
    Overtaken,
    /// Its SIP side cannot go on; the call has ended, with its terminal event.
    #[error(transparent)]
    Leg(#[from] user_agent::RestoreError),
}

impl Engine {
    /// Takes up a call of a former run, with the record stored of it. Exactly one terminal event is told over any
    /// number of runs.
    ///
    /// # Errors
    /// When there is such a call already, or its leg cannot be taken up.
    pub fn restore(
        &mut self,
        now: Now,
        snapshot: Snapshot,
        record: Option<CallRecord>,
    ) -> Result<(), RestoreError> {
        self.present = now.instant;
        let id = snapshot.identity.call.as_u128();
        let leg = snapshot.leg.id();
        let is_here = self.calls.contains_key(&id) || self.ended.contains_key(&id);
        if is_here {
            return Err(RestoreError::Taken);
        }
        self.counters.restored += 1;
        if self.legs.contains_key(&leg.0) {
            self.restore_overtaken(now, &snapshot, record);
            return Err(RestoreError::Overtaken);
        }
        let result = if snapshot.state == CallState::Ended {
            self.restore_ended(now, snapshot)
        } else {
            self.restore_running(now, snapshot, record)
        };
        self.settle(now, None);
        self.collect(now);
        result.map_err(RestoreError::from)
    }

    /// Where the peer of a call under way speaks from.
    pub fn peer_of(&self, call: CallId) -> Option<IpAddr> {
        let call = self.calls.get(&call.as_u128())?;
        let leg = self.agent.leg(call.leg)?;
        Some(leg.flow.peer.ip())
    }

    /// Names the axis of `Now::instant`, where that goes on over restarts of the program and not of the machine: how
    /// long calls lasted is read from it, whatever was done to the wall clock meanwhile.
    pub const fn handle_axis(&mut self, axis: u64) {
        self.axis = Some(axis);
    }

    /// Where the answer of this call lies on the axis.
    pub(super) fn steady(&self, call: &Call) -> Option<Steady> {
        let answered = call.answered_at?.as_micros();
        let carried = u64::try_from(call.carried.as_micros()).ok()?;
        Some(Steady {
            axis: self.axis?,
            answered: answered.checked_sub(carried)?,
        })
    }

    /// How long ago that was, on the same axis.
    fn since(&self, now: Now, steady: Steady) -> Option<Duration> {
        let answered = Instant::from_micros(steady.answered);
        let is_past = answered <= now.instant + COARSE;
        (self.axis == Some(steady.axis) && is_past).then(|| now.instant.saturating_since(answered))
    }

    /// Nothing is left of it but an end that was not written.
    fn restore_overtaken(&mut self, now: Now, snapshot: &Snapshot, record: Option<CallRecord>) {
        if snapshot.state == CallState::Ended {
            return self.give_up_snapshot(snapshot.identity.call);
        }
        let trace = record.map_or_else(|| [].into(), |record| record.trace);
        let mut call = Box::new(Call::restored(now, snapshot, trace));
        call.leg = LegId(0);
        let why = RestoreError::Overtaken.to_string();
        call.note(TraceStep::new("node", "lost", why));
        self.admission.began(Some(&call.identity.domain));
        let outcome = call
            .ending
            .take()
            .map_or_else(Outcome::interrupted, |end| *end);
        self.close_quietly(now, call, outcome);
    }

    /// Everything is told; the leg still owes something.
    fn restore_ended(
        &mut self,
        now: Now,
        snapshot: Snapshot,
    ) -> Result<(), user_agent::RestoreError> {
        let (call, leg) = (snapshot.identity.call, snapshot.leg.id());
        let mut known = Known::new(call);
        known.leaving = true;
        self.legs.insert(leg.0, Party::Past(known));
        self.ended
            .insert(call.as_u128(), snapshot.identity.domain.clone());
        self.past.push_back(Past {
            forgotten_at: now.instant + self.afterlife(),
            call,
            leg,
        });
        let restored = self.agent.restore(now, snapshot.leg, Commit(0));
        if restored.is_err() {
            self.settled(leg);
        }
        restored.map(|_| ())
    }

    fn restore_running(
        &mut self,
        now: Now,
        snapshot: Snapshot,
        record: Option<CallRecord>,
    ) -> Result<(), user_agent::RestoreError> {
        let trace = record.map_or_else(|| [].into(), |record| record.trace);
        let mut call = Box::new(Call::restored(now, &snapshot, trace));
        if let Some(lasted) = snapshot.steady.and_then(|steady| self.since(now, steady)) {
            call.carried = lasted;
        }
        let leg = call.leg;
        let is_over = snapshot.leg.is_over();
        self.admission.began(Some(&call.identity.domain));
        let restored = self.agent.restore(now, snapshot.leg, Commit(0));
        let mut known = Known::new(call.identity.call);
        known.handle_restart();
        self.legs.insert(leg.0, Party::Call(known));
        let stands = self.agent.leg(leg).is_some();
        match (&restored, call.state) {
            (Ok(_), CallState::Answered | CallState::Confirmed) if stands => self.put_call(call),
            (Ok(_), state) if !call.is_inbound() && !is_over => {
                if state != CallState::Cancelling {
                    call.note(TraceStep::new("node", "restarted", RESTARTED));
                    call.state = CallState::Cancelling;
                }
                call.ending
                    .get_or_insert_with(|| Box::new(Outcome::interrupted()));
                if let Some(Party::Call(known)) = self.legs.get_mut(&leg.0) {
                    known.before = Before::Nothing;
                }
                self.put_call(call);
            }
            _ => {
                if let Err(error) = &restored {
                    call.note(TraceStep::new("node", "lost", error.to_string()));
                } else {
                    call.note(TraceStep::new("node", "restarted", RESTARTED));
                }
                let stood = restored.is_err() || is_over;
                let outcome = match call.ending.take() {
                    // The leg had told its end, and the write that says so was lost.
                    Some(ending) => *ending,
                    None if stood => Outcome::interrupted().after(call.lasted(now)),
                    None => Outcome::interrupted(),
                };
                self.finish(now, call, outcome);
            }
        }
        restored.map(|_| ())
    }
}

/// What the record says of a call that did not survive.
const RESTARTED: &str = "the node was restarted before the call was answered";

impl Snapshot {
    /// The snapshot of an ended call, from its record.
    pub(super) fn ended(record: &CallRecord, sequence: u32, leg: user_agent::LegSnapshot) -> Self {
        Self {
            identity: record.identity.clone(),
            state: CallState::Ended,
            sequence,
            session_reference_id: record.session_reference_id.clone(),
            times: record.times,
            max_duration: None,
            local: None,
            moves_to: None,
            remote: None,
            origin: hookswitch_media::Origin {
                session: 0,
                version: 0,
            },
            ending: None,
            leg,
            steady: None,
        }
    }
}
