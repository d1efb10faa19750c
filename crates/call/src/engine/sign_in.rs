//! Who calls: a device or the other side of a trunk proves itself by digest (RFC 3261 §22, RFC 8760) where its network
//! does not.

use std::net::IpAddr;
use std::sync::Arc;

use hookswitch_sip::auth::{ALGORITHMS, Algorithm, Audience, Ha1, Proof, Worth};
use hookswitch_sip::event::Rejection;
use hookswitch_sip::message::{HeaderName, Message};
use hookswitch_sip::time::Now;

use super::Engine;
use super::ending::shortened;
use super::offer::source_user;
use crate::directory::{Directory, Tenant};
use crate::route::{Signer, TraceStep};

/// The most Authorization header fields that are looked at.
const MAX_PROOFS: usize = 8;
/// The most realms a caller is asked for.
const MAX_REALMS: usize = 8;

/// What became of a caller who has to prove who it is.
#[derive(Debug)]
pub(super) enum SignIn {
    /// It was asked to.
    Challenged(Rejection),
    /// It failed, and why.
    Refused(TraceStep),
    /// It is this one.
    Signed(Signed),
}

/// Who a caller proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// A device of the domain.
    Device(Box<str>),
    /// A trunk of a domain.
    Trunk {
        /// The domain.
        domain: Arc<str>,
        /// Its id.
        id: Arc<str>,
    },
}

impl Signed {
    /// The same, for routing.
    pub(super) fn signer(&self) -> Signer<'_> {
        match self {
            Self::Device(device) => Signer::Device(device),
            Self::Trunk { domain, id } => Signer::Trunk { domain, id },
        }
    }

    /// The domain that was found by the credentials.
    fn domain(&self) -> Option<&str> {
        match self {
            Self::Device(_) => None,
            Self::Trunk { domain, .. } => Some(domain),
        }
    }
}

impl Engine {
    /// Looks at what an INVITE proves; a name nobody has is refused like a wrong password, and as fast. Without a
    /// tenant the INVITE is for this node itself, under the name `host`.
    pub(super) fn sign_in(
        &mut self,
        now: Now,
        tenant: Option<&Tenant>,
        host: &str,
        source: IpAddr,
        message: &Message<'_>,
    ) -> SignIn {
        let directory = self.directory.clone();
        let realms = asked(&directory, tenant, host);
        let audience = |realm| Audience {
            realm,
            source,
            call_id: message.call_id().unwrap_or_default(),
        };
        let mut is_stale = false;
        let mut refused = None;
        let proofs = message.all(HeaderName::Authorization).take(MAX_PROOFS);
        for proof in proofs.filter_map(Proof::parse) {
            let mut asked = realms.iter().map(|(realm, _)| *realm);
            let Some(realm) = asked.find(|realm| *proof.realm == **realm) else {
                continue;
            };
            let mut proved = proved(&directory, tenant, realm, &proof, message);
            match (
                self.nonces.worth(now, audience(realm), &proof),
                proved.right.len(),
            ) {
                (Worth::Stale, found) => is_stale |= found > 0,
                (Worth::Good, 0) => {
                    refused = Some(TraceStep::new("digest", "refused", proved.why(&proof)));
                }
                (Worth::Good, 1) => {
                    self.nonces.take(now, audience(realm), &proof);
                    let signed = proved.right.remove(0);
                    match &signed {
                        Signed::Device(device) if *device != source_user(message) => {
                            let why = format!(
                                "the device {device} signed in, but From names another user"
                            );
                            refused = Some(TraceStep::new("digest", "refused", why));
                        }
                        _ => return SignIn::Signed(signed),
                    }
                }
                (Worth::Good, _) => {
                    let why = "the digest fits trunks of several domains";
                    refused = Some(TraceStep::new("digest", "refused", why));
                }
            }
        }
        if let Some(step) = refused {
            return SignIn::Refused(step);
        }
        let challenges = realms.into_iter().flat_map(|(realm, algorithms)| {
            self.nonces
                .challenge(now, audience(realm), algorithms, is_stale)
        });
        let challenge = |rejection: Rejection, value: String| {
            rejection.with(HeaderName::WwwAuthenticate, value)
        };
        SignIn::Challenged(challenges.fold(Rejection::new(401), challenge))
    }
}

/// The realms a caller is asked for, and by which algorithms: of a tenant its domain for devices and those of its
/// trunks, of this node its own name where trunks have that as their realm.
fn asked<'d>(
    directory: &'d Directory,
    tenant: Option<&'d Tenant>,
    host: &'d str,
) -> Vec<(&'d str, Vec<Algorithm>)> {
    let Some(tenant) = tenant else {
        let tenants = directory.of_realm(host);
        let known = tenants.flat_map(|tenant| known_to_trunks(tenant, host));
        return vec![(host, common(&known.collect::<Vec<_>>()))];
    };
    let domain = &*tenant.domain;
    let mut devices = vec![tenant.devices.algorithms()];
    devices.retain(|algorithms| !algorithms.is_empty());
    devices.extend(known_to_trunks(tenant, domain));
    let others = tenant.realms().into_iter().filter(|realm| *realm != domain);
    let others = others.map(|realm| {
        let known: Vec<_> = known_to_trunks(tenant, realm).collect();
        (realm, common(&known))
    });
    std::iter::once((domain, common(&devices)))
        .filter(|(_, algorithms)| !algorithms.is_empty())
        .chain(others)
        .take(MAX_REALMS)
        .collect()
}

