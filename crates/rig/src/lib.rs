//! The ground real-world tests stand on: the program itself, SIPp, and a customer's application.
//!
//! It starts `hookswitch serve` as anybody would and knows nothing of its insides; the surface tests
//! and `cargo xtask bench` share it. Everything blocks, on plain threads: a test reads top to bottom.

pub mod application;
pub mod http;
pub mod phone;
pub mod postgres;
pub mod program;
pub mod relay;
pub mod server;
pub mod sipp;
pub mod strangers;
