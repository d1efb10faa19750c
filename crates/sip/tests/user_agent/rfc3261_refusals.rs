//! Requests that are refused before anybody is asked (RFC 3261 §8.2, §21.4), with the header fields that go with it.

use hookswitch_sip::event::{EventKind, Rejection};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{HeaderName, Message};

use crate::support::{Draft, Link, Phone, SDP, Stranger, header, ms, secs, sip};

fn pair() -> (Link, Stranger, Phone) {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    (link, alice, bob)
}

/// The one response to `draft`, which nobody but the user agent saw and which leaves nothing behind.
fn refusal(draft: impl FnOnce(Draft) -> Draft, method: &str) -> String {
    let (link, alice, bob) = pair();
    let draft = draft(Draft::new(method, &alice, &bob));
    alice.says(&bob, draft.bytes());
    let got = alice.gets();
    assert_eq!(got.len(), 1, "{got:#?}");
    assert_eq!(bob.heard(), []);
    link.is_quiet_after(secs(0));
    got.into_iter().next().unwrap()
}

fn starts(text: &str, status: &str) {
    assert!(text.starts_with(&format!("SIP/2.0 {status}")), "{text}");
}

#[test]
fn an_unknown_method_is_501_with_allow() {
    let text = refusal(|draft| draft, "FROBNICATE");
    starts(&text, "501 Not Implemented\r\n");
    assert!(header(&text, HeaderName::Allow).unwrap().contains("INVITE"));
}

#[test]
fn methods_we_know_and_do_not_take_are_405_with_allow() {
    for method in ["REGISTER", "PUBLISH", "MESSAGE"] {
        let text = refusal(|draft| draft, method);
        starts(&text, "405 Method Not Allowed\r\n");
        assert!(header(&text, HeaderName::Allow).unwrap().contains("BYE"));
    }
}

#[test]
fn a_broken_message_is_400_and_says_what_is_wrong() {
    let text = refusal(
        |mut draft| {
            draft.from = "nonsense".to_owned();
            draft
        },
        "INVITE",
    );
    starts(&text, "400 Bad From");
    let text = refusal(|draft| draft.with("Call-ID: another"), "INVITE");
    starts(&text, "400 ");
    let text = refusal(
        |mut draft| {
            draft.uri = "sip:bob@192.0.2.2?Subject=x".to_owned();
            draft
        },
        "INVITE",
    );
    starts(&text, "400 Bad Request-URI");
}

#[test]
fn an_unknown_protocol_version_is_505() {
    let (link, alice, bob) = pair();
    let text = String::from_utf8(Draft::new("INVITE", &alice, &bob).bytes()).unwrap();
    alice.says(&bob, text.replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1));
    assert_eq!(alice.got(), ["505 INVITE"]);
    link.is_quiet_after(secs(0));
}

#[test]
fn an_unsupported_body_is_415_with_accept() {
    let text = refusal(
        |mut draft| {
            draft.body_type = "text/plain";
            draft
        },
        "INVITE",
    );
    starts(&text, "415 ");
    assert_eq!(
        header(&text, HeaderName::Accept).unwrap(),
        "application/sdp"
    );
    let text = refusal(|draft| draft.with("Content-Encoding: gzip"), "INVITE");
    starts(&text, "415 ");
    assert_eq!(
        header(&text, HeaderName::AcceptEncoding).unwrap(),
        "identity"
    );
}

#[test]
fn a_caller_who_takes_no_sdp_is_406() {
    let text = refusal(
        |draft| draft.with("Accept: text/html, application/json"),
        "INVITE",
    );
    starts(&text, "406 Not Acceptable\r\n");
    assert_eq!(
        header(&text, HeaderName::Accept).unwrap(),
        "application/sdp"
    );
}

