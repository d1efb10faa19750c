//! The four transaction machines of RFC 3261 §17, with RFC 6026 and RFC 4320.
//!
//! A machine holds only what its next step needs. What remains of a finished one is a [`Tombstone`].

pub(crate) mod client;
pub(crate) mod key;
pub(crate) mod server_invite;
pub(crate) mod timing;
pub(crate) mod tombstone;
