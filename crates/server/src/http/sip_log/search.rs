//! One search: from the end of a domain's log towards its beginning, a portion at a time, until it has enough, has seen
//! all, or has taken as long as it may. Each portion is a question of its own, so no search keeps the database's log
//! of changes from being folded in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookswitch_api::sip_log::SipLogItem;
use hookswitch_call::id::CallId;
use hookswitch_store::ladder::{self, Place};
use hookswitch_store::{Store, UnixMicros};

use super::item;
use super::wanted::Wanted;
use crate::shard::{LineKind, decode_ladder};

/// Rows of one question.
const PORTION: u32 = 64;
/// Octets of messages in one reply, about.
const MOST_OCTETS: usize = 8 << 20;
/// How much younger than its row's time a line may be, in microseconds: lines wait for a second.
const SPAN: u64 = 5_000_000;

/// A search.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) domain: Arc<str>,
    pub(super) wanted: Wanted,
    /// The first microsecond since 1970 that is meant.
    pub(super) from: u64,
    /// The first one that is not meant any more.
    pub(super) until: u64,
    pub(super) limit: usize,
    /// Where an earlier search ended.
    pub(super) after: Option<Mark>,
    pub(super) budget: Duration,
}

/// Where a search has come to: everything from here on is still to be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    row: Place,
    /// Lines of that row that were not searched.
    lines: usize,
}

impl Mark {
    /// The time of the place, in microseconds since 1970.
    pub(super) const fn at(self) -> u64 {
        self.row.at.0
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.row.at.0, self.row.serial, self.lines)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text
            .split('-')
            .map(|part| part.parse::<u64>().map_err(|_| ()));
        let mut next = || numbers.next().unwrap_or(Err(()));
        let (at, serial, lines) = (UnixMicros(next()?), next()?, next()?);
        Ok(Self {
            row: Place { at, serial },
            lines: usize::try_from(lines).map_err(|_| ())?,
        })
    }
}

/// What a search found.
#[derive(Debug)]
pub(super) struct Found {
    /// In order of time.
    pub(super) items: Vec<SipLogItem>,
    /// Where to go on; `None`: all was searched.
    pub(super) next: Option<Mark>,
}

impl Search {
    /// Searches; blocks.
    pub(super) fn run(&self, store: &Store) -> hookswitch_store::Result<Found> {
        let deadline = Instant::now() + self.budget;
        let from = UnixMicros(self.from.saturating_sub(SPAN));
        let mut before = match self.after {
            Some(mark) if mark.lines == 0 => mark.row,
            // The row itself is read once more.
            Some(mark) => Place {
                serial: mark.row.serial.saturating_add(1),
                ..mark.row
            },
            None => Place::end(UnixMicros(self.until)),
        };
        let mut items = Vec::new();
        let mut octets = 0;
        let next = 'search: loop {
            let rows =
                store.read(|db| ladder::of_domain(db, &self.domain, from, before, PORTION))?;
            let is_last = rows.len() < PORTION as usize;
            for row in rows {
                before = row.place;
                let lines = match self.wanted.may_be_in(&row.rows) {
                    true => decode_ladder(&row.rows),
                    false => Vec::new(),
                };
                let left = match self.after {
                    Some(mark) if mark.row == row.place => mark.lines.min(lines.len()),
                    _ => lines.len(),
                };
                let call = row.call.map(|call| CallId::from_u128(call.0));
                for (place, line) in lines.iter().enumerate().take(left).rev() {
                    let is_meant = line.kind == LineKind::Sip
                        && (self.from..self.until).contains(&line.at)
                        && self.wanted.takes(&line.text);
                    if !is_meant {
                        continue;
                    }
                    octets += line.text.len();
                    items.push((line.at, item::of(line, call)));
                    if items.len() >= self.limit || octets >= MOST_OCTETS {
                        break 'search Some(Mark {
                            row: row.place,
                            lines: place,
                        });
                    }
                }
                if Instant::now() >= deadline {
                    break 'search Some(Mark {
                        row: row.place,
                        lines: 0,
                    });
                }
            }
            if is_last {
                break None;
            }
        };
        // Rows overlap, each with the lines of about a second; what was found last is the oldest of its time.
        items.reverse();
        items.sort_by_key(|(at, _)| *at);
        let items = items.into_iter().map(|(_, item)| item).collect();
        Ok(Found { items, next })
    }
}

#[cfg(test)]
mod tests {
    use hookswitch_store::{Batch, CallKey, LadderRow};

    use super::*;
    use crate::database::home;

    fn store_with_rows(count: u64) -> (home::Home, Store) {
        let (home, store) = home::store();
        let rows = (0..count).map(|at| LadderRow {
            call: CallKey(0),
            domain: Some("a.test".into()),
            at: UnixMicros(at),
            rows: Vec::new(),
        });
        let batch = Batch {
            ladder: rows.collect(),
            ..Batch::default()
        };
        store.writer().submit(batch, |done| done.unwrap()).unwrap();
        store.writer().flush().unwrap();
        (home, store)
    }

    fn search(after: Option<Mark>) -> Search {
        Search {
            domain: "a.test".into(),
            wanted: Wanted::All,
            from: 0,
            until: u64::MAX,
            limit: 10,
            after,
            budget: Duration::ZERO,
        }
    }

    #[test]
    fn a_search_whose_time_is_over_says_where_to_go_on_and_gets_on_with_each_step() {
        let (_home, store) = store_with_rows(3);
        let mut steps = Vec::new();
        let mut after = None;
        while let Some(next) = search(after).run(&store).unwrap().next {
            assert_eq!(next.to_string().parse(), Ok(next));
            steps.push(next.at());
            after = Some(next);
        }
        assert_eq!(steps, [2, 1, 0]);
    }
}
