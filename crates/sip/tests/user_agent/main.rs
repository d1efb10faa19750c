//! The user agent core against the RFCs: two-party scenarios on a fake link with virtual time.
#![expect(
    clippy::unwrap_used,
    reason = "a scenario that does not go as written fails"
)]

mod forking;
mod glare;
mod properties;
mod restart;
mod rfc3261_calls;
mod rfc3261_cancel;
mod rfc3261_connections;
mod rfc3261_dialogs;
mod rfc3261_refusals;
mod rfc3261_transactions;
mod rfc3262_reliable;
mod rfc3263_targets;
mod rfc3311_update;
mod rfc3581_rport;
mod rfc4028_session_timer;
mod rfc6026_accepted;
mod routes;
mod support;
mod torture_answers;
