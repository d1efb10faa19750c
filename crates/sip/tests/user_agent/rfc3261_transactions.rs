//! The timers of RFC 3261 §17 against virtual time, and what stays behind.

use hookswitch_sip::event::{EventKind, Output};

use crate::support::{Draft, Link, SDP, ms, secs};

fn local(status: u16) -> impl Fn(&EventKind) -> bool {
    move |kind| matches!(kind, EventKind::Rejected { status: s, local: true, .. } if *s == status)
}

#[test]
fn timers_a_and_b_repeat_the_invite_and_give_up() {
    let link = Link::new();
    let alice = link.phone("alice");
    let deaf = link.stranger("deaf");
    alice.calls_uri(&deaf.uri(), Some(SDP));
    link.runs(ms(31_999));
    let times = [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500];
    assert_eq!(link.times("INVITE"), times);
    assert_eq!(alice.heard(), []);
    link.runs(ms(1));
    assert!(alice.heard().iter().all(local(408)));
    assert_eq!(alice.census().legs, 0);
    link.is_quiet_after(secs(33));
}

#[test]
fn a_great_many_timers_at_once_are_looked_after_in_portions_and_none_is_forgotten() {
    let link = Link::new();
    let alice = link.phone("alice");
    let deaf = link.stranger("deaf");
    for _ in 0..300 {
        alice.calls_uri(&deaf.uri(), Some(SDP));
    }
    let portions = alice.does(|agent, now| {
        let mut later = now;
        later.instant = later.instant + ms(500);
        let mut portions = Vec::new();
        while agent.poll_timeout().is_some_and(|at| at <= later.instant) {
            agent.handle_timeout(later);
            let sent = std::iter::from_fn(|| agent.poll_output());
            let is_sent = |output: &Output| matches!(output, Output::Transmit(_));
            portions.push(sent.filter(is_sent).count());
        }
        portions
    });
    assert_eq!(portions, [256, 44]);
}

#[test]
fn a_provisional_response_stops_timers_a_and_b() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(secs(120));
    assert_eq!(link.sent("INVITE").len(), 1);
    assert_eq!(alice.heard(), []);
    alice.cancels(call);
    link.is_quiet_after(secs(40));
}

#[test]
fn timer_d_keeps_the_ack_for_repeated_refusals() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(50));
    link.loses_next("ACK", 3);
    bob.rejects(bob.offered(), 603);
    link.runs(secs(8));
    assert_eq!(link.times("603 INVITE"), [0, 500, 1_500, 3_500]);
    assert_eq!(link.sent("ACK").len(), 4);
    assert_eq!(alice.heard().len(), 1, "told once");
    link.is_quiet_after(secs(40));
}

#[test]
fn timers_e_and_f_repeat_a_bye_and_give_up() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    link.is_cut(true);
    alice.hangs_up(call);
    link.runs(ms(31_999));
    let times = [
        0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(link.times("BYE"), times);
    assert_eq!(alice.census().transactions, 1);
    link.runs(ms(1));
    assert_eq!(alice.census().transactions, 0);
    assert_eq!(alice.heard(), [EventKind::Answered]);
}

#[test]
fn a_provisional_response_slows_other_requests_down_to_t2() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    let call = alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(50));
    let contact = format!("Contact: <{}>", bob.uri());
    bob.answers(&alice, "INVITE", 200, &contact, SDP);
    alice.hangs_up(call);
    link.runs(ms(50));
    bob.answers(&alice, "BYE", 100, "", b"");
    link.runs(secs(9));
    assert_eq!(link.times("BYE"), [0, 4_060, 8_060]);
    link.is_quiet_after(secs(70));
}

#[test]
fn timers_g_and_h_repeat_a_refusal_and_give_up() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    alice.says(&bob, Draft::new("INVITE", &alice, &bob).bytes());
    bob.rejects(bob.offered(), 486);
    link.runs(ms(31_999));
    let times = [
        0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(link.times("486 INVITE"), times);
    assert_eq!(bob.census().transactions, 1);
    link.runs(ms(1));
    assert_eq!(bob.census().transactions, 0);
    link.is_quiet_after(secs(1));
}

#[test]
fn timer_i_absorbs_late_acks() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob);
    alice.says(&bob, invite.bytes());
    bob.rejects(bob.offered(), 486);
    link.runs(ms(50));
    let ack = invite.clone().method("ACK").without_body();
    alice.says(&bob, ack.bytes());
    alice.says(&bob, ack.bytes());
    alice.gets();
    alice.says(&bob, invite.bytes());
    link.runs(secs(4));
    assert_eq!(alice.got(), Vec::<String>::new(), "repeats are absorbed");
    assert_eq!(link.sent("486 INVITE").len(), 1);
}

