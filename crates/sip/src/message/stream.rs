//! Finding messages in a stream (RFC 3261 §18.3, RFC 5626 §3.5.1), and looking at octets that are not parsed yet.

use std::str;

use memchr::memchr;

use crate::message::parse::ContentLength;
use crate::message::scan::{self, Lines};
use crate::message::{Defect, HeaderName, MAX_LINE, MAX_MESSAGE, syntax};

/// What a stream's buffer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message {
        /// Its octets.
        len: usize,
    },
    /// A keep-alive to be answered with one CRLF.
    Ping {
        /// Its octets.
        len: usize,
    },
    /// A CRLF that means nothing, or the answer to our own keep-alive. It is reported as soon as it is there: waiting
    /// for more would read two answers as a ping. So a ping that came in two pieces shows as two of these.
    Skip {
        /// Its octets.
        len: usize,
    },
    /// More octets are needed.
    Incomplete,
}

/// The stream cannot be read any further: answer if there is something to answer, then close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Nobody knows where the message ends, or it is too long.
    #[error("{}", .defect.reason)]
    Refused {
        /// The first so many octets are the message without its body; they parse, and tell where an answer goes.
        header: usize,
        /// The status and reason phrase of that answer.
        defect: Defect,
    },
    /// The octets are not SIP.
    #[error("not SIP")]
    NotSip,
    /// A start line or a header part without an end.
    #[error("the header part is too long")]
    TooLong,
}

/// Tells what `buffer`, the octets not yet consumed, begins with. Looks at the whole header part at every call.
pub fn next_frame(buffer: &[u8]) -> Result<Frame, StreamError> {
    match buffer {
        [b'\r', b'\n', b'\r', b'\n', ..] => return Ok(Frame::Ping { len: 4 }),
        [] | [b'\r'] | [b'\r', b'\n', b'\r'] => return Ok(Frame::Incomplete),
        [b'\r', b'\n', ..] => return Ok(Frame::Skip { len: 2 }),
        [first, ..] if !syntax::is_token_byte(*first) => return Err(StreamError::NotSip),
        _ => {}
    }
    // Looked at before anything else, so that it makes no difference in how many pieces the line came.
    if memchr(b'\n', buffer).unwrap_or(buffer.len()) > MAX_LINE {
        return Err(StreamError::TooLong);
    }
    let mut values = Values::new(buffer, HeaderName::ContentLength);
    let length = values
        .by_ref()
        .fold(ContentLength::Absent, |length, value| {
            length.and(str::from_utf8(value).unwrap_or(""))
        });
    let Some((_, body_start)) = values.lines.end() else {
        return match buffer.len() > MAX_MESSAGE {
            true => Err(StreamError::TooLong),
            false => Ok(Frame::Incomplete),
        };
    };
    if body_start > MAX_MESSAGE {
        return Err(StreamError::TooLong);
    }
    let refused = |status, reason| {
        Err(StreamError::Refused {
            header: body_start,
            defect: Defect { status, reason },
        })
    };
    match length {
        ContentLength::Octets(length) => match body_start.saturating_add(length) {
            len if len > MAX_MESSAGE => refused(513, "Message Too Large"),
            len if len > buffer.len() => Ok(Frame::Incomplete),
            len => Ok(Frame::Message { len }),
        },
        ContentLength::Absent => refused(400, HeaderName::ContentLength.missing()),
        ContentLength::Malformed => refused(400, HeaderName::ContentLength.bad()),
    }
}

/// The Call-ID of a message, without parsing the rest of it. `None` when there is none, or two that differ.
pub fn peek_call_id(bytes: &[u8]) -> Option<&str> {
    let mut found = Values::new(scan::skip_crlf(bytes), HeaderName::CallId);
    let first = found.next()?;
    match found.all(|other| other == first) {
        true => str::from_utf8(first).ok().filter(|value| !value.is_empty()),
        false => None,
    }
}

/// The values of all fields of a name in a message that is not parsed.
struct Values<'b> {
    bytes: &'b [u8],
    lines: Lines<'b>,
    name: HeaderName,
}

impl<'b> Values<'b> {
    fn new(bytes: &'b [u8], name: HeaderName) -> Self {
        Self {
            bytes,
            lines: Lines::new(bytes).1,
            name,
        }
    }
}

impl<'b> Iterator for Values<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        loop {
            let Some((name, value)) = self.lines.next()?.parts else {
                continue;
            };
            let can_be_it = name.len() == self.name.as_str().len() || name.len() == 1;
            if can_be_it && HeaderName::from_bytes(self.bytes.get(name)?) == self.name {
                return self.bytes.get(value);
            }
        }
    }
}

/// A message whose header part is in ISO 8859-1, as some old equipment writes it, with the header part in UTF-8 and
/// without line ends before it. The body stays as it is, and so does Content-Length.
pub fn latin1_to_utf8(bytes: &[u8]) -> Vec<u8> {
    let bytes = scan::skip_crlf(bytes);
    let mut lines = Lines::new(bytes).1;
    lines.by_ref().for_each(drop);
    let head_end = lines.end().map_or(bytes.len(), |(end, _)| end);
    let (head, rest) = bytes.split_at_checked(head_end).unwrap_or((bytes, &[]));
    let mut utf8 = String::with_capacity(bytes.len() + bytes.len() / 8);
    utf8.extend(head.iter().copied().map(char::from));
    let mut whole = utf8.into_bytes();
    whole.extend_from_slice(rest);
    whole
}

#[cfg(test)]
mod tests;
