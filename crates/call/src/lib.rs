//! What a call is for a customer: calls, routing, commands, events.
//!
//! The [`Engine`] conducts one shard: messages, commands and time go in, messages, events and records come out. It
//! knows no HTTP, no SQL and no JSON, opens no socket and reads no clock.

mod call;
pub mod command;
pub mod directory;
pub mod engine;
pub mod event;
pub mod id;
pub mod outcome;
pub mod pattern;
pub mod record;
pub mod rewrite;
pub mod route;
pub mod snapshot;
pub mod token;

pub use engine::{Engine, EngineConfig};
pub use id::CallId;
