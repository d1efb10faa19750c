//! Connections that break under a call (RFC 3261 §18).

use hookswitch_sip::event::{EventKind, LegId};
use hookswitch_sip::message::HeaderName;

use crate::support::{Link, Phone, SDP, header, ms, secs};

/// A call by TCP that has reached bob.
fn called() -> (Link, Phone, Phone, LegId) {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    (link, alice, bob, call)
}

#[test]
fn the_answer_opens_a_connection_to_the_address_of_via() {
    let (link, alice, bob, call) = called();
    bob.rings(bob.offered());
    link.runs(ms(100));
    link.breaks_connections();
    bob.answers(bob.offered());
    link.runs(ms(100));
    assert_eq!(link.to_of_last("200 INVITE"), alice.address());
    assert_eq!(alice.heard().last(), Some(&EventKind::Answered));
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
    let via = |text: &str| header(text, HeaderName::Via);
    assert_eq!(
        via(&link.last("200 INVITE")),
        via(&link.last("180 INVITE")),
        "it says where the request came from, not where the response goes"
    );
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn what_was_said_last_is_said_again_on_a_connection_of_ours() {
    let (link, alice, bob, _) = called();
    link.loses_next("180 INVITE", 1);
    bob.rings(bob.offered());
    link.breaks_connections();
    link.runs(ms(100));
    assert_eq!(alice.heard(), [EventKind::Progress { status: 180 }]);
    bob.rejects(bob.offered(), 480);
    link.runs(ms(100));
    assert!(matches!(
        alice.heard()[..],
        [EventKind::Rejected {
            status: 480,
            local: false,
            ..
        }]
    ));
    link.is_quiet_after(secs(40));
}

#[test]
fn an_answer_lost_with_its_connection_is_said_again_at_once() {
    let (link, alice, bob, _) = called();
    link.loses_next("200 INVITE", 1);
    bob.answers(bob.offered());
    link.breaks_connections();
    link.runs(ms(100));
    assert_eq!(alice.heard(), [EventKind::Answered]);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
    bob.hangs_up(bob.offered());
    link.runs(ms(100));
    assert_eq!(alice.heard(), [EventKind::Ended]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_bye_whose_connection_closed_is_answered_on_another() {
    let (link, alice, bob, call) = called();
    bob.answers(bob.offered());
    link.runs(ms(100));
    bob.sets(|bob| bob.releases = false);
    alice.hangs_up(call);
    link.runs(ms(15));
    link.breaks_connections();
    let leg = bob.offered();
    bob.does(|agent, now| agent.release(now, leg, Default::default()));
    link.runs(ms(20));
    assert!(!link.sent("200 BYE").is_empty());
    assert_eq!(link.to_of_last("200 BYE"), alice.address());
    link.is_quiet_after(secs(40));
}

#[test]
fn a_call_that_rings_survives_its_connection_and_is_cancelled_on_another() {
    let (link, alice, bob, call) = called();
    bob.rings(bob.offered());
    link.runs(ms(100));
    link.breaks_connections();
    assert_eq!(alice.heard(), [EventKind::Progress { status: 180 }]);
    alice.cancels(call);
    link.runs(ms(100));
    assert_eq!(link.to_of_last("CANCEL"), bob.address());
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert!(matches!(
        alice.heard()[..],
        [EventKind::Rejected {
            status: 487,
            local: false,
            ..
        }]
    ));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_cancel_lost_with_its_connection_is_sent_again() {
    let (link, alice, bob, call) = called();
    link.loses_next("CANCEL", 1);
    alice.cancels(call);
    link.breaks_connections();
    link.runs(ms(100));
    assert_eq!(link.sent("CANCEL").len(), 2);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert_eq!(alice.heard().len(), 1);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_connection_that_breaks_before_any_response_fails_the_call() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.tries = false);
    alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    link.breaks_connections();
    assert!(matches!(
        alice.heard()[..],
        [EventKind::Rejected {
            status: 503,
            local: true,
            ..
        }]
    ));
    bob.rejects(bob.offered(), 480);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_caller_that_takes_no_connection_is_given_up_after_64_t1() {
    let (link, alice, bob, _) = called();
    alice.is_deaf(true);
    link.breaks_connections();
    bob.answers(bob.offered());
    link.runs(secs(33));
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::AckMissing]);
    assert_eq!(link.sent("200 INVITE").len(), 0);
    assert_eq!(bob.census().legs, 0);
}
