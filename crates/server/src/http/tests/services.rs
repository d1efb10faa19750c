use serde_json::json;

use super::*;

const LIST: &str = "/provisioning/cloudsipua/acme.example.com";

fn service() -> Value {
    json!({
        "name": "alarms",
        "destinationMatch": "/^\\+46890/",
        "callbackBaseUrl": "https://app.example.com/hooks",
        "restAuthentication": [{"type": "HS256", "secret": "s".repeat(40), "sub": "me"}],
    })
}

async fn create(world: &World, body: Value) -> String {
    let body = world.post(LIST, body).await.ok();
    assert_eq!(body["success"], true);
    body["id"].as_str().unwrap().to_owned()
}

/// The service that a call to `user` would reach.
fn reached(world: &World, user: &str) -> Option<String> {
    let directory = world.rest.publisher.current().directory.clone();
    directory
        .tenant(ACME)?
        .service_for(user)
        .map(|service| service.id.to_string())
}

/// The secret that callbacks of a service are signed with.
fn signing_secret(world: &World, id: &str) -> String {
    let published = world.rest.publisher.current();
    let callback = published.callback(ACME, id).unwrap();
    let secret = callback.authentication[0].secret.as_ref().unwrap();
    secret.expose().to_owned()
}

#[tokio::test]
async fn a_service_is_created_found_listed_and_reached() {
    let world = World::new();
    let id = create(&world, service()).await;
    let found = world.get(&format!("{LIST}/{id}")).await.ok();
    assert_eq!(found["success"], true);
    assert_eq!(found["cloudsipua"]["id"], id.as_str());
    assert_eq!(found["cloudsipua"]["name"], "alarms");
    assert_eq!(
        found["cloudsipua"]["restAuthentication"][0]["secret"], "********",
        "nobody reads a secret back"
    );
    assert!(found["cloudsipua"]["callbackId"].is_string());
    let listed = world.get(LIST).await.ok();
    assert_eq!(listed["cloudsipuas"][0], found["cloudsipua"]);
    assert!(listed.get("nextToken").is_none());
    assert_eq!(reached(&world, "+46890123"), Some(id));
}

#[tokio::test]
async fn no_secret_of_a_service_lies_in_the_database_in_the_clear() {
    let world = World::new();
    create(&world, service()).await;
    world
        .rest
        .store
        .read(|db| {
            hookswitch_store::documents::each_live(db, |document| {
                assert!(!document.body.contains("ssss"), "{}", document.body);
            })
        })
        .unwrap();
}

