use serde_json::json;

use super::*;

const PATH: &str = "/provisioning/currentuser/profile";

fn created() -> Value {
    json!({
        "authProvider": "string", "firstName": "string", "lastName": "string", "otherInfo": "string",
        "useCase": "string", "termsAgreed": 0, "emailConsent": 0, "phone": "string", "company": "string",
        "profileReviewed": true, "deploymentSize": "string", "email": "string",
    })
}

#[tokio::test]
async fn a_profile_is_created_updated_and_patched() {
    let world = World::new();
    assert_eq!(
        world.get(PATH).await.refusal(),
        (404, "not_found".to_owned())
    );
    assert_eq!(world.patch(PATH, json!({})).await.refusal().0, 404);
    assert_eq!(
        world.post(PATH, created()).await.ok(),
        json!({"success": true})
    );
    assert_eq!(
        world.get(PATH).await.ok(),
        json!({"success": true, "profile": created()})
    );
    assert_eq!(
        world.post(PATH, created()).await.refusal(),
        (409, "profile_exists".to_owned())
    );

    let update = json!({"firstName": "Ann", "lastName": "Berg", "emailConsent": 5, "phone": 46890510,
                        "company": "Acme", "email": "ann@example.com"});
    assert_eq!(world.put(PATH, update).await.ok(), json!({"success": true}));
    let mut expected = created();
    for (name, value) in [
        ("firstName", json!("Ann")),
        ("lastName", json!("Berg")),
        ("emailConsent", json!(5)),
        ("phone", json!("46890510")),
        ("company", json!("Acme")),
        ("email", json!("ann@example.com")),
    ] {
        expected[name] = value;
    }
    assert_eq!(world.get(PATH).await.ok()["profile"], expected);

    world
        .patch(PATH, json!({"phone": null, "firstName": "Anna"}))
        .await
        .ok();
    expected.as_object_mut().unwrap().remove("phone");
    expected["firstName"] = "Anna".into();
    assert_eq!(world.get(PATH).await.ok()["profile"], expected);

    world.put(PATH, json!({"firstName": "Ann"})).await.ok();
    let after = world.get(PATH).await.ok()["profile"].clone();
    assert!(
        after.get("company").is_none(),
        "an update is whole: {after}"
    );
    assert_eq!(
        after["useCase"], "string",
        "but for what only the creation says"
    );
}

#[tokio::test]
async fn a_profile_belongs_to_the_key_that_calls() {
    let world = World::new();
    let other = world.add_domain("other.example.com");
    world.post(PATH, created()).await.ok();
    let second = world
        .post(
            "/provisioning/apiKey/acme.example.com",
            json!({"scopes": ["read"]}),
        )
        .await
        .ok();
    let token = second["token"].as_str().unwrap();
    for token in [other.as_str(), token] {
        assert_eq!(world.get_as(token, PATH).await.refusal().0, 404);
    }
    let request = Request::builder().uri(PATH).body(Body::empty()).unwrap();
    assert_eq!(world.send(request).await.refusal().0, 401);
    assert_eq!(world.get_as("hs_nobody", PATH).await.refusal().0, 401);
}

#[tokio::test]
async fn a_profile_goes_with_its_key() {
    let world = World::new();
    world.post(PATH, created()).await.ok();
    let keys = world
        .get("/provisioning/apiKey/acme.example.com")
        .await
        .ok();
    let listed = keys.to_string();
    let sk = listed
        .split("\"sk\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let sk = sk.to_owned();
    world
        .delete(&format!("/provisioning/apiKey/acme.example.com/{sk}"))
        .await
        .ok();
    let left = world
        .rest
        .store
        .read(|db| hookswitch_store::documents::count(db, ACME, "profile", false))
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_a_profile_cannot_hold_is_named() {
    let world = World::new();
    for (name, wrong) in [
        ("firstName", json!([])),
        ("phone", json!("a\nb")),
        ("email", json!("x".repeat(321))),
        ("emailConsent", json!("soon")),
        ("termsAgreed", json!(-1)),
        ("profileReviewed", json!("perhaps")),
    ] {
        assert_eq!(
            world.post(PATH, json!({name: wrong})).await.pointers(),
            [format!("/{name}")]
        );
    }
    let reply = world
        .post(PATH, json!({"firstName": "Ann", "shoe": 42}))
        .await
        .ok();
    assert_eq!(reply["warnings"][0]["pointer"], "/shoe");
    let strict = world
        .put(&format!("{PATH}?strict=true"), json!({"shoe": 42}))
        .await;
    assert_eq!(strict.pointers(), ["/shoe"]);
    let tag = world.get(PATH).await.header("etag").to_owned();
    world.patch(PATH, json!({"firstName": "Anna"})).await.ok();
    let request = world.request(Method::PATCH, PATH).header("if-match", tag);
    let stale = world.send(request.body(Body::from("{}")).unwrap()).await;
    assert_eq!(stale.status, 412);
}
