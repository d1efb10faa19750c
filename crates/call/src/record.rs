//! What is kept of a call: its identity, its record for people; its snapshot for a restart is next door.

use std::net::IpAddr;
use std::sync::Arc;

use hookswitch_media::{Codec, Direction as MediaDirection, Endpoint, Remote};
use serde::{Deserialize, Serialize};

use crate::id::CallId;
use crate::outcome::Outcome;
use crate::route::TraceStep;
pub use crate::snapshot::{DecodeError, Snapshot, Steady};

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The peer called.
    Inbound,
    /// The application called.
    Outbound,
}

impl Direction {
    /// The text in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// What never changes about a call; one copy, shared by its events, records and snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The call.
    pub call: CallId,
    /// The tenant.
    pub domain: Arc<str>,
    /// The service that serves it; none when the call was refused before one was found.
    pub service: Option<Arc<str>>,
    /// Who called.
    pub direction: Direction,
    /// The SIP Call-ID.
    pub sip_call_id: Arc<str>,
    /// The user part of From, percent-decoded.
    pub source_user: Box<str>,
    /// The user part of the Request-URI, percent-decoded.
    pub destination_user: Box<str>,
    /// The Request-URI as it was sent.
    pub destination_uri: Box<str>,
    /// Where callbacks go instead of the service's URL.
    pub target: Option<Arc<str>>,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Inbound: the application was asked. Outbound: the INVITE is on its way.
    Offered,
    /// It rings.
    Ringing,
    /// Inbound: our 200 waits for its ACK.
    Answered,
    /// Both sides talk.
    Confirmed,
    /// Outbound: CANCEL is on its way.
    Cancelling,
    /// It is over.
    Ended,
}

impl CallState {
    /// The text in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Confirmed => "confirmed",
            Self::Cancelling => "cancelling",
            Self::Ended => "ended",
        }
    }
}

/// When what happened, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// The INVITE came in, or the command to call.
    pub offered: u64,
    /// The first ringing.
    pub ringing: Option<u64>,
    /// The 2xx.
    pub answered: Option<u64>,
    /// The ACK.
    pub confirmed: Option<u64>,
    /// The end.
    pub ended: Option<u64>,
}

/// One side's media without keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaSummary {
    /// Where it receives RTP.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its codec.
    pub codec: Codec,
    /// Its payload type for telephone events.
    pub telephone_event: Option<u8>,
    /// The crypto-suites of its keys.
    pub suites: Vec<Box<str>>,
    /// The direction as the peer sees it; none for the device.
    pub direction: Option<MediaDirection>,
}

impl From<&Remote> for MediaSummary {
    fn from(remote: &Remote) -> Self {
        Self {
            address: remote.address,
            port: remote.port,
            codec: remote.codec,
            telephone_event: remote.telephone_event,
            suites: remote
                .crypto
                .iter()
                .map(|crypto| crypto.suite.as_str().into())
                .collect(),
            direction: Some(remote.direction),
        }
    }
}

impl From<&Endpoint> for MediaSummary {
    fn from(local: &Endpoint) -> Self {
        Self {
            address: local.address,
            port: local.port,
            codec: local.codec,
            telephone_event: local.telephone_event,
            suites: local
                .crypto
                .iter()
                .map(|crypto| crypto.suite.as_str().into())
                .collect(),
            direction: None,
        }
    }
}

/// Everything a person can ask about a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// What never changes.
    pub identity: Arc<Identity>,
    /// How far it is.
    pub state: CallState,
    /// The application's own name for it.
    pub session_reference_id: Option<Arc<str>>,
    /// When what happened.
    pub times: Times,
    /// The device's media.
    pub local: Option<MediaSummary>,
    /// The peer's media.
    pub remote: Option<MediaSummary>,
    /// How routing decided, and what went wrong on the way.
    pub trace: Arc<[TraceStep]>,
    /// How it ended.
    pub outcome: Option<Arc<Outcome>>,
}

impl CallRecord {
    /// A call that has just come in, at a Unix time in microseconds.
    pub fn offered(identity: Arc<Identity>, at: u64, trace: Arc<[TraceStep]>) -> Self {
        Self {
            identity,
            state: CallState::Offered,
            session_reference_id: None,
            times: Times {
                offered: at,
                ..Times::default()
            },
            local: None,
            remote: None,
            trace,
            outcome: None,
        }
    }

    /// The same, over at once.
    #[must_use]
    pub fn refused(mut self, outcome: Outcome) -> Self {
        self.state = CallState::Ended;
        self.times.ended = Some(self.times.offered);
        self.outcome = Some(Arc::new(outcome));
        self
    }
}
