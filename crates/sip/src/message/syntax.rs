//! The lexical ground of RFC 3261 §25.1: tokens, whitespace, quoted strings, lists.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

const TOKEN: u8 = 1;
const BLANK: u8 = 2;
const NOT_IN_URI: u8 = 4;
const NOT_IN_PARAM: u8 = 8;
const NOT_IN_DISPLAY: u8 = 16;

static CLASSES: [u8; 256] = {
    let mut classes = [0_u8; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let octet = byte as u8;
        let mut class = 0;
        if octet.is_ascii_alphanumeric()
            || matches!(
                octet,
                b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
            )
        {
            class |= TOKEN;
        }
        if matches!(octet, b' ' | b'\t' | b'\r' | b'\n') {
            class |= BLANK;
        } else if octet < b' ' || octet == 0x7f {
            class |= NOT_IN_DISPLAY;
        }
        if octet <= b' ' || matches!(octet, 0x7f | b'<' | b'>' | b'"') {
            class |= NOT_IN_URI | NOT_IN_PARAM;
        }
        if matches!(octet, b',' | b';') {
            class |= NOT_IN_PARAM;
        }
        if matches!(
            octet,
            b'"' | b'<' | b'>' | b',' | b';' | b':' | b'?' | b'=' | b'\\'
        ) {
            class |= NOT_IN_DISPLAY;
        }
        classes[byte] = class;
        byte += 1;
    }
    classes
};

fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    is(byte, TOKEN)
}

pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is(byte, TOKEN))
}

/// Whether nothing in `text` is a control octet, a blank or one of `<>"`.
pub(crate) fn is_uri_text(text: &str) -> bool {
    !text.bytes().any(|byte| is(byte, NOT_IN_URI))
}

/// Whether `text` can be a display name without quotes; more liberal than the grammar's tokens.
pub(crate) fn is_plain_display(text: &str) -> bool {
    !text.bytes().any(|byte| is(byte, NOT_IN_DISPLAY))
}

/// Whether a parameter value without quotes can hold the octet; takes what host, IPv6reference and token can.
pub(crate) fn is_plain_value_byte(byte: u8) -> bool {
    !is(byte, NOT_IN_PARAM)
}

pub(crate) fn is_blank(byte: u8) -> bool {
    is(byte, BLANK)
}

/// Without the whitespace around it; folding counts as whitespace.
pub(crate) fn trim(text: &str) -> &str {
    trim_end(trim_start(text))
}

pub(crate) fn trim_start(text: &str) -> &str {
    let blanks = text.bytes().take_while(|&byte| is(byte, BLANK)).count();
    text.get(blanks..).unwrap_or("")
}

pub(crate) fn trim_end(text: &str) -> &str {
    let blanks = text
        .bytes()
        .rev()
        .take_while(|&byte| is(byte, BLANK))
        .count();
    text.get(..text.len() - blanks).unwrap_or("")
}

/// `text` parted before the octet at `at`, which must be a place found by searching ASCII.
pub(crate) fn part(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// The length of the quoted string `text` begins with, quotes included; `None` when it never ends.
pub(crate) fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = at + memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(found) == Some(&b'"') {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// Parts a comma list: its first element, trimmed, and what follows the comma. Commas in quotes or `<>` do not part.
pub(crate) fn split_element(text: &str) -> (&str, Option<&str>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| memchr3(b',', b'"', b'<', rest))
    {
        let place = at + found;
        let rest = bytes.get(place..).unwrap_or_default();
        let skipped = match rest.first() {
            Some(b',') => {
                let (element, tail) = part(text, place);
                return (trim(element), tail.get(1..));
            }
            Some(b'"') => quoted_len(rest),
            _ => memchr(b'>', rest).map(|end| end + 1),
        };
        match skipped {
            Some(length) => at = place + length,
            None => break,
        }
    }
    (trim(text), None)
}

/// The elements of a comma list, trimmed; empty ones are left out.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'b> {
    rest: Option<&'b str>,
}

impl<'b> Elements<'b> {
    pub(crate) const fn new(text: &'b str) -> Self {
        Self { rest: Some(text) }
    }
}

impl<'b> Iterator for Elements<'b> {
    type Item = &'b str;

    fn next(&mut self) -> Option<&'b str> {
        loop {
            let (element, rest) = split_element(self.rest?);
            self.rest = rest;
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

/// The elements of a comma list, trimmed, without empty ones. Commas in quotes or `<>` do not part.
pub fn split_list(text: &str) -> impl Iterator<Item = &str> {
    Elements::new(text)
}

/// A decimal number of at least one digit; what does not fit becomes `u64::MAX`. `None` for anything else.
pub(crate) fn number(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |value, byte| {
        byte.is_ascii_digit().then(|| {
            value
                .saturating_mul(10)
                .saturating_add(u64::from(byte - b'0'))
        })
    })
}

/// The value of a quoted string, unescaped and unfolded; text without quotes comes back as it is.
pub fn unquote(text: &str) -> Cow<'_, str> {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.map_or(Cow::Borrowed(text), unescape)
}

/// The inside of a quoted string with its `\` pairs resolved and its folds made one space each.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    if memchr3(b'\\', b'\r', b'\n', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => plain.extend(chars.next()),
            '\r' => {}
            '\n' => {
                if !plain.ends_with(' ') {
                    plain.push(' ');
                }
                let rest = chars.as_str().trim_start_matches([' ', '\t']);
                chars = rest.chars();
            }
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

/// `text` as a quoted string, with `"` and `\` escaped; control characters become spaces.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            control if control.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
