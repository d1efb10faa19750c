//! Writing messages, in one pass into a reused buffer.

use std::io::Write as _;

use memchr::memchr3;

use crate::message::{HeaderName, Message, status};

/// Writes one message. Texts cannot break out of their line: CR, LF and NUL become spaces.
#[derive(Debug)]
pub struct Writer<'w> {
    out: &'w mut Vec<u8>,
}

impl<'w> Writer<'w> {
    /// Empties `out` and begins a request.
    pub fn request(out: &'w mut Vec<u8>, method: &str, uri: &str) -> Self {
        out.clear();
        push_text(out, method);
        out.push(b' ');
        push_text(out, uri);
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out }
    }

    /// Empties `out` and begins a response; an empty `reason` means the standard phrase.
    pub fn response(out: &'w mut Vec<u8>, status: u16, reason: &str) -> Self {
        out.clear();
        out.extend_from_slice(b"SIP/2.0 ");
        push_number(out, u64::from(status));
        out.push(b' ');
        push_text(
            out,
            if reason.is_empty() {
                status::reason_phrase(status)
            } else {
                reason
            },
        );
        out.extend_from_slice(b"\r\n");
        Self { out }
    }

    /// A header field whose value is `pieces` put together.
    pub fn header(&mut self, name: HeaderName, pieces: &[&str]) -> &mut Self {
        self.name(name.as_str());
        for piece in pieces {
            push_text(self.out, piece);
        }
        self.end_line()
    }

    /// A header field with a number.
    pub fn number(&mut self, name: HeaderName, value: u64) -> &mut Self {
        self.name(name.as_str());
        push_number(self.out, value);
        self.end_line()
    }

    /// A header field of any name.
    pub fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        push_text(self.out, name);
        self.out.extend_from_slice(b": ");
        push_text(self.out, value);
        self.end_line()
    }

    /// Every field of that name as `message` has it, folded lines made one. `Other` copies every unknown field.
    pub fn copy(&mut self, message: &Message<'_>, name: HeaderName) -> &mut Self {
        for header in message
            .headers()
            .iter()
            .filter(|header| header.name == name)
        {
            match name {
                HeaderName::Other => self.name(header.raw_name),
                known => self.name(known.as_str()),
            }
            push_unfolded(self.out, header.value);
            self.end_line();
        }
        self
    }

    /// Ends the header part: Content-Type if there is a body, Content-Length always, then the body.
    pub fn finish(mut self, body: Option<(&str, &[u8])>) {
        if let Some((content_type, _)) = body {
            self.header(HeaderName::ContentType, &[content_type]);
        }
        let body = body.map(|(_, body)| body).unwrap_or_default();
        self.number(HeaderName::ContentLength, body.len() as u64);
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
    }

    fn name(&mut self, name: &str) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
    }

    fn end_line(&mut self) -> &mut Self {
        self.out.extend_from_slice(b"\r\n");
        self
    }
}

fn push_number(out: &mut Vec<u8>, value: u64) {
    write!(out, "{value}").expect("a Vec takes every write");
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if memchr3(b'\r', b'\n', 0, bytes).is_none() {
        out.extend_from_slice(bytes);
        return;
    }
    out.extend(bytes.iter().map(|&byte| {
        if matches!(byte, b'\r' | b'\n' | 0) {
            b' '
        } else {
            byte
        }
    }));
}

/// Received text with each fold as one space; NUL may stand there escaped (RFC 4475 §3.1.1.2) and is kept.
fn push_unfolded(out: &mut Vec<u8>, text: &str) {
    if memchr3(b'\r', b'\n', b'\n', text.as_bytes()).is_none() {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for (index, line) in text
        .split(['\r', '\n'])
        .filter(|line| !line.is_empty())
        .enumerate()
    {
        match index {
            0 => out.extend_from_slice(line.as_bytes()),
            _ => {
                out.push(b' ');
                out.extend_from_slice(line.trim_start_matches([' ', '\t']).as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(out: &[u8]) -> &str {
        std::str::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_is_written_in_one_pass_into_a_used_buffer() {
        let mut out = b"old".to_vec();
        let mut writer = Writer::request(&mut out, "INVITE", "sip:bob@biloxi.example.com");
        writer
            .header(
                HeaderName::Via,
                &["SIP/2.0/UDP ", "192.0.2.1", ";branch=", "z9hG4bK1"],
            )
            .number(HeaderName::MaxForwards, 70)
            .raw("X-Trace", "7");
        writer.finish(Some(("application/sdp", b"v=0\r\n")));
        let expected = "INVITE sip:bob@biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
                        Max-Forwards: 70\r\nX-Trace: 7\r\nContent-Type: application/sdp\r\n\
                        Content-Length: 5\r\n\r\nv=0\r\n";
        assert_eq!(text(&out), expected);
    }

    #[test]
    fn a_response_copies_fields_unfolded_and_in_order() {
        let request = b"OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP one\r\nVIA: SIP/2.0/UDP two\r\n ;branch=x\r\n\
                        X-A: 1\r\n\r\n";
        let request = Message::parse(request).unwrap();
        let mut out = Vec::new();
        let mut writer = Writer::response(&mut out, 200, "");
        writer
            .copy(&request, HeaderName::Via)
            .copy(&request, HeaderName::Other);
        writer.finish(None);
        let expected = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP one\r\nVia: SIP/2.0/UDP two ;branch=x\r\nX-A: 1\r\n\
                        Content-Length: 0\r\n\r\n";
        assert_eq!(text(&out), expected);
    }

    #[test]
    fn no_text_breaks_out_of_its_line() {
        let mut out = Vec::new();
        let evil = "a\r\nX-Evil: 1\r\n\r\n\0";
        let mut writer = Writer::request(&mut out, evil, evil);
        writer
            .header(HeaderName::Subject, &[evil, evil])
            .raw(evil, evil);
        writer.finish(None);
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 5);
        assert_eq!(out.iter().filter(|&&byte| byte == b'\r').count(), 5);
        assert!(!out.contains(&0));
    }
}
