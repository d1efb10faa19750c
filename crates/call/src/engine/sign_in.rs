//! Who calls: a device proves itself by digest (RFC 3261 §22, RFC 8760) where its network does not.

use std::net::IpAddr;

use hookswitch_sip::auth::{Audience, Ha1, Proof, Worth};
use hookswitch_sip::event::Rejection;
use hookswitch_sip::message::{HeaderName, Message};
use hookswitch_sip::time::Now;

use super::Engine;
use super::offer::source_user;
use crate::directory::Tenant;
use crate::route::TraceStep;

/// The most Authorization header fields that are looked at.
const MAX_PROOFS: usize = 8;

/// What became of a caller who has to prove who it is.
#[derive(Debug)]
pub(super) enum SignIn {
    /// No device of the domain could.
    NotAsked,
    /// It was asked to.
    Challenged(Rejection),
    /// It failed, and why.
    Refused(TraceStep),
    /// It is this device.
    Device(Box<str>),
}

impl Engine {
    /// Looks at what an INVITE proves; a name nobody has is refused like a wrong password, and as fast.
    pub(super) fn sign_in(
        &mut self,
        now: Now,
        tenant: &Tenant,
        source: IpAddr,
        message: &Message<'_>,
    ) -> SignIn {
        let algorithms = tenant.devices.algorithms();
        if algorithms.is_empty() {
            return SignIn::NotAsked;
        }
        let audience = Audience {
            realm: &tenant.domain,
            source,
            call_id: message.call_id().unwrap_or_default(),
        };
        let proof = message
            .all(HeaderName::Authorization)
            .take(MAX_PROOFS)
            .filter_map(Proof::parse)
            .find(|proof| *proof.realm == *tenant.domain);
        let challenged = |stale| {
            let values = self.nonces.challenge(now, audience, algorithms, stale);
            let challenge = |rejection: Rejection, value: String| {
                rejection.with(HeaderName::WwwAuthenticate, value)
            };
            SignIn::Challenged(values.into_iter().fold(Rejection::new(401), challenge))
        };
        let Some(proof) = proof else {
            return challenged(false);
        };
        let device = tenant.devices.find(&proof.username);
        let nobody = Ha1::default();
        let ha1 = device.and_then(|device| device.ha1.as_deref());
        let uri = message.request_uri().unwrap_or_default();
        let is_right = proof.is_right("INVITE", uri, message.body(), ha1.unwrap_or(&nobody));
        match (self.nonces.worth(now, audience, &proof), is_right) {
            (Worth::Stale, is_right) => challenged(is_right),
            (Worth::Good, false) => {
                let why = "the digest fits no device of the domain";
                SignIn::Refused(TraceStep::new("digest", "refused", why))
            }
            (Worth::Good, true) => {
                self.nonces.take(now, audience, &proof);
                if *source_user(message) == *proof.username {
                    return SignIn::Device(proof.username.as_ref().into());
                }
                let why = format!(
                    "the device {} signed in, but From names another user",
                    proof.username
                );
                SignIn::Refused(TraceStep::new("digest", "refused", why))
            }
        }
    }
}
