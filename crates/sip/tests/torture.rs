//! The torture tests of RFC 4475 and RFC 5118: what the parser says about each message of the corpora.
//!
//! `index.tsv` names the messages and their expected verdicts; the files are the RFCs' own archives. What a user
//! agent answers is tested with the user agent.

use std::path::Path;

use hookswitch_sip::message::{
    Defect, Frame, HeaderError, HeaderName, Host, Message, Method, ParseError, Scheme, StreamError,
    Uri, next_frame, peek_call_id,
};

struct Row {
    name: String,
    file: String,
    octets: usize,
    is_request: bool,
    verdict: String,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture"))
}

fn rows() -> Vec<Row> {
    let index = std::fs::read_to_string(folder().join("index.tsv"))
        .expect("the index is part of the tests");
    let row = |line: &str| {
        let columns: Vec<_> = line.split('\t').collect();
        Row {
            name: columns[1].into(),
            file: columns[4].into(),
            octets: columns[5].parse().expect("a length"),
            is_request: columns[7] == "request",
            verdict: columns[9].into(),
        }
    };
    index.lines().skip(1).map(row).collect()
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).expect("the index names files that are there")
}

fn rfc4475(name: &str) -> Vec<u8> {
    read(&format!("rfc4475/{name}.dat"))
}

fn rfc5118(name: &str) -> Vec<u8> {
    read(&format!("rfc5118/{name}.dat"))
}

fn defect_of(bytes: &[u8]) -> Option<Defect> {
    Message::parse(bytes)
        .expect("it can be split into lines")
        .defect()
}

#[test]
fn every_message_gets_the_verdict_of_the_index() {
    let rows = rows();
    assert_eq!(rows.len(), 62);
    for Row {
        name,
        file,
        octets,
        is_request,
        verdict,
    } in rows
    {
        let bytes = read(&file);
        assert_eq!(bytes.len(), octets, "{name}: the file was changed");
        let (what, rest) = verdict.split_once(' ').unwrap_or((&verdict, ""));
        let message = match Message::parse(&bytes) {
            Ok(message) => message,
            Err(error) => {
                assert_eq!((name.as_str(), error), ("bigcode", ParseError::Status));
                continue;
            }
        };
        assert_eq!(message.is_request(), is_request, "{name}");
        let defect = message.defect();
        let reason = defect.map_or("none", |defect| defect.reason);
        match what {
            "accept" => assert_eq!(reason, "none", "{name}"),
            // Date is nobody's business here, so a bad one is not looked at (RFC 4475 §3.1.2.12).
            "header-error" if rest == "Date" => assert_eq!(reason, "none", "{name}"),
            // The archive's file has no blank line, which is seen first.
            "header-error" if name == "baddn" => assert_eq!(reason, "Missing Blank Line", "{name}"),
            "header-error" => assert_eq!(reason, format!("Bad {rest}"), "{name}"),
            "framing-error" => assert!(reason.contains("Content-Length"), "{name}: {reason}"),
            "start-line" => assert!(
                ["Bad Request Line", "Bad Request-URI"].contains(&reason),
                "{name}: {reason}"
            ),
            "validate" => assert_ne!(reason, "none", "{name}"),
            "any" => assert_eq!(reason, "Bad Request Line", "{name}"),
            other => panic!("{name}: unknown verdict {other}"),
        }
    }
}

#[test]
fn refused_messages_still_give_the_fields_an_answer_echoes() {
    for row in rows()
        .iter()
        .filter(|row| row.is_request && !["accept", "any"].contains(&row.verdict.as_str()))
    {
        let bytes = read(&row.file);
        let message = Message::parse(&bytes).unwrap();
        for name in [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ] {
            let is_left_out =
                row.name == "insuf" && ![HeaderName::Via, HeaderName::CSeq].contains(&name);
            assert_eq!(
                message.header(name).is_none(),
                is_left_out,
                "{}: {name}",
                row.name
            );
        }
    }
}