#[test]
fn a_body_too_large_is_413_a_uri_too_long_is_414_a_head_too_large_is_513() {
    let text = refusal(|draft| draft.body(&[b'x'; 40_000]), "INVITE");
    starts(&text, "413 ");
    let text = refusal(
        |mut draft| {
            draft.uri = format!("sip:{}@192.0.2.2", "a".repeat(3_000));
            draft
        },
        "INVITE",
    );
    starts(&text, "414 ");
    let filler = format!("Subject: {}", "s".repeat(7_000));
    let text = refusal(
        |draft| (0..5).fold(draft, |draft, _| draft.with(&filler)),
        "INVITE",
    );
    starts(&text, "513 Message Too Large\r\n");
}

#[test]
fn a_uri_of_another_scheme_is_416() {
    for uri in ["tel:+4930123456", "unknownscheme:opaque"] {
        let text = refusal(
            |mut draft| {
                draft.uri = uri.to_owned();
                draft
            },
            "OPTIONS",
        );
        starts(&text, "416 Unsupported URI Scheme\r\n");
    }
}

#[test]
fn a_required_extension_we_do_not_have_is_420_and_named() {
    let text = refusal(
        |draft| draft.with("Require: timer, precondition, replaces"),
        "INVITE",
    );
    starts(&text, "420 Bad Extension\r\n");
    assert_eq!(
        header(&text, HeaderName::Unsupported).unwrap(),
        "precondition, replaces"
    );
}

#[test]
fn a_session_too_short_is_422_with_min_se() {
    let text = refusal(
        |draft| draft.with("Supported: timer").with("Session-Expires: 60"),
        "INVITE",
    );
    starts(&text, "422 Session Interval Too Small\r\n");
    assert_eq!(header(&text, HeaderName::MinSe).unwrap(), "90");
}

#[test]
fn requests_for_no_dialog_of_ours_are_481() {
    for method in ["BYE", "UPDATE", "PRACK", "INFO"] {
        starts(&refusal(|draft| draft, method), "481 ");
        let text = refusal(
            |mut draft| {
                draft.to.push_str(";tag=00000000deadbeef");
                draft
            },
            method,
        );
        starts(&text, "481 Call/Transaction Does Not Exist\r\n");
    }
    let text = refusal(
        |mut draft| {
            draft.to.push_str(";tag=not-ours");
            draft
        },
        "INVITE",
    );
    starts(&text, "481 ");
}

#[test]
fn an_invite_at_the_end_of_its_hops_is_483() {
    let text = refusal(
        |mut draft| {
            draft.max_forwards = 0;
            draft
        },
        "INVITE",
    );
    starts(&text, "483 Too Many Hops\r\n");
}

#[test]
fn subscriptions_are_489_and_transfers_403() {
    for method in ["SUBSCRIBE", "NOTIFY"] {
        let text = refusal(|draft| draft.with("Event: presence"), method);
        starts(&text, "489 Bad Event\r\n");
    }
    let text = refusal(
        |draft| draft.with("Refer-To: <sip:premium@example.net>"),
        "REFER",
    );
    starts(&text, "403 ");
}

#[test]
fn options_outside_a_dialog_says_what_we_can() {
    let (link, alice, bob) = pair();
    alice.says(&bob, Draft::new("OPTIONS", &alice, &bob).bytes());
    let text = alice.last("200 OPTIONS");
    for (name, value) in [
        (
            HeaderName::Allow,
            "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO",
        ),
        (HeaderName::Accept, "application/sdp"),
        (HeaderName::Supported, "100rel, timer"),
    ] {
        assert_eq!(header(&text, name).unwrap(), value);
    }
    assert!(header(&text, HeaderName::To).unwrap().contains(";tag="));
    link.is_quiet_after(secs(0));
}

