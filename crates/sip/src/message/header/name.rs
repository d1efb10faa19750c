//! Header field names, their compact forms, and what is said when one is wrong.

use std::fmt;

macro_rules! header_names {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// The name of a header field we know; `Other` for the rest.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $($(#[$doc])* $variant,)*
            /// A name not in this list; its spelling stands beside it.
            Other,
        }

        const KNOWN: &[HeaderName] = &[$(HeaderName::$variant,)*];

        static SPELLINGS: &[(HeaderName, &str)] = &[$((HeaderName::$variant, $text),)*];

        impl HeaderName {
            /// The canonical spelling; empty for `Other`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other => "",
                }
            }

            /// The reason phrase of a 400 for a malformed field of this name.
            pub const fn bad(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Bad ", $text),)*
                    Self::Other => "Bad Header Field",
                }
            }

            /// The reason phrase of a 400 for the absence of this field.
            pub const fn missing(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Missing ", $text),)*
                    Self::Other => "Missing Header Field",
                }
            }

            /// The reason phrase of a 400 for a field that may stand once and stands twice.
            pub const fn doubled(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Duplicate ", $text),)*
                    Self::Other => "Duplicate Header Field",
                }
            }
        }
    };
}

header_names! {
    /// RFC 3261 §20.42.
    Via = "Via",
    /// RFC 3261 §20.20.
    From = "From",
    /// RFC 3261 §20.39.
    To = "To",
    /// RFC 3261 §20.8.
    CallId = "Call-ID",
    /// RFC 3261 §20.16.
    CSeq = "CSeq",
    /// RFC 3261 §20.10.
    Contact = "Contact",
    /// RFC 3261 §20.22.
    MaxForwards = "Max-Forwards",
    /// RFC 3261 §20.34.
    Route = "Route",
    /// RFC 3261 §20.30.
    RecordRoute = "Record-Route",
    /// RFC 3261 §20.15.
    ContentType = "Content-Type",
    /// RFC 3261 §20.14.
    ContentLength = "Content-Length",
    /// RFC 3261 §20.19.
    Expires = "Expires",
    /// RFC 3261 §20.5.
    Allow = "Allow",
    /// RFC 3261 §20.37.
    Supported = "Supported",
    /// RFC 3261 §20.32.
    Require = "Require",
    /// RFC 3261 §20.29.
    ProxyRequire = "Proxy-Require",
    /// RFC 3261 §20.40.
    Unsupported = "Unsupported",
    /// RFC 3261 §20.1.
    Accept = "Accept",
    /// RFC 3261 §20.2.
    AcceptEncoding = "Accept-Encoding",
    /// RFC 3261 §20.3.
    AcceptLanguage = "Accept-Language",
    /// RFC 3261 §20.4.
    AlertInfo = "Alert-Info",
    /// RFC 3261 §20.9.
    CallInfo = "Call-Info",
    /// RFC 3261 §20.12.
    ContentEncoding = "Content-Encoding",
    /// RFC 3261 §20.11.
    ContentDisposition = "Content-Disposition",
    /// RFC 3261 §20.13.
    ContentLanguage = "Content-Language",
    /// RFC 3261 §20.44.
    WwwAuthenticate = "WWW-Authenticate",
    /// RFC 3261 §20.7.
    Authorization = "Authorization",
    /// RFC 3261 §20.27.
    ProxyAuthenticate = "Proxy-Authenticate",
    /// RFC 3261 §20.28.
    ProxyAuthorization = "Proxy-Authorization",
    /// RFC 3261 §20.6.
    AuthenticationInfo = "Authentication-Info",
    /// RFC 4028 §4.
    SessionExpires = "Session-Expires",
    /// RFC 4028 §5.
    MinSe = "Min-SE",
    /// RFC 3261 §20.23.
    MinExpires = "Min-Expires",
    /// RFC 3262 §7.1.
    RSeq = "RSeq",
    /// RFC 3262 §7.2.
    RAck = "RAck",
    /// RFC 3261 §20.33.
    RetryAfter = "Retry-After",
    /// RFC 3326.
    Reason = "Reason",
    /// RFC 3261 §20.43.
    Warning = "Warning",
    /// RFC 3261 §20.35.
    Server = "Server",
    /// RFC 3261 §20.41.
    UserAgent = "User-Agent",
    /// RFC 3261 §20.17.
    Date = "Date",
    /// RFC 3261 §20.38.
    Timestamp = "Timestamp",
    /// RFC 3261 §20.36.
    Subject = "Subject",
    /// RFC 3261 §20.25.
    Organization = "Organization",
    /// RFC 3261 §20.26.
    Priority = "Priority",
    /// RFC 3261 §20.31.
    ReplyTo = "Reply-To",
    /// RFC 3261 §20.21.
    InReplyTo = "In-Reply-To",
    /// RFC 3261 §20.18.
    ErrorInfo = "Error-Info",
    /// RFC 3261 §20.24.
    MimeVersion = "MIME-Version",
    /// RFC 6665 §8.2.1.
    Event = "Event",
    /// RFC 6665 §8.2.2.
    AllowEvents = "Allow-Events",
    /// RFC 6665 §8.2.3.
    SubscriptionState = "Subscription-State",
    /// RFC 3903 §11.3.1.
    SipEtag = "SIP-ETag",
    /// RFC 3903 §11.3.2.
    SipIfMatch = "SIP-If-Match",
    /// RFC 3515 §2.1.
    ReferTo = "Refer-To",
    /// RFC 3892 §2.
    ReferredBy = "Referred-By",
    /// RFC 4488.
    ReferSub = "Refer-Sub",
    /// RFC 3891 §6.1.
    Replaces = "Replaces",
    /// RFC 3911 §7.1.
    Join = "Join",
    /// RFC 5806.
    Diversion = "Diversion",
    /// RFC 7044.
    HistoryInfo = "History-Info",
    /// RFC 3325 §9.1.
    PAssertedIdentity = "P-Asserted-Identity",
    /// RFC 3325 §9.2.
    PPreferredIdentity = "P-Preferred-Identity",
    /// RFC 3323 §4.2.
    Privacy = "Privacy",
    /// RFC 3327.
    Path = "Path",
    /// RFC 3608.
    ServiceRoute = "Service-Route",
    /// RFC 7989.
    SessionId = "Session-ID",
    /// RFC 7433.
    UserToUser = "User-to-User",
    /// RFC 3841 §9.2.
    AcceptContact = "Accept-Contact",
    /// RFC 3841 §9.2.
    RejectContact = "Reject-Contact",
    /// RFC 3841 §9.1.
    RequestDisposition = "Request-Disposition",
    /// RFC 8224 §4.
    Identity = "Identity",
    /// RFC 6086 §7.1.
    InfoPackage = "Info-Package",
    /// RFC 6086 §7.2.
    RecvInfo = "Recv-Info",
    /// RFC 5393 §5.8.
    MaxBreadth = "Max-Breadth",
}

const SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;

/// Where a name is looked for first: its length and three of its letters, in any case.
const fn slot(name: &[u8]) -> usize {
    let (first, middle, last) = match name.len() {
        0 => (0, 0, 0),
        length => (
            name[0] | 0x20,
            name[length / 2] | 0x20,
            name[length - 1] | 0x20,
        ),
    };
    (name.len() * 37 + first as usize * 5 + middle as usize * 11 + last as usize * 29) % SLOTS
}

/// A hash table of the known names' places in `KNOWN`; a taken slot sends on to the next.
static TABLE: [u8; SLOTS] = {
    assert!(KNOWN.len() < 128, "one bit of a mask for each name");
    let mut table = [EMPTY; SLOTS];
    let mut index = 0;
    while index < KNOWN.len() {
        let mut place = slot(KNOWN[index].as_str().as_bytes());
        while table[place] != EMPTY {
            place = (place + 1) % SLOTS;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "there are fewer than 128 names"
        )]
        let known = index as u8;
        table[place] = known;
        index += 1;
    }
    table
};

impl HeaderName {
    /// The name a spelling means, in any case and in compact form (RFC 3261 §7.3.3); `Other` when unknown.
    pub fn parse(name: &str) -> Self {
        Self::from_bytes(name.as_bytes())
    }

    pub(crate) fn from_bytes(name: &[u8]) -> Self {
        if let [letter] = name {
            return Self::from_compact(*letter);
        }
        let mut place = slot(name);
        while let Some(&(known, spelling)) = TABLE
            .get(place)
            .and_then(|&index| SPELLINGS.get(usize::from(index)))
        {
            // Nearly everybody writes the canonical spelling, and comparing octets is several times faster.
            if spelling.as_bytes() == name || spelling.as_bytes().eq_ignore_ascii_case(name) {
                return known;
            }
            place = (place + 1) % SLOTS;
        }
        Self::Other
    }

    const fn from_compact(letter: u8) -> Self {
        match letter.to_ascii_lowercase() {
            b'a' => Self::AcceptContact,
            b'b' => Self::ReferredBy,
            b'c' => Self::ContentType,
            b'd' => Self::RequestDisposition,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'j' => Self::RejectContact,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b's' => Self::Subject,
            b't' => Self::To,
            b'u' => Self::AllowEvents,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
            b'y' => Self::Identity,
            _ => Self::Other,
        }
    }

    /// One bit a name, for sets of names.
    pub(crate) const fn bit(self) -> u128 {
        1 << (self as u8)
    }

    /// Whether the value proves who somebody is and must not be logged.
    pub const fn is_credential(self) -> bool {
        matches!(self, Self::Authorization | Self::ProxyAuthorization)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for &name in KNOWN {
            assert_eq!(HeaderName::parse(name.as_str()), name);
            assert_eq!(HeaderName::parse(&name.as_str().to_uppercase()), name);
            assert_eq!(HeaderName::parse(&name.as_str().to_lowercase()), name);
        }
    }

    #[test]
    fn compact_forms_stand_for_their_long_names() {
        for (letter, name) in [
            ("v", "Via"),
            ("F", "From"),
            ("i", "Call-ID"),
            ("x", "Session-Expires"),
            ("r", "Refer-To"),
        ] {
            assert_eq!(HeaderName::parse(letter), HeaderName::parse(name));
        }
    }

    #[test]
    fn an_unknown_or_escaped_name_is_other() {
        for name in [
            "",
            "C%6Fntact",
            "z",
            "Vias",
            "a-name-longer-than-any-of-the-known-names",
            "X-JWTAuth",
        ] {
            assert_eq!(HeaderName::parse(name), HeaderName::Other, "{name}");
        }
    }
}
