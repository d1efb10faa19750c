//! The SIP log and the statistics of a tenant, after what really went over the wire.

use std::net::UdpSocket;
use std::time::Instant;

use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};

use crate::world::{DOMAIN, SOON, World};

over_udp_and_tcp!(a_call_is_found_whole_by_its_call_id);

/// Asks until the reply is as wanted; what was sent shows up within a few seconds.
fn asks_until(
    world: &World,
    (method, path): (&str, &str),
    body: Option<&Value>,
    is_it: impl Fn(&Value) -> bool,
) -> Value {
    let began = Instant::now();
    loop {
        let reply = world.tenant.request(method, path, body).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        if is_it(&reply.body) {
            return reply.body;
        }
        assert!(began.elapsed() < SOON, "{path}: {}", reply.body);
        std::thread::yield_now();
    }
}

/// The messages that fit, once there are so many, copies aside.
fn logged(world: &World, question: &Value, count: usize) -> Vec<Value> {
    let originals = |reply: &Value| -> Vec<Value> {
        let items = reply["logItems"].as_array().unwrap().iter();
        let originals = items.filter(|item| item.get("repeated").is_none());
        originals.cloned().collect()
    };
    let path = format!("/provisioning/logs/{DOMAIN}/sip");
    let has_all = |reply: &Value| originals(reply).len() >= count;
    originals(&asks_until(world, ("POST", &path), Some(question), has_all))
}

fn a_call_is_found_whole_by_its_call_id(transport: Transport) {
    let world = World::answering(transport);
    world.calls("uac_call_and_bye", "1001");
    let ended = world.hears("callHungup");
    let question = json!({"filterPattern": ended.text("callId")});
    let found = logged(&world, &question, 7);
    let line = |item: &Value| {
        let text = |member: &str| item[member].as_str().unwrap().to_owned();
        (text("direction"), text("method"), text("statusCode"))
    };
    let told: Vec<_> = found.iter().map(line).collect();
    let expected = [
        ("in", "INVITE", ""),
        ("out", "INVITE", "100"),
        ("out", "INVITE", "180"),
        ("out", "INVITE", "200"),
        ("in", "ACK", ""),
        ("in", "BYE", ""),
        ("out", "BYE", "200"),
    ];
    let expected = expected
        .map(|(way, method, status)| (way.to_owned(), method.to_owned(), status.to_owned()));
    assert_eq!(told, expected);
    let (invite, ok) = (&found[0], &found[3]);
    assert_eq!(invite["transport"], json!(transport.to_string()));
    assert_eq!(invite["dstPort"], json!(world.sip().port()));
    assert_eq!(invite["srcPort"], ok["dstPort"], "there and back");
    assert_eq!(invite["sipHeaders"]["Call-ID"], json!(ended.text("callId")));
    assert!(invite["body"].as_str().unwrap().contains("m=audio"));
    assert!(ok["body"].as_str().unwrap().contains("m=audio 40100"));
}

#[test]
fn a_request_of_no_call_is_found_with_its_answer() {
    let world = World::new(Transport::Udp);
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(SOON)).unwrap();
    let own = phone.local_addr().unwrap();
    let register = format!(
        "REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKlog\r\n\
         From: <sip:1001@{DOMAIN}>;tag=1\r\nTo: <sip:1001@{DOMAIN}>\r\nCall-ID: register-1@{own}\r\n\
         CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:1001@{own}>\r\n\
         Authorization: Digest username=\"1001\", realm=\"{DOMAIN}\", nonce=\"n\", uri=\"sip:{DOMAIN}\", \
         response=\"TOPSECRET\"\r\nX-JWTAuth: TOPSECRET\r\nContent-Length: 0\r\n\r\n"
    );
    phone
        .send_to(register.as_bytes(), world.server.udp)
        .unwrap();
    phone.recv(&mut [0; 2_048]).unwrap();
    let question = json!({"filterPattern": "register \"1001@acme.test\""});
    let found = logged(&world, &question, 2);
    assert_eq!(found[0]["srcPort"], json!(own.port()));
    assert_eq!(found[0]["requestUri"], json!("sip:acme.test"));
    assert_eq!(found[0]["sipHeaders"]["Authorization"], json!("***"));
    assert_eq!(found[1]["type"], json!("response"));
    assert_eq!(found[1]["method"], json!("REGISTER"));
    assert_eq!(found[1]["dstPort"], json!(own.port()));
    let text = json!(found).to_string();
    assert!(!text.contains("TOPSECRET"), "{text}");
}

#[test]
fn calls_are_counted_and_recordings_are_not_made_up() {
    let world = World::answering(Transport::Udp);
    world.calls("uac_call_and_bye", "1001");
    world.hears("callHungup");
    let counted = |size: &str| {
        let path = format!("/provisioning/statistics/{DOMAIN}/calls/{size}");
        let reply = asks_until(&world, ("GET", &path), None, |reply| {
            reply["statistics"] != json!([])
        });
        reply["statistics"][0].clone()
    };
    for (size, length) in [("hour", 13), ("day", 10), ("month", 7)] {
        let figures = counted(size);
        assert_eq!(figures["name"].as_str().unwrap().len(), length);
        let counts = json!([
            figures["num_calls"],
            figures["answered"],
            figures["classes"]
        ]);
        assert_eq!(counts, json!([1, 1, {"normal": 1}]));
    }
    let path = format!("/provisioning/statistics/{DOMAIN}/cdr_siprec/day");
    let reply = world.tenant.request("GET", &path, None).unwrap();
    assert_eq!(reply.body, json!({"success": true, "statistics": []}));
}
