//! Names of calls: a UUID whose last 32 bits say which shard owns the call.

use std::fmt;
use std::str::FromStr;

use hookswitch_sip::hash::KeyedHash;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 128 bits in the text form of RFC 9562.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

impl Uuid {
    /// The 36 characters of the text form, on the stack.
    pub fn text(self) -> UuidText {
        let mut digits = [b'-'; 36];
        let bytes = self.0.to_be_bytes();
        let mut place = 0;
        for (index, byte) in bytes.into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                place += 1;
            }
            digits[place] = HEX[usize::from(byte >> 4)];
            digits[place + 1] = HEX[usize::from(byte & 0xf)];
            place += 2;
        }
        UuidText(digits)
    }

    /// All 128 bits.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The same bits marked as a UUID of version 8 (RFC 9562 §5.8), for values that are hashes.
    const fn marked(bits: u128) -> Self {
        Self(with_version(bits, 8))
    }
}

const HEX: [u8; 16] = *b"0123456789abcdef";

/// Sets the version and the variant bits of RFC 9562 §4.
const fn with_version(bits: u128, version: u128) -> u128 {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0x3 << 62;
    (bits & !(VERSION | VARIANT)) | (version << 76) | (0x2 << 62)
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// The text form of a [`Uuid`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UuidText([u8; 36]);

impl UuidText {
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits and hyphens are ASCII")
    }
}

impl fmt::Debug for UuidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a call: 48 bits of Unix milliseconds, then random bits, then 32 bits of the keyed hash of its
/// SIP Call-ID; in text a UUID of version 7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(Uuid);

impl CallId {
    /// The name of a call that began at `unix_millis` with the SIP Call-ID whose shard hash is `hash`.
    pub(crate) const fn new(unix_millis: u64, random: u128, hash: u32) -> Self {
        const LOW: u128 = u32::MAX as u128;
        const MIDDLE: u128 = ((1 << 80) - 1) & !LOW;
        let bits = ((unix_millis as u128) << 80) | (random & MIDDLE) | hash as u128;
        Self(Uuid(with_version(bits, 7)))
    }

    /// The name with these 128 bits, as a store kept them.
    pub const fn from_u128(bits: u128) -> Self {
        Self(Uuid(bits))
    }

    /// All 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.0.0
    }

    /// The 36 characters of the text form, on the stack.
    pub fn text(self) -> UuidText {
        self.0.text()
    }

    /// The shard that owns the call, of `shards`.
    pub const fn shard(self, shards: u16) -> u16 {
        shard_of_hash(low_word(self.as_u128()), shards)
    }

    /// `sessionId` of the call.
    pub fn session(self) -> Uuid {
        self.derived(b"session")
    }

    /// `traceId` of the call.
    pub fn trace(self) -> Uuid {
        self.derived(b"trace")
    }

    /// `connectionId`: the connection between device and peer.
    pub fn connection(self) -> Uuid {
        self.derived(b"connection")
    }

    /// The participant id of the device behind the call.
    pub fn device_participant(self) -> Uuid {
        self.derived(b"device")
    }

    /// The participant id of the SIP peer.
    pub fn peer_participant(self) -> Uuid {
        self.derived(b"peer")
    }

    /// The webhook id of the event with this sequence number: the same for every attempt to deliver it.
    pub fn webhook(self, sequence: u32) -> Uuid {
        self.derived(&sequence.to_be_bytes())
    }

    /// Hides nothing (the call id itself is shown to the same readers); it only has to differ and to last.
    fn derived(self, label: &[u8]) -> Uuid {
        let hash = KeyedHash::new(&[0; 16]).of(&[&self.as_u128().to_be_bytes(), label]);
        Uuid::marked(hash)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallId({})", self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is no UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a call id")]
pub struct CallIdError;

impl FromStr for CallId {
    type Err = CallIdError;

    fn from_str(text: &str) -> Result<Self, CallIdError> {
        if text.len() != 36 {
            return Err(CallIdError);
        }
        let mut bits = 0_u128;
        for (place, byte) in text.bytes().enumerate() {
            if matches!(place, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return Err(CallIdError);
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16).ok_or(CallIdError)?;
            bits = (bits << 4) | u128::from(digit);
        }
        Ok(Self::from_u128(bits))
    }
}

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The 32 bits of a SIP Call-ID that choose its shard, under the node's `key`.
pub fn shard_hash(key: &KeyedHash, sip_call_id: &str) -> u32 {
    low_word(key.of(&[b"shard", sip_call_id.as_bytes()]))
}

/// The shard that owns a SIP Call-ID, of `shards`, under the node's `key`.
pub fn shard_of_call_id(key: &KeyedHash, sip_call_id: &str, shards: u16) -> u16 {
    shard_of_hash(shard_hash(key, sip_call_id), shards)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the remainder is below `shards`, a u16"
)]
const fn shard_of_hash(hash: u32, shards: u16) -> u16 {
    if shards == 0 {
        0
    } else {
        (hash % shards as u32) as u16
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lowest 32 bits are what is asked for"
)]
const fn low_word(bits: u128) -> u32 {
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_reads_back_from_its_text() {
        let id = CallId::new(0x0198_aabb_ccdd, u128::MAX, 0x1234_5678);
        assert_eq!(id.to_string(), "0198aabb-ccdd-7fff-bfff-ffff12345678");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(
            "0198AABB-CCDD-7FFF-BFFF-FFFF12345678".parse(),
            Ok(id),
            "any case is read"
        );
    }

    #[test]
    fn what_is_no_uuid_is_no_call_id() {
        for text in [
            "",
            "0198aabb-ccdd-7fff-bfff-ffff1234567",
            "0198aabbccdd7fffbfffffff12345678",
            "g198aabb-ccdd-7fff-bfff-ffff12345678",
            "0198aabb-ccdd-7fff-bfff-ffff1234567é",
        ] {
            assert_eq!(text.parse::<CallId>(), Err(CallIdError), "{text}");
        }
    }

    #[test]
    fn the_call_and_its_sip_call_id_fall_on_the_same_shard() {
        let key = KeyedHash::new(&[3; 16]);
        for number in 0..200 {
            let sip_call_id = format!("call-{number}@example.com");
            let id = CallId::new(1, 2, shard_hash(&key, &sip_call_id));
            for shards in [1, 2, 3, 16, 1024] {
                assert_eq!(
                    id.shard(shards),
                    shard_of_call_id(&key, &sip_call_id, shards)
                );
            }
        }
    }

    #[test]
    fn later_calls_sort_after_earlier_ones() {
        assert!(CallId::new(5, u128::MAX, u32::MAX) < CallId::new(6, 0, 0));
    }

    #[test]
    fn ids_derived_from_a_call_differ_and_last() {
        let id = CallId::new(7, 8, 9);
        let all = [
            id.session(),
            id.trace(),
            id.connection(),
            id.device_participant(),
            id.peer_participant(),
            id.webhook(1),
            id.webhook(2),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(id.session(), CallId::new(7, 8, 9).session());
        let text = id.session().to_string();
        assert_eq!(text.as_bytes()[14], b'8', "version 8: {text}");
        assert!(
            matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'),
            "variant of RFC 9562: {text}"
        );
    }
}
