//! Lines of ladders and of the SIP log on their way to the store, in a compact form of their own.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use hookswitch_api::ladder::{LadderDirection, LadderEntry, LadderKind};
use hookswitch_call::engine::{LogEntry, Owner};
use hookswitch_call::id::CallId;
use hookswitch_store::{CallKey, LadderRow, UnixMicros};
use serde::{Deserialize, Serialize};

/// Octets of lines that may wait in all, for a shard; the oldest are dropped first.
const MOST_WAITING: usize = 32 << 20;
/// Octets of one row of the store, about.
const LARGEST_ROW: usize = 256 << 10;
/// Octets of lines a row has room for at first.
const USUAL_ROW: usize = 2 << 10;

/// One line of a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, in microseconds since 1970.
    pub at: u64,
    /// What kind.
    pub kind: LineKind,
    /// Whether it came to us.
    pub received: bool,
    /// The other side: an address, or a URL.
    pub peer: String,
    /// Our transport, for SIP.
    pub transport: Option<String>,
    /// Our address, for SIP.
    pub local: Option<SocketAddr>,
    /// Whether the same was seen before.
    pub retransmission: bool,
    /// The whole message, or what is to be known of the exchange.
    pub text: String,
    /// The status of an HTTP exchange.
    pub status: Option<u16>,
    /// How long an HTTP exchange took, in microseconds.
    pub took: Option<u64>,
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineKind {
    /// A SIP message.
    Sip,
    /// A command of the application.
    Rest,
    /// A callback of ours.
    Callback,
}

impl Line {
    /// The line of a SIP message; `local` is our side of it.
    pub fn from_sip(entry: &LogEntry, local: Option<SocketAddr>) -> Self {
        Self {
            at: entry.at_unix_micros,
            kind: LineKind::Sip,
            received: entry.received,
            peer: entry.flow.peer.to_string(),
            transport: Some(entry.flow.transport.to_string()),
            local,
            retransmission: entry.retransmission,
            text: text_of(&entry.bytes),
            status: None,
            took: None,
        }
    }
}

impl Line {
    /// The line as the REST interface shows it; `offset` is filled in where the whole ladder is known.
    pub fn entry(&self) -> LadderEntry {
        let other = match (self.kind, &self.transport) {
            (LineKind::Sip, Some(transport)) => format!("{transport}:{}", self.peer),
            (LineKind::Sip, None) => self.peer.clone(),
            (LineKind::Rest | LineKind::Callback, _) => "application".to_owned(),
        };
        let (from, to) = if self.received {
            (other, "node".to_owned())
        } else {
            ("node".to_owned(), other)
        };
        let is_sip = self.kind == LineKind::Sip;
        LadderEntry {
            at: self.at,
            offset: 0,
            kind: match self.kind {
                LineKind::Sip => LadderKind::Sip,
                LineKind::Rest => LadderKind::Rest,
                LineKind::Callback => LadderKind::Callback,
            },
            direction: if self.received {
                LadderDirection::In
            } else {
                LadderDirection::Out
            },
            from,
            to,
            summary: self.summary(),
            status: self.status.or_else(|| self.sip_status()),
            took: self.took,
            repeated: self.retransmission,
            error: (!is_sip && !self.text.is_empty()).then(|| self.text.clone()),
            text: (is_sip && !self.text.is_empty()).then(|| self.text.clone()),
        }
    }

    /// The line of something REST reports.
    pub fn from_entry(entry: LadderEntry) -> Self {
        Self {
            at: entry.at,
            kind: match entry.kind {
                LadderKind::Sip => LineKind::Sip,
                LadderKind::Rest => LineKind::Rest,
                LadderKind::Callback => LineKind::Callback,
            },
            received: entry.direction == LadderDirection::In,
            peer: entry.summary,
            transport: None,
            local: None,
            retransmission: entry.repeated,
            text: entry.error.unwrap_or_default(),
            status: entry.status,
            took: entry.took,
        }
    }

    /// It in a few words.
    pub fn summary(&self) -> String {
        match self.kind {
            LineKind::Sip => {
                let first = self.text.lines().next().unwrap_or("");
                first
                    .strip_prefix("SIP/2.0 ")
                    .or(first.strip_suffix(" SIP/2.0"))
                    .unwrap_or(first)
                    .to_owned()
            }
            LineKind::Rest => self.peer.clone(),
            LineKind::Callback => format!("POST {}", self.peer),
        }
    }

    fn sip_status(&self) -> Option<u16> {
        self.text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }
}

