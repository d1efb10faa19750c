//! Session descriptions (RFC 4566): what of one matters to a voice call, borrowed from its bytes.

mod parse;
mod redact;
mod write;

use std::net::IpAddr;

pub(crate) use parse::parse;
pub use redact::redact;
pub(crate) use write::Writer;

use crate::{Crypto, Direction};

/// The longest description that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most lines of a description.
pub const MAX_LINES: usize = 512;
/// The most streams (m-lines) of a description.
pub const MAX_MEDIA: usize = 32;

/// A parsed description; attributes that a voice call does not need are not kept.
#[derive(Debug, Default)]
pub(crate) struct Description<'b> {
    /// The value of the first `t=` line, which an answer repeats (RFC 3264 section 6).
    pub(crate) time: Option<&'b str>,
    pub(crate) connection: Option<Connection<'b>>,
    pub(crate) direction: Option<Direction>,
    pub(crate) media: Vec<Media<'b>>,
}

/// One m-line with the attributes below it.
#[derive(Debug)]
pub(crate) struct Media<'b> {
    pub(crate) kind: &'b str,
    pub(crate) port: u16,
    pub(crate) profile: &'b str,
    pub(crate) formats: &'b str,
    pub(crate) connection: Option<Connection<'b>>,
    pub(crate) direction: Option<Direction>,
    pub(crate) ptime: Option<u16>,
    pub(crate) encodings: Vec<Encoding<'b>>,
    pub(crate) crypto: Vec<Crypto>,
}

/// One `a=rtpmap` attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding<'b> {
    pub(crate) payload_type: u8,
    pub(crate) name: &'b str,
    pub(crate) clock_rate: u32,
    pub(crate) channels: u8,
}

/// A `c=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection<'b> {
    /// A unicast address.
    Address(IpAddr),
    /// A name, a multicast address or another network: nowhere we can send to.
    Unsupported(&'b str),
}

impl<'b> Media<'b> {
    /// The payload types of the m-line, each once, in order.
    pub(crate) fn payload_types(&self) -> impl Iterator<Item = u8> + use<'b> {
        let mut seen = 0_u128;
        self.formats
            .split_ascii_whitespace()
            .filter_map(|format| format.parse::<u8>().ok())
            .filter(move |&payload_type| {
                let bit = 1_u128.checked_shl(payload_type.into()).unwrap_or(0);
                let first = bit != 0 && seen & bit == 0;
                seen |= bit;
                first
            })
    }

    /// The first format as the peer wrote it.
    pub(crate) fn first_format(&self) -> &'b str {
        self.formats
            .split_ascii_whitespace()
            .next()
            .unwrap_or_default()
    }

    /// What `a=rtpmap` says of a payload type.
    pub(crate) fn encoding(&self, payload_type: u8) -> Option<&Encoding<'b>> {
        self.encodings
            .iter()
            .find(|encoding| encoding.payload_type == payload_type)
    }
}
