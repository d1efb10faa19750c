//! Addresses: From, To, Contact, Route and their like (RFC 3261 §20.10).

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::message::{Params, Uri, UriError, syntax};

/// A display name, a URI and parameters; both the `name-addr` and the bare `addr-spec` form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'b> {
    /// The display name without its quotes, escapes still in it.
    pub display: Option<&'b str>,
    /// The URI, as written.
    pub uri: &'b str,
    /// The field's parameters, such as `tag`.
    pub params: Params<'b>,
}

/// The text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address")]
pub struct NotAnAddress;

impl<'b> NameAddr<'b> {
    /// Parses one whole element. A URI of any scheme passes; [`parsed_uri`](Self::parsed_uri) looks inside it.
    pub fn parse(element: &'b str) -> Result<Self, NotAnAddress> {
        Self::parse_element(syntax::trim(element)).ok_or(NotAnAddress)
    }

    fn parse_element(text: &'b str) -> Option<Self> {
        let (display, rest) = if text.starts_with('"') {
            let length = syntax::quoted_len(text.as_bytes())?;
            let (quoted, rest) = syntax::part(text, length);
            (Some(quoted.get(1..length - 1)?), syntax::trim_start(rest))
        } else {
            match memchr2(b'<', b'"', text.as_bytes()) {
                Some(at) if text.as_bytes().get(at) == Some(&b'<') => {
                    let (name, rest) = syntax::part(text, at);
                    // `sip:a@b;x="<"` has no display name, and `;` or `:` before `<` says so.
                    let name = syntax::trim(name);
                    if !syntax::is_plain_display(name) {
                        return None;
                    }
                    ((!name.is_empty()).then_some(name), rest)
                }
                _ => return Self::parse_bare(text),
            }
        };
        let inside = rest.strip_prefix('<')?;
        let (uri, rest) = syntax::part(inside, memchr(b'>', inside.as_bytes())?);
        Self::checked(display, uri, rest.get(1..)?)
    }

    fn parse_bare(text: &'b str) -> Option<Self> {
        let (uri, params) = syntax::part(text, memchr(b';', text.as_bytes()).unwrap_or(text.len()));
        // Without <> these would be read as the field's (RFC 3261 §20).
        if memchr2(b'?', b',', uri.as_bytes()).is_some() {
            return None;
        }
        Self::checked(None, syntax::trim_end(uri), params)
    }

    fn checked(display: Option<&'b str>, uri: &'b str, params: &'b str) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        if rest.is_empty() || !is_scheme(scheme) || !syntax::is_uri_text(rest) {
            return None;
        }
        let params = Params::new(syntax::trim(params));
        params.is_well_formed().then_some(Self {
            display,
            uri,
            params,
        })
    }

    /// The tag of From or To.
    pub fn tag(&self) -> Option<&'b str> {
        self.params.value("tag")
    }

    /// Any parameter of the field: `Some(None)` when it stands without a value.
    pub fn param(&self, name: &str) -> Option<Option<&'b str>> {
        self.params.find(name)
    }

    /// The URI, parsed.
    pub fn parsed_uri(&self) -> Result<Uri<'b>, UriError> {
        Uri::parse(self.uri)
    }

    /// The display name with escapes and folds resolved; `None` when there is none or it is empty.
    pub fn display_name(&self) -> Option<Cow<'b, str>> {
        self.display
            .filter(|display| !display.is_empty())
            .map(syntax::unescape)
    }
}

/// Whether `text` is a URI scheme (RFC 3986 §3.1).
pub(crate) fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_grammar_is_read() {
        let cases = [
            ("<sip:a@b>", None, "sip:a@b", None),
            (
                "\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s",
                Some("A. G. Bell"),
                "sip:agb@bell-telephone.com",
                Some("a48s"),
            ),
            (
                "Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
                Some("Anonymous"),
                "sip:c8oqz84zk7z@privacy.org",
                Some("hyh8"),
            ),
            (
                "sip:+12125551212@server.phone2net.com;tag=887s",
                None,
                "sip:+12125551212@server.phone2net.com",
                Some("887s"),
            ),
            (
                "caller<sip:a@b;x=\u{e9}>;TAG = 1",
                Some("caller"),
                "sip:a@b;x=\u{e9}",
                Some("1"),
            ),
            (
                "\"a<b>, \\\"c\\\"\"\r\n <tel:+49;ext=1?x,y>",
                Some("a<b>, \"c\""),
                "tel:+49;ext=1?x,y",
                None,
            ),
            ("\"\" <sip:a@b>", None, "sip:a@b", None),
            (
                "J\u{f6}rg (B\u{fc}ro) <sip:a@b>",
                Some("J\u{f6}rg (B\u{fc}ro)"),
                "sip:a@b",
                None,
            ),
        ];
        for (text, display, uri, tag) in cases {
            let address = NameAddr::parse(text).unwrap();
            assert_eq!(address.display_name().as_deref(), display, "{text}");
            assert_eq!((address.uri, address.tag()), (uri, tag), "{text}");
        }
    }

    #[test]
    fn a_malformed_address_is_refused() {
        for text in [
            "",
            "*",
            "<>",
            "<sip:>",
            "<a@b>",
            "< sip:a@b>",
            "<sip:a@b >",
            "<sip:a@b",
            "\"open <sip:a@b>",
            "\"a\" b <sip:a@b>",
            "a, b <sip:a@b>",
            "<sip:a@b> x",
            "<sip:a@b>;;",
            "sip:a@b?x=y",
            "sip:a b@c",
            "<sip:a@b><sip:c@d>",
            "a: <sip:a@b>",
        ] {
            assert_eq!(NameAddr::parse(text), Err(NotAnAddress), "{text}");
        }
    }
}
