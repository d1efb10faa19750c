//! Session-Expires (RFC 4028 §4).

use crate::message::{Params, syntax};

/// Who refreshes the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

impl Refresher {
    /// The parameter's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// How long the session lives without a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval, in seconds.
    pub seconds: u32,
    /// Who refreshes, where the field says so.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Parses a field value; `None` when it is malformed.
    pub fn parse(value: &str) -> Option<Self> {
        let (seconds, params) = delta_seconds(value)?;
        let refresher = match params.value("refresher") {
            None => None,
            Some(value) if value.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(value) if value.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return None,
        };
        Some(Self { seconds, refresher })
    }
}

/// A number of seconds followed by parameters; what does not fit 32 bits becomes their largest number.
pub(crate) fn delta_seconds(value: &str) -> Option<(u32, Params<'_>)> {
    let (digits, params) = syntax::part(value, value.find(';').unwrap_or(value.len()));
    let seconds = syntax::number(syntax::trim(digits))?;
    Some((
        u32::try_from(seconds).unwrap_or(u32::MAX),
        Params::new(params),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_and_the_refresher_are_read() {
        let uas = SessionExpires {
            seconds: 4000,
            refresher: Some(Refresher::Uas),
        };
        assert_eq!(SessionExpires::parse("4000 ; Refresher=UAS"), Some(uas));
        assert_eq!(
            SessionExpires::parse("90"),
            Some(SessionExpires {
                seconds: 90,
                refresher: None
            })
        );
        for value in ["", "x", "-1", "90;refresher=me", "9 0"] {
            assert_eq!(SessionExpires::parse(value), None, "{value}");
        }
    }
}
