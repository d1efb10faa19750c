//! Writes: when they are handed out, which of them can wait for company, and what becomes of one that is never made.
//!
//! | write | when | waits for it |
//! |---|---|---|
//! | an inbound call is offered | at once | the ask |
//! | a call is placed | with its INVITE where the address is known at once | the reply, the INVITE |
//! | an INVITE goes to another address, a 2xx that waited for PRACK | before it leaves | that message |
//! | a call is answered | at once | the 2xx, the reply |
//! | an event is told | at once, with record and snapshot | its delivery; the ACK, when a called side answered |
//! | a call is over | at once, with the last event | the 486, BYE, CANCEL … of the end, the reply |
//! | it rings, the ask's reply named a reference | within half a second, with others | nothing |
//! | the snapshot of an ended leg that settled is deleted | with the next write, or within half a second | nothing |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_sip::event::{Commit, LegId, Rejection, Transmit};
use hookswitch_sip::time::{Instant, Now};

use super::ladder::Before;
use super::{Change, Engine, Output, Party};
use crate::call::Call;
use crate::event::{Event, EventKind};
use crate::id::CallId;
use crate::outcome::{Class, EndedBy, Outcome};
use crate::record::{CallRecord, CallState, Snapshot};
use crate::route::TraceStep;

/// How long a write nobody waits for may wait for company.
const LEISURE: Duration = Duration::from_millis(500);
/// The most changes of one write.
const MOST_CHANGES: usize = 256;
/// Writes without receipt that are remembered: as many as the writer's queue has room for.
const MOST_OUTSTANDING: usize = 65_536;

/// Writes nobody waits for.
#[derive(Debug, Default)]
pub(super) struct Leisurely {
    /// Calls whose record and snapshot are behind.
    stale: BTreeSet<CallId>,
    /// Ended calls whose legs settled.
    settled: Vec<CallId>,
    /// Ends, and events of ended calls, that are to be written again.
    again: BTreeMap<CallId, Ending>,
    due: Option<Instant>,
}

/// What was to be written of an ended call.
#[derive(Debug, Default)]
struct Ending {
    record: Option<Box<CallRecord>>,
    events: Vec<Arc<Event>>,
}

impl Leisurely {
    pub(super) fn len(&self) -> usize {
        self.stale.len() + self.settled.len() + self.again.len()
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A snapshot goes with the end of its call, never before it: after a crash nobody else would know of the call.
    fn put_ends_first(&mut self) {
        let again = &self.again;
        let waits = |call: &CallId| again.get(call).is_some_and(|end| end.record.is_some());
        self.settled.retain(|call| !waits(call));
    }

    fn file(&mut self, present: Instant) {
        self.due.get_or_insert(present + LEISURE);
    }
}

/// A write that may not have been made yet.
#[derive(Debug)]
pub(super) struct Outstanding {
    commit: Commit,
    since: Instant,
    call: CallId,
    event: Option<Arc<Event>>,
    /// The record, where the write ends the call.
    end: Option<Box<CallRecord>>,
    /// Calls whose snapshots it deletes.
    deletes: Vec<CallId>,
}

impl Engine {
    /// The number of the next write.
    pub(super) const fn next_commit(&mut self) -> Commit {
        self.last_commit += 1;
        Commit(self.last_commit)
    }

    /// Hands out a write that concerns `call`.
    pub(super) fn commit(&mut self, call: &mut Call, commit: Commit, changes: Vec<Change>) {
        call.committed = commit;
        let key = call.idempotency_key.take();
        let count = changes.len() + call.lost.len() + usize::from(key.is_some());
        let mut all = Vec::with_capacity(count);
        all.extend(
            std::mem::take(&mut call.lost)
                .into_iter()
                .map(Change::Event),
        );
        all.extend(changes);
        let id = call.identity.call;
        all.extend(key.map(|key| Change::Placed {
            domain: call.identity.domain.clone(),
            key,
            call: id,
        }));
        if all.iter().any(|change| matches!(change, Change::Call(_))) {
            self.leisurely.stale.remove(&id);
        }
        self.hand_out(id, commit, all);
    }

    /// Hands out a write; what can go with any write goes along.
    pub(super) fn hand_out(&mut self, call: CallId, commit: Commit, mut changes: Vec<Change>) {
        let room = self.leisurely.settled.len().min(MOST_CHANGES);
        changes.extend(self.leisurely.settled.drain(..room).map(deletion));
        self.remember(call, commit, &changes);
        self.outputs.push_back(Output::Commit { commit, changes });
    }

