//! The user agent core against the RFCs: two-party scenarios on a fake link with virtual time.

mod rfc3261_calls;
mod support;
