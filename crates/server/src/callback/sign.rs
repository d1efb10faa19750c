//! What proves to the customer's application that a callback is ours: the bearer token of a
//! `restAuthentication` entry, its `requestHeaders`, and the Standard Webhooks signature.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::url::Origin;

/// How long a token is valid, in seconds.
const TOKEN_LIFETIME: u64 = 300;
/// A token with less than this left, in seconds, is not used again.
const TOKEN_RESERVE: u64 = 60;
/// Origins one entry keeps a token for: the provisioned one and some per-call ones.
const TOKENS_KEPT: usize = 8;

/// A Standard Webhooks secret, ready to sign; its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret(hmac::Key);

/// Why a secret or an authentication entry cannot sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Not `whsec_` followed by base64.
    #[error("the webhook secret is not whsec_ followed by base64")]
    Secret,
    /// An algorithm other than RS256, ES256, EdDSA and HS256.
    #[error("unknown signature type")]
    Kind,
    /// The key does not fit the algorithm.
    #[error("the secret is not a key for {0}: {1}")]
    Key(&'static str, String),
}

impl Secret {
    /// Reads `whsec_<base64>`.
    pub fn parse(text: &str) -> Result<Self, SignError> {
        let encoded = text.strip_prefix("whsec_").ok_or(SignError::Secret)?;
        let key = STANDARD.decode(encoded).map_err(|_| SignError::Secret)?;
        if key.is_empty() {
            return Err(SignError::Secret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The value of `webhook-signature`: one `v1,…` per secret, separated by spaces (Standard Webhooks).
pub fn webhook_signature(secrets: &[Secret], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut text = String::with_capacity(secrets.len() * 48);
    for Secret(key) in secrets {
        let mut context = hmac::Context::with_key(key);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str("v1,");
        STANDARD.encode_string(context.sign(), &mut text);
    }
    text
}

/// One entry of `restAuthentication`: a key to sign tokens with and headers to add.
pub struct RestAuth {
    signer: Option<Signer>,
    headers: HeaderMap,
}

struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    sub: Option<Box<str>>,
    scope: Option<Box<str>>,
    tokens: Mutex<Vec<Token>>,
}

struct Token {
    origin: Arc<Origin>,
    header: HeaderValue,
    renew_at: u64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    iat: u64,
    exp: u64,
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

impl RestAuth {
    /// An entry that signs with `secret`: a PEM private key for RS256, ES256 and EdDSA, the shared text for HS256.
    pub fn new(
        kind: &str,
        secret: &str,
        sub: Option<&str>,
        scope: Option<&str>,
    ) -> Result<Self, SignError> {
        let pem = secret.as_bytes();
        let (name, algorithm, key) = match kind {
            "RS256" => ("RS256", Algorithm::RS256, EncodingKey::from_rsa_pem(pem)),
            "ES256" => ("ES256", Algorithm::ES256, EncodingKey::from_ec_pem(pem)),
            "EdDSA" => ("EdDSA", Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)),
            "HS256" => ("HS256", Algorithm::HS256, Ok(EncodingKey::from_secret(pem))),
            _ => return Err(SignError::Kind),
        };
        let key = key.map_err(|error| SignError::Key(name, error.to_string()))?;
        // A key can be well-formed and still unusable (wrong curve, too short), which only signing tells.
        jsonwebtoken::encode(&Header::new(algorithm), &(), &key)
            .map_err(|error| SignError::Key(name, error.to_string()))?;
        let signer = Signer {
            algorithm,
            key,
            sub: sub.map(Into::into),
            scope: scope.map(Into::into),
            tokens: Mutex::default(),
        };
        Ok(Self {
            signer: Some(signer),
            headers: HeaderMap::new(),
        })
    }

    /// An entry without a key: it only adds headers.
    pub fn unsigned() -> Self {
        Self {
            signer: None,
            headers: HeaderMap::new(),
        }
    }

    /// Adds one of the entry's `requestHeaders`; a header that is not the customer's to set is left out.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let parsed = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        );
        if let (Ok(name), Ok(mut value)) = parsed
            && header_allowed(name.as_str())
        {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }

    /// The `requestHeaders` that are sent, to the provisioned origin only.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The `Authorization` value for an origin at a Unix time in seconds: a cached token until it is near its end.
    pub(super) fn authorization(
        &self,
        origin: &Arc<Origin>,
        unix: u64,
    ) -> Result<Option<HeaderValue>, SignError> {
        let Some(signer) = &self.signer else {
            return Ok(None);
        };
        let mut tokens = signer.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |token: &&Token| token.origin.as_str() == origin.as_str();
        if let Some(token) = tokens.iter().find(fresh)
            && unix < token.renew_at
            // A clock set back must not keep a token that is not valid yet.
            && unix + TOKEN_LIFETIME >= token.renew_at
        {
            return Ok(Some(token.header.clone()));
        }
        let header = signer.sign(origin.as_str(), unix)?;
        tokens.retain(|token| token.origin.as_str() != origin.as_str());
        if tokens.len() == TOKENS_KEPT {
            tokens.remove(0);
        }
        tokens.push(Token {
            origin: Arc::clone(origin),
            header: header.clone(),
            renew_at: unix + TOKEN_LIFETIME - TOKEN_RESERVE,
        });
        Ok(Some(header))
    }
}

impl Signer {
    fn sign(&self, audience: &str, unix: u64) -> Result<HeaderValue, SignError> {
        let claims = Claims {
            iss: "hookswitch",
            iat: unix,
            exp: unix + TOKEN_LIFETIME,
            aud: audience,
            sub: self.sub.as_deref(),
            scope: self.scope.as_deref(),
        };
        let token = jsonwebtoken::encode(&Header::new(self.algorithm), &claims, &self.key)
            .map_err(|error| SignError::Key("this type", error.to_string()))?;
        let mut value =
            HeaderValue::try_from(format!("Bearer {token}")).expect("a JWT is base64url and dots");
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for RestAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = self.signer.as_ref().map(|signer| signer.algorithm);
        f.debug_struct("RestAuth")
            .field("algorithm", &algorithm)
            .finish_non_exhaustive()
    }
}

/// Whether a customer may set this header: not where the request goes, who it is from, or where it ends.
pub fn header_allowed(name: &str) -> bool {
    const OURS: [&str; 14] = [
        "host",
        "authorization",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "http2-settings",
        "traceparent",
    ];
    let name = name.to_ascii_lowercase();
    !OURS.contains(&name.as_str())
        && !name.starts_with("webhook-")
        && !name.starts_with("proxy-")
        && !name.starts_with(':')
}

#[cfg(test)]
mod tests;
