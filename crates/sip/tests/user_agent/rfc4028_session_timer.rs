//! Session timers (RFC 4028).

use hookswitch_sip::event::{EventKind, LegId};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, Phone, SDP, Settings, Stranger, header, ms, response, secs};

fn expires(text: &str) -> String {
    header(text, HeaderName::SessionExpires).expect("Session-Expires")
}

/// A stranger calls a phone with these header lines; the 200.
fn called(lines: &[&str]) -> (Link, Stranger, Phone, String) {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let invite = Draft::new("INVITE", &alice, &bob);
    let invite = lines.iter().fold(invite, |invite, line| invite.with(line));
    alice.says(&bob, invite.bytes());
    let answer = alice.last("200 INVITE");
    let ack = Draft::new("ACK", &alice, &bob)
        .within(&answer)
        .branch("ack");
    alice.says(&bob, ack.without_body().bytes());
    bob.heard();
    alice.gets();
    (link, alice, bob, answer)
}

/// A phone calls a stranger who answers with these header lines.
fn calling(lines: &str) -> (Link, Phone, Stranger, LegId) {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    let call = alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    let more = format!("Contact: <{}>\n{lines}", bob.uri());
    bob.answers(&alice, "INVITE", 200, &more, SDP);
    alice.heard();
    bob.gets();
    (link, alice, bob, call)
}

#[test]
fn our_invite_says_what_we_wish_and_take() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    let invite = link.last("INVITE");
    assert_eq!(expires(&invite), "600");
    assert_eq!(header(&invite, HeaderName::MinSe).unwrap(), "90");
    assert!(
        header(&invite, HeaderName::Supported)
            .unwrap()
            .contains("timer")
    );
}

#[test]
fn our_answer_settles_interval_and_refresher() {
    for (lines, expected, requires) in [
        (
            &["Supported: timer", "Session-Expires: 300"][..],
            "300;refresher=uac",
            true,
        ),
        (
            &["Supported: timer", "Session-Expires: 300;refresher=uas"],
            "300;refresher=uas",
            false,
        ),
        (
            &["Supported: timer", "Session-Expires: 300;refresher=uac"],
            "300;refresher=uac",
            true,
        ),
        (
            &["Supported: timer", "Session-Expires: 7200"],
            "600;refresher=uac",
            true,
        ),
        (
            &["Supported: timer", "x: 7200", "Min-SE: 1000"],
            "1000;refresher=uac",
            true,
        ),
        (&["Supported: timer"], "600;refresher=uac", true),
        (&[], "600;refresher=uas", false),
        // A proxy asked for it and the caller knows nothing of timers.
        (&["Session-Expires: 300"], "300;refresher=uas", false),
        (&["Session-Expires: 20"], "90;refresher=uas", false),
    ] {
        let (_link, _alice, bob, answer) = called(lines);
        assert_eq!(expires(&answer), expected, "{lines:?}");
        let require = header(&answer, HeaderName::Require);
        assert_eq!(require.as_deref() == Some("timer"), requires, "{lines:?}");
        let leg = bob.offered();
        let seconds = bob.does(|agent, _| agent.leg(leg).unwrap().session_expires);
        assert_eq!(seconds, expected.split(';').next().unwrap().parse().ok());
    }
}

#[test]
fn the_refresher_refreshes_half_way_and_the_other_side_believes() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(secs(1_450));
    let refreshes = link.sent("UPDATE");
    assert_eq!(link.times("UPDATE").len(), 4);
    assert_eq!(refreshes[0].at.as_secs(), 300);
    assert_eq!(refreshes[0].from, "alice");
    assert_eq!(expires(&refreshes[0].text), "600;refresher=uac");
    assert_eq!(expires(&link.last("200 UPDATE")), "600;refresher=uac");
    assert_eq!(alice.heard(), [EventKind::Answered]);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_peer_without_update_is_refreshed_by_reinvite_with_the_same_session() {
    let (link, alice, bob, call) =
        calling("Supported: timer\nSession-Expires: 200;refresher=uac\nAllow: INVITE, ACK, BYE");
    link.runs(ms(100_200));
    let refresh = bob.last("INVITE");
    assert_eq!(expires(&refresh), "200;refresher=uac");
    assert!(refresh.as_bytes().ends_with(SDP));
    bob.answers(
        &alice,
        "INVITE",
        200,
        "Session-Expires: 200;refresher=uac",
        SDP,
    );
    assert_eq!(bob.got(), ["INVITE", "ACK"]);
    assert_eq!(alice.heard(), [], "a refresh is nobody's business");
    link.runs(ms(100_200));
    assert_eq!(bob.got(), ["INVITE"]);
    alice.hangs_up(call);
}

