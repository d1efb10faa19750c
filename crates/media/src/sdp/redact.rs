//! Key material out of descriptions, for logs and ladders.

use crate::crypto::is_suite;

/// Blanks the keys of `a=crypto` (RFC 4568), `a=key-mgmt` (RFC 4567), `a=ice-pwd` and `k=` lines in any
/// body; everything else, line ends included, stays as it is.
pub fn redact(sdp: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(sdp.len());
    let mut rest = sdp;
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|&byte| matches!(byte, b'\r' | b'\n'))
            .unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        redact_line(line, &mut out);
        let gap = after
            .iter()
            .position(|&byte| !matches!(byte, b'\r' | b'\n'))
            .unwrap_or(after.len());
        out.extend_from_slice(&after[..gap]);
        rest = &after[gap..];
    }
    out
}

fn redact_line(line: &[u8], out: &mut Vec<u8>) {
    let bare = line.trim_ascii_start();
    if begins(bare, b"k=") {
        out.extend_from_slice(b"k=***");
    } else if begins(bare, b"a=crypto") {
        match tag_and_suite(bare) {
            Some((tag, suite)) => {
                out.extend_from_slice(b"a=crypto:");
                out.extend_from_slice(tag.as_bytes());
                out.push(b' ');
                out.extend_from_slice(suite.as_bytes());
                out.extend_from_slice(b" inline:***");
            }
            None => out.extend_from_slice(b"a=crypto:***"),
        }
    } else if begins(bare, b"a=key-mgmt") {
        out.extend_from_slice(b"a=key-mgmt:***");
    } else if begins(bare, b"a=ice-pwd") {
        out.extend_from_slice(b"a=ice-pwd:***");
    } else {
        out.extend_from_slice(line);
    }
}

fn begins(line: &[u8], prefix: &[u8]) -> bool {
    line.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The two public parts, only when they cannot be a misplaced key: base64 has no underscore.
fn tag_and_suite(line: &[u8]) -> Option<(&str, &str)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.get("a=crypto:".len()..)?.split_ascii_whitespace();
    let tag = words.next()?;
    let suite = words.next()?;
    let tag_is_number = tag.len() <= 9 && tag.bytes().all(|byte| byte.is_ascii_digit());
    (tag_is_number && is_suite(suite) && suite.contains('_')).then_some((tag, suite))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        String::from_utf8(redact(text.as_bytes())).unwrap()
    }

    #[test]
    fn keys_are_blanked_and_the_rest_stays_byte_for_byte() {
        let before = "v=0\r\nk=base64:c2VjcmV0\r\nm=audio 4000 RTP/SAVP 0\r\n\
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^20 KDR=1\r\n\
            a=ice-pwd:SECRET\r\na=key-mgmt:mikey SECRET\r\na=sendrecv\r\n";
        let after = "v=0\r\nk=***\r\nm=audio 4000 RTP/SAVP 0\r\n\
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***\r\n\
            a=ice-pwd:***\r\na=key-mgmt:***\r\na=sendrecv\r\n";
        assert_eq!(redacted(before), after);
        assert_eq!(redacted(after), after);
    }

    #[test]
    fn malformed_key_lines_show_nothing_at_all() {
        for line in [
            "a=crypto:inline:SECRET",
            "a=crypto: SECRET",
            "a=crypto:1 SECRET",
            "A=CRYPTO:1 inline:SECRET",
            "\ta=crypto:1\tinline:SECRET",
            "s=x\ra=crypto:1 inline:SECRET",
            "a=crypto:SECRET AES_CM_128_HMAC_SHA1_80",
        ] {
            let shown = redacted(line);
            assert!(!shown.contains("SECRET"), "{line} became {shown}");
        }
    }

    #[test]
    fn line_ends_of_every_kind_are_kept() {
        let text = "\n\r\nv=0\n\r\rs=-\r\n\n";
        assert_eq!(redacted(text), text);
    }
}
