use std::time::Duration;

use super::world::*;
use crate::engine::Limits;
use crate::outcome::{Class, EndedBy};
use crate::record::CallState;

fn world() -> World {
    World::with(settings(), Limits::default(), true)
}

fn ended(world: &World) -> (EndedBy, Class, u16) {
    let record = world
        .records
        .values()
        .next()
        .expect("the first drill is recorded");
    let outcome = record.outcome.as_ref().expect("it ended");
    (outcome.ended_by, outcome.class, outcome.sip_status)
}

#[test]
fn drill_answer_answers_at_once_any_domain() {
    for host in ["a.example", "z.example", "192.0.2.1"] {
        let mut world = world();
        let mut caller = Caller::of_domain("drill-answer", host);
        world.receives(&caller.invite(OFFER));
        let answer = world.last_sent();
        assert!(
            answer.contains("m=audio 9 RTP/AVP 8 101\r\n")
                && answer.contains("c=IN IP4 192.0.2.1\r\n"),
            "{answer}"
        );
        caller.learns(&world);
        assert_eq!(world.heard(), ["SIP/2.0 200 OK"], "{host}");
        world.receives(&caller.ack(""));
        assert_eq!(
            world.records.values().next().unwrap().state,
            CallState::Confirmed
        );
        assert!(world.unkept.iter().eq(world.records.keys()));
        world.passes(Duration::from_secs(10));
        world.receives(&caller.next("INVITE", "", OFFER));
        world.receives(&caller.ack(""));
        world.receives(&caller.next("BYE", "", ""));
        assert_eq!(world.heard(), ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
        assert_eq!(ended(&world), (EndedBy::Remote, Class::Normal, 200));
        assert!(world.events.is_empty() && world.snapshots.is_empty() && world.asks.is_empty());
        assert!(world.unkept.is_empty());
        world.everything_is_forgotten();
    }
}

#[test]
fn drill_busy_is_busy_at_once_or_after_two_seconds() {
    let mut now = world();
    now.receives(&Caller::new("drill-busy").invite(OFFER));
    assert_eq!(now.heard(), ["SIP/2.0 486 Busy Here"]);
    assert_eq!(ended(&now), (EndedBy::Local, Class::Busy, 486));
    now.everything_is_forgotten();

    let mut later = world();
    later.receives(&Caller::new("drill-486-after-2s").invite(OFFER));
    assert_eq!(later.heard(), ["SIP/2.0 180 Ringing"]);
    later.passes(Duration::from_millis(1_999));
    assert!(later.heard().is_empty());
    later.passes(Duration::from_millis(1));
    assert_eq!(later.heard(), ["SIP/2.0 486 Busy Here"]);
    later.everything_is_forgotten();
}

#[test]
fn drill_noanswer_rings_until_the_caller_or_the_timeout_ends_it() {
    let mut world = world();
    let caller = Caller::new("drill-noanswer");
    world.receives(&caller.invite(OFFER));
    world.receives(&caller.cancel(""));
    assert_eq!(
        world.heard(),
        [
            "SIP/2.0 180 Ringing",
            "SIP/2.0 200 OK",
            "SIP/2.0 487 Request Terminated"
        ]
    );
    assert_eq!(ended(&world), (EndedBy::Remote, Class::NoAnswer, 487));
    world.receives(&Caller::named("drill-noanswer", 2).invite(OFFER));
    world.passes(Duration::from_secs(180));
    assert!(
        world
            .heard()
            .contains(&"SIP/2.0 480 Temporarily Unavailable".to_owned())
    );
    world.everything_is_forgotten();
}

#[test]
fn drill_hangup_hangs_up_two_seconds_after_the_ack() {
    let mut world = world();
    let mut caller = Caller::new("drill-hangup-after-2s");
    world.receives(&caller.invite(""));
    caller.learns(&world);
    world.receives(&caller.ack(&peer_answer(42_000)));
    world.heard();
    world.passes(Duration::from_secs(2));
    assert!(world.last_sent().starts_with("BYE "));
    world.receives(&response(&world, "200 OK", "", ""));
    assert_eq!(ended(&world), (EndedBy::Local, Class::Normal, 200));
    world.everything_is_forgotten();
}

#[test]
fn an_answered_drill_without_ack_is_given_up() {
    let mut world = world();
    world.receives(&Caller::new("drill-answer").invite(OFFER));
    world.passes(Duration::from_secs(33));
    assert_eq!(ended(&world), (EndedBy::System, Class::NoAnswer, 408));
    world.everything_is_forgotten();
}

#[test]
fn drills_exist_with_dev_only() {
    let mut world = World::new();
    world.receives(&Caller::new("drill-answer").invite(OFFER));
    assert_eq!(world.heard(), ["SIP/2.0 404 Not Found"]);
    assert_eq!(world.engine.counters().drills, 0);
}

#[test]
fn one_drill_in_a_thousand_leaves_a_record_and_a_ladder() {
    let mut world = world();
    for number in 0..1_001 {
        world.receives(&Caller::named("drill-busy", number).invite(OFFER));
    }
    assert_eq!(world.records.len(), 2);
    assert_eq!(world.log.len(), 4);
    assert_eq!(world.engine.counters().drills, 1_001);
    world.everything_is_forgotten();
}

#[test]
fn a_drill_that_takes_the_leg_of_an_ended_call_leaves_no_snapshot_behind() {
    let mut world = world();
    world.receives(&Caller::new("1001").invite(OFFER));
    world.hangs_up(world.call()).unwrap();
    assert_eq!(world.snapshots.len(), 1, "the 486 waits for its ACK");
    let again = Caller::new("drill-noanswer").invite(OFFER);
    let again = again.replace("call-drill-noanswer@", "call-1001@");
    let again = again.replace("CSeq: 1 ", "CSeq: 2 ");
    world.receives(&again.replace("z9hG4bKINVITE1", "z9hG4bKINVITE2"));
    assert!(world.last_sent().starts_with("SIP/2.0 180 "));
    world.passes(Duration::from_secs(100));
    world.everything_is_forgotten();
}
