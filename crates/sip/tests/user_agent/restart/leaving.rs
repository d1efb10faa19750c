//! The leg was over for its owner, and its last word not answered.

use hookswitch_sip::event::{Commit, EventKind, Output};
use hookswitch_sip::message::HeaderName;

use crate::support::{Link, SDP, header, ms, secs};

#[test]
fn a_refusal_without_ack_is_said_again_as_it_was() {
    for transport in ["", ";transport=tcp"] {
        let link = Link::new();
        let (alice, bob) = (link.phone("alice"), link.phone("bob"));
        alice.calls_uri(&format!("{}{transport}", bob.uri()), Some(SDP));
        link.runs(ms(100));
        link.loses_next("486 INVITE", 1);
        bob.rejects(bob.offered(), 486);
        bob.is_restarted();
        link.runs(ms(100));
        let sent = link.sent("486 INVITE");
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0].text, sent[1].text);
        assert!(matches!(
            alice.heard()[..],
            [EventKind::Rejected { status: 486, .. }]
        ));
        assert_eq!(bob.heard(), [EventKind::Offered]);
        assert_eq!(bob.settled(), [bob.offered()]);
        link.is_quiet_after(secs(40));
    }
}

#[test]
fn a_bye_without_answer_is_said_again_as_it_was() {
    for transport in ["", ";transport=tcp"] {
        for caller_ends in [true, false] {
            let link = Link::new();
            let (alice, bob) = (link.phone("alice"), link.phone("bob"));
            bob.sets(|bob| bob.picks_up = true);
            let call = alice.calls_uri(&format!("{}{transport}", bob.uri()), Some(SDP));
            link.runs(ms(100));
            let (one, leg, other) = match caller_ends {
                true => (&alice, call, &bob),
                false => (&bob, bob.offered(), &alice),
            };
            link.loses_next("BYE", 1);
            one.hangs_up(leg);
            one.heard();
            one.is_restarted();
            link.runs(ms(100));
            let sent = link.sent("BYE");
            assert_eq!(sent.len(), 2);
            assert_eq!(sent[0].text, sent[1].text);
            assert_eq!(other.heard().last(), Some(&EventKind::Ended));
            assert_eq!(one.heard(), []);
            assert_eq!(one.settled(), [leg]);
            link.is_quiet_after(secs(40));
        }
    }
}

#[test]
fn a_bye_nobody_answers_is_given_up_after_64_t1() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    bob.crashes();
    alice.hangs_up(call);
    alice.is_restarted();
    link.runs(ms(31_900));
    assert_eq!(alice.settled(), []);
    link.runs(ms(200));
    assert_eq!(alice.settled(), [call]);
}

#[test]
fn a_bye_that_waited_for_an_address_asks_again() {
    let link = Link::new();
    let (alice, carol) = (link.phone("alice"), link.stranger("carol"));
    let call = alice.calls_uri(&carol.uri(), Some(SDP));
    link.runs(ms(50));
    carol.answers(
        &alice,
        "INVITE",
        200,
        "Contact: <sip:carol@far.example.com>",
        SDP,
    );
    alice.waits_for_names(true);
    carol.gets();
    alice.does(|agent, now| agent.end(now, call, None)).unwrap();
    alice.is_restarted();
    let question = alice.asked().last().cloned().unwrap();
    assert_eq!(question.host, "far.example.com");
    alice.locates(&question, Ok(vec![carol.flow()]));
    link.runs(ms(50));
    assert!(carol.got().contains(&"BYE".to_owned()));
}

#[test]
fn what_owes_nothing_leaves_nothing_and_is_settled_at_once() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(100));
    let leg = bob.offered();
    alice.cancels(call);
    link.runs(ms(15));
    assert_eq!(bob.heard(), [EventKind::Offered, EventKind::Cancelled]);
    assert_eq!(bob.settled(), [], "its 487 has no ACK yet");
    link.runs(ms(100));
    assert_eq!((alice.settled(), bob.settled()), (vec![call], vec![leg]));
    assert_eq!(alice.saved().len() + bob.saved().len(), 0);
    link.is_quiet_after(secs(40));
}

#[test]
fn what_is_held_waits_for_its_write_and_so_do_its_repetitions() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    let waits = |agent: &mut hookswitch_sip::user_agent::UserAgent| -> Vec<Commit> {
        let mut waits = Vec::new();
        while let Some(output) = agent.poll_output() {
            if let Output::Transmit(transmit) = output {
                waits.push(transmit.after);
            }
        }
        waits
    };
    let (first, again) = alice.does(|agent, now| {
        agent.end(now, call, None).unwrap();
        agent.hold(call, Commit(9));
        let first = waits(agent);
        let mut later = now;
        later.instant = later.instant + ms(600);
        agent.handle_timeout(later);
        (first, waits(agent))
    });
    assert_eq!((first, again), (vec![Commit(9)], vec![Commit(9)]));
}

#[test]
fn the_reason_of_the_end_survives() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(100));
    link.loses_next("200 INVITE", 1);
    bob.answers(bob.offered());
    let leg = bob.offered();
    bob.does(|agent, now| agent.end(now, leg, Some("Q.850;cause=16")))
        .unwrap();
    bob.is_restarted();
    link.runs(secs(1));
    let reason = header(&link.last("BYE"), HeaderName::Reason);
    assert_eq!(reason.as_deref(), Some("Q.850;cause=16"));
    link.is_quiet_after(secs(40));
}
