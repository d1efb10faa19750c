//! The dialog stood.

use hookswitch_sip::event::{EventKind, LegId};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, Phone, SDP, header, ms, secs};

/// Alice calls bob; who is restarted decides which side the leg is on.
fn in_call(link: &Link, transport: &str) -> (Phone, Phone, LegId) {
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls_uri(&format!("{}{transport}", bob.uri()), Some(SDP));
    link.runs(ms(100));
    alice.heard();
    bob.heard();
    link.turns_the_page();
    (alice, bob, call)
}

fn cseq(text: &str) -> u32 {
    let value = header(text, HeaderName::CSeq).unwrap();
    value.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_call_that_stands_is_taken_up_in_silence() {
    let link = Link::new();
    let (_, bob, _) = in_call(&link, "");
    bob.crashes();
    bob.restarts();
    assert_eq!(link.ladder(), [""; 0]);
    assert_eq!(bob.heard(), []);
    assert_eq!(bob.census().legs, 1);
}

#[test]
fn bye_of_the_peer_is_answered_as_ever() {
    for transport in ["", ";transport=tcp"] {
        let link = Link::new();
        let (alice, bob, call) = in_call(&link, transport);
        bob.is_restarted();
        alice.hangs_up(call);
        link.runs(ms(100));
        assert_eq!(bob.heard(), [EventKind::Ended]);
        assert_eq!(bob.settled(), [bob.offered()]);
        assert_eq!(alice.settled(), [call]);
        link.is_quiet_after(secs(40));
    }
}

#[test]
fn our_requests_go_on_with_a_cseq_above_all_that_may_have_been_sent() {
    for transport in ["", ";transport=tcp"] {
        let link = Link::new();
        let (alice, bob, call) = in_call(&link, transport);
        alice.is_restarted();
        alice.reinvites(call).unwrap();
        link.runs(ms(100));
        assert_eq!(alice.heard(), [EventKind::ReinviteAccepted]);
        assert_eq!(cseq(&link.last("INVITE")), 1_002);
        alice.hangs_up(call);
        link.runs(ms(100));
        assert_eq!(bob.heard().last(), Some(&EventKind::Ended));
        assert_eq!(alice.settled(), [call]);
        link.is_quiet_after(secs(40));
    }
}

#[test]
fn reinvite_update_and_options_of_the_peer_are_answered() {
    let link = Link::new();
    let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
    bob.sets(|bob| bob.picks_up = true);
    let invite = Draft::new("INVITE", &carol, &bob);
    carol.says(&bob, invite.bytes());
    let inside = |method: &str, cseq: u32| {
        let request = Draft::new(method, &carol, &bob).within(&link.last("200 INVITE"));
        let branch = format!("{method}{cseq}");
        request.cseq(cseq).branch(&branch)
    };
    carol.says(&bob, inside("ACK", 1).bytes());
    bob.is_restarted();
    carol.gets();
    carol.says(&bob, inside("OPTIONS", 2).bytes());
    carol.says(&bob, inside("UPDATE", 3).body(SDP).bytes());
    carol.says(&bob, inside("INVITE", 4).bytes());
    carol.says(&bob, inside("ACK", 4).bytes());
    assert_eq!(carol.got(), ["200 OPTIONS", "200 UPDATE", "200 INVITE"]);
    carol.says(&bob, inside("BYE", 5).bytes());
    assert_eq!(carol.got(), ["200 BYE"]);
    link.is_quiet_after(secs(40));
}

#[test]
fn every_call_is_refreshed_within_60_s_even_where_the_peer_was_to_refresh() {
    for restarted in ["alice", "bob"] {
        let link = Link::new();
        let (alice, bob, call) = in_call(&link, "");
        let phone = if restarted == "alice" { &alice } else { &bob };
        phone.is_restarted();
        link.runs(secs(59));
        let updates = link.sent("UPDATE");
        assert_eq!(updates.len(), 1, "{:?}", link.ladder());
        assert_eq!(updates[0].from, restarted);
        assert_eq!(link.sent("200 UPDATE").len(), 1);
        link.runs(secs(3_000));
        assert_eq!((alice.census().legs, bob.census().legs), (1, 1));
        alice.hangs_up(call);
        link.is_quiet_after(secs(40));
    }
}

#[test]
fn refreshes_of_many_calls_are_spread() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    for _ in 0..60 {
        alice.calls(&bob);
    }
    link.runs(ms(100));
    link.turns_the_page();
    bob.crashes();
    bob.restarts();
    link.runs(secs(60));
    let times = link.times("UPDATE");
    assert_eq!(times.len(), 60);
    let busiest = (0..60)
        .map(|second| times.iter().filter(|at| **at / 1_000 == second).count())
        .max();
    assert!(busiest < Some(8), "{times:?}");
}

