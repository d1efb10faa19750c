//! What is written when, and what becomes of a write that is never made.

use std::time::Duration;

use hookswitch_sip::event::Commit;

use super::world::*;
use crate::command::{Accepted, Command, CommandErrorKind};
use crate::engine::Full;
use crate::outcome::Class;
use crate::record::CallState;

const LEISURE: Duration = Duration::from_millis(500);

#[test]
fn a_call_of_an_application_takes_four_writes() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.replies_to_ask(Accepted {
        session_reference_id: Some("ref".into()),
        ..Accepted::default()
    });
    world.ringback(None).unwrap();
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    world.receives(&caller.next("BYE", "", ""));
    world.passes(Duration::from_secs(60));
    assert_eq!(world.commits, 4, "offered, answered, confirmed, ended");
}

#[test]
fn a_placed_call_takes_four_writes_and_its_invite_waits_for_the_first() {
    let mut world = World::new();
    let place = world.place();
    world.engine.handle_command(
        world.now(),
        crate::command::RequestId(99),
        Command::Place(Box::new(place)),
    );
    let locate = loop {
        match world.engine.poll_output() {
            Some(crate::engine::Output::Locate(locate)) => break locate,
            other => assert!(other.is_some(), "the peer has to be found"),
        }
    };
    world
        .engine
        .handle_located(world.now(), locate.id, Ok(vec![flow()]));
    world.pumps();
    assert!(matches!(world.reply(), Some(Ok(_))));
    assert_eq!(world.commits, 1, "the address was known at once");
    assert!(world.sent[0].after > Commit(0));
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    world.receives(&respond_to(&invite, "200 OK", "", &peer_answer(40_000)));
    let call = *world.records.keys().next().unwrap();
    world.hangs_up(call).unwrap();
    let bye = world.last_sent();
    world.receives(&respond_to(&bye, "200 OK", "", ""));
    world.passes(Duration::from_secs(60));
    assert_eq!(
        world.commits, 5,
        "placed, ringing, answered, ended; the last deletes the snapshot alone, for no other write came along"
    );
}

#[test]
fn the_reference_in_the_reply_to_the_ask_is_written_before_long() {
    let mut world = World::new();
    world.receives(&Caller::new("1001").invite(OFFER));
    let call = world.call();
    world.replies_to_ask(Accepted {
        session_reference_id: Some("ref".into()),
        ..Accepted::default()
    });
    world.ringback(None).unwrap();
    assert_eq!(world.commits, 1);
    world.passes(LEISURE);
    assert_eq!(world.commits, 2);
    assert_eq!(world.record(call).state, CallState::Ringing);
    assert_eq!(
        world.snapshots[&call].session_reference_id.as_deref(),
        Some("ref")
    );
}

#[test]
fn the_ack_of_an_answer_waits_for_its_write_every_time() {
    let mut world = World::new();
    world.places();
    let invite = world.last_sent();
    world.sent.clear();
    let answer = respond_to(&invite, "200 OK", "", &peer_answer(41_000));
    world.receives(&answer);
    world.receives(&answer);
    let acks: Vec<Commit> = world.sent.iter().map(|sent| sent.after).collect();
    assert_eq!(acks, [Commit(3), Commit(3)]);
}

#[test]
fn whatever_we_say_of_an_end_waits_for_its_write() {
    let mut world = World::new();
    let caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    let call = world.call();
    world.sent.clear();
    world.hangs_up(call).unwrap();
    assert_eq!(world.sent[0].after, Commit(2), "486");
    world.sent.clear();
    world.passes(Duration::from_secs(1));
    world.receives(&caller.invite(OFFER));
    assert!(world.sent.len() >= 2, "timer G, and a copy of the INVITE");
    assert!(world.sent.iter().all(|copy| copy.after == Commit(2)));

    let mut world = World::new();
    let caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.sent.clear();
    world.receives(&caller.cancel(""));
    assert!(
        world.sent.iter().all(|sent| sent.after == Commit(2)),
        "200 and 487"
    );
}

