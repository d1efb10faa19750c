//! Reliable provisional responses (RFC 3262).

use hookswitch_sip::event::{CommandRefused, EventKind};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, Phone, SDP, Stranger, header, ms, response, secs};

/// A stranger's INVITE that requires or supports 100rel.
fn offered(line: &str) -> (Link, Stranger, Phone) {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).with(line).bytes());
    alice.gets();
    (link, alice, bob)
}

fn prack(alice: &Stranger, bob: &Phone, reliable: &str, cseq: u32) -> Draft {
    let rseq = header(reliable, HeaderName::RSeq).unwrap();
    Draft::new("PRACK", alice, bob)
        .within(reliable)
        .cseq(cseq)
        .branch(&format!("prack{cseq}"))
        .with(&format!("RAck: {rseq} 1 INVITE"))
}

#[test]
fn two_phones_ring_unreliably_without_sdp() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(50));
    bob.rings(bob.offered());
    link.runs(ms(50));
    assert_eq!(header(&link.last("180 INVITE"), HeaderName::RSeq), None);
}

#[test]
fn early_media_goes_reliably_and_is_acknowledged_by_prack() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(50));
    let leg = bob.offered();
    bob.does(|agent, now| agent.ring(now, leg, 183, Some(SDP)))
        .unwrap();
    link.runs(ms(50));
    let progress = link.last("183 INVITE");
    assert_eq!(header(&progress, HeaderName::Require).unwrap(), "100rel");
    let rseq = header(&progress, HeaderName::RSeq).unwrap();
    let prack = link.last("PRACK");
    assert_eq!(
        header(&prack, HeaderName::RAck).unwrap(),
        format!("{rseq} 1 INVITE")
    );
    assert_eq!(header(&prack, HeaderName::CSeq).unwrap(), "2 PRACK");
    bob.answers(leg);
    link.runs(ms(50));
    alice.hangs_up(call);
    link.runs(ms(50));
    assert_eq!(
        header(&link.last("ACK"), HeaderName::CSeq).unwrap(),
        "1 ACK"
    );
    assert_eq!(
        header(&link.last("BYE"), HeaderName::CSeq).unwrap(),
        "3 BYE"
    );
    assert_eq!(
        alice.heard(),
        [EventKind::Progress { status: 183 }, EventKind::Answered]
    );
    link.is_quiet_after(secs(40));
}

#[test]
fn a_caller_that_requires_it_gets_every_ringing_reliably() {
    let (link, alice, bob) = offered("Require: 100rel");
    let leg = bob.offered();
    bob.rings(leg);
    bob.does(|agent, now| agent.ring(now, leg, 183, Some(SDP)))
        .unwrap();
    link.runs(ms(20));
    assert_eq!(alice.got(), ["180 INVITE"], "one at a time");
    let first = link.last("180 INVITE");
    alice.says(&bob, prack(&alice, &bob, &first, 2).bytes());
    assert_eq!(alice.got(), ["200 PRACK", "183 INVITE"]);
    let number = |text: &str| -> u32 { header(text, HeaderName::RSeq).unwrap().parse().unwrap() };
    let second = link.last("183 INVITE");
    assert_eq!(number(&second), number(&first) + 1);
    alice.says(&bob, prack(&alice, &bob, &second, 3).bytes());
    assert_eq!(alice.got(), ["200 PRACK"]);
    bob.answers(leg);
    link.runs(ms(20));
    assert_eq!(alice.got(), ["200 INVITE"]);
}

#[test]
fn it_is_repeated_with_doubling_intervals_until_prack() {
    let (link, alice, bob) = offered("Require: 100rel");
    bob.rings(bob.offered());
    link.runs(secs(20));
    assert_eq!(
        link.times("180 INVITE"),
        [0, 500, 1_500, 3_500, 7_500, 15_500]
    );
    let ringing = link.last("180 INVITE");
    alice.says(&bob, prack(&alice, &bob, &ringing, 2).bytes());
    link.runs(secs(30));
    assert_eq!(link.sent("180 INVITE").len(), 6);
}

#[test]
fn without_prack_the_call_is_refused_after_64_t1() {
    let (link, _alice, bob) = offered("Require: 100rel");
    bob.rings(bob.offered());
    link.runs(secs(33));
    assert!(link.last("504 INVITE").starts_with("SIP/2.0 504 "));
    let heard = bob.heard();
    assert!(
        matches!(&heard[1..], [EventKind::Lost { status: 504, .. }]),
        "{heard:?}"
    );
    link.is_quiet_after(secs(40));
}