#[test]
fn a_bye_lost_during_the_downtime_is_noticed_by_the_refresh() {
    for transport in ["", ";transport=tcp"] {
        let link = Link::new();
        let (alice, bob, call) = in_call(&link, transport);
        bob.crashes();
        alice.hangs_up(call);
        link.runs(secs(40));
        bob.restarts();
        link.runs(secs(61));
        assert!(matches!(
            bob.heard()[..],
            [EventKind::Lost { status: 481, .. }]
        ));
        assert_eq!(bob.settled(), [bob.offered()]);
        link.is_quiet_after(secs(40));
    }
}

#[test]
fn a_peer_that_is_gone_is_noticed_by_the_refresh() {
    for (transport, status) in [("", 408), (";transport=tcp", 503)] {
        let link = Link::new();
        let (alice, bob, _) = in_call(&link, transport);
        alice.crashes();
        alice.finds(Default::default());
        alice.is_deaf(true);
        bob.is_restarted();
        link.runs(secs(100));
        let heard = bob.heard();
        let is_it = matches!(heard[..], [EventKind::Lost { status: told, .. }] if told == status);
        assert!(is_it, "{heard:?}");
        link.runs(secs(40));
        assert_eq!(bob.settled(), [bob.offered()]);
    }
}

#[test]
fn an_interval_that_ran_out_during_the_downtime_gets_its_refresh_first() {
    let link = Link::new();
    let (_, bob, _) = in_call(&link, "");
    bob.crashes();
    link.runs(secs(250));
    bob.restarts();
    link.runs(secs(100));
    assert_eq!(bob.heard(), []);
    assert_eq!(bob.census().legs, 1);
}

#[test]
fn a_peer_without_update_is_refreshed_by_the_session_that_stands() {
    let link = Link::new();
    let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
    bob.sets(|bob| bob.picks_up = true);
    carol.says(&bob, Draft::new("INVITE", &carol, &bob).bytes());
    let answer = link.last("200 INVITE");
    let ack = Draft::new("ACK", &carol, &bob).within(&answer);
    carol.says(&bob, ack.bytes());
    bob.is_restarted();
    link.runs(secs(59));
    let refresh = link.last("INVITE");
    assert!(refresh.ends_with(std::str::from_utf8(SDP).unwrap()));
    assert_eq!(
        header(&refresh, HeaderName::From),
        header(&answer, HeaderName::To)
    );
}

#[test]
fn a_repeated_answer_gets_its_ack_again() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    link.loses_next("ACK", 1);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    alice.heard();
    alice.is_restarted();
    link.runs(secs(2));
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
    assert_eq!(alice.heard(), []);
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_stranger_who_repeats_an_answer_gets_nothing() {
    let link = Link::new();
    let (alice, bob, _) = in_call(&link, "");
    let carol = link.stranger("carol");
    alice.is_restarted();
    let forged = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK00000000000000000000000000000001\n\
        From: <sip:caller@example.com>;tag=0123456789abcdef\nTo: <sip:bob@192.0.2.2>;tag=x\nCall-ID: y\nCSeq: 1 INVITE\n\n";
    link.turns_the_page();
    carol.says(&alice, crate::support::sip(forged));
    assert_eq!(link.ladder(), ["carol→alice 200 INVITE"]);
    assert_eq!(bob.heard(), []);
}

