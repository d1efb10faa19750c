//! Parsing by RFC 3261 §7 and what is said about broken messages.

use super::*;

const HEAD: &str = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
                    Call-ID: x@y\r\nCSeq: 1 INVITE\r\n";

fn invite(more: &str) -> String {
    format!("INVITE sip:c@d SIP/2.0\r\n{HEAD}{more}\r\n")
}

fn defect_of(text: &str) -> Option<(u16, &'static str)> {
    Message::parse(text.as_bytes())
        .unwrap()
        .defect()
        .map(|defect| (defect.status, defect.reason))
}

#[test]
fn a_request_gives_its_parts() {
    let text = format!(
        "\r\n\r\n{}v=0extra",
        invite("Content-Length: 3\r\nX-Foo: bar\r\n")
    );
    let message = Message::parse(text.as_bytes()).unwrap();
    assert!(message.is_request());
    assert_eq!(
        message.start(),
        &StartLine::Request {
            method: Method::Invite,
            uri: "sip:c@d"
        }
    );
    assert_eq!((message.status(), message.reason_phrase()), (None, None));
    assert_eq!(message.body(), b"v=0");
    assert!(message.bytes().starts_with(b"INVITE") && message.bytes().ends_with(b"v=0"));
    assert_eq!(message.other("x-foo"), Some("bar"));
    assert_eq!(message.headers().len(), 7);
    assert_eq!(message.defect(), None);
}

#[test]
fn a_response_gives_its_parts_and_may_lack_its_reason() {
    let text = format!("SIP/2.0 486 Busy Here\r\n{HEAD}\r\n");
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(
        (message.status(), message.reason_phrase()),
        (Some(486), Some("Busy Here"))
    );
    assert_eq!(
        (message.method(), message.request_uri(), message.defect()),
        (None, None, None)
    );
    assert_eq!(
        Message::parse(b"SIP/2.0 100\r\n\r\n")
            .unwrap()
            .reason_phrase(),
        Some("")
    );
}

#[test]
fn without_content_length_the_body_is_the_rest() {
    let text = invite("") + "rest";
    assert_eq!(Message::parse(text.as_bytes()).unwrap().body(), b"rest");
}

