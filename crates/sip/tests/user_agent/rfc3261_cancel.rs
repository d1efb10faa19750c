//! CANCEL and its races (RFC 3261 §9).

use hookswitch_sip::event::{CommandRefused, EventKind};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, SDP, header, ms, response, secs};

fn rejected(status: u16, local: bool) -> impl Fn(&EventKind) -> bool {
    move |kind| matches!(kind, EventKind::Rejected { status: s, local: l, .. } if *s == status && *l == local)
}

#[test]
fn a_ringing_call_is_cancelled() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(50));
    bob.rings(bob.offered());
    link.runs(ms(50));
    alice
        .does(|agent, now| agent.cancel(now, call, Some("SIP;cause=200;text=\"elsewhere\"")))
        .unwrap();
    link.runs(ms(50));
    assert_eq!(
        link.ladder()[3..],
        [
            "alice→bob CANCEL",
            "bob→alice 200 CANCEL",
            "bob→alice 487 INVITE",
            "alice→bob ACK",
        ]
    );
    let (invite, cancel) = (link.last("INVITE"), link.last("CANCEL"));
    for name in [
        HeaderName::Via,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
    ] {
        assert_eq!(header(&cancel, name), header(&invite, name));
    }
    assert_eq!(header(&cancel, HeaderName::CSeq).unwrap(), "1 CANCEL");
    assert_eq!(
        header(&link.last("200 CANCEL"), HeaderName::To),
        header(&link.last("487 INVITE"), HeaderName::To),
        "RFC 3261 §9.2: the same tag"
    );
    let bob_heard = bob.hears();
    assert_eq!(bob_heard[1].0, EventKind::Cancelled);
    assert!(
        bob_heard[1].1.contains("elsewhere"),
        "the owner sees Reason"
    );
    assert!(rejected(487, false)(alice.heard().last().unwrap()));
    link.is_quiet_after(secs(40));
}

#[test]
fn cancel_waits_for_the_first_provisional_response_but_the_caller_does_not() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    link.delays_next("100 INVITE", ms(300));
    let call = alice.calls(&bob);
    alice.cancels(call);
    let heard = alice.heard();
    assert!(
        heard.len() == 1 && rejected(487, true)(&heard[0]),
        "{heard:?}"
    );
    link.runs(ms(200));
    assert_eq!(link.sent("CANCEL").len(), 0);
    link.runs(ms(200));
    assert_eq!(link.sent("CANCEL").len(), 1);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert_eq!(alice.heard(), [], "the end is told once");
    link.is_quiet_after(secs(40));
}

#[test]
fn a_cancelled_call_the_peer_is_silent_on_is_not_repeated() {
    let link = Link::new();
    let (alice, deaf) = (link.phone("alice"), link.stranger("deaf"));
    let call = alice.calls_uri(&deaf.uri(), Some(SDP));
    link.runs(secs(1));
    assert_eq!(link.sent("INVITE").len(), 2);
    alice.cancels(call);
    link.runs(secs(33));
    assert_eq!(link.sent("INVITE").len(), 2);
    assert_eq!(link.sent("CANCEL").len(), 0);
    let heard = alice.heard();
    assert!(
        heard.len() == 1 && rejected(487, true)(&heard[0]),
        "{heard:?}"
    );
    link.is_quiet_after(secs(40));
}

#[test]
fn a_late_answer_to_a_call_given_up_in_silence_is_ended() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    let call = alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(50));
    alice.cancels(call);
    alice.heard();
    link.runs(secs(20));
    let contact = format!("Contact: <{}>", bob.uri());
    bob.answers(&alice, "INVITE", 200, &contact, SDP);
    assert_eq!(bob.got(), ["INVITE", "ACK", "BYE"]);
    assert_eq!(alice.heard(), []);
    link.is_quiet_after(secs(70));
}

#[test]
fn a_late_refusal_of_a_call_given_up_in_silence_is_acknowledged() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    let call = alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(50));
    alice.cancels(call);
    alice.heard();
    bob.answers(&alice, "INVITE", 486, "", b"");
    assert_eq!(bob.got(), ["INVITE", "ACK"]);
    assert_eq!(alice.heard(), []);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_call_is_cancelled_before_its_host_is_found() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.waits_for_names(true);
    let call = alice.calls(&bob);
    alice.cancels(call);
    assert!(alice.heard().iter().all(rejected(487, true)));
    alice.locates(&alice.asked()[0], Ok(vec![]));
    link.is_quiet_after(ms(1));
    assert_eq!(link.ladder(), Vec::<String>::new());
}

#[test]
fn without_a_final_response_the_cancelled_call_ends_after_64_t1() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    let call = alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(50));
    bob.answers(&alice, "INVITE", 180, "", b"");
    alice.cancels(call);
    link.runs(ms(50));
    bob.answers(&alice, "CANCEL", 200, "", b"");
    bob.answers(&alice, "INVITE", 180, "", b"");
    link.runs(secs(33));
    assert!(
        rejected(487, true)(alice.heard().last().unwrap()),
        "a late 180 changes nothing"
    );
    assert_eq!(alice.census().legs, 0);
    let contact = format!("Contact: <{}>", bob.uri());
    bob.answers(&alice, "INVITE", 200, &contact, SDP);
    assert_eq!(bob.got()[2..], ["ACK", "BYE"], "a later answer is ended");
    assert_eq!(alice.heard(), []);
    link.is_quiet_after(secs(70));
}

