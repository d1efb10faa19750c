//! Calls whose program died: one sentence for each state.

use std::time::Duration;

use super::world::*;
use crate::command::{Command, CommandErrorKind};
use crate::directory::Settings;
use crate::engine::{Limits, RestoreError};
use crate::event::Event;
use crate::id::CallId;
use crate::outcome::{Class, EndedBy};
use crate::record::{CallState, Identity};

const MOMENT: Duration = Duration::from_secs(2);

fn offered() -> (World, Caller) {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    caller.learns(&world);
    (world, caller)
}

fn confirmed() -> (World, Caller) {
    let (mut world, mut caller) = offered();
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    (world, caller)
}

/// ACK for a refusal: it belongs to the transaction of the INVITE (RFC 3261 §17.1.1.3).
fn refusal_ack(caller: &Caller) -> String {
    caller.ack("").replace("z9hG4bKack1", "z9hG4bKINVITE1")
}

/// The value of CSeq of the last message sent.
fn cseq(world: &World) -> u32 {
    let value = header(&world.last_sent(), "CSeq");
    value.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn an_unanswered_caller_gets_500_and_the_application_one_end() {
    for rings in [false, true] {
        let (mut world, mut caller) = offered();
        let call = world.call();
        if rings {
            world.ringback(None).unwrap();
        }
        world.restarts(MOMENT);
        assert_eq!(world.heard(), ["SIP/2.0 500 Server Internal Error"]);
        assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
        let outcome = world.outcome();
        assert_eq!(
            (outcome.ended_by, outcome.class, outcome.sip_status),
            (EndedBy::System, Class::Internal, 500)
        );
        assert!(world.traced(call, "node", "restarted"));
        assert_eq!(world.snapshots[&call].state, CallState::Ended);
        world.restarts(MOMENT);
        assert_eq!(
            world.heard(),
            ["SIP/2.0 500 Server Internal Error"],
            "the 500 has no ACK yet"
        );
        let error = world.hangs_up(call).unwrap_err();
        assert_eq!(error.kind, CommandErrorKind::CallEnded);
        world.receives(&refusal_ack(&caller));
        world.passes(Duration::from_secs(1));
        assert!(world.snapshots.is_empty(), "nothing is owed any more");
        assert_eq!(world.names().len(), 2);
        world.receives(&caller.next("BYE", "", ""));
        assert!(world.heard()[0].contains(" 481 "));
        world.everything_is_forgotten();
    }
}

#[test]
fn a_phone_that_rings_is_cancelled_and_the_end_is_told_once_it_stopped() {
    let mut world = World::new();
    let call = world.places();
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    world.restarts(MOMENT);
    assert_eq!(world.heard(), ["CANCEL sip:bob@198.51.100.7:5060 SIP/2.0"]);
    assert_eq!(world.names(), ["callNotify"], "it still rings");
    world.restarts(MOMENT);
    assert_eq!(world.heard().len(), 1, "and once more");
    world.receives(&respond_to(&invite, "487 Request Terminated", "", ""));
    assert_eq!(world.names(), ["callNotify", "callFailed"]);
    let outcome = world.outcome();
    assert_eq!((outcome.class, outcome.sip_status), (Class::Internal, 500));
    assert_eq!(world.record(call).state, CallState::Ended);
    world.restarts(MOMENT);
    assert!(world.heard().is_empty() && world.names().len() == 2);
    world.everything_is_forgotten();
}

#[test]
fn a_phone_that_may_have_got_the_invite_hears_it_again_before_the_cancel() {
    let mut world = World::new();
    world.places();
    let invite = world.last_sent();
    world.restarts(MOMENT);
    assert_eq!(world.last_sent(), invite, "the very same INVITE");
    world.sent.clear();
    world.receives(&respond_to(&invite, "100 Trying", "", ""));
    assert!(world.heard()[0].starts_with("CANCEL "));
    world.receives(&respond_to(&invite, "487 Request Terminated", "", ""));
    assert_eq!(world.names(), ["callFailed"]);
    world.everything_is_forgotten();
}

#[test]
fn a_call_whose_peer_was_never_found_fails() {
    let mut world = World::new();
    let place = world.place();
    world.commands(Command::Place(Box::new(place))).unwrap();
    world.restarts(MOMENT);
    assert!(world.heard().is_empty());
    assert_eq!(world.names(), ["callFailed"]);
    world.everything_is_forgotten();
}

#[test]
fn a_200_without_ack_is_repeated_until_the_ack_confirms_the_call() {
    let (mut world, mut caller) = offered();
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    let answer = world.last_sent();
    world.restarts(MOMENT);
    assert_eq!(world.last_sent(), answer, "the very same 200");
    world.receives(&caller.ack(""));
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
    world.receives(&caller.next("BYE", "", ""));
    assert_eq!(world.outcome().class, Class::Normal);
    world.everything_is_forgotten();
}

#[test]
fn a_200_that_never_gets_its_ack_ends_the_call() {
    let (mut world, _) = offered();
    world.answers(device(30_000)).unwrap();
    world.restarts(MOMENT);
    world.passes(Duration::from_secs(40));
    assert!(world.last_sent().starts_with("BYE "));
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
    assert_eq!(world.outcome().sip_status, 408);
    world.everything_is_forgotten();
}

#[test]
fn a_200_that_waits_for_a_prack_was_never_sent_so_the_caller_gets_500() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite_with("Require: 100rel\r\n", OFFER));
    world.ringback(None).unwrap();
    caller.learns(&world);
    world.answers(device(30_000)).unwrap();
    world.restarts(MOMENT);
    assert_eq!(world.heard(), ["SIP/2.0 500 Server Internal Error"]);
    assert_eq!(world.outcome().class, Class::Internal);
    world.receives(&refusal_ack(&caller));
    world.everything_is_forgotten();
}