#[test]
fn the_answer_waits_for_the_prack() {
    let (link, alice, bob) = offered("Supported: 100rel");
    let leg = bob.offered();
    bob.does(|agent, now| agent.ring(now, leg, 183, Some(SDP)))
        .unwrap();
    bob.answers(leg);
    link.runs(ms(20));
    assert_eq!(alice.got(), ["183 INVITE"]);
    let refused = bob.does(|agent, now| agent.ring(now, leg, 180, None));
    assert_eq!(
        refused,
        Err(CommandRefused::State),
        "it is answered already"
    );
    let progress = link.last("183 INVITE");
    alice.says(&bob, prack(&alice, &bob, &progress, 2).bytes());
    assert_eq!(alice.got(), ["200 PRACK", "200 INVITE"]);
    let ack = Draft::new("ACK", &alice, &bob)
        .within(&progress)
        .branch("ack");
    alice.says(&bob, ack.bytes());
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
}

#[test]
fn a_prack_that_fits_nothing_is_481_and_a_copy_gets_its_answer_again() {
    let (link, alice, bob) = offered("Require: 100rel");
    bob.rings(bob.offered());
    link.runs(ms(20));
    let ringing = alice.last("180 INVITE");
    alice.gets();
    let wrong = Draft::new("PRACK", &alice, &bob)
        .within(&ringing)
        .cseq(2)
        .branch("wrong");
    alice.says(&bob, wrong.clone().with("RAck: 1 1 INVITE").bytes());
    alice.says(&bob, wrong.clone().cseq(3).branch("none").bytes());
    let right = prack(&alice, &bob, &ringing, 4);
    alice.says(&bob, right.bytes());
    alice.says(&bob, right.bytes());
    alice.says(&bob, prack(&alice, &bob, &ringing, 5).bytes());
    assert_eq!(
        alice.got(),
        [
            "481 PRACK",
            "481 PRACK",
            "200 PRACK",
            "200 PRACK",
            "481 PRACK"
        ]
    );
}

#[test]
fn a_call_without_offer_that_requires_it_cannot_ring() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob).without_body();
    alice.says(&bob, invite.with("Require: 100rel").bytes());
    let leg = bob.offered();
    let refused = bob.does(|agent, now| agent.ring(now, leg, 180, None));
    assert_eq!(refused, Err(CommandRefused::NeedsMedia));
    bob.answers(leg);
    link.runs(ms(20));
    assert_eq!(alice.got(), ["100 INVITE", "200 INVITE"]);
}

#[test]
fn reliable_ringing_is_renewed_every_minute_by_a_new_response() {
    let (link, alice, bob) = offered("Require: 100rel");
    bob.rings(bob.offered());
    link.runs(ms(20));
    let first = alice.last("180 INVITE");
    alice.says(&bob, prack(&alice, &bob, &first, 2).bytes());
    link.runs(secs(60));
    let second = alice.last("180 INVITE");
    assert_ne!(
        header(&first, HeaderName::RSeq),
        header(&second, HeaderName::RSeq)
    );
    assert_eq!(link.sent("180 INVITE").len(), 2);
}

#[test]
fn the_caller_acknowledges_copies_never_and_gaps_not_at_all() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = bob.last("INVITE");
    bob.gets();
    let reliable = |rseq: u32| {
        let more = format!("Contact: <{}>\nRequire: 100rel\nRSeq: {rseq}", bob.uri());
        response(&invite, 183, &more, SDP)
    };
    bob.says(&alice, reliable(8));
    bob.says(&alice, response(&bob.last("PRACK"), 200, "", b""));
    bob.says(&alice, reliable(8));
    bob.says(&alice, reliable(10));
    assert_eq!(bob.got(), ["PRACK"]);
    bob.says(&alice, reliable(9));
    assert_eq!(bob.got(), ["PRACK"]);
    let told = alice.heard();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_lost_prack_is_repeated() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(50));
    link.loses_next("PRACK", 2);
    link.loses_next("200 PRACK", 1);
    let leg = bob.offered();
    bob.does(|agent, now| agent.ring(now, leg, 183, Some(SDP)))
        .unwrap();
    bob.answers(leg);
    link.runs(secs(6));
    assert_eq!(alice.heard().last(), Some(&EventKind::Answered));
    let pracks = link.sent("PRACK");
    assert!(pracks.iter().all(|prack| prack.text == pracks[0].text));
    bob.hangs_up(leg);
    link.is_quiet_after(secs(40));
}