#[test]
fn a_peer_that_refuses_update_is_refreshed_by_reinvite() {
    let (link, alice, bob, _call) =
        calling("Supported: timer\nSession-Expires: 200;refresher=uac\nAllow: INVITE, UPDATE");
    link.runs(ms(100_200));
    bob.answers(&alice, "UPDATE", 501, "", b"");
    bob.last("INVITE");
}

#[test]
fn a_peer_that_knows_no_timers_is_refreshed_by_us() {
    let (link, alice, bob, call) = calling("");
    let seconds = alice.does(|agent, _| agent.leg(call).unwrap().session_expires);
    assert_eq!(seconds, Some(600));
    link.runs(ms(300_200));
    bob.last("INVITE");
    let (link, _alice, bob, _answer) = called(&[]);
    link.runs(ms(300_200));
    assert_eq!(link.sent("INVITE").len(), 2, "ours is the second");
    drop(bob);
}

#[test]
fn the_session_ends_when_the_peer_stops_refreshing() {
    let (link, alice, bob, _answer) =
        called(&["Supported: timer", "Session-Expires: 90;refresher=uac"]);
    link.runs(secs(59));
    assert_eq!(bob.heard(), []);
    link.runs(secs(2));
    let heard = bob.heard();
    assert!(
        matches!(&heard[..], [EventKind::Lost { status: 408, .. }]),
        "{heard:?}"
    );
    assert!(alice.last("BYE").contains("Reason: SIP;cause=408;text="));
    link.is_quiet_after(secs(40));
}

#[test]
fn the_session_ends_when_our_refreshes_are_not_answered() {
    let (link, alice, bob, _call) =
        calling("Supported: timer\nSession-Expires: 90;refresher=uac\nAllow: UPDATE");
    link.runs(secs(46));
    bob.last("UPDATE");
    link.runs(secs(33));
    let heard = alice.heard();
    assert!(
        matches!(&heard[..], [EventKind::Lost { status: 408, .. }]),
        "{heard:?}"
    );
    bob.last("BYE");
    link.is_quiet_after(secs(40));
}

#[test]
fn a_refused_refresh_is_tried_again_before_the_session_ends() {
    let (link, alice, bob, _call) =
        calling("Supported: timer\nSession-Expires: 600;refresher=uac\nAllow: UPDATE");
    link.runs(ms(300_200));
    bob.answers(&alice, "UPDATE", 500, "", b"");
    bob.gets();
    link.runs(secs(150));
    bob.answers(
        &alice,
        "UPDATE",
        200,
        "Session-Expires: 600;refresher=uac",
        b"",
    );
    link.runs(secs(250));
    assert_eq!(alice.heard(), [], "it goes on");
}

#[test]
fn a_refresh_by_the_peer_starts_the_interval_anew() {
    for method in ["UPDATE", "INVITE"] {
        let (link, alice, bob, answer) =
            called(&["Supported: timer", "Session-Expires: 90;refresher=uac"]);
        for cseq in 2..6 {
            link.runs(secs(40));
            let refresh = Draft::new(method, &alice, &bob)
                .within(&answer)
                .cseq(cseq)
                .branch(&format!("refresh{cseq}"))
                .with("Supported: timer")
                .with("Session-Expires: 90;refresher=uac");
            alice.says(&bob, refresh.bytes());
            let ack = Draft::new("ACK", &alice, &bob).within(&answer).cseq(cseq);
            alice.says(&bob, ack.branch(&format!("ack{cseq}")).bytes());
            assert_eq!(
                expires(&alice.last(&format!("200 {method}"))),
                "90;refresher=uac"
            );
        }
        let lost = bob
            .heard()
            .into_iter()
            .any(|kind| matches!(kind, EventKind::Lost { .. }));
        assert!(!lost, "{method}");
        link.runs(secs(61));
        assert!(matches!(bob.heard().last(), Some(EventKind::Lost { .. })));
    }
}