#[test]
fn a_200_that_went_out_after_its_prack_is_repeated() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite_with("Require: 100rel\r\n", OFFER));
    world.ringback(None).unwrap();
    caller.learns(&world);
    world.answers(device(30_000)).unwrap();
    let rseq = header(&world.last_sent(), "RSeq");
    world.receives(&caller.next("PRACK", &format!("RAck: {rseq} 1 INVITE\r\n"), ""));
    let answer = world.last_sent();
    assert!(answer.starts_with("SIP/2.0 200 ") && answer.contains("INVITE\r\n"));
    world.restarts(MOMENT);
    assert_eq!(world.last_sent(), answer);
    world.receives(&caller.ack("").replace("CSeq: 2 ", "CSeq: 1 "));
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
}

#[test]
fn a_confirmed_call_goes_on_in_silence_and_both_sides_can_end_it() {
    for we_end in [false, true] {
        let (mut world, mut caller) = confirmed();
        let call = world.call();
        for _ in 0..2 {
            world.restarts(MOMENT);
            assert!(world.heard().is_empty(), "nobody notices");
        }
        world.receives(&caller.next("OPTIONS", "", ""));
        assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);
        if we_end {
            world.hangs_up(call).unwrap();
            assert!(world.last_sent().starts_with("BYE "));
            let bye = world.last_sent();
            world.receives(&respond_to(&bye, "200 OK", "", ""));
        } else {
            world.receives(&caller.next("BYE", "", ""));
            assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);
        }
        assert_eq!(
            world.names(),
            ["newRemoteCall", "callAnswered", "callHungup"]
        );
        assert_eq!(world.outcome().class, Class::Normal);
        assert_eq!(world.outcome().duration, 4, "the seconds of every run");
        world.everything_is_forgotten();
    }
}

#[test]
fn a_new_offer_of_the_peer_is_answered_as_if_nothing_had_been() {
    let (mut world, mut caller) = confirmed();
    world.restarts(MOMENT);
    world.receives(&caller.next("INVITE", "", &OFFER.replace("40000", "40002")));
    assert!(
        world.last_sent().contains("m=audio 30000"),
        "the device's media are known"
    );
    caller.learns(&world);
    world.receives(&caller.ack(""));
    assert_eq!(
        world.names(),
        ["newRemoteCall", "callAnswered", "callNotify"]
    );
}

#[test]
fn a_peer_that_left_during_the_downtime_is_noticed_by_the_refresh() {
    let (mut world, _) = confirmed();
    world.restarts(MOMENT);
    world.passes(Duration::from_secs(60));
    let refresh = world.last_sent();
    assert!(
        refresh.starts_with("INVITE ") || refresh.starts_with("UPDATE "),
        "{refresh}"
    );
    world.receives(&respond_to(
        &refresh,
        "481 Call/Transaction Does Not Exist",
        "",
        "",
    ));
    assert_eq!(
        world.names(),
        ["newRemoteCall", "callAnswered", "callHungup"]
    );
    assert_eq!(
        (world.outcome().class, world.outcome().sip_status),
        (Class::Unreachable, 481)
    );
    world.everything_is_forgotten();
}

#[test]
fn each_restart_leaps_over_the_cseq_numbers_of_the_runs_before() {
    let (mut world, _) = confirmed();
    let mut highest = 0;
    for _ in 0..3 {
        world.restarts(MOMENT);
        world.passes(Duration::from_secs(60));
        let refresh = world.last_sent();
        assert!(
            cseq(&world) >= highest + 1_000,
            "{} after {highest}",
            cseq(&world)
        );
        highest = cseq(&world);
        world.receives(&respond_to(&refresh, "200 OK", "", &peer_answer(40_000)));
    }
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
}

