//! SIP messages: a zero-copy parser, typed header fields read on demand, a writer and a stream framer.
//!
//! A [`Message`] borrows the octets it was parsed from. Parsing only finds the lines; `message.via()` and its like
//! read a value when somebody asks. A message that is broken but can still be split into lines parses, tells its
//! [`Defect`], and gives its raw fields, so that it can be refused with their echo. Bodies are octets here.

mod defect;
mod header;
mod limits;
mod method;
mod parse;
pub(crate) mod scan;
pub mod status;
mod stream;
pub(crate) mod syntax;
mod uri;
mod write;

use std::fmt;

pub use defect::Defect;
pub use header::{
    CSeq, HeaderError, HeaderName, MediaType, NameAddr, NotAnAddress, Params, ParamsIter, RAck,
    Reason, Refresher, SessionExpires, Via,
};
pub use limits::{MAX_CHALLENGES, MAX_COMPARED, MAX_HEADERS, MAX_LINE, MAX_MESSAGE};
pub use method::Method;
pub use parse::ParseError;
pub use stream::{Frame, StreamError, latin1_to_utf8, next_frame, peek_call_id};
pub use syntax::{quote, split_list, unquote};
pub use uri::{Host, Scheme, Uri, UriError};
pub use write::Writer;

use syntax::Elements;

/// One header field as it was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'b> {
    /// Which field it is.
    pub name: HeaderName,
    /// The name's spelling.
    pub raw_name: &'b str,
    /// The value without blanks around it; may hold folds (CRLF and blanks).
    pub value: &'b str,
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Unknown fields may carry keys and tokens.
        if self.name == HeaderName::Other || self.name.is_credential() {
            return write!(f, "{}: … ({} octets)", self.raw_name, self.value.len());
        }
        write!(f, "{}: {:?}", self.raw_name, self.value)
    }
}

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'b> {
    /// RFC 3261 §7.1.
    Request {
        /// The method.
        method: Method<'b>,
        /// The Request-URI as written.
        uri: &'b str,
    },
    /// RFC 3261 §7.2.
    Response {
        /// 100–699.
        status: u16,
        /// The reason phrase, possibly empty.
        reason: &'b str,
    },
}

/// A request or a response, borrowing the octets it came in.
#[derive(Clone)]
pub struct Message<'b> {
    bytes: &'b [u8],
    head: &'b str,
    start: StartLine<'b>,
    headers: Vec<Header<'b>>,
    body: &'b [u8],
    defect: Option<Defect>,
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("Message");
        match self.start {
            StartLine::Request { method, .. } => output.field("method", &method.as_str()),
            StartLine::Response { status, .. } => output.field("status", &status),
        };
        output
            .field("headers", &self.headers)
            .field("body_octets", &self.body.len())
            .finish()
    }
}

