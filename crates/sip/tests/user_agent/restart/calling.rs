//! Our INVITE had no final response.

use hookswitch_sip::event::{EventKind, LegId};
use hookswitch_sip::message::HeaderName;

use crate::support::{Link, Phone, SDP, header, ms, secs};

fn calling(link: &Link) -> (Phone, Phone, LegId) {
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(100));
    (alice, bob, call)
}

fn is_487(heard: &[EventKind]) -> bool {
    let expected = |kind: &EventKind| matches!(kind, EventKind::Rejected { status: 487, .. });
    heard.len() == 1 && heard.iter().all(expected)
}

#[test]
fn a_ringing_phone_is_released_by_cancel_with_the_branch_of_the_invite() {
    let link = Link::new();
    let (alice, bob, call) = calling(&link);
    bob.rings(bob.offered());
    link.runs(ms(100));
    alice.heard();
    alice.is_restarted();
    link.runs(ms(100));
    let via = |what| header(&link.last(what), HeaderName::Via);
    assert_eq!(via("CANCEL"), via("INVITE"));
    assert_eq!(link.sent("INVITE").len(), 1);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert!(is_487(&alice.heard()));
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}

#[test]
fn where_nothing_was_heard_the_invite_is_said_again_and_cancel_follows_the_response() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    link.loses_next("100 INVITE", 1);
    let call = alice.calls(&bob);
    link.runs(ms(20));
    alice.is_restarted();
    link.runs(ms(100));
    let invites = link.sent("INVITE");
    assert_eq!(invites.len(), 2);
    assert_eq!(invites[0].text, invites[1].text);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert!(is_487(&alice.heard()));
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_peer_that_says_nothing_is_given_up_after_64_t1() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    link.is_cut(true);
    let call = alice.calls(&bob);
    link.runs(ms(20));
    alice.is_restarted();
    link.runs(secs(31));
    assert_eq!(alice.heard(), []);
    link.runs(secs(2));
    assert!(matches!(
        alice.heard()[..],
        [EventKind::Rejected {
            status: 408,
            local: true,
            ..
        }]
    ));
    assert_eq!(link.sent("CANCEL").len(), 0);
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_call_whose_invite_was_never_sent_is_simply_over() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.waits_for_names(true);
    let call = alice.calls(&bob);
    alice.is_restarted();
    assert!(matches!(
        alice.heard()[..],
        [EventKind::Rejected { local: true, .. }]
    ));
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
    assert_eq!(link.ladder(), [""; 0]);
}

#[test]
fn an_answer_that_comes_after_the_restart_is_acknowledged_and_ended() {
    let link = Link::new();
    let (alice, bob, call) = calling(&link);
    alice.heard();
    alice.crashes();
    bob.answers(bob.offered());
    link.runs(ms(100));
    alice.restarts();
    link.runs(secs(2));
    assert_eq!(
        bob.heard(),
        [EventKind::Offered, EventKind::Confirmed, EventKind::Ended]
    );
    assert!(is_487(&alice.heard()));
    assert_eq!(alice.settled(), [call]);
    assert_eq!(bob.settled(), [bob.offered()]);
    link.is_quiet_after(secs(40));
}

#[test]
fn an_answer_acknowledged_but_not_written_down_is_ended_by_the_tag_that_rang() {
    let link = Link::new();
    let (alice, bob, call) = calling(&link);
    bob.rings(bob.offered());
    link.runs(ms(100));
    let ringing = alice.saved();
    bob.answers(bob.offered());
    link.runs(ms(100));
    alice.heard();
    alice.crashes();
    alice.finds(ringing);
    link.runs(secs(1));
    alice.restarts();
    link.runs(secs(40));
    assert_eq!(
        bob.heard(),
        [EventKind::Offered, EventKind::Confirmed, EventKind::Ended]
    );
    assert!(is_487(&alice.heard()));
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_call_given_up_in_silence_stays_silent() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    link.loses_next("100 INVITE", 9);
    let call = alice.calls(&bob);
    link.runs(ms(20));
    alice.cancels(call);
    assert!(is_487(&alice.heard()));
    alice.is_restarted();
    link.runs(ms(100));
    bob.rings(bob.offered());
    link.runs(ms(100));
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert_eq!(alice.heard(), []);
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_cancel_under_way_is_sent_again_as_it_was() {
    let link = Link::new();
    let (alice, bob, call) = calling(&link);
    link.loses_next("CANCEL", 1);
    alice
        .does(|agent, now| agent.cancel(now, call, Some("SIP;cause=200")))
        .unwrap();
    alice.is_restarted();
    link.runs(ms(100));
    let cancels = link.sent("CANCEL");
    assert_eq!(cancels.len(), 2);
    assert_eq!(cancels[0].text, cancels[1].text);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert!(is_487(&alice.heard()));
    link.is_quiet_after(secs(40));
}

#[test]
fn over_tcp_the_phone_is_released_on_a_new_connection() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    bob.rings(bob.offered());
    link.runs(ms(100));
    alice.heard();
    alice.is_restarted();
    link.runs(ms(100));
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert!(is_487(&alice.heard()));
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}

#[test]
fn two_restarts_release_the_phone_once() {
    let link = Link::new();
    let (alice, bob, call) = calling(&link);
    bob.rings(bob.offered());
    link.runs(ms(100));
    alice.heard();
    link.loses_next("CANCEL", 1);
    alice.is_restarted();
    alice.is_restarted();
    link.runs(ms(100));
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert!(is_487(&alice.heard()));
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}