#[test]
fn the_longest_duration_counts_over_restarts() {
    let settings = Settings {
        max_call_duration: Some(Duration::from_secs(100)),
        ..settings()
    };
    let mut world = World::with(settings, Limits::default(), false);
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    world.passes(Duration::from_secs(30));
    world.restarts(Duration::from_secs(30));
    world.passes(Duration::from_secs(39));
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
    world.passes(Duration::from_secs(1));
    assert_eq!(
        (world.outcome().class, world.outcome().duration),
        (Class::Policy, 100)
    );
}

#[test]
fn a_clock_set_forward_over_a_restart_ends_no_call_while_the_machine_runs_on() {
    let settings = Settings {
        max_call_duration: Some(Duration::from_secs(100)),
        ..settings()
    };
    for same_run in [true, false] {
        let mut world = World::with(settings.clone(), Limits::default(), false);
        world.axis = Some(7);
        world.engine.handle_axis(7);
        let mut caller = Caller::new("1001");
        world.receives(&caller.invite(OFFER));
        world.answers(device(30_000)).unwrap();
        caller.learns(&world);
        world.receives(&caller.ack(""));
        world.passes(Duration::from_secs(30));
        world.set_forward = Duration::from_secs(3_600);
        world.axis = Some(if same_run { 7 } else { 8 });
        for _ in 0..2 {
            world.restarts(Duration::from_secs(10));
            world.passes(Duration::from_secs(1));
        }
        if same_run {
            world.passes(Duration::from_secs(47));
            assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
            world.passes(Duration::from_secs(1));
        }
        let outcome = world.outcome();
        assert_eq!(outcome.class, Class::Policy);
        assert_eq!(outcome.duration == 100, same_run, "{}", outcome.duration);
    }
}

#[test]
fn a_call_being_given_up_keeps_its_end() {
    let mut world = World::new();
    let call = world.places();
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    world.hangs_up(call).unwrap();
    world.restarts(MOMENT);
    assert!(world.last_sent().starts_with("CANCEL "));
    world.receives(&respond_to(&invite, "487 Request Terminated", "", ""));
    let outcome = world.outcome();
    assert_eq!(
        (outcome.ended_by, outcome.sip_status),
        (EndedBy::Local, 487)
    );
    assert_eq!(world.names(), ["callNotify", "callFailed"]);
    world.everything_is_forgotten();
}

#[test]
fn a_refusal_that_may_have_been_lost_is_said_again_and_nothing_is_told() {
    let (mut world, mut caller) = offered();
    let call = world.call();
    world.hangs_up(call).unwrap();
    let refusal = world.last_sent();
    assert!(refusal.starts_with("SIP/2.0 486 "));
    for _ in 0..2 {
        world.restarts(MOMENT);
        assert_eq!(world.last_sent(), refusal, "the very same 486");
    }
    caller.learns(&world);
    world.receives(&refusal_ack(&caller));
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
    world.passes(Duration::from_secs(1));
    assert!(world.snapshots.is_empty(), "the caller heard it");
    world.everything_is_forgotten();
}

#[test]
fn a_bye_that_may_have_been_lost_is_said_again_and_nothing_is_told() {
    let (mut world, _) = confirmed();
    let call = world.call();
    world.hangs_up(call).unwrap();
    let bye = world.last_sent();
    for _ in 0..2 {
        world.restarts(MOMENT);
        assert_eq!(world.last_sent(), bye, "the very same BYE");
    }
    world.receives(&respond_to(
        &bye,
        "481 Call/Transaction Does Not Exist",
        "",
        "",
    ));
    assert_eq!(
        world.names(),
        ["newRemoteCall", "callAnswered", "callHungup"]
    );
    world.passes(Duration::from_secs(1));
    assert!(world.snapshots.is_empty());
    world.everything_is_forgotten();
}

#[test]
fn a_peer_that_ended_the_call_itself_leaves_nothing_behind() {
    let (mut world, mut caller) = confirmed();
    world.receives(&caller.next("BYE", "", ""));
    assert!(world.snapshots.is_empty());
    let (mut world, caller) = offered();
    world.receives(&caller.cancel(""));
    assert!(world.snapshots.is_empty());
    world.restarts(MOMENT);
    assert!(world.heard().is_empty());
}

