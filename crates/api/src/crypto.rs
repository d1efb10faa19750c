//! SRTP keys on the wire (RFC 4568).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::fault::Faults;

/// The most keys of one stream.
const MAX_KEYS: usize = 16;
/// The largest tag: nine digits.
const MAX_TAG: u32 = 999_999_999;
/// The longest suite.
const MAX_SUITE: usize = 64;
/// The longest `config`.
const MAX_CONFIG: usize = 1_024;

/// One `a=crypto` attribute, taken apart.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Crypto<'a> {
    /// The tag: unique within the list, 1 to 9 digits.
    #[serde(deserialize_with = "tag")]
    #[schema(maximum = 999_999_999, example = 1)]
    pub id: u32,
    /// The crypto-suite.
    #[schema(value_type = String, format = "crypto-suite", example = "AES_CM_128_HMAC_SHA1_80")]
    pub suite: Cow<'a, str>,
    /// Key parameters `inline:…` and, after a space, any session parameters; carried untouched.
    #[schema(value_type = String, format = "crypto-config")]
    pub config: Cow<'a, str>,
}

impl fmt::Debug for Crypto<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("id", &self.id)
            .field("suite", &self.suite)
            .field("config", &"inline:***")
            .finish()
    }
}

fn tag<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let tag = crate::lenient::number(from)?;
    tag.ok_or_else(|| serde::de::Error::custom("must be a number of 1 to 9 digits"))
}

/// Checks a list of keys below `/crypto`.
pub(crate) fn check(keys: &[Crypto<'_>], faults: &mut Faults) {
    if keys.len() > MAX_KEYS {
        faults.add("/crypto", format!("must have at most {MAX_KEYS} entries"));
        return;
    }
    for (index, key) in keys.iter().enumerate() {
        let at = |member: &str| format!("/crypto/{index}/{member}");
        if key.id > MAX_TAG {
            faults.add(at("id"), "must be a number of 1 to 9 digits");
        }
        if keys[..index].iter().any(|earlier| earlier.id == key.id) {
            faults.add(at("id"), "must be unique within the list");
        }
        let in_suite = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if key.suite.is_empty() || key.suite.len() > MAX_SUITE || !key.suite.bytes().all(in_suite) {
            faults.add(
                at("suite"),
                "must name a crypto-suite, such as AES_CM_128_HMAC_SHA1_80",
            );
        }
        let printable = |byte: u8| (b' '..=b'~').contains(&byte);
        if !key.config.starts_with("inline:") || key.config.len() == "inline:".len() {
            faults.add(at("config"), "must begin with inline: and a key");
        } else if key.config.len() > MAX_CONFIG || !key.config.bytes().all(printable) {
            faults.add(
                at("config"),
                format!("must have at most {MAX_CONFIG} printable ASCII characters"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32, suite: &'static str, config: &'static str) -> Crypto<'static> {
        Crypto {
            id,
            suite: suite.into(),
            config: config.into(),
        }
    }

    fn pointers(keys: &[Crypto<'_>]) -> Vec<String> {
        let mut faults = Faults::new();
        check(keys, &mut faults);
        faults
            .into_vec()
            .into_iter()
            .map(|fault| fault.pointer)
            .collect()
    }

    #[test]
    fn good_keys_pass() {
        let keys = [
            key(1, "AES_CM_128_HMAC_SHA1_80", "inline:abc|2^20|1:4 KDR=1"),
            key(2, "F8_128_HMAC_SHA1_80", "inline:def"),
        ];
        assert_eq!(pointers(&keys), [""; 0]);
    }

    #[test]
    fn each_bad_member_is_named() {
        let keys = [
            key(1, "AES_CM_128_HMAC_SHA1_80", "inline:abc"),
            key(1, "AES CM", "inline:abc"),
            key(1_000_000_000, "", "inline:"),
            key(3, "AES_CM_128_HMAC_SHA1_80", "inline:a\r\na=x"),
            key(4, "AES_CM_128_HMAC_SHA1_80", "key"),
        ];
        assert_eq!(
            pointers(&keys),
            [
                "/crypto/1/id",
                "/crypto/1/suite",
                "/crypto/2/id",
                "/crypto/2/suite",
                "/crypto/2/config",
                "/crypto/3/config",
                "/crypto/4/config"
            ]
        );
        assert_eq!(pointers(&vec![keys[0].clone(); 17]), ["/crypto"]);
    }

    #[test]
    fn the_key_is_written_but_never_debugged() {
        let crypto = key(1, "AES_CM_128_HMAC_SHA1_80", "inline:SECRET");
        assert!(
            serde_json::to_string(&crypto)
                .unwrap()
                .contains("inline:SECRET")
        );
        assert!(!format!("{crypto:?}").contains("SECRET"));
    }
}
