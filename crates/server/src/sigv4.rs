//! AWS Signature Version 4 in the `Authorization` header, both ways: [`sign`] for what we send, [`Authorization`] for
//! what was sent to us. Who may sign, how old a signature may be and whether it was used before is decided elsewhere;
//! signatures in the query (presigned URLs) and of chunks are not spoken here.
//!
//! Paths are taken as they stand on the wire and encoded once more, as every AWS service but S3 wants it; none that is
//! sent or served here has dot segments to resolve.

use std::fmt::{self, Write as _};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use crate::calendar::{date_of, days_since_epoch};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// Most headers a signature may cover.
const MAX_HEADERS: usize = 64;
/// Headers that connections and proxies change on the way, and the one that carries the signature.
const UNSIGNED: [&str; 7] = [
    "authorization",
    "connection",
    "expect",
    "te",
    "traceparent",
    "transfer-encoding",
    "user-agent",
];

/// Who signs.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Names the secret; sent.
    pub access_key_id: &'a str,
    /// Never sent.
    pub secret: &'a str,
    /// Sent with temporary credentials.
    pub session_token: Option<&'a str>,
}

/// What is called: a signature is good for one service in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// `eu-north-1`.
    pub region: &'a str,
    /// `sns`, `execute-api`.
    pub service: &'a str,
}

/// Adds `x-amz-date`, `x-amz-security-token` where there is one, and `authorization` to a request that is complete but
/// for them, at a Unix time in seconds. The host is that of the header `Host`, else of the URI; every other header that
/// is there by now is signed too, unless the way may change it.
pub fn sign(
    request: &mut Parts,
    payload: &[u8],
    credentials: Credentials<'_>,
    target: Target<'_>,
    now: u64,
) -> Result<(), SignError> {
    let date = Timestamp::at(now);
    let headers = &mut request.headers;
    headers.remove(AUTHORIZATION);
    headers.insert(DATE, value(date.as_str())?);
    if let Some(token) = credentials.session_token {
        headers.insert(SESSION_TOKEN, value(token)?);
    }
    let mut names: Vec<String> = headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| !UNSIGNED.contains(&name.as_str()))
        .collect();
    names.push(HOST.as_str().to_owned());
    names.sort_unstable();
    names.dedup();
    let scope = Scope {
        date: date.day(),
        target,
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let canonical = canonical_request(request, &names, &hash(payload)).ok_or(SignError::NoHost)?;
    let key = signing_key(credentials.secret, scope);
    let tag = hmac::sign(&key, &string_to_sign(&date, scope, &canonical));
    let text = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={}",
        credentials.access_key_id,
        names.join(";"),
        hex(tag.as_ref())
    );
    let mut authorization = value(&text)?;
    authorization.set_sensitive(true);
    request.headers.insert(AUTHORIZATION, authorization);
    Ok(())
}

/// Why a request cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Neither the header `Host` nor the URI names one.
    #[error("the request names no host")]
    NoHost,
    /// The access key id or the session token does not fit into a header.
    #[error("the credentials have characters that no header can carry")]
    Credentials,
}

fn value(text: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|_| SignError::Credentials)
}

/// SHA-256 in lower-case hex, as the payload's hash is written.
pub fn hash(payload: &[u8]) -> String {
    hex(digest(&SHA256, payload).as_ref())
}

/// What the `Authorization` header of a signed request says, nothing of it proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// Names the secret.
    pub access_key_id: &'a str,
    /// What the signature is good for.
    pub target: Target<'a>,
    /// When it was made, in Unix seconds, as `x-amz-date` says.
    pub signed_at: u64,
    /// The signature itself.
    pub signature: [u8; 32],
    date: Timestamp,
    headers: Vec<&'a str>,
}

/// Why a request is not signed as it must be, in a sentence for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether an `Authorization` header is one of Signature V4.
pub fn is_signature(authorization: &str) -> bool {
    authorization
        .split_once(' ')
        .is_some_and(|(scheme, _)| scheme == ALGORITHM)
}

impl<'a> Authorization<'a> {
    /// Reads it; `host` and `x-amz-date` must be among what is signed, and the date that of the credential's scope.
    pub fn of(request: &'a Parts) -> Result<Self, Malformed> {
        let text = request
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .ok_or(Malformed("the header Authorization is missing"))?;
        let members = text
            .strip_prefix(ALGORITHM)
            .ok_or(Malformed("the signature must be AWS4-HMAC-SHA256"))?;
        let member = |name: &str| {
            let mut members = members.split(',').map(str::trim);
            members.find_map(|member| member.strip_prefix(name)?.strip_prefix('='))
        };
        const MEMBERS: Malformed =
            Malformed("Authorization needs Credential, SignedHeaders and Signature");
        let credential = member("Credential").ok_or(MEMBERS)?;
        let headers: Vec<&str> = member("SignedHeaders").ok_or(MEMBERS)?.split(';').collect();
        let signature = member("Signature").and_then(from_hex).ok_or(MEMBERS)?;

        let mut scope = credential.rsplitn(5, '/');
        let mut next = || scope.next().filter(|part| !part.is_empty());
        let (Some(TERMINATOR), Some(service), Some(region), Some(day), Some(access_key_id)) =
            (next(), next(), next(), next(), next())
        else {
            return Err(Malformed(
                "Credential must be KEYID/DATE/REGION/SERVICE/aws4_request",
            ));
        };
        if headers.len() > MAX_HEADERS {
            return Err(Malformed("64 headers may be signed at most"));
        }
        if !headers.contains(&HOST.as_str()) || !headers.contains(&DATE.as_str()) {
            return Err(Malformed("the headers host and x-amz-date must be signed"));
        }
        let mut dates = request.headers.get_all(DATE).iter();
        let date = match (dates.next(), dates.next()) {
            (Some(date), None) => date.to_str().ok().and_then(Timestamp::parse),
            _ => None,
        };
        let Some((date, signed_at)) = date else {
            return Err(Malformed(
                "x-amz-date must be one time in UTC such as 20150830T123600Z",
            ));
        };
        if date.day() != day {
            return Err(Malformed(
                "x-amz-date must be of the day that Credential names",
            ));
        }
        Ok(Self {
            access_key_id,
            target: Target { region, service },
            signed_at,
            signature,
            date,
            headers,
        })
    }

