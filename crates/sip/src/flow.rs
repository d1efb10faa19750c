//! Where a message came from and where one goes: transport, own socket, peer.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A SIP transport (RFC 3261 §18, RFC 7118).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream in the clear.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// WebSocket in the clear.
    Ws,
    /// WebSocket under TLS.
    Wss,
}

impl Transport {
    /// Whether the transport delivers without our retransmitting.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Whether TLS guards it.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// The token of Via's sent-protocol.
    pub const fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The lower-case token of the `transport` URI parameter.
    pub const fn uri_token(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The transport named by a token, in any case.
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|transport| transport.uri_token().eq_ignore_ascii_case(token))
    }

    /// The port a URI without one means (RFC 3261 §19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri_token())
    }
}

/// One way between us and a peer (RFC 5626 §2 calls it a flow).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// Which of our listening sockets, by its place in the configuration.
    pub listener: u16,
    /// The other side.
    pub peer: SocketAddr,
    /// The stream connection; 0 for datagrams and for "any connection to this peer".
    pub connection: u32,
}