/// By which algorithms each trunk of a realm can prove itself.
fn known_to_trunks(tenant: &Tenant, realm: &str) -> impl Iterator<Item = Vec<Algorithm>> {
    let credentials = tenant
        .trunks()
        .iter()
        .filter_map(|trunk| trunk.credentials.as_ref());
    let known = credentials.filter(move |known| *known.realm == *realm);
    known.map(|known| {
        let has = |algorithm: &Algorithm| known.ha1.hex(*algorithm).is_some();
        ALGORITHMS.into_iter().filter(has).collect()
    })
}

/// The algorithms that all of them know, so that the question tells nothing of any; where there is none, all that any
/// of them knows. The strongest first.
fn common(known: &[Vec<Algorithm>]) -> Vec<Algorithm> {
    let knowing = |algorithm: &Algorithm| {
        let lists = known.iter().filter(|list| list.contains(algorithm));
        lists.count()
    };
    let of_all = ALGORITHMS
        .into_iter()
        .filter(|algorithm| !known.is_empty() && knowing(algorithm) == known.len());
    let of_all: Vec<Algorithm> = of_all.collect();
    if !of_all.is_empty() {
        return of_all;
    }
    let of_any = ALGORITHMS
        .into_iter()
        .filter(|algorithm| knowing(algorithm) > 0);
    of_any.collect()
}

/// What a proof comes to.
#[derive(Debug)]
struct Proved {
    /// Whoever has the name and the hash in it.
    right: Vec<Signed>,
    /// How many have the name.
    named: usize,
    /// How many of those have a hash by its algorithm.
    hashed: usize,
}

impl Proved {
    /// Why it proves nobody, for the record: the caller is told the same of every reason.
    fn why(&self, proof: &Proof<'_>) -> String {
        let (name, algorithm) = (shortened(&proof.username), proof.algorithm().as_str());
        match (self.named, self.hashed) {
            (0, _) => format!(
                "no device and no trunk of the domain has the user name {name:?} ({algorithm})"
            ),
            (_, 0) => format!(
                "the user name {name:?} is known, but there is no {algorithm} hash of its password"
            ),
            _ => format!(
                "the user name {name:?} is known, but the {algorithm} digest does not fit: a wrong password, or the \
                 digest is of another request"
            ),
        }
    }
}

/// Whoever has the name and the hash in a proof. It takes as long where nobody has.
fn proved(
    directory: &Directory,
    tenant: Option<&Tenant>,
    realm: &str,
    proof: &Proof<'_>,
    message: &Message<'_>,
) -> Proved {
    let name = &*proof.username;
    let mut known: Vec<(Signed, &Ha1)> = Vec::new();
    let device = tenant.filter(|tenant| *tenant.domain == *realm);
    if let Some(ha1) = device
        .and_then(|tenant| tenant.devices.find(name))
        .and_then(|device| device.ha1.as_deref())
    {
        known.push((Signed::Device(name.into()), ha1));
    }
    let tenants: Vec<&Tenant> = match tenant {
        Some(tenant) => vec![tenant],
        None => directory.of_realm(realm).map(AsRef::as_ref).collect(),
    };
    for tenant in &tenants {
        let own = tenant.trunks().iter().filter_map(|trunk| {
            let known = trunk.credentials.as_ref()?;
            let is_named = *known.realm == *realm && *known.user_name == *name;
            let (domain, id) = (tenant.domain.clone(), trunk.id.clone());
            is_named.then_some((Signed::Trunk { domain, id }, &known.ha1))
        });
        known.extend(own);
    }
    let (uri, body) = (message.request_uri().unwrap_or_default(), message.body());
    let method = message.method();
    let method = method.as_ref().map_or("", |method| method.as_str());
    if known.is_empty() {
        std::hint::black_box(proof.is_right(method, uri, body, &Ha1::default()));
    }
    let has_hash = |(_, ha1): &&(Signed, &Ha1)| ha1.hex(proof.algorithm()).is_some();
    let (named, hashed) = (known.len(), known.iter().filter(has_hash).count());
    let right = known
        .into_iter()
        .filter(|(_, ha1)| proof.is_right(method, uri, body, ha1));
    let mut right: Vec<Signed> = right.map(|(signed, _)| signed).collect();
    // Two of one domain that share name and password are one caller.
    right.dedup_by(|one, other| one.domain() == other.domain());
    if tenant.is_some() {
        right.truncate(1);
    }
    Proved {
        right,
        named,
        hashed,
    }
}
