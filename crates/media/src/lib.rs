//! SDP and offer/answer, as pure functions.
//!
//! A device behind the platform says where it wants its media ([`Endpoint`]); the peer says the
//! same in SDP ([`Remote`]). This crate turns one into the other by the rules of RFC 3264, RFC 4566
//! and RFC 4568. It deliberately carries no media, resolves no names and keeps no state: the
//! session version of an [`Origin`] is the caller's to count.

mod codec;
mod crypto;
mod direction;
mod endpoint;
mod error;
mod negotiate;
mod sdp;

pub use codec::{Codec, UnknownCodec};
pub use crypto::Crypto;
pub use direction::Direction;
pub use endpoint::{Endpoint, Origin, Remote};
pub use error::{AnswerError, OfferError};
pub use negotiate::{answer, offer, read_answer, read_offer};
pub use sdp::{MAX_BYTES, MAX_LINES, MAX_MEDIA, redact};
