//! Two offers that meet (RFC 3261 §14.1, §14.2).

use hookswitch_sip::event::{EventKind, LegId};

use crate::support::{Draft, Link, Phone, SDP, ms, secs};

fn talking() -> (Link, Phone, Phone, LegId, LegId) {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    alice.heard();
    bob.heard();
    link.turns_the_page();
    let leg = bob.offered();
    (link, alice, bob, call, leg)
}

#[test]
fn two_reinvites_at_once_are_both_491_and_one_happens_first() {
    let (link, alice, bob, call, leg) = talking();
    alice.reinvites(call).unwrap();
    bob.reinvites(leg).unwrap();
    link.runs(ms(50));
    assert_eq!(link.sent("491 INVITE").len(), 2);
    link.runs(secs(5));
    let invites = link.sent("INVITE");
    assert_eq!(
        invites.len(),
        3,
        "the peer's offer made the other one out of date"
    );
    assert_eq!(
        invites[2].from, "bob",
        "who did not make the Call-ID waits less"
    );
    let pause = |number: usize, first: usize| (invites[number].at - invites[first].at).as_millis();
    assert!(pause(2, 1) <= 2_000 + 20, "0 to 2 s");
    assert_eq!(bob.heard(), [EventKind::ReinviteAccepted]);
    assert!(matches!(
        &alice.heard()[..],
        [EventKind::Reoffered { .. }, EventKind::Refreshed]
    ));
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn the_owner_of_the_call_id_waits_2_1_to_4_s_after_491() {
    let (link, alice, bob, call, _leg) = talking();
    bob.answers_next_offer_with(491);
    alice.reinvites(call).unwrap();
    link.runs(secs(5));
    let times = link.times("INVITE");
    assert_eq!(times.len(), 2);
    assert!((2_100..=4_040).contains(&times[1]), "{times:?}");
    assert_eq!(alice.heard(), [EventKind::ReinviteAccepted]);
}

#[test]
fn who_does_not_own_the_call_id_waits_up_to_2_s() {
    let (link, alice, bob, _call, leg) = talking();
    alice.answers_next_offer_with(491);
    bob.reinvites(leg).unwrap();
    link.runs(secs(5));
    let times = link.times("INVITE");
    assert_eq!(times.len(), 2);
    assert!(times[1] <= 2_040, "{times:?}");
    assert_eq!(bob.heard(), [EventKind::ReinviteAccepted]);
}

#[test]
fn an_offer_overtaken_by_the_peers_gives_way_to_its_answer() {
    let (link, alice, bob, call, leg) = talking();
    bob.answers_next_offer_with(491);
    alice.reinvites(call).unwrap();
    link.runs(ms(100));
    bob.reinvites(leg).unwrap();
    link.runs(secs(10));
    assert!(matches!(
        &alice.heard()[..],
        [EventKind::Reoffered { .. }, EventKind::Refreshed]
    ));
    assert_eq!(bob.heard().last(), Some(&EventKind::ReinviteAccepted));
    assert_eq!(link.sent("INVITE").len(), 2);
    alice.reinvites(call).unwrap();
}

#[test]
fn refreshes_that_meet_an_offer_come_back() {
    let (link, alice, bob, call, leg) = talking();
    bob.sets(|bob| bob.agrees = false);
    link.runs(secs(299));
    alice.reinvites(call).unwrap();
    link.runs(ms(500));
    bob.does(|agent, now| agent.answer_offer(now, leg, Ok(SDP)))
        .unwrap();
    link.runs(secs(600));
    assert!(!link.sent("UPDATE").is_empty());
    let is_lost = |kind: &EventKind| matches!(kind, EventKind::Lost { .. });
    assert!(!alice.heard().iter().any(is_lost));
    assert!(!bob.heard().iter().any(is_lost));
}

#[test]
fn an_offer_before_the_ack_of_the_last_is_500() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).bytes());
    let answer = alice.last("200 INVITE");
    alice.gets();
    let early = Draft::new("INVITE", &alice, &bob).within(&answer).cseq(2);
    alice.says(&bob, early.branch("early").bytes());
    assert_eq!(alice.got(), ["500 INVITE"]);
    assert_eq!(bob.heard(), [EventKind::Offered]);
}

#[test]
fn we_do_not_offer_while_anything_is_pending() {
    let (link, alice, bob, call, leg) = talking();
    bob.sets(|bob| bob.agrees = false);
    alice.reinvites(call).unwrap();
    assert!(alice.reinvites(call).is_err(), "ours is pending");
    link.runs(ms(50));
    assert!(bob.reinvites(leg).is_err(), "theirs is pending");
}
