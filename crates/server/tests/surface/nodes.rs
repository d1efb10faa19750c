//! Two nodes on one PostgreSQL database: by what is written on one, the other goes within a second.

use std::time::{Duration, Instant};

use hookswitch_rig::postgres;
use hookswitch_rig::server::{Server, Tenant};
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};

use crate::world::{DOMAIN, World, hookswitch};

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
