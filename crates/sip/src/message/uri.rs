//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use memchr::{memchr, memchr2};

use crate::message::{MAX_COMPARED, Params, header, syntax};

/// A URI's scheme, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme<'b> {
    /// `sip:`.
    Sip,
    /// `sips:`.
    Sips,
    /// `tel:`; the number is the user, there is no host.
    Tel,
    /// Any other; only the text can be looked at.
    Other(&'b str),
}

impl<'b> Scheme<'b> {
    fn parse(text: &'b str) -> Self {
        match text.len() {
            3 if text.eq_ignore_ascii_case("sip") => Self::Sip,
            4 if text.eq_ignore_ascii_case("sips") => Self::Sips,
            3 if text.eq_ignore_ascii_case("tel") => Self::Tel,
            _ => Self::Other(text),
        }
    }

    /// The scheme without its colon; lower case where it is known.
    pub const fn as_str(&self) -> &'b str {
        match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Other(text) => text,
        }
    }
}

/// The host of a URI or of Via.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'b> {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in brackets on the wire.
    V6(Ipv6Addr),
    /// A name; empty in a URI that has no host.
    Name(&'b str),
}

impl<'b> Host<'b> {
    /// Parses a host as it stands in a URI, an IPv6 address in brackets. Underscores in names are forgiven.
    pub fn parse(text: &'b str) -> Option<Self> {
        if let Some(inside) = text.strip_prefix('[') {
            return header::parse_v6(inside.strip_suffix(']')?).map(Self::V6);
        }
        let is_name_byte =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if text.is_empty() || !text.bytes().all(is_name_byte) {
            return None;
        }
        if text.ends_with(|last: char| last.is_ascii_digit())
            && let Ok(address) = text.parse()
        {
            return Some(Self::V4(address));
        }
        Some(Self::Name(text))
    }

    /// The address, where the host is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
            Self::Name(_) => None,
        }
    }

    /// Whether both are the same host: names ignoring case, a name never equals an address.
    pub fn is_same(&self, other: &Host<'_>) -> bool {
        match (self, other) {
            (Self::Name(one), Host::Name(two)) => one.eq_ignore_ascii_case(two),
            (one, two) => one.ip().is_some() && one.ip() == two.ip(),
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The text is not a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// No scheme, or characters no URI may hold.
    #[error("not a URI")]
    NotAUri,
    /// `@` with nothing before it, or a tel URI without a number.
    #[error("the URI's user part is empty")]
    User,
    /// Not a name, an IPv4 address or an IPv6 address in brackets.
    #[error("the URI's host is malformed")]
    Host,
    /// Not a number below 65,536.
    #[error("the URI's port is malformed")]
    Port,
    /// Parameters without a name.
    #[error("the URI's parameters are malformed")]
    Params,
}

/// A URI.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uri<'b> {
    /// The scheme.
    pub scheme: Scheme<'b>,
    /// The user as written; the number of a tel URI.
    pub user: Option<&'b str>,
    /// The password as written.
    pub password: Option<&'b str>,
    /// The host; an empty name where the scheme has none.
    pub host: Host<'b>,
    /// The port.
    pub port: Option<u16>,
    /// The URI's own parameters.
    pub params: Params<'b>,
    /// What follows `?`, as written.
    pub headers: Option<&'b str>,
    text: &'b str,
}

impl<'b> Uri<'b> {
    /// Parses a whole URI without `<>`. Any scheme passes; only sip, sips and tel are looked into.
    pub fn parse(text: &'b str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::NotAUri)?;
        if rest.is_empty() || !header::is_scheme(scheme) || !syntax::is_uri_text(rest) {
            return Err(UriError::NotAUri);
        }
        let scheme = Scheme::parse(scheme);
        let nothing = Params::new("");
        let bare = Self {
            scheme,
            user: None,
            password: None,
            host: Host::Name(""),
            port: None,
            params: nothing,
            headers: None,
            text,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => bare.with_sip_parts(rest),
            Scheme::Tel => bare.with_tel_parts(rest),
            Scheme::Other(_) => Ok(bare),
        }
    }

