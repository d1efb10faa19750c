//! What a restart needs of a call, as octets of a known version.
//!
//! The first octet is the version, the rest is the [`Snapshot`] as postcard writes it. A version that changes the types
//! keeps the former ones under a name of their own, turns them into today's in `decode`, and gets a golden file beside
//! the others.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_media::{Endpoint, Origin, Remote};
use hookswitch_sip::user_agent::LegSnapshot;
use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::record::{CallState, Identity, Times};

/// Octets most snapshots need at most.
const USUAL: usize = 2 * 1024;
/// The version of what is written.
const VERSION: u8 = 1;

/// When a call was answered, on an axis that nobody can set and that may outlast the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steady {
    /// Which axis: another one after the machine was started anew.
    pub axis: u64,
    /// Microseconds on it.
    pub answered: u64,
}

/// What a restart needs of a call beside its record; it holds SRTP keys, so it is sealed where it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What never changes.
    pub identity: Arc<Identity>,
    /// How far it is; `Ended`: everything is told, and only the leg still owes something.
    pub state: CallState,
    /// The sequence number of its last event.
    pub sequence: u32,
    /// The application's own name for it.
    pub session_reference_id: Option<Arc<str>>,
    /// When what happened.
    pub times: Times,
    /// How long it may last once answered.
    pub max_duration: Option<Duration>,
    /// The device's media.
    pub local: Option<Arc<Endpoint>>,
    /// The device's media after the ACK, where early media went elsewhere.
    pub moves_to: Option<Arc<Endpoint>>,
    /// The peer's media.
    pub remote: Option<Arc<Remote>>,
    /// The `o=` line of our SDP.
    pub origin: Origin,
    /// Why it is being given up.
    pub ending: Option<Box<Outcome>>,
    /// The SIP side.
    pub leg: LegSnapshot,
    /// When it was answered, whatever was done to the wall clock since.
    pub steady: Option<Steady>,
}

/// Octets that are no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Another program wrote them.
    #[error("the snapshot has version {0}, which this program does not know")]
    Version(u8),
    /// They are damaged.
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
}

impl Snapshot {
    /// The octets to keep.
    pub fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(USUAL);
        octets.push(VERSION);
        postcard::to_extend(self, octets).expect("a snapshot has no part that cannot be written")
    }

    /// The snapshot in these octets.
    ///
    /// # Errors
    /// Of an unknown version, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, rest) = bytes
            .split_first()
            .ok_or_else(|| DecodeError::Damaged("it is empty".to_owned()))?;
        match *version {
            VERSION => {
                postcard::from_bytes(rest).map_err(|error| DecodeError::Damaged(error.to_string()))
            }
            other => Err(DecodeError::Version(other)),
        }
    }
}
