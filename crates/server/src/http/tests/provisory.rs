use serde_json::json;

use super::*;

const LIST: &str = "/provisioning/cloudsipua/acme.example.com";
const BRIDGES: &str = "/provisioning/alarmbridge/acme.example.com";
const DIFF: &str = "/v1/acme.example.com/provisory/diff";
const PROMOTE: &str = "/v1/acme.example.com/provisory/promote";
const DISCARD: &str = "/v1/acme.example.com/provisory/discard";

fn service(pattern: &str) -> Value {
    json!({
        "id": "one", "name": "alarms", "destinationMatch": pattern,
        "callbackBaseUrl": "https://app.example.com/hooks",
        "restAuthentication": [{"type": "HS256", "secret": "s".repeat(40)}],
    })
}

fn bridge() -> Value {
    json!({"id": "two", "name": "bridge", "protocol": "scaip", "destinationMatch": "^alarm$"})
}

fn reached(world: &World, user: &str) -> bool {
    let directory = world.rest.publisher.current().directory.clone();
    directory.tenant(ACME).unwrap().service_for(user).is_some()
}

/// In force: a service for 46. Drafts: the same for 47 with another secret, and a bridge.
async fn drafted() -> World {
    let world = World::new();
    world.post(LIST, service("^46")).await.ok();
    let mut draft = service("^47");
    draft["restAuthentication"][0]["secret"] = "t".repeat(40).into();
    world
        .post(&format!("{LIST}?provisory=true"), draft)
        .await
        .ok();
    world
        .post(&format!("{BRIDGES}?provisory=true"), bridge())
        .await
        .ok();
    world
}

#[tokio::test]
async fn a_comparison_shows_what_would_change_and_no_secret() {
    let world = drafted().await;
    let shown = world.post(DIFF, json!({})).await;
    assert!(
        !shown.text.contains("ssss") && !shown.text.contains("tttt"),
        "{}",
        shown.text
    );
    let drafts = shown.ok()["drafts"].clone();
    assert_eq!(drafts[0]["kind"], "alarmbridge");
    assert_eq!(drafts[0]["effect"], "create");
    assert_eq!(drafts[1]["id"], "one");
    assert_eq!(drafts[1]["effect"], "replace");
    let changes = drafts[1]["changes"].as_array().unwrap();
    assert!(
        changes.contains(&json!({"op": "replace", "path": "/destinationMatch", "value": "^47"}))
    );
    assert!(changes.contains(
        &json!({"op": "replace", "path": "/restAuthentication/0/secret", "value": "********"})
    ));
    assert_eq!(changes.len(), 2, "{changes:?}");
    world
        .put(&format!("{LIST}/one?provisory=true"), service("^46"))
        .await
        .ok();
    let one = json!({"documents": [{"kind": "cloudsipua", "id": "one"}]});
    let drafts = world.post(DIFF, one).await.ok()["drafts"].clone();
    assert_eq!(
        drafts,
        json!([{"kind": "cloudsipua", "id": "one", "effect": "nothing", "changes": []}])
    );
}

#[tokio::test]
async fn a_body_that_is_null_is_none() {
    let world = drafted().await;
    let nothing = world.post(DIFF, json!({})).await.ok();
    assert_eq!(world.post(DIFF, json!(null)).await.ok(), nothing);
}

#[tokio::test]
async fn a_comparison_shows_what_a_draft_leaves_out_and_credentials_are_not_left_out() {
    let world = World::new();
    let mut live = service("^46");
    live["callbackTimeout"] = 5_000.into();
    world.post(LIST, live).await.ok();
    let mut draft = service("^46");
    draft.as_object_mut().unwrap().remove("restAuthentication");
    world
        .put(&format!("{LIST}/one?provisory=true"), draft)
        .await
        .ok();
    let drafts = world.post(DIFF, json!({})).await.ok()["drafts"].clone();
    assert_eq!(
        drafts[0]["changes"],
        json!([{"op": "remove", "path": "/callbackTimeout"}])
    );
}

#[tokio::test]
async fn promoting_puts_all_drafts_in_force_at_once() {
    let world = drafted().await;
    assert!(reached(&world, "46") && !reached(&world, "47"));
    let done = world.post(PROMOTE, json!({})).await.ok();
    assert_eq!(done["count"], 2);
    assert!(!reached(&world, "46") && reached(&world, "47"));
    assert_eq!(
        world.get(&format!("{BRIDGES}/two")).await.ok()["alarmbridge"]["name"],
        "bridge"
    );
    let drafts = world.get(&format!("{LIST}?provisory=true")).await.ok();
    assert_eq!(drafts["cloudsipuas"], json!([]));
    let published = world.rest.publisher.current();
    let secret = published.callback(ACME, "one").unwrap().authentication[0]
        .secret
        .clone();
    assert_eq!(secret.unwrap().expose(), "t".repeat(40));
    assert_eq!(world.post(PROMOTE, json!({})).await.ok()["count"], 0);
}

