//! `/provisioning/apiKey/{domain}`: what opens a tenant's API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::secret::Secret;

/// The longest public key.
const MAX_KEY: usize = 16_384;
/// The longest description.
const MAX_DESCRIPTION: usize = 200;

/// What a key may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Command calls.
    Calls,
    /// Change provisioning; also mint keys and rotate secrets.
    Provisioning,
    /// Read everything but secrets.
    Read,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Scope::Calls, Scope::Provisioning, Scope::Read];
}

/// How a key is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ApiKeyType {
    /// The token itself is sent.
    Token,
    /// JWTs signed with the private half are sent.
    PublicKey,
}

/// Body of the request to create a key; an empty one makes a token with every scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CreateApiKey {
    /// A public key in PEM (RSA, P-256 or Ed25519); without it a random token is made.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 16_384)]
    pub key: Option<String>,
    /// What the key may do; everything when absent. A list has one scope at least.
    #[serde(
        deserialize_with = "lenient::given_list",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Vec<Scope>, min_items = 1)]
    pub scopes: Option<Vec<Scope>>,
    /// What the key is for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 200)]
    pub description: Option<String>,
    /// From when on the key opens nothing, in milliseconds since 1970; never when absent.
    #[serde(
        deserialize_with = "lenient::time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub expires_at: Option<u64>,
}

impl CreateApiKey {
    /// What is wrong with the request; whether the key can be read is not checked here.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        if let Some(key) = self.public_key() {
            faults.length("/key", Some(key), MAX_KEY);
            if key.contains("PRIVATE KEY") {
                faults.add(
                    "/key",
                    "must be the public key; keep the private one and make a new pair, since this one was sent",
                );
            } else if !key.contains("-----BEGIN ") || !key.contains("PUBLIC KEY-----") {
                faults.add("/key", "must be a public key in PEM");
            }
        }
        if self.scopes.as_ref().is_some_and(Vec::is_empty) {
            let detail = "must name calls, provisioning or read; leave it out for all three";
            faults.add("/scopes", detail);
        }
        faults.line("/description", self.description.as_deref(), MAX_DESCRIPTION);
        faults.into_vec()
    }

    /// The public key, when one is given.
    pub fn public_key(&self) -> Option<&str> {
        self.key.as_deref().filter(|key| !key.trim().is_empty())
    }

    /// The scopes that are meant, in order, each once.
    pub fn granted(&self) -> Vec<Scope> {
        let Some(scopes) = &self.scopes else {
            return Scope::ALL.to_vec();
        };
        Scope::ALL
            .into_iter()
            .filter(|scope| scopes.contains(scope))
            .collect()
    }
}

/// Reply to a key created; the only one that ever shows the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyCreated {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// Names the key: for its deletion, as `kid` of JWTs, as access key id of Signature V4.
    pub sk: String,
    /// The random token, unless a public key was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// What the key may do.
    pub scopes: Vec<Scope>,
    /// From when on it opens nothing, in milliseconds since 1970; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Members of the request that were ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldError>,
}

/// A key as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Names the key.
    pub sk: String,
    /// How it is used.
    #[serde(rename = "type")]
    pub kind: ApiKeyType,
    /// The public key, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// When it was used last, in milliseconds since 1970; absent until it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<u64>,
    /// From when on it opens nothing, in milliseconds since 1970; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// Reply to a list of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The keys of the page.
    pub api_keys: Vec<ApiKey>,
    /// Leads to the next page, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::parse;

    fn read(body: &str) -> CreateApiKey {
        parse(body.as_bytes()).unwrap().value
    }

    #[test]
    fn an_empty_request_means_a_token_with_every_scope() {
        for body in ["{}", r#"{"key":null}"#, r#"{"key":""}"#] {
            let request = read(body);
            assert_eq!(request.validate(), []);
            assert_eq!(request.public_key(), None);
            assert_eq!(request.granted(), Scope::ALL);
        }
    }

    #[test]
    fn scopes_are_granted_once_and_in_order() {
        let request = read(r#"{"scopes":["read","calls","read"]}"#);
        assert_eq!(request.granted(), [Scope::Calls, Scope::Read]);
        let error = parse::<CreateApiKey>(br#"{"scopes":["admin"]}"#).unwrap_err();
        assert_eq!(error.pointer, "/scopes/0");
        let error = parse::<CreateApiKey>(br#"{"scopes":[null]}"#).unwrap_err();
        assert_eq!(error.pointer, "/scopes/0");
        for body in [r#"{"scopes":[]}"#, r#"{"scopes":null}"#] {
            assert_eq!(read(body).validate()[0].pointer, "/scopes", "{body}");
        }
    }

    #[test]
    fn only_a_public_key_in_pem_is_taken() {
        let good =
            read(r#"{"key":"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}"#);
        assert_eq!(good.validate(), []);
        for key in ["AAAA", "-----BEGIN PRIVATE KEY-----\nAAAA"] {
            let request = CreateApiKey {
                key: Some(key.into()),
                ..CreateApiKey::default()
            };
            assert_eq!(request.validate()[0].pointer, "/key");
        }
    }

    #[test]
    fn the_token_is_shown_once_and_never_debugged() {
        let created = ApiKeyCreated {
            success: true,
            sk: "k1".into(),
            token: Some("hs_secret".into()),
            scopes: vec![Scope::Calls],
            expires_at: None,
            warnings: vec![],
        };
        assert_eq!(
            serde_json::to_string(&created).unwrap(),
            r#"{"success":true,"sk":"k1","token":"hs_secret","scopes":["calls"]}"#
        );
        assert!(!format!("{created:?}").contains("hs_secret"));
    }
}
