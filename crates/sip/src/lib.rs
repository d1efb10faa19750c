//! SIP messages, transactions, dialogs and the user agent, as pure machines.
//!
//! Nothing here opens a socket, reads a clock or knows what a body means: bytes and time come in through
//! `handle_*`, what has to be done comes out of `poll_*`.

pub mod auth;
pub mod deadlines;
mod dialog;
pub mod event;
pub mod flow;
pub mod hash;
mod leg;
pub mod message;
pub mod stateless;
pub mod time;
mod transaction;
pub mod user_agent;
