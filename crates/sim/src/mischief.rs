//! What a phone does that no user agent should: storms of copies, late copies, forgotten ACKs, numbers that run
//! backwards, broken lines.

use std::time::Duration;

use bytes::Bytes;
use hookswitch_sip::message::{Message, Method};

use crate::random::Random;

/// What becomes of a message of a phone.
#[derive(Debug, Default)]
pub struct Trick {
    /// The message itself is never sent.
    pub is_swallowed: bool,
    /// What is sent beside it, and when.
    pub more: Vec<(Duration, Bytes)>,
}

/// Draws a trick.
pub fn trick(random: &mut Random, bytes: &Bytes) -> Trick {
    let mut trick = Trick::default();
    match random.below(6) {
        0 => {
            let copies = 5 + random.below(30);
            let mut copy = |_| (random.millis(0, 2_000), bytes.clone());
            trick.more = (0..copies).map(&mut copy).collect();
        }
        1 => trick
            .more
            .push((random.millis(5_000, 25_000), bytes.clone())),
        2 => trick.is_swallowed = is_ack(bytes),
        3 => trick.more.extend(renumbered(random, bytes)),
        4 => trick.more.push((random.millis(0, 50), torn(random, bytes))),
        _ => trick.more.extend(cancelled(random, bytes)),
    }
    trick
}

fn is_ack(bytes: &[u8]) -> bool {
    Message::parse(bytes).is_ok_and(|message| message.method() == Some(Method::Ack))
}

/// The same request with an older CSeq and as a transaction of its own (RFC 3261 §12.2.2).
fn renumbered(random: &mut Random, bytes: &[u8]) -> Option<(Duration, Bytes)> {
    let message = Message::parse(bytes).ok()?;
    let method = message.method()?;
    let is_early = message.to().ok()?.tag().is_none();
    if is_early || matches!(method, Method::Ack | Method::Cancel) {
        return None;
    }
    let number = message.cseq().ok()?.number;
    let text = std::str::from_utf8(bytes).ok()?;
    let older = text
        .replacen(
            &format!("CSeq: {number} "),
            &format!("CSeq: {} ", number.saturating_sub(1)),
            1,
        )
        .replacen("branch=z9hG4bK", "branch=z9hG4bKold", 1);
    Some((random.millis(0, 3_000), Bytes::from(older)))
}

/// A CANCEL for an INVITE, at any time (RFC 3261 §9.1).
fn cancelled(random: &mut Random, bytes: &[u8]) -> Option<(Duration, Bytes)> {
    let message = Message::parse(bytes).ok()?;
    if message.method() != Some(Method::Invite) {
        return None;
    }
    let (head, _) = std::str::from_utf8(bytes).ok()?.split_once("\r\n\r\n")?;
    let kept = ["Via:", "From:", "To:", "Call-ID:", "Max-Forwards:"];
    let number = message.cseq().ok()?.number;
    let mut cancel = format!("CANCEL {} SIP/2.0\r\n", message.request_uri()?);
    for line in head
        .lines()
        .filter(|line| kept.iter().any(|name| line.starts_with(name)))
    {
        cancel.push_str(line);
        cancel.push_str("\r\n");
    }
    cancel.push_str(&format!(
        "CSeq: {number} CANCEL\r\nContent-Length: 0\r\n\r\n"
    ));
    Some((random.millis(0, 15_000), Bytes::from(cancel)))
}

/// A message with one byte changed, or cut off.
pub fn torn(random: &mut Random, bytes: &[u8]) -> Bytes {
    let mut torn = bytes.to_vec();
    let length = u64::try_from(torn.len().max(1)).unwrap_or(1);
    let place = usize::try_from(random.below(length)).unwrap_or(0);
    if random.percent(50) {
        torn.truncate(place);
    } else if let Some(byte) = torn.get_mut(place) {
        *byte = u8::try_from(random.below(256)).unwrap_or(0);
    }
    Bytes::from(torn)
}
