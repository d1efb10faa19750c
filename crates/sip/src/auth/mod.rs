//! Digest authentication (RFC 7616, RFC 8760, RFC 3261 §22): challenges, the hashes, the client that answers, and the
//! server's nonces and proofs. Who has to prove himself, and with which secret, is policy and lives above.

mod algorithm;
mod challenge;
mod client;
mod ha1;
mod server;

pub use algorithm::{Algorithm, Digest, Qop};
pub use challenge::{Challenge, parameters};
pub use client::{AuthFailure, Credentials, DigestClient, Secret};
pub use ha1::{ALGORITHMS, Ha1};
pub use server::{Audience, Nonces, Proof, Worth, is_same};

#[cfg(test)]
mod tests;
