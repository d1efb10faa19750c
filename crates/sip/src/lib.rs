//! SIP messages, transactions, dialogs and the user agent, as pure machines.
//!
//! Nothing here opens a socket, reads a clock or knows what a body means: bytes and time come in through
//! `handle_*`, what has to be done comes out of `poll_*`.

pub mod auth;
pub mod event;
pub mod flow;
pub mod message;
pub mod time;
pub mod user_agent;