#[tokio::test]
async fn overwriting_keeps_the_callback_id_and_takes_effect_at_once() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    let before = world.get(&path).await.ok();
    let mut changed = service();
    changed["destinationMatch"] = "^47".into();
    let reply = world.put(&path, changed).await.ok();
    assert_eq!(reply, json!({"success": true, "id": id}));
    let after = world.get(&path).await.ok();
    assert_eq!(
        after["cloudsipua"]["callbackId"],
        before["cloudsipua"]["callbackId"]
    );
    assert_eq!(after["cloudsipua"]["id"], id.as_str());
    assert_eq!(reached(&world, "+46890123"), None);
    assert_eq!(reached(&world, "4712"), Some(id));
    let missing = world.put(&format!("{LIST}/nothing"), service()).await;
    assert_eq!(missing.refusal(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_deleted_service_is_gone_for_calls_too() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    assert_eq!(world.delete(&path).await.ok(), json!({"success": true}));
    assert_eq!(world.get(&path).await.refusal().0, 404);
    assert_eq!(world.delete(&path).await.refusal().0, 404);
    assert_eq!(reached(&world, "+46890123"), None);
}

#[tokio::test]
async fn a_draft_lives_beside_what_is_in_force_and_calls_never_see_it() {
    let world = World::new();
    let id = create(&world, service()).await;
    let (path, draft) = (
        format!("{LIST}/{id}"),
        format!("{LIST}/{id}?provisory=true"),
    );
    assert_eq!(world.get(&draft).await.refusal().0, 404);
    let mut changed = service();
    changed["name"] = "tomorrow".into();
    changed["destinationMatch"] = "^47".into();
    world.put(&draft, changed).await.ok();
    assert_eq!(world.get(&path).await.ok()["cloudsipua"]["name"], "alarms");
    assert_eq!(
        world.get(&draft).await.ok()["cloudsipua"]["name"],
        "tomorrow"
    );
    assert_eq!(reached(&world, "4712"), None);
    let drafts = world.get(&format!("{LIST}?provisory=true")).await.ok();
    assert_eq!(drafts["cloudsipuas"].as_array().unwrap().len(), 1);
    world.delete(&draft).await.ok();
    assert_eq!(reached(&world, "+46890123"), Some(id));

    let only = world
        .post(&format!("{LIST}?provisory=true"), service())
        .await
        .ok();
    let only = format!("{LIST}/{}", only["id"].as_str().unwrap());
    assert_eq!(world.get(&only).await.refusal().0, 404);
    world.put(&only, service()).await.ok();
    world.get(&only).await.ok();
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    let patch = json!([
        {"op": "test", "path": "/name", "value": "alarms"},
        {"op": "replace", "path": "/destinationMatch", "value": "^47"},
        {"op": "add", "path": "/description", "value": "for 47"},
        {"op": "copy", "from": "/name", "path": "/callbackName"},
        {"op": "remove", "path": "/restAuthentication/0/sub"},
    ]);
    assert_eq!(
        world.patch(&path, patch).await.ok(),
        json!({"success": true})
    );
    let after = world.get(&path).await.ok()["cloudsipua"].clone();
    assert_eq!(after["description"], "for 47");
    assert_eq!(after["callbackName"], "alarms");
    assert!(after["restAuthentication"][0].get("sub").is_none());
    assert_eq!(signing_secret(&world, &id), "s".repeat(40));
    assert_eq!(reached(&world, "4712"), Some(id));
}

#[tokio::test]
async fn a_failed_test_is_422_and_nothing_of_the_patch_happens() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    let before = world.get(&path).await.ok();
    let failing = json!([
        {"op": "replace", "path": "/name", "value": "changed"},
        {"op": "test", "path": "/description", "value": "x"},
    ]);
    let refused = world.patch(&path, failing).await;
    assert_eq!(refused.status, 422);
    let test = json!([{"op": "add", "path": "/name", "value": "b"}, {"op": "test", "path": "/name", "value": "c"}]);
    let refused = world.patch(&path, test).await;
    assert_eq!(refused.refusal(), (422, "patch_test_failed".to_owned()));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/1");
    let broken = json!([{"op": "remove", "path": "/name"}]);
    assert_eq!(world.patch(&path, broken).await.pointers(), ["/name"]);
    let missing = json!([{"op": "remove", "path": "/nothing"}]);
    assert_eq!(
        world.patch(&path, missing).await.refusal(),
        (422, "patch_failed".to_owned())
    );
    let renamed = json!([{"op": "replace", "path": "/id", "value": "another"}]);
    assert_eq!(world.patch(&path, renamed).await.pointers(), ["/id"]);
    let no_patch = json!({"op": "add"});
    assert_eq!(world.patch(&path, no_patch).await.status, 400);
    assert_eq!(world.get(&path).await.ok(), before);
    assert_eq!(
        world
            .patch(&format!("{LIST}/nothing"), json!([]))
            .await
            .refusal()
            .0,
        404
    );
}

#[tokio::test]
async fn copies_of_copies_do_not_eat_the_memory() {
    let world = World::new();
    let id = create(&world, service()).await;
    let operations: Vec<Value> = (0..60)
        .map(|n| json!({"op": "copy", "from": "", "path": format!("/x{n}")}))
        .collect();
    let refused = world
        .patch(&format!("{LIST}/{id}"), Value::Array(operations))
        .await;
    assert!(refused.pointers()[0].starts_with('/'), "{}", refused.text);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let world = World::new();
    let mut created = Vec::new();
    for _ in 0..5 {
        created.push(create(&world, service()).await);
    }
    created.sort_unstable();
    let mut seen = Vec::new();
    let mut path = format!("{LIST}?limit=2");
    loop {
        let page = world.get(&path).await.ok();
        for service in page["cloudsipuas"].as_array().unwrap() {
            seen.push(service["id"].as_str().unwrap().to_owned());
        }
        match page["nextToken"].as_str() {
            Some(token) => path = format!("{LIST}?limit=2&nextToken={token}"),
            None => break,
        }
    }
    assert_eq!(seen, created);
    assert_eq!(
        world.get(&format!("{LIST}?limit=0")).await.pointers(),
        ["/limit"]
    );
    assert_eq!(
        world.get(&format!("{LIST}?limit=101")).await.pointers(),
        ["/limit"]
    );
    assert_eq!(
        world.get(&format!("{LIST}?nextToken=%25")).await.pointers(),
        ["/nextToken"]
    );
}

