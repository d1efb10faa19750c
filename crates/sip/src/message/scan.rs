//! The one scanner: where header fields stand and where the header part ends. The parser, the stream framer and
//! `peek_call_id` all use it, so they never disagree.

use std::ops::Range;

use memchr::memchr;

use crate::message::syntax::{is_blank, is_token_byte};

/// `bytes` without the CRLFs before a start line (RFC 3261 §7.5).
pub(crate) fn skip_crlf(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r', b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether a CR stands without its LF or a LF without its CR. One reads such a thing as a line end, another as text,
/// so nobody may act on it.
pub(crate) fn has_bare_line_end(head: &[u8]) -> bool {
    let pairs = head.iter().zip(head.iter().skip(1));
    // Looking at every octet without a branch is several times faster than stopping at the first.
    let inside = pairs.fold(false, |bare, (one, two)| {
        bare | ((*one == b'\r') != (*two == b'\n'))
    });
    inside || head.first() == Some(&b'\n') || head.last() == Some(&b'\r')
}

/// One header line.
pub(crate) struct Line {
    pub(crate) len: usize,
    /// The name, a token, and the value without blanks around it, as ranges of the scanned text; `None` for a line
    /// that is no header field.
    pub(crate) parts: Option<(Range<usize>, Range<usize>)>,
}

/// Cuts a message into the lines of its header part; folded lines stay together. Only CRLF ends a line.
pub(crate) struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
    ended: bool,
}

impl<'b> Lines<'b> {
    /// The start line, which never folds, and the lines after it.
    pub(crate) fn new(bytes: &'b [u8]) -> (Range<usize>, Self) {
        let mut lines = Self {
            bytes,
            at: 0,
            ended: false,
        };
        let end = lines.next_line_end(false);
        (0..end, lines)
    }

    /// Where the header part ends (after the last line's CRLF), and where the body begins. `None` when no blank line
    /// was found; before the last line was taken it means nothing.
    pub(crate) const fn end(&self) -> Option<(usize, usize)> {
        if self.ended {
            Some((self.at, self.at + 2))
        } else {
            None
        }
    }

    /// Moves behind the line that begins here and returns where its text ends.
    fn next_line_end(&mut self, folds: bool) -> usize {
        let mut search = self.at;
        while let Some(found) = self
            .bytes
            .get(search..)
            .and_then(|rest| memchr(b'\n', rest))
        {
            let lf = search + found;
            let has_cr = lf > self.at && self.bytes.get(lf - 1) == Some(&b'\r');
            if has_cr && !(folds && matches!(self.bytes.get(lf + 1), Some(b' ' | b'\t'))) {
                self.at = lf + 1;
                return lf - 1;
            }
            search = lf + 1;
        }
        self.at = self.bytes.len();
        self.at
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let start = self.at;
        match self.bytes.get(start..)? {
            [] => return None,
            [b'\r', b'\n', ..] => {
                self.ended = true;
                return None;
            }
            _ => {}
        }
        let end = self.next_line_end(true);
        let line = self.bytes.get(start..end)?;
        Some(Line {
            len: line.len(),
            parts: split_field(line, start),
        })
    }
}

fn split_field(line: &[u8], start: usize) -> Option<(Range<usize>, Range<usize>)> {
    let name_len = line.iter().position(|&byte| !is_token_byte(byte))?;
    let mut from = name_len;
    while matches!(line.get(from), Some(b' ' | b'\t')) {
        from += 1;
    }
    if name_len == 0 || line.get(from) != Some(&b':') {
        return None;
    }
    from += 1;
    let mut to = line.len();
    while line.get(from).is_some_and(|&byte| is_blank(byte)) {
        from += 1;
    }
    while to > from && line.get(to - 1).is_some_and(|&byte| is_blank(byte)) {
        to -= 1;
    }
    Some((start..start + name_len, start + from..start + to))
}