impl<'b> Message<'b> {
    /// Parses a datagram, or one frame of a stream. The body is as long as Content-Length says, further octets are
    /// ignored (RFC 3261 §18.3); without Content-Length it is the rest. An error means that nobody can be answered.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, ParseError> {
        parse::parse(bytes)
    }

    /// The first thing wrong: with a request, refuse it so; with a response, drop it. Looks anew at every call.
    pub fn defect(&self) -> Option<Defect> {
        defect::find(self)
    }

    /// The first line.
    pub const fn start(&self) -> &StartLine<'b> {
        &self.start
    }

    /// The method of a request.
    pub const fn method(&self) -> Option<Method<'b>> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The Request-URI of a request, as written.
    pub const fn request_uri(&self) -> Option<&'b str> {
        match self.start {
            StartLine::Request { uri, .. } => Some(uri),
            StartLine::Response { .. } => None,
        }
    }

    /// The status of a response.
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Response { status, .. } => Some(status),
            StartLine::Request { .. } => None,
        }
    }

    /// The reason phrase of a response.
    pub const fn reason_phrase(&self) -> Option<&'b str> {
        match self.start {
            StartLine::Response { reason, .. } => Some(reason),
            StartLine::Request { .. } => None,
        }
    }

    /// Whether it is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// Every header field in order.
    pub fn headers(&self) -> &[Header<'b>] {
        &self.headers
    }

    /// The value of the first field of a name.
    pub fn header(&self, name: HeaderName) -> Option<&'b str> {
        self.headers
            .iter()
            .find(|header| header.name == name)
            .map(|header| header.value)
    }

    /// The values of all fields of a name, one a line.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &'b str> + '_ {
        self.headers
            .iter()
            .filter(move |header| header.name == name)
            .map(|header| header.value)
    }

    /// The value of the first field with an unknown name, in any case.
    pub fn other(&self, name: &str) -> Option<&'b str> {
        let is_it = |header: &&Header<'b>| {
            header.name == HeaderName::Other && header.raw_name.eq_ignore_ascii_case(name)
        };
        self.headers.iter().find(is_it).map(|header| header.value)
    }

    /// The body.
    pub const fn body(&self) -> &'b [u8] {
        self.body
    }

    /// The body, unless it is something else than a session description that may be ignored: Content-Disposition
    /// with `handling=optional` (RFC 3261 §20.11).
    pub fn session_description(&self) -> &'b [u8] {
        let is_sdp = self
            .content_type()
            .is_some_and(|kind| kind.is("application", "sdp"));
        let is_optional = self
            .header(HeaderName::ContentDisposition)
            .and_then(|value| value.split_once(';'))
            .and_then(|(_, params)| Params::new(params).value("handling"))
            .is_some_and(|handling| handling.eq_ignore_ascii_case("optional"));
        if is_optional && !is_sdp {
            return &[];
        }
        self.body
    }

    /// The whole message, without line ends before it and ignored octets after it.
    pub const fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    fn required(&self, name: HeaderName) -> Result<&'b str, HeaderError> {
        self.header(name).ok_or(HeaderError::Missing(name))
    }

    /// The topmost Via.
    pub fn via(&self) -> Result<Via<'b>, HeaderError> {
        Via::parse(self.required(HeaderName::Via)?)
    }

    fn address(&self, name: HeaderName) -> Result<NameAddr<'b>, HeaderError> {
        NameAddr::parse(self.required(name)?).map_err(|_| HeaderError::Malformed(name))
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr<'b>, HeaderError> {
        self.address(HeaderName::From)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr<'b>, HeaderError> {
        self.address(HeaderName::To)
    }

    /// Call-ID: anything without blanks and control octets.
    pub fn call_id(&self) -> Result<&'b str, HeaderError> {
        let value = self.required(HeaderName::CallId)?;
        let is_word = !value.is_empty() && !value.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
        is_word
            .then_some(value)
            .ok_or(HeaderError::Malformed(HeaderName::CallId))
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq<'b>, HeaderError> {
        CSeq::parse(self.required(HeaderName::CSeq)?)
            .ok_or(HeaderError::Malformed(HeaderName::CSeq))
    }

    /// The first Contact; `*` is an error here.
    pub fn contact(&self) -> Option<Result<NameAddr<'b>, HeaderError>> {
        self.addresses(HeaderName::Contact).next()
    }

    /// Every address of Contact, Route, Record-Route and their like, over lines and commas, in order.
    pub fn addresses(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<NameAddr<'b>, HeaderError>> + '_ {
        let parse =
            move |element| NameAddr::parse(element).map_err(|_| HeaderError::Malformed(name));
        self.tokens(name).map(parse)
    }

    /// Every element of a comma list over all its lines: Supported, Require, Allow and their like.
    pub fn tokens(&self, name: HeaderName) -> impl Iterator<Item = &'b str> + '_ {
        self.all(name).flat_map(Elements::new)
    }

    /// Max-Forwards; more than 255 counts as 255.
    pub fn max_forwards(&self) -> Option<Result<u8, HeaderError>> {
        let number = syntax::number(self.header(HeaderName::MaxForwards)?);
        let clamped = number.map(|hops| u8::try_from(hops).unwrap_or(u8::MAX));
        Some(clamped.ok_or(HeaderError::Malformed(HeaderName::MaxForwards)))
    }

    /// Content-Type; `None` also when it is malformed.
    pub fn content_type(&self) -> Option<MediaType<'b>> {
        self.header(HeaderName::ContentType)
            .and_then(MediaType::parse)
    }

    /// Session-Expires (RFC 4028).
    pub fn session_expires(&self) -> Option<Result<SessionExpires, HeaderError>> {
        let value = self.header(HeaderName::SessionExpires)?;
        Some(SessionExpires::parse(value).ok_or(HeaderError::Malformed(HeaderName::SessionExpires)))
    }

    fn seconds(&self, name: HeaderName) -> Option<u32> {
        header::delta_seconds(self.header(name)?).map(|(seconds, _)| seconds)
    }

    /// Min-SE, in seconds; `None` also when it is malformed.
    pub fn min_se(&self) -> Option<u32> {
        self.seconds(HeaderName::MinSe)
    }

    /// Expires, in seconds, at most `u32::MAX`; `None` also when it is malformed.
    pub fn expires(&self) -> Option<u32> {
        self.seconds(HeaderName::Expires)
    }

    /// RSeq (RFC 3262); `None` also when it is malformed.
    pub fn rseq(&self) -> Option<u32> {
        syntax::number(self.header(HeaderName::RSeq)?).and_then(|number| u32::try_from(number).ok())
    }

    /// RAck (RFC 3262); `None` also when it is malformed.
    pub fn rack(&self) -> Option<RAck<'b>> {
        self.header(HeaderName::RAck).and_then(RAck::parse)
    }

    /// Retry-After, in seconds, without its comment; `None` also when it is malformed.
    pub fn retry_after(&self) -> Option<u32> {
        let value = self.header(HeaderName::RetryAfter)?;
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let seconds = syntax::number(syntax::part(value, digits).0)?;
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// The first Reason with protocol Q.850, else the first (RFC 3326).
    pub fn reason(&self) -> Option<Reason<'b>> {
        let mut reasons = self.tokens(HeaderName::Reason).filter_map(Reason::parse);
        let first = reasons.next()?;
        match first.protocol.eq_ignore_ascii_case("Q.850") {
            true => Some(first),
            false => reasons
                .find(|reason| reason.protocol.eq_ignore_ascii_case("Q.850"))
                .or(Some(first)),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
