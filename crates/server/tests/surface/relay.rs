//! The same calls over a network that loses, doubles and reorders: nothing is told twice, and nobody is left ringing.

use std::time::Duration;

use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::relay::{Relay, Weather};
use hookswitch_rig::sipp::{Call, Sipp, Transport};
use serde_json::json;

use crate::world::World;

/// 64·T1 and what a slow machine adds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Calls of one run.
const CALLS: u32 = 12;

/// Runs each scenario once for each of three seeds.
macro_rules! in_bad_weather {
    ($($scenario:ident),+ $(,)?) => {
        $(mod $scenario {
            #[test] fn seed_1() { super::$scenario(1); }
            #[test] fn seed_4() { super::$scenario(4); }
            #[test] fn seed_3() { super::$scenario(3); }
        })+
    };
}

in_bad_weather!(
    calls_are_answered_and_hung_up_by_the_caller,
    calls_are_hung_up_by_the_application,
    calls_are_rejected,
    calls_are_cancelled,
    placed_calls_are_answered_and_hung_up_by_the_called,
    placed_calls_are_hung_up_by_the_application,
    placed_calls_are_rejected,
    placed_calls_are_cancelled,
);

/// A world behind bad weather.
struct Storm {
    world: World,
    relay: Relay,
}

impl Storm {
    fn around(world: World, seed: u64) -> Self {
        let relay = Relay::start(world.server.udp, Weather::BAD, seed).expect("a relay starts");
        Self { world, relay }
    }

    fn sipp(&self, scenario: &str) -> Sipp {
        let sipp = self.world.sipp(scenario).calls(CALLS).timeout(PATIENCE);
        // SIPp takes whatever it does not wait for as the end of a call, unless it is told otherwise.
        sipp.with(&["-r", "12", "-default_behaviors", "all,-abortunexp"])
    }

    /// Everybody calls.
    fn callers(&self, scenario: &str) -> Call {
        let sipp = self.sipp(scenario).call("1001", self.relay.near);
        sipp.expect("SIPp starts")
    }

    /// Somebody waits for our calls, and we place them.
    fn phones(&self, scenario: &str) -> Call {
        let phones = self.sipp(scenario).listen().expect("SIPp listens");
        self.relay.leads_to(phones.address);
        for _ in 0..CALLS {
            self.world.places_call_to(self.relay.far);
        }
        phones
    }

    /// For each call the first callback `is_it` takes, as it comes.
    fn hears_of_each(
        &self,
        what: &str,
        is_it: fn(&Callback) -> bool,
    ) -> impl Iterator<Item = Callback> {
        let mut known: Vec<String> = Vec::new();
        (0..CALLS).map(move |_| {
            let is_next = |heard: &Callback| is_it(heard) && !known.contains(&heard.text("callId"));
            let came = self.world.application.wait_until(what, PATIENCE, is_next);
            let came =
                came.unwrap_or_else(|error| panic!("{error:#}\n{}", self.world.server.log()));
            known.push(came.text("callId"));
            came
        })
    }

    /// Hangs up each call once the callback `is_it` takes came for it.
    fn hangs_each_up(&self, what: &str, is_it: fn(&Callback) -> bool) {
        for heard in self.hears_of_each(what, is_it) {
            self.world.hangs_up(&heard.text("replyId"));
        }
    }

