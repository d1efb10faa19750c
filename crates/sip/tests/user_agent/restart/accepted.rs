//! Our 2xx had no ACK.

use hookswitch_sip::event::EventKind;

use crate::support::{Draft, Link, Phone, SDP, ms, secs};

/// Bob's answer does not get through.
fn answered(link: &Link) -> (Phone, Phone) {
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(100));
    link.loses_next("200 INVITE", 1);
    bob.answers(bob.offered());
    bob.heard();
    (alice, bob)
}

#[test]
fn the_answer_is_repeated_at_once_until_its_ack_confirms_the_call() {
    let link = Link::new();
    let (alice, bob) = answered(&link);
    let answer = link.last("200 INVITE");
    link.loses_next("200 INVITE", 2);
    bob.is_restarted();
    link.runs(secs(3));
    assert_eq!(link.times("200 INVITE"), [0, 1_000, 1_500, 2_500]);
    assert_eq!(link.last("200 INVITE"), answer);
    assert_eq!(bob.heard(), [EventKind::Confirmed]);
    assert_eq!(alice.heard(), [EventKind::Answered]);
    bob.hangs_up(bob.offered());
    link.runs(ms(100));
    assert_eq!(alice.heard(), [EventKind::Ended]);
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}

#[test]
fn without_ack_the_call_is_ended_by_bye_64_t1_after_the_restart() {
    let link = Link::new();
    let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
    carol.says(&bob, Draft::new("INVITE", &carol, &bob).bytes());
    bob.answers(bob.offered());
    bob.heard();
    bob.is_restarted();
    link.runs(ms(31_900));
    assert_eq!(bob.heard(), []);
    link.runs(ms(200));
    assert_eq!(bob.heard(), [EventKind::AckMissing]);
    let bye = carol.last("BYE");
    assert!(bye.contains("CSeq: 1001 BYE"), "{bye}");
    assert_eq!(bob.settled(), []);
    carol.answers(&bob, "BYE", 200, "", b"");
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}

#[test]
fn an_invite_repeated_after_the_restart_makes_no_second_call() {
    let link = Link::new();
    let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
    let invite = Draft::new("INVITE", &carol, &bob);
    carol.says(&bob, invite.bytes());
    bob.answers(bob.offered());
    bob.heard();
    bob.is_restarted();
    carol.says(&bob, invite.bytes());
    carol.says(&bob, invite.clone().branch("fork").bytes());
    assert_eq!(bob.heard(), []);
    assert!(carol.got().contains(&"482 INVITE".to_owned()));
    let cancel = invite.method("CANCEL").without_body();
    carol.says(&bob, cancel.bytes());
    assert_eq!(carol.got(), ["200 CANCEL"]);
    assert_eq!(bob.heard(), []);
}

#[test]
fn a_call_hung_up_before_its_ack_still_gets_its_bye_and_nothing_is_told() {
    let link = Link::new();
    let (alice, bob) = answered(&link);
    bob.hangs_up(bob.offered());
    bob.is_restarted();
    link.runs(secs(1));
    assert_eq!(alice.heard(), [EventKind::Answered, EventKind::Ended]);
    assert_eq!(bob.heard(), []);
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}

#[test]
fn over_tcp_the_answer_opens_a_connection_to_the_address_of_via() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    link.loses_next("200 INVITE", 1);
    bob.answers(bob.offered());
    bob.heard();
    bob.is_restarted();
    link.runs(ms(100));
    assert_eq!(link.to_of_last("200 INVITE"), alice.address());
    assert_eq!(bob.heard(), [EventKind::Confirmed]);
    alice.hangs_up(call);
    link.runs(ms(100));
    assert_eq!(bob.heard(), [EventKind::Ended]);
    link.is_quiet_after(secs(40));
}

#[test]
fn the_answer_to_a_reinvite_is_repeated_too() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    link.loses_next("200 INVITE", 1);
    alice.reinvites(call).unwrap();
    link.runs(ms(20));
    alice.heard();
    bob.heard();
    bob.is_restarted();
    link.runs(ms(100));
    assert_eq!(alice.heard(), [EventKind::ReinviteAccepted]);
    assert_eq!(bob.heard(), [EventKind::Refreshed], "the ACK came");
    link.runs(secs(2));
    let leg = bob.offered();
    assert_eq!(bob.reinvites(leg), Ok(()));
    link.runs(ms(100));
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
    assert_eq!(bob.settled(), [bob.offered()]);
}
