//! Content-Type (RFC 3261 §20.15).

use crate::message::{Params, syntax};

/// A media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'b> {
    /// Before the slash.
    pub kind: &'b str,
    /// After the slash.
    pub subtype: &'b str,
    /// `boundary` and the rest.
    pub params: Params<'b>,
}

impl<'b> MediaType<'b> {
    /// Parses a field value; `None` when it is malformed.
    pub fn parse(value: &'b str) -> Option<Self> {
        let (media, params) = syntax::part(value, value.find(';').unwrap_or(value.len()));
        let (kind, subtype) = media.split_once('/')?;
        let (kind, subtype) = (syntax::trim(kind), syntax::trim(subtype));
        let valid = syntax::is_token(kind.as_bytes()) && syntax::is_token(subtype.as_bytes());
        valid.then_some(Self {
            kind,
            subtype,
            params: Params::new(params),
        })
    }

    /// Whether it is this type, ignoring case and parameters.
    pub const fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }
}
