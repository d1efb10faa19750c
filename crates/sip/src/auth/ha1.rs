//! What a server keeps instead of a digest password: HA1 in one or more algorithms.

use std::fmt;

use crate::auth::Algorithm;
use crate::auth::algorithm::hex;

/// HA1 of RFC 7616 §3.4.2 (not the `-sess` form) in every algorithm that is known for one user. It lets whoever has
/// it sign in, so it is a secret like the password, but of one realm only.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Ha1 {
    md5: Option<[u8; 16]>,
    sha256: Option<[u8; 32]>,
    sha512_256: Option<[u8; 32]>,
}

/// From the strongest to the weakest: the order of challenges (RFC 8760 §2.3).
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5];

impl Ha1 {
    /// The hashes of a password in every algorithm.
    pub fn of(username: &str, realm: &str, password: &str) -> Self {
        let mut all = Self::default();
        for algorithm in ALGORITHMS {
            all.put(algorithm, &algorithm.ha1(username, realm, password));
        }
        all
    }

    /// Reads what [`Ha1::write`] wrote, or one hash as a customer gives it: 32 hexadecimal digits are MD5, 64 are
    /// SHA-256. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::default();
        if !text.contains('=') {
            let algorithm = match text.len() {
                32 => Algorithm::Md5,
                64 => Algorithm::Sha256,
                _ => return None,
            };
            return all.put(algorithm, text).then_some(all);
        }
        for part in text.split(',') {
            let (name, digits) = part.split_once('=')?;
            let (algorithm, false) = Algorithm::parse(name)? else {
                return None;
            };
            if !all.put(algorithm, digits) {
                return None;
            }
        }
        Some(all)
    }

    /// One text of all hashes: `SHA-256=…,MD5=…`.
    pub fn write(&self) -> String {
        let parts = ALGORITHMS.into_iter().filter_map(|algorithm| {
            let digits = self.hex(algorithm)?;
            Some(format!("{}={digits}", algorithm.as_str()))
        });
        parts.collect::<Vec<_>>().join(",")
    }

    /// The hash of one algorithm in lower-case hexadecimal.
    pub fn hex(&self, algorithm: Algorithm) -> Option<String> {
        match algorithm {
            Algorithm::Md5 => self.md5.as_ref().map(|hash| hex(hash)),
            Algorithm::Sha256 => self.sha256.as_ref().map(|hash| hex(hash)),
            Algorithm::Sha512_256 => self.sha512_256.as_ref().map(|hash| hex(hash)),
        }
    }

    fn put(&mut self, algorithm: Algorithm, digits: &str) -> bool {
        match algorithm {
            Algorithm::Md5 => self.md5 = bytes(digits),
            Algorithm::Sha256 => self.sha256 = bytes(digits),
            Algorithm::Sha512_256 => self.sha512_256 = bytes(digits),
        }
        self.hex(algorithm).is_some()
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(…)")
    }
}

/// The octets of exactly `N` times two hexadecimal digits.
fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if digits.len() != 2 * N || !is_hex {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The MD5 hash is that of RFC 7616 §3.9.1, computed from its user, realm and password.
    const MUFASA: &str = "3d78807defe7de2157e2b0b6573a855f";

    fn mufasa() -> Ha1 {
        Ha1::of("Mufasa", "http-auth@example.org", "Circle of Life")
    }

    #[test]
    fn a_password_is_kept_in_every_algorithm_and_read_back() {
        let kept = mufasa();
        assert_eq!(kept.hex(Algorithm::Md5).unwrap(), MUFASA);
        for algorithm in ALGORITHMS {
            let alone = algorithm.ha1("Mufasa", "http-auth@example.org", "Circle of Life");
            assert_eq!(kept.hex(algorithm).unwrap(), alone);
        }
        assert_eq!(Ha1::parse(&kept.write()), Some(kept));
    }

    #[test]
    fn a_customers_hash_says_by_its_length_what_it_is() {
        let md5 = Ha1::parse(&MUFASA.to_uppercase()).unwrap();
        assert_eq!(md5.hex(Algorithm::Md5).unwrap(), MUFASA);
        assert_eq!(md5.hex(Algorithm::Sha256), None);
        let digits = "0a".repeat(32);
        let sha256 = Ha1::parse(&digits).unwrap();
        assert_eq!(sha256.hex(Algorithm::Sha256).unwrap(), digits);
        assert_eq!(sha256.hex(Algorithm::Sha512_256), None);
        assert_eq!(sha256.write(), format!("SHA-256={digits}"));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let short = format!("MD5={}", &MUFASA[1..]);
        let other = format!("MD4={MUFASA}");
        let sess = format!("MD5-sess={MUFASA}");
        let not_hex = "g".repeat(32);
        let not_ascii = "å".repeat(16);
        for text in [
            "",
            "=",
            &short,
            &other,
            &sess,
            &not_hex,
            &not_ascii,
            &MUFASA[1..],
        ] {
            assert_eq!(Ha1::parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_hash_shows_in_debug_output() {
        assert!(!format!("{:?}", mufasa()).contains(&MUFASA[..4]));
    }
}
