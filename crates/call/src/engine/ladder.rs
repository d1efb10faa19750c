//! SIP messages of recorded calls for the log, without keys and credentials; those of no call are in `stray.rs`.

use std::borrow::Cow;

use bytes::Bytes;
use hookswitch_sip::event::{LegId, Transmit};
use hookswitch_sip::flow::Flow;
use hookswitch_sip::hash::KeyedHash;
use hookswitch_sip::time::Now;
use memchr::{memchr, memmem};

use super::{Engine, LogEntry, Output, Owner, Party};
use crate::id::CallId;

/// How many different messages of a call are told apart from their copies.
const MOST_SEEN: usize = 64;

/// A call with a ladder, and what it has received so far.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) call: CallId,
    seen: Vec<u64>,
    /// Which message needs a new snapshot before it leaves.
    pub(super) before: Before,
    /// Requests of ours that the stored snapshot does not know.
    unwritten: u16,
    /// Ended, with a snapshot that is kept until the leg settles.
    pub(super) leaving: bool,
    /// The leg owed nothing any more; what a stray fork makes it owe since is not worth a snapshot.
    pub(super) settled: bool,
}

/// A message of ours that a restart would not understand from the stored snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// Every INVITE that is not a copy: its branch is new.
    Invite,
    /// The 2xx, which waits for a PRACK.
    Answer,
}

/// A restart leaps over so many CSeq numbers at least, whatever the snapshot does not know; a good part of them is kept
/// in reserve.
const MOST_UNWRITTEN: u16 = 500;

impl Known {
    pub(super) const fn new(call: CallId) -> Self {
        Self {
            call,
            seen: Vec::new(),
            before: Before::Nothing,
            unwritten: 0,
            leaving: false,
            settled: false,
        }
    }

    /// The next request of ours has a CSeq number beyond the leap: another restart has to leap from there.
    pub(super) const fn handle_restart(&mut self) {
        self.unwritten = MOST_UNWRITTEN;
    }

    /// Counts a message of ours; whether it needs a new snapshot for the sake of its CSeq number.
    pub(super) fn count_request(&mut self, bytes: &[u8]) -> bool {
        if !bytes.starts_with(b"SIP/2.0") {
            self.unwritten = self.unwritten.saturating_add(1);
        }
        self.unwritten > MOST_UNWRITTEN
    }

    /// The new snapshot is on its way.
    pub(super) fn written(&mut self) {
        self.unwritten = 0;
        if self.before == Before::Answer {
            self.before = Before::Nothing;
        }
    }

    /// Whether these bytes came before; remembers them.
    fn is_copy(&mut self, key: &KeyedHash, bytes: &[u8]) -> bool {
        let hash = key.short(&[bytes]);
        if self.seen.contains(&hash) {
            return true;
        }
        if self.seen.len() < MOST_SEEN {
            self.seen.push(hash);
        }
        false
    }
}

impl Party {
    fn known(&mut self) -> Option<&mut Known> {
        match self {
            Self::Call(known) | Self::Past(known) => Some(known),
            Self::Drill(drill) => drill.known(),
        }
    }
}

impl Engine {
    pub(super) fn log_received(&mut self, now: Now, flow: Flow, leg: LegId, bytes: &[u8]) {
        let Some(known) = self.legs.get_mut(&leg.0).and_then(Party::known) else {
            return;
        };
        let entry = LogEntry {
            owner: Owner::Call(known.call),
            at_unix_micros: now.unix_micros,
            flow,
            received: true,
            retransmission: known.is_copy(&self.key, bytes),
            bytes: Bytes::from(redacted(bytes).into_owned()),
        };
        self.outputs.push_back(Output::Log(entry));
    }

