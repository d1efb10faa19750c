//! JWTs that customers sign (RFC 7519): the algorithm is the key's, never the token's own choice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_store::seal::TokenHash;
use serde::Deserialize;

use super::{Denied, Key, PublicKey};

/// The longest token looked at.
const MAX_LENGTH: usize = 8_192;
/// Seconds that clocks may differ.
const LEEWAY: u64 = 60;
/// Seconds from now to the latest `exp`.
const MAX_LIFE: u64 = 24 * 3_600;
/// Verified tokens remembered, so that a token used again costs a hash and not a signature.
const MAX_VERIFIED: usize = 4_096;

/// A token in the form of a JWT, nothing of it checked but the form.
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: String,
    pub(super) kid: Option<String>,
    claims: Option<Claims>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
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
}

/// The token, when it has the form of a JWT; else it is an opaque one.
pub(super) fn parse(text: &str) -> Option<Token<'_>> {
    if text.len() > MAX_LENGTH {
        return None;
    }
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
        // RFC 7515 §4.1.11: an extension that is critical and unknown makes the token invalid.
        algorithm: if header.crit.is_some() {
            String::new()
        } else {
            header.alg
        },
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
        Ok(claims)
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
