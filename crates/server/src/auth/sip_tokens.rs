//! The tokens that SIP clients of `userid` devices carry in `X-JWTAuth`: JWTs of an hour, signed by the node (Ed25519).
//! They are good for SIP alone: REST takes only what an uploaded key signed, and nothing whose `aud` is `sip`.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use hookswitch_call::token::{Token, Tokens};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// How long a token is good, in seconds.
pub const LIFE: u64 = 3_600;
/// Seconds that the clocks of two nodes may differ.
const LEEWAY: u64 = 60;
/// The `aud` of these tokens.
const AUDIENCE: &str = "sip";
const ISSUER: &str = "hookswitch";
/// The longest token looked at: a pattern of destinations is in it.
const MAX_LENGTH: usize = 8_192;

/// What the device may do, as it was provisioned when the token was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// The SIP domain it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The regular expression of the destinations it may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
    /// Whether it may register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<bool>,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The device.
    pub sub: String,
    /// The tenant.
    pub domain: String,
    /// What it may do.
    pub authorized: Permissions,
    iat: u64,
    /// Until when it counts, in Unix seconds.
    pub exp: u64,
}

/// Makes and knows the tokens of this node and of those with the same secret.
pub struct SipTokens {
    private: EncodingKey,
    public: DecodingKey,
}

impl SipTokens {
    /// With the secret of the node.
    pub fn new(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed has 32 bytes");
        let private = pair.to_pkcs8v1().expect("an Ed25519 key can be written");
        Self {
            private: EncodingKey::from_ed_der(private.as_ref()),
            public: DecodingKey::from_ed_der(pair.public_key().as_ref()),
        }
    }

    /// A token for a device, from `now` (Unix seconds) on for [`LIFE`].
    ///
    /// # Errors
    /// Claims that cannot be written.
    pub fn mint(
        &self,
        domain: &str,
        device: &str,
        authorized: Permissions,
        now: u64,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: device.to_owned(),
            domain: domain.to_owned(),
            authorized,
            iat: now,
            exp: now + LIFE,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.private)
    }

    /// What a token says that one of ours made for `domain` and that counts at `now` (Unix seconds).
    pub fn verify(&self, token: &str, domain: &str, now: u64) -> Option<Claims> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&[ISSUER]);
        // Checked below, by the clock that is given.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.public, &rules)
            .ok()?
            .claims;
        let counts = claims.exp > now && claims.iat <= now + LEEWAY;
        (counts && claims.domain.eq_ignore_ascii_case(domain)).then_some(claims)
    }
}

impl fmt::Debug for SipTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SipTokens(…)")
    }
}

impl Tokens for SipTokens {
    fn read(&self, token: &str, domain: &str, unix_seconds: u64) -> Option<Token> {
        let claims = self.verify(token, domain, unix_seconds)?;
        Some(Token {
            device: claims.sub.into(),
            domain: claims.authorized.domain.map(Into::into),
            invite: claims.authorized.invite.map(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const ACME: &str = "acme.example.com";

    fn permissions() -> Permissions {
        Permissions {
            domain: Some(ACME.to_owned()),
            invite: Some("^1[0-9]+$".to_owned()),
            register: Some(true),
        }
    }

    #[test]
    fn a_token_says_who_may_do_what_for_an_hour() {
        let tokens = SipTokens::new(&[7; 32]);
        let token = tokens.mint(ACME, "anna", permissions(), NOW).unwrap();
        for now in [NOW, NOW + LIFE - 1] {
            let claims = tokens.verify(&token, "ACME.example.com", now).unwrap();
            assert_eq!(claims.sub, "anna");
            assert_eq!(claims.authorized, permissions());
            assert_eq!(claims.exp, NOW + LIFE);
        }
        assert_eq!(tokens.verify(&token, ACME, NOW + LIFE), None);
        assert_eq!(tokens.verify(&token, ACME, NOW - 61), None);
    }

    #[test]
    fn a_token_of_another_node_domain_or_purpose_is_none() {
        let (tokens, others) = (SipTokens::new(&[7; 32]), SipTokens::new(&[8; 32]));
        let token = tokens.mint(ACME, "anna", permissions(), NOW).unwrap();
        assert_eq!(others.verify(&token, ACME, NOW), None);
        assert_eq!(tokens.verify(&token, "other.example.com", NOW), None);
        assert_eq!(tokens.verify(&token[..token.len() - 2], ACME, NOW), None);
        let mut claims = tokens.verify(&token, ACME, NOW).unwrap();
        claims.aud = "rest".to_owned();
        let header = Header::new(Algorithm::EdDSA);
        let elsewhere = jsonwebtoken::encode(&header, &claims, &tokens.private).unwrap();
        assert_eq!(tokens.verify(&elsewhere, ACME, NOW), None);
    }

    #[test]
    fn a_token_without_our_signature_is_none() {
        let tokens = SipTokens::new(&[7; 32]);
        let token = tokens.mint(ACME, "anna", permissions(), NOW).unwrap();
        let claims = tokens.verify(&token, ACME, NOW).unwrap();
        let header = Header::new(Algorithm::HS256);
        let secret = EncodingKey::from_secret(b"anything");
        let hmac = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
        assert_eq!(tokens.verify(&hmac, ACME, NOW), None);
        let (_, rest) = token.split_once('.').unwrap();
        let none = format!("eyJhbGciOiJub25lIn0.{rest}");
        assert_eq!(tokens.verify(&none, ACME, NOW), None);
        assert_eq!(tokens.verify(&"x".repeat(9_000), ACME, NOW), None);
    }
}
