//! Offer and answer (RFC 3264) for one voice stream.

mod audio;

use audio::Audio;

use crate::sdp::{self, Writer};
use crate::{AnswerError, Crypto, Direction, Endpoint, OfferError, Origin, Remote};

/// The packet time of our own offers, in milliseconds.
const PTIME: u16 = 20;
/// Packet times a device can be asked for, in milliseconds.
const PTIMES: std::ops::RangeInclusive<u16> = 10..=60;

/// Reads a peer's offer: its first audio stream that can be answered, else why there is none.
pub fn read_offer(body: &[u8]) -> Result<Remote, OfferError> {
    let description = sdp::parse(body)?;
    let (_, audio) = Audio::first_usable(&description)?;
    Ok(audio.into_remote())
}

/// Writes the answer of a device to a peer's offer (RFC 3264 section 6): every m-line in its place, the
/// unused ones refused with port 0, the offer's profile and payload types, the direction mirrored.
pub fn answer(offer: &[u8], local: &Endpoint, origin: Origin) -> Result<Vec<u8>, AnswerError> {
    let description = sdp::parse(offer)?;
    let (chosen, audio) = Audio::first_usable(&description)?;
    let Some(payload_type) = audio.payload_type(local.codec) else {
        return Err(AnswerError::CodecNotOffered {
            offered: audio.encoding_names(),
        });
    };
    let key = key_for(&audio, &local.crypto)?;
    let telephone_event = local.telephone_event.and(audio.telephone_event);

    let mut writer = Writer::begin(local.address, origin, description.time.unwrap_or("0 0"));
    for (index, media) in description.media.iter().enumerate() {
        if index != chosen {
            writer.refused(media.kind, media.profile, media.first_format());
            continue;
        }
        write_formats(
            &mut writer,
            local,
            media.profile,
            payload_type,
            telephone_event,
        );
        if let Some(ptime) = media.ptime.filter(|ptime| PTIMES.contains(ptime)) {
            writer.ptime(ptime);
        }
        writer.direction(audio.direction.mirrored());
        if let Some((tag, crypto)) = key {
            writer.crypto(tag, crypto);
        }
    }
    Ok(writer.finish())
}

/// Writes a device's offer: `RTP/SAVP` when it has keys, else `RTP/AVP`.
pub fn offer(local: &Endpoint, origin: Origin) -> Vec<u8> {
    let profile = if local.crypto.is_empty() {
        "RTP/AVP"
    } else {
        "RTP/SAVP"
    };
    let mut writer = Writer::begin(local.address, origin, "0 0");
    write_formats(
        &mut writer,
        local,
        profile,
        local.codec.payload_type(),
        local.telephone_event,
    );
    writer.ptime(PTIME);
    writer.direction(Direction::SendRecv);
    for crypto in &local.crypto {
        writer.crypto(crypto.tag, crypto);
    }
    writer.finish()
}

/// Reads the peer's answer to [`offer`]: its first m-line must take up our codec and one of our keys.
pub fn read_answer(local: &Endpoint, answer: &[u8]) -> Result<Remote, OfferError> {
    let description = sdp::parse(answer)?;
    let mut audio = Audio::answered(&description)?;
    if audio.payload_type(local.codec).is_none() {
        return Err(OfferError::NoKnownCodec {
            offered: audio.encoding_names(),
        });
    }
    audio.keep_codec(local.codec);
    if local.telephone_event.is_none() {
        audio.telephone_event = None;
    }
    if local.crypto.is_empty() {
        if audio.secure {
            return Err(OfferError::CryptoRefused);
        }
        audio.crypto.clear();
    } else {
        audio.crypto.retain(|answered| {
            local
                .crypto
                .iter()
                .any(|ours| ours.tag == answered.tag && ours.has_suite_of(answered))
        });
        if audio.crypto.is_empty() {
            return Err(OfferError::CryptoRefused);
        }
    }
    Ok(audio.into_remote())
}

fn write_formats(
    writer: &mut Writer,
    local: &Endpoint,
    profile: &str,
    payload_type: u8,
    telephone_event: Option<u8>,
) {
    writer.audio(local.port, profile, payload_type, telephone_event);
    writer.encoding(payload_type, local.codec.as_str());
    if let Some(event) = telephone_event {
        writer.telephone_event(event);
    }
}

/// The device's key for the answer, under the tag of the offered suite it takes up (RFC 4568 section 5.1.2).
fn key_for<'k>(
    audio: &Audio<'_, '_>,
    keys: &'k [Crypto],
) -> Result<Option<(u32, &'k Crypto)>, AnswerError> {
    if keys.is_empty() && !audio.secure {
        return Ok(None);
    }
    let same_tag = keys.iter().find_map(|key| {
        audio
            .crypto
            .iter()
            .find(|offered| offered.tag == key.tag && offered.has_suite_of(key))
            .map(|offered| (offered.tag, key))
    });
    let same_suite = || {
        keys.iter().find_map(|key| {
            audio
                .crypto
                .iter()
                .find(|offered| offered.has_suite_of(key))
                .map(|offered| (offered.tag, key))
        })
    };
    match same_tag.or_else(same_suite) {
        Some(key) => Ok(Some(key)),
        None => Err(AnswerError::CryptoMismatch {
            offered: audio
                .crypto
                .iter()
                .map(|crypto| crypto.suite.clone())
                .collect(),
        }),
    }
}

#[cfg(test)]
mod tests;
