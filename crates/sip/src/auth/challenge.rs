//! Challenges, and the parameter lists of the digest scheme.

use std::borrow::Cow;

use crate::auth::{Algorithm, Qop};
use crate::message::{split_list, unquote};

/// Names and unquoted values of a digest parameter list: what follows the word `Digest` in a challenge or in
/// credentials. Elements without `=` are left out.
pub fn parameters(list: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    split_list(list).filter_map(|element| {
        let (name, value) = element.split_once('=')?;
        Some((name.trim(), unquote(value.trim())))
    })
}

/// A digest challenge we can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The protection space.
    pub realm: String,
    /// To be hashed and echoed.
    pub nonce: String,
    /// To be echoed.
    pub opaque: Option<String>,
    /// The hash.
    pub algorithm: Algorithm,
    /// The `-sess` variant.
    pub session: bool,
    /// Whether the challenge named its algorithm.
    pub names_algorithm: bool,
    /// The protection we choose; `auth` before `auth-int`; `None` when the challenge offers none.
    pub qop: Option<Qop>,
    /// The credentials were right, only the nonce is old.
    pub stale: bool,
}

impl Challenge {
    /// Reads the challenges of one field value, topmost first. Other schemes, unknown algorithms and challenges
    /// without realm or nonce are left out.
    pub fn parse_all(value: &str) -> Vec<Self> {
        let mut challenges = Vec::new();
        let mut draft = Draft::default();
        for element in split_list(value) {
            // `Scheme name=value` begins a challenge, `name=value` goes on with it.
            let before_value = element
                .split_once('=')
                .map_or(element, |(name, _)| name)
                .trim_end();
            if let Some((scheme, _)) = before_value.split_once([' ', '\t', '\r', '\n']) {
                challenges.extend(draft.finish());
                let rest = element.get(scheme.len()..).unwrap_or_default();
                draft = Draft {
                    is_digest: scheme.eq_ignore_ascii_case("Digest"),
                    ..Draft::default()
                };
                draft.read(rest);
            } else {
                draft.read(element);
            }
        }
        challenges.extend(draft.finish());
        challenges
    }
}

#[derive(Default)]
struct Draft<'b> {
    is_digest: bool,
    realm: Option<Cow<'b, str>>,
    nonce: Option<Cow<'b, str>>,
    opaque: Option<Cow<'b, str>>,
    algorithm: Option<Cow<'b, str>>,
    qop: Option<Cow<'b, str>>,
    stale: bool,
}

impl<'b> Draft<'b> {
    fn read(&mut self, element: &'b str) {
        let Some((name, value)) = element.split_once('=') else {
            return;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), unquote(value.trim()));
        match name.as_str() {
            "realm" => self.realm = Some(value),
            "nonce" => self.nonce = Some(value),
            "opaque" => self.opaque = Some(value),
            "algorithm" => self.algorithm = Some(value),
            "qop" => self.qop = Some(value),
            "stale" => self.stale = value.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }

    fn finish(self) -> Option<Challenge> {
        if !self.is_digest {
            return None;
        }
        let (algorithm, session) = self
            .algorithm
            .as_deref()
            .map_or(Some((Algorithm::Md5, false)), Algorithm::parse)?;
        let qop = match self.qop.as_deref() {
            None => None,
            Some(offered) => Some(choose_qop(offered)?),
        };
        Some(Challenge {
            realm: self.realm?.into_owned(),
            nonce: self.nonce?.into_owned(),
            opaque: self.opaque.map(Cow::into_owned),
            algorithm,
            session,
            names_algorithm: self.algorithm.is_some(),
            qop,
            stale: self.stale,
        })
    }
}

fn choose_qop(offered: &str) -> Option<Qop> {
    let offers = |qop: Qop| {
        offered
            .split(',')
            .any(|token| token.trim().eq_ignore_ascii_case(qop.as_str()))
    };
    [Qop::Auth, Qop::AuthInt]
        .into_iter()
        .find(|&qop| offers(qop))
}
