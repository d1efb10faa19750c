//! Callbacks on their way to the application: one at a time and in order for each call, again until they are taken,
//! and again after a crash that came before the receipt was written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookswitch_call::CallId;
use hookswitch_call::event::{Event, EventKind};
use hookswitch_call::record::Direction;

use crate::random::Random;

/// The callbacks of one call.
#[derive(Debug, Default)]
struct Lane {
    events: Vec<Arc<Event>>,
    /// How many were taken.
    taken: usize,
    /// How many of these the disk knows to be taken.
    marked: usize,
    /// `newRemoteCall` is over, or there is none.
    is_open: bool,
    is_busy: bool,
    /// How often the present one failed.
    failures: u32,
}

/// Every callback but `newRemoteCall`, which the ask brings.
#[derive(Debug, Default)]
pub struct Outbox {
    lanes: BTreeMap<CallId, Lane>,
}

impl Outbox {
    /// An event is durable.
    pub fn put(&mut self, event: &Arc<Event>) {
        let lane = self.lanes.entry(event.identity.call).or_default();
        lane.is_open |= event.identity.direction == Direction::Outbound;
        if !matches!(event.kind, EventKind::NewRemoteCall { .. }) {
            lane.events.push(event.clone());
        }
    }

    /// The ask of a call is over: its tells may go.
    pub fn open(&mut self, call: CallId) {
        self.lanes.entry(call).or_default().is_open = true;
    }

    /// The next callback of a call, and how often it failed; it is under way until `settle`.
    pub fn take(&mut self, call: CallId) -> Option<(Arc<Event>, u32)> {
        let lane = self.lanes.get_mut(&call)?;
        if !lane.is_open || lane.is_busy {
            return None;
        }
        let event = lane.events.get(lane.taken)?.clone();
        lane.is_busy = true;
        Some((event, lane.failures))
    }

    /// The callback under way was taken, or not; `marked` where the disk knows it at once.
    pub fn settle(&mut self, call: CallId, taken: bool, marked: bool) {
        let Some(lane) = self.lanes.get_mut(&call) else {
            return;
        };
        lane.is_busy = false;
        if !taken {
            lane.failures += 1;
            return;
        }
        lane.failures = 0;
        lane.taken += 1;
        if marked {
            lane.marked = lane.taken;
        }
    }

    /// Calls with a callback that can go.
    pub fn due(&self) -> Vec<CallId> {
        let due = |lane: &Lane| lane.is_open && !lane.is_busy && lane.taken < lane.events.len();
        let lanes = self.lanes.iter().filter(|(_, lane)| due(lane));
        lanes.map(|(call, _)| *call).collect()
    }

    /// The node crashed: what was under way or not marked goes again. Returns how many were taken already.
    pub fn handle_crash(&mut self, random: &mut Random) -> usize {
        let mut again = 0;
        for lane in self.lanes.values_mut() {
            lane.is_busy = false;
            // Nobody is asked twice.
            lane.is_open = true;
            let unmarked = u64::try_from(lane.taken - lane.marked).unwrap_or(0);
            let lost = usize::try_from(random.below(unmarked + 1)).unwrap_or(0);
            lane.taken -= lost;
            again += lost;
        }
        again
    }

    /// When everything is over nothing waits.
    pub fn check_closed(&self) {
        for (call, lane) in &self.lanes {
            assert_eq!(lane.taken, lane.events.len(), "{call}: {lane:?}");
        }
    }
}