#[test]
fn an_answer_that_crosses_the_cancel_is_ended_by_bye() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(50));
    bob.answers(bob.offered());
    alice.cancels(call);
    link.runs(ms(100));
    assert_eq!(
        link.ladder()[2..],
        [
            "bob→alice 200 INVITE",
            "alice→bob CANCEL",
            "alice→bob ACK",
            "alice→bob BYE",
            "bob→alice 200 CANCEL",
            "bob→alice 200 BYE",
        ]
    );
    assert!(alice.heard().iter().all(rejected(487, true)));
    assert_eq!(
        bob.heard(),
        [EventKind::Offered, EventKind::Confirmed, EventKind::Ended]
    );
    link.is_quiet_after(secs(40));
}

#[test]
fn an_answer_that_crosses_the_cancel_is_ended_once_even_if_the_ack_is_lost() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(50));
    bob.answers(bob.offered());
    alice.cancels(call);
    link.loses_next("ACK", 1);
    link.loses_next("BYE", 2);
    link.runs(secs(5));
    assert_eq!(link.sent("ACK").len(), 2);
    assert_eq!(link.sent("BYE").len(), 3, "one BYE and its copies");
    let branches: Vec<_> = link.sent("BYE");
    assert!(branches.iter().all(|bye| bye.text == branches[0].text));
    link.is_quiet_after(secs(40));
}

#[test]
fn an_answer_that_is_lost_meets_the_cancel() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(50));
    link.loses_next("200 INVITE", 1);
    bob.answers(bob.offered());
    link.runs(ms(50));
    alice.cancels(call);
    link.runs(secs(3));
    assert_eq!(link.sent("200 CANCEL").len(), 1, "known, but too late");
    assert_eq!(link.sent("BYE").len(), 1);
    assert!(alice.heard().iter().all(rejected(487, true)));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_refusal_crosses_the_cancel() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(50));
    bob.rejects(bob.offered(), 486);
    alice.cancels(call);
    link.runs(ms(100));
    assert!(rejected(486, false)(alice.heard().last().unwrap()));
    assert_eq!(
        link.sent("200 CANCEL").len() + link.sent("481 CANCEL").len(),
        1
    );
    assert_eq!(bob.heard(), [EventKind::Offered]);
    link.is_quiet_after(secs(40));
}

#[test]
fn cancel_and_its_answer_may_be_lost() {
    for lost in ["CANCEL", "200 CANCEL", "487 INVITE", "ACK"] {
        let link = Link::new();
        let (alice, bob) = (link.phone("alice"), link.phone("bob"));
        let call = alice.calls(&bob);
        link.runs(ms(50));
        link.loses_next(lost, 2);
        alice.cancels(call);
        link.runs(secs(10));
        assert!(
            rejected(487, false)(alice.heard().last().unwrap()),
            "{lost}"
        );
        assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
        link.is_quiet_after(secs(40));
    }
}

#[test]
fn cancel_of_an_unknown_call_is_481() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(&bob, Draft::new("CANCEL", &alice, &bob).bytes());
    assert_eq!(alice.got(), ["481 CANCEL"]);
    link.is_quiet_after(secs(33));
}

#[test]
fn a_cancelled_call_takes_no_more_commands() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(50));
    alice.cancels(call);
    link.runs(ms(50));
    let offered = bob.offered();
    let refused = bob.does(|agent, now| agent.accept(now, offered, SDP, Default::default()));
    assert_eq!(refused, Err(CommandRefused::Gone));
    let refused = bob.does(|agent, now| agent.ring(now, offered, 180, None));
    assert_eq!(refused, Err(CommandRefused::Gone));
    let refused = alice.does(|agent, now| agent.cancel(now, call, None));
    assert_eq!(refused, Err(CommandRefused::Gone));
}

#[test]
fn an_answered_call_cannot_be_cancelled() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(50));
    let refused = alice.does(|agent, now| agent.cancel(now, call, None));
    assert_eq!(refused, Err(CommandRefused::State));
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn bye_inside_the_early_dialog_is_a_cancel_too() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob);
    alice.says(&bob, invite.bytes());
    bob.rings(bob.offered());
    link.runs(ms(50));
    let bye = Draft::new("BYE", &alice, &bob)
        .within(&alice.last("180 INVITE"))
        .cseq(2)
        .branch("bye");
    alice.gets();
    alice.says(&bob, bye.bytes());
    assert_eq!(alice.got(), ["200 BYE", "487 INVITE"]);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_pending_reinvite_is_cancelled_and_the_session_stands() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| {
        bob.picks_up = true;
        bob.agrees = false;
    });
    let invite = Draft::new("INVITE", &alice, &bob);
    alice.says(&bob, invite.bytes());
    let answer = alice.last("200 INVITE");
    let ack = Draft::new("ACK", &alice, &bob)
        .within(&answer)
        .branch("ack");
    alice.says(&bob, ack.bytes());
    let again = invite.within(&answer).cseq(2).branch("again");
    alice.says(&bob, again.bytes());
    alice.gets();
    alice.says(&bob, again.bytes());
    assert_eq!(
        alice.got(),
        ["100 INVITE"],
        "a copy hears that we are at it"
    );
    alice.says(&bob, again.clone().method("CANCEL").without_body().bytes());
    assert_eq!(alice.got(), ["200 CANCEL", "487 INVITE"]);
    alice.says(&bob, again.clone().method("ACK").without_body().bytes());
    let leg = bob.offered();
    let refused = bob.does(|agent, now| agent.answer_offer(now, leg, Ok(SDP)));
    assert_eq!(refused, Err(CommandRefused::State));
    bob.hangs_up(leg);
    link.runs(ms(20));
    let bye = alice.last("BYE");
    alice.says(&bob, response(&bye, 200, "", b""));
    link.is_quiet_after(secs(40));
}
