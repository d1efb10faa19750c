//! Requests looked at and refused without parsing them and without keeping anything (RFC 3261 §8.2.7): what is done
//! for those there is no room for costs next to nothing.
//!
//! A [`Glance`] knows the lines every request has, as they were written; whether they are right is the parser's
//! question. Like every stateless server it gives copies of a request the same answer, and forgets both.

use std::borrow::Cow;
use std::net::SocketAddr;

use memchr::memchr;

use crate::flow::Flow;
use crate::hash::{Hex, KeyedHash};
use crate::message::scan::{self, Lines};
use crate::message::syntax::is_token_byte;
use crate::message::{HeaderName, MAX_LINE, Params, Via, Writer};
use crate::user_agent::compose::stamped_via;

/// The letter before our tag in a stateless refusal; the tags of legs are hexadecimal digits alone.
const REFUSED: &str = ";tag=s";
/// The most octets of Via lines that are echoed.
const MAX_ECHO: usize = 2 * MAX_LINE;

/// What is wrong, or too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400–699.
    pub status: u16,
    /// The reason phrase; empty for the standard one.
    pub reason: &'static str,
    /// Seconds the sender shall wait (RFC 3261 §20.33).
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// 503 (RFC 3261 §21.5.4).
    pub const fn unavailable(retry_after: u32) -> Self {
        Self {
            status: 503,
            reason: "",
            retry_after: Some(retry_after),
        }
    }
}

/// The lines that say what a message is, as they were written.
#[derive(Clone, Copy, Debug)]
pub struct Glance<'b> {
    bytes: &'b [u8],
    /// Empty for a response.
    method: &'b [u8],
    via: Option<&'b [u8]>,
    from: Option<&'b [u8]>,
    to: Option<&'b [u8]>,
    call_id: Option<&'b [u8]>,
    cseq: Option<&'b [u8]>,
    /// Two Call-IDs that differ name no call.
    is_ambiguous: bool,
}

impl<'b> Glance<'b> {
    /// Looks at a datagram or at one frame of a stream. `None`: it does not begin like SIP.
    pub fn of(bytes: &'b [u8]) -> Option<Self> {
        let bytes = scan::skip_crlf(bytes);
        let (first, lines) = Lines::new(bytes);
        let method = method_of(bytes.get(first)?)?;
        let mut glance = Self {
            bytes,
            method,
            via: None,
            from: None,
            to: None,
            call_id: None,
            cseq: None,
            is_ambiguous: false,
        };
        for line in lines {
            if let Some((name, value)) = line.parts {
                glance.note(bytes.get(name)?, bytes.get(value)?);
            }
        }
        Some(glance)
    }

    fn note(&mut self, name: &[u8], value: &'b [u8]) {
        if !matches!(name.len(), 1..=4 | 7) {
            return;
        }
        let place = match HeaderName::from_bytes(name) {
            HeaderName::Via => &mut self.via,
            HeaderName::From => &mut self.from,
            HeaderName::To => &mut self.to,
            HeaderName::CSeq => &mut self.cseq,
            HeaderName::CallId => {
                self.is_ambiguous |= self.call_id.is_some_and(|first| first != value);
                &mut self.call_id
            }
            _ => return,
        };
        place.get_or_insert(value);
    }

    /// Whether it is a response.
    pub const fn is_response(&self) -> bool {
        self.method.is_empty()
    }

    /// Whether it is a request with this method, which is told apart by case (RFC 3261 §7.1).
    pub fn is(&self, method: &str) -> bool {
        self.method == method.as_bytes()
    }