    fn remember(&mut self, call: CallId, commit: Commit, changes: &[Change]) {
        let since = self.present;
        let mut end = None;
        let mut last = None;
        let mut deletes = Vec::new();
        for change in changes {
            match change {
                Change::Call(record) if record.state == CallState::Ended => {
                    end = Some(record.clone());
                }
                Change::Event(event) => {
                    if let Some(earlier) = last.replace(event.clone()) {
                        self.outstanding.push_back(Outstanding {
                            commit,
                            since,
                            call,
                            event: Some(earlier),
                            end: None,
                            deletes: Vec::new(),
                        });
                    }
                }
                Change::Snapshot {
                    call,
                    snapshot: None,
                } => deletes.push(*call),
                Change::Call(_)
                | Change::Snapshot { .. }
                | Change::Unkept(_)
                | Change::Placed { .. } => {}
            }
        }
        self.outstanding.push_back(Outstanding {
            commit,
            since,
            call,
            event: last,
            end,
            deletes,
        });
        while self.outstanding.len() > MOST_OUTSTANDING {
            self.outstanding.pop_front();
        }
    }

    /// How old the oldest write without receipt is, nothing when there is none. The shell tells it when it changes,
    /// and at least every 100 ms while there is one.
    pub fn handle_store_lag(&mut self, lag: Option<Duration>) {
        self.admission.handle_store_lag(lag.unwrap_or_default());
        let present = self.present;
        let is_settled = |old: &mut Outstanding| lag.is_none_or(|lag| old.since + lag < present);
        while self.outstanding.pop_front_if(is_settled).is_some() {}
    }

    /// Whether a write may still be under way.
    pub(super) fn may_be_unwritten(&self, commit: Commit) -> bool {
        self.outstanding
            .binary_search_by_key(&commit, |outstanding| outstanding.commit)
            .is_ok()
    }

    /// How late the shell is: the age of the oldest message in its inbox.
    pub fn handle_inbox_age(&mut self, age: Duration) {
        self.admission.handle_inbox_age(age);
    }

    /// That write is never made: the queue is full, or the store refused it for good. A call that is not confirmed
    /// ends; one that is goes on, and its state is written again, as is an end.
    pub fn handle_not_written(&mut self, now: Now, commit: Commit) {
        self.present = now.instant;
        self.counters.not_written += 1;
        let first = self
            .outstanding
            .partition_point(|outstanding| outstanding.commit < commit);
        let mut lost = self.outstanding.split_off(first);
        let rest = lost.partition_point(|outstanding| outstanding.commit == commit);
        self.outstanding.append(&mut lost.split_off(rest));
        for outstanding in lost {
            self.unwritten(now, outstanding);
        }
        self.settle(now, None);
        self.collect(now);
    }

    fn unwritten(&mut self, now: Now, lost: Outstanding) {
        let id = lost.call;
        if !lost.deletes.is_empty() {
            self.leisurely.settled.extend(lost.deletes);
            self.leisurely.file(self.present);
        }
        let Some(mut call) = self.take_call(id) else {
            if lost.event.is_some() || lost.end.is_some() {
                let again = self.leisurely.again.entry(id).or_default();
                again.events.extend(lost.event);
                again.record = lost.end.or(again.record.take());
                self.leisurely.put_ends_first();
                self.leisurely.file(self.present);
            }
            return;
        };
        let unheard = lost.commit == call.opened;
        match lost.event {
            // It was never asked, so it is no call to the application.
            Some(event) if unheard => {
                call.sequence = event.sequence - 1;
            }
            Some(event) => call.lost.push(event),
            None => {}
        }
        if matches!(call.state, CallState::Confirmed | CallState::Cancelling) {
            self.refresh_later(&call);
            return self.put_call(call);
        }
        call.unheard = unheard;
        let why = "what the call was about to do could not be written down";
        call.note(TraceStep::new("store", "refused", why));
        let outcome = Outcome::failed(EndedBy::System, 500, super::ending::phrase_of(500, ""))
            .of_class(Class::Internal)
            .after(call.lasted(now));
        if call.state == CallState::Answered {
            self.part(now, call.leg);
            self.finish(now, call, outcome);
        } else if call.is_inbound() {
            self.refuse_call(now, call, &Rejection::new(500), outcome);
        } else {
            self.give_up(now, &mut call, outcome);
            self.put_call(call);
        }
    }

    /// The call's record and snapshot are written with others before long.
    pub(super) fn refresh_later(&mut self, call: &Call) {
        self.leisurely.stale.insert(call.identity.call);
        self.leisurely.file(self.present);
    }

    /// An ended leg owes nothing any more.
    pub(super) fn settled(&mut self, leg: LegId) {
        let Some(Party::Past(known)) = self.legs.get_mut(&leg.0) else {
            return;
        };
        known.settled = true;
        if std::mem::take(&mut known.leaving) {
            let call = known.call;
            self.give_up_snapshot(call);
        }
    }

    /// The snapshot of an ended call is of no use any more.
    pub(super) fn give_up_snapshot(&mut self, call: CallId) {
        self.leisurely.settled.push(call);
        self.leisurely.put_ends_first();
        self.leisurely.file(self.present);
    }

