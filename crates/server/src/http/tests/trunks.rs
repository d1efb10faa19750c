use hookswitch_sip::auth::Algorithm;
use serde_json::json;

use super::*;

const LIST: &str = "/provisioning/trunk/acme.example.com";

fn trunk() -> Value {
    json!({
        "destinationTarget": "sip.carrier.example", "destinationTransport": "udp", "destinationMatch": "^\\+46",
        "userName": "acme", "realm": "carrier.example", "password": "open sesame",
    })
}

/// What the store has of a trunk, in the clear.
fn stored(world: &World, id: &str) -> Value {
    let key = hookswitch_store::documents::Key {
        domain: ACME,
        kind: "trunk",
        id,
        draft: false,
    };
    let document = world
        .rest
        .store
        .read(|db| hookswitch_store::documents::find(db, key))
        .unwrap()
        .unwrap();
    assert!(!document.body.contains("sesame"), "{}", document.body);
    Value::Object(
        crate::kind::TRUNK
            .open(&world.rest.master_key, &document)
            .unwrap(),
    )
}

#[tokio::test]
async fn a_password_comes_back_once_and_only_its_hashes_are_stored() {
    let world = World::new();
    let reply = world.post(LIST, trunk()).await.ok();
    let id = reply["id"].as_str().unwrap();
    assert_eq!(reply["password"], "open sesame");
    let md5 = Algorithm::Md5.ha1("acme", "carrier.example", "open sesame");
    let inside = stored(&world, id);
    assert_eq!(inside["ha1"], md5.as_str());
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512_256] {
        let hash = algorithm.ha1("acme", "carrier.example", "open sesame");
        assert!(
            inside["hashes"].as_str().unwrap().contains(&hash),
            "{inside}"
        );
    }
    assert!(!inside.to_string().contains("sesame"));
    let path = format!("{LIST}/{id}");
    let found = world.get(&path).await.ok()["trunk"].clone();
    assert_eq!(
        (&found["password"], &found["ha1"]),
        (&json!("********"), &json!("********"))
    );
    assert!(found.get("hashes").is_none() && found.get("trunkId").is_none());
    let again = world.put(&path, found).await.ok();
    assert_eq!(again["password"], Value::Null, "{again}");
    assert_eq!(stored(&world, id), inside);
}

#[tokio::test]
async fn user_name_and_realm_change_with_the_password_only() {
    let world = World::new();
    let id = world.post(LIST, trunk()).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{LIST}/{id}");
    let mut other = trunk();
    other["userName"] = "other".into();
    other["password"] = "********".into();
    assert_eq!(
        world.put(&path, other.clone()).await.pointers(),
        ["/password"]
    );
    let rename = json!([{"op": "replace", "path": "/realm", "value": "elsewhere"}]);
    assert_eq!(world.patch(&path, rename).await.pointers(), ["/password"]);
    other["password"] = "anew".into();
    assert_eq!(world.put(&path, other).await.ok()["password"], "anew");
    let md5 = Algorithm::Md5.ha1("other", "carrier.example", "anew");
    assert_eq!(stored(&world, &id)["ha1"], md5.as_str());
    let patch = json!([{"op": "replace", "path": "/password", "value": "third"}]);
    assert_eq!(
        world.patch(&path, patch).await.ok(),
        json!({"success": true, "password": "third"})
    );
    let md5 = Algorithm::Md5.ha1("other", "carrier.example", "third");
    assert_eq!(stored(&world, &id)["ha1"], md5.as_str());
    let open = json!([
        {"op": "remove", "path": "/password"}, {"op": "remove", "path": "/ha1"},
        {"op": "remove", "path": "/userName"}, {"op": "remove", "path": "/realm"},
    ]);
    world.patch(&path, open).await.ok();
    assert!(stored(&world, &id).get("ha1").is_none());
}

#[tokio::test]
async fn a_hash_that_is_given_takes_the_place_of_the_password() {
    let world = World::new();
    let id = world.post(LIST, trunk()).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{LIST}/{id}");
    let mut body = trunk();
    body.as_object_mut().unwrap().remove("password");
    body["ha1"] = "AB".repeat(16).into();
    world.put(&path, body).await.ok();
    let inside = stored(&world, &id);
    assert_eq!(inside["ha1"], "ab".repeat(16));
    assert!(
        inside.get("hashes").is_none() && inside.get("password").is_none(),
        "{inside}"
    );
}