    fn with_sip_parts(mut self, rest: &'b str) -> Result<Self, UriError> {
        let mut rest = rest;
        if let Some(at) = memchr(b'@', rest.as_bytes()) {
            let (user_part, tail) = syntax::part(rest, at);
            let (user, password) = match user_part.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (user_part, None),
            };
            if user.is_empty() {
                return Err(UriError::User);
            }
            self.user = Some(user);
            self.password = password;
            rest = tail.get(1..).unwrap_or("");
        }
        let (host_port, tail) = syntax::part(
            rest,
            memchr2(b';', b'?', rest.as_bytes()).unwrap_or(rest.len()),
        );
        let (host, port) = match host_port.starts_with('[') {
            true => syntax::part(host_port, host_port.find(']').ok_or(UriError::Host)? + 1),
            false => syntax::part(host_port, host_port.find(':').unwrap_or(host_port.len())),
        };
        self.host = Host::parse(host).ok_or(UriError::Host)?;
        if !port.is_empty() {
            let number = port
                .strip_prefix(':')
                .and_then(syntax::number)
                .ok_or(UriError::Port)?;
            self.port = Some(u16::try_from(number).map_err(|_| UriError::Port)?);
        }
        self.with_params(tail)
    }

    fn with_tel_parts(mut self, rest: &'b str) -> Result<Self, UriError> {
        let (number, tail) =
            syntax::part(rest, memchr(b';', rest.as_bytes()).unwrap_or(rest.len()));
        if number.is_empty() {
            return Err(UriError::User);
        }
        self.user = Some(number);
        self.with_params(tail)
    }

    fn with_params(mut self, tail: &'b str) -> Result<Self, UriError> {
        let (params, headers) =
            syntax::part(tail, memchr(b'?', tail.as_bytes()).unwrap_or(tail.len()));
        self.headers = headers.get(1..).filter(|headers| !headers.is_empty());
        self.params = Params::new(params);
        match params.starts_with(';')
            && params
                .split(';')
                .skip(1)
                .any(|param| param.is_empty() || param.starts_with('='))
        {
            true => Err(UriError::Params),
            false => Ok(self),
        }
    }

    /// The whole URI as written.
    pub const fn as_str(&self) -> &'b str {
        self.text
    }

    /// The user with its `%HH` escapes resolved once; escapes that do not make UTF-8 stay as they are.
    pub fn user_decoded(&self) -> Option<Cow<'b, str>> {
        self.user.map(decode)
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<&'b str> {
        self.params.value("transport")
    }

    /// Whether the URI names a loose router (RFC 3261 §16.12.1.1).
    pub fn has_lr(&self) -> bool {
        self.params.has("lr")
    }

    /// Whether the scheme is one that reaches a SIP element.
    pub const fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// Whether both URIs are the same by the rules of RFC 3261 §19.1.4; other schemes compare as text.
    pub fn is_equivalent(&self, other: &Uri<'_>) -> bool {
        match (self.scheme, other.scheme) {
            (Scheme::Sip, Scheme::Sip)
            | (Scheme::Sips, Scheme::Sips)
            | (Scheme::Tel, Scheme::Tel) => {}
            (Scheme::Other(one), Scheme::Other(two)) => {
                let tails = (self.text.get(one.len()..), other.text.get(two.len()..));
                return one.eq_ignore_ascii_case(two) && tails.0 == tails.1;
            }
            _ => return false,
        }
        let same_text = |one: Option<&str>, two: Option<&str>| match (one, two) {
            (Some(one), Some(two)) => decoded_bytes(one).eq(decoded_bytes(two)),
            (one, two) => one == two,
        };
        same_text(self.user, other.user)
            && same_text(self.password, other.password)
            && self.host.is_same(&other.host)
            && self.port == other.port
            && same_params(self.params, other.params)
            && same_headers(self.headers.unwrap_or(""), other.headers.unwrap_or(""))
    }
}

impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("Uri");
        output
            .field("scheme", &self.scheme)
            .field("user", &self.user);
        output.field("password", &self.password.map(|_| "…"));
        output
            .field("host", &self.host)
            .field("port", &self.port)
            .field("params", &self.params);
        output.field("headers", &self.headers).finish()
    }
}

/// These say where or how a request goes, so one URI having them makes it another URI.
const DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

fn same_params(one: Params<'_>, two: Params<'_>) -> bool {
    if one.as_str() == two.as_str() {
        return true;
    }
    if one.iter().nth(MAX_COMPARED).is_some() || two.iter().nth(MAX_COMPARED).is_some() {
        return false;
    }
    let covers = |one: Params<'_>, two: Params<'_>| {
        one.iter().all(|(name, value)| match two.find(name) {
            Some(other) => same_value(value.unwrap_or(""), other.unwrap_or("")),
            None => !DECISIVE
                .iter()
                .any(|decisive| decisive.eq_ignore_ascii_case(name)),
        })
    };
    covers(one, two) && covers(two, one)
}

fn same_headers(one: &str, two: &str) -> bool {
    if one == two {
        return true;
    }
    let count = |text: &str| text.split('&').take(MAX_COMPARED + 1).count();
    if count(one) != count(two) || count(one) > MAX_COMPARED {
        return false;
    }
    let covers = |one: &str, two: &str| {
        one.split('&').all(|header| {
            let (name, value) = header.split_once('=').unwrap_or((header, ""));
            two.split('&').any(|other| {
                let (other_name, other_value) = other.split_once('=').unwrap_or((other, ""));
                name.eq_ignore_ascii_case(other_name)
                    && decoded_bytes(value).eq(decoded_bytes(other_value))
            })
        })
    };
    covers(one, two) && covers(two, one)
}

fn same_value(one: &str, two: &str) -> bool {
    let lower = |text| decoded_bytes(text).map(|byte| byte.to_ascii_lowercase());
    lower(one).eq(lower(two))
}

/// The octets of `text` with `%HH` resolved once.
fn decoded_bytes(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, tail) = rest.split_first()?;
        if first == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            rest = after;
            return Some(high << 4 | low);
        }
        rest = tail;
        Some(first)
    })
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn decode(text: &str) -> Cow<'_, str> {
    if memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    String::from_utf8(decoded_bytes(text).collect()).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests;