#[test]
fn status_codes_and_reasons_say_what_is_wrong() {
    let bad = |reason| {
        Some(Defect {
            status: 400,
            reason,
        })
    };
    assert_eq!(
        defect_of(&rfc4475("badvers")),
        Some(Defect {
            status: 505,
            reason: "Version Not Supported"
        })
    );
    assert_eq!(defect_of(&rfc4475("mismatch01")), bad("Method Mismatch"));
    assert_eq!(defect_of(&rfc4475("mismatch02")), bad("Method Mismatch"));
    assert_eq!(defect_of(&rfc4475("insuf")), bad("Missing From"));
    assert_eq!(defect_of(&rfc4475("escruri")), bad("Bad Request-URI"));
    assert_eq!(defect_of(&rfc5118("ipv6-bad")), bad("Bad Request-URI"));
    assert!(
        defect_of(&rfc4475("multi01"))
            .unwrap()
            .reason
            .starts_with("Duplicate ")
    );
}

#[test]
fn an_unquoted_comma_in_a_display_name_is_refused_once_the_blank_line_is_there() {
    assert_eq!(
        defect_of(&rfc4475("baddn-terminated")),
        Some(Defect {
            status: 400,
            reason: "Bad From"
        })
    );
}

#[test]
fn a_short_tortuous_invite_reads_as_its_section_says() {
    let bytes = rfc4475("wsinv");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        message.request_uri(),
        Some("sip:vivekg@chair-dnrc.example.com;unknownparam")
    );
    let to = message.to().unwrap();
    assert_eq!(
        (to.uri, to.tag()),
        ("sip:vivekg@chair-dnrc.example.com", Some("1918181833n"))
    );
    let from = message.from().unwrap();
    assert_eq!(from.display_name().unwrap(), "J Rosenberg \\\"");
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(message.max_forwards(), Some(Ok(68)));
    assert_eq!(message.call_id(), Ok("wsinv.ndaksdj@192.0.2.1"));
    let cseq = message.cseq().unwrap();
    assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
    let via = message.via().unwrap();
    assert_eq!(
        (via.transport, via.host, via.branch()),
        ("UDP", "192.0.2.2", Some("390skdjuw"))
    );
    assert_eq!(message.header(HeaderName::Subject), Some(""));
    assert_eq!(
        message.other("unknownheaderwithunusualvalue"),
        Some(";;,,;;,;")
    );
    assert!(message.content_type().unwrap().is("application", "sdp"));
    assert_eq!(message.addresses(HeaderName::Route).count(), 1);
    let contact = message.contact().unwrap().unwrap();
    assert_eq!(contact.display_name().unwrap(), "Quoted string \"\"");
    assert_eq!(contact.param("secondparam"), Some(None));
    assert_eq!(contact.param("q"), Some(Some("0.33")));
    assert_eq!(message.body().len(), 150);
}

#[test]
fn a_wide_range_of_characters_survives() {
    let bytes = rfc4475("intmeth");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        message.method(),
        Some(Method::Other("!interesting-Method0123456789_*+`.%indeed'~"))
    );
    assert_eq!(
        message.cseq().unwrap().method.as_str(),
        "!interesting-Method0123456789_*+`.%indeed'~"
    );
    assert_eq!(
        message.to().unwrap().display_name().unwrap(),
        "BEL:\u{7} NUL:\0 DEL:\u{7f}"
    );
    let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
    assert_eq!(
        uri.user,
        Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    );
    assert_eq!(
        uri.password,
        Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
    );
    assert_eq!(uri.host, Host::Name("example.com"));
}

#[test]
fn escapes_are_resolved_once_and_names_never() {
    let bytes = rfc4475("esc01");
    let message = Message::parse(&bytes).unwrap();
    let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
    assert_eq!(
        (uri.scheme, uri.user_decoded().unwrap().as_ref()),
        (Scheme::Sip, "sips:user@example.com")
    );
    assert_eq!(uri.host, Host::Name("example.net"));

    let bytes = rfc4475("escnull");
    let message = Message::parse(&bytes).unwrap();
    let users: Vec<_> = message
        .addresses(HeaderName::Contact)
        .map(|contact| contact.unwrap().uri)
        .collect();
    assert_eq!(
        users,
        ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]
    );
    assert!(
        !Uri::parse(users[0])
            .unwrap()
            .is_equivalent(&Uri::parse(users[1]).unwrap())
    );

    let bytes = rfc4475("esc02");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.method(), Some(Method::Other("RE%47IST%45R")));
    assert_eq!(message.addresses(HeaderName::Contact).count(), 2);
    assert_eq!(message.to().unwrap().display_name().unwrap(), "%Z%45");

    let bytes = rfc4475("semiuri");
    let message = Message::parse(&bytes).unwrap();
    let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
    assert_eq!(uri.user_decoded().unwrap(), "user;par=u@example.net");
    assert_eq!(uri.params.iter().count(), 0);
}