#[test]
fn a_reinvite_repeated_because_its_answer_was_lost_is_answered_again() {
    let link = Link::new();
    let (alice, bob, call) = in_call(&link, "");
    bob.sets(|bob| bob.agrees = false);
    alice.reinvites(call).unwrap();
    link.runs(ms(100));
    bob.crashes();
    bob.sets(|bob| bob.agrees = true);
    bob.restarts();
    link.runs(secs(20));
    assert_eq!(bob.heard().len(), 1);
    let heard = alice.heard();
    assert!(
        matches!(heard[..], [EventKind::ReinviteRejected { status: 500 }]),
        "{heard:?}"
    );
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_request_repeated_across_the_restart_is_answered_again_but_an_older_one_is_not() {
    let link = Link::new();
    let (bob, carol) = (link.phone("bob"), link.stranger("carol"));
    bob.sets(|bob| bob.picks_up = true);
    carol.says(&bob, Draft::new("INVITE", &carol, &bob).bytes());
    let answer = link.last("200 INVITE");
    let inside = |method: &str, cseq: u32, branch: &str| {
        let request = Draft::new(method, &carol, &bob).within(&answer);
        request.cseq(cseq).branch(branch)
    };
    carol.says(&bob, inside("ACK", 1, "a").bytes());
    carol.says(&bob, inside("UPDATE", 2, "b").body(SDP).bytes());
    carol.says(&bob, inside("UPDATE", 3, "c").body(SDP).bytes());
    bob.is_restarted();
    bob.is_restarted();
    carol.gets();
    carol.says(&bob, inside("UPDATE", 2, "b").body(SDP).bytes());
    carol.says(&bob, inside("UPDATE", 3, "c").body(SDP).bytes());
    carol.says(&bob, inside("UPDATE", 3, "d").body(SDP).bytes());
    assert_eq!(carol.got(), ["500 UPDATE", "200 UPDATE", "500 UPDATE"]);
}

#[test]
fn our_reinvite_cut_off_by_the_restart_is_offered_again() {
    let link = Link::new();
    let (alice, bob, call) = in_call(&link, "");
    link.loses_next("200 INVITE", 1);
    alice.reinvites(call).unwrap();
    link.runs(ms(50));
    alice.crashes();
    link.runs(secs(1));
    alice.restarts();
    link.runs(secs(65));
    assert_eq!(alice.heard(), [EventKind::ReinviteAccepted]);
    assert_eq!((alice.census().legs, bob.census().legs), (1, 1));
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
    assert!(!bob.heard().contains(&EventKind::AckMissing));
}

#[test]
fn offers_of_both_sides_across_the_restart_come_to_rest() {
    let link = Link::new();
    let (alice, bob, call) = in_call(&link, "");
    alice.reinvites(call).unwrap();
    bob.reinvites(bob.offered()).unwrap();
    link.runs(ms(50));
    alice.is_restarted();
    link.runs(secs(70));
    assert_eq!((alice.census().legs, bob.census().legs), (1, 1));
    assert_eq!(alice.reinvites(call), Ok(()));
    link.runs(secs(1));
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_bye_that_waited_for_its_write_is_answered_when_it_is_repeated() {
    let link = Link::new();
    let (alice, bob, call) = in_call(&link, "");
    bob.sets(|bob| bob.releases = false);
    let standing = bob.saved();
    alice.hangs_up(call);
    link.runs(ms(100));
    assert_eq!(bob.saved(), Default::default());
    for saved in [Default::default(), standing] {
        bob.crashes();
        bob.finds(saved);
        bob.sets(|bob| bob.releases = true);
        link.runs(ms(100));
        bob.restarts();
    }
    link.runs(secs(2));
    assert_eq!(bob.heard(), [EventKind::Ended, EventKind::Ended]);
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_bye_to_a_call_whose_end_was_written_gets_481() {
    let link = Link::new();
    let (alice, bob, call) = in_call(&link, "");
    bob.sets(|bob| bob.releases = false);
    alice.hangs_up(call);
    link.runs(ms(100));
    bob.is_restarted();
    link.runs(secs(2));
    assert_eq!(link.sent("481 BYE").len(), 1);
    assert_eq!(alice.settled(), [call]);
    link.is_quiet_after(secs(40));
}

#[test]
fn two_restarts_are_as_one() {
    for transport in ["", ";transport=tcp"] {
        let link = Link::new();
        let (alice, bob, call) = in_call(&link, transport);
        bob.is_restarted();
        bob.is_restarted();
        link.runs(secs(70));
        assert_eq!(cseq(&link.last("UPDATE")), 2_001);
        assert_eq!(link.sent("200 UPDATE").len(), 1);
        alice.hangs_up(call);
        link.runs(ms(100));
        assert_eq!(bob.heard(), [EventKind::Ended]);
        link.is_quiet_after(secs(40));
    }
}
