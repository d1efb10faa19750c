//! Requests inside a dialog (RFC 3261 §12.2, §14, §15).

use hookswitch_sip::event::{CommandRefused, Commit, EventKind, Rejection};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, Phone, SDP, Stranger, header, ms, response, secs};

/// A confirmed call from a stranger to a phone; the 200 tells the dialog.
fn talking() -> (Link, Stranger, Phone, String) {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).bytes());
    let answer = alice.last("200 INVITE");
    let ack = Draft::new("ACK", &alice, &bob)
        .within(&answer)
        .branch("ack");
    alice.says(&bob, ack.without_body().bytes());
    bob.heard();
    alice.gets();
    (link, alice, bob, answer)
}

fn inside(method: &str, alice: &Stranger, bob: &Phone, answer: &str, cseq: u32) -> Draft {
    Draft::new(method, alice, bob)
        .within(answer)
        .cseq(cseq)
        .branch(&format!("{method}{cseq}"))
}

#[test]
fn a_request_with_a_lower_cseq_is_500() {
    let (_link, alice, bob, answer) = talking();
    alice.says(&bob, inside("INFO", &alice, &bob, &answer, 10).bytes());
    alice.says(&bob, inside("INFO", &alice, &bob, &answer, 9).bytes());
    assert_eq!(alice.got(), ["200 INFO", "500 INFO"]);
    assert_eq!(bob.heard(), [EventKind::Informed]);
}

#[test]
fn another_call_id_or_tag_is_another_dialog() {
    let (_link, alice, bob, answer) = talking();
    let mut foreign = inside("BYE", &alice, &bob, &answer, 2);
    foreign.call_id = "guessed".to_owned();
    alice.says(&bob, foreign.bytes());
    let mut foreign = inside("BYE", &alice, &bob, &answer, 3);
    foreign.from = "<sip:mallory@example.org>;tag=other".to_owned();
    alice.says(&bob, foreign.bytes());
    assert_eq!(alice.got(), ["481 BYE", "481 BYE"]);
    assert_eq!(bob.heard(), []);
}

#[test]
fn requests_of_all_kinds_get_their_answers() {
    let (_link, alice, bob, answer) = talking();
    for (number, (method, expected)) in [
        ("OPTIONS", "200 OPTIONS"),
        ("INFO", "200 INFO"),
        ("SUBSCRIBE", "489 SUBSCRIBE"),
        ("NOTIFY", "489 NOTIFY"),
        ("REFER", "403 REFER"),
        ("PRACK", "481 PRACK"),
        ("MESSAGE", "405 MESSAGE"),
        ("UPDATE", "200 UPDATE"),
    ]
    .into_iter()
    .enumerate()
    {
        let cseq = u32::try_from(number).unwrap() + 2;
        alice.says(&bob, inside(method, &alice, &bob, &answer, cseq).bytes());
        assert_eq!(alice.got(), [expected]);
    }
}

#[test]
fn a_reinvite_is_offered_answered_and_acknowledged() {
    let (link, alice, bob, answer) = talking();
    let reinvite = inside("INVITE", &alice, &bob, &answer, 2);
    alice.says(&bob, reinvite.bytes());
    let expected = EventKind::Reoffered {
        invite: true,
        has_offer: true,
    };
    assert_eq!(bob.heard(), [expected]);
    assert_eq!(alice.got(), ["200 INVITE"]);
    link.runs(ms(600));
    assert_eq!(alice.got(), ["200 INVITE"], "repeated until ACK");
    let ack = inside("ACK", &alice, &bob, &answer, 2).without_body();
    alice.says(&bob, ack.bytes());
    link.runs(secs(5));
    assert_eq!(alice.got(), Vec::<String>::new());
    assert_eq!(bob.heard(), [EventKind::Refreshed]);
}

