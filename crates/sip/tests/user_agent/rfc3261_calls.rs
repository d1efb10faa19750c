//! Calls from INVITE to BYE (RFC 3261 §13–§15, in the manner of RFC 3665).

use hookswitch_sip::event::{CommandRefused, EventKind};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, SDP, header, ms, secs};

#[test]
fn a_call_is_answered_and_ended_by_the_caller() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(100));
    bob.rings(bob.offered());
    link.runs(ms(100));
    bob.answers(bob.offered());
    link.runs(ms(100));
    alice.hangs_up(call);
    link.runs(ms(100));
    assert_eq!(
        link.ladder(),
        [
            "alice→bob INVITE",
            "bob→alice 100 INVITE",
            "bob→alice 180 INVITE",
            "bob→alice 200 INVITE",
            "alice→bob ACK",
            "alice→bob BYE",
            "bob→alice 200 BYE",
        ]
    );
    assert_eq!(
        alice.heard(),
        [EventKind::Progress { status: 180 }, EventKind::Answered]
    );
    assert_eq!(
        bob.heard(),
        [EventKind::Offered, EventKind::Confirmed, EventKind::Ended]
    );
    link.is_quiet_after(secs(33));
}

#[test]
fn a_call_is_ended_by_the_callee() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    alice.calls(&bob);
    link.runs(ms(100));
    bob.hangs_up(bob.offered());
    link.runs(ms(100));
    assert_eq!(alice.heard(), [EventKind::Answered, EventKind::Ended]);
    let bye = link.last("BYE");
    assert_eq!(header(&bye, HeaderName::CSeq).unwrap(), "1 BYE");
    assert!(bye.starts_with("BYE sip:hookswitch@192.0.2.1:5060 SIP/2.0\r\n"));
    link.is_quiet_after(secs(33));
}

#[test]
fn tags_call_id_and_uris_stay_the_same_through_the_call() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    alice.hangs_up(call);
    link.runs(ms(100));
    let (answer, bye) = (link.last("200 INVITE"), link.last("BYE"));
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
        assert_eq!(header(&bye, name), header(&answer, name));
        assert_eq!(header(&link.last("ACK"), name), header(&answer, name));
    }
    assert_eq!(
        header(&link.last("ACK"), HeaderName::CSeq).unwrap(),
        "1 ACK"
    );
    assert_eq!(header(&bye, HeaderName::CSeq).unwrap(), "2 BYE");
    let branch = |text: &str| header(text, HeaderName::Via).unwrap();
    assert_ne!(
        branch(&link.last("ACK")),
        branch(&link.last("INVITE")),
        "ACK to 2xx is a transaction of its own"
    );
}

#[test]
fn a_refused_call_is_acknowledged_hop_by_hop_and_forgotten() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(100));
    bob.rejects(bob.offered(), 486);
    link.runs(ms(100));
    assert_eq!(
        link.ladder(),
        [
            "alice→bob INVITE",
            "bob→alice 100 INVITE",
            "bob→alice 486 INVITE",
            "alice→bob ACK",
        ]
    );
    let (invite, ack) = (link.last("INVITE"), link.last("ACK"));
    assert_eq!(
        header(&ack, HeaderName::Via),
        header(&invite, HeaderName::Via)
    );
    assert_eq!(
        header(&ack, HeaderName::To),
        header(&link.last("486 INVITE"), HeaderName::To)
    );
    assert_eq!(
        alice.heard(),
        [EventKind::Rejected {
            status: 486,
            local: false,
            why: String::new()
        }]
    );
    link.is_quiet_after(secs(33));
}

#[test]
fn the_answer_to_a_late_offer_goes_with_the_ack() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls_uri(&bob.uri(), None);
    link.runs(ms(700));
    assert!(
        !link.last("INVITE").contains("100rel"),
        "a reliable 18x would carry the offer, and PRACK cannot answer it"
    );
    assert_eq!(alice.heard(), [EventKind::Answered]);
    assert_eq!(link.sent("ACK").len(), 0, "the owner has to answer first");
    alice
        .does(|agent, _| agent.acknowledge(call, b"v=0\r\nlate"))
        .unwrap();
    link.runs(ms(100));
    assert!(link.last("ACK").ends_with("v=0\r\nlate"));
    let bob_heard = bob.hears();
    assert_eq!(bob_heard.last().unwrap().0, EventKind::Confirmed);
    assert!(bob_heard.last().unwrap().1.ends_with("v=0\r\nlate"));
    assert_eq!(
        alice.does(|agent, _| agent.acknowledge(call, SDP)),
        Err(CommandRefused::State)
    );
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn the_ack_of_a_late_offer_counts_as_the_invite_even_after_a_prack() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    let call = alice.calls_uri(&bob.uri(), None);
    link.runs(ms(50));
    let more = format!("Require: 100rel\nRSeq: 7\nContact: <{}>", bob.uri());
    bob.answers(&alice, "INVITE", 183, &more, b"");
    assert_eq!(bob.got(), ["INVITE", "PRACK"]);
    let invite = link.last("INVITE");
    let contact = format!("Contact: <{}>", bob.uri());
    bob.says(
        &alice,
        crate::support::response(&invite, 200, &contact, SDP),
    );
    alice.does(|agent, _| agent.acknowledge(call, SDP)).unwrap();
    link.runs(ms(50));
    assert_eq!(header(&bob.last("ACK"), HeaderName::CSeq).unwrap(), "1 ACK");
}

