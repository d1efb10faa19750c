//! The side that challenges: nonces that need no memory until they are used, and the proof of a user.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::auth::{Algorithm, Digest, Ha1, Qop, parameters};
use crate::hash::KeyedHash;
use crate::message::{Uri, quote};
use crate::time::Now;

/// How long a nonce is good for.
const LIFE: Duration = Duration::from_secs(60);
/// Used nonces that are remembered; when there are more, the oldest is good no longer.
const MAX_USED: usize = 65_536;

/// What a request carries to prove its user (RFC 7616 §3.4), as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof<'b> {
    /// The user name.
    pub username: Cow<'b, str>,
    /// The protection space.
    pub realm: Cow<'b, str>,
    nonce: Cow<'b, str>,
    uri: Cow<'b, str>,
    response: Cow<'b, str>,
    algorithm: Algorithm,
    session: bool,
    cnonce: Cow<'b, str>,
    count: Cow<'b, str>,
    qop: Option<Qop>,
}

impl<'b> Proof<'b> {
    /// Reads the value of an Authorization header field; `None` when it is no digest we could verify.
    pub fn parse(value: &'b str) -> Option<Self> {
        let (scheme, list) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let named = |name: &str| {
            let mut found = parameters(list).filter(|(other, _)| other.eq_ignore_ascii_case(name));
            let first = found.next().map(|(_, value)| value);
            // Said twice, it could mean one thing to us and another to who looks at it next.
            first.filter(|_| found.next().is_none())
        };
        let (algorithm, session) = match named("algorithm") {
            Some(name) => Algorithm::parse(&name)?,
            None => (Algorithm::Md5, false),
        };
        let qop = match named("qop") {
            None => None,
            Some(name) if name.eq_ignore_ascii_case("auth") => Some(Qop::Auth),
            Some(name) if name.eq_ignore_ascii_case("auth-int") => Some(Qop::AuthInt),
            Some(_) => return None,
        };
        let count = named("nc").unwrap_or_default();
        let is_count = count.len() == 8 && count.bytes().all(|digit| digit.is_ascii_hexdigit());
        if qop.is_some() && !is_count {
            return None;
        }
        Some(Self {
            username: named("username")?,
            realm: named("realm")?,
            nonce: named("nonce")?,
            uri: named("uri")?,
            response: named("response")?,
            algorithm,
            session,
            cnonce: named("cnonce").unwrap_or_default(),
            count,
            qop,
        })
    }

    /// Whether it was made with the password behind `ha1`, for a request with this method, Request-URI and body. Where
    /// there is no such user, give the HA1 of nobody: the answer takes as long. Of the Request-URI the user counts: a
    /// proxy on the way may have put another host (RFC 3261 §22.4, item 7).
    pub fn is_right(&self, method: &str, request_uri: &str, body: &[u8], ha1: &Ha1) -> bool {
        let digest = Digest {
            algorithm: self.algorithm,
            session: self.session,
            nonce: &self.nonce,
            cnonce: &self.cnonce,
            nc: &self.count,
            qop: self.qop,
            method,
            uri: &self.uri,
            body,
        };
        let known = ha1.hex(self.algorithm);
        let expected = digest.response(known.as_deref().unwrap_or_default());
        let same = is_same(
            expected.as_bytes(),
            self.response.to_ascii_lowercase().as_bytes(),
        );
        same && known.is_some() && user_of(&self.uri) == user_of(request_uri)
    }

    /// The algorithm it was made by.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn count(&self) -> u32 {
        u32::from_str_radix(&self.count, 16).unwrap_or(0)
    }
}

/// The user that a URI names; the URI itself where it cannot be read.
fn user_of(uri: &str) -> Result<Option<Cow<'_, str>>, &str> {
    let parsed = Uri::parse(uri).map_err(|_| uri)?;
    Ok(parsed.user_decoded())
}

/// Compares in a time that tells nothing of where two texts differ.
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differ = one
        .iter()
        .zip(other)
        .fold(0, |differ, (one, other)| differ | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differ) == 0
}

/// For whom a nonce is: it is worth nothing to anybody else.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// The protection space.
    pub realm: &'a str,
    /// Where the request came from.
    pub source: IpAddr,
    /// The Call-ID of the request: its repetition with credentials has the same (RFC 3261 §8.1.3.5).
    pub call_id: &'a str,
}

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It is ours and was not used like this before.
    Good,
    /// It is old, used up or none of ours: a new one may be better, the password may be right.
    Stale,
}

/// Makes nonces and takes each use of them once.
#[derive(Debug)]
pub struct Nonces {
    key: KeyedHash,
    /// The highest count of each nonce that proved somebody.
    used: BTreeMap<(u64, u128), u32>,
}

