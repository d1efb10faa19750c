//! The program hookswitch: sockets, HTTP, callbacks, configuration, command line.

pub mod auth;
pub mod config;
pub mod kind;
pub mod reply_id;
pub mod secrets;
pub mod telemetry;
