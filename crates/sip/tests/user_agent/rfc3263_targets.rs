//! Where requests go: several addresses, names that do not resolve, connections that break (RFC 3263, RFC 5923).

use hookswitch_sip::event::{EventKind, LocateFailure};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, SDP, header, ms, response, secs};

#[test]
fn a_name_that_does_not_resolve_is_480_and_a_forbidden_address_403() {
    let link = Link::new();
    let alice = link.phone("alice");
    for (failure, expected) in [
        (LocateFailure::NotFound("NXDOMAIN".to_owned()), 480),
        (
            LocateFailure::Forbidden("a private address".to_owned()),
            403,
        ),
    ] {
        alice.will_locate(Err(failure.clone()));
        alice.calls_uri("sip:bob@example.com", Some(SDP));
        let heard = alice.heard();
        let (LocateFailure::NotFound(text) | LocateFailure::Forbidden(text)) = failure;
        let rejected = EventKind::Rejected {
            status: expected,
            local: true,
            why: text,
        };
        assert_eq!(heard, [rejected]);
    }
    alice.will_locate(Ok(vec![]));
    alice.calls_uri("sip:bob@example.com", Some(SDP));
    assert!(matches!(
        &alice.heard()[..],
        [EventKind::Rejected { status: 480, .. }]
    ));
    link.is_quiet_after(secs(0));
}

#[test]
fn a_target_that_is_no_sip_uri_is_416() {
    let link = Link::new();
    let alice = link.phone("alice");
    for target in ["tel:+49301234", "mailto:bob@example.com", "nonsense"] {
        alice.calls_uri(target, Some(SDP));
        assert!(matches!(
            &alice.heard()[..],
            [EventKind::Rejected { status: 416, .. }]
        ));
    }
    link.is_quiet_after(secs(0));
}

#[test]
fn the_question_names_host_port_transport_and_scheme() {
    let link = Link::new();
    let alice = link.phone("alice");
    for (target, host, port, transport, secure) in [
        ("sip:bob@example.com", "example.com", None, None, false),
        (
            "sips:bob@example.com:5099",
            "example.com",
            Some(5_099),
            None,
            true,
        ),
        (
            "sip:bob@[2001:db8::1];transport=TCP",
            "2001:db8::1",
            None,
            Some(Transport::Tcp),
            false,
        ),
    ] {
        alice.calls_uri(target, Some(SDP));
        let asked = alice.asked().pop().unwrap();
        assert_eq!(asked.host, host);
        assert_eq!(
            (asked.port, asked.transport, asked.secure),
            (port, transport, secure)
        );
    }
}

#[test]
fn after_503_and_after_silence_the_next_address_is_tried() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let (busy, deaf) = (link.stranger("busy"), link.stranger("deaf"));
    bob.sets(|bob| bob.picks_up = true);
    let flow = |address| Flow {
        peer: address,
        ..deaf.flow()
    };
    alice.will_locate(Ok(vec![busy.flow(), deaf.flow(), flow(bob.address())]));
    let call = alice.calls_uri("sip:bob@example.com", Some(SDP));
    link.runs(ms(20));
    busy.answers(&alice, "INVITE", 503, "", b"");
    assert_eq!(busy.got(), ["INVITE", "ACK"]);
    link.runs(secs(33));
    assert_eq!(deaf.got().len(), 7);
    assert_eq!(alice.heard(), [EventKind::Answered]);
    let cseqs: Vec<_> = link
        .sent("INVITE")
        .iter()
        .map(|rung| header(&rung.text, HeaderName::CSeq).unwrap())
        .collect();
    assert_eq!(
        (
            cseqs[0].as_str(),
            cseqs[1].as_str(),
            cseqs.last().unwrap().as_str()
        ),
        ("1 INVITE", "2 INVITE", "3 INVITE")
    );
    assert_eq!(
        header(&link.last("ACK"), HeaderName::CSeq).unwrap(),
        "3 ACK"
    );
    alice.hangs_up(call);
    link.is_quiet_after(secs(70));
}

#[test]
fn other_refusals_and_a_cancel_end_the_search() {
    let link = Link::new();
    let (alice, busy, next) = (
        link.phone("alice"),
        link.stranger("busy"),
        link.stranger("next"),
    );
    alice.will_locate(Ok(vec![busy.flow(), next.flow()]));
    alice.calls_uri("sip:bob@example.com", Some(SDP));
    link.runs(ms(20));
    busy.answers(&alice, "INVITE", 486, "", b"");
    alice.will_locate(Ok(vec![busy.flow(), next.flow()]));
    let call = alice.calls_uri("sip:bob@example.com", Some(SDP));
    link.runs(ms(20));
    alice.cancels(call);
    busy.answers(&alice, "INVITE", 503, "", b"");
    assert_eq!(next.got(), Vec::<String>::new());
    assert_eq!(alice.heard().len(), 2);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_connection_that_cannot_be_made_leads_to_the_next_address() {
    let link = Link::new();
    let (alice, deaf, bob) = (link.phone("alice"), link.phone("deaf"), link.phone("bob"));
    deaf.is_deaf(true);
    bob.sets(|bob| bob.picks_up = true);
    let flow = |address, transport, listener| Flow {
        transport,
        listener,
        peer: address,
        connection: 0,
    };
    alice.will_locate(Ok(vec![
        flow(deaf.address(), Transport::Tcp, 1),
        flow(bob.address(), Transport::Udp, 0),
    ]));
    let call = alice.calls_uri("sip:bob@example.com", Some(SDP));
    link.runs(ms(100));
    assert_eq!(alice.heard(), [EventKind::Answered]);
    alice.hangs_up(call);
    alice.will_locate(Ok(vec![flow(deaf.address(), Transport::Tcp, 1)]));
    alice.calls_uri("sip:bob@example.com", Some(SDP));
    let heard = alice.heard();
    assert!(
        matches!(
            &heard[..],
            [EventKind::Rejected {
                status: 503,
                local: true,
                ..
            }]
        ),
        "{heard:?}"
    );
    link.is_quiet_after(secs(40));
}

#[test]
fn a_broken_connection_is_made_anew_for_the_request_under_way() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    assert_eq!(alice.heard(), [EventKind::Answered]);
    link.breaks_connections();
    alice.hangs_up(call);
    link.runs(ms(100));
    assert_eq!(bob.heard().last(), Some(&EventKind::Ended));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_request_that_moves_to_another_transport_says_so_in_via() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    link.breaks_connections();
    let by_udp = Flow {
        transport: Transport::Udp,
        listener: 0,
        peer: bob.address(),
        connection: 0,
    };
    alice.will_locate(Ok(vec![by_udp]));
    alice.hangs_up(call);
    link.runs(ms(100));
    let via = header(&link.last("200 BYE"), HeaderName::Via).unwrap();
    assert!(via.starts_with("SIP/2.0/UDP "), "{via}");
    link.is_quiet_after(secs(40));
}

