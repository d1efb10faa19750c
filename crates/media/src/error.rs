//! Why a description cannot be used: none of these texts ever holds a key.

/// A description of the peer that cannot be used; [`OfferError::status`] is the SIP answer to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// The body is not SDP.
    #[error("the SDP is malformed: {0}")]
    Malformed(&'static str),
    /// There is no audio stream, or it was refused with port 0.
    #[error("the SDP has no usable audio stream")]
    NoAudio,
    /// None of the peer's codecs is PCMU, PCMA or GSM.
    #[error("no codec in common: the peer has {}", listed(offered))]
    NoKnownCodec {
        /// The encoding names of the peer, in its order.
        offered: Vec<String>,
    },
    /// The transport profile is neither RTP/AVP nor RTP/SAVP with SDES keys.
    #[error("the media profile {profile} is not supported: {why}")]
    UnsupportedProfile {
        /// The profile as the peer wrote it.
        profile: String,
        /// What stands in the way.
        why: &'static str,
    },
    /// The media address is no unicast IP address.
    #[error("the media address {address} is not a unicast IP address")]
    UnsupportedAddress {
        /// The address as the peer wrote it.
        address: String,
    },
    /// The answer to our offer carries none of the crypto-suites we offered.
    #[error("the answer does not take up the offered SRTP keys")]
    CryptoRefused,
}

impl OfferError {
    /// The SIP status that says this to the peer: 400 for what is not SDP, else 488.
    pub fn status(&self) -> u16 {
        match self {
            OfferError::Malformed(_) => 400,
            _ => 488,
        }
    }
}

/// The device's own description does not fit the peer's offer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The device's codec is not among the offered ones.
    #[error("the codec was not offered: the peer offers {}", listed(offered))]
    CodecNotOffered {
        /// The encoding names of the peer, in its order.
        offered: Vec<String>,
    },
    /// The device's crypto-suite is not among the offered ones, or only one side wants SRTP.
    #[error(
        "the crypto does not fit the offer: the peer offers {}",
        listed(offered)
    )]
    CryptoMismatch {
        /// The crypto-suites of the peer, in its order; empty means plain RTP.
        offered: Vec<String>,
    },
    /// The offer itself cannot be answered.
    #[error(transparent)]
    Malformed(#[from] OfferError),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
