//! The outbox read back, a page at a time.

use std::time::SystemTime;

use tokio::time::Instant;

use super::{HOLD, Queue, Tell, lane_of};
use crate::callback::lanes::Wish;
use crate::callback::{CallKey, EventCursor};

/// A page of rows that wait and are due.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Each row's place in the outbox, and what to tell.
    pub rows: Vec<(i64, Tell)>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<i64>,
    /// When the first of the rows that are not due will be.
    pub next_due: Option<SystemTime>,
}

/// A row that was tried before a restart and may hold back those of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The event.
    pub cursor: EventCursor,
    /// Its call.
    pub call: CallKey,
    /// When it was first tried.
    pub first_tried: SystemTime,
}

impl Queue {
    /// What to read next of the outbox; one page at a time.
    pub(in crate::callback) fn next_read(&mut self) -> Option<Wish> {
        if self.is_reading {
            return None;
        }
        let wish = self.lanes.next_read(&self.limits)?;
        self.is_reading = true;
        Some(wish)
    }

    /// The page that was asked for; `None`: the outbox could not be read.
    pub(in crate::callback) fn handle_page(
        &mut self,
        now: Instant,
        wall: SystemTime,
        wish: &Wish,
        page: Option<Page>,
    ) {
        self.is_reading = false;
        match page {
            Some(page) => self.take_up(now, wall, wish, page),
            None => self.lanes.read_failed(&wish.lane),
        }
        for event in std::mem::take(&mut self.settled) {
            self.known.remove(&event);
        }
        if self.lanes.nothing_waits(&wish.lane) {
            self.narrow(&wish.lane, None);
        }
        self.wants_read = true;
    }

    /// Rows tried before a restart hold back those of their call for the rest of their minute.
    pub(in crate::callback) fn handle_held(
        &mut self,
        now: Instant,
        wall: SystemTime,
        held: impl IntoIterator<Item = Held>,
    ) {
        for held in held {
            let age = wall.duration_since(held.first_tried).unwrap_or_default();
            if age >= HOLD {
                continue;
            }
            let line = self.calls.entry(held.call).or_default();
            if line.head.is_none() {
                let unblock = now + (HOLD - age);
                line.head = Some(held.cursor);
                line.unblock = Some(unblock);
                self.unblocks.insert((unblock, held.call));
            }
        }
    }

    fn take_up(&mut self, now: Instant, wall: SystemTime, wish: &Wish, page: Page) {
        let mut all = page.next.is_none();
        let mut taken = wish.after;
        let mut has_room = true;
        for (row, tell) in page.rows {
            let lane = lane_of(&tell.target);
            let is_own = lane == wish.lane;
            // A lane that is behind reads its rows itself when its turn comes.
            if (is_own || !self.lanes.is_behind(&lane))
                && self.admit(now, wall, &lane, tell, true).is_err()
            {
                if is_own {
                    has_room = false;
                    break;
                }
                self.fall_behind(&lane, taken);
            }
            taken = row;
        }
        if has_room {
            taken = page.next.unwrap_or(taken);
        } else {
            all = false;
        }
        if let Some(at) = page.next_due {
            let left = at.duration_since(wall).unwrap_or_default();
            self.lanes.park(now, &wish.lane, now + left);
        }
        for tell in self.lanes.read(&wish.lane, taken, all) {
            if self.admit(now, wall, &wish.lane, tell, false).is_err() {
                self.fall_behind(&wish.lane, taken);
            }
        }
    }
}
