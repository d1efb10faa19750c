//! The program hookswitch: sockets, HTTP, callbacks, configuration, command line.

pub mod auth;
pub mod cli;
pub mod config;
pub mod control;
pub mod directory;
pub mod http;
pub mod kind;
pub mod reply_id;
pub mod secrets;
pub mod telemetry;

mod random;
