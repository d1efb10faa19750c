//! One call under way: what it is, how far it is, and what it will write down.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_media::{Endpoint, Origin, Remote};
use hookswitch_sip::event::{Commit, LegId};
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::LegSnapshot;

use crate::event::{Event, EventKind};
use crate::outcome::Outcome;
use crate::record::{CallRecord, CallState, Direction, Identity, MediaSummary, Snapshot, Times};
use crate::route::TraceStep;

/// One call under way. The engine keeps it boxed; what is shared with events and records is counted, not copied.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) identity: Arc<Identity>,
    pub(crate) leg: LegId,
    pub(crate) state: CallState,
    /// The application has not replied to `newRemoteCall` yet, until then.
    pub(crate) asked_until: Option<Instant>,
    /// An unanswered call is given up then.
    pub(crate) rings_until: Instant,
    /// How long the call may last once answered.
    pub(crate) max_duration: Option<Duration>,
    pub(crate) answered_at: Option<Instant>,
    pub(crate) sequence: u32,
    pub(crate) session_reference_id: Option<Arc<str>>,
    pub(crate) times: Times,
    /// The peer's offer, until it is answered for good.
    pub(crate) offer: Option<Box<[u8]>>,
    pub(crate) local: Option<Arc<Endpoint>>,
    /// The device's media after the ACK, where early media already went elsewhere.
    pub(crate) moves_to: Option<Arc<Endpoint>>,
    /// The media of the answer that was taken, whatever became of them since.
    pub(crate) answered_with: Option<Arc<Endpoint>>,
    pub(crate) remote: Option<Arc<Remote>>,
    pub(crate) origin: Origin,
    pub(crate) trace: Arc<[TraceStep]>,
    /// Why we gave the call up, while CANCEL is on its way.
    pub(crate) ending: Option<Box<Outcome>>,
    /// Events whose write was never made; they go with the next one.
    pub(crate) lost: Vec<Arc<Event>>,
    /// The tag of a forked peer that changed its media by UPDATE before it answered.
    pub(crate) moved_by: Option<Box<str>>,
    /// A former run lasted so long after the answer.
    pub(crate) carried: Duration,
    /// That write was never made, so nobody was told of the call.
    pub(crate) unheard: bool,
    /// What the command that placed it came under, until a write says so.
    pub(crate) idempotency_key: Option<Arc<str>>,
    /// The write that made the call known to the application.
    pub(crate) opened: Commit,
    /// The last write that concerns the call.
    pub(crate) committed: Commit,
    /// Its place among the engine's deadlines.
    pub(crate) filed: Option<Instant>,
}

impl Call {
    /// A call that begins now.
    pub(crate) fn new(now: Now, identity: Identity, leg: LegId, trace: Vec<TraceStep>) -> Self {
        Self {
            identity: Arc::new(identity),
            leg,
            state: CallState::Offered,
            asked_until: None,
            rings_until: now.instant,
            max_duration: None,
            answered_at: None,
            sequence: 0,
            session_reference_id: None,
            times: Times {
                offered: now.unix_micros,
                ..Times::default()
            },
            offer: None,
            local: None,
            moves_to: None,
            answered_with: None,
            remote: None,
            origin: Origin {
                session: now.unix_micros,
                version: 1,
            },
            trace: trace.into(),
            ending: None,
            lost: Vec::new(),
            moved_by: None,
            carried: Duration::ZERO,
            unheard: false,
            idempotency_key: None,
            opened: Commit(0),
            committed: Commit(0),
            filed: None,
        }
    }