#[test]
fn ack_is_never_answered() {
    let (link, alice, bob) = pair();
    for ack in [
        Draft::new("ACK", &alice, &bob).bytes(),
        Draft::new("ACK", &alice, &bob)
            .with("Require: nothing-known")
            .bytes(),
        Draft::new("ACK", &alice, &bob).with("CSeq: 1 ACK").bytes(),
    ] {
        alice.says(&bob, ack);
    }
    assert_eq!(alice.got(), Vec::<String>::new());
    link.is_quiet_after(secs(0));
}

#[test]
fn the_same_invite_by_two_ways_is_482_and_its_ack_confirms_nothing() {
    let (link, alice, bob) = pair();
    bob.sets(|bob| bob.picks_up = true);
    let invite = Draft::new("INVITE", &alice, &bob);
    alice.says(&bob, invite.bytes());
    let second = invite.branch("other-way");
    alice.says(&bob, second.bytes());
    assert_eq!(alice.got(), ["100 INVITE", "200 INVITE", "482 INVITE"]);
    let refused = link.last("482 INVITE");
    let ack = Draft::new("ACK", &alice, &bob)
        .within(&refused)
        .branch("other-way");
    alice.says(&bob, ack.bytes());
    assert_eq!(bob.heard(), [EventKind::Offered], "the 2xx still waits");
}

#[test]
fn a_merged_invite_is_482_even_when_the_call_is_over() {
    for refused in [true, false] {
        let (_link, alice, bob) = pair();
        let invite = Draft::new("INVITE", &alice, &bob);
        alice.says(&bob, invite.bytes());
        if refused {
            bob.rejects(bob.offered(), 486);
            bob.link.runs(ms(20));
        } else {
            bob.answers(bob.offered());
            bob.link.runs(ms(20));
            let answer = alice.last("200 INVITE");
            let bye = Draft::new("BYE", &alice, &bob).within(&answer).cseq(2);
            alice.says(&bob, bye.branch("bye").bytes());
        }
        bob.heard();
        alice.gets();
        alice.says(&bob, invite.branch("late-fork").bytes());
        assert_eq!(alice.got(), ["482 INVITE"]);
        assert_eq!(bob.heard(), []);
    }
}

#[test]
fn an_invite_like_that_of_a_call_whose_bye_is_under_way_is_482() {
    let (link, alice, bob) = pair();
    bob.sets(|bob| bob.picks_up = true);
    let invite = Draft::new("INVITE", &alice, &bob);
    alice.says(&bob, invite.bytes());
    link.runs(secs(50));
    assert!(!link.sent("BYE").is_empty(), "nobody acknowledged the 2xx");
    bob.heard();
    alice.gets();
    alice.says(&bob, invite.branch("again").bytes());
    assert_eq!(alice.got(), ["482 INVITE"]);
    assert_eq!(bob.heard(), [], "the former leg goes by that name still");
}

#[test]
fn an_owners_refusal_carries_its_reason_and_headers() {
    let (link, alice, bob) = pair();
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).bytes());
    let rejection = Rejection::new(503)
        .because("Draining")
        .with(HeaderName::RetryAfter, "30");
    let leg = bob.offered();
    bob.does(|agent, now| agent.reject(now, leg, &rejection))
        .unwrap();
    link.runs(ms(20));
    let text = alice.last("503 INVITE");
    starts(&text, "503 Draining\r\n");
    assert_eq!(header(&text, HeaderName::RetryAfter).unwrap(), "30");
}

#[test]
fn a_repeated_refused_invite_gets_the_same_refusal_with_the_same_tag() {
    let (link, alice, bob) = pair();
    let invite = Draft::new("INVITE", &alice, &bob)
        .with("Require: x")
        .bytes();
    alice.says(&bob, &invite);
    alice.says(&bob, &invite);
    let got = alice.gets();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0], got[1]);
    link.is_quiet_after(secs(0));
}

