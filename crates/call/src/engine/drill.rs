//! Drill destinations: calls that need no application, for tests and measurements.
//!
//! | user | does |
//! |---|---|
//! | `drill-answer` | answers at once |
//! | `drill-busy` | refuses with 486 at once |
//! | `drill-noanswer` | rings until CANCEL or the ring timeout |
//! | `drill-486-after-2s` | rings, then refuses with 486 |
//! | `drill-hangup-after-2s` | answers, then hangs up 2 s after the ACK |
//!
//! They have no application, no snapshot and no events, and nothing waits for a write. One call in 1,000, the first
//! always, leaves a record and a ladder; a restart ends that record.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_media::{Codec, Endpoint, Origin};
use hookswitch_sip::event::{Commit, EventKind as LegEventKind, LegId, Rejection};
use hookswitch_sip::message::{Message, Uri};
use hookswitch_sip::time::{Instant, Now};

use super::ending::phrase_of;
use super::input::body;
use super::ladder::Known;
use super::offer::source_user;
use super::{Change, Due, Engine, Output, Party, Past};
use crate::outcome::{EndedBy, Outcome};
use crate::record::{CallRecord, CallState, Direction, Identity, MediaSummary};
use crate::route::TraceStep;

/// One call in so many leaves a record.
const SAMPLED: u64 = 1_000;
/// What "after 2s" means.
const PAUSE: Duration = Duration::from_secs(2);
/// The discard port: whatever comes there is meant for nobody.
const DISCARD: u16 = 9;

/// Which drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DrillKind {
    Answer,
    Busy,
    NoAnswer,
    LateBusy,
    Hangup,
}

impl DrillKind {
    pub(super) fn named(user: &str) -> Option<Self> {
        match user.strip_prefix("drill-")? {
            "answer" => Some(Self::Answer),
            "busy" => Some(Self::Busy),
            "noanswer" => Some(Self::NoAnswer),
            "486-after-2s" => Some(Self::LateBusy),
            "hangup-after-2s" => Some(Self::Hangup),
            _ => None,
        }
    }
}

/// A drill call under way.
#[derive(Debug)]
pub(super) struct Drill {
    kind: DrillKind,
    /// When it acts by itself; also its place among the deadlines.
    due: Option<Instant>,
    sample: Option<Box<Sample>>,
}

/// A drill call with a record.
#[derive(Debug)]
struct Sample {
    known: Known,
    record: CallRecord,
    answered_at: Option<Instant>,
}

impl Drill {
    pub(super) fn known(&mut self) -> Option<&mut Known> {
        self.sample.as_mut().map(|sample| &mut sample.known)
    }
}

impl Engine {
    pub(super) fn start_drill(
        &mut self,
        now: Now,
        leg: LegId,
        kind: DrillKind,
        uri: &Uri<'_>,
        message: &Message<'_>,
    ) {
        let sampled = self.counters.drills.is_multiple_of(SAMPLED);
        self.counters.drills += 1;
        self.drills += 1;
        self.admission.began(None);
        let sample = sampled.then(|| self.sample(now, uri, message));
        let drill = Drill {
            kind,
            due: None,
            sample,
        };
        match kind {
            DrillKind::Answer | DrillKind::Hangup => self.answer_drill(now, leg, drill, message),
            DrillKind::Busy => self.refuse_drill(now, leg, drill, 486, EndedBy::Local),
            DrillKind::NoAnswer => {
                let patience = self.config.limits.ring_timeout;
                self.ring_drill(now, leg, drill, patience);
            }
            DrillKind::LateBusy => self.ring_drill(now, leg, drill, PAUSE),
        }
    }