#[tokio::test]
async fn a_draft_does_not_undo_what_was_changed_in_force_after_it_unless_it_is_told_to() {
    let world = drafted().await;
    let live = format!("{LIST}/one");
    let change = json!([{"op": "add", "path": "/callbackTimeout", "value": 7000}]);
    world.patch(&live, change).await.ok();
    let refused = world.post(PROMOTE, json!({})).await;
    assert_eq!(refused.refusal(), (409, "draft_outdated".to_owned()));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/cloudsipua/one");
    assert_eq!(
        world.get(&live).await.ok()["cloudsipua"]["callbackTimeout"],
        7000
    );
    assert_eq!(world.get(&format!("{BRIDGES}/two")).await.refusal().0, 404);
    let told = world.post(PROMOTE, json!({"overwrite": true})).await.ok();
    assert_eq!(told["count"], 2);
    assert!(reached(&world, "47"));
    let draft = format!("{LIST}/one?provisory=true");
    world.put(&draft, service("^48")).await.ok();
    world.put(&live, service("^49")).await.ok();
    world.put(&draft, service("^50")).await.ok();
    assert_eq!(world.post(PROMOTE, json!({})).await.ok()["count"], 1);
    assert!(reached(&world, "50"), "the draft was written anew");
}

#[tokio::test]
async fn provisory_is_refused_where_there_are_no_drafts() {
    let world = World::new();
    let device = json!({"deviceId": "pv", "authType": "disabled"});
    let devices = "/provisioning/device/acme.example.com";
    let trunk = json!({"destinationTarget": "sip.example.com", "destinationTransport": "udp", "destinationMatch": "^46"});
    let ann = json!({"firstName": "Ann", "lastName": "Berg", "email": "ann@example.com"});
    for (method, path, body) in [
        (Method::PUT, "/v1/acme.example.com/settings", json!({})),
        (Method::PUT, devices, device.clone()),
        (Method::POST, devices, device),
        (Method::POST, "/provisioning/trunk/acme.example.com", trunk),
        (
            Method::PUT,
            "/provisioning/notificationsettings/acme.example.com",
            json!({}),
        ),
        (Method::POST, "/provisioning/currentuser/profile", ann),
        (Method::GET, devices, Value::Null),
        (
            Method::DELETE,
            "/provisioning/trunk/acme.example.com/one",
            Value::Null,
        ),
    ] {
        for value in ["true", "1", ""] {
            let path = format!("{path}?strict=false&provisory={value}");
            let refused = world.with_body(method.clone(), &path, &body).await;
            assert_eq!(refused.pointers(), ["/provisory"], "{method} {path}");
        }
    }
    let listed = world.get(&format!("{devices}?provisory=false")).await.ok();
    assert_eq!(listed["devices"], json!([]));
    let documented = super::scopes::operations()
        .into_iter()
        .filter(|(_, _, operation)| {
            operation["parameters"]
                .to_string()
                .contains("\"provisory\"")
        })
        .map(|(_, path, _)| path)
        .collect::<std::collections::BTreeSet<String>>();
    assert_eq!(documented.len(), 8, "{documented:?}");
}

#[tokio::test]
async fn only_the_drafts_that_are_named_are_promoted_or_discarded() {
    let world = drafted().await;
    let bridge = json!({"documents": [{"kind": "alarmbridge", "id": "two"}]});
    let discarded = world.post(DISCARD, bridge.clone()).await.ok();
    assert_eq!(discarded["drafts"], bridge["documents"]);
    assert_eq!(
        world
            .get(&format!("{BRIDGES}/two?provisory=true"))
            .await
            .refusal()
            .0,
        404
    );
    let gone = world.post(PROMOTE, bridge).await;
    assert_eq!(gone.refusal(), (404, "not_found".to_owned()));
    assert_eq!(gone.json()["errors"][0]["pointer"], "/documents/0");
    let device = json!({"documents": [{"kind": "device", "id": "x"}]});
    assert_eq!(world.post(PROMOTE, device).await.refusal().0, 404);
    assert!(reached(&world, "46"));
    assert_eq!(world.post(DISCARD, json!({})).await.ok()["count"], 1);
    assert!(reached(&world, "46") && !reached(&world, "47"));
}

#[tokio::test]
async fn a_draft_that_cannot_be_any_more_keeps_all_others_from_being_promoted() {
    let world = drafted().await;
    // A draft from the days when the operator listed loopback.
    let mut draft = service("^48");
    draft["callbackBaseUrl"] = "http://127.0.0.1:9000/hooks".into();
    let (kind, key) = (&crate::kind::CLOUD_SIP_UA, &world.rest.master_key);
    let body = kind.seal(key, ACME, "one", draft.as_object().unwrap());
    let place = hookswitch_store::documents::Key {
        domain: ACME,
        kind: kind.name,
        id: "one",
        draft: true,
    };
    let any = hookswitch_store::documents::Expected::Any;
    world
        .rest
        .store
        .write(move |db| hookswitch_store::documents::put(db, place, &body, any))
        .unwrap();
    let refused = world.post(PROMOTE, json!({})).await;
    assert_eq!(refused.pointers(), ["/cloudsipua/one/callbackBaseUrl"]);
    assert_eq!(world.get(&format!("{BRIDGES}/two")).await.refusal().0, 404);
    assert!(reached(&world, "46"));
}

#[tokio::test]
async fn drafts_of_one_tenant_are_none_of_anothers() {
    let world = drafted().await;
    let other = world.add_domain("other.example.com");
    let mut request = world
        .request(Method::POST, "/v1/other.example.com/provisory/promote")
        .body(Body::empty())
        .unwrap();
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {other}").parse().unwrap());
    assert_eq!(world.send(request).await.ok()["count"], 0);
    assert!(reached(&world, "46"));
}