impl Nonces {
    /// Nonces under a key.
    pub const fn new(key: KeyedHash) -> Self {
        Self {
            key,
            used: BTreeMap::new(),
        }
    }

    /// The values of the WWW-Authenticate header fields of a challenge: one for each algorithm, in this order.
    pub fn challenge(
        &self,
        now: Now,
        audience: Audience<'_>,
        algorithms: impl IntoIterator<Item = Algorithm>,
        stale: bool,
    ) -> Vec<String> {
        let seconds = now.unix_micros / 1_000_000;
        let mark = self.mark(seconds, audience);
        let realm = quote(audience.realm);
        let stale = if stale { ", stale=true" } else { "" };
        let challenge = |algorithm: Algorithm| {
            let name = algorithm.as_str();
            format!(
                "Digest realm={realm}, nonce=\"{seconds:08x}{mark:032x}\", algorithm={name}, qop=\"auth,auth-int\"{stale}"
            )
        };
        algorithms.into_iter().map(challenge).collect()
    }

    /// What the nonce of a proof is worth. To be asked first; [`Nonces::take`] follows when the proof is right.
    pub fn worth(&self, now: Now, audience: Audience<'_>, proof: &Proof<'_>) -> Worth {
        let Some((seconds, mark)) = self.read(audience, &proof.nonce) else {
            return Worth::Stale;
        };
        let age = (now.unix_micros / 1_000_000).checked_sub(seconds);
        let is_young = age.is_some_and(|age| age <= LIFE.as_secs());
        let used = self.used.get(&(seconds, mark));
        let is_new = used.is_none_or(|last| proof.count() > *last);
        let is_known = self.used.len() < MAX_USED
            || self
                .used
                .first_key_value()
                .is_none_or(|(oldest, _)| *oldest <= (seconds, mark));
        if is_young && is_new && is_known {
            Worth::Good
        } else {
            Worth::Stale
        }
    }

    /// Remembers that a good nonce proved somebody: the same request proves nobody a second time.
    pub fn take(&mut self, now: Now, audience: Audience<'_>, proof: &Proof<'_>) {
        let Some(nonce) = self.read(audience, &proof.nonce) else {
            return;
        };
        let oldest = (now.unix_micros / 1_000_000).saturating_sub(LIFE.as_secs());
        while let Some(entry) = self.used.first_entry() {
            if entry.key().0 >= oldest {
                break;
            }
            entry.remove();
        }
        self.used.insert(nonce, proof.count());
        if self.used.len() > MAX_USED {
            self.used.pop_first();
        }
    }

    /// The parts of a nonce that is ours and for this audience.
    fn read(&self, audience: Audience<'_>, nonce: &str) -> Option<(u64, u128)> {
        if nonce.len() != 40 {
            return None;
        }
        let (seconds, mark) = nonce.split_at_checked(8)?;
        let seconds = u64::from_str_radix(seconds, 16).ok()?;
        let mark = u128::from_str_radix(mark, 16).ok()?;
        (self.mark(seconds, audience) == mark).then_some((seconds, mark))
    }