    fn sample(&mut self, now: Now, uri: &Uri<'_>, message: &Message<'_>) -> Box<Sample> {
        let host = uri.host.to_string();
        let tenant = self.directory.tenant(&host);
        let domain = tenant.map_or_else(|| host.as_str().into(), |tenant| tenant.domain.clone());
        let sip_call_id = message.call_id().unwrap_or_default();
        let call = self.draw_call(now, sip_call_id);
        let identity = Identity {
            call,
            domain,
            service: None,
            direction: Direction::Inbound,
            sip_call_id: sip_call_id.into(),
            source_user: source_user(message),
            destination_user: uri.user_decoded().unwrap_or_default().into(),
            destination_uri: uri.as_str().into(),
            target: None,
        };
        let step = TraceStep::new(
            "drill",
            "matched",
            "--dev answers drill destinations itself",
        );
        let record = CallRecord::offered(Arc::new(identity), now.unix_micros, [step].into());
        Box::new(Sample {
            known: Known::new(call),
            record,
            answered_at: None,
        })
    }

    fn answer_drill(&mut self, now: Now, leg: LegId, mut drill: Drill, message: &Message<'_>) {
        let sdp = match self.drill_sdp(leg, body(Some(message)), 1) {
            Ok(sdp) => sdp,
            Err(status) => return self.refuse_drill(now, leg, drill, status, EndedBy::System),
        };
        // The leg was offered in this very stack.
        let _ = self.agent.accept(now, leg, &sdp, Commit(0));
        if let Some(sample) = &mut drill.sample {
            sample.answered_at = Some(now.instant);
            sample.record.state = CallState::Answered;
            sample.record.times.answered = Some(now.unix_micros);
            sample.record.remote = hookswitch_media::read_offer(message.body())
                .ok()
                .as_ref()
                .map(MediaSummary::from);
        }
        self.put_drill(leg, drill, None);
    }

    fn ring_drill(&mut self, now: Now, leg: LegId, mut drill: Drill, patience: Duration) {
        // A caller that requires more than plain ringing hears none, and the drill goes on.
        let _ = self.agent.ring(now, leg, 180, None);
        if let Some(sample) = &mut drill.sample {
            sample.record.state = CallState::Ringing;
            sample.record.times.ringing = Some(now.unix_micros);
        }
        self.put_drill(leg, drill, Some(now.instant + patience));
    }

    /// SDP of a device that discards everything; the status to refuse with when the offer does not fit.
    fn drill_sdp(&self, leg: LegId, offer: &[u8], version: u64) -> Result<Vec<u8>, u16> {
        let listener = self.agent.leg(leg).map_or(0, |view| view.flow.listener);
        let listener = self.config.agent.listeners.get(usize::from(listener));
        let address = listener.ok_or(500_u16)?.advertised.ip();
        let origin = Origin {
            session: leg.0 >> 1,
            version,
        };
        let mut local = Endpoint {
            address,
            port: DISCARD,
            codec: Codec::Pcmu,
            telephone_event: None,
            crypto: Vec::new(),
        };
        if offer.is_empty() {
            return Ok(hookswitch_media::offer(&local, origin));
        }
        let remote = hookswitch_media::read_offer(offer).map_err(|error| error.status())?;
        local.codec = remote.codec;
        local.telephone_event = remote.telephone_event;
        hookswitch_media::answer(offer, &local, origin).map_err(|_| 488)
    }

    fn put_drill(&mut self, leg: LegId, mut drill: Drill, due: Option<Instant>) {
        self.deadlines.file(Due::Drill(leg), &mut drill.due, due);
        if let Some(sample) = &drill.sample {
            let call = sample.record.identity.call;
            let record = Change::Call(Box::new(sample.record.clone()));
            self.commit_alone(vec![record, Change::Unkept(call)]);
        }
        self.legs.insert(leg.0, Party::Drill(drill));
    }

    fn refuse_drill(&mut self, now: Now, leg: LegId, drill: Drill, status: u16, by: EndedBy) {
        // A leg that is gone has its final response already.
        let _ = self.agent.reject(now, leg, &Rejection::new(status));
        let outcome = Outcome::failed(by, status, phrase_of(status, ""));
        self.finish_drill(now, leg, drill, outcome);
    }

