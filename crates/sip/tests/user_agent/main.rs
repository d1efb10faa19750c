//! The user agent core against the RFCs: two-party scenarios on a fake link with virtual time.

mod rfc3261_calls;
mod rfc3261_cancel;
mod rfc3261_dialogs;
mod rfc3261_refusals;
mod rfc3261_transactions;
mod rfc3262_reliable;
mod rfc3311_update;
mod rfc3581_rport;
mod support;
