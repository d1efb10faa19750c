//! Messages that belong to no call, in the log.

use std::time::Duration;

use super::world::*;
use crate::engine::{Limits, Owner};

/// A request of a stranger outside any call.
fn request(method: &str, uri: &str, more: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{method}\r\n\
         From: <sip:alice@b.example>;tag=1\r\nTo: <{uri}>\r\nCall-ID: {method}-1\r\nCSeq: 1 {method}\r\n\
         Max-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// Owner, direction and first line of what was logged.
fn logged(world: &World) -> Vec<(Owner, bool, String)> {
    let line = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().next().unwrap_or_default().to_owned()
    };
    let entries = world.log.iter();
    entries
        .map(|entry| (entry.owner.clone(), entry.received, line(&entry.bytes)))
        .collect()
}

fn acme() -> Owner {
    Owner::Tenant("a.example".into())
}

#[test]
fn a_request_of_no_call_and_its_answer_are_logged_for_the_tenant_it_names() {
    let mut world = World::new();
    world.receives(&request("OPTIONS", "sip:A.Example", ""));
    let expected = [
        (acme(), true, "OPTIONS sip:A.Example SIP/2.0".to_owned()),
        (acme(), false, "SIP/2.0 200 OK".to_owned()),
    ];
    assert_eq!(logged(&world), expected);
}

#[test]
fn the_tenant_is_named_by_to_where_the_request_uri_names_nobody() {
    let mut world = World::new();
    let text = request("REGISTER", "sip:192.0.2.1", "")
        .replace("To: <sip:192.0.2.1>", "To: <sip:1001@a.example>");
    world.receives(&text);
    let expected = [
        (acme(), true, "REGISTER sip:192.0.2.1 SIP/2.0".to_owned()),
        (acme(), false, "SIP/2.0 405 Method Not Allowed".to_owned()),
    ];
    assert_eq!(logged(&world), expected);
}

#[test]
fn credentials_of_a_request_of_no_call_are_blanked() {
    let mut world = World::new();
    let secrets =
        "Authorization: Digest username=\"1001\", response=\"SECRET\"\r\nX-Trunk-Key: SECRET\r\n";
    world.receives(&request("REGISTER", "sip:a.example", secrets));
    let text = String::from_utf8(world.log[0].bytes.to_vec()).unwrap();
    assert!(text.contains("Authorization: ***\r\nX-Trunk-Key: ***\r\n"));
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn a_request_that_names_no_tenant_is_not_logged() {
    let mut world = World::new();
    world.receives(&request("OPTIONS", "sip:c.example", ""));
    world.receives(&request("OPTIONS", "sip:192.0.2.1", ""));
    assert_eq!(logged(&world), []);
}

#[test]
fn messages_of_no_call_are_logged_at_a_bounded_rate_and_the_others_are_counted() {
    let limits = Limits {
        strays_per_second: 3,
        ..Limits::default()
    };
    let mut world = World::with(settings(), limits, false);
    let options = request("OPTIONS", "sip:a.example", "");
    for _ in 0..5 {
        world.receives(&options);
    }
    assert_eq!(world.log.len(), 6, "three, each with its answer");
    assert_eq!(world.engine.counters().unlogged, 2);
    world.passes(Duration::from_secs(1));
    world.receives(&options);
    assert_eq!(world.log.len(), 8);
}