#[tokio::test]
async fn a_service_that_cannot_be_is_refused_by_the_name_of_the_field() {
    let world = World::new();
    let with = |member: &str, value: Value| {
        let mut body = service();
        body[member] = value;
        body
    };
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let cases = [
        (with("name", "".into()), "/name"),
        (
            with("destinationMatch", "(?=x)".into()),
            "/destinationMatch",
        ),
        (with("destinationMatch", "(".into()), "/destinationMatch"),
        (
            with("callbackBaseUrl", "http://app.example.com".into()),
            "/callbackBaseUrl",
        ),
        (with("callbackTimeout", 1.into()), "/callbackTimeout"),
        (with("callbackTimeout", "soon".into()), "/callbackTimeout"),
        (
            with(
                "restAuthentication",
                json!([{"type": "none", "secret": "x"}]),
            ),
            "/restAuthentication/0/type",
        ),
        (
            with("callbackBaseUrl", "https://10.0.0.1/hooks".into()),
            "/callbackBaseUrl",
        ),
        (
            with("callbackBaseUrl", "https://[::ffff:127.0.0.1]/hooks".into()),
            "/callbackBaseUrl",
        ),
        (
            with(
                "restAuthentication",
                json!([{"type": "RS256", "secret": no_key}]),
            ),
            "/restAuthentication/0/secret",
        ),
        (
            with("restAuthentication", json!([{"type": "HS256"}])),
            "/restAuthentication/0/secret",
        ),
    ];
    for (body, pointer) in cases {
        assert_eq!(world.post(LIST, body).await.pointers(), [pointer]);
    }
    assert_eq!(world.get(LIST).await.ok()["cloudsipuas"], json!([]));
}

#[tokio::test]
async fn plain_http_goes_to_listed_networks_only() {
    let world = World::with_networks(&["127.0.0.0/8"]);
    let mut body = service();
    body["callbackBaseUrl"] = "http://127.0.0.1:9000/hooks".into();
    create(&world, body.clone()).await;
    body["callbackBaseUrl"] = "http://192.0.2.7/hooks".into();
    assert_eq!(
        world.post(LIST, body).await.pointers(),
        ["/callbackBaseUrl"]
    );
}

#[tokio::test]
async fn a_refused_callback_target_names_the_option_that_allows_it() {
    let target = |url: &str| {
        let mut body = service();
        body["callbackBaseUrl"] = url.into();
        body
    };
    let (closed, open) = (World::new(), World::with_networks(&["127.0.0.0/8"]));
    let cases = [
        (
            &closed,
            "http://127.0.0.1:9000",
            "must begin with https:// (http:// only to networks listed with --callback-allow)",
        ),
        (
            &open,
            "http://192.0.2.7/hooks",
            "must begin with https://, since the node's operator did not list 192.0.2.7 with --callback-allow",
        ),
        (
            &closed,
            "https://10.0.0.1/hooks",
            "cannot be reached from here: 10.0.0.1 is a private address and is not on the allow list; \
             list it with --callback-allow to call it back",
        ),
    ];
    for (world, url, why) in cases {
        let refused = world.post(LIST, target(url)).await;
        assert_eq!(refused.pointers(), ["/callbackBaseUrl"]);
        assert_eq!(refused.json()["errors"][0]["detail"], why);
    }
}

