//! The Accepted states of RFC 6026: what comes after a 2xx.

use hookswitch_sip::event::EventKind;

use crate::support::{Draft, Link, SDP, ms, response, secs};

#[test]
fn copies_of_an_answered_invite_are_absorbed() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let invite = Draft::new("INVITE", &alice, &bob);
    alice.says(&bob, invite.bytes());
    let answer = alice.last("200 INVITE");
    let ack = Draft::new("ACK", &alice, &bob)
        .within(&answer)
        .branch("ack");
    alice.says(&bob, ack.bytes());
    alice.gets();
    alice.says(&bob, invite.bytes());
    alice.says(&bob, ack.bytes());
    link.runs(secs(30));
    alice.says(&bob, invite.bytes());
    assert_eq!(alice.got(), Vec::<String>::new());
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
}

#[test]
fn an_answer_refused_by_nobody_is_acknowledged_as_often_as_it_comes() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    let call = alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = bob.last("INVITE");
    let answer = response(&invite, 200, &format!("Contact: <{}>", bob.uri()), SDP);
    for _ in 0..4 {
        bob.says(&alice, &answer);
    }
    assert_eq!(bob.got(), ["INVITE", "ACK", "ACK", "ACK", "ACK"]);
    assert_eq!(alice.heard(), [EventKind::Answered]);
    alice.hangs_up(call);
    link.runs(ms(20));
    bob.says(&alice, &answer);
    assert_eq!(bob.got(), ["BYE", "ACK"], "still owed; one BYE is enough");
    bob.says(&alice, response(&link.last("BYE"), 200, "", b""));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_refusal_after_the_answer_changes_nothing() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = bob.last("INVITE");
    let contact = format!("Contact: <{}>", bob.uri());
    bob.says(&alice, response(&invite, 200, &contact, SDP));
    bob.says(&alice, response(&invite, 486, "tag: other", b""));
    bob.says(&alice, response(&invite, 180, "tag: third", b""));
    assert_eq!(alice.heard(), [EventKind::Answered]);
    assert_eq!(bob.got(), ["INVITE", "ACK"]);
}

#[test]
fn an_answer_after_the_refusal_is_ignored() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = bob.last("INVITE");
    bob.says(&alice, response(&invite, 486, "", b""));
    bob.says(&alice, response(&invite, 200, "tag: other", SDP));
    assert_eq!(bob.got(), ["INVITE", "ACK"]);
    assert_eq!(alice.heard().len(), 1);
}

#[test]
fn an_answer_after_timer_b_is_ended() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(secs(33));
    let invite = bob.last("INVITE");
    bob.gets();
    let contact = format!("Contact: <{}>", bob.uri());
    bob.says(&alice, response(&invite, 200, &contact, SDP));
    assert_eq!(bob.got(), ["ACK", "BYE"]);
    let heard = alice.heard();
    assert!(
        matches!(
            &heard[..],
            [EventKind::Rejected {
                status: 408,
                local: true,
                ..
            }]
        ),
        "{heard:?}"
    );
    link.is_quiet_after(secs(70));
}