#[test]
fn a_refresh_too_short_is_422_and_changes_nothing() {
    let (_link, alice, bob, answer) = called(&["Supported: timer", "Session-Expires: 300"]);
    for (cseq, method) in [(2, "UPDATE"), (3, "INVITE")] {
        let refresh = Draft::new(method, &alice, &bob).within(&answer).cseq(cseq);
        let refresh = refresh.branch(method).with("Supported: timer");
        alice.says(&bob, refresh.with("Session-Expires: 30").bytes());
        let refused = alice.last(&format!("422 {method}"));
        assert_eq!(header(&refused, HeaderName::MinSe).unwrap(), "90");
    }
    let leg = bob.offered();
    assert_eq!(
        bob.does(|agent, _| agent.leg(leg).unwrap().session_expires),
        Some(300)
    );
}

#[test]
fn a_refresh_may_pass_the_job_to_the_other_side() {
    let (link, alice, bob, answer) =
        called(&["Supported: timer", "Session-Expires: 200;refresher=uac"]);
    let refresh = Draft::new("UPDATE", &alice, &bob).within(&answer).cseq(2);
    let refresh = refresh
        .with("Supported: timer")
        .with("Session-Expires: 200;refresher=uas");
    alice.says(&bob, refresh.bytes());
    assert_eq!(expires(&alice.last("200 UPDATE")), "200;refresher=uas");
    link.runs(ms(100_200));
    assert_eq!(link.sent("INVITE").len(), 2, "now it is ours");
    assert_eq!(bob.heard(), []);
}

#[test]
fn our_invite_that_asks_too_little_is_sent_again_with_more() {
    let link = Link::new();
    let alice = link.phone("alice");
    let bob = link.phone_with(
        "bob",
        Settings {
            min_session_expires: secs(1_800),
            session_expires: secs(3_600),
            picks_up: true,
            ..Settings::default()
        },
    );
    let call = alice.calls(&bob);
    link.runs(ms(200));
    let invites = link.sent("INVITE");
    assert_eq!(invites.len(), 2);
    assert_eq!(expires(&invites[1].text), "1800");
    assert_eq!(header(&invites[1].text, HeaderName::MinSe).unwrap(), "1800");
    assert_eq!(
        header(&invites[1].text, HeaderName::CSeq).unwrap(),
        "2 INVITE"
    );
    for name in [HeaderName::CallId, HeaderName::From, HeaderName::To] {
        assert_eq!(
            header(&invites[0].text, name),
            header(&invites[1].text, name)
        );
    }
    assert_eq!(alice.heard(), [EventKind::Answered]);
    assert_eq!(
        header(&link.last("ACK"), HeaderName::CSeq).unwrap(),
        "2 ACK"
    );
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_peer_that_is_never_content_is_not_asked_for_ever() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    for _ in 0..3 {
        let invite = bob.last("INVITE");
        bob.says(&alice, response(&invite, 422, "Min-SE: 700", b""));
    }
    assert_eq!(link.sent("INVITE").len(), 2);
    assert!(matches!(
        &alice.heard()[..],
        [EventKind::Rejected { status: 422, .. }]
    ));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_refresh_of_ours_that_is_too_short_is_raised() {
    let (link, alice, bob, _call) =
        calling("Supported: timer\nSession-Expires: 200;refresher=uac\nAllow: UPDATE");
    link.runs(ms(100_200));
    bob.answers(&alice, "UPDATE", 422, "Min-SE: 400", b"");
    assert_eq!(expires(&bob.last("UPDATE")), "400;refresher=uac");
}

#[test]
fn our_refreshes_repeat_the_largest_min_se_of_the_dialog() {
    let lines = [
        "Supported: timer",
        "Min-SE: 200",
        "Session-Expires: 300;refresher=uas",
    ];
    let (link, alice, bob, answer) = called(&lines);
    let update = Draft::new("UPDATE", &alice, &bob)
        .within(&answer)
        .cseq(2)
        .branch("update")
        .with("Supported: timer")
        .with("Session-Expires: 400;refresher=uas")
        .with("Min-SE: 250");
    alice.says(&bob, update.bytes());
    link.runs(secs(201));
    let refresh = link.last("INVITE");
    assert!(refresh.starts_with("INVITE sip:alice@"), "{refresh}");
    assert_eq!(header(&refresh, HeaderName::MinSe).unwrap(), "250");
    assert_eq!(expires(&refresh), "400;refresher=uac");
}

#[test]
fn without_any_min_se_our_refreshes_say_what_we_take() {
    let (link, _alice, _bob, _) = calling("Supported: timer\nSession-Expires: 300;refresher=uac");
    link.runs(secs(151));
    let refresh = link.last("INVITE");
    assert_eq!(header(&refresh, HeaderName::MinSe).unwrap(), "90");
    assert_eq!(expires(&refresh), "300;refresher=uac");
}
