//! Where responses go (RFC 3261 §18.2, RFC 3581).

use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, header, ms, secs, sip};

fn options(via: &str) -> Vec<u8> {
    sip(&format!(
        "OPTIONS sip:bob@192.0.2.2 SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: <sip:a@example.org>;tag=a\nTo: <sip:bob@192.0.2.2>\nCall-ID: one\nCSeq: 1 OPTIONS\nContent-Length: 0\n"
    ))
}

#[test]
fn rport_is_filled_in_and_followed() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(
        &bob,
        options("SIP/2.0/UDP 10.0.0.1:6000;rport;branch=z9hG4bKx"),
    );
    let via = header(&alice.last("200 OPTIONS"), HeaderName::Via).unwrap();
    assert_eq!(
        via,
        "SIP/2.0/UDP 10.0.0.1:6000;rport=5060;branch=z9hG4bKx;received=192.0.2.1"
    );
}

#[test]
fn without_rport_the_port_of_via_and_the_source_address_count() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    for (via, port) in [
        ("SIP/2.0/UDP 10.0.0.1:6000;branch=z9hG4bKx", 6_000),
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy", 5_060),
    ] {
        alice.says(&bob, options(via));
        let sent = link.last("200 OPTIONS");
        assert!(
            header(&sent, HeaderName::Via)
                .unwrap()
                .ends_with(";received=192.0.2.1")
        );
        assert_eq!(link.to_of_last("200 OPTIONS").port(), port);
        assert_eq!(link.to_of_last("200 OPTIONS").ip(), alice.address().ip());
    }
}

#[test]
fn received_is_added_only_where_the_address_differs() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(&bob, options("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx"));
    let via = header(&alice.last("200 OPTIONS"), HeaderName::Via).unwrap();
    assert_eq!(via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx");
}

#[test]
fn only_the_topmost_via_is_stamped_and_all_come_back() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(
        &bob,
        options("SIP/2.0/UDP 10.0.0.1;x=\"a,b;c\";rport;branch=z9hG4bKx, SIP/2.0/TCP far.example.com;rport;branch=z9hG4bKy\nVia: SIP/2.0/UDP third;branch=z9hG4bKz"),
    );
    let text = alice.last("200 OPTIONS");
    let vias: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("Via: "))
        .collect();
    assert_eq!(
        vias,
        [
            "Via: SIP/2.0/UDP 10.0.0.1;x=\"a,b;c\";rport=5060;branch=z9hG4bKx;received=192.0.2.1, SIP/2.0/TCP far.example.com;rport;branch=z9hG4bKy",
            "Via: SIP/2.0/UDP third;branch=z9hG4bKz",
        ]
    );
}

#[test]
fn maddr_and_a_forged_received_are_not_followed() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(
        &bob,
        options("SIP/2.0/UDP 10.0.0.1:6000;maddr=192.0.2.99;received=192.0.2.98;rport=9;branch=z9hG4bKx"),
    );
    let via = header(&alice.last("200 OPTIONS"), HeaderName::Via).unwrap();
    assert!(
        via.contains(";rport=5060;") && via.ends_with(";received=192.0.2.1"),
        "{via}"
    );
}

#[test]
fn over_tcp_responses_take_the_connection_the_request_came_by() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let target = format!("{};transport=tcp", bob.uri());
    let call = alice.calls_uri(&target, Some(crate::support::SDP));
    link.runs(ms(50));
    let via = header(&link.last("200 INVITE"), HeaderName::Via).unwrap();
    assert!(via.starts_with("SIP/2.0/TCP 192.0.2.1:5060;"), "{via}");
    assert!(via.contains("rport=40000"), "{via}");
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn the_answer_follows_its_invite_even_when_later_requests_came_from_elsewhere() {
    let link = Link::new();
    let (alice, proxy, bob) = (
        link.stranger("alice"),
        link.stranger("proxy"),
        link.phone("bob"),
    );
    alice.says(
        &bob,
        Draft::new("INVITE", &alice, &bob)
            .with("Require: 100rel")
            .bytes(),
    );
    bob.rings(bob.offered());
    link.runs(ms(20));
    let ringing = alice.last("180 INVITE");
    let rseq = header(&ringing, HeaderName::RSeq).unwrap();
    let prack = Draft::new("PRACK", &proxy, &bob).within(&ringing).cseq(2);
    proxy.says(&bob, prack.with(&format!("RAck: {rseq} 1 INVITE")).bytes());
    assert_eq!(proxy.got(), ["200 PRACK"]);
    bob.answers(bob.offered());
    link.runs(ms(20));
    assert_eq!(
        header(&alice.last("200 INVITE"), HeaderName::Via),
        header(&ringing, HeaderName::Via)
    );
}