#[test]
fn the_answer_to_an_offerless_reinvite_comes_with_the_ack() {
    let (_link, alice, bob, answer) = talking();
    alice.says(
        &bob,
        inside("INVITE", &alice, &bob, &answer, 2)
            .without_body()
            .bytes(),
    );
    alice.says(
        &bob,
        inside("ACK", &alice, &bob, &answer, 2)
            .body(b"v=0\r\nanswer")
            .bytes(),
    );
    let heard = bob.hears();
    let expected = EventKind::Reoffered {
        invite: true,
        has_offer: false,
    };
    assert_eq!(heard[0].0, expected);
    assert_eq!(heard[1].0, EventKind::ReofferAnswered);
    assert!(heard[1].1.ends_with("v=0\r\nanswer"));
}

#[test]
fn a_refused_reinvite_changes_nothing() {
    let (link, alice, bob, answer) = talking();
    bob.sets(|bob| bob.agrees = false);
    let mut reinvite = inside("INVITE", &alice, &bob, &answer, 2).with("Session-Expires: 100");
    reinvite.contact = Some("<sip:moved@192.0.2.77>".to_owned());
    alice.says(&bob, reinvite.bytes());
    let leg = bob.offered();
    let before = bob.does(|agent, _| agent.leg(leg).unwrap().session_expires);
    bob.does(|agent, now| agent.answer_offer(now, leg, Err(&Rejection::new(488))))
        .unwrap();
    link.runs(ms(600));
    assert_eq!(alice.got(), ["488 INVITE", "488 INVITE"]);
    alice.says(&bob, reinvite.method("ACK").without_body().bytes());
    assert_eq!(
        bob.does(|agent, _| agent.leg(leg).unwrap().session_expires),
        before
    );
    bob.hangs_up(leg);
    link.runs(ms(20));
    assert!(
        alice
            .last("BYE")
            .starts_with("BYE sip:alice@192.0.2.1:5060 ")
    );
}

#[test]
fn a_new_contact_moves_the_target() {
    for method in ["INVITE", "UPDATE"] {
        let (link, alice, bob, answer) = talking();
        let mut moving = inside(method, &alice, &bob, &answer, 2);
        moving.contact = Some("<sip:moved@192.0.2.1:5070>".to_owned());
        alice.says(&bob, moving.bytes());
        alice.says(&bob, inside("ACK", &alice, &bob, &answer, 2).bytes());
        bob.hangs_up(bob.offered());
        link.runs(ms(20));
        let bye = link.last("BYE");
        assert!(
            bye.starts_with("BYE sip:moved@192.0.2.1:5070 SIP/2.0\r\n"),
            "{bye}"
        );
    }
}

#[test]
fn a_peer_moves_the_target_by_its_answer_to_our_reinvite() {
    let (link, alice, bob, _answer) = talking();
    let leg = bob.offered();
    bob.reinvites(leg).unwrap();
    link.runs(ms(20));
    alice.answers(
        &bob,
        "INVITE",
        200,
        "Contact: <sip:moved@192.0.2.1:5070>",
        SDP,
    );
    assert_eq!(bob.heard(), [EventKind::ReinviteAccepted]);
    assert!(
        link.last("ACK")
            .starts_with("ACK sip:moved@192.0.2.1:5070 ")
    );
}

#[test]
fn our_reinvite_is_refused_and_the_session_goes_on() {
    let (link, alice, bob, _answer) = talking();
    let leg = bob.offered();
    bob.reinvites(leg).unwrap();
    link.runs(ms(20));
    alice.answers(&bob, "INVITE", 488, "", b"");
    assert_eq!(alice.got(), ["INVITE", "ACK"]);
    assert_eq!(bob.heard(), [EventKind::ReinviteRejected { status: 488 }]);
    bob.reinvites(leg).unwrap();
}

#[test]
fn a_request_answered_481_or_408_ends_the_dialog() {
    for status in [481, 408] {
        let (link, alice, bob, _answer) = talking();
        bob.reinvites(bob.offered()).unwrap();
        link.runs(ms(20));
        alice.answers(&bob, "INVITE", status, "", b"");
        assert_eq!(alice.got(), ["INVITE", "ACK", "BYE"]);
        let heard = bob.heard();
        let is_lost =
            |kind: &EventKind| matches!(kind, EventKind::Lost { status: s, .. } if *s == status);
        assert!(heard.len() == 1 && is_lost(&heard[0]), "{heard:?}");
        link.is_quiet_after(secs(70));
    }
}