    /// The Call-ID, the same that [`peek_call_id`](crate::message::peek_call_id) finds.
    pub fn call_id(&self) -> Option<&'b str> {
        let value = self.call_id.filter(|_| !self.is_ambiguous)?;
        std::str::from_utf8(value)
            .ok()
            .filter(|value| !value.is_empty())
    }

    /// Whether there is a Via, without which no response finds its way (RFC 3261 §18.2.2).
    pub const fn has_via(&self) -> bool {
        self.via.is_some()
    }

    /// Whether To has a tag: a request inside a dialog.
    pub fn is_in_dialog(&self) -> bool {
        self.tag_of_to().is_some()
    }

    /// Whether it is an INVITE outside any dialog.
    pub fn starts_a_call(&self) -> bool {
        self.is("INVITE") && !self.is_in_dialog()
    }

    fn tag_of_to(&self) -> Option<&'b str> {
        let to = std::str::from_utf8(self.to?).ok()?;
        let params = match to.rsplit_once('>') {
            Some((_, params)) => params,
            None => to.split_once(';').map_or("", |(_, params)| params),
        };
        Params::new(params).value("tag")
    }

    /// What copies of one request have in common and no two requests do: Call-ID, CSeq and the first Via line.
    pub fn fingerprint(&self, hash: &KeyedHash) -> Option<u64> {
        Some(hash.short(&[self.call_id?, self.cseq?, self.via?]))
    }

    /// Whether it is the ACK to a refusal that [`Glance::refuse`] wrote with this key: it has done its duty.
    pub fn acknowledges_refusal(&self, hash: &KeyedHash) -> bool {
        self.is("ACK")
            && self
                .tag_of_to()
                .and_then(|tag| tag.strip_prefix('s'))
                .is_some_and(|tag| tag == self.tag(hash).as_str())
    }

    fn tag(&self, hash: &KeyedHash) -> Hex {
        let part = |value: Option<&'b [u8]>| value.unwrap_or_default();
        Hex::new(hash.short(&[b"refused", part(self.call_id), part(self.from)]))
    }

    /// A number below `bound` that belongs to this Call-ID: it spreads what would happen to many at once.
    pub fn spread(&self, hash: &KeyedHash, bound: u32) -> u32 {
        let drawn = hash.short(&[b"spread", self.call_id.unwrap_or_default()]);
        u32::try_from(drawn % u64::from(bound.max(1))).unwrap_or(0)
    }

    /// Writes the refusal of a request that came by `flow` into `out`, and tells the way it takes (RFC 3261 §18.2).
    /// `None`: nobody can be answered, or nobody may be: a response, an ACK, a request without a usable Via.
    /// The answer is never much longer than the request, so that nobody is flooded with our help.
    pub fn refuse(
        &self,
        flow: Flow,
        refusal: Refusal,
        hash: &KeyedHash,
        out: &mut Vec<u8>,
    ) -> Option<Flow> {
        if self.is_response() || self.is("ACK") {
            return None;
        }
        let top = text(self.via?);
        let via = Via::parse(&top).ok()?;
        let back = way_back(flow, &via);
        let mut writer = Writer::response(out, refusal.status, refusal.reason);
        let mut echoed = 0;
        let vias = Lines::new(self.bytes).1.filter_map(|line| line.parts);
        for (place, value) in vias
            .filter(|(name, _)| self.named(name.clone(), HeaderName::Via))
            .filter_map(|(_, value)| self.bytes.get(value))
            .enumerate()
        {
            echoed += value.len();
            if echoed > MAX_ECHO {
                return None;
            }
            if place == 0 {
                writer.header(HeaderName::Via, &[&stamped_via(&top, flow.peer)]);
            } else {
                writer.header(HeaderName::Via, &[&text(value)]);
            }
        }
        if let Some(from) = self.from {
            writer.header(HeaderName::From, &[&text(from)]);
        }
        match self.to {
            Some(to) if self.is_in_dialog() => {
                writer.header(HeaderName::To, &[&text(to)]);
            }
            Some(to) => {
                let tag = self.tag(hash);
                writer.header(HeaderName::To, &[&text(to), REFUSED, tag.as_str()]);
            }
            None => {}
        }
        for (name, value) in [
            (HeaderName::CallId, self.call_id),
            (HeaderName::CSeq, self.cseq),
        ] {
            if let Some(value) = value {
                writer.header(name, &[&text(value)]);
            }
        }
        if let Some(seconds) = refusal.retry_after {
            writer.number(HeaderName::RetryAfter, u64::from(seconds));
        }
        writer.finish(None);
        Some(back)
    }

    fn named(&self, name: std::ops::Range<usize>, wanted: HeaderName) -> bool {
        self.bytes
            .get(name)
            .is_some_and(|name| HeaderName::from_bytes(name) == wanted)
    }
}

/// The method of a request, nothing for a response; `None` for what is neither.
fn method_of(start: &[u8]) -> Option<&[u8]> {
    let end = memchr(b' ', start)?;
    let word = start.get(..end)?;
    if word.len() >= 4 && word[..4].eq_ignore_ascii_case(b"SIP/") {
        return Some(&[]);
    }
    let is_token = !word.is_empty() && word.iter().all(|byte| is_token_byte(*byte));
    is_token.then_some(word)
}

/// The address a response goes to: where the request came from, at the port it asks for (RFC 3581 §4).
fn way_back(flow: Flow, via: &Via<'_>) -> Flow {
    if flow.transport.is_reliable() || via.rport().is_some() {
        return flow;
    }
    let port = via.port.unwrap_or(flow.transport.default_port());
    Flow {
        peer: SocketAddr::new(flow.peer.ip(), port),
        ..flow
    }
}

/// A value as text: what is no UTF-8 is taken for ISO 8859-1, as the parser does.
fn text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.iter().copied().map(char::from).collect()),
    }
}

#[cfg(test)]
mod tests;
