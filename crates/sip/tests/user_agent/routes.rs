//! Route sets, loose and strict (RFC 3261 §12.1, §12.2.1.1, §16.12.1).

use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, SDP, header, ms, response};

fn routes_of(text: &str) -> Vec<&str> {
    let routes = text.lines().filter_map(|line| line.strip_prefix("Route: "));
    routes.map(str::trim).collect()
}

#[test]
fn a_callee_follows_record_route_in_order() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let invite = Draft::new("INVITE", &alice, &bob)
        .with("Record-Route: <sip:192.0.2.1:5091;lr>, \"Edge\" <sip:p2.example.com;lr;x=1>;y=2")
        .with("Record-Route: <sip:p3.example.com;lr>");
    alice.says(&bob, invite.bytes());
    let answer = alice.last("200 INVITE");
    let recorded: Vec<&str> = answer
        .lines()
        .filter(|line| line.starts_with("Record-Route: "))
        .collect();
    assert_eq!(recorded.len(), 2, "copied as they were");
    assert!(recorded[0].contains("\"Edge\" <sip:p2.example.com;lr;x=1>;y=2"));
    let ack = Draft::new("ACK", &alice, &bob)
        .within(&answer)
        .branch("ack");
    alice.says(&bob, ack.bytes());
    bob.hangs_up(bob.offered());
    link.runs(ms(20));
    let bye = alice.last("BYE");
    assert!(bye.starts_with("BYE sip:alice@192.0.2.1:5060 SIP/2.0\r\n"));
    assert_eq!(
        routes_of(&bye),
        [
            "<sip:192.0.2.1:5091;lr>",
            "<sip:p2.example.com;lr;x=1>",
            "<sip:p3.example.com;lr>"
        ]
    );
    assert_eq!(link.to_of_last("BYE").to_string(), "192.0.2.1:5091");
}

#[test]
fn a_caller_follows_record_route_backwards() {
    let link = Link::new();
    let (alice, proxy) = (link.phone("alice"), link.stranger("proxy"));
    let call = alice.calls_uri(&proxy.uri(), Some(SDP));
    link.runs(ms(20));
    let more = "Record-Route: <sip:p2.example.com;lr>, <sip:192.0.2.2:5080;lr>\nContact: <sip:bob@10.0.0.9:5066>";
    proxy.answers(&alice, "INVITE", 200, more, SDP);
    alice.hangs_up(call);
    link.runs(ms(20));
    for what in ["ACK", "BYE"] {
        let text = proxy.last(what);
        assert!(text.starts_with(&format!("{what} sip:bob@10.0.0.9:5066 SIP/2.0\r\n")));
        assert_eq!(
            routes_of(&text),
            ["<sip:192.0.2.2:5080;lr>", "<sip:p2.example.com;lr>"]
        );
        assert_eq!(link.to_of_last(what).to_string(), "192.0.2.2:5080");
    }
}

#[test]
fn a_strict_router_takes_the_request_uri_and_the_target_goes_last() {
    let link = Link::new();
    let (alice, proxy) = (link.phone("alice"), link.stranger("proxy"));
    let call = alice.calls_uri(&proxy.uri(), Some(SDP));
    link.runs(ms(20));
    let more =
        "Record-Route: <sip:p2.example.com;lr>, <sip:192.0.2.2:5080>\nContact: <sip:bob@10.0.0.9>";
    proxy.answers(&alice, "INVITE", 200, more, SDP);
    alice.hangs_up(call);
    link.runs(ms(20));
    let bye = proxy.last("BYE");
    assert!(
        bye.starts_with("BYE sip:192.0.2.2:5080 SIP/2.0\r\n"),
        "{bye}"
    );
    assert_eq!(
        routes_of(&bye),
        ["<sip:p2.example.com;lr>", "<sip:bob@10.0.0.9>"]
    );
}

#[test]
fn early_dialogs_have_route_sets_of_their_own() {
    let link = Link::new();
    let (alice, proxy) = (link.phone("alice"), link.stranger("proxy"));
    alice.calls_uri(&proxy.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = proxy.last("INVITE");
    for (tag, route) in [("one", "192.0.2.2:5081"), ("two", "192.0.2.2:5082")] {
        let more = format!(
            "tag: {tag}\nRecord-Route: <sip:{route};lr>\nContact: <sip:{tag}@10.0.0.9>\nRequire: 100rel\nRSeq: 1"
        );
        proxy.says(&alice, response(&invite, 183, &more, b""));
        let prack = proxy.last("PRACK");
        assert!(prack.starts_with(&format!("PRACK sip:{tag}@10.0.0.9 ")));
        assert_eq!(routes_of(&prack), [format!("<sip:{route};lr>")]);
    }
}

#[test]
fn refusals_are_acknowledged_without_a_route_set() {
    let link = Link::new();
    let (alice, proxy) = (link.phone("alice"), link.stranger("proxy"));
    alice.calls_uri(&proxy.uri(), Some(SDP));
    link.runs(ms(20));
    proxy.answers(
        &alice,
        "INVITE",
        486,
        "Record-Route: <sip:192.0.2.2:5080;lr>",
        b"",
    );
    let ack = proxy.last("ACK");
    assert_eq!(routes_of(&ack), Vec::<&str>::new());
    assert_eq!(header(&ack, HeaderName::MaxForwards).unwrap(), "70");
}

#[test]
fn a_record_route_nobody_can_follow_is_400() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob);
    let invite = invite.with("Record-Route: <sip:p1.example.comsip:192.0.2.50;lr>");
    alice.says(&bob, invite.bytes());
    assert!(
        alice
            .last("400 INVITE")
            .starts_with("SIP/2.0 400 Bad Record-Route\r\n")
    );
    assert_eq!(bob.heard(), []);
}
