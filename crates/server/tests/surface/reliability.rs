//! UDP loses, repeats and reorders: what comes again, and what comes again from us.

use std::time::Duration;

use hookswitch_rig::application::Callback;
use hookswitch_rig::sipp::Transport;
use serde_json::json;

use crate::world::{World, statuses};

/// 64·T1 and what a slow machine adds.
const SIXTY_FOUR_T1: Duration = Duration::from_secs(45);

#[test]
fn a_repeated_request_gets_the_response_it_got_before() {
    let world = World::new(Transport::Udp);
    let caller = world.sipp("uac_repeated_requests").with(&["-nr"]);
    world.holds(world.starts(caller, "drill-noanswer"));
    let caller = world.sipp("uac_repeated_bye").with(&["-nr"]);
    world.holds(world.starts(caller, "drill-answer"));
}

#[test]
fn a_reliable_180_is_repeated_until_its_prack() {
    let world = World::new(Transport::Udp);
    let caller = world.sipp("uac_180_repeated_until_prack").with(&["-nr"]);
    let caller = world.starts(caller, "1001");
    let announced = world.hears("newRemoteCall");
    let ringback = json!({"replyId": announced.text("replyId")});
    world.commands("sendremotecallringbackjwt", &ringback);
    world.holds(caller);
}

#[test]
fn a_200_without_ack_is_repeated_and_then_the_call_ends() {
    let world = World::answering(Transport::Udp);
    let caller = world
        .sipp("uac_no_ack")
        .with(&["-nr"])
        .timeout(SIXTY_FOUR_T1);
    let messages = world.holds(world.starts(caller, "1001"));
    let repeated = statuses(&messages.received());
    let repeated = repeated.iter().filter(|&&status| status == 200).count();
    assert!((9..=12).contains(&repeated), "{repeated} times 200");
    world.ends_with("callHungup", "unreachable", "system");
    world.heard_one_whole_story(&["newRemoteCall", "callHungup"]);
}

#[test]
fn a_network_that_loses_a_tenth_of_everything_loses_no_call() {
    const CALLS: u32 = 20;
    let world = World::answering(Transport::Udp);
    let caller = world.sipp("uac_call_and_bye").calls(CALLS);
    let caller = caller
        .with(&["-lost", "10", "-r", "10"])
        .timeout(SIXTY_FOUR_T1);
    world.holds(world.starts(caller, "1001"));
    for call in 1..=CALLS {
        let of_call =
            |callback: &Callback| callback.text("callId").starts_with(&format!("{call}-"));
        let ended = world
            .application
            .wait_until("callHungup", SIXTY_FOUR_T1, |callback| {
                callback.name == "callHungup" && of_call(callback)
            });
        ended.expect("each call has its end");
        let names = world.application.callbacks().into_iter().filter(of_call);
        let names: Vec<String> = names.map(|callback| callback.name).collect();
        // A BYE that overtakes the repeated ACK ends a call that was never confirmed.
        let is_whole = names == ["newRemoteCall", "callAnswered", "callHungup"]
            || names == ["newRemoteCall", "callHungup"];
        assert!(is_whole, "{names:?}");
    }
}