#[test]
fn an_unanswered_reinvite_ends_the_dialog() {
    let (link, _alice, bob, _answer) = talking();
    bob.reinvites(bob.offered()).unwrap();
    link.runs(secs(33));
    let heard = bob.heard();
    assert!(
        matches!(&heard[..], [EventKind::Lost { status: 408, .. }]),
        "{heard:?}"
    );
    link.is_quiet_after(secs(70));
}

#[test]
fn bye_is_answered_when_its_owner_releases_it_and_copies_wait() {
    let (link, alice, bob, answer) = talking();
    bob.sets(|bob| bob.releases = false);
    let bye = inside("BYE", &alice, &bob, &answer, 2);
    alice.says(&bob, bye.bytes());
    alice.says(&bob, bye.bytes());
    assert_eq!(bob.heard(), [EventKind::Ended]);
    assert_eq!(alice.got(), Vec::<String>::new());
    let leg = bob.offered();
    bob.does(|agent, now| agent.release(now, leg, Default::default()));
    link.runs(ms(20));
    assert_eq!(alice.got(), ["200 BYE"]);
    link.is_quiet_after(secs(40));
}

#[test]
fn after_bye_a_leg_is_silent() {
    let (link, alice, bob, answer) = talking();
    bob.sets(|bob| bob.releases = false);
    alice.says(&bob, inside("BYE", &alice, &bob, &answer, 2).bytes());
    assert_eq!(bob.heard(), [EventKind::Ended]);
    alice.says(&bob, inside("INVITE", &alice, &bob, &answer, 3).bytes());
    alice.says(&bob, inside("UPDATE", &alice, &bob, &answer, 4).bytes());
    alice.says(&bob, inside("BYE", &alice, &bob, &answer, 5).bytes());
    assert_eq!(alice.got(), ["481 INVITE", "481 UPDATE", "200 BYE"]);
    assert_eq!(bob.heard(), []);
    let leg = bob.offered();
    bob.does(|agent, now| agent.release(now, leg, Default::default()));
    link.runs(ms(20));
    assert_eq!(alice.got(), ["200 BYE"]);
    link.is_quiet_after(secs(40));
}

#[test]
fn bye_answers_the_pending_reinvite_too() {
    let (link, alice, bob, answer) = talking();
    bob.sets(|bob| bob.agrees = false);
    let reinvite = inside("INVITE", &alice, &bob, &answer, 2);
    alice.says(&bob, reinvite.bytes());
    alice.says(&bob, inside("BYE", &alice, &bob, &answer, 3).bytes());
    assert_eq!(alice.got(), ["487 INVITE", "200 BYE"], "RFC 3261 §15.1.2");
    alice.says(&bob, reinvite.method("ACK").without_body().bytes());
    link.is_quiet_after(secs(40));
}

#[test]
fn our_hangup_answers_the_pending_reinvite_too() {
    let (link, alice, bob, answer) = talking();
    bob.sets(|bob| bob.agrees = false);
    let reinvite = inside("INVITE", &alice, &bob, &answer, 2);
    alice.says(&bob, reinvite.bytes());
    bob.hangs_up(bob.offered());
    link.runs(ms(20));
    assert_eq!(alice.got(), ["487 INVITE", "BYE"]);
    alice.says(&bob, reinvite.method("ACK").without_body().bytes());
    alice.says(&bob, response(&link.last("BYE"), 200, "", b""));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_reinvite_of_ours_that_meets_a_bye_is_forgotten() {
    let (link, alice, bob, answer) = talking();
    bob.sets(|bob| bob.releases = false);
    bob.reinvites(bob.offered()).unwrap();
    link.runs(ms(20));
    alice.says(&bob, inside("BYE", &alice, &bob, &answer, 2).bytes());
    alice.answers(&bob, "INVITE", 481, "", b"");
    assert_eq!(bob.heard(), [EventKind::Ended], "not lost as well");
    assert_eq!(link.sent("BYE").len(), 1);
    let leg = bob.offered();
    bob.does(|agent, now| agent.release(now, leg, Default::default()));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_second_invite_before_the_answer_to_the_first_is_500_with_retry_after() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).bytes());
    bob.rings(bob.offered());
    link.runs(ms(20));
    let ringing = alice.last("180 INVITE");
    alice.says(&bob, inside("INVITE", &alice, &bob, &ringing, 2).bytes());
    let wait = header(&alice.last("500 INVITE"), HeaderName::RetryAfter).unwrap();
    assert!((0..=10).contains(&wait.parse::<u32>().unwrap()));
    assert_eq!(bob.heard(), [EventKind::Offered]);
}

