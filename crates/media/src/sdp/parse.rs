//! Bytes to [`Description`]: lenient about what a voice call does not need, strict about what it does.

use std::net::IpAddr;

use super::{Connection, Description, Encoding, MAX_BYTES, MAX_LINES, MAX_MEDIA, Media};
use crate::{Crypto, Direction, OfferError};

/// RTP knows 128 payload types, so further mappings cannot mean anything.
const MAX_ENCODINGS: usize = 128;
/// More keys than anybody offers for one stream.
const MAX_CRYPTO: usize = 16;

/// Reads a description; the error is always [`OfferError::Malformed`].
pub(crate) fn parse(body: &[u8]) -> Result<Description<'_>, OfferError> {
    if body.len() > MAX_BYTES {
        return malformed("it is longer than 64 KiB");
    }
    let mut description = Description::default();
    let mut lines = 0;
    for line in body.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let [kind @ b'a'..=b'z', b'=', value @ ..] = line else {
            return malformed("a line is not <letter>=<value>");
        };
        lines += 1;
        if lines > MAX_LINES {
            return malformed("it has more than 512 lines");
        }
        if lines == 1 {
            if (*kind, value.trim_ascii_end()) != (b'v', b"0") {
                return malformed("it does not begin with v=0");
            }
            continue;
        }
        description.take(*kind, value)?;
    }
    if lines == 0 {
        return malformed("it is empty");
    }
    Ok(description)
}

fn malformed<T>(why: &'static str) -> Result<T, OfferError> {
    Err(OfferError::Malformed(why))
}

impl<'b> Description<'b> {
    fn take(&mut self, kind: u8, value: &'b [u8]) -> Result<(), OfferError> {
        let text = std::str::from_utf8(value);
        match (kind, text) {
            (b'm', Ok(text)) => {
                if self.media.len() == MAX_MEDIA {
                    return malformed("it has more than 32 m-lines");
                }
                self.media.push(Media::parse(text)?);
            }
            (b'c', Ok(text)) => {
                let connection = Connection::parse(text)?;
                let place = match self.media.last_mut() {
                    Some(media) => &mut media.connection,
                    None => &mut self.connection,
                };
                place.get_or_insert(connection);
            }
            (b'm' | b'c', Err(_)) => return malformed("an m= or c= line is not UTF-8"),
            (b't', Ok(text)) if self.media.is_empty() => {
                self.time.get_or_insert(text);
            }
            (b'a', Ok(text)) => match self.media.last_mut() {
                Some(media) => media.take_attribute(text),
                None => {
                    if let Some(direction) = Direction::parse(text.trim_end()) {
                        self.direction.get_or_insert(direction);
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }
}

impl<'b> Media<'b> {
    fn parse(value: &'b str) -> Result<Self, OfferError> {
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return malformed("an m-line has a control character");
        }
        let mut rest = value;
        let kind = word(&mut rest);
        let port = word(&mut rest);
        let profile = word(&mut rest);
        let formats = rest.trim();
        if kind.is_empty() || profile.is_empty() || formats.is_empty() {
            return malformed("an m-line lacks its port, profile or formats");
        }
        let port = port.split_once('/').map_or(port, |(first, _)| first);
        let Ok(port) = port.parse() else {
            return malformed("an m-line has no port number");
        };
        Ok(Media {
            kind,
            port,
            profile,
            formats,
            connection: None,
            direction: None,
            ptime: None,
            encodings: Vec::new(),
            crypto: Vec::new(),
        })
    }

    fn take_attribute(&mut self, text: &'b str) {
        let text = text.trim_end();
        let Some((name, value)) = text.split_once(':') else {
            if let Some(direction) = Direction::parse(text) {
                self.direction.get_or_insert(direction);
            }
            return;
        };
        match name {
            "rtpmap" if self.encodings.len() < MAX_ENCODINGS => {
                self.encodings.extend(Encoding::parse(value));
            }
            "crypto" if self.crypto.len() < MAX_CRYPTO => {
                self.crypto.extend(Crypto::parse(value));
            }
            "ptime" => self.ptime = self.ptime.or_else(|| value.trim().parse().ok()),
            _ => {}
        }
    }
}

impl<'b> Encoding<'b> {
    fn parse(value: &'b str) -> Option<Self> {
        let (payload_type, encoding) = value.trim_start().split_once(' ')?;
        let mut parts = encoding.trim().split('/');
        Some(Encoding {
            payload_type: payload_type.parse().ok()?,
            name: parts.next()?,
            clock_rate: parts.next()?.parse().ok()?,
            channels: match parts.next() {
                Some(channels) => channels.parse().ok()?,
                None => 1,
            },
        })
    }
}

impl<'b> Connection<'b> {
    fn parse(value: &'b str) -> Result<Self, OfferError> {
        let mut rest = value;
        let network = word(&mut rest);
        let family = word(&mut rest);
        let address = word(&mut rest);
        if address.is_empty() {
            return malformed("a c= line lacks its address");
        }
        if !network.eq_ignore_ascii_case("IN") || !matches!(family, "IP4" | "IP6") {
            return Ok(Connection::Unsupported(value));
        }
        let bare = address.split_once('/').map_or(address, |(first, _)| first);
        Ok(match bare.parse::<IpAddr>() {
            Ok(ip) if !ip.is_multicast() => Connection::Address(ip),
            _ => Connection::Unsupported(address),
        })
    }
}

/// Takes the first word off a line.
fn word<'b>(rest: &mut &'b str) -> &'b str {
    let line = rest.trim_start();
    let (first, after) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    *rest = after;
    first
}
