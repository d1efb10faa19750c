//! Whatever happens in whatever order: one end for every call, and nothing is left of it.

use std::time::Duration;

use hookswitch_sip::event::Transmit;
use proptest::prelude::*;

use super::world::*;
use crate::command::{Accepted, AskAnswer, Command};

#[derive(Clone, Copy, Debug)]
enum Step {
    Invite,
    Cancel,
    Ack,
    AckWithAnswer,
    Bye,
    Reinvite,
    Ringback,
    EarlyMedia,
    Answer,
    AnswerElsewhere,
    Hangup,
    Accepted,
    Refused,
    Respond(u16),
    Pause(u64),
    Restart(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Invite),
        Just(Step::Cancel),
        Just(Step::Ack),
        Just(Step::AckWithAnswer),
        Just(Step::Bye),
        Just(Step::Reinvite),
        Just(Step::Ringback),
        Just(Step::EarlyMedia),
        Just(Step::Answer),
        Just(Step::AnswerElsewhere),
        Just(Step::Hangup),
        Just(Step::Accepted),
        Just(Step::Refused),
        prop::sample::select(vec![100, 180, 183, 200, 302, 408, 481, 486, 487, 491, 503])
            .prop_map(Step::Respond),
        prop::sample::select(vec![1, 600, 5_000, 33_000, 170_000, 400_000]).prop_map(Step::Pause),
        prop::sample::select(vec![1, 600, 40_000]).prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..24)
}

/// One end for every call that had an event, and nothing left.
fn ends_well(world: &mut World) {
    // No ACK, no answer, no refresh comes any more: every timer has its say.
    world.passes(Duration::from_secs(2_000));
    world.everything_is_forgotten();
    let ends = world
        .events
        .iter()
        .filter(|event| event.kind.is_terminal())
        .count();
    assert_eq!(
        ends,
        world.records.len(),
        "one end a call: {:?}",
        world.names()
    );
    assert!(
        world
            .records
            .values()
            .all(|record| record.outcome.is_some())
    );
}

fn is_request(sent: &Transmit) -> bool {
    !sent.bytes.starts_with(b"SIP/2.0")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn an_inbound_call_has_one_end(steps in steps(), late_offer: bool, reliable: bool) {
        let mut world = World::new();
        let mut caller = Caller::new("1001");
        let extra = if reliable { "Supported: 100rel, timer\r\n" } else { "" };
        let invite = caller.invite_with(extra, if late_offer { "" } else { OFFER });
        world.receives(&invite);
        for step in steps {
            match step {
                Step::Invite => world.receives(&invite),
                Step::Cancel => world.receives(&caller.cancel("")),
                Step::Ack => world.receives(&caller.ack("")),
                Step::AckWithAnswer => world.receives(&caller.ack(&peer_answer(42_000))),
                Step::Bye => world.receives(&caller.next("BYE", "", "")),
                Step::Reinvite => world.receives(&caller.next("INVITE", "", OFFER)),
                Step::Ringback => drop(world.ringback(None)),
                Step::EarlyMedia => drop(world.ringback(Some(device(30_000)))),
                Step::Answer => drop(world.answers(device(30_000))),
                Step::AnswerElsewhere => drop(world.answers(device(30_002))),
                Step::Hangup => drop(world.hangs_up(world.call())),
                Step::Accepted => world.replies_to_ask(Accepted::default()),
                Step::Refused => world.asked(AskAnswer::Refused { why: "no".into() }),
                // A final one: what a peer owes us for a re-INVITE it only began to answer, nobody else can end.
                Step::Respond(status @ 200..) if world.sent.last().is_some_and(is_request) => {
                    world.receives(&response(&world, &format!("{status} Whatever"), "", ""));
                }
                Step::Respond(_) => {}
                Step::Pause(millis) => world.passes(Duration::from_millis(millis)),
                Step::Restart(millis) => world.restarts(Duration::from_millis(millis)),
            }
            if world.sent.last().is_some_and(|sent| sent.bytes.starts_with(b"SIP/2.0 200")) {
                caller.learns(&world);
            }
        }
        ends_well(&mut world);
    }

    #[test]
    fn an_outbound_call_has_one_end(steps in steps(), late: bool) {
        let mut world = World::new();
        let call = if late {
            drop(world.commands(Command::Place(Box::new(world.place()))));
            *world.records.keys().next().unwrap()
        } else {
            world.places()
        };
        let mut invite = (!late).then(|| world.last_sent());
        for step in steps {
            match step {
                Step::Hangup => drop(world.hangs_up(call)),
                Step::Respond(status) => {
                    let sdp = if matches!(status, 183 | 200) { peer_answer(41_000) } else { String::new() };
                    if let Some(invite) = &invite {
                        world.receives(&respond_to(invite, &format!("{status} Whatever"), "", &sdp));
                    }
                }
                Step::Ack if world.sent.last().is_some_and(is_request) => {
                    world.receives(&response(&world, "200 OK", "", ""));
                }
                Step::Accepted => {
                    if let Some(locate) = world.locates.pop() {
                        world.engine.handle_located(world.now(), locate.id, Ok(vec![flow()]));
                        world.pumps();
                        invite = world.sent.last().map(|_| world.last_sent());
                    }
                }
                Step::Refused => {
                    world.engine.handle_flow_failure(world.now(), flow());
                    world.pumps();
                }
                Step::Pause(millis) => world.passes(Duration::from_millis(millis)),
                Step::Restart(millis) => world.restarts(Duration::from_millis(millis)),
                _ => {}
            }
        }
        while let Some(locate) = world.locates.pop() {
            world.engine.handle_located(world.now(), locate.id, Ok(Vec::new()));
            world.pumps();
        }
        ends_well(&mut world);
    }
}
