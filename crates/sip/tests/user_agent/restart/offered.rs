//! The peer's INVITE had no final response.

use hookswitch_sip::event::EventKind;
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, Phone, SDP, header, ms, secs};

fn ringing(link: &Link) -> (Phone, Phone) {
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(100));
    bob.rings(bob.offered());
    link.runs(ms(100));
    (alice, bob)
}

#[test]
fn an_unanswered_call_is_refused_with_500_by_the_tag_it_rang_with() {
    let link = Link::new();
    let (alice, bob) = ringing(&link);
    let leg = bob.offered();
    bob.heard();
    bob.is_restarted();
    link.runs(ms(100));
    assert!(matches!(
        alice.heard()[..],
        [
            EventKind::Progress { status: 180 },
            EventKind::Rejected {
                status: 500,
                local: false,
                ..
            }
        ]
    ));
    let to = |what| header(&link.last(what), HeaderName::To);
    assert_eq!(to("500 INVITE"), to("180 INVITE"));
    assert_eq!(
        header(&link.last("500 INVITE"), HeaderName::RetryAfter),
        None
    );
    assert_eq!(bob.heard(), []);
    assert_eq!(bob.settled(), [leg]);
    link.is_quiet_after(secs(40));
}

#[test]
fn the_500_is_repeated_until_its_ack() {
    let link = Link::new();
    let (_, bob) = ringing(&link);
    link.loses_next("500 INVITE", 2);
    bob.is_restarted();
    link.runs(secs(3));
    assert_eq!(link.times("500 INVITE"), [0, 500, 1_500]);
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_caller_that_never_acknowledges_is_given_up_after_64_t1() {
    let link = Link::new();
    let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
    carol.says(&bob, Draft::new("INVITE", &carol, &bob).bytes());
    bob.is_restarted();
    link.runs(ms(31_900));
    assert_eq!(bob.settled(), []);
    link.runs(ms(200));
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}

#[test]
fn an_invite_repeated_after_the_restart_gets_the_500_again_and_makes_no_call() {
    for branch in ["z9hG4bKstranger1", "old-fashioned"] {
        let link = Link::new();
        let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
        let mut invite = Draft::new("INVITE", &carol, &bob);
        invite.branch = branch.to_owned();
        carol.says(&bob, invite.bytes());
        bob.heard();
        bob.is_restarted();
        link.runs(ms(50));
        carol.gets();
        carol.says(&bob, invite.bytes());
        assert_eq!(carol.got(), ["500 INVITE"]);
        assert_eq!(bob.heard(), []);
    }
}

#[test]
fn the_same_invite_by_another_way_is_merged_after_the_restart_too() {
    let link = Link::new();
    let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
    let invite = Draft::new("INVITE", &carol, &bob);
    carol.says(&bob, invite.bytes());
    bob.heard();
    bob.is_restarted();
    link.runs(ms(50));
    carol.gets();
    carol.says(&bob, invite.branch("another").bytes());
    assert_eq!(carol.got(), ["482 INVITE"]);
    assert_eq!(bob.heard(), []);
}

#[test]
fn a_cancel_that_crosses_the_500_is_answered_and_changes_nothing() {
    let link = Link::new();
    let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
    let invite = Draft::new("INVITE", &carol, &bob);
    carol.says(&bob, invite.bytes());
    bob.heard();
    bob.is_restarted();
    link.runs(ms(50));
    let refusal = carol.last("500 INVITE");
    carol.gets();
    for _ in 0..2 {
        carol.says(&bob, invite.clone().method("CANCEL").without_body().bytes());
    }
    assert_eq!(carol.got(), ["200 CANCEL", "200 CANCEL"]);
    let to = |text: &str| header(text, HeaderName::To);
    assert_eq!(to(&link.last("200 CANCEL")), to(&refusal));
    assert_eq!(bob.heard(), []);
    let mut ack = invite.method("ACK").without_body();
    ack.to = to(&refusal).unwrap();
    carol.says(&bob, ack.bytes());
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}

#[test]
fn an_answer_held_for_a_prack_was_no_answer_yet() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(100));
    let leg = bob.offered();
    link.loses_next("PRACK", 9);
    bob.does(|agent, now| agent.ring(now, leg, 183, Some(SDP)))
        .unwrap();
    link.runs(ms(50));
    bob.answers(leg);
    bob.is_restarted();
    link.runs(ms(100));
    assert_eq!(link.sent("200 INVITE").len(), 0);
    assert_eq!(link.sent("500 INVITE").len(), 1);
    link.is_quiet_after(secs(80));
    assert_eq!(bob.settled(), [leg]);
    assert_eq!(alice.settled().len(), 1);
}

#[test]
fn over_tcp_the_500_opens_a_connection_to_the_address_of_via() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    bob.is_restarted();
    link.runs(ms(100));
    assert_eq!(link.to_of_last("500 INVITE"), alice.address());
    assert!(matches!(
        alice.heard()[..],
        [EventKind::Rejected {
            status: 500,
            local: false,
            ..
        }]
    ));
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_restart_before_the_ack_repeats_the_same_500() {
    let link = Link::new();
    let (alice, bob) = ringing(&link);
    link.loses_next("500 INVITE", 1);
    bob.is_restarted();
    let first = link.last("500 INVITE");
    bob.is_restarted();
    link.runs(ms(100));
    assert_eq!(link.sent("500 INVITE").len(), 2);
    assert_eq!(link.last("500 INVITE"), first);
    assert_eq!(alice.heard().len(), 2);
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}