    fn finish_drill(&mut self, now: Now, leg: LegId, drill: Drill, outcome: Outcome) {
        self.drills -= 1;
        self.admission.ended(None);
        self.deadlines.remove(Due::Drill(leg), drill.due);
        let Some(sample) = drill.sample else {
            self.legs.remove(&leg.0);
            return;
        };
        let mut record = sample.record;
        let lasted = sample
            .answered_at
            .map(|at| now.instant.saturating_since(at));
        record.state = CallState::Ended;
        record.times.ended = Some(now.unix_micros);
        record.outcome = Some(Arc::new(outcome.after(lasted.unwrap_or_default())));
        let call = record.identity.call;
        let snapshot = None;
        self.commit_alone(vec![
            Change::Call(Box::new(record)),
            Change::Snapshot { call, snapshot },
        ]);
        self.legs.insert(leg.0, Party::Past(sample.known));
        self.past.push_back(Past {
            forgotten_at: now.instant + self.afterlife(),
            call,
            leg,
        });
    }

    fn commit_alone(&mut self, changes: Vec<Change>) {
        let commit = self.next_commit();
        self.outputs.push_back(Output::Commit { commit, changes });
    }

    fn take_drill(&mut self, leg: LegId) -> Option<Drill> {
        match self.legs.remove(&leg.0) {
            Some(Party::Drill(drill)) => Some(drill),
            Some(other) => {
                self.legs.insert(leg.0, other);
                None
            }
            None => None,
        }
    }

    pub(super) fn drill_due(&mut self, now: Now, leg: LegId) {
        let Some(mut drill) = self.take_drill(leg) else {
            return;
        };
        drill.due = None;
        match drill.kind {
            DrillKind::Hangup => {
                self.part(now, leg);
                let outcome = Outcome::hung_up(EndedBy::Local, Duration::ZERO);
                self.finish_drill(now, leg, drill, outcome);
            }
            DrillKind::NoAnswer => self.refuse_drill(now, leg, drill, 480, EndedBy::System),
            _ => self.refuse_drill(now, leg, drill, 486, EndedBy::Local),
        }
    }

    pub(super) fn handle_drill_event(
        &mut self,
        now: Now,
        leg: LegId,
        kind: &LegEventKind,
        message: Option<&Message<'_>>,
    ) {
        match kind {
            LegEventKind::Confirmed => self.confirm_drill(now, leg),
            LegEventKind::Ended => {
                self.agent.release(now, leg, Commit(0));
                self.end_drill(now, leg, Outcome::hung_up(EndedBy::Remote, Duration::ZERO));
            }
            LegEventKind::Cancelled => {
                let outcome = Outcome::failed(EndedBy::Remote, 487, phrase_of(487, ""));
                self.end_drill(now, leg, outcome);
            }
            LegEventKind::AckMissing => {
                let outcome = Outcome::failed(EndedBy::System, 408, phrase_of(408, ""));
                self.end_drill(now, leg, outcome);
            }
            LegEventKind::Lost { status, .. } => {
                let outcome = Outcome::failed(EndedBy::System, *status, phrase_of(*status, ""));
                self.end_drill(now, leg, outcome);
            }
            LegEventKind::Reoffered { has_offer, .. } => {
                let offer = if *has_offer { body(message) } else { &[] };
                let sdp = self.drill_sdp(leg, offer, now.unix_micros);
                // The leg was offered to in this very stack.
                let _ = match sdp {
                    Ok(sdp) => self.agent.answer_offer(now, leg, Ok(&sdp)),
                    Err(status) => self
                        .agent
                        .answer_offer(now, leg, Err(&Rejection::new(status))),
                };
            }
            _ => {}
        }
    }

    fn confirm_drill(&mut self, now: Now, leg: LegId) {
        let Some(Party::Drill(drill)) = self.legs.get_mut(&leg.0) else {
            return;
        };
        if drill.kind == DrillKind::Hangup {
            let wanted = Some(now.instant + PAUSE);
            self.deadlines.file(Due::Drill(leg), &mut drill.due, wanted);
        }
        let Some(sample) = &mut drill.sample else {
            return;
        };
        sample.record.state = CallState::Confirmed;
        sample.record.times.confirmed = Some(now.unix_micros);
        let record = Change::Call(Box::new(sample.record.clone()));
        self.commit_alone(vec![record]);
    }

    fn end_drill(&mut self, now: Now, leg: LegId, outcome: Outcome) {
        if let Some(drill) = self.take_drill(leg) {
            self.finish_drill(now, leg, drill, outcome);
        }
    }
}
