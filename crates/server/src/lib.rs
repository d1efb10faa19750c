//! The program hookswitch: sockets, HTTP, callbacks, configuration, command line.

pub mod app;
pub mod auth;
pub mod brake;
pub mod callback;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod database;
pub mod demo;
pub mod directory;
pub mod exchange;
pub mod guard;
pub mod http;
pub mod kind;
pub mod master_key;
pub mod net;
pub mod notify;
pub mod outlet;
pub mod password;
pub mod reply_id;
pub mod secrets;
pub mod shard;
pub mod sigv4;
pub mod telemetry;

mod calendar;
mod complaints;
mod fail;
mod random;
mod vital;
