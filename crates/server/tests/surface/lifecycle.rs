//! Starting, saying no in time, and what can be read afterwards.

use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::server::Server;
use hookswitch_rig::sipp::Transport;
use serde_json::json;

use crate::world::{World, hookswitch};

#[test]
fn above_its_limit_a_server_refuses_with_retry_after() {
    let options = ["--max-calls", "1"];
    let script = |_: &Callback| Answer::ok();
    let world = World::with_options(Transport::Udp, script, &options, &json!({}));
    let first = world.caller("uac_busy", "1001");
    let announced = world.hears("newRemoteCall");
    world.calls("uac_overload", "1002");
    world.hangs_up(&announced.text("replyId"));
    world.holds(first);
    world.heard_one_whole_story(&["newRemoteCall", "callHungup"]);
}

#[test]
fn a_folder_serves_one_server() {
    let server = Server::start(hookswitch(), &[]).unwrap();
    let data = server.folder().join("data");
    let second = std::process::Command::new(hookswitch())
        .args(["serve", "--dev", "--data", data.to_str().unwrap()])
        .args(["--http", "127.0.0.1:0", "--sip", "udp:127.0.0.1:0"])
        .output()
        .unwrap();
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(
        !second.status.success() && error.contains("is in use by another hookswitch"),
        "{error}"
    );
}

#[test]
fn calls_and_their_ladder_can_be_read_afterwards() {
    let world = World::answering(Transport::Udp);
    world.calls("uac_call_and_bye", "1001");
    world.ends_with("callHungup", "normal", "remote");
    let calls = world
        .tenant
        .request("GET", "/v1/acme.test/calls", None)
        .unwrap();
    let call = &calls.body["calls"][0];
    assert_eq!(call["state"], json!("ended"), "{}", calls.body);
    let path = format!("/v1/acme.test/calls/{}", call["id"].as_str().unwrap());
    let detail = world.tenant.request("GET", &path, None).unwrap().body;
    let events = detail["call"]["events"].as_array().unwrap();
    let names: Vec<&str> = events
        .iter()
        .filter_map(|event| event["name"].as_str())
        .collect();
    assert_eq!(names, ["newRemoteCall", "callAnswered", "callHungup"]);
    let ladder = world
        .tenant
        .request("GET", &format!("{path}/ladder"), None)
        .unwrap();
    let lines = ladder.body["ladder"].as_array().unwrap();
    let summaries: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["summary"].as_str())
        .collect();
    for expected in ["INVITE", "newRemoteCall", "200", "ACK", "BYE", "callHungup"] {
        let found = summaries.iter().any(|summary| summary.contains(expected));
        assert!(found, "{expected} in {summaries:?}");
    }
}
