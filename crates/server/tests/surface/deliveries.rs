//! What applications miss: told again by itself, after a crash too, listed with every try, and replayed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};

use crate::world::{SOON, World, device_media};

/// An application that takes every call and answers everything else with the status of the moment.
fn world_answering_tells_with(status: &Arc<AtomicU16>) -> World {
    let status = Arc::clone(status);
    World::with_script(Transport::Udp, move |callback: &Callback| {
        if callback.name == "newRemoteCall" {
            return Answer::Json(200, json!({"answer": device_media()}));
        }
        Answer::Json(status.load(Ordering::Relaxed), json!({}))
    })
}

fn deliveries(world: &World, query: &str) -> Vec<Value> {
    let path = format!("/v1/acme.test/deliveries?{query}");
    let reply = world.tenant.request("GET", &path, None).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["deliveries"].as_array().unwrap().clone()
}

/// The deliveries that fit, once there are so many.
fn deliveries_soon(world: &World, query: &str, count: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let found = deliveries(world, query);
        if found.len() == count {
            return found;
        }
        assert!(began.elapsed() < SOON, "{query}: {found:?}");
        std::thread::yield_now();
    }
}

#[test]
fn what_an_application_failed_to_take_comes_after_a_crash_with_the_same_id_and_one_end() {
    let status = Arc::new(AtomicU16::new(500));
    let mut world = world_answering_tells_with(&status);
    world.calls("uac_call_and_bye", "1001");
    world.hears("callAnswered");
    let waiting = deliveries_soon(&world, "state=pending", 2);
    world.server.kill().unwrap();
    status.store(200, Ordering::Relaxed);
    world.server.start_again().unwrap();
    world.hears("callHungup");
    let delivered = deliveries_soon(&world, "state=delivered", 3);
    let tries = delivered[1]["tries"].as_array().unwrap();
    assert_eq!(tries[0]["status"], json!(500), "{tries:?}");
    assert_eq!(tries[tries.len() - 1]["status"], json!(200), "{tries:?}");
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for callback in world.application.callbacks() {
        let id = callback.header("webhook-id").unwrap().to_owned();
        ids.entry(callback.name).or_default().push(id);
    }
    for waiting in &waiting {
        let ids = ids.get_mut(waiting["event"].as_str().unwrap()).unwrap();
        ids.dedup();
        assert_eq!(*ids, [waiting["webhookId"].as_str().unwrap()]);
    }
}

#[test]
fn events_of_a_call_arrive_in_order_when_the_first_one_fails_at_first() {
    let status = Arc::new(AtomicU16::new(503));
    let world = world_answering_tells_with(&status);
    world.calls("uac_call_and_bye", "1001");
    world.hears("callAnswered");
    status.store(200, Ordering::Relaxed);
    world.hears("callHungup");
    let heard = world.application.callbacks();
    let names: Vec<&str> = heard.iter().map(|heard| heard.name.as_str()).collect();
    let last = names.iter().rposition(|name| *name == "callAnswered");
    let end = names.iter().position(|name| *name == "callHungup");
    assert!(last < end, "{names:?}");
}

#[test]
fn what_was_refused_for_good_is_replayed_one_by_one_and_all_at_once() {
    let status = Arc::new(AtomicU16::new(400));
    let world = world_answering_tells_with(&status);
    world.calls("uac_call_and_bye", "1001");
    let failed = deliveries_soon(&world, "state=failed", 2);
    assert_eq!(failed[0]["tries"][0]["status"], json!(400));
    status.store(200, Ordering::Relaxed);
    let path = "/v1/acme.test/deliveries";
    let one = format!("{path}/{}/replay", failed[0]["id"].as_str().unwrap());
    let reply = world.tenant.request("POST", &one, Some(&json!({})));
    assert_eq!(reply.unwrap().status, 200);
    deliveries_soon(&world, "state=delivered&event=callAnswered", 1);
    let all = format!("{path}/replay");
    let reply = world
        .tenant
        .request("POST", &all, Some(&json!({})))
        .unwrap();
    assert_eq!(reply.body["replayed"], json!(1), "{}", reply.body);
    let ended = deliveries_soon(&world, "state=delivered&event=callHungup", 1);
    assert_eq!(ended[0]["tries"].as_array().unwrap().len(), 2);
    assert_eq!(ended[0]["webhookId"], failed[1]["webhookId"]);
}

/// A callback's SRTP keys, as the peer of `uac_srtp_call` sends them.
const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

#[test]
fn srtp_keys_reach_the_application_and_stay_nowhere_else() {
    let device = "ZGV2aWNlIGtleSBkZXZpY2Uga2V5IGRldmljZSBr";
    let crypto = |key: &str| json!([{"id": 1, "suite": "AES_CM_128_HMAC_SHA1_80", "config": format!("inline:{key}")}]);
    let mut media = device_media();
    media["crypto"] = crypto(device);
    let mut world = World::with_script(Transport::Udp, move |callback: &Callback| {
        if callback.name == "newRemoteCall" {
            return Answer::Json(200, json!({"answer": media}));
        }
        Answer::ok()
    });
    world.calls("uac_srtp_call", "1001");
    world.hears("callHungup");
    for name in ["newRemoteCall", "callAnswered"] {
        let heard = world.hears(name);
        assert_eq!(heard.body["crypto"], crypto(KEY), "{name}");
    }
    deliveries_soon(&world, "state=delivered", 3);
    let list = deliveries(&world, "limit=1");
    let call = list[0]["call"].as_str().unwrap().to_owned();
    for path in [
        "/v1/acme.test/deliveries".to_owned(),
        "/v1/acme.test/events".to_owned(),
        format!("/v1/acme.test/calls/{call}"),
        format!("/v1/acme.test/calls/{call}/ladder"),
    ] {
        let reply = world.tenant.request("GET", &path, None).unwrap();
        let text = reply.body.to_string();
        assert!(text.contains(&call) || path.ends_with("ladder"), "{text}");
        for key in [KEY, device] {
            assert!(!text.contains(key), "{path}: {text}");
        }
    }
    world.server.signal("TERM").unwrap();
    world.server.wait().unwrap();
    let data = world.server.folder().join("data");
    let mut looked_at = 0;
    for file in std::fs::read_dir(data).unwrap() {
        let file = file.unwrap().path();
        looked_at += usize::from(contains(&file, b"callHungup"));
        for key in [KEY, device] {
            assert!(!contains(&file, key.as_bytes()), "{}", file.display());
        }
    }
    assert!(looked_at > 0, "the events lie in one of the files");
}

fn contains(file: &Path, octets: &[u8]) -> bool {
    let content = std::fs::read(file).unwrap_or_default();
    content.windows(octets.len()).any(|window| window == octets)
}
