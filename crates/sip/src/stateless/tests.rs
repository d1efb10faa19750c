//! What a stateless refusal says, to whom, and what it never does.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::flow::Transport;
use crate::message::{Message, peek_call_id};

const INVITE: &str = "INVITE sip:1001@acme.test SIP/2.0\r\n\
    Via: SIP/2.0/UDP proxy.example:5070;branch=z9hG4bKa;rport, SIP/2.0/TCP phone.example;branch=z9hG4bKb\r\n\
    v: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKc\r\n\
    Max-Forwards: 70\r\n\
    From: \"A; tag=x\" <sip:alice@example.org>;tag=88a\r\n\
    To: <sip:1001@acme.test;user=phone>\r\n\
    Call-ID: 3848276298220188511@example.org\r\n\
    CSeq: 1 INVITE\r\n\
    Content-Length: 4\r\n\r\nv=0\n";

fn hash() -> KeyedHash {
    KeyedHash::new(&[5; 16])
}

fn flow(transport: Transport) -> Flow {
    Flow {
        transport,
        listener: 2,
        peer: "198.51.100.7:41000".parse().unwrap(),
        connection: 0,
    }
}

fn refused(request: &[u8], refusal: Refusal) -> Option<(Flow, String)> {
    let mut out = Vec::new();
    let back = Glance::of(request)?.refuse(flow(Transport::Udp), refusal, &hash(), &mut out)?;
    Some((back, String::from_utf8(out).unwrap()))
}

#[test]
fn a_new_call_is_refused_with_everything_its_sender_needs_to_match_it() {
    let (back, answer) = refused(INVITE.as_bytes(), Refusal::unavailable(7)).unwrap();
    let tag = answer.split(";tag=s").nth(1).unwrap();
    let tag = tag.get(..16).unwrap();
    assert_eq!(
        answer,
        format!(
            "SIP/2.0 503 Service Unavailable\r\n\
             Via: SIP/2.0/UDP proxy.example:5070;branch=z9hG4bKa;rport=41000;received=198.51.100.7, \
             SIP/2.0/TCP phone.example;branch=z9hG4bKb\r\n\
             Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKc\r\n\
             From: \"A; tag=x\" <sip:alice@example.org>;tag=88a\r\n\
             To: <sip:1001@acme.test;user=phone>;tag=s{tag}\r\n\
             Call-ID: 3848276298220188511@example.org\r\n\
             CSeq: 1 INVITE\r\n\
             Retry-After: 7\r\n\
             Content-Length: 0\r\n\r\n"
        )
    );
    assert_eq!(back, flow(Transport::Udp), "rport asks for the source port");
}

#[test]
fn without_rport_the_answer_goes_to_the_port_of_sent_by_at_the_source_address() {
    let request = INVITE.replace(";rport", "");
    let (back, _) = refused(request.as_bytes(), Refusal::unavailable(1)).unwrap();
    assert_eq!(back.peer, "198.51.100.7:5070".parse().unwrap());
    let request = request.replace(":5070", "");
    let (back, _) = refused(request.as_bytes(), Refusal::unavailable(1)).unwrap();
    assert_eq!(back.peer, "198.51.100.7:5060".parse().unwrap());
}

#[test]
fn copies_get_the_same_answer_and_other_calls_another_tag() {
    let first = refused(INVITE.as_bytes(), Refusal::unavailable(7));
    assert_eq!(refused(INVITE.as_bytes(), Refusal::unavailable(7)), first);
    let other = INVITE.replace("3848276298220188511", "1");
    let tag = |answer: &str| answer.split(";tag=s").nth(1).unwrap()[..16].to_owned();
    let other = refused(other.as_bytes(), Refusal::unavailable(7))
        .unwrap()
        .1;
    assert_ne!(tag(&other), tag(&first.unwrap().1));
}

#[test]
fn the_ack_of_a_stateless_refusal_is_known_by_its_tag_alone() {
    let (_, answer) = refused(INVITE.as_bytes(), Refusal::unavailable(7)).unwrap();
    let to = answer.lines().find(|line| line.starts_with("To:")).unwrap();
    let ack = INVITE
        .replacen("INVITE", "ACK", 1)
        .replace("1 INVITE", "1 ACK")
        .replace("To: <sip:1001@acme.test;user=phone>", to);
    let glance = |text: &'static str| Glance::of(text.as_bytes()).unwrap();
    assert!(glance(ack.clone().leak()).acknowledges_refusal(&hash()));
    assert!(!glance(ack.clone().leak()).acknowledges_refusal(&KeyedHash::new(&[6; 16])));
    let forged = ack.replace("3848276298220188511", "2");
    assert!(!glance(forged.leak()).acknowledges_refusal(&hash()));
    assert!(!glance(INVITE).acknowledges_refusal(&hash()));
    assert_eq!(refused(ack.as_bytes(), Refusal::unavailable(7)), None);
}

