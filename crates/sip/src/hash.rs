//! Keyed hashing: one secret key makes tags, branches and map keys that a stranger can neither guess nor
//! make collide.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};

/// A keyed hash over a sequence of byte strings.
#[derive(Clone)]
pub struct KeyedHash {
    seed: SipHasher13,
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(..)")
    }
}

impl KeyedHash {
    /// A hash under `key`.
    pub fn new(key: &[u8; 16]) -> Self {
        Self {
            seed: SipHasher13::new_with_key(key),
        }
    }

    /// The hash of `parts`, with their boundaries: `["a", "bc"]` differs from `["ab", "c"]`.
    pub fn of(&self, parts: &[&[u8]]) -> u128 {
        let mut hasher = self.seed;
        for part in parts {
            hasher.write_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
            hasher.write(part);
        }
        let hash = hasher.finish128();
        (u128::from(hash.h1) << 64) | u128::from(hash.h2)
    }

    /// The lower half of [`KeyedHash::of`].
    pub fn short(&self, parts: &[&[u8]]) -> u64 {
        low_half(self.of(parts))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is asked for"
)]
const fn low_half(hash: u128) -> u64 {
    hash as u64
}

/// Unguessable, never repeating tokens: a keyed hash of a counter.
#[derive(Clone, Debug)]
pub struct Tokens {
    hash: KeyedHash,
    counter: u64,
}

impl Tokens {
    /// Tokens under `key`; another key gives another sequence.
    pub fn new(key: &[u8; 16]) -> Self {
        Self {
            hash: KeyedHash::new(key),
            counter: 0,
        }
    }

    /// The next 128 bits.
    pub fn draw(&mut self) -> u128 {
        self.counter += 1;
        self.hash.of(&[b"token", &self.counter.to_le_bytes()])
    }

    /// The next 64 bits.
    pub fn draw_short(&mut self) -> u64 {
        low_half(self.draw())
    }

    /// A number below `bound`, which must not be 0.
    pub fn draw_below(&mut self, bound: u64) -> u64 {
        self.draw_short() % bound
    }
}

/// For maps whose keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlreadyHashed;

/// Passes the key through.
#[derive(Debug)]
pub struct PassThrough(u64);

impl BuildHasher for AlreadyHashed {
    type Hasher = PassThrough;

    fn build_hasher(&self) -> PassThrough {
        PassThrough(0)
    }
}

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 ^= key;
    }

    fn write_u128(&mut self, key: u128) {
        self.0 ^= low_half(key);
    }
}

/// A map whose keys are hashes already.
pub type HashedMap<K, V> = std::collections::HashMap<K, V, AlreadyHashed>;

/// Sixteen lower-case hexadecimal digits on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex([u8; 16]);

impl Hex {
    /// The digits of `value`.
    pub fn new(value: u64) -> Self {
        let mut digits = [0; 16];
        for (place, digit) in digits.iter_mut().enumerate() {
            let nibble = usize::try_from((value >> (60 - 4 * place)) & 0xf).unwrap_or(0);
            *digit = b"0123456789abcdef"[nibble];
        }
        Self(digits)
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }

    /// The value of exactly sixteen lower-case digits.
    pub fn value(text: &str) -> Option<u64> {
        let plain =
            text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        plain.then(|| u64::from_str_radix(text, 16).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_between_parts_count() {
        let hash = KeyedHash::new(&[7; 16]);
        assert_ne!(hash.of(&[b"a", b"bc"]), hash.of(&[b"ab", b"c"]));
        assert_ne!(hash.of(&[b"a"]), KeyedHash::new(&[8; 16]).of(&[b"a"]));
    }

    #[test]
    fn hex_digits_read_back_as_the_value_they_came_from() {
        for value in [0, 1, 0xdead_beef, u64::MAX] {
            assert_eq!(Hex::value(Hex::new(value).as_str()), Some(value));
        }
        assert_eq!(
            Hex::value("00000000DEADBEEF"),
            None,
            "upper case is not ours"
        );
        assert_eq!(Hex::value("1"), None);
    }
}
