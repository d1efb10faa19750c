//! curl against every endpoint: a stranger's first look, then a customer's day.

use std::process::Command;

use hookswitch_rig::program::find;
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};

use crate::world::{DOMAIN, World};

/// What curl got.
struct Got {
    status: u16,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

fn curl(world: &World, method: &str, path: &str, with_key: bool, body: Option<&Value>) -> Got {
    let mut command = Command::new(find("curl").expect("curl is installed"));
    command
        .args([
            "-s",
            "--max-time",
            "10",
            "-w",
            "\n%{http_code}",
            "-X",
            method,
        ])
        .arg(format!("http://{}{path}", world.server.http));
    if with_key {
        let authorization = format!("Authorization: Bearer {}", world.tenant.token);
        command.args(["-H", &authorization]);
    }
    if let Some(body) = body {
        command.args([
            "-H",
            "Content-Type: application/json",
            "-d",
            &body.to_string(),
        ]);
    }
    got(command)
}

/// Runs curl, which prints the status last.
fn got(mut command: Command) -> Got {
    let output = command.output().expect("curl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').expect("curl prints the status");
    Got {
        status: status.parse().expect("a status"),
        body: body.to_owned(),
    }
}

#[test]
fn curl_signs_commands_as_aws_would() {
    let world = World::new(Transport::Udp);
    let keys = format!("/provisioning/apiKey/{DOMAIN}");
    let keys = curl(&world, "GET", &keys, true, None).json();
    let key_id = keys["apiKeys"][0]["sk"].as_str().expect("a key").to_owned();
    let signed = |token: &str, service: &str, body: &str| {
        let mut command = Command::new(find("curl").expect("curl is installed"));
        let scope = format!("aws:amz:eu-north-1:{service}");
        command
            .args(["-s", "--max-time", "10", "-w", "\n%{http_code}"])
            .args(["--aws-sigv4", &scope, "--user"])
            .arg(format!("{key_id}:{token}"))
            .args(["-H", "Content-Type: application/json", "-d", body])
            .arg(format!(
                "http://{}/mediaservice/{DOMAIN}/hangupcall",
                world.server.http
            ));
        let got = got(command);
        (got.status, got.json()["code"].clone())
    };
    let token = &world.tenant.token;
    // There is no such call, so the signature was taken.
    let taken = signed(token, "execute-api", r#"{"replyId":"of no call"}"#);
    assert_eq!(taken, (404, json!("call_not_found")));
    let wrong = signed("hs_wrong", "execute-api", "{}");
    assert_eq!(wrong, (401, json!("unauthorized")));
    let elsewhere = signed(token, "sqs", "{}");
    assert_eq!(elsewhere, (401, json!("unauthorized")));
}

/// Every documented operation as method and path, its parameters filled in.
fn operations(world: &World) -> Vec<(String, String, Value)> {
    let document = curl(world, "GET", "/openapi.json", false, None).json();
    assert_eq!(
        document["openapi"].as_str().map(|version| &version[..4]),
        Some("3.1.")
    );
    for webhook in [
        "newRemoteCall",
        "callAnswered",
        "callNotify",
        "callFailed",
        "callHungup",
    ] {
        assert!(document["webhooks"][webhook].is_object(), "{webhook}");
    }
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let filled = path.replace("{domain}", DOMAIN);
        let filled = filled.split('/').map(|part| {
            if part.starts_with('{') {
                "nothing"
            } else {
                part
            }
        });
        let filled = filled.collect::<Vec<_>>().join("/");
        for (method, operation) in item.as_object().expect("operations") {
            if ["get", "put", "post", "delete", "patch"].contains(&method.as_str()) {
                operations.push((method.to_uppercase(), filled.clone(), operation.clone()));
            }
        }
    }
    operations
}

#[test]
fn no_endpoint_opens_without_a_key() {
    let world = World::new(Transport::Udp);
    let mut closed = 0;
    for (method, path, operation) in operations(&world) {
        let is_open = operation["security"] == json!([{}]);
        let got = curl(&world, &method, &path, false, Some(&json!({})));
        if is_open {
            assert_ne!(got.status, 404, "{method} {path}");
        } else {
            // After enough of these the source itself is refused.
            assert!(
                [401, 429].contains(&got.status),
                "{method} {path}: {}",
                got.body
            );
            assert_eq!(got.json()["success"], json!(false), "{method} {path}");
            closed += 1;
        }
    }
    assert!(closed >= 20, "{closed} operations ask for a key");
}

#[test]
fn no_endpoint_stumbles_over_an_empty_body() {
    let world = World::new(Transport::Udp);
    for (method, path, _) in operations(&world) {
        let body = if method == "PATCH" {
            json!([])
        } else {
            json!({})
        };
        let body = (method != "GET").then_some(body);
        let got = curl(&world, &method, &path, true, body.as_ref());
        assert!(
            got.status < 500 || path == "/readyz",
            "{method} {path}: {} {}",
            got.status,
            got.body
        );
        if got.status >= 400 {
            let error = got.json();
            assert_eq!(
                error["success"],
                json!(false),
                "{method} {path}: {}",
                got.body
            );
            assert!(
                error["reason"].is_string() && error["code"].is_string(),
                "{method} {path}: {}",
                got.body
            );
        }
    }
}

#[test]
fn another_domain_is_as_closed_as_one_that_is_not_there() {
    let world = World::new(Transport::Udp);
    world.server.add_tenant("other.test").unwrap();
    let other = curl(
        &world,
        "GET",
        "/provisioning/cloudsipua/other.test",
        true,
        None,
    );
    let nobody = curl(
        &world,
        "GET",
        "/provisioning/cloudsipua/nobody.test",
        true,
        None,
    );
    assert_eq!((other.status, nobody.status), (403, 403));
    assert_eq!(other.json()["reason"], nobody.json()["reason"]);
}

#[test]
fn a_browser_may_ask_first() {
    let world = World::new(Transport::Udp);
    let url = format!(
        "http://{}/mediaservice/{DOMAIN}/hangupcalljwt",
        world.server.http
    );
    let output = Command::new(find("curl").unwrap())
        .args([
            "-s",
            "-i",
            "-X",
            "OPTIONS",
            "-H",
            "Origin: https://app.example",
            &url,
        ])
        .args(["-H", "Access-Control-Request-Method: POST"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(text.starts_with("http/1.1 200"), "{text}");
    for field in ["origin", "methods", "headers"] {
        assert!(
            text.contains(&format!("access-control-allow-{field}:")),
            "{text}"
        );
    }
}

#[test]
fn a_service_is_created_read_changed_patched_and_deleted() {
    let world = World::new(Transport::Udp);
    let all = format!("/provisioning/cloudsipua/{DOMAIN}");
    let mut body = json!({
        "name": "alarms",
        "destinationMatch": "^9",
        "callbackBaseUrl": "https://app.example/hooks",
        "restAuthentication": [{"type": "HS256", "secret": "a secret that is long enough to use", "sub": "us"}],
    });
    let created = curl(&world, "POST", &all, true, Some(&body));
    assert_eq!(created.status, 200, "{}", created.body);
    let one = format!("{all}/{}", created.json()["id"].as_str().unwrap());
    let read = curl(&world, "GET", &one, true, None);
    assert_eq!(read.json()["cloudsipua"]["name"], json!("alarms"));
    body["name"] = json!("alarms and doors");
    assert_eq!(curl(&world, "PUT", &one, true, Some(&body)).status, 200);
    let patch = json!([{"op": "replace", "path": "/destinationMatch", "value": "^8"}]);
    let patched = curl(&world, "PATCH", &one, true, Some(&patch));
    assert_eq!(patched.status, 200, "{}", patched.body);
    let listed = curl(&world, "GET", &all, true, None).json();
    let listed = listed["cloudsipuas"].as_array().unwrap();
    let found = listed
        .iter()
        .find(|service| service["name"] == json!("alarms and doors"));
    assert_eq!(found.unwrap()["destinationMatch"], json!("^8"));
    let wrong = json!([{"op": "test", "path": "/name", "value": "doors"}]);
    assert_eq!(curl(&world, "PATCH", &one, true, Some(&wrong)).status, 422);
    body["destinationMatch"] = json!("(?=9)");
    let refused = curl(&world, "PUT", &one, true, Some(&body));
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["errors"][0]["pointer"],
        json!("/destinationMatch")
    );
    assert_eq!(curl(&world, "DELETE", &one, true, None).status, 200);
    assert_eq!(curl(&world, "GET", &one, true, None).status, 404);
}

#[test]
fn a_device_is_added_listed_patched_and_deleted() {
    let world = World::new(Transport::Udp);
    let all = format!("/provisioning/device/{DOMAIN}");
    for device in ["+461001", "+461002", "+471001"] {
        let body = json!({"deviceId": device, "authType": "disabled", "deviceType": "alarmUnit"});
        let added = curl(&world, "PUT", &all, true, Some(&body));
        assert_eq!(added.status, 200, "{}", added.body);
    }
    let listed = curl(
        &world,
        "GET",
        &format!("{all}?filter=%2B46&limit=1"),
        true,
        None,
    )
    .json();
    assert_eq!(
        listed["devices"].as_array().map(Vec::len),
        Some(1),
        "{listed}"
    );
    let next = listed["nextToken"].as_str().expect("a next page");
    let path = format!("{all}?filter=%2B46&limit=1&nextToken={next}");
    let listed = curl(&world, "GET", &path, true, None).json();
    assert_eq!(
        listed["devices"][0]["deviceId"],
        json!("+461002"),
        "{listed}"
    );
    let one = format!("{all}/%2B461001");
    let patch = json!([{"op": "add", "path": "/description", "value": "front door"}]);
    assert_eq!(curl(&world, "PATCH", &one, true, Some(&patch)).status, 200);
    assert_eq!(
        curl(&world, "GET", &one, true, None).json()["description"],
        json!("front door")
    );
    assert_eq!(curl(&world, "DELETE", &one, true, None).status, 200);
    assert_eq!(curl(&world, "GET", &one, true, None).status, 404);
}

#[test]
fn a_key_is_made_used_and_deleted() {
    let world = World::new(Transport::Udp);
    let keys = format!("/provisioning/apiKey/{DOMAIN}");
    let made = curl(&world, "POST", &keys, true, Some(&json!({})));
    assert_eq!(made.status, 200, "{}", made.body);
    let token = made.json()["token"].as_str().expect("a token").to_owned();
    let mut other = World::new(Transport::Udp);
    other.tenant.token.clone_from(&token);
    let calls = format!("/v1/{DOMAIN}/calls");
    assert_eq!(
        curl(&other, "GET", &calls, true, None).status,
        401,
        "a key of another server"
    );
    let mut same = world;
    let first = std::mem::replace(&mut same.tenant.token, token);
    assert_eq!(curl(&same, "GET", &calls, true, None).status, 200);
    same.tenant.token = first;
    let sk = made.json()["sk"].as_str().expect("the key's id").to_owned();
    assert_eq!(
        curl(&same, "DELETE", &format!("{keys}/{sk}"), true, None).status,
        200
    );
    let listed = curl(&same, "GET", &keys, true, None).body;
    assert!(!listed.contains(&sk), "{listed}");
}

#[test]
fn health_metrics_and_docs_are_open() {
    let world = World::answering(Transport::Udp);
    world.calls("uac_call_and_bye", "1001");
    for path in ["/healthz", "/readyz", "/docs"] {
        assert_eq!(curl(&world, "GET", path, false, None).status, 200, "{path}");
    }
    let metrics = curl(&world, "GET", "/metrics", false, None).body;
    assert!(metrics.contains("# EOF"), "{metrics}");
    let samples = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    let mut names = samples.map(|(name, _)| name);
    let named = names.find(|name| name.contains("1001"));
    assert_eq!(named, None, "numbers are no labels: {metrics}");
}
