//! Digest authentication (RFC 7616, RFC 8760, RFC 3261 §22): challenges, the hashes, and the client that answers.
//!
//! Verifying what others send is policy and lives above; [`parameters`] and [`Digest`] are what it needs from here.

mod algorithm;
mod challenge;
mod client;
mod ha1;

pub use algorithm::{Algorithm, Digest, Qop};
pub use challenge::{Challenge, parameters};
pub use client::{AuthFailure, Credentials, DigestClient, Secret};
pub use ha1::{ALGORITHMS, Ha1};

#[cfg(test)]
mod tests;
