//! SIGTERM: new calls are refused, running ones are kept for a while, and the next start carries on with what is left.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use hookswitch_rig::program::Running;
use hookswitch_rig::server::Server;
use hookswitch_rig::sipp::Transport;
use serde_json::json;

use crate::world::{SOON, World, device_media, hookswitch};

#[test]
fn a_draining_server_keeps_its_calls_and_takes_no_new_ones() {
    let mut world = World::answering(Transport::Udp);
    let running = world.caller("uac_hung_up", "1001");
    let answered = world.hears("callAnswered");
    world.server.signal("TERM").unwrap();
    world.calls("uac_overload", "1001");
    let ready = world.tenant.request("GET", "/readyz", None).unwrap();
    assert_eq!(ready.status, 503);
    let mut place = device_media();
    place["destinationUri"] = json!("sip:bob@127.0.0.1:9");
    place["sourceUser"] = json!("1001");
    let refused = world.commands_in_vain("placeremotecalljwt", &place);
    assert_eq!(refused, (503, "draining".to_owned()));
    world.hangs_up(&answered.text("replyId"));
    world.holds(running);
    world.ends_with("callHungup", "normal", "local");
    assert_eq!(world.server.wait().unwrap(), 0);
}

#[test]
fn a_second_sigterm_stops_at_once_and_the_next_start_carries_on() {
    let mut world = World::answering(Transport::Udp);
    let running = world.caller("uac_hung_up", "1001");
    let answered = world.hears("callAnswered");
    world.server.signal("TERM").unwrap();
    world.calls("uac_overload", "1001");
    world.server.signal("TERM").unwrap();
    world.server.wait().unwrap();
    carries_on(&mut world, &answered.text("replyId"));
    world.holds(running);
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

#[test]
fn an_idle_server_drains_at_once() {
    let mut server = Server::start(hookswitch(), &[]).unwrap();
    server.signal("TERM").unwrap();
    assert_eq!(server.wait().unwrap(), 0);
}

#[test]
fn a_server_that_still_waits_for_its_database_can_be_stopped() {
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgres://{}/x", database.local_addr().unwrap());
    let mut command = Command::new(hookswitch());
    command
        .args(["serve", "--dev", "--http", "127.0.0.1:0"])
        .args(["--sip", "udp:127.0.0.1:0", "--database", &url, "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped());
    let mut server = Running::start(&mut command).unwrap();
    let asked = database.accept().unwrap();
    server.signal("TERM").unwrap();
    assert_eq!(server.wait().unwrap(), 0);
    drop(asked);
}

#[test]
fn an_upgrade_by_stop_and_start_keeps_calls_and_their_ladders() {
    let mut world = World::answering(Transport::Udp);
    world.server.options(&["--drain-timeout", "0"]);
    world.server.signal("TERM").unwrap();
    assert_eq!(world.server.wait().unwrap(), 0);
    world.starts_again();
    let running = world.caller("uac_hung_up", "1001");
    let answered = world.hears("callAnswered");
    world.server.signal("TERM").unwrap();
    assert_eq!(world.server.wait().unwrap(), 0);
    carries_on(&mut world, &answered.text("replyId"));
    let messages = world.holds(running);
    let byes = messages.received();
    let byes = byes.iter().filter(|message| message.starts_with("BYE "));
    assert_eq!(byes.count(), 1, "the stop itself hung nothing up");
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
    let path = format!("/v1/acme.test/calls/{}/ladder", call_of(&world));
    let ladder = world.tenant.request("GET", &path, None).unwrap();
    let lines = ladder.body["ladder"].to_string();
    for expected in ["INVITE", "ACK", "newRemoteCall", "BYE"] {
        assert!(lines.contains(expected), "{expected} in {lines}");
    }
}

/// The program is started again, and hangs the call up.
fn carries_on(world: &mut World, reply_id: &str) {
    world.starts_again();
    world.hangs_up(reply_id);
    world.application.wait_for("callHungup", SOON).unwrap();
}

fn call_of(world: &World) -> String {
    let calls = world.tenant.request("GET", "/v1/acme.test/calls", None);
    let calls = calls.unwrap().body;
    calls["calls"][0]["id"].as_str().unwrap().to_owned()
}