    /// Writes what waited for company long enough.
    pub(super) fn write_leisurely(&mut self, now: Now) {
        if self.leisurely.due.is_none_or(|due| due > now.instant) {
            return;
        }
        self.leisurely.due = None;
        for (id, ending) in std::mem::take(&mut self.leisurely.again) {
            self.write_again(now, id, ending);
        }
        for id in std::mem::take(&mut self.leisurely.stale) {
            let Some(mut call) = self.take_call(id) else {
                continue;
            };
            let mut changes = vec![Change::Call(Box::new(call.record(None)))];
            changes.extend(self.snapshot(now, &call));
            let commit = self.next_commit();
            self.commit(&mut call, commit, changes);
            self.put_call(call);
        }
        while !self.leisurely.settled.is_empty() {
            let room = self.leisurely.settled.len().min(MOST_CHANGES);
            let first = self.leisurely.settled[0];
            let changes: Vec<_> = self.leisurely.settled.drain(..room).map(deletion).collect();
            let commit = self.next_commit();
            self.remember(first, commit, &changes);
            self.outputs.push_back(Output::Commit { commit, changes });
        }
    }

    /// The end of a call that was not written at first.
    fn write_again(&mut self, now: Now, id: CallId, ending: Ending) {
        let mut changes = Vec::new();
        let mut leg = None;
        if let Some(record) = ending.record {
            leg = self
                .past
                .iter()
                .find(|past| past.call == id)
                .map(|past| past.leg);
            let mut owed = leg.and_then(|leg| self.agent.snapshot(now, leg));
            let sequence = ending.events.last().map_or(0, |event| event.sequence);
            if let Some(Party::Past(known)) = leg.and_then(|leg| self.legs.get_mut(&leg.0)) {
                owed = owed.filter(|_| !known.settled);
                known.leaving = owed.is_some();
            }
            let snapshot = owed.map(|leg| Box::new(Snapshot::ended(&record, sequence, leg)));
            changes.push(Change::Call(record));
            changes.push(Change::Snapshot { call: id, snapshot });
        }
        changes.extend(ending.events.into_iter().map(Change::Event));
        let commit = self.next_commit();
        if let Some(leg) = leg {
            self.agent.hold(leg, commit);
        }
        self.hand_out(id, commit, changes);
    }

    /// A message that a restart would not understand from the stored snapshot waits for a new one.
    pub(super) fn write_before(&mut self, now: Now, transmit: &mut Transmit) {
        let Some(leg) = transmit.leg.filter(|_| !transmit.retransmission) else {
            return;
        };
        let Some(Party::Call(known)) = self.legs.get_mut(&leg.0) else {
            return;
        };
        if transmit.bytes.starts_with(b"ACK ") {
            // It ends the peer's repetitions: a restart would not learn of the answer any more.
            if let Some(call) = self.calls.get(&known.call.as_u128()) {
                transmit.after = transmit.after.max(call.committed);
            }
            return;
        }
        let is_due = match known.before {
            Before::Nothing => known.count_request(&transmit.bytes),
            Before::Invite => transmit.bytes.starts_with(b"INVITE "),
            Before::Answer => {
                transmit.bytes.starts_with(b"SIP/2.0 200")
                    && self.agent.leg(leg).is_some_and(|view| view.is_answered)
            }
        };
        if !is_due {
            return;
        }
        known.written();
        let id = known.call;
        if let Some(place) = self.placing.iter().position(|placing| placing.call() == id)
            && let Some(placing) = self.placing.remove(place)
        {
            self.open_placed(now, &placing);
        } else if let Some(mut call) = self.take_call(id) {
            let snapshot = self.snapshot(now, &call);
            let commit = self.next_commit();
            self.commit(&mut call, commit, snapshot.into_iter().collect());
            self.put_call(call);
        }
        if let Some(call) = self.calls.get(&id.as_u128()) {
            let commit = call.committed;
            self.agent.hold(leg, commit);
            transmit.after = transmit.after.max(commit);
        }
    }

    pub(super) fn tell(&mut self, now: Now, call: &mut Call, kind: EventKind) -> Arc<Event> {
        self.counters.events += 1;
        call.event(now, kind)
    }

    /// Writes an event with the call as it is now.
    pub(super) fn commit_event(&mut self, now: Now, call: &mut Call, kind: EventKind) {
        let event = self.tell(now, call, kind);
        let mut changes = vec![Change::Call(Box::new(call.record(None)))];
        changes.extend(self.snapshot(now, call));
        changes.push(Change::Event(event));
        let commit = self.next_commit();
        self.commit(call, commit, changes);
    }

    /// The call as a restart needs it, for a write. None where the leg is gone already: the snapshot that is stored
    /// has to stay until the end of the call is written too.
    pub(super) fn snapshot(&self, now: Now, call: &Call) -> Option<Change> {
        let leg = self.agent.snapshot(now, call.leg)?;
        let steady = self.steady(call);
        Some(Change::Snapshot {
            call: call.identity.call,
            snapshot: Some(Box::new(Snapshot {
                steady,
                ..call.snapshot(leg)
            })),
        })
    }
}

const fn deletion(call: CallId) -> Change {
    Change::Snapshot {
        call,
        snapshot: None,
    }
}
