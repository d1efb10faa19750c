//! UPDATE (RFC 3311).

use hookswitch_sip::event::{EventKind, Rejection};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, Phone, SDP, Stranger, header, ms, response, secs};

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

fn update(alice: &Stranger, bob: &Phone, dialog: &str, cseq: u32) -> Draft {
    Draft::new("UPDATE", alice, bob)
        .within(dialog)
        .cseq(cseq)
        .branch(&format!("update{cseq}"))
}

#[test]
fn an_offer_by_update_is_answered_in_its_200_without_ack() {
    let (link, alice, bob, answer) = talking();
    let offer = update(&alice, &bob, &answer, 2).body(SDP);
    alice.says(&bob, offer.bytes());
    let expected = EventKind::Reoffered {
        invite: false,
        has_offer: true,
    };
    assert_eq!(bob.heard(), [expected]);
    let accepted = alice.last("200 UPDATE");
    assert!(accepted.as_bytes().ends_with(SDP));
    alice.gets();
    alice.says(&bob, offer.bytes());
    assert_eq!(alice.gets(), [accepted], "a copy gets the same");
    link.runs(secs(33));
    assert_eq!(alice.got(), Vec::<String>::new());
}

#[test]
fn a_refused_update_leaves_the_session_as_it_was() {
    let (link, alice, bob, answer) = talking();
    bob.sets(|bob| bob.agrees = false);
    alice.says(&bob, update(&alice, &bob, &answer, 2).body(SDP).bytes());
    let leg = bob.offered();
    bob.does(|agent, now| agent.answer_offer(now, leg, Err(&Rejection::new(488))))
        .unwrap();
    link.runs(secs(20));
    assert_eq!(alice.got(), ["488 UPDATE"], "sent once");
    bob.reinvites(leg).unwrap();
}

#[test]
fn an_update_without_offer_is_answered_by_itself() {
    let (_link, alice, bob, answer) = talking();
    alice.says(&bob, update(&alice, &bob, &answer, 2).bytes());
    let accepted = alice.last("200 UPDATE");
    assert!(header(&accepted, HeaderName::SessionExpires).is_some());
    assert_eq!(header(&accepted, HeaderName::ContentLength).unwrap(), "0");
    assert!(header(&accepted, HeaderName::Contact).is_some());
    assert_eq!(bob.heard(), []);
}

#[test]
fn an_offer_while_another_is_pending_is_500_with_retry_after() {
    let (_link, alice, bob, answer) = talking();
    bob.sets(|bob| bob.agrees = false);
    alice.says(&bob, update(&alice, &bob, &answer, 2).body(SDP).bytes());
    alice.says(&bob, update(&alice, &bob, &answer, 3).body(SDP).bytes());
    let refused = alice.last("500 UPDATE");
    assert!(header(&refused, HeaderName::RetryAfter).is_some());
    assert_eq!(bob.heard().len(), 1);
}

#[test]
fn an_offer_while_ours_is_pending_is_491() {
    let (link, alice, bob, answer) = talking();
    bob.reinvites(bob.offered()).unwrap();
    link.runs(ms(20));
    alice.says(&bob, update(&alice, &bob, &answer, 2).body(SDP).bytes());
    assert_eq!(alice.got(), ["INVITE", "491 UPDATE"]);
}

#[test]
fn an_offer_before_the_call_is_answered_has_to_wait() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).bytes());
    bob.rings(bob.offered());
    link.runs(ms(20));
    let ringing = alice.last("180 INVITE");
    alice.says(&bob, update(&alice, &bob, &ringing, 2).body(SDP).bytes());
    assert!(header(&alice.last("500 UPDATE"), HeaderName::RetryAfter).is_some());
    alice.says(&bob, update(&alice, &bob, &ringing, 3).bytes());
    alice.last("200 UPDATE");
    assert_eq!(bob.heard(), [EventKind::Offered]);
}

#[test]
fn an_update_inside_an_early_dialog_of_ours_moves_that_dialog_only() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    let (first, second) = (bob.flow(), link.stranger("second").flow());
    alice.will_locate(Ok(vec![first, second]));
    alice.calls_uri("sip:bob@example.com", Some(SDP));
    link.runs(ms(20));
    let invite = bob.last("INVITE");
    bob.says(&alice, response(&invite, 180, "", b""));
    let mut moving = Draft::new("UPDATE", &bob, &alice).reversed(&invite, "far");
    moving.contact = Some("<sip:elsewhere@192.0.2.9>".to_owned());
    bob.says(&alice, moving.bytes());
    assert_eq!(bob.got(), ["INVITE", "200 UPDATE"]);
    bob.says(&alice, moving.cseq(2).branch("offer").body(SDP).bytes());
    assert_eq!(
        bob.got(),
        ["491 UPDATE"],
        "our own offer is not answered yet"
    );
    bob.says(&alice, response(&invite, 503, "", b""));
    assert!(
        link.last("INVITE")
            .starts_with("INVITE sip:bob@example.com ")
    );
    assert_eq!(link.sent("INVITE").len(), 2);
}

