//! Tokens that callers carry in `X-JWTAuth`: what routing asks of them. Who signs them, and how, the shell knows.

use std::fmt;

/// What a token says that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// The device that carries it.
    pub device: Box<str>,
    /// The SIP domain it may use, where it is confined to one.
    pub domain: Option<Box<str>>,
    /// The pattern of the destinations it may call; none when absent.
    pub invite: Option<Box<str>>,
}

/// Reads tokens. The answer follows from the arguments alone.
pub trait Tokens: fmt::Debug + Send + Sync {
    /// What `token` says, when it counts for `domain` at a Unix time in seconds.
    fn read(&self, token: &str, domain: &str, unix_seconds: u64) -> Option<Token>;
}