#[test]
fn the_name_in_to_comes_back_as_it_was_in_our_own_requests() {
    for to in [
        "\"Bob, the \\\"builder\\\"\" <sip:bob@example.com>",
        "Bob <sip:bob@example.com>;old=1",
        "sip:bob@example.com",
    ] {
        let link = Link::new();
        let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
        bob.sets(|bob| bob.picks_up = true);
        let mut invite = Draft::new("INVITE", &alice, &bob);
        invite.to = to.to_owned();
        alice.says(&bob, invite.bytes());
        let answer = alice.last("200 INVITE");
        alice.says(&bob, inside("ACK", &alice, &bob, &answer, 1).bytes());
        bob.hangs_up(bob.offered());
        link.runs(ms(20));
        assert_eq!(
            header(&alice.last("BYE"), HeaderName::From),
            header(&answer, HeaderName::To)
        );
    }
}

#[test]
fn a_reinvite_that_only_rings_is_given_up_after_the_hangup() {
    let (link, alice, bob, _answer) = talking();
    let leg = bob.offered();
    bob.reinvites(leg).unwrap();
    link.runs(ms(20));
    alice.answers(&bob, "INVITE", 180, "", b"");
    bob.hangs_up(leg);
    link.runs(ms(20));
    alice.answers(&bob, "BYE", 200, "", b"");
    link.is_quiet_after(secs(40));
}

#[test]
fn commands_for_the_other_side_of_a_call_change_nothing() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    let refused = Err(CommandRefused::State);
    assert_eq!(
        alice.does(|agent, now| agent.ring(now, call, 180, None)),
        refused
    );
    assert_eq!(
        alice.does(|agent, now| agent.accept(now, call, SDP, Commit(0))),
        refused
    );
    assert_eq!(
        alice.does(|agent, now| agent.reject(now, call, &Rejection::new(486))),
        refused
    );
    assert_eq!(alice.does(|agent, now| agent.end(now, call, None)), refused);
    assert_eq!(alice.reinvites(call), refused);
    link.runs(ms(50));
    let leg = bob.offered();
    assert_eq!(bob.does(|agent, now| agent.cancel(now, leg, None)), refused);
    assert_eq!(bob.does(|agent, now| agent.end(now, leg, None)), refused);
    assert_eq!(bob.does(|agent, _| agent.acknowledge(leg, SDP)), refused);
    bob.answers(leg);
    link.runs(ms(50));
    assert_eq!(alice.heard(), [EventKind::Answered]);
}

#[test]
fn a_contact_with_header_fields_is_called_without_them() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let mut invite = Draft::new("INVITE", &alice, &bob);
    invite.contact = Some("<sip:alice@192.0.2.1?Replaces=x>".to_owned());
    alice.says(&bob, invite.bytes());
    let answer = alice.last("200 INVITE");
    alice.says(&bob, inside("ACK", &alice, &bob, &answer, 1).bytes());
    bob.hangs_up(bob.offered());
    link.runs(ms(20));
    assert!(
        alice
            .last("BYE")
            .starts_with("BYE sip:alice@192.0.2.1 SIP/2.0\r\n")
    );
}