#[test]
fn an_offer_that_cannot_be_written_is_refused_and_no_call_to_the_application() {
    let mut world = World::new();
    world.receives(&Caller::new("1001").invite(OFFER));
    let call = world.call();
    world.events.clear();
    world.heard();
    let now = world.now();
    world.engine.handle_not_written(now, Commit(1));
    world.pumps();
    assert_eq!(world.heard(), ["SIP/2.0 500 Server Internal Error"]);
    assert!(world.names().is_empty());
    assert_eq!(
        world.record(call).outcome.as_ref().unwrap().class,
        Class::Internal
    );
    world.passes(Duration::from_secs(60));
    world.everything_is_forgotten();
}

#[test]
fn an_answer_that_cannot_be_written_ends_the_call_as_our_own_fault() {
    let mut world = World::new();
    world.receives(&Caller::new("1001").invite(OFFER));
    world.answers(device(30_000)).unwrap();
    let now = world.now();
    world.engine.handle_not_written(now, Commit(2));
    world.pumps();
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
    assert_eq!(world.outcome().class, Class::Internal);
    world.everything_is_forgotten();
}

#[test]
fn a_confirmed_call_outlives_a_write_and_tells_what_was_lost_with_the_next() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    world.events.pop();
    let now = world.now();
    world.engine.handle_not_written(now, Commit(3));
    world.pumps();
    assert_eq!(world.names(), ["newRemoteCall"]);
    world.passes(LEISURE);
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
    world.receives(&caller.next("BYE", "", ""));
    assert_eq!(world.outcome().class, Class::Normal);
    world.everything_is_forgotten();
}

#[test]
fn an_end_that_was_not_written_is_written_again_and_then_said() {
    let mut world = World::new();
    world.receives(&Caller::new("1001").invite(OFFER));
    let call = world.call();
    world.hangs_up(call).unwrap();
    world.events.pop();
    world.records.clear();
    world.snapshots.clear();
    world.sent.clear();
    let now = world.now();
    world.engine.handle_not_written(now, Commit(2));
    world.passes(Duration::from_secs(2));
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
    assert_eq!(world.record(call).state, CallState::Ended);
    assert_eq!(world.snapshots[&call].state, CallState::Ended);
    assert_eq!(world.sent.last().unwrap().after, Commit(3));
    world.passes(Duration::from_secs(60));
    world.everything_is_forgotten();
}

#[test]
fn a_snapshot_whose_deletion_was_not_written_is_deleted_later() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    let call = world.call();
    world.hangs_up(call).unwrap();
    let kept = world.snapshots[&call].clone();
    caller.learns(&world);
    let ack = caller.ack("").replace("z9hG4bKack1", "z9hG4bKINVITE1");
    world.receives(&ack);
    world.passes(Duration::from_secs(2));
    assert!(world.snapshots.is_empty());
    world.snapshots.insert(call, kept);
    let (now, commit) = (world.now(), u64::try_from(world.commits).unwrap());
    world.engine.handle_not_written(now, Commit(commit));
    world.passes(Duration::from_secs(2));
    assert!(world.snapshots.is_empty());
}

#[test]
fn the_snapshot_of_a_call_whose_end_was_not_written_stays_until_that_is() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    let call = world.call();
    let before = (world.record(call).clone(), world.snapshots[&call].clone());
    world.hangs_up(call).unwrap();
    let commit = u64::try_from(world.commits).unwrap();
    world.events.pop();
    world.records.insert(call, before.0);
    world.snapshots.insert(call, before.1);
    let now = world.now();
    world.engine.handle_not_written(now, Commit(commit));
    caller.learns(&world);
    let ack = caller.ack("").replace("z9hG4bKack1", "z9hG4bKINVITE1");
    world.receives(&ack);
    world.places();
    assert!(
        world.snapshots.contains_key(&call),
        "a crash now must find the call"
    );
    world.passes(Duration::from_secs(2));
    assert!(!world.snapshots.contains_key(&call));
    assert_eq!(world.record(call).state, CallState::Ended);
}

#[test]
fn a_write_that_was_made_is_not_mourned() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.engine.handle_store_lag(None);
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    let now = world.now();
    world.engine.handle_not_written(now, Commit(1));
    world.pumps();
    assert_eq!(world.names(), ["newRemoteCall"], "its receipt came before");
}

