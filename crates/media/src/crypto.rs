//! SDES keys (RFC 4568), carried untouched and never shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One `a=crypto` attribute (RFC 4568 section 4).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Crypto {
    /// The tag, unique within its m-line; 1 to 9 decimal digits.
    pub tag: u32,
    /// The crypto-suite, for example `AES_CM_128_HMAC_SHA1_80`.
    pub suite: String,
    /// Key parameters `inline:…` and, after a space, any session parameters.
    pub config: String,
}

impl Crypto {
    /// Reads the value of an `a=crypto:` attribute; `None` when it breaks the grammar of RFC 4568 section 9.1.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (tag, rest) = value.trim().split_once(char::is_whitespace)?;
        let (suite, config) = rest.trim_start().split_once(char::is_whitespace)?;
        let leading_zero = tag.len() > 1 && tag.starts_with('0');
        let digits = tag.bytes().all(|byte| byte.is_ascii_digit());
        if leading_zero || !digits || tag.len() > 9 || !is_suite(suite) {
            return None;
        }
        let config = config.trim();
        if config.contains(char::is_control) {
            return None;
        }
        let method = config.get(..7)?;
        method
            .eq_ignore_ascii_case("inline:")
            .then_some(())
            .and_then(|()| tag.parse().ok())
            .map(|tag| Crypto {
                tag,
                suite: suite.to_owned(),
                config: config.to_owned(),
            })
    }

    /// Whether both name the same crypto-suite.
    pub(crate) fn has_suite_of(&self, other: &Crypto) -> bool {
        self.suite.eq_ignore_ascii_case(&other.suite)
    }
}

/// Crypto-suites are built of letters, digits and underscores (RFC 4568 section 9.1).
pub(crate) fn is_suite(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("tag", &self.tag)
            .field("suite", &self.suite)
            .field("config", &"inline:***")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

    #[test]
    fn a_crypto_attribute_is_split_into_tag_suite_and_the_rest() {
        let value = format!("1 {SUITE} inline:WVNf|2^20|1:4 FEC_ORDER=FEC_SRTP");
        assert_eq!(
            Crypto::parse(&value),
            Some(Crypto {
                tag: 1,
                suite: SUITE.into(),
                config: "inline:WVNf|2^20|1:4 FEC_ORDER=FEC_SRTP".into(),
            })
        );
    }

    #[test]
    fn a_broken_crypto_attribute_is_not_read() {
        for value in [
            "",
            "1",
            "1 AES_CM_128_HMAC_SHA1_80",
            "01 AES_CM_128_HMAC_SHA1_80 inline:x",
            "+1 AES_CM_128_HMAC_SHA1_80 inline:x",
            "1234567890 AES_CM_128_HMAC_SHA1_80 inline:x",
            "1 AES-CM inline:x",
            "1 AES_CM_128_HMAC_SHA1_80 external:x",
            "1 AES_CM_128_HMAC_SHA1_80 inliné:x",
            "1 AES_CM_128_HMAC_SHA1_80 inline:x\ry",
        ] {
            assert_eq!(Crypto::parse(value), None, "{value}");
        }
    }

    #[test]
    fn debug_output_never_shows_the_key() {
        let crypto = Crypto::parse(&format!("1 {SUITE} inline:SECRET")).unwrap();
        let shown = format!("{crypto:?}");
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains(SUITE), "{shown}");
    }
}