    /// A call of a former run.
    pub(crate) fn restored(now: Now, snapshot: &Snapshot, trace: Arc<[TraceStep]>) -> Self {
        let answered = snapshot.times.answered;
        let carried = answered.map_or(0, |at| now.unix_micros.saturating_sub(at));
        Self {
            identity: snapshot.identity.clone(),
            leg: snapshot.leg.id(),
            state: snapshot.state,
            asked_until: None,
            rings_until: now.instant,
            max_duration: snapshot.max_duration,
            answered_at: answered.map(|_| now.instant),
            sequence: snapshot.sequence,
            session_reference_id: snapshot.session_reference_id.clone(),
            times: snapshot.times,
            offer: None,
            local: snapshot.local.clone(),
            moves_to: snapshot.moves_to.clone(),
            answered_with: snapshot.moves_to.clone().or(snapshot.local.clone()),
            remote: snapshot.remote.clone(),
            origin: snapshot.origin,
            trace,
            ending: snapshot.ending.clone(),
            lost: Vec::new(),
            moved_by: None,
            carried: Duration::from_micros(carried),
            unheard: false,
            idempotency_key: None,
            opened: Commit(0),
            committed: Commit(0),
            filed: None,
        }
    }

    /// When something has to be done about it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            CallState::Offered | CallState::Ringing => {
                let asked = self.asked_until.unwrap_or(self.rings_until);
                Some(asked.min(self.rings_until))
            }
            CallState::Answered | CallState::Confirmed => self.over_at(),
            // The user agent ends every CANCEL and every 2xx without ACK.
            CallState::Cancelling | CallState::Ended => None,
        }
    }

    /// When it has lasted long enough.
    pub(crate) fn over_at(&self) -> Option<Instant> {
        Some(self.answered_at? + self.max_duration?.saturating_sub(self.carried))
    }

    /// Time since the answer.
    pub(crate) fn lasted(&self, now: Now) -> Duration {
        self.answered_at.map_or(Duration::ZERO, |answered| {
            now.instant.saturating_since(answered) + self.carried
        })
    }

    pub(crate) fn is_inbound(&self) -> bool {
        self.identity.direction == Direction::Inbound
    }

    /// Nobody answered yet.
    pub(crate) const fn is_pending(&self) -> bool {
        matches!(self.state, CallState::Offered | CallState::Ringing)
    }

    pub(crate) fn ring(&mut self, now: Now) {
        self.state = CallState::Ringing;
        self.times.ringing.get_or_insert(now.unix_micros);
    }

    pub(crate) fn answer(&mut self, now: Now) {
        self.state = CallState::Answered;
        self.times.answered = Some(now.unix_micros);
        self.answered_at = Some(now.instant);
    }

    pub(crate) fn confirm(&mut self, now: Now) {
        self.state = CallState::Confirmed;
        self.times.confirmed = Some(now.unix_micros);
    }

    /// Adds a step to the record.
    pub(crate) fn note(&mut self, step: TraceStep) {
        let steps = self.trace.iter().cloned().chain([step]);
        self.trace = steps.collect();
    }

    /// The next event of the call.
    pub(crate) fn event(&mut self, now: Now, kind: EventKind) -> Arc<Event> {
        self.sequence += 1;
        Arc::new(Event {
            identity: self.identity.clone(),
            sequence: self.sequence,
            at_unix_ms: now.unix_millis(),
            session_reference_id: self.session_reference_id.clone(),
            kind,
        })
    }

    pub(crate) fn record(&self, outcome: Option<&Arc<Outcome>>) -> CallRecord {
        CallRecord {
            identity: self.identity.clone(),
            state: self.state,
            session_reference_id: self.session_reference_id.clone(),
            times: self.times,
            local: self.local.as_deref().map(MediaSummary::from),
            remote: self.remote.as_deref().map(MediaSummary::from),
            trace: self.trace.clone(),
            outcome: outcome.cloned(),
        }
    }

    pub(crate) fn snapshot(&self, leg: LegSnapshot) -> Snapshot {
        Snapshot {
            identity: self.identity.clone(),
            state: self.state,
            sequence: self.sequence,
            session_reference_id: self.session_reference_id.clone(),
            times: self.times,
            max_duration: self.max_duration,
            local: self.local.clone(),
            moves_to: self.moves_to.clone(),
            remote: self.remote.clone(),
            origin: self.origin,
            ending: self.ending.clone(),
            leg,
            steady: None,
        }
    }
}
