//! Everything a node must still know tomorrow: provisioning, keys, calls, the callback outbox and the SIP log.
//!
//! One module per table, one function per question, SQL only here. Questions take [`Read`] (a pooled connection, from
//! [`Store::read`]); changes take [`Write`] (the inside of a transaction, from [`Store::write`]) or travel as a
//! [`Batch`] through the one [`Writer`] thread. All functions block; nothing here knows a protocol, parses a body or
//! decides a policy.

pub mod api_keys;
pub mod backup;
pub mod bulk;
pub mod calls;
pub mod documents;
pub mod domains;
pub mod events;
pub mod idempotency;
pub mod ladder;
pub mod networks;
pub mod notifications;
pub mod reseal;
pub mod retention;
pub mod seal;
pub mod settings;
pub mod snapshots;
pub mod statistics;
pub mod tenant;

mod batch;
mod checkpoint;
mod error;
#[cfg(test)]
mod fixture;
mod key;
mod presence;
mod schema;
mod sql;
mod store;
mod vital;
mod writer;

pub use batch::Batch;
pub use calls::CallRow;
pub use error::Error;
pub use events::{DeliveryOutcome, DeliveryUpdate, EventRow, Try};
pub use key::{CallKey, UnixMicros};
pub use ladder::LadderRow;
pub use seal::{MasterKey, SealedText};
pub use store::{Change, FILE, Options, Read, Store, Write};
pub use vital::Vital;
pub use writer::{Health, Metrics, Writer};

/// What every function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