    /// Each call ended, was told of in one of these ways and in order, and is over in the books; SIPp is content.
    fn ends(&self, sipp: Call, stories: &[&[&str]]) {
        self.world.holds(sipp);
        let ended = self.hears_of_each("end", |heard| {
            ["callHungup", "callFailed"].contains(&heard.name.as_str())
        });
        let calls: Vec<String> = ended.map(|heard| heard.text("callId")).collect();
        let application = &self.world.application;
        for call in &calls {
            let heard = application.callbacks().into_iter();
            let heard: Vec<Callback> = heard
                .filter(|heard| heard.text("callId") == *call)
                .collect();
            let names: Vec<&str> = heard.iter().map(|heard| heard.name.as_str()).collect();
            assert!(stories.contains(&names.as_slice()), "{names:?}");
            let sequence: Vec<u64> = heard
                .iter()
                .filter_map(|heard| heard.body["sequence"].as_u64())
                .collect();
            assert!(
                sequence.iter().copied().eq(1..=names.len() as u64),
                "{sequence:?}"
            );
        }
        let tenant = &self.world.tenant;
        let books = tenant
            .request("GET", "/v1/acme.test/calls", None)
            .unwrap()
            .body;
        let books = books["calls"].as_array().unwrap();
        assert_eq!(books.len(), calls.len());
        assert!(
            books.iter().all(|call| call["state"] == json!("ended")),
            "{books:#?}"
        );
        let (passed, lost) = self.relay.counts();
        assert!(
            passed > 20 && lost > 0,
            "a storm that lost {lost} beside {passed} is none"
        );
    }
}

fn is_answered(callback: &Callback) -> bool {
    callback.name == "callAnswered"
}

const ANSWERED: [&[&str]; 2] = [
    &["newRemoteCall", "callAnswered", "callHungup"],
    // A BYE that overtakes the repeated ACK ends a call that was never confirmed.
    &["newRemoteCall", "callHungup"],
];

/// A 180 that is lost is not told.
const PLACED: [&[&str]; 2] = [
    &["callNotify", "callAnswered", "callHungup"],
    &["callAnswered", "callHungup"],
];

const FAILED: [&[&str]; 2] = [&["callNotify", "callFailed"], &["callFailed"]];

fn calls_are_answered_and_hung_up_by_the_caller(seed: u64) {
    let storm = Storm::around(World::answering(Transport::Udp), seed);
    storm.ends(storm.callers("uac_call_and_bye"), &ANSWERED);
}

fn calls_are_hung_up_by_the_application(seed: u64) {
    let storm = Storm::around(World::answering(Transport::Udp), seed);
    let callers = storm.callers("uac_hung_up");
    storm.hangs_each_up("callAnswered", is_answered);
    storm.ends(callers, &ANSWERED[..1]);
}

fn calls_are_rejected(seed: u64) {
    let storm = Storm::around(World::rejecting(Transport::Udp, 486), seed);
    storm.ends(storm.callers("uac_busy"), &ANSWERED[1..]);
}

fn calls_are_cancelled(seed: u64) {
    let script = |callback: &Callback| match callback.name.as_str() {
        "newRemoteCall" => Answer::Json(200, json!({"ringback": {}})),
        _ => Answer::ok(),
    };
    let storm = Storm::around(World::with_script(Transport::Udp, script), seed);
    storm.ends(storm.callers("uac_cancel_unreliable"), &ANSWERED[1..]);
}

fn placed_calls_are_answered_and_hung_up_by_the_called(seed: u64) {
    let storm = Storm::around(World::new(Transport::Udp), seed);
    storm.ends(storm.phones("uas_call_and_bye"), &PLACED);
}

fn placed_calls_are_hung_up_by_the_application(seed: u64) {
    let storm = Storm::around(World::new(Transport::Udp), seed);
    let phones = storm.phones("uas_hung_up");
    storm.hangs_each_up("callAnswered", is_answered);
    storm.ends(phones, &PLACED);
}

fn placed_calls_are_rejected(seed: u64) {
    let storm = Storm::around(World::new(Transport::Udp), seed);
    storm.ends(storm.phones("uas_busy"), &FAILED);
}

fn placed_calls_are_cancelled(seed: u64) {
    let storm = Storm::around(World::new(Transport::Udp), seed);
    let phones = storm.phones("uas_cancelled");
    storm.hangs_each_up("ringing", |callback| callback.name == "callNotify");
    storm.ends(phones, &FAILED[..1]);
}