#[test]
fn a_call_is_taken_up_once() {
    let (mut world, _) = confirmed();
    let call = world.call();
    world.restarts(MOMENT);
    let snapshot = (*world.snapshots[&call]).clone();
    let now = world.now();
    let again = world.engine.restore(now, snapshot, None);
    assert_eq!(again, Err(RestoreError::Taken));
}

#[test]
fn the_phone_of_a_drill_is_released_by_what_it_says_next() {
    let mut world = World::with(settings(), Limits::default(), true);
    let mut caller = Caller::new("drill-answer");
    world.receives(&caller.invite(OFFER));
    caller.learns(&world);
    world.receives(&caller.ack(""));
    world.restarts(MOMENT);
    world.receives(&caller.next("UPDATE", "", ""));
    assert!(world.heard()[0].contains(" 481 "));
}

#[test]
fn a_call_given_up_before_anything_was_sent_has_a_snapshot_until_its_end_is_written() {
    let mut world = World::new();
    let place = Command::Place(Box::new(world.place()));
    world.commands(place).unwrap();
    let call = *world.records.keys().next().unwrap();
    world.passes(Duration::from_secs(200));
    assert_eq!(world.record(call).state, CallState::Ended);
    assert!(world.snapshots.is_empty());
}

#[test]
fn a_call_given_up_before_the_peer_said_anything_ends_also_when_its_end_was_lost() {
    let mut world = World::new();
    let call = world.places();
    assert!(world.last_sent().starts_with("INVITE "));
    let written = u64::try_from(world.commits).unwrap();
    world.torn_after = Some(written + 1);
    world.hangs_up(call).unwrap();
    assert_eq!(world.snapshots[&call].state, CallState::Cancelling);
    assert!(world.names().is_empty());
    world.restarts(MOMENT);
    assert_eq!(world.names(), ["callFailed"]);
    assert_eq!(world.outcome().ended_by, EndedBy::Local);
    world.passes(Duration::from_secs(120));
    assert_eq!(world.names(), ["callFailed"]);
    world.everything_is_forgotten();
}

#[test]
fn the_very_same_invite_is_another_call_once_the_former_owes_nothing() {
    let mut world = World::new();
    let invite = Caller::new("1001").invite(OFFER);
    world.receives(&invite);
    world.answers(device(30_000)).unwrap();
    // No ACK: BYE, which is still repeated when the very same INVITE comes again.
    world.passes(Duration::from_secs(33));
    world.receives(&invite);
    assert!(world.last_sent().starts_with("SIP/2.0 482 "));
    world.passes(Duration::from_secs(32));
    world.receives(&invite);
    world.restarts(Duration::from_millis(1));
    let names = world.names();
    assert_eq!(
        names,
        ["newRemoteCall", "callHungup", "newRemoteCall", "callHungup"]
    );
    world.everything_is_forgotten();
}

#[test]
fn of_two_snapshots_of_one_dialog_the_later_call_gets_its_end_too() {
    let mut world = World::new();
    world.receives(&Caller::new("1001").invite(OFFER));
    let mut other = world.snapshots[&world.call()].clone();
    let mut identity = Identity::clone(&other.identity);
    identity.call = CallId::from_u128(7);
    other.identity = identity.into();
    let mut asked = Event::clone(&world.events[0]);
    asked.identity = other.identity.clone();
    world.events.push(asked.into());
    world.restarts(MOMENT);
    let now = world.now();
    let restored = world.engine.restore(now, *other, None);
    assert_eq!(restored, Err(RestoreError::Overtaken));
    world.pumps();
    let names = world.names();
    assert_eq!(names[2..], ["callHungup", "callHungup"], "after two offers");
    world.everything_is_forgotten();
}

#[test]
fn a_call_whose_reinvite_was_acknowledged_is_taken_up_in_silence() {
    let (mut world, mut caller) = confirmed();
    world.receives(&caller.next("INVITE", "", OFFER));
    world.receives(&caller.ack(""));
    world.passes(MOMENT);
    world.restarts(MOMENT);
    assert_eq!(world.heard(), [""; 0], "the 200 has its ACK");
    world.receives(&caller.next("BYE", "", ""));
    assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);
}

#[test]
fn a_peer_that_moved_without_an_offer_is_found_after_a_restart() {
    let (mut world, mut caller) = confirmed();
    let call = world.call();
    let update = caller.next("UPDATE", "", "");
    world.receives(&update.replace("Contact: <sip:alice@", "Contact: <sip:alice-moved@"));
    world.passes(MOMENT);
    world.restarts(MOMENT);
    world.sent.clear();
    world.hangs_up(call).unwrap();
    assert_eq!(
        world.heard(),
        ["BYE sip:alice-moved@198.51.100.7:5060 SIP/2.0"]
    );
}
