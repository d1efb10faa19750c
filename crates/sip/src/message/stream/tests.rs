//! Framing by RFC 3261 §18.3 and the keep-alive of RFC 5626 §3.5.1.

use super::*;

fn message(length: &str, body: &str) -> Vec<u8> {
    format!("MESSAGE sip:a@b SIP/2.0\r\nCall-ID: 1@x\r\n{length}\r\n{body}").into_bytes()
}

#[test]
fn messages_that_follow_each_other_are_cut_apart() {
    let mut buffer = b"\r\n".to_vec();
    let one = message("l: 3\r\n", "abc");
    let two = message("CONTENT-LENGTH :\r\n 2\r\n", "\r\n");
    buffer.extend([one.as_slice(), b"\r\n\r\n", &two, b"\r\n"].concat());
    let mut frames = Vec::new();
    let mut rest = buffer.as_slice();
    loop {
        let frame = next_frame(rest).unwrap();
        frames.push(frame);
        let (Frame::Message { len } | Frame::Ping { len } | Frame::Skip { len }) = frame else {
            break;
        };
        rest = &rest[len..];
    }
    let expected = [
        Frame::Skip { len: 2 },
        Frame::Message { len: one.len() },
        Frame::Ping { len: 4 },
        Frame::Message { len: two.len() },
        Frame::Skip { len: 2 },
        Frame::Incomplete,
    ];
    assert_eq!(frames, expected);
}

#[test]
fn a_message_is_incomplete_until_its_last_octet() {
    let whole = message("Content-Length: 4\r\n", "abcd");
    for len in 0..whole.len() {
        assert_eq!(next_frame(&whole[..len]), Ok(Frame::Incomplete), "{len}");
    }
    assert_eq!(next_frame(&whole), Ok(Frame::Message { len: whole.len() }));
    assert_eq!(next_frame(b"\r"), Ok(Frame::Incomplete));
    assert_eq!(next_frame(b"\r\n\r"), Ok(Frame::Incomplete));
}

#[test]
fn a_length_nobody_can_trust_is_refused_with_something_to_answer() {
    let cases = [
        ("", 400, "Missing Content-Length"),
        ("Content-Length: -1\r\n", 400, "Bad Content-Length"),
        ("Content-Length: +1\r\n", 400, "Bad Content-Length"),
        ("Content-Length:\r\n", 400, "Bad Content-Length"),
        ("Content-Length: 1 1\r\n", 400, "Bad Content-Length"),
        ("Content-Length: 1, 1\r\n", 400, "Bad Content-Length"),
        ("Content-Length: \u{661}\r\n", 400, "Bad Content-Length"),
        ("Content-Length: 1\r\nl: 2\r\n", 400, "Bad Content-Length"),
        (
            "Content-Length: 99999999999999999999999\r\n",
            513,
            "Message Too Large",
        ),
        ("Content-Length: 65535\r\n", 513, "Message Too Large"),
    ];
    for (length, status, reason) in cases {
        let bytes = message(length, "abc");
        let header = bytes.len() - 3;
        let defect = Defect { status, reason };
        assert_eq!(
            next_frame(&bytes),
            Err(StreamError::Refused { header, defect }),
            "{length}"
        );
    }
}

#[test]
fn the_same_length_twice_is_one_length() {
    let bytes = message("Content-Length: 3\r\nl: 03\r\n", "abc");
    assert_eq!(next_frame(&bytes), Ok(Frame::Message { len: bytes.len() }));
}

#[test]
fn endless_and_foreign_octets_end_the_connection() {
    assert_eq!(next_frame(&[b'A'; MAX_LINE]), Ok(Frame::Incomplete));
    assert_eq!(next_frame(&[b'A'; MAX_LINE + 1]), Err(StreamError::TooLong));
    let at_once = format!(
        "OPTIONS sip:{} SIP/2.0\r\nl: 0\r\n\r\n",
        "a".repeat(MAX_LINE)
    );
    assert_eq!(
        next_frame(at_once.as_bytes()),
        Err(StreamError::TooLong),
        "though its end is there"
    );
    let endless = [
        b"OPTIONS sip:a@b SIP/2.0\r\n".as_slice(),
        &b"a: b\r\n".repeat(11_000),
    ]
    .concat();
    assert_eq!(next_frame(&endless), Err(StreamError::TooLong));
    assert_eq!(
        next_frame(&[endless.as_slice(), b"\r\n"].concat()),
        Err(StreamError::TooLong)
    );
    assert_eq!(
        next_frame(b"\x16\x03\x01\x02\x00"),
        Err(StreamError::NotSip)
    );
    assert_eq!(next_frame(b"\rA"), Err(StreamError::NotSip));
}

#[test]
fn the_call_id_is_found_in_any_spelling_and_only_in_the_header_part() {
    let peek = |head: &str| {
        peek_call_id(format!("OPTIONS sip:a@b SIP/2.0\r\n{head}").as_bytes()).map(str::to_owned)
    };
    assert_eq!(
        peek("Via: x\r\ni :\r\n  a@b \r\n\r\n").as_deref(),
        Some("a@b")
    );
    assert_eq!(
        peek("CALL-ID: a@b\r\nCall-ID: a@b\r\n").as_deref(),
        Some("a@b")
    );
    assert_eq!(peek("Call-ID: a@b\r\ni: c@d\r\n\r\n"), None);
    assert_eq!(peek("Via: x\r\n\r\nCall-ID: a@b\r\n"), None);
    assert_eq!(peek("Subject: x\r\n Call-ID: a@b\r\n\r\n"), None);
    assert_eq!(peek("Call-ID:\r\n\r\n"), None);
}

#[test]
fn latin_1_becomes_utf_8_in_the_header_part_only() {
    let old = b"OPTIONS sip:a@b SIP/2.0\r\nSubject: J\xf6rg\r\n\r\n\xff\xfe";
    let new = latin1_to_utf8(old);
    assert_eq!(
        new,
        b"OPTIONS sip:a@b SIP/2.0\r\nSubject: J\xc3\xb6rg\r\n\r\n\xff\xfe"
    );
    assert_eq!(latin1_to_utf8(b"\xe9"), "é".as_bytes());
    let after_empty_lines = [b"\r\n\r\n".as_slice(), old].concat();
    assert_eq!(latin1_to_utf8(&after_empty_lines), new);
}