#[test]
fn who_cannot_or_must_not_be_answered_is_not() {
    for (request, why) in [
        (INVITE.replacen("INVITE", "ACK", 1), "an ACK"),
        (
            INVITE.replacen("INVITE sip:1001@acme.test SIP/2.0", "SIP/2.0 200 OK", 1),
            "a response",
        ),
        (
            INVITE.replace("Via:", "Bia:").replace("\r\nv:", "\r\nw:"),
            "no Via",
        ),
        (
            INVITE.replace("SIP/2.0/UDP proxy", "SOAP/2.0/UDP proxy"),
            "a Via of something else",
        ),
        (
            INVITE.replace("proxy.example", &"a".repeat(40_000)),
            "a Via longer than any",
        ),
        ("\r\n\r\n".to_owned(), "a keep-alive"),
        (format!("\u{0}\u{1}{INVITE}"), "not SIP"),
    ] {
        assert_eq!(
            refused(request.as_bytes(), Refusal::unavailable(7)),
            None,
            "{why}"
        );
    }
}

#[test]
fn a_request_in_a_dialog_is_told_from_a_new_call() {
    let glance = Glance::of(INVITE.as_bytes()).unwrap();
    assert!(
        glance.starts_a_call(),
        "a tag in a display name or a URI is none of To"
    );
    let inside = INVITE.replace("user=phone>", "user=phone> ; TAG = 5");
    assert!(!Glance::of(inside.as_bytes()).unwrap().starts_a_call());
    let bare = INVITE.replace(
        "<sip:1001@acme.test;user=phone>",
        "sip:1001@acme.test;tag=5",
    );
    assert!(Glance::of(bare.as_bytes()).unwrap().is_in_dialog());
    let options = INVITE.replacen("INVITE", "OPTIONS", 1);
    assert!(!Glance::of(options.as_bytes()).unwrap().starts_a_call());
}

#[test]
fn copies_have_one_fingerprint_and_the_next_request_another() {
    let of = |text: &str| Glance::of(text.as_bytes()).unwrap().fingerprint(&hash());
    assert_eq!(
        of(INVITE),
        of(&INVITE.replace("Max-Forwards: 70", "Max-Forwards: 69"))
    );
    for (this, that) in [
        ("1 INVITE", "2 INVITE"),
        ("z9hG4bKa", "z9hG4bKd"),
        ("188511", "188512"),
    ] {
        assert_ne!(of(INVITE), of(&INVITE.replace(this, that)), "{that}");
    }
    assert_eq!(of(&INVITE.replace("CSeq", "DSeq")), None);
}

#[test]
fn the_torture_messages_are_answered_exactly_where_they_have_a_usable_via() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut answered = 0;
    for rfc in ["rfc4475", "rfc5118"] {
        for entry in std::fs::read_dir(folder.join(rfc)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let expected = Message::parse(&bytes).is_ok_and(|message| {
                let is_ack = message.method() == Some(crate::message::Method::Ack);
                message.is_request() && !is_ack && message.via().is_ok()
            });
            let answer = refused(&bytes, Refusal::unavailable(7));
            assert_eq!(
                answer.is_some(),
                expected,
                "{}",
                String::from_utf8_lossy(&bytes)
            );
            if let Some((_, answer)) = answer {
                let parsed = Message::parse(answer.as_bytes()).unwrap();
                assert_eq!(parsed.status(), Some(503));
                answered += 1;
            }
        }
    }
    assert!(answered > 30, "{answered} answered");
}

/// Lines that look like a request, in any order, whole or not.
fn request_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1;rport\r\n".to_owned()),
        Just("From: <sip:a@b>;tag=1\r\n".to_owned()),
        Just("To: \"é\" <sip:a@b>\r\n".to_owned()),
        Just("t: sip:a@b;tag=2\r\n".to_owned()),
        Just("i: x@y\r\n".to_owned()),
        Just("CSeq: 1 INVITE\r\n \r\n".to_owned()),
        Just("\r\n".to_owned()),
        "(Via|To|From|Call-ID|CSeq|v|i) ?:[ -~\u{0}\n\r]{0,60}\r\n",
    ];
    (
        "(INVITE|OPTIONS|ACK|SIP/2\\.0|i) (sip:a@b|200) (SIP/2\\.0|OK)\r\n",
        vec(piece, 0..12),
    )
        .prop_map(|(first, pieces)| (first + &pieces.concat()).into_bytes())
}

proptest! {
    #[test]
    fn any_octets_are_answered_with_one_well_formed_response_or_not_at_all(
        bytes in prop_oneof![vec(any::<u8>(), 0..300), request_like()],
    ) {
        if let Some((_, answer)) = refused(&bytes, Refusal::unavailable(7)) {
            let parsed = Message::parse(answer.as_bytes()).expect("it parses");
            prop_assert_eq!(parsed.status(), Some(503));
            prop_assert_eq!(parsed.body(), b"");
            prop_assert!(answer.len() < bytes.len() * 2 + 256, "nobody is flooded with our help");
        }
    }

    #[test]
    fn a_glance_and_the_parser_see_the_same(bytes in request_like()) {
        let glance = Glance::of(&bytes);
        if let Ok(message) = Message::parse(&bytes) {
            let glance = glance.expect("what parses begins like SIP");
            prop_assert_eq!(glance.is_response(), !message.is_request());
            prop_assert_eq!(glance.call_id(), peek_call_id(&bytes));
            if message.defect().is_none() {
                let tagged = message.to().unwrap().tag().is_some();
                prop_assert_eq!(glance.is_in_dialog(), tagged);
            }
        }
    }
}
