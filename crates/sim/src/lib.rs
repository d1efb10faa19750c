//! A made-up world around the real core: virtual time, a bad network, phones, a carrier that forks, and a customer's
//! application that is slow, contradictory or gone.
//!
//! [`World`] is drawn from a seed, so a run that fails can be had again; it panics where an invariant breaks or where
//! the reference [`model`] of a call allows nothing of the kind. Nothing
//! here is shipped, and no protocol is implemented here: phones are user agents of the same core, and only the
//! [`carrier`] writes its own messages, for no user agent would write those.

pub mod application;
pub mod carrier;
pub mod climate;
pub mod clock;
pub mod disk;
pub mod explore;
pub mod figures;
pub mod ledger;
pub mod mischief;
pub mod model;
pub mod network;
pub mod node;
pub mod outbox;
pub mod phone;
pub mod random;
pub mod shell;
pub mod world;

pub use climate::Climate;
pub use figures::Figures;
pub use network::Weather;
pub use world::World;

/// The session description of every peer.
pub const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\n\
m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/// The tenant everybody calls.
pub const DOMAIN: &str = "a.example";
