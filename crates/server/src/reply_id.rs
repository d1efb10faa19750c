//! The `replyId` of a call: an HS256 JWT, opaque to those who carry it, that names the call a command
//! is for. It opens nothing by itself; the command's own credentials do.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_call::id::CallId;
use serde::{Deserialize, Serialize};

/// `{"alg":"HS256","typ":"JWT"}`: the only header written, and so the only one accepted.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// Longer than any we write.
const MAX_LENGTH: usize = 2_048;

/// Writes and reads reply ids with one key.
pub struct ReplyIds {
    key: hmac::Key,
    node: String,
}

/// What a reply id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyId {
    /// The tenant.
    pub domain: String,
    /// The node that owns the call.
    pub node: String,
    /// The call.
    pub call: CallId,
    /// The leg, from 0.
    pub leg: u16,
    /// When it was made, in Unix seconds.
    pub issued_at: u64,
}

/// The text was not made with our key for this domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replyId was not issued here for this domain")]
pub struct Forged;

#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    domain: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    node: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    call: std::borrow::Cow<'a, str>,
    leg: u16,
    iat: u64,
}

impl ReplyIds {
    /// With a key of at least 32 random bytes, and the name of this node.
    pub fn new(key: &[u8], node: impl Into<String>) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            node: node.into(),
        }
    }

    /// The node whose calls they name, unless they say otherwise.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The reply id of a call's leg.
    pub fn mint(&self, domain: &str, call: CallId, leg: u16, issued_at: u64) -> String {
        self.mint_of(&self.node, domain, call, leg, issued_at)
    }

    /// The same of a call of another node that shares the key.
    pub fn mint_of(
        &self,
        node: &str,
        domain: &str,
        call: CallId,
        leg: u16,
        issued_at: u64,
    ) -> String {
        let claims = Claims {
            domain: domain.into(),
            node: node.into(),
            call: call.to_string().into(),
            leg,
            iat: issued_at,
        };
        let claims = serde_json::to_vec(&claims).expect("texts and numbers always serialise");
        let mut text = String::with_capacity(HEADER.len() + claims.len() * 4 / 3 + 48);
        text.push_str(HEADER);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&claims, &mut text);
        let tag = hmac::sign(&self.key, text.as_bytes());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(tag.as_ref(), &mut text);
        text
    }

    /// What `text` names, when we made it for `domain`. The signature is compared in constant time.
    pub fn verify(&self, text: &str, domain: &str) -> Result<ReplyId, Forged> {
        if text.len() > MAX_LENGTH {
            return Err(Forged);
        }
        let (signed, tag) = text.rsplit_once('.').ok_or(Forged)?;
        let claims = signed
            .strip_prefix(HEADER)
            .and_then(|t| t.strip_prefix('.'))
            .ok_or(Forged)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| Forged)?;
        hmac::verify(&self.key, signed.as_bytes(), &tag).map_err(|_| Forged)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| Forged)?;
        let claims: Claims<'_> = serde_json::from_slice(&claims).map_err(|_| Forged)?;
        if claims.domain != domain {
            return Err(Forged);
        }
        Ok(ReplyId {
            call: claims.call.parse().map_err(|_| Forged)?,
            domain: claims.domain.into_owned(),
            node: claims.node.into_owned(),
            leg: claims.leg,
            issued_at: claims.iat,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallId = CallId::from_u128(0x0192_0000_0000_7000_8000_0000_dead_beef);

    fn ids() -> ReplyIds {
        ReplyIds::new(&[7; 32], "node-1")
    }

    #[test]
    fn a_reply_id_names_its_call() {
        let text = ids().mint("acme.example.com", CALL, 1, 1_700_000_000);
        let reply_id = ids().verify(&text, "acme.example.com").unwrap();
        assert_eq!(reply_id.call, CALL);
        assert_eq!((reply_id.leg, reply_id.issued_at), (1, 1_700_000_000));
        assert_eq!(reply_id.node, "node-1");
    }

    #[test]
    fn any_jwt_library_can_read_it() {
        let text = ids().mint("acme.example.com", CALL, 0, 1_700_000_000);
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        validation.required_spec_claims.clear();
        let key = jsonwebtoken::DecodingKey::from_secret(&[7; 32]);
        let token = jsonwebtoken::decode::<serde_json::Value>(&text, &key, &validation).unwrap();
        assert_eq!(token.claims["domain"], "acme.example.com");
        assert_eq!(token.claims["call"], CALL.to_string());
    }

    #[test]
    fn a_reply_id_of_another_domain_key_or_hand_is_forged() {
        let text = ids().mint("acme.example.com", CALL, 0, 1);
        assert_eq!(ids().verify(&text, "other.example.com"), Err(Forged));
        let others = ReplyIds::new(&[8; 32], "node-1").mint("acme.example.com", CALL, 0, 1);
        assert_eq!(ids().verify(&others, "acme.example.com"), Err(Forged));
        for at in [0, HEADER.len() + 3, text.len() - 1] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(
                ids().verify(&changed, "acme.example.com"),
                Err(Forged),
                "byte {at}"
            );
        }
    }

    #[test]
    fn texts_that_are_no_reply_id_are_forged() {
        let unsigned = format!("{HEADER}.e30.");
        for text in [
            "",
            ".",
            "..",
            "a.b.c",
            HEADER,
            &unsigned,
            &"x".repeat(10_000),
        ] {
            assert_eq!(ids().verify(text, "acme.example.com"), Err(Forged));
        }
    }
}
