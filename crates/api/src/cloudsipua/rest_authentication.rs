//! How a callback proves where it comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};

use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::secret::Secret;

/// The longest key.
const MAX_SECRET: usize = 16_384;
/// The shortest shared key of HS256 in bytes (RFC 7518 section 3.2).
const MIN_SHARED_KEY: usize = 32;
/// The longest claim.
const MAX_CLAIM: usize = 512;
/// The most extra headers.
const MAX_HEADERS: usize = 16;
/// The longest header name.
const MAX_HEADER_NAME: usize = 64;
/// The longest header value.
const MAX_HEADER_VALUE: usize = 4_096;
/// Headers that belong to the connection, to signing and tracing, or to the framing of the body.
const RESERVED: [&str; 20] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// One way to sign a callback, with a JWT in `Authorization: Bearer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestAuthentication {
    /// The signature algorithm.
    #[serde(rename = "type")]
    pub kind: SignatureType,
    /// The signing key: a private key in PEM, for HS256 a shared secret of 32 bytes or more. Replies mask it; masked
    /// or absent where an entry is overwritten it stays as it is.
    #[serde(
        default,
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = "key", max_length = 16_384)]
    pub secret: Option<Secret>,
    /// The `sub` claim.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 512)]
    pub sub: Option<String>,
    /// The `scope` claim.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 512)]
    pub scope: Option<String>,
    /// Extra headers of the callback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = request_headers)]
    pub request_headers: Option<BTreeMap<String, Secret>>,
}

fn request_headers() -> Object {
    let value = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(r"^[\t -~]*$"))
        .max_length(Some(MAX_HEADER_VALUE));
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"))
        .max_length(Some(MAX_HEADER_NAME));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(
            "Extra headers of the callback; none that the platform sets or that frames the request.",
        ))
        .additional_properties(Some(RefOr::T(Schema::Object(value.build()))))
        .property_names(Some(name.build()))
        .max_properties(Some(MAX_HEADERS))
        .examples([json!({"x-functions-key": "string"})])
        .build()
}

/// The algorithm of a signature (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum SignatureType {
    /// RSA with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
}

impl RestAuthentication {
    /// What is wrong with the entry at `prefix`; whether the key can be read is not checked here.
    pub(crate) fn validate(&self, prefix: &str) -> Vec<FieldError> {
        let mut faults = Faults::under(prefix);
        let secret = self.secret.as_ref().map_or("", Secret::expose);
        if secret.is_empty() {
            faults.add("/secret", "is required");
        } else {
            faults.length("/secret", Some(secret), MAX_SECRET);
            faults.check("/secret", self.check_key(secret));
        }
        faults.line("/sub", self.sub.as_deref(), MAX_CLAIM);
        faults.line("/scope", self.scope.as_deref(), MAX_CLAIM);
        let headers = self.request_headers.as_ref();
        if headers.is_some_and(|headers| headers.len() > MAX_HEADERS) {
            let detail = format!("must have at most {MAX_HEADERS} headers");
            faults.add("/requestHeaders", detail);
        }
        for (name, value) in headers.into_iter().flatten() {
            let pointer = format!(
                "/requestHeaders/{}",
                name.replace('~', "~0").replace('/', "~1")
            );
            faults.check(&pointer, check_header(name, value.expose()));
        }
        faults.into_vec()
    }

    fn check_key(&self, secret: &str) -> Result<(), &'static str> {
        let is_private = secret.contains("-----BEGIN ") && secret.contains("PRIVATE KEY-----");
        match self.kind {
            SignatureType::Hs256 if secret.len() < MIN_SHARED_KEY => {
                Err("must have at least 32 bytes for HS256")
            }
            SignatureType::Hs256 => Ok(()),
            _ if secret.contains("ENCRYPTED") => {
                Err("must be a private key in PEM without a passphrase")
            }
            _ if !is_private => Err("must be a private key in PEM"),
            _ => Ok(()),
        }
    }
}

fn check_header(name: &str, value: &str) -> Result<(), &'static str> {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > MAX_HEADER_NAME || !name.bytes().all(in_name) {
        return Err("must have the name of an HTTP header");
    }
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str())
        || lower.starts_with("webhook-")
        || lower.starts_with("x-forwarded-")
    {
        return Err("must not be a header that the platform sets or that frames the request");
    }
    let in_value = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    if value.len() > MAX_HEADER_VALUE || !value.bytes().all(in_value) {
        return Err("must have a value of at most 4096 printable ASCII characters");
    }
    Ok(())
}