#[test]
fn a_contact_elsewhere_is_asked_for_and_requests_wait_in_order() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    bob.waits_for_names(true);
    let mut invite = Draft::new("INVITE", &alice, &bob);
    invite.contact = Some("<sip:alice@phone.example.net>".to_owned());
    alice.says(&bob, invite.bytes());
    let ack = Draft::new("ACK", &alice, &bob).within(&alice.last("200 INVITE"));
    alice.says(&bob, ack.branch("ack").bytes());
    let leg = bob.offered();
    bob.hangs_up(leg);
    assert_eq!(link.sent("BYE").len(), 0);
    let asked = bob.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].host, "phone.example.net");
    assert_eq!(asked[0].known_peer, Some(alice.flow()));
    bob.locates(
        &asked[0],
        Err(LocateFailure::Forbidden("private".to_owned())),
    );
    link.runs(ms(20));
    assert_eq!(
        link.to_of_last("BYE"),
        alice.address(),
        "where it came from"
    );
    alice.says(&bob, response(&alice.last("BYE"), 200, "", b""));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_bye_of_the_peer_ends_the_wait_for_its_name() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    bob.waits_for_names(true);
    let mut invite = Draft::new("INVITE", &alice, &bob);
    invite.contact = Some("<sip:alice@phone.example.net>".to_owned());
    alice.says(&bob, invite.bytes());
    let answer = alice.last("200 INVITE");
    let ack = Draft::new("ACK", &alice, &bob).within(&answer);
    alice.says(&bob, ack.branch("ack").bytes());
    bob.hangs_up(bob.offered());
    bob.heard();
    alice.gets();
    let inside = |method: &str, cseq| {
        Draft::new(method, &alice, &bob)
            .within(&answer)
            .cseq(cseq)
            .branch(method)
    };
    alice.says(&bob, inside("UPDATE", 2).body(SDP).bytes());
    alice.says(&bob, inside("BYE", 3).bytes());
    assert_eq!(alice.got(), ["481 UPDATE", "200 BYE"]);
    assert_eq!(bob.heard(), [], "it was over already");
    link.is_quiet_after(secs(40));
}

#[test]
fn a_target_that_moves_while_it_is_looked_up_is_looked_up_again() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    bob.waits_for_names(true);
    let mut invite = Draft::new("INVITE", &alice, &bob);
    invite.contact = Some("<sip:alice@old.example.net>".to_owned());
    alice.says(&bob, invite.bytes());
    let answer = alice.last("200 INVITE");
    let ack = Draft::new("ACK", &alice, &bob).within(&answer);
    alice.says(&bob, ack.branch("ack").bytes());
    bob.reinvites(bob.offered()).unwrap();
    let mut moving = Draft::new("UPDATE", &alice, &bob).within(&answer).cseq(2);
    moving.contact = Some("<sip:alice@new.example.net>".to_owned());
    alice.says(&bob, moving.branch("moving").bytes());
    bob.locates(&bob.asked()[0], Ok(vec![alice.flow()]));
    assert_eq!(link.sent("INVITE").len(), 1, "theirs only");
    assert_eq!(bob.asked()[1].host, "new.example.net");
    bob.locates(&bob.asked()[1], Ok(vec![alice.flow()]));
    assert!(
        link.last("INVITE")
            .starts_with("INVITE sip:alice@new.example.net ")
    );
}

#[test]
fn a_contact_that_wants_tls_is_never_met_in_the_clear() {
    for parts in [true, false] {
        let link = Link::new();
        let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
        bob.sets(|bob| bob.picks_up = true);
        let mut invite = Draft::new("INVITE", &alice, &bob);
        invite.contact = Some("<sips:alice@phone.example.net>".to_owned());
        alice.says(&bob, invite.bytes());
        let ack = Draft::new("ACK", &alice, &bob).within(&alice.last("200 INVITE"));
        alice.says(&bob, ack.branch("ack").without_body().bytes());
        bob.heard();
        link.turns_the_page();
        let leg = bob.offered();
        if parts {
            bob.hangs_up(leg);
        } else {
            bob.reinvites(leg).unwrap();
        }
        link.runs(secs(1));
        assert!(bob.asked().iter().all(|question| question.secure));
        assert_eq!(link.ladder(), Vec::<String>::new());
        let lost = bob.heard();
        assert_eq!(lost.len(), usize::from(!parts), "{lost:?}");
        link.is_quiet_after(secs(40));
    }
}
