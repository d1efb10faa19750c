//! Reason (RFC 3326).

use std::borrow::Cow;

use crate::message::{Params, syntax};

/// Why a request was sent or a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason<'b> {
    /// `SIP`, `Q.850` or another token.
    pub protocol: &'b str,
    /// The cause in the protocol's own numbers.
    pub cause: Option<u16>,
    /// The text, unquoted.
    pub text: Option<Cow<'b, str>>,
}

impl<'b> Reason<'b> {
    /// Parses one element; `None` when it is malformed.
    pub fn parse(element: &'b str) -> Option<Self> {
        let (protocol, params) = syntax::part(element, element.find(';').unwrap_or(element.len()));
        let protocol = syntax::trim(protocol);
        let params = Params::new(params);
        syntax::is_token(protocol.as_bytes()).then(|| Self {
            protocol,
            cause: params
                .value("cause")
                .and_then(syntax::number)
                .and_then(|cause| u16::try_from(cause).ok()),
            text: params.value("text").map(syntax::unquote),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_cause_and_text_are_read() {
        let reason = Reason::parse("Q.850 ;cause=16 ;text=\"Terminated; \\\"ok\\\"\"").unwrap();
        assert_eq!((reason.protocol, reason.cause), ("Q.850", Some(16)));
        assert_eq!(reason.text.as_deref(), Some("Terminated; \"ok\""));
        let bare = Reason {
            protocol: "SIP",
            cause: None,
            text: None,
        };
        assert_eq!(Reason::parse("SIP;cause=x"), Some(bare));
        assert_eq!(Reason::parse(";cause=16"), None);
    }
}
