use serde_json::json;

use super::*;

const SETTINGS: &str = "/v1/acme.example.com/settings";
const EXPLAIN: &str = "/v1/acme.example.com/explain";

async fn add_service(world: &World, pattern: &str) -> String {
    let body = json!({"name": "alarms", "destinationMatch": pattern, "callbackBaseUrl": "https://app.example.com"});
    let created = world
        .post("/provisioning/cloudsipua/acme.example.com", body)
        .await
        .ok();
    created["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn settings_are_read_overwritten_and_in_force_at_once() {
    let world = World::new();
    let first = world.get(SETTINGS).await;
    let tag = first.header("etag").to_owned();
    assert_eq!(
        first.ok(),
        json!({"success": true, "settings": {"open": [], "outbound": "any"}})
    );
    let settings =
        json!({"open": ["192.0.2.0/24"], "outbound": "off", "maxCalls": "10", "colour": 1});
    let reply = world.put(SETTINGS, settings).await.ok();
    assert_eq!(reply["settings"]["maxCalls"], 10);
    assert_eq!(reply["warnings"][0]["pointer"], "/colour");
    let directory = world.rest.publisher.current().directory.clone();
    let tenant = directory.tenant(ACME).unwrap();
    assert_eq!(tenant.settings.max_calls, Some(10));
    assert_eq!(tenant.settings.open, ["192.0.2.0/24".parse().unwrap()]);
    let stale = world
        .request(Method::PUT, SETTINGS)
        .header("if-match", tag)
        .body(Body::from("{}"));
    assert_eq!(world.send(stale.unwrap()).await.refusal().0, 412);
    let wrong = world
        .put(SETTINGS, json!({"open": ["everyone"], "ringTimeout": 0}))
        .await;
    assert_eq!(wrong.pointers(), ["/open/0", "/ringTimeout"]);
}

#[tokio::test]
async fn a_rotated_webhook_secret_signs_together_with_the_one_before() {
    let world = World::new();
    let before = world.rest.publisher.current();
    let old = before.callbacks(ACME).unwrap().secret.clone();
    let reply = world
        .post("/v1/acme.example.com/webhook-secret/rotate", json!({}))
        .await
        .ok();
    let new = reply["webhookSecret"].as_str().unwrap();
    assert!(new.starts_with("whsec_") && new != old.expose());
    let after = world.rest.publisher.current();
    let callbacks = after.callbacks(ACME).unwrap();
    assert_eq!(callbacks.secret.expose(), new);
    let (previous, until) = callbacks.previous_secret.as_ref().unwrap();
    assert_eq!(previous.expose(), old.expose());
    assert_eq!(reply["previousValidUntil"], until.0 / 1_000);
    let bodiless = world.request(Method::POST, "/v1/acme.example.com/webhook-secret/rotate");
    world.send(bodiless.body(Body::empty()).unwrap()).await.ok();
}

#[tokio::test]
async fn explain_says_where_an_inbound_call_would_go_and_why() {
    let world = World::new();
    let id = add_service(&world, "^100").await;
    world
        .put(SETTINGS, json!({"open": ["198.51.100.0/24"]}))
        .await
        .ok();
    let ask = |user: &str, source: &str| {
        world.post(EXPLAIN, json!({"destinationUri": user, "sourceIp": source}))
    };
    let taken = ask("sip:1001@acme.example.com", "198.51.100.7").await.ok();
    assert_eq!(taken["cloudSipUAId"], id.as_str());
    assert_eq!(
        taken["trace"].as_array().unwrap().last().unwrap()["result"],
        "matched"
    );
    assert_eq!(
        ask("1001", "198.51.100.7").await.ok()["cloudSipUAId"],
        id.as_str()
    );
    let stranger = ask("1001", "203.0.113.1").await.ok();
    assert_eq!(
        stranger["refusal"],
        json!({"code": "unknown_caller", "sipStatus": 403})
    );
    let nobody = ask("2002", "198.51.100.7").await.ok();
    assert_eq!(nobody["refusal"]["code"], "unknown_user");
    assert_eq!(
        ask("sip:1@other.example.com", "198.51.100.7")
            .await
            .pointers(),
        ["/destinationUri"]
    );
    assert_eq!(ask("1001", "somewhere").await.pointers(), ["/sourceIp"]);
    assert_eq!(
        ask("", "198.51.100.7").await.pointers(),
        ["/destinationUri"]
    );
}

#[tokio::test]
async fn explain_tells_what_is_missing_from_what_is_wrong() {
    let world = World::new();
    for (source, why) in [
        (json!(null), "is required"),
        (json!(""), "is required"),
        (
            json!("here"),
            "must be the address the request would come from",
        ),
    ] {
        let asked = json!({"destinationUri": "1001", "sourceIp": source});
        let refused = world.post(EXPLAIN, asked).await;
        assert_eq!(refused.pointers(), ["/sourceIp"]);
        assert_eq!(refused.json()["errors"][0]["detail"], why);
    }
}

#[tokio::test]
async fn explain_tells_nothing_of_other_tenants() {
    let world = World::new();
    world.add_domain("other.example.com");
    let network = "203.0.113.0/24".parse().unwrap();
    let grant = control::Request::NetworkAdd {
        domain: "other.example.com".to_owned(),
        network,
    };
    world.operator.perform(&grant).unwrap();
    let facts = json!({"destinationUri": "sip:1001@192.0.2.1", "sourceIp": "203.0.113.9"});
    let answer = world.post(EXPLAIN, facts).await;
    assert!(!answer.text.contains("other"), "{}", answer.text);
    assert_eq!(answer.ok()["refusal"]["code"], "unknown_domain");
}

#[tokio::test]
async fn explain_says_which_service_would_serve_an_outbound_call() {
    let world = World::new();
    let ask = |body: Value| {
        let mut body = body;
        body["direction"] = "outbound".into();
        world.post(EXPLAIN, body)
    };
    assert_eq!(
        ask(json!({"sourceUser": "1001"})).await.ok()["refusal"]["code"],
        "unclear_service"
    );
    let first = add_service(&world, "^100").await;
    assert_eq!(
        ask(json!({"sourceUser": "2002"})).await.ok()["cloudSipUAId"],
        first.as_str()
    );
    let second = add_service(&world, "^200").await;
    assert_eq!(
        ask(json!({"sourceUser": "2002"})).await.ok()["cloudSipUAId"],
        second.as_str()
    );
    let named = ask(json!({"sourceUser": "2002", "cloudSipUAId": first}))
        .await
        .ok();
    assert_eq!(named["cloudSipUAId"], first.as_str());
    let unknown = ask(json!({"cloudSipUAId": "nothing"})).await.ok();
    assert_eq!(unknown["refusal"]["code"], "unknown_service");
    for whom in ["0046890510", "tel:+46890510", "sip:", "sip:a b@example.com"] {
        let refused = ask(json!({"cloudSipUAId": second, "destinationUri": whom})).await;
        assert_eq!(refused.pointers(), ["/destinationUri"], "{whom}");
    }
    let whom = json!({"cloudSipUAId": second, "destinationUri": "sip:0046890510@acme.example.com"});
    assert_eq!(ask(whom).await.ok()["cloudSipUAId"], second.as_str());
}

#[tokio::test]
async fn a_removed_tenant_is_closed_at_once() {
    let world = World::new();
    let remove = control::Request::DomainRemove {
        domain: ACME.to_owned(),
    };
    world.operator.perform(&remove).unwrap();
    assert_eq!(world.get(SETTINGS).await.refusal().0, 401);
    assert!(
        world
            .rest
            .publisher
            .current()
            .directory
            .tenant(ACME)
            .is_none()
    );
}
