//! The one scanner: where the header part ends and where its fields stand. The parser, the stream framer and
//! `peek_call_id` all use it, so they never disagree.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use crate::message::syntax::is_blank;

/// `bytes` without the CRLFs before a start line (RFC 3261 §7.5).
pub(crate) fn skip_crlf(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r', b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Where the header part's last CRLF begins and where the body begins; `None` without a blank line.
pub(crate) fn header_end(bytes: &[u8]) -> Option<(usize, usize)> {
    memchr_iter(b'\n', bytes).find_map(|lf| {
        let ended = lf > 0
            && bytes.get(lf - 1) == Some(&b'\r')
            && bytes.get(lf + 1..lf + 3) == Some(b"\r\n");
        ended.then_some((lf - 1, lf + 3))
    })
}

/// One header line: the whole of it, and its name and value if it has a colon.
pub(crate) struct Line {
    pub(crate) whole: Range<usize>,
    /// Name and value without blanks around them, as ranges of the scanned text.
    pub(crate) parts: Option<(Range<usize>, Range<usize>)>,
}

/// Cuts a header part, without its blank line, into lines; folded lines stay together. Only CRLF ends a line.
pub(crate) struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Lines<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The first line, unfolded or not: the start line never folds.
    pub(crate) fn start_line(&mut self) -> Range<usize> {
        let mut at = 0;
        while let Some(found) = self.bytes.get(at..).and_then(|rest| memchr(b'\n', rest)) {
            let lf = at + found;
            if lf > 0 && self.bytes.get(lf - 1) == Some(&b'\r') {
                self.at = lf + 1;
                return 0..lf - 1;
            }
            at = lf + 1;
        }
        self.at = self.bytes.len();
        0..self.bytes.len()
    }

    fn line_end(&mut self) -> usize {
        let mut search = self.at;
        while let Some(found) = self
            .bytes
            .get(search..)
            .and_then(|rest| memchr(b'\n', rest))
        {
            let lf = search + found;
            let has_cr = lf > self.at && self.bytes.get(lf - 1) == Some(&b'\r');
            if has_cr && !matches!(self.bytes.get(lf + 1), Some(b' ' | b'\t')) {
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
        if start >= self.bytes.len() {
            return None;
        }
        let end = self.line_end();
        let line = self.bytes.get(start..end)?;
        let parts = memchr(b':', line).map(|colon| {
            let name_blanks = line
                .iter()
                .take(colon)
                .rev()
                .take_while(|byte| matches!(byte, b' ' | b'\t'))
                .count();
            let leading = line
                .iter()
                .skip(colon + 1)
                .take_while(|&&byte| is_blank(byte))
                .count();
            let from = start + colon + 1 + leading;
            let trailing = line
                .iter()
                .skip(colon + 1 + leading)
                .rev()
                .take_while(|&&byte| is_blank(byte))
                .count();
            (start..start + colon - name_blanks, from..end - trailing)
        });
        Some(Line {
            whole: start..end,
            parts,
        })
    }
}
