//! Messages for the log, without what opens something: credentials, SRTP keys, passwords in URIs.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2_iter, memmem};

/// Header fields whose values open something.
const SECRET: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "x-jwtauth",
    "x-trunk-key",
];

/// The message with `***` for credentials and SRTP keys; the very bytes when there are none.
pub(super) fn redacted(bytes: &[u8]) -> Cow<'_, [u8]> {
    let end = memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let (head, body) = bytes.split_at(end);
    let has_secret = lines(head).any(|line| is_secret(line) || hidden_in_uri(line).is_some());
    let has_key = lines(body).any(is_key);
    if !has_secret && !has_key {
        return Cow::Borrowed(bytes);
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut hiding = false;
    for line in lines(head) {
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        hiding = if folded { hiding } else { is_secret(line) };
        if !hiding {
            copy_line(line, &mut clean);
        } else if !folded {
            let name = line.split(|byte| *byte == b':').next().unwrap_or(line);
            clean.extend_from_slice(name);
            clean.extend_from_slice(b": ***\r\n");
        }
    }
    clean.extend_from_slice(&hookswitch_media::redact(body));
    Cow::Owned(clean)
}

/// The line, without the passwords and header fields of its URIs that open something.
fn copy_line(mut line: &[u8], clean: &mut Vec<u8>) {
    while let Some(hidden) = hidden_in_uri(line) {
        clean.extend_from_slice(&line[..hidden.start]);
        clean.extend_from_slice(b"***");
        line = &line[hidden.end..];
    }
    clean.extend_from_slice(line);
}

/// The first secret of a `sip:` or `sips:` URI in the line (RFC 3261 §19.1.1): a password, or a header field that is
/// one. What was hidden already is none.
fn hidden_in_uri(line: &[u8]) -> Option<Range<usize>> {
    let password = memchr_iter(b'@', line).find_map(|at| {
        let begins = |byte: &u8| matches!(byte, b'<' | b'"' | b' ' | b'\t');
        let start = line[..at].iter().rposition(begins).map_or(0, |at| at + 1);
        let user = after_scheme(&line[start..at])?;
        let colon = memchr(b':', user)?;
        let password = at - user.len() + colon + 1..at;
        (&line[password.clone()] != b"***").then_some(password)
    });
    let field = || {
        memchr2_iter(b'?', b'&', line).find_map(|mark| {
            let rest = &line[mark + 1..];
            let equals = memchr(b'=', rest)?;
            let opens = SECRET
                .iter()
                .any(|secret| rest[..equals].eq_ignore_ascii_case(secret.as_bytes()));
            let value = &rest[equals + 1..];
            let ends = |byte: &u8| matches!(byte, b'&' | b'>' | b' ' | b'"' | b'\r' | b'\n');
            let length = value.iter().position(ends).unwrap_or(value.len());
            let start = mark + 1 + equals + 1;
            (opens && &value[..length] != b"***").then_some(start..start + length)
        })
    };
    password.or_else(field)
}

/// What follows the last `sip:` or `sips:`.
fn after_scheme(text: &[u8]) -> Option<&[u8]> {
    let is_scheme = |from: usize, name: &[u8]| {
        from >= name.len() && text[from - name.len()..from].eq_ignore_ascii_case(name)
    };
    memchr_iter(b':', text)
        .rfind(|colon| is_scheme(*colon, b"sip") || is_scheme(*colon, b"sips"))
        .map(|colon| &text[colon + 1..])
}

/// Lines with their ends.
fn lines(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = memchr(b'\n', text).map_or(text.len(), |at| at + 1);
        let (line, rest) = text.split_at(end);
        text = rest;
        (!line.is_empty()).then_some(line)
    })
}

fn is_secret(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    // Most fields are told apart from all of these by their first letter.
    if !matches!(line.first(), Some(b'a' | b'A' | b'p' | b'P' | b'x' | b'X')) {
        return false;
    }
    let Some(colon) = memchr(b':', line) else {
        return false;
    };
    let name = line[..colon].trim_ascii_end();
    SECRET
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
}

/// Whether a line of SDP holds a key.
fn is_key(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    if !matches!(line.first(), Some(b'a' | b'A' | b'k' | b'K')) {
        return false;
    }
    [&b"a=crypto"[..], b"a=key-mgmt", b"a=ice-pwd", b"k="]
        .iter()
        .any(|key| line.len() >= key.len() && line[..key.len()].eq_ignore_ascii_case(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_keys_are_blanked_and_nothing_else() {
        let message = "INVITE sip:a@b SIP/2.0\r\nAuthorization: Digest response=\"secret\",\r\n  opaque=\"secret\"\r\n\
                       X-JWTAuth : secret\r\nFrom: <sip:c@d>\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\n";
        let clean = String::from_utf8(redacted(message.as_bytes()).into_owned()).unwrap();
        assert!(!clean.contains("secret"), "{clean}");
        assert!(clean.starts_with("INVITE sip:a@b SIP/2.0\r\nAuthorization: ***\r\nX-JWTAuth : ***\r\nFrom: <sip:c@d>\r\n\r\nv=0\r\n"));
        assert!(clean.contains("AES_CM_128_HMAC_SHA1_80"));
    }

    #[test]
    fn a_message_without_secrets_is_not_copied() {
        let message = b"BYE sip:a@b SIP/2.0\r\nCall-ID: k=1\r\n\r\n";
        assert!(matches!(redacted(message), Cow::Borrowed(_)));
    }

    #[test]
    fn passwords_and_secret_header_fields_of_uris_are_blanked() {
        let message = "INVITE sip:7785:secret@a.test?x-trunk-key=secret&Subject=s SIP/2.0\r\n\
                       From: \"a:b@c\" <SIPS:f:secret@b>;tag=1\r\nTo: sip:a@b\r\nRoute: <sip:r:secret@p>,<sip:q:secret@p>\r\n\
                       Call-ID: a:b@c\r\nContact: <sip:c@d:5060?Authorization=secret>\r\n\r\n";
        let clean = String::from_utf8(redacted(message.as_bytes()).into_owned()).unwrap();
        assert_eq!(clean, message.replace("secret", "***"));
    }
}
