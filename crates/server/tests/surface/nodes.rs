//! Two nodes on one PostgreSQL database: by what is written on one, the other goes within a second.

use std::time::{Duration, Instant};

use hookswitch_rig::postgres;
use hookswitch_rig::server::{Server, Tenant};
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};

use crate::world::{DOMAIN, World, device_media, hookswitch};

/// Two nodes, a tenant with its application, and the tenant seen through the second node.
struct Nodes {
    first: World,
    second: Server,
    there: Tenant,
    _database: (postgres::Database, postgres::Server),
}

impl Nodes {
    fn new() -> Self {
        let server = postgres::Server::start().unwrap();
        let database = server.database().unwrap();
        let of_node = |name| ["--database", database.url(), "--node", name];
        let first = World::answering_with(Transport::Udp, &of_node("node-1"));
        let key = first.server.folder().join("data/master.key");
        let key = ["--master-key-file", key.to_str().unwrap()];
        let options = [&of_node("node-2")[..], &key].concat();
        let second = Server::start(hookswitch(), &options).unwrap();
        let there = first.tenant.at(&second);
        Self {
            first,
            second,
            there,
            _database: (database, server),
        }
    }

    /// A request on the first node that is done.
    fn writes(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let reply = self.first.tenant.request(method, path, body).unwrap();
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.body);
        reply.body
    }

    /// Where the second node would lead a call to.
    fn routes_to(&self) -> Value {
        let call = json!({"destinationUri": format!("sip:1001@{DOMAIN}"), "sourceIp": "127.0.0.1"});
        let path = format!("/v1/{DOMAIN}/explain");
        let reply = self.there.request("POST", &path, Some(&call)).unwrap();
        reply.body["cloudSipUAId"].clone()
    }
}

fn within_a_second(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(1), "{what}");
    }
}

#[test]
fn services_of_one_node_take_the_calls_of_the_other() {
    let nodes = Nodes::new();
    let services = format!("/provisioning/cloudsipua/{DOMAIN}");
    let first = nodes.routes_to();
    let path = format!("{services}/{}", first.as_str().unwrap());
    nodes.writes("DELETE", &path, None);
    within_a_second("it was deleted", || nodes.routes_to().is_null());
    let service = nodes
        .first
        .tenant
        .add_service(&nodes.first.application.base_url(), &json!({}));
    let service = json!(service.unwrap());
    within_a_second("it was added", || nodes.routes_to() == service);
    let call = nodes
        .first
        .sipp("uac_call_and_bye")
        .call("1001", nodes.second.udp);
    nodes.first.holds(call.unwrap());
    nodes.first.ends_with("callHungup", "normal", "remote");
}

#[test]
fn a_command_that_goes_to_the_wrong_node_is_told_the_right_one() {
    let nodes = Nodes::new();
    let call = nodes.first.sipp("uac_call_and_bye");
    let call = call.call("1001", nodes.second.udp).unwrap();
    let body = json!({"replyId": nodes.first.hears("newRemoteCall").text("replyId")});
    let path = format!("/mediaservice/{DOMAIN}/hangupcalljwt");
    let refused = nodes.first.tenant.request("POST", &path, Some(&body));
    let refused = refused.unwrap();
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (404, &json!("call_not_found"))
    );
    let reason = refused.body["reason"].to_string();
    assert!(
        reason.contains("of the node node-2; send the command there"),
        "{reason}"
    );
    nodes.first.holds(call);
    nodes.first.ends_with("callHungup", "normal", "remote");
}

/// What the application hears that orders a call from the second node, which ends at `point`: then from the first, again
/// from the first when the second has come back, from the second, and from the first.
fn orders_a_call_across_a_crash(nodes: &mut Nodes, point: &str) -> [(u16, Value); 4] {
    let phone = nodes.first.own_phone();
    let mut body = device_media();
    body["destinationUri"] = json!(format!("sip:bob@{};transport=udp", phone.address()));
    body["sourceUser"] = json!("1001");
    let order = |at: &Tenant| at.command_once(point, "placeremotecalljwt", &body);
    let answer = |at: &Tenant| order(at).map(|reply| (reply.status, reply.body)).unwrap();
    let second = &mut nodes.second;
    second.kill().unwrap();
    second
        .start_again_in(&[("HOOKSWITCH_FAIL_AT", point)])
        .unwrap();
    order(&nodes.there).unwrap_err();
    second.wait().unwrap();
    let without_it = answer(&nodes.first.tenant);
    second.start_again().unwrap();
    [
        without_it,
        answer(&nodes.first.tenant),
        answer(&nodes.there),
        answer(&nodes.first.tenant),
    ]
}

#[test]
fn a_call_ordered_from_a_node_that_crashed_is_placed_once_whichever_node_is_asked_again() {
    let mut nodes = Nodes::new();
    for point in ["before_commit:1", "after_commit:1"] {
        let [down, back, second, first] = orders_a_call_across_a_crash(&mut nodes, point);
        let code = |answer: &(u16, Value)| (answer.0, answer.1["code"].clone());
        assert_eq!(code(&down), (409, json!("idempotency_outcome_unknown")));
        if point == "before_commit:1" {
            assert_eq!(code(&back), (409, json!("idempotency_in_progress")));
            let reason = back.1["reason"].to_string();
            assert!(reason.contains("the node node-2"), "{reason}");
        }
        assert_eq!((second.0, first.0), (200, 200), "{second:?} {first:?}");
        assert_eq!(second.1, first.1, "{point}");
    }
    let calls = nodes.writes("GET", &format!("/v1/{DOMAIN}/calls"), None);
    assert_eq!(calls["calls"].as_array().unwrap().len(), 2, "{calls}");
}

#[test]
fn keys_of_one_node_open_the_other_until_they_are_deleted() {
    let nodes = Nodes::new();
    let keys = format!("/provisioning/apiKey/{DOMAIN}");
    let made = nodes.writes("POST", &keys, Some(&json!({})));
    let theirs = nodes.there.with_token(made["token"].as_str().unwrap());
    // What is refused is 401, or 429 after many of them.
    let opens = || theirs.request("GET", &keys, None).unwrap().status == 200;
    within_a_second("it was made", opens);
    let path = format!("{keys}/{}", made["sk"].as_str().unwrap());
    nodes.writes("DELETE", &path, None);
    within_a_second("it was deleted", || !opens());
}
