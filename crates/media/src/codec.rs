//! The voice codecs a device can ask for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A voice codec with a static RTP payload type (RFC 3551 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// GSM 06.10 full rate, 8 kHz.
    Gsm,
}

impl Codec {
    /// Every codec known here.
    pub const ALL: [Codec; 3] = [Codec::Pcmu, Codec::Pcma, Codec::Gsm];

    /// The encoding name of RFC 3551, in capitals.
    pub fn as_str(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::Gsm => "GSM",
        }
    }

    /// The static payload type of RFC 3551.
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::Gsm => 3,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no codec known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of PCMU, PCMA, GSM")]
pub struct UnknownCodec;

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        Codec::ALL
            .into_iter()
            .find(|codec| codec.as_str().eq_ignore_ascii_case(name))
            .ok_or(UnknownCodec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_is_read_in_any_case_and_written_in_capitals() {
        for (text, codec) in [
            ("PCMU", Codec::Pcmu),
            ("pcma", Codec::Pcma),
            ("Gsm", Codec::Gsm),
        ] {
            assert_eq!(text.parse(), Ok(codec));
            assert_eq!(codec.to_string(), text.to_uppercase());
        }
        assert_eq!("opus".parse::<Codec>(), Err(UnknownCodec));
    }
}
