//! From octets to a [`Message`].

use std::str;

use crate::message::scan::{self, Lines};
use crate::message::{
    Defect, Header, HeaderName, MAX_HEADERS, MAX_LINE, MAX_MESSAGE, Message, Method, StartLine,
    syntax,
};

/// The octets are no SIP message that could be answered or attributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing, or nothing but line ends.
    #[error("no message, only line ends")]
    Empty,
    /// Neither a request line nor a status line.
    #[error("no SIP start line")]
    StartLine,
    /// The status code is not one of 100–699.
    #[error("the status code is not one of 100 to 699")]
    Status,
    /// The header part is not UTF-8.
    #[error("the header part is not UTF-8")]
    NotUtf8,
    /// Longer than [`MAX_MESSAGE`].
    #[error("the message is too long")]
    TooLong,
    /// A line longer than [`MAX_LINE`].
    #[error("a header line is too long")]
    LineTooLong,
    /// More than [`MAX_HEADERS`] header fields.
    #[error("too many header fields")]
    TooManyHeaders,
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Message<'_>, ParseError> {
    let bytes = scan::skip_crlf(bytes);
    if bytes.is_empty() {
        return Err(ParseError::Empty);
    }
    if bytes.len() > MAX_MESSAGE {
        return Err(ParseError::TooLong);
    }
    // A body need not be text, so what counts is that the header part is.
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|valid| str::from_utf8(valid).ok())
            .unwrap_or(""),
    };
    let (first, mut lines) = Lines::new(text.as_bytes());
    if first.len() > MAX_LINE {
        return Err(ParseError::LineTooLong);
    }
    let (start, mut defect) = parse_start_line(text.get(first).unwrap_or_default())?;

    let mut headers = Vec::with_capacity((bytes.len() / 48).clamp(8, 32));
    let mut length = ContentLength::Absent;
    for line in &mut lines {
        if line.len > MAX_LINE {
            return Err(ParseError::LineTooLong);
        }
        if headers.len() == MAX_HEADERS {
            return Err(ParseError::TooManyHeaders);
        }
        let parts = line
            .parts
            .and_then(|(name, value)| Some((text.get(name)?, text.get(value)?)));
        let Some((raw_name, value)) = parts else {
            defect = defect.or(Some(Defect::bad_request("Bad Header Line")));
            continue;
        };
        let name = HeaderName::parse(raw_name);
        if name == HeaderName::ContentLength {
            length = length.and(value);
        }
        headers.push(Header {
            name,
            raw_name,
            value,
        });
    }

    let (head_end, body_start) = match lines.end() {
        Some(end) => end,
        None if text.len() < bytes.len() => return Err(ParseError::NotUtf8),
        None => {
            defect = defect.or(Some(Defect::bad_request("Missing Blank Line")));
            (bytes.len(), bytes.len())
        }
    };
    let head = text.get(..head_end).unwrap_or_default();
    let rest = bytes.get(body_start..).unwrap_or_default();
    let body = match length {
        ContentLength::Absent => rest,
        ContentLength::Octets(length) => match rest.get(..length) {
            Some(body) => body,
            None => {
                defect = defect.or(Some(Defect::bad_request("Content-Length Exceeds Message")));
                rest
            }
        },
        ContentLength::Malformed => {
            defect = defect.or(Some(Defect::bad_request(HeaderName::ContentLength.bad())));
            rest
        }
    };
    let whole = bytes.get(..body_start + body.len()).unwrap_or(bytes);
    Ok(Message {
        bytes: whole,
        head,
        start,
        headers,
        body,
        defect,
    })
}

/// What the Content-Length fields of a message say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentLength {
    Absent,
    Octets(usize),
    /// Not a number, or two numbers.
    Malformed,
}

impl ContentLength {
    /// With one more field; the same length twice is harmless.
    pub(crate) fn and(self, value: &str) -> Self {
        let next =
            syntax::number(value).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        match (self, next) {
            (Self::Absent, Some(length)) => Self::Octets(length),
            (Self::Octets(before), Some(length)) if before == length => self,
            _ => Self::Malformed,
        }
    }
}

fn parse_start_line(line: &str) -> Result<(StartLine<'_>, Option<Defect>), ParseError> {
    let is_status_line = line
        .as_bytes()
        .get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"SIP/"));
    match is_status_line {
        true => parse_status_line(line),
        false => parse_request_line(line),
    }
}

fn parse_status_line(line: &str) -> Result<(StartLine<'_>, Option<Defect>), ParseError> {
    let (version, rest) = line.split_once(' ').ok_or(ParseError::StartLine)?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = match code.len() {
        3 => syntax::number(code).and_then(|code| u16::try_from(code).ok()),
        _ => None,
    };
    let status = status
        .filter(|status| (100..700).contains(status))
        .ok_or(ParseError::Status)?;
    Ok((
        StartLine::Response { status, reason },
        version_defect(version),
    ))
}

fn parse_request_line(line: &str) -> Result<(StartLine<'_>, Option<Defect>), ParseError> {
    let (method, rest) = line.split_once(' ').ok_or(ParseError::StartLine)?;
    if !syntax::is_token(method.as_bytes()) {
        return Err(ParseError::StartLine);
    }
    let malformed = Some(Defect::bad_request("Bad Request Line"));
    // The version is the last word, so that blanks inside the Request-URI still leave it to be answered.
    let (uri, defect) = match syntax::trim_end(rest).rsplit_once(' ') {
        Some((uri, version)) => {
            let defect = version_defect(version);
            let uri_is_one_word = !uri.is_empty() && !uri.bytes().any(syntax::is_blank);
            let is_exact = uri_is_one_word && rest.len() == uri.len() + 1 + version.len();
            (syntax::trim(uri), if is_exact { defect } else { malformed })
        }
        None => (syntax::trim(rest), malformed),
    };
    Ok((
        StartLine::Request {
            method: Method::parse(method),
            uri,
        },
        defect,
    ))
}

fn version_defect(version: &str) -> Option<Defect> {
    if version.eq_ignore_ascii_case("SIP/2.0") {
        return None;
    }
    let number = version
        .get(..4)
        .filter(|name| name.eq_ignore_ascii_case("SIP/"))
        .and_then(|_| version.get(4..));
    let is_version = number
        .and_then(|number| number.split_once('.'))
        .is_some_and(|(major, minor)| {
            syntax::number(major).is_some() && syntax::number(minor).is_some()
        });
    Some(match is_version {
        true => Defect {
            status: 505,
            reason: "Version Not Supported",
        },
        false => Defect::bad_request("Bad Request Line"),
    })
}