#[test]
fn what_is_no_sip_message_is_an_error() {
    let cases: [(&[u8], ParseError); 12] = [
        (b"", ParseError::Empty),
        (b"\r\n\r\n", ParseError::Empty),
        (b"\0\0\0\0", ParseError::StartLine),
        (b"hello", ParseError::StartLine),
        (b"HTTP/1.1 200 OK\r\n\r\n", ParseError::StartLine),
        (b" INVITE sip:a@b SIP/2.0\r\n\r\n", ParseError::StartLine),
        (b"SIP/2.0\r\n\r\n", ParseError::StartLine),
        (b"SIP/2.0 4294967301 better\r\n\r\n", ParseError::Status),
        (b"SIP/2.0 99 x\r\n\r\n", ParseError::Status),
        (b"SIP/2.0 700 x\r\n\r\n", ParseError::Status),
        (b"SIP/2.0 +20 x\r\n\r\n", ParseError::Status),
        (
            b"OPTIONS sip:a@b SIP/2.0\r\nSubject: \xff\r\n\r\n",
            ParseError::NotUtf8,
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(
            Message::parse(bytes).err(),
            Some(error),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn limits_are_held() {
    let many = |count: usize| {
        format!(
            "OPTIONS sip:a@b SIP/2.0\r\n{}\r\n",
            "a: b\r\n".repeat(count)
        )
    };
    assert!(Message::parse(many(MAX_HEADERS).as_bytes()).is_ok());
    assert_eq!(
        Message::parse(many(MAX_HEADERS + 1).as_bytes()).err(),
        Some(ParseError::TooManyHeaders)
    );
    let line = |len: usize| {
        format!(
            "OPTIONS sip:a@b SIP/2.0\r\nSubject: {}\r\n\r\n",
            "x".repeat(len)
        )
    };
    assert!(Message::parse(line(MAX_LINE - 9).as_bytes()).is_ok());
    assert_eq!(
        Message::parse(line(MAX_LINE - 8).as_bytes()).err(),
        Some(ParseError::LineTooLong)
    );
    assert_eq!(
        Message::parse(&[b'A'; MAX_MESSAGE + 1]).err(),
        Some(ParseError::TooLong)
    );
}

#[test]
fn a_binary_body_is_no_reason_to_refuse() {
    let bytes = [invite("").as_bytes(), b"\xff\x00\xfe"].concat();
    assert_eq!(Message::parse(&bytes).unwrap().body(), b"\xff\x00\xfe");
}

#[test]
fn request_lines_are_judged() {
    let line = |line: &str| defect_of(&format!("{line}\r\n{HEAD}\r\n"));
    assert_eq!(line("INVITE sip:c@d sip/2.0"), None);
    assert_eq!(
        line("INVITE sip:c@d SIP/7.0"),
        Some((505, "Version Not Supported"))
    );
    assert_eq!(
        line("INVITE sip:c@d SIP/2.00"),
        Some((505, "Version Not Supported"))
    );
    for bad in [
        "INVITE sip:c@d",
        "INVITE  sip:c@d SIP/2.0",
        "INVITE sip:c@d SIP/2.0 ",
        "INVITE sip:c@d HTTP/1.1",
    ] {
        assert_eq!(line(bad), Some((400, "Bad Request Line")), "{bad}");
    }
    for bad in [
        "INVITE sip:c@ SIP/2.0",
        "INVITE c@d SIP/2.0",
        "INVITE sip:c@d?Route=x SIP/2.0",
    ] {
        assert_eq!(line(bad), Some((400, "Bad Request-URI")), "{bad}");
    }
    assert_eq!(
        line("INVITE unknown:thing SIP/2.0"),
        None,
        "416 is the user agent's to say"
    );
}

#[test]
fn missing_doubled_and_malformed_fields_are_named() {
    let without = |name: &str| {
        let head: String = HEAD
            .split_inclusive("\r\n")
            .filter(|line| !line.starts_with(name))
            .collect();
        defect_of(&format!("INVITE sip:c@d SIP/2.0\r\n{head}\r\n"))
    };
    assert_eq!(without("Via"), Some((400, "Missing Via")));
    assert_eq!(without("From"), Some((400, "Missing From")));
    assert_eq!(without("To"), Some((400, "Missing To")));
    assert_eq!(without("Call-ID"), Some((400, "Missing Call-ID")));
    assert_eq!(without("CSeq"), Some((400, "Missing CSeq")));

    let with = |more: &str| defect_of(&invite(more));
    assert_eq!(
        with("f: <sip:a@b>;tag=1\r\n"),
        Some((400, "Duplicate From"))
    );
    assert_eq!(with("i: x@y\r\n"), Some((400, "Duplicate Call-ID")));
    assert_eq!(
        with("Max-Forwards: 70\r\nMax-Forwards: 70\r\n"),
        Some((400, "Duplicate Max-Forwards"))
    );
    assert_eq!(
        with("Max-Forwards: many\r\n"),
        Some((400, "Bad Max-Forwards"))
    );
    assert_eq!(with("Max-Forwards: 300\r\n"), None);
    assert_eq!(with("Contact: <sip:a b@c>\r\n"), Some((400, "Bad Contact")));
    assert_eq!(
        with("Contact: <sip:a@b:99999>\r\n"),
        Some((400, "Bad Contact"))
    );
    assert_eq!(with("Contact: *\r\n"), Some((400, "Bad Contact")));
    assert_eq!(
        with("Contact: <name:J>\r\nRecord-Route: x\r\nVia: garbage\r\n"),
        None
    );
    assert_eq!(with("no colon\r\n"), Some((400, "Bad Header Line")));
    assert_eq!(with("a b: c\r\n"), Some((400, "Bad Header Line")));
    assert_eq!(with(": c\r\n"), Some((400, "Bad Header Line")));
    assert_eq!(with("Subject: a\nb\r\n"), Some((400, "Bare CR or LF")));
    assert_eq!(with("Subject: a\rb\r\n"), Some((400, "Bare CR or LF")));
    assert_eq!(with("Subject: a\r\n b\r\n\tc\r\n"), None);
    assert_eq!(
        defect_of(&invite("").replace("1 INVITE", "1 BYE")),
        Some((400, "Method Mismatch"))
    );
    assert_eq!(
        defect_of(&invite("").replace("x@y", "x y")),
        Some((400, "Bad Call-ID"))
    );
    assert_eq!(
        defect_of(invite("").strip_suffix("\r\n").unwrap()),
        Some((400, "Missing Blank Line"))
    );
}

#[test]
fn content_lengths_are_judged() {
    let with = |more: &str| defect_of(&(invite(more) + "abc"));
    assert_eq!(with("Content-Length: 3\r\n"), None);
    assert_eq!(with("Content-Length: 3\r\nl: 3\r\n"), None);
    assert_eq!(
        with("Content-Length: 3\r\nl: 2\r\n"),
        Some((400, "Bad Content-Length"))
    );
    assert_eq!(
        with("Content-Length: -3\r\n"),
        Some((400, "Bad Content-Length"))
    );
    assert_eq!(
        with("Content-Length: five\r\n"),
        Some((400, "Bad Content-Length"))
    );
    assert_eq!(
        with("Content-Length: 4\r\n"),
        Some((400, "Content-Length Exceeds Message"))
    );
}

#[test]
fn a_register_may_remove_all_its_contacts() {
    let text = invite("Contact: *\r\n").replace("INVITE", "REGISTER");
    assert_eq!(defect_of(&text), None);
    assert!(
        Message::parse(text.as_bytes())
            .unwrap()
            .contact()
            .unwrap()
            .is_err()
    );
}

#[test]
fn lists_run_over_commas_and_lines() {
    let text = invite(
        "Route: <sip:a,b@c;lr>, \"x, y\" <sip:d@e>\r\nSupported: timer , 100rel,,\r\nk: replaces\r\nRoute: <sip:f@g>\r\n",
    );
    let message = Message::parse(text.as_bytes()).unwrap();
    let routes: Vec<_> = message
        .addresses(HeaderName::Route)
        .map(|route| route.unwrap().uri)
        .collect();
    assert_eq!(routes, ["sip:a,b@c;lr", "sip:d@e", "sip:f@g"]);
    assert_eq!(
        message.tokens(HeaderName::Supported).collect::<Vec<_>>(),
        ["timer", "100rel", "replaces"]
    );
    assert_eq!(message.all(HeaderName::Route).count(), 2);
}

#[test]
fn typed_fields_are_read_on_demand() {
    let text = invite(
        "Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nRSeq: 7\r\nRAck: 7 1 INVITE\r\nRetry-After: 18 (busy)\r\n\
         Content-Type: APPLICATION / SDP;charset=utf-8\r\nExpires: 99999999999\r\n\
         Reason: SIP;cause=200, Q.850;cause=16;text=\"Normal\"\r\n",
    );
    let message = Message::parse(text.as_bytes()).unwrap();
    let expected = SessionExpires {
        seconds: 1800,
        refresher: Some(Refresher::Uac),
    };
    assert_eq!(message.session_expires(), Some(Ok(expected)));
    assert_eq!(
        (message.min_se(), message.rseq(), message.retry_after()),
        (Some(90), Some(7), Some(18))
    );
    assert_eq!(message.rack().unwrap().cseq.method, Method::Invite);
    assert!(message.content_type().unwrap().is("application", "sdp"));
    assert_eq!(message.expires(), Some(u32::MAX));
    assert_eq!(message.reason().unwrap().cause, Some(16));
    let only_sip = invite("Reason: SIP;cause=200\r\n");
    assert_eq!(
        Message::parse(only_sip.as_bytes())
            .unwrap()
            .reason()
            .unwrap()
            .cause,
        Some(200)
    );
}

#[test]
fn debug_output_shows_neither_bodies_nor_credentials() {
    let text =
        invite("Authorization: Digest response=\"secret1\"\r\nX-JWTAuth: secret2\r\n") + "secret3";
    let shown = format!("{:?}", Message::parse(text.as_bytes()).unwrap());
    assert!(
        shown.contains("INVITE") && !shown.contains("secret"),
        "{shown}"
    );
}
