//! Ladder lines on their way to the store, by call, in a compact form of their own.

use std::collections::BTreeMap;

use hookswitch_api::ladder::{LadderDirection, LadderEntry, LadderKind};
use hookswitch_call::engine::LogEntry;
use hookswitch_call::id::CallId;
use hookswitch_store::{CallKey, LadderRow, UnixMicros};
use serde::{Deserialize, Serialize};

/// Octets of lines one call may have waiting; what is more is dropped and said so.
const MOST_PER_CALL: usize = 256 * 1024;
/// Octets of lines a call has room for at first.
const USUAL_PER_CALL: usize = 2 * 1024;

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
    /// The line of a SIP message.
    pub fn from_sip(entry: &LogEntry) -> Self {
        Self {
            at: entry.at_unix_micros,
            kind: LineKind::Sip,
            received: entry.received,
            peer: entry.flow.peer.to_string(),
            transport: Some(entry.flow.transport.to_string()),
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

/// The lines that wait.
#[derive(Debug, Default)]
pub(super) struct Ladders {
    waiting: BTreeMap<CallId, (u64, Vec<u8>)>,
    /// Room to encode one line in.
    encoded: Vec<u8>,
}

impl Ladders {
    pub(super) fn push(&mut self, call: CallId, line: &Line) {
        let (_, rows) = self
            .waiting
            .entry(call)
            .or_insert_with(|| (line.at, Vec::with_capacity(USUAL_PER_CALL)));
        if rows.len() > MOST_PER_CALL {
            return;
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        match postcard::to_extend(line, encoded) {
            Ok(encoded) => {
                let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
                rows.extend_from_slice(&length.to_le_bytes());
                rows.extend_from_slice(&encoded);
                self.encoded = encoded;
            }
            Err(error) => tracing::error!(%error, "a ladder line cannot be encoded"),
        }
    }

    pub(super) fn of_call(&self, call: CallId) -> Vec<Line> {
        self.waiting
            .get(&call)
            .map(|(_, rows)| decode(rows))
            .unwrap_or_default()
    }

    pub(super) fn take(&mut self) -> Vec<LadderRow> {
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|(call, (at, rows))| LadderRow {
                call: CallKey(call.as_u128()),
                at: UnixMicros(at),
                rows,
            })
            .collect()
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

    #[test]
    fn lines_come_back_as_they_went_in() {
        let line = |at| Line {
            at,
            kind: LineKind::Rest,
            received: true,
            peer: "answerremotecalljwt".to_owned(),
            transport: None,
            retransmission: false,
            text: "{}".to_owned(),
            status: Some(200),
            took: Some(1_500),
        };
        let call = CallId::from_u128(7);
        let mut ladders = Ladders::default();
        ladders.push(call, &line(1));
        ladders.push(call, &line(2));
        let rows = ladders.take();
        assert_eq!(rows.len(), 1);
        assert_eq!(decode(&rows[0].rows), [line(1), line(2)]);
        assert!(ladders.take().is_empty());
    }
}