#[tokio::test]
async fn a_patch_tells_unknown_members_and_refuses_them_only_when_strict() {
    let world = World::new();
    let path = format!("{LIST}/{}", create(&world, service()).await);
    let patch = json!([
        {"op": "add", "path": "/colour", "value": "red"},
        {"op": "replace", "path": "/name", "value": "renamed"},
    ]);
    let strict = world
        .patch(&format!("{path}?strict=true"), patch.clone())
        .await;
    assert_eq!(strict.pointers(), ["/colour"]);
    assert_eq!(
        strict.json()["errors"][0]["detail"],
        "is not known",
        "as POST and PUT say"
    );
    assert_eq!(world.get(&path).await.ok()["cloudsipua"]["name"], "alarms");
    let reply = world.patch(&path, patch).await.ok();
    assert_eq!(reply["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(reply["warnings"][0]["pointer"], "/colour");
    let after = world.get(&path).await.ok()["cloudsipua"].clone();
    assert_eq!(after["name"], "renamed");
    assert!(after.get("colour").is_none());
}

#[tokio::test]
async fn a_truth_value_is_no_name() {
    let world = World::new();
    let mut body = service();
    body["name"] = true.into();
    assert_eq!(world.post(LIST, body).await.pointers(), ["/name"]);
}

#[tokio::test]
async fn unknown_members_are_told_and_refused_only_when_strict() {
    let world = World::new();
    let mut body = service();
    body["colour"] = "red".into();
    body["success"] = true.into();
    let reply = world.post(LIST, body.clone()).await.ok();
    assert_eq!(reply["warnings"][0]["pointer"], "/colour");
    assert_eq!(reply["warnings"].as_array().unwrap().len(), 1);
    let strict = world.post(&format!("{LIST}?strict=true"), body).await;
    assert_eq!(strict.pointers(), ["/colour"]);
}

#[tokio::test]
async fn an_id_in_the_body_of_a_put_gives_way_to_the_one_in_the_path() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    let mut body = service();
    body["id"] = id.clone().into();
    let reply = world.put(&path, body.clone()).await.ok();
    assert_eq!(reply.get("warnings"), None);

    body["id"] = "another".into();
    let reply = world.put(&path, body.clone()).await.ok();
    assert_eq!(reply["id"], *id);
    assert_eq!(reply["warnings"][0]["pointer"], "/id");
    let why = format!("is not {id} as in the request");
    assert_eq!(
        reply["warnings"][0]["detail"],
        format!("{why} and was ignored")
    );
    assert_eq!(world.get(&format!("{LIST}/another")).await.status, 404);

    let strict = world
        .put(&format!("{path}?strict=true"), body.clone())
        .await;
    assert_eq!(strict.pointers(), ["/id"]);
    assert!(
        strict.text.contains(&format!("\"{why}\"")),
        "{}",
        strict.text
    );
}

#[tokio::test]
async fn an_id_in_the_body_of_a_put_that_can_be_none_is_refused() {
    let world = World::new();
    let id = create(&world, service()).await;
    for wrong in ["../etc", "åäö", &"x".repeat(129)] {
        let mut body = service();
        body["id"] = wrong.into();
        let refused = world.put(&format!("{LIST}/{id}"), body).await;
        assert_eq!(refused.pointers(), ["/id"]);
    }
}

#[tokio::test]
async fn versions_guard_against_lost_updates() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    let tag = world.get(&path).await.header("etag").to_owned();
    let conditional = |method: Method, tag: &str, body: &Value| {
        let request = world.request(method, &path).header("if-match", tag);
        request.body(Body::from(body.to_string())).unwrap()
    };
    let first = world.send(conditional(Method::PUT, &tag, &service())).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_ne!(first.header("etag"), tag);
    let second = world.send(conditional(Method::PUT, &tag, &service())).await;
    assert_eq!(second.refusal(), (412, "version_mismatch".to_owned()));
    assert_eq!(
        world
            .send(conditional(Method::DELETE, &tag, &json!({})))
            .await
            .status,
        412
    );
    assert_eq!(
        world
            .send(conditional(Method::PATCH, "W/\"x\"", &json!([])))
            .await
            .status,
        412
    );
    assert_eq!(
        world
            .send(conditional(Method::DELETE, "*", &json!({})))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn writing_a_service_switches_its_callback_on_again() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    world
        .rest
        .publisher
        .switch_callback(ACME, &id, false)
        .unwrap();
    assert_eq!(
        world.get(&path).await.ok()["cloudsipua"]["callbackDisabled"],
        true
    );
    world.put(&path, service()).await.ok();
    assert!(
        world.get(&path).await.ok()["cloudsipua"]
            .get("callbackDisabled")
            .is_none()
    );
}

#[tokio::test]
async fn a_callback_that_was_switched_off_can_be_enabled() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    let callback = world.get(&path).await.ok()["cloudsipua"]["callbackId"].clone();
    world
        .rest
        .publisher
        .switch_callback(ACME, &id, false)
        .unwrap();
    let enable = format!(
        "/v1/acme.example.com/callbacks/{}/enable",
        callback.as_str().unwrap()
    );
    assert_eq!(
        world.post(&enable, json!({})).await.ok(),
        json!({"success": true})
    );
    assert!(
        !world
            .rest
            .publisher
            .current()
            .callback(ACME, &id)
            .unwrap()
            .disabled
    );
    let unknown = world
        .post("/v1/acme.example.com/callbacks/nothing/enable", json!({}))
        .await;
    assert_eq!(unknown.refusal(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_secret_that_is_masked_or_left_out_stays_and_a_new_one_takes_its_place() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    let shown = world.get(&path).await.ok()["cloudsipua"].clone();
    world.put(&path, shown).await.ok();
    assert_eq!(signing_secret(&world, &id), "s".repeat(40));
    let mut body = service();
    body["restAuthentication"][0]
        .as_object_mut()
        .unwrap()
        .remove("secret");
    world.put(&path, body.clone()).await.ok();
    assert_eq!(signing_secret(&world, &id), "s".repeat(40));
    body["restAuthentication"][0]["secret"] = "t".repeat(40).into();
    world.put(&path, body.clone()).await.ok();
    assert_eq!(signing_secret(&world, &id), "t".repeat(40));
    body["restAuthentication"][0]["secret"] = Value::Null;
    assert_eq!(
        world.put(&path, body).await.pointers(),
        ["/restAuthentication/0/secret"]
    );
    let mut masked = service();
    masked["restAuthentication"][0]["secret"] = "********".into();
    assert_eq!(
        world.post(LIST, masked).await.pointers(),
        ["/restAuthentication/0/secret"],
        "a mask with nothing behind it"
    );
}

#[tokio::test]
async fn credentials_that_are_left_out_of_a_put_stay_and_an_empty_list_removes_them() {
    let world = World::new();
    let id = create(&world, service()).await;
    let path = format!("{LIST}/{id}");
    let mut body = service();
    body.as_object_mut().unwrap().remove("restAuthentication");
    world.put(&path, body.clone()).await.ok();
    assert_eq!(signing_secret(&world, &id), "s".repeat(40));
    world
        .put(&format!("{path}?provisory=true"), body.clone())
        .await
        .ok();
    world
        .post("/v1/acme.example.com/provisory/promote", json!({}))
        .await
        .ok();
    assert_eq!(signing_secret(&world, &id), "s".repeat(40), "by a draft");
    body["restAuthentication"] = json!([]);
    world.put(&path, body).await.ok();
    let published = world.rest.publisher.current();
    let callback = published.callback(ACME, &id).unwrap();
    assert!(callback.authentication.is_empty());
}

#[tokio::test]
async fn no_operation_of_a_patch_reads_a_secret() {
    let world = World::new();
    let mut body = service();
    body["restAuthentication"] = json!([
        {"type": "HS256", "secret": "s".repeat(40), "requestHeaders": {"x-key": "k"}},
        {"type": "HS256", "secret": "t".repeat(40)},
    ]);
    let id = create(&world, body).await;
    let path = format!("{LIST}/{id}");
    let before = world.get(&path).await.ok();
    let secret = "/restAuthentication/0/secret";
    for (op, to) in [
        ("copy", "/description"),
        ("move", "/name"),
        ("copy", "/restAuthentication/0/requestHeaders/x-key"),
        ("copy", "/callbackBaseUrl"),
        ("copy", "/restAuthentication/0/sub"),
    ] {
        let refused = world
            .patch(&path, json!([{"op": op, "from": secret, "path": to}]))
            .await;
        assert_eq!(refused.pointers(), [to], "{op}");
        assert!(!refused.text.contains("ssss"), "{}", refused.text);
    }
    let mut answers = Vec::new();
    for guess in ["s".repeat(40), "wrong".to_owned()] {
        let refused = world
            .patch(
                &path,
                json!([{"op": "test", "path": secret, "value": guess}]),
            )
            .await;
        assert_eq!(refused.refusal(), (422, "patch_test_failed".to_owned()));
        answers.push(refused.json()["reason"].clone());
    }
    assert_eq!(
        answers[0], answers[1],
        "a right guess is answered like a wrong one"
    );
    assert_eq!(world.get(&path).await.ok(), before);
    let swap = json!([
        {"op": "test", "path": secret, "value": "********"},
        {"op": "move", "from": "/restAuthentication/1", "path": "/restAuthentication/0"},
    ]);
    world.patch(&path, swap).await.ok();
    assert_eq!(
        signing_secret(&world, &id),
        "t".repeat(40),
        "a secret goes with its entry"
    );
}

#[tokio::test]
async fn what_one_tenant_provisions_no_other_sees() {
    let world = World::new();
    let other = world.add_domain("other.example.com");
    let id = create(&world, service()).await;
    let empty = world
        .get_as(&other, "/provisioning/cloudsipua/other.example.com")
        .await
        .ok();
    assert_eq!(empty["cloudsipuas"], json!([]));
    let stolen = format!("/provisioning/cloudsipua/other.example.com/{id}");
    assert_eq!(world.get_as(&other, &stolen).await.refusal().0, 404);
}
