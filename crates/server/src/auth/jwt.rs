//! JWTs that customers sign (RFC 7519): the algorithm is the key's, never the token's own choice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_store::seal::TokenHash;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Denied, Key, PublicKey};

/// Seconds that clocks may differ.
const LEEWAY: u64 = 60;
/// Seconds from now to the latest `exp`.
const MAX_LIFE: u64 = 24 * 3_600;
/// The `aud` of tokens that devices carry in `X-JWTAuth`; they never open REST.
const FOR_SIP: &str = "sip";
/// Verified tokens remembered, so that a token used again costs a hash and not a signature.
const MAX_VERIFIED: usize = 4_096;

/// A token in the form of a JWT, nothing of it checked but the form.
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: String,
    fault: Option<&'static str>,
    pub(super) kid: Option<String>,
    claims: Option<Claims>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
    #[serde(default)]
    jwk: Option<IgnoredAny>,
    #[serde(default)]
    jku: Option<IgnoredAny>,
    #[serde(default)]
    x5u: Option<IgnoredAny>,
    #[serde(default)]
    x5c: Option<IgnoredAny>,
}

impl Header {
    /// Why no token with this header is taken, whoever signed it.
    fn fault(&self) -> Option<&'static str> {
        // RFC 7515 §4.1.11.
        if self.crit.is_some() {
            return Some("the JWT's header crit asks for what is not known here");
        }
        let brings_key = [&self.jwk, &self.jku, &self.x5u, &self.x5c];
        if brings_key.into_iter().any(Option::is_some) {
            return Some(
                "the JWT must not bring its own key (jwk, jku, x5u, x5c): only uploaded keys count",
            );
        }
        None
    }
}

/// The claims that matter here.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    pub(super) domain: Option<String>,
    #[serde(default)]
    aud: Option<Audience>,
}

/// RFC 7519 §4.1.3: one or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, whom: &str) -> bool {
        match self {
            Self::One(name) => name == whom,
            Self::Several(names) => names.iter().any(|name| name == whom),
        }
    }
}

/// The token, when it has the form of a JWT; else it is an opaque one.
pub(super) fn parse(text: &str) -> Option<Token<'_>> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    if claims.contains('.') {
        return None;
    }
    let header: Header = from_base64(header)?;
    Some(Token {
        text,
        signed,
        signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        fault: header.fault(),
        algorithm: header.alg,
        kid: header.kid,
        claims: from_base64(claims),
    })
}

fn from_base64<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

impl Token<'_> {
    /// The claims, when they hold at `now`.
    pub(super) fn check(&self, now: u64) -> Result<&Claims, Denied> {
        if let Some(fault) = self.fault {
            return Err(Denied::Unknown(fault));
        }
        let claims = self
            .claims
            .as_ref()
            .ok_or(Denied::Unknown("the JWT's claims are not understood"))?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "Unix seconds are far below 2^52"
        )]
        let (now, leeway, life) = (now as f64, LEEWAY as f64, MAX_LIFE as f64);
        let expires = claims
            .exp
            .ok_or(Denied::Unknown("the JWT needs the claim exp"))?;
        if expires + leeway <= now {
            return Err(Denied::Unknown("the JWT has expired"));
        }
        if expires > now + life + leeway {
            return Err(Denied::Unknown("the JWT's exp is more than 24 hours away"));
        }
        if claims.nbf.is_some_and(|nbf| nbf > now + leeway) {
            return Err(Denied::Unknown("the JWT is not valid yet: see its nbf"));
        }
        if claims.iat.is_some_and(|iat| iat > now + leeway) {
            return Err(Denied::Unknown(
                "the JWT was issued in the future: see its iat",
            ));
        }
        if claims.aud.as_ref().is_some_and(|aud| aud.names(FOR_SIP)) {
            return Err(Denied::Unknown("the JWT is meant for SIP: see its aud"));
        }
        Ok(claims)
    }

    /// The claim `domain`, whether or not the token counts.
    pub(super) fn claimed_domain(&self) -> Option<&str> {
        self.claims.as_ref()?.domain.as_deref()
    }

    /// Whether `key` made the signature, with the algorithm that is the key's.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.algorithm == key.algorithm && key.verifies(self.signed.as_bytes(), &self.signature)
    }
}

/// Tokens whose signature was verified, with the key that made it. Claims are checked every time.
#[derive(Default)]
pub(super) struct Verified {
    tokens: Mutex<HashMap<TokenHash, Arc<Key>>>,
}

impl Verified {
    pub(super) fn find(&self, token: &TokenHash) -> Option<Arc<Key>> {
        self.tokens
            .lock()
            .expect("no panic while the lock is held")
            .get(token)
            .cloned()
    }

    pub(super) fn remember(&self, token: TokenHash, key: Arc<Key>) {
        let mut tokens = self.tokens.lock().expect("no panic while the lock is held");
        if tokens.len() >= MAX_VERIFIED {
            tokens.clear();
        }
        tokens.insert(token, key);
    }
}