#[test]
fn a_call_that_could_not_be_written_before_its_address_was_known_leaves_no_open_record() {
    let mut world = World::new();
    let place = Command::Place(Box::new(world.place()));
    world.commands(place).unwrap();
    let now = world.now();
    world.engine.handle_not_written(now, Commit(1));
    world.pumps();
    let call = *world.records.keys().next().unwrap();
    assert_eq!(world.record(call).state, CallState::Ended);
    assert_eq!(
        world.commits, 2,
        "nothing between opening and end that a crash could leave"
    );
}

#[test]
fn a_write_of_this_very_microsecond_is_none_that_was_made() {
    let mut world = World::new();
    let caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.engine.handle_store_lag(Some(Duration::ZERO));
    let now = world.now();
    world.engine.handle_not_written(now, Commit(1));
    world.pumps();
    let heard = world.heard();
    let last = heard.last().map(String::as_str);
    assert_eq!(last, Some("SIP/2.0 500 Server Internal Error"));
}

#[test]
fn while_the_store_is_away_no_call_begins_and_those_there_go_on() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world
        .engine
        .handle_store_lag(Some(Duration::from_millis(1_500)));
    world.sent.clear();
    world.receives(&Caller::named("1001", 2).invite(OFFER));
    let seconds: u64 = header(&world.last_sent(), "Retry-After").parse().unwrap();
    assert!((5..=15).contains(&seconds), "{seconds}");
    assert_eq!(world.heard(), ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(
        (world.records.len(), world.commits),
        (1, 1),
        "nothing is written of it"
    );
    let place = Command::Place(Box::new(world.place()));
    let error = world.commands(place).unwrap_err();
    assert_eq!(
        (error.kind, error.http_status()),
        (CommandErrorKind::StoreAway, 503)
    );
    assert_eq!(
        world.engine.counters().refused_full[Full::StoreAway as usize],
        2
    );
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
    world
        .engine
        .handle_store_lag(Some(Duration::from_millis(150)));
    world.receives(&Caller::named("1001", 3).invite(OFFER));
    assert_eq!(world.names().len(), 3, "it is back");
}

#[test]
fn a_node_that_is_late_takes_no_further_call() {
    let mut world = World::new();
    world.engine.handle_inbox_age(Duration::from_millis(150));
    world.receives(&Caller::new("1001").invite(OFFER));
    assert_eq!(world.heard(), ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(world.engine.counters().refused_full[Full::Late as usize], 1);
    world.engine.handle_inbox_age(Duration::ZERO);
    world.receives(&Caller::named("1001", 2).invite(OFFER));
    assert_eq!(world.heard(), ["SIP/2.0 100 Trying"]);
}

#[test]
fn a_call_whose_first_write_nobody_waits_for_is_not_placed_and_not_told() {
    let mut world = World::new();
    let call = world.places();
    let now = world.now();
    assert!(world.engine.handle_unplaced(now, call));
    world.passes(Duration::from_secs(60));
    assert!(world.names().is_empty());
    assert_eq!(world.record(call).state, CallState::Ended);
    let outcome = world.record(call).outcome.as_ref().unwrap();
    assert_eq!((outcome.sip_status, outcome.class), (503, Class::Internal));
    assert!(world.traced(call, "store", "away"));
    world.everything_is_forgotten();
}

#[test]
fn a_call_that_rings_is_placed_whoever_waits_for_its_first_write() {
    let mut world = World::new();
    let call = world.places();
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    let now = world.now();
    assert!(!world.engine.handle_unplaced(now, call));
    world.receives(&respond_to(&invite, "486 Busy Here", "", ""));
    assert_eq!(world.names(), ["callNotify", "callFailed"]);
    assert!(!world.engine.handle_unplaced(now, call));
    world.everything_is_forgotten();
}

#[test]
fn a_call_the_database_did_not_take_is_its_fault_and_not_the_applications() {
    let mut world = World::new();
    world.receives(&Caller::new("1001").invite(OFFER));
    world.heard();
    let wait = Duration::from_secs(21);
    world.engine.handle_store_lag(Some(wait));
    world.passes(wait);
    assert_eq!(world.heard()[0], "SIP/2.0 503 Service Unavailable");
    assert_eq!(world.outcome().class, Class::Internal);
    assert!(world.traced(world.call(), "store", "away"));
    assert!(!world.traced(world.call(), "ask", "failed"));
    world.everything_is_forgotten();
}