/// A message as text; nearly all are, and to know that is cheaper than to mend what is not.
fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The lines that wait for the store. Those of the last second are gathered by owner; older ones, which the store had
/// no room for, lie in a queue. When there are too many, the oldest are dropped and counted.
#[derive(Debug)]
pub(super) struct Ladders {
    gathering: BTreeMap<Owner, Rows>,
    sealed: VecDeque<(Owner, Rows)>,
    /// Octets of both.
    octets: usize,
    most: usize,
    dropped: u64,
    /// Room to encode one line in.
    encoded: Vec<u8>,
}

/// Lines of one owner.
#[derive(Debug)]
struct Rows {
    /// Time of the earliest.
    at: u64,
    lines: u64,
    encoded: Vec<u8>,
}

impl Default for Ladders {
    fn default() -> Self {
        Self::with_room(MOST_WAITING)
    }
}

impl Ladders {
    fn with_room(most: usize) -> Self {
        Self {
            gathering: BTreeMap::new(),
            sealed: VecDeque::new(),
            octets: 0,
            most,
            dropped: 0,
            encoded: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, owner: Owner, line: &Line) {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        match postcard::to_extend(line, encoded) {
            Ok(encoded) => {
                self.append(owner, line.at, &encoded);
                self.encoded = encoded;
            }
            Err(error) => tracing::error!(%error, "a ladder line cannot be encoded"),
        }
    }

    fn append(&mut self, owner: Owner, at: u64, encoded: &[u8]) {
        if let Some(rows) = self.gathering.get(&owner)
            && rows.encoded.len() + encoded.len() > LARGEST_ROW
        {
            self.seal(&owner);
        }
        let rows = self.gathering.entry(owner).or_insert_with(|| Rows {
            at,
            lines: 0,
            encoded: Vec::with_capacity(USUAL_ROW),
        });
        let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
        rows.at = rows.at.min(at);
        rows.lines += 1;
        rows.encoded.extend_from_slice(&length.to_le_bytes());
        rows.encoded.extend_from_slice(encoded);
        self.octets += encoded.len() + 4;
        while self.octets > self.most {
            self.drop_oldest();
        }
    }

    fn seal(&mut self, owner: &Owner) {
        if let Some(sealed) = self.gathering.remove_entry(owner) {
            self.sealed.push_back(sealed);
        }
    }

    /// Call ids are led by the clock, so the first of those that gather is the oldest call.
    fn drop_oldest(&mut self) {
        let oldest = self.sealed.pop_front();
        if let Some((_, rows)) = oldest.or_else(|| self.gathering.pop_first()) {
            self.octets -= rows.encoded.len();
            self.dropped += rows.lines;
        }
    }

    /// The lines of a call that are here.
    pub(super) fn of_call(&self, call: CallId) -> Vec<Line> {
        let owner = Owner::Call(call);
        let sealed = self.sealed.iter().filter(|(of, _)| *of == owner);
        let rows = sealed
            .map(|(_, rows)| rows)
            .chain(self.gathering.get(&owner));
        rows.flat_map(|rows| decode(&rows.encoded)).collect()
    }

    /// Nothing is added to what was gathered, which is kept in the order of its time.
    pub(super) fn keep(&mut self) {
        self.sealed.extend(std::mem::take(&mut self.gathering));
    }

    /// The oldest rows of those that were kept, `most` at a time, for the store, and how many lines that is.
    pub(super) fn take(&mut self, most: usize) -> (Vec<LadderRow>, u64) {
        let portion = self.sealed.len().min(most);
        let mut lines = 0;
        let rows = self.sealed.drain(..portion).map(|(owner, rows)| {
            self.octets -= rows.encoded.len();
            lines += rows.lines;
            rows.of(owner)
        });
        (rows.collect(), lines)
    }

    /// Counts lines that were lost elsewhere.
    pub(super) const fn lost(&mut self, lines: u64) {
        self.dropped += lines;
    }

    /// How many lines were dropped since the start.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Rows {
    fn of(self, owner: Owner) -> LadderRow {
        let (call, domain) = match owner {
            Owner::Call(call) => (CallKey(call.as_u128()), None),
            Owner::Tenant(domain) => (CallKey(0), Some(domain)),
        };
        LadderRow {
            call,
            domain,
            at: UnixMicros(self.at),
            rows: self.encoded,
        }
    }
}

/// The lines of one stored batch; what cannot be read ends it.
pub fn decode(mut rows: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    while let Some((length, rest)) = rows.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some(encoded) = rest.get(..length) else {
            break;
        };
        let Ok(line) = postcard::from_bytes(encoded) else {
            break;
        };
        lines.push(line);
        rows = &rest[length..];
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: u64) -> Line {
        Line {
            at,
            kind: LineKind::Rest,
            received: true,
            peer: "answerremotecalljwt".to_owned(),
            transport: None,
            local: None,
            retransmission: false,
            text: "{}".to_owned(),
            status: Some(200),
            took: Some(1_500),
        }
    }