#[test]
fn the_lost_answer_is_repeated_until_the_ack() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    link.loses_next("200 INVITE", 2);
    let call = alice.calls(&bob);
    link.runs(secs(3));
    assert_eq!(link.times("200 INVITE"), [0, 500, 1_500]);
    assert_eq!(link.sent("ACK").len(), 1);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn a_lost_ack_is_sent_again_for_the_repeated_answer() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    link.loses_next("ACK", 2);
    let call = alice.calls(&bob);
    link.runs(secs(5));
    assert_eq!(link.sent("ACK").len(), 3);
    assert_eq!(link.sent("BYE").len(), 0);
    assert_eq!(alice.heard(), [EventKind::Answered], "told once");
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
    alice.hangs_up(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn without_any_ack_the_callee_ends_the_call_after_64_t1() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).bytes());
    link.runs(secs(31));
    assert_eq!(
        link.times("200 INVITE"),
        [
            0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500
        ]
    );
    assert_eq!(bob.heard(), [EventKind::Offered]);
    link.runs(secs(2));
    assert_eq!(bob.heard(), [EventKind::AckMissing]);
    assert_eq!(link.times("200 INVITE").len(), 11);
    assert!(link.last("BYE").contains("Reason: SIP;cause=408"));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_hangup_before_the_ack_waits_for_it() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    link.loses_next("ACK", 1);
    alice.calls(&bob);
    link.runs(ms(50));
    let call = bob.offered();
    bob.answers(call);
    bob.hangs_up(call);
    link.runs(ms(400));
    assert_eq!(link.sent("BYE").len(), 0, "RFC 3261 §15");
    link.runs(ms(400));
    assert_eq!(link.sent("BYE").len(), 1);
    assert_eq!(
        bob.heard(),
        [EventKind::Offered],
        "it is over for the owner"
    );
    assert_eq!(
        bob.does(|agent, now| agent.end(now, call, None)),
        Err(CommandRefused::Gone)
    );
    link.is_quiet_after(secs(40));
}

#[test]
fn a_hangup_without_ack_happens_at_the_latest_after_64_t1() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).bytes());
    let call = bob.offered();
    bob.hangs_up(call);
    assert_eq!(
        bob.does(|agent, now| agent.end(now, call, None)),
        Err(CommandRefused::State)
    );
    link.runs(secs(33));
    assert_eq!(link.times("BYE"), [0, 500], "one, and its copy so far");
    assert_eq!(bob.heard(), [EventKind::Offered]);
    link.is_quiet_after(secs(70));
}

#[test]
fn both_hang_up_at_once() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    alice.heard();
    bob.heard();
    alice.hangs_up(call);
    bob.hangs_up(bob.offered());
    link.runs(ms(100));
    assert_eq!(
        link.sent("481 BYE").len(),
        2,
        "both dialogs are gone already"
    );
    assert_eq!(alice.heard(), []);
    assert_eq!(bob.heard(), []);
    link.is_quiet_after(secs(40));
}

#[test]
fn any_one_message_may_be_lost() {
    for number in 1..=7 {
        let link = Link::new();
        let (alice, bob) = (link.phone("alice"), link.phone("bob"));
        link.loses_number(number);
        let call = alice.calls(&bob);
        link.runs(secs(2));
        bob.rings(bob.offered());
        link.runs(secs(2));
        bob.answers(bob.offered());
        link.runs(secs(2));
        alice.hangs_up(call);
        link.runs(secs(5));
        let expected = [EventKind::Offered, EventKind::Confirmed, EventKind::Ended];
        assert_eq!(bob.heard(), expected, "message {number} is lost");
        assert_eq!(alice.heard().last(), Some(&EventKind::Answered));
        link.is_quiet_after(secs(40));
    }
}

#[test]
fn an_invite_that_expires_before_its_answer_is_487() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob).with("Expires: 20");
    alice.says(&bob, invite.bytes());
    bob.rings(bob.offered());
    link.runs(secs(19));
    assert_eq!(alice.got(), ["100 INVITE", "180 INVITE"]);
    link.runs(secs(1));
    assert_eq!(alice.got()[..1], ["487 INVITE"]);
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    link.is_quiet_after(secs(40));
}

#[test]
fn an_invite_answered_in_time_does_not_expire() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob).with("Expires: 20");
    alice.says(&bob, invite.bytes());
    bob.answers(bob.offered());
    link.runs(ms(20));
    let ack = Draft::new("ACK", &alice, &bob).within(&alice.last("200 INVITE"));
    alice.says(&bob, ack.branch("ack").bytes());
    link.runs(secs(30));
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Confirmed]);
}