/// 183 with the answer went out reliably; the 183.
fn answered_early(link: &Link, alice: &Stranger, bob: &Phone) -> String {
    let leg = bob.offered();
    bob.does(|agent, now| agent.ring(now, leg, 183, Some(SDP)))
        .unwrap();
    link.runs(ms(20));
    bob.heard();
    let progress = alice.last("183 INVITE");
    alice.gets();
    progress
}

const NEW_OFFER: EventKind = EventKind::Reoffered {
    invite: false,
    has_offer: true,
};

#[test]
fn an_offer_in_prack_is_answered_in_its_200() {
    let (link, alice, bob) = offered("Supported: 100rel");
    let progress = answered_early(&link, &alice, &bob);
    let offer = prack(&alice, &bob, &progress, 2).body(SDP);
    alice.says(&bob, offer.bytes());
    assert_eq!(bob.heard(), [NEW_OFFER]);
    let accepted = alice.last("200 PRACK");
    assert!(accepted.as_bytes().ends_with(SDP));
    assert_eq!(header(&accepted, HeaderName::SessionExpires), None);
    link.runs(secs(10));
    assert_eq!(alice.got(), ["200 PRACK"], "the 183 is not repeated");
    bob.answers(bob.offered());
    link.runs(ms(20));
    assert_eq!(
        header(&alice.last("200 INVITE"), HeaderName::ContentLength).unwrap(),
        "0",
        "an answer to the first offer would be stale"
    );
}

#[test]
fn an_offer_in_prack_that_is_refused_ends_the_repetition_all_the_same() {
    let (link, alice, bob) = offered("Supported: 100rel");
    let progress = answered_early(&link, &alice, &bob);
    bob.answers_next_offer_with(488);
    let offer = prack(&alice, &bob, &progress, 2).body(SDP);
    alice.says(&bob, offer.bytes());
    bob.answers(bob.offered());
    link.runs(ms(20));
    assert_eq!(alice.got(), ["488 PRACK", "200 INVITE"]);
    let answer = link.last("200 INVITE");
    assert!(answer.as_bytes().ends_with(SDP), "the first answer stands");
}

#[test]
fn an_offer_in_prack_while_the_first_is_open_is_488_and_ends_the_repetition() {
    let (link, alice, bob) = offered("Require: 100rel");
    bob.rings(bob.offered());
    link.runs(ms(20));
    let ringing = alice.last("180 INVITE");
    alice.gets();
    alice.says(&bob, prack(&alice, &bob, &ringing, 2).body(SDP).bytes());
    link.runs(secs(10));
    assert_eq!(alice.got(), ["488 PRACK"]);
    bob.answers(bob.offered());
    link.runs(ms(20));
    assert_eq!(alice.got(), ["200 INVITE"]);
}

#[test]
fn the_answer_waits_for_the_answer_to_the_offer_in_prack() {
    let (link, alice, bob) = offered("Supported: 100rel");
    bob.sets(|bob| bob.agrees = false);
    let progress = answered_early(&link, &alice, &bob);
    alice.says(&bob, prack(&alice, &bob, &progress, 2).body(SDP).bytes());
    let leg = bob.offered();
    bob.answers(leg);
    link.runs(secs(3));
    assert_eq!(alice.got(), Vec::<String>::new());
    bob.does(|agent, now| agent.answer_offer(now, leg, Ok(SDP)))
        .unwrap();
    link.runs(ms(20));
    assert_eq!(alice.got(), ["200 PRACK", "200 INVITE"]);
}

#[test]
fn a_call_refused_while_prack_offers_refuses_that_offer_too() {
    let (link, alice, bob) = offered("Supported: 100rel");
    bob.sets(|bob| bob.agrees = false);
    let progress = answered_early(&link, &alice, &bob);
    let offer = prack(&alice, &bob, &progress, 2).body(SDP);
    alice.says(&bob, offer.bytes());
    bob.rejects(bob.offered(), 486);
    link.runs(ms(20));
    assert_eq!(alice.got(), ["487 PRACK", "486 INVITE"]);
}
