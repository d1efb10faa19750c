//! The side that is challenged.

use std::fmt;

use crate::auth::{Algorithm, Challenge, Digest, Ha1};
use crate::message::{HeaderName, MAX_CHALLENGES, Message, quote};

/// What proves a user: the password, or its hash with name and realm.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// In the clear; answers every algorithm.
    Password(String),
    /// HA1 of RFC 7616 §3.4.2 (not the `-sess` form); answers challenges of its algorithm only.
    Ha1 {
        /// The hash it was made with.
        algorithm: Algorithm,
        /// The hash in hexadecimal.
        hex: String,
    },
    /// HA1 by several algorithms; answers challenges of these.
    Hashes(Box<Ha1>),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password(…)"),
            Self::Ha1 { algorithm, .. } => write!(f, "Ha1({algorithm:?}, …)"),
            Self::Hashes(_) => f.write_str("Hashes(…)"),
        }
    }
}

/// Who we are for a protection space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The only realm the secret is for; `None` answers any.
    pub realm: Option<String>,
    /// The secret.
    pub secret: Secret,
}

/// Why a challenge stays unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    /// The response carries no digest challenge we understand.
    #[error("no digest challenge with an algorithm we support")]
    Unsupported,
    /// Every challenge is for another realm, or for a hash the stored HA1 was not made with.
    #[error("no credentials for this realm")]
    NoCredentials,
    /// The credentials were already sent and refused.
    #[error("the credentials were refused")]
    Refused,
}

/// One protection space that challenged us.
#[derive(Clone, Debug)]
struct Space {
    /// Authorization or Proxy-Authorization.
    header: HeaderName,
    challenge: Challenge,
    uses: u32,
    /// How often this request carried credentials for it.
    tries: u8,
}

/// Answers the challenges a request meets, and goes on using what it learnt for the next request. One for each chain
/// of transactions with the same peer: a call, a registration.
#[derive(Clone, Debug)]
pub struct DigestClient {
    credentials: Credentials,
    spaces: Vec<Space>,
}

/// A request may carry credentials for a realm this often; the second time only when the nonce was stale.
const MAX_TRIES: u8 = 2;

impl DigestClient {
    /// A client that was not challenged yet.
    pub const fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            spaces: Vec::new(),
        }
    }

    /// The header fields that answer a 401 or 407: one for each realm met so far, the topmost supported challenge of
    /// each. `uri` is the Request-URI of the request to be sent again, `cnonce` fresh random text.
    /// Fails when the credentials were refused: a second try needs `stale=true` or another realm.
    pub fn answer(
        &mut self,
        response: &Message<'_>,
        method: &str,
        uri: &str,
        body: &[u8],
        cnonce: &str,
    ) -> Result<Vec<(HeaderName, String)>, AuthFailure> {
        let mut failure = AuthFailure::Unsupported;
        let mut fresh: Vec<(HeaderName, Challenge)> = Vec::new();
        for (header, challenge) in challenges(response) {
            if !self.can_answer(&challenge) {
                failure = AuthFailure::NoCredentials;
            } else if !fresh
                .iter()
                .any(|(known, other)| *known == header && other.realm == challenge.realm)
            {
                fresh.push((header, challenge));
            }
        }
        if fresh.is_empty() {
            return Err(failure);
        }
        for (header, challenge) in fresh {
            self.learn(header, challenge)?;
        }
        Ok(self.credentials_for(method, uri, body, cnonce))
    }

    /// Header fields for a new request to a peer that challenged an earlier one: the nonces are used again, with the
    /// next count. Empty before the first challenge.
    pub fn anticipate(
        &mut self,
        method: &str,
        uri: &str,
        body: &[u8],
        cnonce: &str,
    ) -> Vec<(HeaderName, String)> {
        for space in &mut self.spaces {
            // A refusal of a nonce that served before is no refusal of the password: one real try stays.
            space.tries = 0;
        }
        self.credentials_for(method, uri, body, cnonce)
    }

    fn can_answer(&self, challenge: &Challenge) -> bool {
        let realm_fits = self
            .credentials
            .realm
            .as_ref()
            .is_none_or(|realm| *realm == challenge.realm);
        let secret_fits = match &self.credentials.secret {
            Secret::Password(_) => true,
            Secret::Ha1 { algorithm, .. } => *algorithm == challenge.algorithm,
            Secret::Hashes(hashes) => hashes.hex(challenge.algorithm).is_some(),
        };
        realm_fits && secret_fits
    }

    fn learn(&mut self, header: HeaderName, challenge: Challenge) -> Result<(), AuthFailure> {
        let is_it =
            |space: &&mut Space| space.header == header && space.challenge.realm == challenge.realm;
        let Some(space) = self.spaces.iter_mut().find(is_it) else {
            if self.spaces.len() >= MAX_CHALLENGES {
                return Err(AuthFailure::Refused);
            }
            self.spaces.push(Space {
                header,
                challenge,
                uses: 0,
                tries: 1,
            });
            return Ok(());
        };
        if space.tries >= MAX_TRIES || (space.tries > 0 && !challenge.stale) {
            return Err(AuthFailure::Refused);
        }
        space.tries += 1;
        if space.challenge.nonce != challenge.nonce {
            space.uses = 0;
        }
        space.challenge = challenge;
        Ok(())
    }

    fn credentials_for(
        &mut self,
        method: &str,
        uri: &str,
        body: &[u8],
        cnonce: &str,
    ) -> Vec<(HeaderName, String)> {
        let credentials = &self.credentials;
        let answer = |space: &mut Space| {
            space.uses = space.uses.saturating_add(1);
            (
                space.header,
                credentials.value(space, method, uri, body, cnonce),
            )
        };
        self.spaces.iter_mut().map(answer).collect()
    }
}

