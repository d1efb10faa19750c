//! `;name=value` parameters, read where they stand.

use memchr::memchr2;

use crate::message::syntax;

/// Parameters of a header field or a URI, parsed while they are looked at (RFC 3261 §25.1 generic-param).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'b> {
    text: &'b str,
}

impl<'b> Params<'b> {
    /// Parameters in `text`, which is empty or begins with `;`.
    pub const fn new(text: &'b str) -> Self {
        Self { text }
    }

    /// The parameters as they were written.
    pub const fn as_str(&self) -> &'b str {
        self.text
    }

    /// Every parameter in order: name and value, quotes still around it. An empty value counts as none.
    pub const fn iter(&self) -> ParamsIter<'b> {
        ParamsIter { rest: self.text }
    }

    /// The first parameter of a name in any case: `Some(None)` when it stands without a value.
    pub fn find(&self, name: &str) -> Option<Option<&'b str>> {
        self.iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The first value of a name in any case; `None` also when the name stands without a value.
    pub fn value(&self, name: &str) -> Option<&'b str> {
        self.find(name).flatten()
    }

    /// Whether the name occurs, in any case.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether the text follows the grammar: no empty names, no blanks in values, quotes closed.
    pub(crate) fn is_well_formed(&self) -> bool {
        let mut rest = self.text.as_bytes();
        skip(&mut rest, syntax::is_blank);
        while !rest.is_empty() {
            if !take(&mut rest, b';') {
                return false;
            }
            skip(&mut rest, syntax::is_blank);
            if skip(&mut rest, syntax::is_token_byte) == 0 {
                return false;
            }
            skip(&mut rest, syntax::is_blank);
            if take(&mut rest, b'=') {
                skip(&mut rest, syntax::is_blank);
                if rest.first() == Some(&b'"') {
                    let Some(length) = syntax::quoted_len(rest) else {
                        return false;
                    };
                    rest = rest.get(length..).unwrap_or_default();
                } else {
                    skip(&mut rest, syntax::is_plain_value_byte);
                }
                skip(&mut rest, syntax::is_blank);
            }
        }
        true
    }
}

fn take(rest: &mut &[u8], byte: u8) -> bool {
    match rest.split_first() {
        Some((first, tail)) if *first == byte => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

/// Skips the octets of a class and says how many.
fn skip(rest: &mut &[u8], class: fn(u8) -> bool) -> usize {
    let count = rest
        .iter()
        .position(|&byte| !class(byte))
        .unwrap_or(rest.len());
    *rest = rest.get(count..).unwrap_or_default();
    count
}

/// Parts at the next `;` outside quotes; the second half keeps its `;`.
fn split_param(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b';', b'"', rest)) {
        let place = at + found;
        let rest = bytes.get(place..).unwrap_or_default();
        if rest.first() == Some(&b';') {
            return syntax::part(text, place);
        }
        match syntax::quoted_len(rest) {
            Some(length) => at = place + length,
            None => break,
        }
    }
    (text, "")
}

fn name_and_value(segment: &str) -> (&str, Option<&str>) {
    match segment.split_once('=') {
        Some((name, value)) => {
            let value = syntax::trim(value);
            (syntax::trim(name), (!value.is_empty()).then_some(value))
        }
        None => (syntax::trim(segment), None),
    }
}

/// Walks over [`Params`].
#[derive(Clone, Debug)]
pub struct ParamsIter<'b> {
    rest: &'b str,
}

impl<'b> Iterator for ParamsIter<'b> {
    type Item = (&'b str, Option<&'b str>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let after = self.rest.strip_prefix(';').unwrap_or(self.rest);
            let (segment, tail) = split_param(after);
            self.rest = tail;
            let (name, value) = name_and_value(segment);
            if !name.is_empty() {
                return Some((name, value));
            }
        }
        None
    }
}

impl<'b> IntoIterator for Params<'b> {
    type Item = (&'b str, Option<&'b str>);
    type IntoIter = ParamsIter<'b>;

    fn into_iter(self) -> ParamsIter<'b> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_with_blanks_around_the_equals_sign() {
        let params = Params::new("; q = 0.33;Lr ;\r\n tag=abc;text=\"a;b\"");
        assert_eq!(params.find("Q"), Some(Some("0.33")));
        assert_eq!(params.find("lr"), Some(None));
        assert_eq!(params.value("tag"), Some("abc"));
        assert_eq!(params.value("text"), Some("\"a;b\""));
        assert_eq!(params.find("b"), None);
        assert!(params.is_well_formed());
    }

    #[test]
    fn empty_names_and_open_quotes_are_malformed() {
        for text in [
            ";;",
            ";",
            ";a;;b",
            ";=1",
            "x",
            ";a=\"b",
            ";a=b c",
            ";a=\"b\"c",
            ";a b",
        ] {
            assert!(!Params::new(text).is_well_formed(), "{text}");
        }
        for text in ["", ";a", ";a=", ";a=[::1]", ";a=2001:db8::1", ";a=YQ=="] {
            assert!(Params::new(text).is_well_formed(), "{text}");
        }
    }
}