#[test]
fn cseqs_of_two_early_dialogs_do_not_mix() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = bob.last("INVITE");
    bob.says(&alice, response(&invite, 180, "tag: one", b""));
    bob.says(&alice, response(&invite, 180, "tag: two", b""));
    bob.gets();
    for (tag, cseq) in [("one", 100), ("two", 5)] {
        let update = Draft::new("UPDATE", &bob, &alice).reversed(&invite, tag);
        bob.says(&alice, update.cseq(cseq).branch(tag).bytes());
        assert_eq!(bob.got(), ["200 UPDATE"]);
    }
}

const NEW_OFFER: EventKind = EventKind::Reoffered {
    invite: false,
    has_offer: true,
};

#[test]
fn an_offer_after_a_reliable_answer_comes_before_the_call_is_answered() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob).with("Supported: 100rel");
    alice.says(&bob, invite.bytes());
    let leg = bob.offered();
    bob.does(|agent, now| agent.ring(now, leg, 183, Some(SDP)))
        .unwrap();
    link.runs(ms(20));
    let progress = alice.last("183 INVITE");
    bob.heard();
    alice.says(&bob, update(&alice, &bob, &progress, 2).body(SDP).bytes());
    alice.last("500 UPDATE");
    let rseq = header(&progress, HeaderName::RSeq).unwrap();
    let prack = Draft::new("PRACK", &alice, &bob)
        .within(&progress)
        .cseq(3)
        .branch("prack")
        .with(&format!("RAck: {rseq} 1 INVITE"));
    alice.says(&bob, prack.bytes());
    assert_eq!(bob.heard(), [], "the answer was not acknowledged before");
    let moved = update(&alice, &bob, &progress, 4).body(SDP);
    alice.says(&bob, moved.bytes());
    assert_eq!(bob.heard(), [NEW_OFFER]);
    assert!(alice.last("200 UPDATE").as_bytes().ends_with(SDP));
    alice.gets();
    bob.answers(leg);
    link.runs(ms(20));
    let answer = alice.last("200 INVITE");
    assert_eq!(header(&answer, HeaderName::ContentLength).unwrap(), "0");
    let ack = Draft::new("ACK", &alice, &bob).within(&answer);
    alice.says(&bob, ack.branch("ack").bytes());
    assert_eq!(bob.heard(), [EventKind::Confirmed]);
    bob.hangs_up(leg);
    link.runs(ms(20));
    alice.answers(&bob, "BYE", 200, "", b"");
    link.is_quiet_after(secs(40));
}

#[test]
fn the_callee_may_offer_once_it_has_answered_reliably() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = bob.last("INVITE");
    let reliable = format!("Contact: <{}>\nRequire: 100rel\nRSeq: 8", bob.uri());
    bob.says(&alice, response(&invite, 183, &reliable, SDP));
    bob.answers(&alice, "PRACK", 200, "", b"");
    alice.heard();
    bob.gets();
    let mut moving = Draft::new("UPDATE", &bob, &alice).reversed(&invite, "far");
    moving.contact = Some("<sip:bob@192.0.2.2:5070>".to_owned());
    bob.says(&alice, moving.body(SDP).bytes());
    assert_eq!(alice.heard(), [NEW_OFFER]);
    assert!(bob.last("200 UPDATE").as_bytes().ends_with(SDP));
    bob.says(&alice, response(&invite, 200, "", b""));
    assert_eq!(alice.heard(), [EventKind::Answered]);
    assert_eq!(bob.got(), ["200 UPDATE", "ACK"]);
}

#[test]
fn a_refusal_of_the_call_refuses_the_offer_under_way_too() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.sets(|alice| alice.agrees = false);
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = bob.last("INVITE");
    let reliable = format!("Contact: <{}>\nRequire: 100rel\nRSeq: 8", bob.uri());
    bob.says(&alice, response(&invite, 183, &reliable, SDP));
    bob.answers(&alice, "PRACK", 200, "", b"");
    bob.gets();
    let offer = Draft::new("UPDATE", &bob, &alice).reversed(&invite, "far");
    bob.says(&alice, offer.body(SDP).bytes());
    bob.says(&alice, response(&invite, 486, "", b""));
    assert_eq!(bob.got(), ["ACK", "487 UPDATE"]);
    link.is_quiet_after(secs(40));
}