    fn call(number: u128) -> Owner {
        Owner::Call(CallId::from_u128(number))
    }

    fn taken(ladders: &mut Ladders) -> (Vec<LadderRow>, u64) {
        ladders.keep();
        ladders.take(usize::MAX)
    }

    fn times(row: &LadderRow) -> Vec<u64> {
        decode(&row.rows).iter().map(|line| line.at).collect()
    }

    #[test]
    fn lines_come_back_as_they_went_in() {
        let mut ladders = Ladders::default();
        ladders.push(call(7), &line(2));
        ladders.push(call(7), &line(1));
        let (rows, lines) = taken(&mut ladders);
        assert_eq!((rows.len(), lines), (1, 2));
        assert_eq!(rows[0].at, UnixMicros(1), "the earliest");
        assert_eq!(decode(&rows[0].rows), [line(2), line(1)]);
        assert!(taken(&mut ladders).0.is_empty());
    }

    #[test]
    fn lines_of_a_tenant_name_it_and_no_call() {
        let mut ladders = Ladders::default();
        ladders.push(Owner::Tenant("a.test".into()), &line(1));
        let (rows, _) = taken(&mut ladders);
        assert_eq!(
            (rows[0].call.0, rows[0].domain.as_deref()),
            (0, Some("a.test"))
        );
    }

    #[test]
    fn what_the_store_had_no_room_for_is_kept_in_order_and_still_read() {
        let mut ladders = Ladders::default();
        for at in 1..=3 {
            ladders.push(call(7), &line(at));
            ladders.keep();
        }
        ladders.push(call(7), &line(4));
        let recent = ladders.of_call(CallId::from_u128(7));
        assert_eq!(recent, [line(1), line(2), line(3), line(4)]);
        let (rows, _) = taken(&mut ladders);
        assert_eq!(
            rows.iter().flat_map(times).collect::<Vec<_>>(),
            [1, 2, 3, 4]
        );
    }

    #[test]
    fn the_store_is_given_the_oldest_rows_a_portion_at_a_time() {
        let mut ladders = Ladders::default();
        for at in 1..=3 {
            ladders.push(call(u128::from(at)), &line(at));
            ladders.push(call(u128::from(at)), &line(at));
        }
        ladders.keep();
        let (rows, lines) = ladders.take(2);
        assert_eq!(lines, 4);
        assert_eq!(
            rows.iter().flat_map(times).collect::<Vec<_>>(),
            [1, 1, 2, 2]
        );
        let (rows, lines) = ladders.take(2);
        assert_eq!(lines, 2);
        assert_eq!(rows.iter().flat_map(times).collect::<Vec<_>>(), [3, 3]);
        assert!(ladders.take(2).0.is_empty());
    }

    #[test]
    fn the_oldest_lines_are_dropped_and_counted_when_there_are_too_many() {
        let room = 4 + postcard::to_stdvec(&line(1)).unwrap().len();
        let mut ladders = Ladders::with_room(3 * room);
        for at in 1..=4 {
            ladders.push(call(u128::from(at)), &line(at));
            ladders.keep();
        }
        assert_eq!(ladders.dropped(), 1);
        ladders.push(call(6), &line(6));
        ladders.push(call(5), &line(5));
        assert_eq!(ladders.dropped(), 3);
        let (rows, _) = taken(&mut ladders);
        assert_eq!(rows.iter().flat_map(times).collect::<Vec<_>>(), [4, 5, 6]);
        ladders.push(call(7), &line(7));
        assert_eq!(ladders.dropped(), 3, "there is room again");
    }

    #[test]
    fn a_call_with_very_much_to_say_gets_several_rows() {
        let long = Line {
            text: "x".repeat(LARGEST_ROW / 3),
            ..line(1)
        };
        let mut ladders = Ladders::default();
        for _ in 0..5 {
            ladders.push(call(7), &long);
        }
        let (rows, _) = taken(&mut ladders);
        assert_eq!(
            rows.iter().map(|row| times(row).len()).collect::<Vec<_>>(),
            [2, 2, 1]
        );
    }
}