#[test]
fn a_peer_of_rfc_2543_without_branch_or_tag_can_call() {
    let (link, alice, bob) = pair();
    bob.sets(|bob| bob.picks_up = true);
    let request = |method: &str, number: u32, to: &str| {
        let body = if method == "INVITE" {
            std::str::from_utf8(SDP).unwrap()
        } else {
            ""
        };
        let head = sip(&format!(
            "{method} {} SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060\nFrom: sip:old@example.org\nTo: {to}\nCall-ID: old\nCSeq: {number} {method}\nContact: sip:old@192.0.2.1\nContent-Type: application/sdp\nContent-Length: {}\n\n",
            bob.uri(),
            body.len()
        ));
        [head, body.as_bytes().to_vec()].concat()
    };
    let to = bob.uri();
    alice.says(&bob, request("INVITE", 1, &to));
    alice.says(&bob, request("INVITE", 1, &to));
    assert_eq!(
        alice.got(),
        ["100 INVITE", "200 INVITE"],
        "the copy is absorbed"
    );
    let to = header(&link.last("200 INVITE"), HeaderName::To).unwrap();
    alice.says(&bob, request("ACK", 1, &to));
    alice.says(&bob, request("BYE", 2, &to));
    assert_eq!(alice.got(), ["200 BYE"]);
    assert_eq!(
        bob.heard(),
        [EventKind::Offered, EventKind::Confirmed, EventKind::Ended]
    );
    link.is_quiet_after(secs(33));
}

#[test]
fn a_sips_call_in_the_clear_is_416() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let mut invite = Draft::new("INVITE", &alice, &bob);
    invite.uri = bob.uri().replace("sip:", "sips:");
    alice.says(&bob, invite.bytes());
    assert!(alice.last("416 INVITE").contains("TLS"));
    assert_eq!(bob.heard(), []);
    let by_tls = Flow {
        transport: Transport::Tls,
        connection: 7,
        ..alice.flow()
    };
    let bytes = invite.branch("tls").bytes();
    let message = Message::parse(&bytes).unwrap();
    bob.does(|agent, now| agent.handle_message(now, by_tls, &message));
    assert_eq!(bob.heard(), [EventKind::Offered]);
}

#[test]
fn a_body_that_may_be_ignored_is_ignored() {
    let (link, alice, bob) = pair();
    let mut invite = Draft::new("INVITE", &alice, &bob).body(b"hello");
    invite.body_type = "text/plain";
    alice.says(&bob, invite.bytes());
    assert_eq!(alice.got(), ["415 INVITE"]);
    let optional = invite
        .with("Content-Disposition: render; handling=optional")
        .branch("again");
    alice.says(&bob, optional.bytes());
    let leg = bob.offered();
    bob.answers(leg);
    link.runs(ms(20));
    let ack = Draft::new("ACK", &alice, &bob).within(&alice.last("200 INVITE"));
    alice.says(&bob, ack.branch("ack").body(SDP).bytes());
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
}

#[test]
fn a_cseq_of_2_to_the_31_or_more_is_400() {
    let (link, alice, bob) = pair();
    let highest = Draft::new("OPTIONS", &alice, &bob).cseq(2_147_483_647);
    alice.says(&bob, highest.bytes());
    alice.says(&bob, highest.cseq(2_147_483_648).branch("above").bytes());
    assert_eq!(link.sent("200 OPTIONS").len(), 1);
    assert!(link.last("400 ?").starts_with("SIP/2.0 400 Bad CSeq\r\n"));
}

#[test]
fn what_has_no_via_gets_no_answer() {
    let (link, alice, bob) = pair();
    for garbage in [
        "not SIP",
        "not SIP\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        alice.says(&bob, garbage);
    }
    let bare = sip(
        "OPTIONS sip:bob@example.com SIP/2.0\nFrom: <sip:a@b>;tag=1\nTo: <sip:bob@example.com>\nCall-ID: 1\nCSeq: 1 OPTIONS",
    );
    alice.says(&bob, bare);
    assert_eq!(alice.got(), Vec::<String>::new());
    link.is_quiet_after(secs(0));
}