    /// Whether `secret` made the signature of the request whose payload has the hash (see [`hash`]). Takes the same time
    /// wherever the signature differs.
    pub fn is_made_with(&self, secret: &str, request: &Parts, payload_hash: &str) -> bool {
        let scope = Scope {
            date: self.date.day(),
            target: self.target,
        };
        canonical_request(request, &self.headers, payload_hash).is_some_and(|canonical| {
            let signed = string_to_sign(&self.date, scope, &canonical);
            hmac::verify(&signing_key(secret, scope), &signed, &self.signature).is_ok()
        })
    }
}

/// A time as `x-amz-date` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Timestamp(String);

impl Timestamp {
    fn at(unix: u64) -> Self {
        let (year, month, day) = date_of(unix);
        let (hour, minute, second) = (unix / 3_600 % 24, unix / 60 % 60, unix % 60);
        Self(format!(
            "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"
        ))
    }

    /// The time, with its Unix seconds.
    fn parse(text: &str) -> Option<(Self, u64)> {
        let shape = text.len() == 16
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return None;
        }
        let number = |from: usize, to: usize| text[from..to].parse::<u64>().ok();
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
        if year < 1970 {
            return None;
        }
        let days = days_since_epoch(year, month.max(1), day.max(1));
        let unix = days * 86_400 + hour * 3_600 + minute * 60 + second;
        // What is no date is written otherwise than it was read.
        let time = Self::at(unix);
        (time.0 == text).then_some((time, unix))
    }

    fn as_str(&self) -> &str {
        &self.0
    }

    fn day(&self) -> &str {
        &self.0[..8]
    }
}

#[derive(Clone, Copy)]
struct Scope<'a> {
    date: &'a str,
    target: Target<'a>,
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { region, service } = self.target;
        write!(f, "{}/{region}/{service}/{TERMINATOR}", self.date)
    }
}

fn signing_key(secret: &str, scope: Scope<'_>) -> hmac::Key {
    let first = hmac::Key::new(HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    let parts = [
        scope.date,
        scope.target.region,
        scope.target.service,
        TERMINATOR,
    ];
    parts.into_iter().fold(first, |key, part| {
        hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
}

fn string_to_sign(date: &Timestamp, scope: Scope<'_>, canonical: &[u8]) -> Vec<u8> {
    let date = date.as_str();
    format!("{ALGORITHM}\n{date}\n{scope}\n{}", hash(canonical)).into_bytes()
}

/// What is hashed of a request; nothing when a header that is signed is not there.
fn canonical_request(request: &Parts, names: &[&str], payload_hash: &str) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(512);
    text.extend(request.method.as_str().bytes());
    text.push(b'\n');
    let path = request.uri.path();
    encode(
        &mut text,
        if path.is_empty() {
            b"/"
        } else {
            path.as_bytes()
        },
        b"/",
    );
    text.push(b'\n');
    canonical_query(&mut text, request.uri.query().unwrap_or_default());
    text.push(b'\n');
    for name in names {
        text.extend(name.bytes());
        text.push(b':');
        canonical_values(&mut text, request, name)?;
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend(names.join(";").bytes());
    text.push(b'\n');
    text.extend(payload_hash.bytes());
    Some(text)
}

fn canonical_query(text: &mut Vec<u8>, query: &str) {
    let encoded = |part: &str| {
        let mut text = Vec::with_capacity(part.len());
        encode(&mut text, &decode(part), b"");
        text
    };
    let mut members: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|member| !member.is_empty())
        .map(|member| member.split_once('=').unwrap_or((member, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    members.sort_unstable();
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 {
            text.push(b'&');
        }
        text.extend(name);
        text.push(b'=');
        text.extend(value);
    }
}

/// The values of a header, in the order they came, blanks folded.
fn canonical_values(text: &mut Vec<u8>, request: &Parts, name: &str) -> Option<()> {
    let values: Vec<&[u8]> = all_values(&request.headers, name);
    if values.is_empty() && name == HOST.as_str() {
        // HTTP/2 has the host in the URI.
        text.extend(request.uri.authority()?.as_str().bytes());
        return Some(());
    }
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        let words = value.split(u8::is_ascii_whitespace);
        for (at, word) in words.filter(|word| !word.is_empty()).enumerate() {
            if at > 0 {
                text.push(b' ');
            }
            text.extend(word);
        }
    }
    (!values.is_empty()).then_some(())
}

fn all_values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect()
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3 and those in `also`.
fn encode(text: &mut Vec<u8>, bytes: &[u8], also: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            text.push(byte);
        } else {
            text.extend(format!("%{byte:02X}").bytes());
        }
    }
}

fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
