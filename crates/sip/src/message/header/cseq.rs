//! CSeq and RAck (RFC 3261 §20.16, RFC 3262 §7.2).

use crate::message::{Method, syntax};

/// A sequence number and the method it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'b> {
    /// The number.
    pub number: u32,
    /// The method.
    pub method: Method<'b>,
}

impl<'b> CSeq<'b> {
    const HIGHEST: u32 = (1 << 31) - 1;

    /// Parses a field value; `None` when it is malformed or the number is not below 2³¹ (RFC 3261 §8.1.1.5).
    pub fn parse(value: &'b str) -> Option<Self> {
        let (number, rest) = word(value);
        let (method, rest) = word(rest);
        let number = u32::try_from(syntax::number(number)?).ok()?;
        let valid = number <= Self::HIGHEST
            && syntax::is_token(method.as_bytes())
            && syntax::trim(rest).is_empty();
        valid.then(|| Self {
            number,
            method: Method::parse(method),
        })
    }
}

/// The response a PRACK acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'b> {
    /// The RSeq of that response.
    pub rseq: u32,
    /// The CSeq of that response.
    pub cseq: CSeq<'b>,
}

impl<'b> RAck<'b> {
    /// Parses a field value; `None` when it is malformed.
    pub fn parse(value: &'b str) -> Option<Self> {
        let (rseq, rest) = word(value);
        Some(Self {
            rseq: u32::try_from(syntax::number(rseq)?).ok()?,
            cseq: CSeq::parse(rest)?,
        })
    }
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = syntax::trim_start(text);
    syntax::part(
        text,
        text.bytes()
            .position(syntax::is_blank)
            .unwrap_or(text.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_leading_zeros_and_must_fit_31_bits() {
        assert_eq!(
            CSeq::parse("0009\r\n  INVITE"),
            Some(CSeq {
                number: 9,
                method: Method::Invite
            })
        );
        let highest = CSeq {
            number: 2_147_483_647,
            method: Method::Other("invite"),
        };
        assert_eq!(CSeq::parse("2147483647 invite"), Some(highest));
        for value in [
            "",
            "1",
            "INVITE",
            "-1 INVITE",
            "1 IN VITE",
            "2147483648 INVITE",
            "4294967296 INVITE",
            "36893488147419103232 A",
            "1 A/B",
        ] {
            assert_eq!(CSeq::parse(value), None, "{value}");
        }
    }

    #[test]
    fn rack_names_a_response_and_its_request() {
        let cseq = CSeq {
            number: 1,
            method: Method::Invite,
        };
        assert_eq!(
            RAck::parse("776656 1 INVITE"),
            Some(RAck {
                rseq: 776_656,
                cseq
            })
        );
        assert_eq!(RAck::parse("776656 INVITE"), None);
    }
}
