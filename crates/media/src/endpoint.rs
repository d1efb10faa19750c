//! The two sides of a session.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Codec, Crypto, Direction};

/// What a device said of itself: where and how it wants to receive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Where the device receives RTP.
    pub address: IpAddr,
    /// The device's RTP port.
    pub port: u16,
    /// The one codec the device speaks in this call.
    pub codec: Codec,
    /// The payload type the device uses for telephone events (RFC 4733), if any.
    pub telephone_event: Option<u8>,
    /// SDES keys of the device; empty means plain RTP.
    pub crypto: Vec<Crypto>,
}

/// What the peer said of itself in its SDP.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Remote {
    /// Where the peer receives RTP; unspecified (`0.0.0.0`, `::`) when it holds the old way.
    pub address: IpAddr,
    /// The peer's RTP port.
    pub port: u16,
    /// The peer's first codec that is known here.
    pub codec: Codec,
    /// Every known codec of the peer, in its order of preference.
    pub codecs: Vec<Codec>,
    /// The peer's payload type for telephone events at 8 kHz, if any.
    pub telephone_event: Option<u8>,
    /// The peer's SDES keys; empty means plain RTP.
    pub crypto: Vec<Crypto>,
    /// The direction as the peer sees it.
    pub direction: Direction,
}

/// The `o=` line of our side: the session stays, the version grows with every change (RFC 3264 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Session id, the same for the life of the dialog.
    pub session: u64,
    /// Session version, one more for every description that differs from the last.
    pub version: u64,
}