#[tokio::test]
async fn put_on_the_list_adds_or_modifies_by_the_trunks_id() {
    let world = World::new();
    let body = |trunk: Value| json!({"trunkId": "to-carrier", "serviceDestination": trunk});
    let reply = world.put(LIST, body(trunk())).await.ok();
    assert_eq!(reply["id"], "to-carrier");
    let mut changed = trunk();
    changed["description"] = "changed".into();
    world.put(LIST, body(changed)).await.ok();
    let listed = world.get(LIST).await.ok();
    assert_eq!(listed["trunks"].as_array().unwrap().len(), 1);
    assert_eq!(listed["trunks"][0]["trunkId"], "to-carrier");
    assert_eq!(
        listed["trunks"][0]["serviceDestination"]["description"],
        "changed"
    );
    let made = world
        .put(LIST, json!({"serviceDestination": trunk()}))
        .await
        .ok();
    assert_eq!(made["id"].as_str().map(str::len), Some(36));
    for absent in [json!(""), json!(null)] {
        let mut unnamed = body(trunk());
        unnamed["trunkId"] = absent;
        let made = world.put(LIST, unnamed).await.ok();
        assert_eq!(made["id"].as_str().map(str::len), Some(36));
    }
    let mut wrong = trunk();
    wrong["sourceNetworks"] = json!(["192.0.2.0/33"]);
    assert_eq!(
        world.put(LIST, body(wrong)).await.pointers(),
        ["/serviceDestination/sourceNetworks/0"]
    );
    assert_eq!(
        world.put(LIST, json!({})).await.pointers(),
        ["/serviceDestination"]
    );
    assert_eq!(world.put(LIST, json!([])).await.pointers(), [""]);
    let mut odd = body(trunk());
    odd["trunkId"] = "../x".into();
    assert_eq!(world.put(LIST, odd).await.pointers(), ["/trunkId"]);
    let mut noted = body(trunk());
    noted["colour"] = "red".into();
    noted["serviceDestination"]["shape"] = "round".into();
    noted["serviceDestination"]["transcode"] = true.into();
    let reply = world.put(LIST, noted).await.ok();
    let pointers: Vec<&str> = reply["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        [
            "/colour",
            "/serviceDestination/shape",
            "/serviceDestination/transcode"
        ]
    );
}

#[tokio::test]
async fn versions_guard_a_trunk_against_lost_updates() {
    let world = World::new();
    world.put(&format!("{LIST}/t"), trunk()).await.ok();
    let path = format!("{LIST}/t");
    let tag = world.get(&path).await.header("etag").to_owned();
    world.put(&path, trunk()).await.ok();
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let body = if method == Method::PATCH {
            json!([])
        } else {
            trunk()
        };
        let request = world
            .request(method.clone(), &path)
            .header("if-match", &tag);
        let stale = world
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await;
        assert_eq!(
            stale.refusal(),
            (412, "version_mismatch".to_owned()),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_password_that_is_null_takes_the_credentials_away() {
    let world = World::new();
    let path = format!("{LIST}/carrier");
    world.put(&path, trunk()).await.ok();
    assert!(stored(&world, "carrier").get("ha1").is_some());
    let mut bare = trunk();
    for member in ["userName", "realm"] {
        bare.as_object_mut().unwrap().remove(member);
    }
    bare["password"] = Value::Null;
    world.put(&path, bare).await.ok();
    let stored = stored(&world, "carrier");
    for member in ["password", "ha1", "hashes"] {
        assert!(stored.get(member).is_none(), "{member}");
    }
}

#[tokio::test]
async fn the_hashes_of_a_trunk_are_neither_given_nor_seen() {
    let world = World::new();
    let path = format!("{LIST}/carrier");
    world.put(&path, trunk()).await.ok();
    let before = stored(&world, "carrier");
    let of_ours = before["hashes"].clone();
    for guess in [json!("********"), json!("MD5=x"), of_ours.clone()] {
        let test = json!([{"op": "test", "path": "/hashes", "value": guess}]);
        assert_eq!(world.patch(&path, test).await.status, 422, "{guess}");
        for op in ["add", "replace"] {
            let patch = json!([{"op": op, "path": "/hashes", "value": guess}]);
            let reply = world.patch(&path, patch.clone()).await.ok();
            assert_eq!(reply["warnings"][0]["pointer"], "/hashes", "{reply}");
            let strict = world.patch(&format!("{path}?strict=true"), patch).await;
            assert_eq!(strict.pointers(), ["/hashes"]);
        }
        let mut body = trunk();
        body["hashes"] = guess;
        body["password"] = "********".into();
        let reply = world.put(&path, body.clone()).await.ok();
        assert_eq!(reply["warnings"][0]["pointer"], "/hashes", "{reply}");
        body["password"] = "open sesame".into();
        let reply = world.post(LIST, body).await.ok();
        assert_eq!(reply["warnings"][0]["pointer"], "/hashes", "{reply}");
        assert_eq!(stored(&world, "carrier"), before);
    }
}