#[test]
fn timer_j_repeats_the_answer_to_a_repeated_request() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    link.loses_next("200 BYE", 3);
    alice.hangs_up(call);
    link.runs(secs(10));
    assert_eq!(link.sent("BYE").len(), 4);
    assert_eq!(link.sent("200 BYE").len(), 4);
    assert_eq!(link.sent("481 BYE").len(), 0);
    let heard = bob.heard();
    let ends = heard.iter().filter(|kind| **kind == EventKind::Ended);
    assert_eq!(ends.count(), 1, "told once");
    link.is_quiet_after(secs(40));
}

#[test]
fn tombstones_are_gone_after_64_t1() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    let call = alice.calls(&bob);
    link.runs(ms(100));
    alice.hangs_up(call);
    link.runs(secs(31));
    assert!(alice.census().tombstones > 0 && bob.census().tombstones > 0);
    link.is_quiet_after(secs(2));
}

#[test]
fn a_repeated_invite_gets_the_last_provisional_response() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob).bytes();
    alice.says(&bob, &invite);
    bob.rings(bob.offered());
    link.runs(ms(50));
    alice.gets();
    alice.says(&bob, &invite);
    assert_eq!(alice.got(), ["180 INVITE"]);
    assert_eq!(bob.heard(), [EventKind::Offered], "told once");
}

#[test]
fn ringing_is_repeated_every_minute() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls(&bob);
    link.runs(ms(100));
    bob.rings(bob.offered());
    link.runs(secs(179));
    assert_eq!(link.times("180 INVITE"), [0, 60_000, 120_000]);
}

#[test]
fn the_hundred_copies_the_timestamp_and_makes_no_tag() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    let invite = Draft::new("INVITE", &alice, &bob).with("Timestamp: 54.1");
    alice.says(&bob, invite.bytes());
    let trying = alice.last("100 INVITE");
    assert!(trying.contains("Timestamp: 54.1\r\n"));
    assert!(!trying.contains(&format!("To: <{}>;tag", bob.uri())));
}

#[test]
fn over_tcp_nothing_is_repeated_but_the_answer() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    bob.sets(|bob| bob.releases = false);
    link.loses_next("ACK", 1);
    bob.answers(bob.offered());
    link.runs(secs(3));
    assert_eq!(link.times("200 INVITE"), [0, 500]);
    alice.hangs_up(call);
    link.runs(secs(20));
    assert_eq!(link.sent("INVITE").len(), 1);
    assert_eq!(link.sent("BYE").len(), 1, "a slow owner is waited for");
    let leg = bob.offered();
    bob.does(|agent, now| agent.release(now, leg, Default::default()));
    link.is_quiet_after(secs(40));
}

#[test]
fn a_refusal_over_tcp_is_sent_once() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    alice.calls_uri(&format!("{};transport=tcp", bob.uri()), Some(SDP));
    link.runs(ms(100));
    link.loses_next("ACK", 1);
    bob.rejects(bob.offered(), 404);
    link.runs(secs(20));
    assert_eq!(link.sent("404 INVITE").len(), 1);
    link.is_quiet_after(secs(40));
}

#[test]
fn responses_that_went_astray_are_dropped() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.stranger("bob"));
    alice.calls_uri(&bob.uri(), Some(SDP));
    link.runs(ms(50));
    let request = bob.last("INVITE");
    let answer = |change: &dyn Fn(&str) -> String| {
        let text = crate::support::response(&request, 486, "", b"");
        change(&String::from_utf8(text).unwrap())
    };
    for change in [
        (&|t: &str| t.replace("CSeq: 1", "CSeq: 2")) as &dyn Fn(&str) -> String,
        &|t| t.replace("1 INVITE", "1 BYE"),
        &|t| t.replace("branch=z9hG4bK", "branch=z9hG4bK0"),
        &|t| {
            t.replace(
                "Via: ",
                "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nVia: ",
            )
        },
        &|t| {
            t.replacen(
                "rport",
                "rport\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx",
                1,
            )
        },
        &|t| t.replace("From: ", "X-From: "),
    ] {
        bob.says(&alice, answer(change));
    }
    assert_eq!(alice.heard(), []);
    bob.says(&alice, answer(&|t| t.to_owned()));
    assert_eq!(alice.heard().len(), 1);
}

#[test]
fn a_refusal_before_any_other_response_is_repeated_on_demand_only() {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.tries = false);
    let invite = Draft::new("INVITE", &alice, &bob);
    alice.says(&bob, invite.bytes());
    bob.rejects(bob.offered(), 404);
    link.runs(secs(10));
    assert_eq!(alice.got(), ["404 INVITE"]);
    alice.says(&bob, invite.bytes());
    assert_eq!(alice.got(), ["404 INVITE"]);
    alice.says(&bob, invite.clone().method("ACK").without_body().bytes());
    alice.says(&bob, invite.method("CANCEL").without_body().bytes());
    assert_eq!(alice.got(), ["200 CANCEL"], "too late, but known");
    assert_eq!(bob.heard(), [EventKind::Offered]);
    link.is_quiet_after(secs(60));
}