    fn mark(&self, seconds: u64, audience: Audience<'_>) -> u128 {
        let source = match audience.source {
            IpAddr::V4(source) => source.to_ipv6_mapped(),
            IpAddr::V6(source) => source,
        };
        self.key.of(&[
            b"nonce",
            &seconds.to_be_bytes(),
            audience.realm.as_bytes(),
            &source.octets(),
            audience.call_id.as_bytes(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{ALGORITHMS, Credentials, DigestClient, Secret};
    use crate::message::Message;
    use crate::time::Instant;

    const URI: &str = "sip:112@acme.example";

    fn at(seconds: u64) -> Now {
        Now {
            instant: Instant::from_micros(seconds * 1_000_000),
            unix_micros: seconds * 1_000_000,
        }
    }

    fn nonces() -> Nonces {
        Nonces::new(KeyedHash::new(&[7; 16]))
    }

    fn audience(call_id: &str) -> Audience<'_> {
        Audience {
            realm: "acme.example",
            source: "198.51.100.7".parse().unwrap(),
            call_id,
        }
    }

    /// What our own client answers to challenges.
    fn answered(challenges: &[String], password: &str) -> String {
        let mut refusal = "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:desk@acme.example>;tag=1\r\n\
            To: <sip:112@acme.example>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
            .to_owned();
        for challenge in challenges {
            refusal += &format!("WWW-Authenticate: {challenge}\r\n");
        }
        refusal += "Content-Length: 0\r\n\r\n";
        let mut client = DigestClient::new(Credentials {
            username: "desk".to_owned(),
            realm: None,
            secret: Secret::Password(password.to_owned()),
        });
        let message = Message::parse(refusal.as_bytes()).unwrap();
        let answer = client.answer(&message, "INVITE", URI, b"v=0", "cnonce");
        answer.unwrap().pop().unwrap().1
    }

    #[test]
    fn the_right_password_proves_its_user_in_every_algorithm_and_a_wrong_one_in_none() {
        let ha1 = Ha1::of("desk", "acme.example", "biloxi");
        for algorithm in ALGORITHMS {
            let challenge = nonces().challenge(at(100), audience("1"), [algorithm], false);
            let right = answered(&challenge, "biloxi");
            let proof = Proof::parse(&right).unwrap();
            assert_eq!((&*proof.username, &*proof.realm), ("desk", "acme.example"));
            assert!(proof.is_right("INVITE", URI, b"v=0", &ha1), "{right}");
            assert!(!proof.is_right("BYE", URI, b"v=0", &ha1));
            assert!(!proof.is_right("INVITE", "sip:113@acme.example", b"v=0", &ha1));
            assert!(!proof.is_right("INVITE", "sip:acme.example", b"v=0", &ha1));
            let moved = "sip:%3112@192.0.2.1:5070;transport=tcp";
            assert!(proof.is_right("INVITE", moved, b"v=0", &ha1), "by a proxy");
            assert!(!proof.is_right("INVITE", URI, b"v=0", &Ha1::default()));
            let wrong = answered(&challenge, "boloxi");
            assert!(
                !Proof::parse(&wrong)
                    .unwrap()
                    .is_right("INVITE", URI, b"v=0", &ha1)
            );
        }
    }

    #[test]
    fn a_hash_of_one_algorithm_proves_nothing_in_another() {
        let md5 = Algorithm::Md5.ha1("desk", "acme.example", "biloxi");
        let challenge = nonces().challenge(at(100), audience("1"), [Algorithm::Sha256], false);
        let answer = answered(&challenge, "biloxi");
        let proof = Proof::parse(&answer).unwrap();
        assert!(!proof.is_right("INVITE", URI, b"v=0", &Ha1::parse(&md5).unwrap()));
    }

    #[test]
    fn a_nonce_serves_one_call_from_one_source_for_a_minute_and_each_count_once() {
        let mut nonces = nonces();
        let challenge = nonces.challenge(at(100), audience("1"), [Algorithm::Md5], false);
        let answer = answered(&challenge, "biloxi");
        let proof = Proof::parse(&answer).unwrap();
        let worth =
            |nonces: &Nonces, seconds, audience| nonces.worth(at(seconds), audience, &proof);
        assert_eq!(worth(&nonces, 160, audience("1")), Worth::Good);
        assert_eq!(worth(&nonces, 161, audience("1")), Worth::Stale);
        assert_eq!(
            worth(&nonces, 99, audience("1")),
            Worth::Stale,
            "from the future"
        );
        assert_eq!(worth(&nonces, 101, audience("2")), Worth::Stale);
        let elsewhere = Audience {
            source: "198.51.100.8".parse().unwrap(),
            ..audience("1")
        };
        assert_eq!(worth(&nonces, 101, elsewhere), Worth::Stale);
        nonces.take(at(101), audience("1"), &proof);
        assert_eq!(worth(&nonces, 102, audience("1")), Worth::Stale, "used up");
        let next = answer.replace("nc=00000001", "nc=00000002");
        let next = Proof::parse(&next).unwrap();
        assert_eq!(nonces.worth(at(102), audience("1"), &next), Worth::Good);
    }

    #[test]
    fn used_nonces_are_forgotten_when_they_are_old() {
        let mut nonces = nonces();
        let take = |nonces: &mut Nonces, seconds: u64, call_id: &str| {
            let challenge =
                nonces.challenge(at(seconds), audience(call_id), [Algorithm::Md5], false);
            let answer = answered(&challenge, "biloxi");
            let proof = Proof::parse(&answer).unwrap();
            nonces.take(at(seconds), audience(call_id), &proof);
        };
        for call in 0..10 {
            take(&mut nonces, 100, &call.to_string());
        }
        assert_eq!(nonces.used.len(), 10);
        take(&mut nonces, 161, "x");
        assert_eq!(nonces.used.len(), 1);
    }

    #[test]
    fn what_is_no_digest_or_says_a_thing_twice_is_no_proof() {
        let whole =
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:b\", response=\"00\"";
        assert!(Proof::parse(whole).is_some());
        for value in [
            "",
            "Digest",
            "Basic QWxhZGRpbg==",
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:b\"",
            &whole.replace("Digest", "Bearer"),
            &format!("{whole}, algorithm=MD4"),
            &format!("{whole}, qop=auth"),
            &format!("{whole}, qop=auth, nc=1"),
            &format!("{whole}, qop=none, nc=00000001"),
            &format!("{whole}, username=\"b\""),
        ] {
            assert_eq!(Proof::parse(value), None, "{value}");
        }
    }
}
