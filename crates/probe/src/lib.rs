//! What the fuzz targets do with their bytes: each function takes any octets, and panics where something that must
//! hold does not.
//!
//! `fuzz/` lets libFuzzer call them, `tests/corpora.rs` calls them with everything that was ever worth keeping. Nothing
//! here is shipped, and nothing here decides what is right: that stands in the functions' sentences.

mod engine;
mod message;
mod sdp;
mod stream;

pub use engine::engine;
pub use message::parse_message;
pub use sdp::parse_sdp;
pub use stream::parse_stream;
