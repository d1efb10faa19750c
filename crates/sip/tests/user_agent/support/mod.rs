//! A made-up world for two-party scenarios: phones on a fake link, with virtual time.
//!
//! [`Link`] carries messages with delay and loss and writes the ladder; a [`Phone`] is a `UserAgent` with a simple
//! owner; a [`Stranger`] sends text and keeps what it gets.
pub(crate) mod link;
pub(crate) mod phone;
pub(crate) mod text;

pub(crate) use link::{Link, Weather, ms, secs};
pub(crate) use phone::{Phone, SDP, Settings, Stranger};
pub(crate) use text::{Draft, header, response, sip};