#[test]
fn contact_parameters_belong_to_the_uri_only_inside_angle_brackets() {
    let bytes = rfc4475("cparam01");
    let contact = Message::parse(&bytes).unwrap().contact().unwrap().unwrap();
    assert_eq!(
        (contact.uri, contact.param("unknownparam")),
        ("sip:+19725552222@gw1.example.net", Some(None))
    );
    let bytes = rfc4475("cparam02");
    let contact = Message::parse(&bytes).unwrap().contact().unwrap().unwrap();
    assert_eq!(
        (contact.uri, contact.params.iter().count()),
        ("sip:+19725552222@gw1.example.net;unknownparam", 0)
    );
}

#[test]
fn octets_after_the_body_are_ignored_and_binary_bodies_are_kept() {
    let bytes = rfc4475("dblreq");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        (message.method(), message.body().len()),
        (Some(Method::Register), 0)
    );
    assert!(bytes.len() > message.bytes().len());
    let bytes = rfc4475("mpart01");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.body(), &bytes[bytes.len() - message.body().len()..]);
    assert!(message.body().contains(&0));
}

#[test]
fn an_ipv6_port_is_one_only_outside_the_brackets() {
    let uri_of = |bytes: &[u8]| {
        let message = Message::parse(bytes).unwrap();
        let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
        (uri.host.ip().unwrap().to_string(), uri.port)
    };
    assert_eq!(
        uri_of(&rfc5118("port-ambiguous")),
        ("2001:db8::10:5070".into(), None)
    );
    assert_eq!(
        uri_of(&rfc5118("port-unambiguous")),
        ("2001:db8::10".into(), Some(5070))
    );
    let three_colons = rfc5118("ipv6-bug-abnf-3-colons");
    assert_eq!(
        uri_of(&three_colons),
        uri_of(&rfc5118("ipv6-correct-abnf-2-colons"))
    );
}

#[test]
fn received_is_understood_with_and_without_brackets() {
    for name in [
        "via-received-param-with-delim",
        "via-received-param-no-delim",
    ] {
        let bytes = rfc5118(name);
        let via = Message::parse(&bytes).unwrap().via().unwrap();
        assert_eq!(via.received(), Some("2001:db8::9:255"), "{name}");
        assert_eq!(
            via.received_ip(),
            Some("2001:db8::9:255".parse().unwrap()),
            "{name}"
        );
    }
}

#[test]
fn streams_refuse_lengths_nobody_can_trust_and_wait_for_what_is_missing() {
    assert_eq!(next_frame(&rfc4475("clerr")), Ok(Frame::Incomplete));
    for name in ["ncl", "mcl01"] {
        let bytes = rfc4475(name);
        let Err(StreamError::Refused { header, defect }) = next_frame(&bytes) else {
            panic!("{name} was framed")
        };
        assert_eq!(
            defect,
            Defect {
                status: 400,
                reason: "Bad Content-Length"
            }
        );
        assert!(Message::parse(&bytes[..header]).unwrap().via().is_ok());
    }
    let bytes = rfc4475("inv2543");
    assert!(
        matches!(next_frame(&bytes), Err(StreamError::Refused { .. })),
        "a stream needs Content-Length"
    );
    for row in rows()
        .iter()
        .filter(|row| row.verdict == "accept" && row.name != "inv2543")
    {
        let bytes = read(&row.file);
        let message = Message::parse(&bytes).unwrap();
        match message.header(HeaderName::ContentLength) {
            Some(_) => assert_eq!(
                next_frame(&bytes),
                Ok(Frame::Message {
                    len: message.bytes().len()
                }),
                "{}",
                row.name
            ),
            None => assert!(
                matches!(next_frame(&bytes), Err(StreamError::Refused { .. })),
                "{}",
                row.name
            ),
        }
    }
}

#[test]
fn the_call_id_is_seen_without_parsing() {
    for row in rows() {
        let bytes = read(&row.file);
        let Ok(message) = Message::parse(&bytes) else {
            continue;
        };
        let expected = match message.call_id() {
            Ok(call_id) if row.name != "multi01" => Some(call_id),
            Ok(_) | Err(HeaderError::Missing(_) | HeaderError::Malformed(_)) => None,
        };
        assert_eq!(peek_call_id(&bytes), expected, "{}", row.name);
    }
}