impl Credentials {
    fn value(&self, space: &Space, method: &str, uri: &str, body: &[u8], cnonce: &str) -> String {
        let challenge = &space.challenge;
        let Challenge {
            algorithm,
            session,
            qop,
            ..
        } = *challenge;
        let nc = format!("{:08x}", space.uses);
        let digest = Digest {
            algorithm,
            session,
            nonce: &challenge.nonce,
            cnonce,
            nc: &nc,
            qop,
            method,
            uri,
            body,
        };
        let response = match &self.secret {
            Secret::Password(password) => {
                digest.response(&algorithm.ha1(&self.username, &challenge.realm, password))
            }
            Secret::Ha1 { hex, .. } => digest.response(hex),
            // `can_answer` looked whether there is one.
            Secret::Hashes(hashes) => digest.response(&hashes.hex(algorithm).unwrap_or_default()),
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quote(&self.username),
            quote(&challenge.realm),
            quote(&challenge.nonce),
            quote(uri),
        );
        if challenge.names_algorithm {
            let suffix = if session { "-sess" } else { "" };
            value += &format!(", algorithm={}{suffix}", algorithm.as_str());
        }
        if qop.is_some() || session {
            value += &format!(", cnonce={}", quote(cnonce));
        }
        if let Some(qop) = qop {
            value += &format!(", qop={}, nc={nc}", qop.as_str());
        }
        if let Some(opaque) = &challenge.opaque {
            value += &format!(", opaque={}", quote(opaque));
        }
        value
    }
}

/// Every challenge of a response, with the header field that answers it.
fn challenges(response: &Message<'_>) -> Vec<(HeaderName, Challenge)> {
    let kinds = [
        (
            HeaderName::ProxyAuthenticate,
            HeaderName::ProxyAuthorization,
        ),
        (HeaderName::WwwAuthenticate, HeaderName::Authorization),
    ];
    let of_kind = |(asked, answered)| {
        let values = response.all(asked);
        values
            .flat_map(Challenge::parse_all)
            .map(move |challenge| (answered, challenge))
    };
    kinds
        .into_iter()
        .flat_map(of_kind)
        .take(MAX_CHALLENGES)
        .collect()
}
