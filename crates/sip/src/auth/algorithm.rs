//! The hashes of digest authentication.

use std::fmt::Write as _;

use md5::Md5;
use sha2::digest::Digest as _;
use sha2::{Sha256, Sha512_256};

/// A hash function of the digest scheme (RFC 7616 §3.2, RFC 8760 §2.1); `-sess` is a flag beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RFC 1321; the default when a challenge names none.
    Md5,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4, SHA-512/256.
    Sha512_256,
}

impl Algorithm {
    /// The algorithm and whether it is the `-sess` variant; `None` when unknown. Names ignore case.
    pub fn parse(token: &str) -> Option<(Self, bool)> {
        let split = token.len().saturating_sub(5);
        let (name, session) = match token.split_at_checked(split) {
            Some((name, suffix)) if suffix.eq_ignore_ascii_case("-sess") => (name, true),
            _ => (token, false),
        };
        let known = [Self::Md5, Self::Sha256, Self::Sha512_256];
        known
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
            .map(|found| (found, session))
    }

    /// The name without `-sess`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// The hash of `parts` with a colon between them, in lower-case hexadecimal.
    pub fn hash(self, parts: &[&[u8]]) -> String {
        let text = parts.join(&b':');
        match self {
            Self::Md5 => hex(&Md5::digest(&text)),
            Self::Sha256 => hex(&Sha256::digest(&text)),
            Self::Sha512_256 => hex(&Sha512_256::digest(&text)),
        }
    }

    /// HA1 of RFC 7616 §3.4.2 without `-sess`: what a server may keep instead of the password.
    pub fn ha1(self, username: &str, realm: &str, password: &str) -> String {
        self.hash(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()])
    }
}

/// The octets in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes every write");
            text
        })
}

/// Quality of protection (RFC 7616 §3.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// The request line's method and URI.
    Auth,
    /// Also the body.
    AuthInt,
}

impl Qop {
    /// The token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// Everything a digest response is computed from, except the secret.
#[derive(Clone, Copy, Debug)]
pub struct Digest<'a> {
    /// The hash.
    pub algorithm: Algorithm,
    /// The `-sess` variant.
    pub session: bool,
    /// The server's nonce, unquoted.
    pub nonce: &'a str,
    /// The client's nonce; counts only with `qop` or `session`.
    pub cnonce: &'a str,
    /// The use count as written, eight hexadecimal digits; counts only with `qop`.
    pub nc: &'a str,
    /// `None` computes the response of RFC 2069.
    pub qop: Option<Qop>,
    /// The request's method.
    pub method: &'a str,
    /// The `uri` parameter.
    pub uri: &'a str,
    /// The request's body; counts only with `auth-int`.
    pub body: &'a [u8],
}

impl Digest<'_> {
    /// The `response` parameter, in lower-case hexadecimal (RFC 7616 §3.4.1). `ha1` is [`Algorithm::ha1`]'s result.
    pub fn response(&self, ha1: &str) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        // A stored HA1 may be spelt in capitals, but what is hashed are the lower-case digits.
        let ha1 = ha1.to_ascii_lowercase();
        let (nonce, cnonce) = (self.nonce.as_bytes(), self.cnonce.as_bytes());
        let ha1 = if self.session {
            hash(&[ha1.as_bytes(), nonce, cnonce])
        } else {
            ha1
        };
        let (method, uri) = (self.method.as_bytes(), self.uri.as_bytes());
        let ha2 = match self.qop {
            Some(Qop::AuthInt) => hash(&[method, uri, hash(&[self.body]).as_bytes()]),
            _ => hash(&[method, uri]),
        };
        match self.qop {
            Some(qop) => hash(&[
                ha1.as_bytes(),
                nonce,
                self.nc.as_bytes(),
                cnonce,
                qop.as_str().as_bytes(),
                ha2.as_bytes(),
            ]),
            None => hash(&[ha1.as_bytes(), nonce, ha2.as_bytes()]),
        }
    }
}