    pub(super) fn log_sent(&mut self, now: Now, transmit: &Transmit) {
        let owner = match transmit.leg {
            Some(leg) => {
                let known = self.legs.get_mut(&leg.0).and_then(Party::known);
                known.map(|known| Owner::Call(known.call))
            }
            None => self.named.clone().map(Owner::Tenant),
        };
        let Some(owner) = owner else {
            return;
        };
        let entry = LogEntry {
            owner,
            at_unix_micros: now.unix_micros,
            flow: transmit.flow,
            received: false,
            retransmission: transmit.retransmission,
            bytes: match redacted(&transmit.bytes) {
                Cow::Borrowed(_) => transmit.bytes.clone(),
                Cow::Owned(bytes) => bytes.into(),
            },
        };
        self.outputs.push_back(Output::Log(entry));
    }
}

/// Header fields whose values open something.
const SECRET: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "x-jwtauth",
    "x-trunk-key",
];

/// The message with `***` for credentials and SRTP keys; the very bytes when there are none.
pub(super) fn redacted(bytes: &[u8]) -> Cow<'_, [u8]> {
    let end = memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let (head, body) = bytes.split_at(end);
    let has_secret = lines(head).any(is_secret);
    let has_key = lines(body).any(is_key);
    if !has_secret && !has_key {
        return Cow::Borrowed(bytes);
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut hiding = false;
    for line in lines(head) {
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        hiding = if folded { hiding } else { is_secret(line) };
        if !hiding {
            clean.extend_from_slice(line);
        } else if !folded {
            let name = line.split(|byte| *byte == b':').next().unwrap_or(line);
            clean.extend_from_slice(name);
            clean.extend_from_slice(b": ***\r\n");
        }
    }
    clean.extend_from_slice(&hookswitch_media::redact(body));
    Cow::Owned(clean)
}

/// Lines with their ends.
fn lines(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = memchr(b'\n', text).map_or(text.len(), |at| at + 1);
        let (line, rest) = text.split_at(end);
        text = rest;
        (!line.is_empty()).then_some(line)
    })
}

fn is_secret(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    // Most fields are told apart from all of these by their first letter.
    if !matches!(line.first(), Some(b'a' | b'A' | b'p' | b'P' | b'x' | b'X')) {
        return false;
    }
    let Some(colon) = memchr(b':', line) else {
        return false;
    };
    let name = line[..colon].trim_ascii_end();
    SECRET
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
}

/// Whether a line of SDP holds a key.
fn is_key(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    if !matches!(line.first(), Some(b'a' | b'A' | b'k' | b'K')) {
        return false;
    }
    [&b"a=crypto"[..], b"a=key-mgmt", b"a=ice-pwd", b"k="]
        .iter()
        .any(|key| line.len() >= key.len() && line[..key.len()].eq_ignore_ascii_case(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_keys_are_blanked_and_nothing_else() {
        let message = "INVITE sip:a@b SIP/2.0\r\nAuthorization: Digest response=\"secret\",\r\n  opaque=\"secret\"\r\n\
                       X-JWTAuth : secret\r\nFrom: <sip:c@d>\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\n";
        let clean = String::from_utf8(redacted(message.as_bytes()).into_owned()).unwrap();
        assert!(!clean.contains("secret"), "{clean}");
        assert!(clean.starts_with("INVITE sip:a@b SIP/2.0\r\nAuthorization: ***\r\nX-JWTAuth : ***\r\nFrom: <sip:c@d>\r\n\r\nv=0\r\n"));
        assert!(clean.contains("AES_CM_128_HMAC_SHA1_80"));
    }

    #[test]
    fn a_message_without_secrets_is_not_copied() {
        let message = b"BYE sip:a@b SIP/2.0\r\nCall-ID: k=1\r\n\r\n";
        assert!(matches!(redacted(message), Cow::Borrowed(_)));
    }

    #[test]
    fn a_copy_is_known_again() {
        let key = KeyedHash::new(&[1; 16]);
        let mut known = Known::new(CallId::from_u128(1));
        assert!(!known.is_copy(&key, b"one"));
        assert!(!known.is_copy(&key, b"two"));
        assert!(known.is_copy(&key, b"one"));
    }
}
