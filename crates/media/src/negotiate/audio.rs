//! The one stream of a description that a call uses.

use std::net::IpAddr;

use crate::sdp::{Connection, Description, Media};
use crate::{Codec, Crypto, Direction, OfferError, Remote};

/// How much of a peer's word is repeated in an error.
const MAX_QUOTED: usize = 40;
/// How many of a peer's codecs are named in an error.
const MAX_NAMES: usize = 32;

/// An audio stream with everything a device needs to send to it.
pub(super) struct Audio<'d, 'b> {
    media: &'d Media<'b>,
    address: IpAddr,
    pub(super) secure: bool,
    payloads: Vec<(u8, Codec)>,
    pub(super) telephone_event: Option<u8>,
    pub(super) crypto: Vec<Crypto>,
    pub(super) direction: Direction,
}

impl<'d, 'b> Audio<'d, 'b> {
    /// The first audio stream of an offer that can be answered, with its place among the m-lines.
    pub(super) fn first_usable(
        description: &'d Description<'b>,
    ) -> Result<(usize, Self), OfferError> {
        let mut failure = None;
        for (index, media) in description.media.iter().enumerate() {
            if !is_live_audio(media) {
                continue;
            }
            match Audio::of(description, media) {
                Ok(audio) => return Ok((index, audio)),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        Err(failure.unwrap_or(OfferError::NoAudio))
    }

    /// The stream that answers the one m-line of our offers.
    pub(super) fn answered(description: &'d Description<'b>) -> Result<Self, OfferError> {
        match description.media.first() {
            Some(media) if is_live_audio(media) => Audio::of(description, media),
            _ => Err(OfferError::NoAudio),
        }
    }

    fn of(description: &Description<'b>, media: &'d Media<'b>) -> Result<Self, OfferError> {
        let secure = secure_of(media)?;
        let address = match media.connection.or(description.connection) {
            Some(Connection::Address(address)) => address,
            Some(Connection::Unsupported(address)) => {
                return Err(OfferError::UnsupportedAddress {
                    address: quoted(address),
                });
            }
            None => return Err(OfferError::Malformed("the audio stream has no c= line")),
        };
        let written = media
            .direction
            .or(description.direction)
            .unwrap_or_default();
        let mut audio = Audio {
            media,
            address,
            secure,
            payloads: Vec::new(),
            telephone_event: None,
            crypto: media.crypto.clone(),
            direction: if address.is_unspecified() {
                written.without_receiving()
            } else {
                written
            },
        };
        for payload_type in media.payload_types() {
            audio.take_payload_type(payload_type);
        }
        if audio.payloads.is_empty() {
            return Err(OfferError::NoKnownCodec {
                offered: audio.encoding_names(),
            });
        }
        Ok(audio)
    }

    fn take_payload_type(&mut self, payload_type: u8) {
        let codec = match self.media.encoding(payload_type) {
            Some(encoding) if encoding.clock_rate != 8_000 || encoding.channels != 1 => None,
            Some(encoding) if encoding.name.eq_ignore_ascii_case("telephone-event") => {
                self.telephone_event.get_or_insert(payload_type);
                None
            }
            Some(encoding) => encoding.name.parse().ok(),
            None => Codec::ALL
                .into_iter()
                .find(|codec| codec.payload_type() == payload_type),
        };
        if let Some(codec) = codec
            && self.payload_type(codec).is_none()
        {
            self.payloads.push((payload_type, codec));
        }
    }

    /// The peer's payload type for a codec.
    pub(super) fn payload_type(&self, codec: Codec) -> Option<u8> {
        self.payloads
            .iter()
            .find(|(_, offered)| *offered == codec)
            .map(|(payload_type, _)| *payload_type)
    }

    /// Forgets every codec but one that the stream has.
    pub(super) fn keep_codec(&mut self, codec: Codec) {
        self.payloads.retain(|(_, known)| *known == codec);
    }

    /// The names of all codecs of the stream, known or not, without telephone events.
    pub(super) fn encoding_names(&self) -> Vec<String> {
        self.media
            .payload_types()
            .map(|payload_type| match self.media.encoding(payload_type) {
                Some(encoding) => quoted(encoding.name),
                None => static_name(payload_type),
            })
            .filter(|name| !name.eq_ignore_ascii_case("telephone-event"))
            .take(MAX_NAMES)
            .collect()
    }

    pub(super) fn into_remote(self) -> Remote {
        let codecs: Vec<Codec> = self.payloads.iter().map(|(_, codec)| *codec).collect();
        Remote {
            address: self.address,
            port: self.media.port,
            codec: *codecs.first().expect("a usable stream has a known codec"),
            codecs,
            telephone_event: self.telephone_event,
            crypto: self.crypto,
            direction: self.direction,
        }
    }
}

fn is_live_audio(media: &Media<'_>) -> bool {
    media.kind.eq_ignore_ascii_case("audio") && media.port != 0
}

/// Whether the stream's profile means SRTP; an error for profiles that need more than SDES.
fn secure_of(media: &Media<'_>) -> Result<bool, OfferError> {
    let unsupported = |why| {
        Err(OfferError::UnsupportedProfile {
            profile: quoted(media.profile),
            why,
        })
    };
    let is = |names: [&str; 2]| {
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(media.profile))
    };
    if is(["RTP/AVP", "RTP/AVPF"]) {
        Ok(false)
    } else if !is(["RTP/SAVP", "RTP/SAVPF"]) {
        unsupported("only RTP/AVP and RTP/SAVP with SDES keys are")
    } else if media.crypto.is_empty() {
        unsupported("it carries no SDES keys")
    } else {
        Ok(true)
    }
}

/// A short, printable piece of what the peer wrote.
fn quoted(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(MAX_QUOTED)
        .collect()
}

/// The names of RFC 3551's static payload types that phones really offer without a mapping.
fn static_name(payload_type: u8) -> String {
    match payload_type {
        0 => "PCMU".into(),
        3 => "GSM".into(),
        4 => "G723".into(),
        8 => "PCMA".into(),
        9 => "G722".into(),
        13 => "CN".into(),
        15 => "G728".into(),
        18 => "G729".into(),
        other => format!("payload type {other}"),
    }
}
