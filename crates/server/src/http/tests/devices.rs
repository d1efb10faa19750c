use hookswitch_sip::auth::{Algorithm, Ha1};
use hookswitch_store::documents as stored;
use serde_json::json;

use super::*;
use crate::kind::DEVICE;
use crate::password::verify_password;

const LIST: &str = "/provisioning/device/acme.example.com";

fn behind_rest(id: &str) -> Value {
    json!({"deviceId": id, "authType": "disabled", "deviceType": "alarmUnit"})
}

/// Whether calls know the device.
fn is_known(world: &World, id: &str) -> bool {
    let directory = world.rest.publisher.current().directory.clone();
    directory.tenant(ACME).unwrap().devices.find(id).is_some()
}

#[tokio::test]
async fn a_device_is_added_by_put_or_post_found_and_deleted() {
    let world = World::new();
    assert_eq!(
        world.put(LIST, behind_rest("1001")).await.ok(),
        json!({"success": true})
    );
    assert_eq!(
        world.post(LIST, behind_rest("1002")).await.ok(),
        json!({"success": true})
    );
    let found = world.get(&format!("{LIST}/1001")).await.ok();
    assert_eq!(
        found,
        json!({"success": true, "deviceId": "1001", "authType": "disabled", "deviceType": "alarmUnit"})
    );
    assert!(is_known(&world, "1001") && is_known(&world, "1002"));
    assert_eq!(
        world.delete(&format!("{LIST}/1001")).await.ok(),
        json!({"success": true})
    );
    assert!(!is_known(&world, "1001") && is_known(&world, "1002"));
    assert_eq!(world.get(&format!("{LIST}/1001")).await.refusal().0, 404);
    assert_eq!(world.delete(&format!("{LIST}/1001")).await.refusal().0, 404);
}

/// What calls compare a device's digest with.
fn ha1_of(world: &World, id: &str) -> Option<Ha1> {
    let directory = world.rest.publisher.current().directory.clone();
    let device = directory.tenant(ACME).unwrap().devices.find(id).cloned();
    device.unwrap().ha1.map(|ha1| *ha1)
}

/// What the database holds of a device.
fn stored_body(world: &World, id: &str) -> Value {
    let key = stored::Key {
        domain: ACME,
        kind: "device",
        id,
        draft: false,
    };
    let document = world.rest.store.read(|db| stored::find(db, key)).unwrap();
    let opened = DEVICE.open(&world.rest.master_key, &document.unwrap());
    Value::Object(opened.unwrap())
}

#[tokio::test]
async fn a_credentials_device_is_told_its_password_once_and_keeps_it() {
    let world = World::new();
    let device = json!({"deviceId": "desk", "authType": "credentials"});
    let made = world.put(LIST, device.clone()).await.ok();
    let password = made["password"].as_str().unwrap();
    assert!(password.len() >= 24);
    let expected = Ha1::of("desk", ACME, password);
    assert_eq!(ha1_of(&world, "desk"), Some(expected));
    assert!(!stored_body(&world, "desk").to_string().contains(password));

    let modified = json!({"deviceId": "desk", "authType": "credentials", "description": "moved"});
    assert_eq!(
        world.put(LIST, modified).await.ok(),
        json!({"success": true})
    );
    assert_eq!(ha1_of(&world, "desk"), Some(expected));
    let found = world.get(&format!("{LIST}/desk")).await;
    assert!(
        !found.text.contains(password) && !found.text.contains("MD5"),
        "{}",
        found.text
    );
}

#[tokio::test]
async fn a_hash_of_the_customers_own_takes_the_place_of_a_password_in_both_forms() {
    let world = World::new();
    let whole = Ha1::of("desk", ACME, "biloxi");
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let hash = whole.hex(algorithm).unwrap();
        let device =
            json!({"deviceId": "desk", "authType": "credentials", "ha1": hash.to_uppercase()});
        assert_eq!(world.put(LIST, device).await.ok(), json!({"success": true}));
        let kept = ha1_of(&world, "desk").unwrap();
        assert_eq!(kept, Ha1::parse(&hash).unwrap());
        let plain = json!({"deviceId": "desk", "authType": "credentials"});
        world.put(LIST, plain).await.ok();
        assert_eq!(
            ha1_of(&world, "desk"),
            Some(kept),
            "not given again, it is kept"
        );
    }
    let wrong = json!({"deviceId": "desk", "authType": "credentials", "ha1": "0".repeat(40)});
    assert_eq!(world.put(LIST, wrong).await.pointers(), ["/ha1"]);
}

#[tokio::test]
async fn a_patch_that_takes_the_secret_away_gets_a_new_password() {
    let world = World::new();
    let path = format!("{LIST}/desk");
    let device = json!({"deviceId": "desk", "authType": "credentials"});
    let first = world.put(LIST, device).await.ok()["password"].clone();
    let other = json!([{"op": "add", "path": "/description", "value": "moved"}]);
    assert!(
        world
            .patch(&path, other)
            .await
            .ok()
            .get("password")
            .is_none()
    );
    let remove = json!([{"op": "remove", "path": "/password"}]);
    let second = world.patch(&path, remove).await.ok()["password"].clone();
    assert_ne!(first, second);
    let expected = Ha1::of("desk", ACME, second.as_str().unwrap());
    assert_eq!(ha1_of(&world, "desk"), Some(expected));
}

#[tokio::test]
async fn a_secret_that_the_kind_of_device_does_not_use_is_told_in_a_warning() {
    let world = World::new();
    for (auth_type, member, value) in [
        ("credentials", "password", "of my own"),
        ("deviceid", "password", "of my own"),
        ("disabled", "ha1", "0123456789abcdef0123456789abcdef"),
    ] {
        let device = json!({"deviceId": auth_type, "authType": auth_type, member: value});
        let told = world.put(LIST, device).await.ok();
        assert_eq!(told["warnings"][0]["pointer"], format!("/{member}"));
        let kept = stored_body(&world, auth_type).to_string();
        assert!(!kept.contains(value), "{kept}");
    }
}

#[tokio::test]
async fn a_userid_device_needs_a_password_that_nobody_reads_back() {
    let world = World::new();
    let mut device = json!({"deviceId": "anna", "authType": "userid", "authorized": {"invite": "^1", "register": true}});
    assert_eq!(
        world.put(LIST, device.clone()).await.pointers(),
        ["/password"]
    );
    device["password"] = "correct horse".into();
    assert_eq!(
        world.put(LIST, device.clone()).await.ok(),
        json!({"success": true})
    );
    let fits = |given: &str| {
        let kept = stored_body(&world, "anna")["password"].clone();
        verify_password(kept.as_str().unwrap(), given)
    };
    assert!(fits("correct horse"));
    for path in [LIST.to_owned(), format!("{LIST}/anna")] {
        let found = world.get(&path).await.text;
        assert!(
            !found.contains("horse") && !found.contains("argon2"),
            "{found}"
        );
    }
    device["authorized"]["invite"] = "(?=x)".into();
    assert_eq!(
        world.put(LIST, device).await.pointers(),
        ["/authorized/invite"]
    );
    let kept = json!({"deviceId": "anna", "authType": "userid", "authorized": {}});
    world.put(LIST, kept).await.ok();
    let path = format!("{LIST}/anna");
    let patch = json!([{"op": "replace", "path": "/description", "value": "x"}]);
    assert_eq!(world.patch(&path, patch).await.status, 422);
    let patch = json!([{"op": "add", "path": "/description", "value": "x"}]);
    world.patch(&path, patch).await.ok();
    assert!(
        fits("correct horse"),
        "neither a write nor a patch without it changes it"
    );
    let patch = json!([{"op": "add", "path": "/password", "value": "battery staple"}]);
    world.patch(&path, patch).await.ok();
    assert!(fits("battery staple"));
    let remove = json!([{"op": "remove", "path": "/password"}]);
    assert_eq!(world.patch(&path, remove).await.pointers(), ["/password"]);
}

#[tokio::test]
async fn devices_are_listed_by_prefix_and_page() {
    let world = World::new();
    for id in ["10", "11", "12", "20"] {
        world.put(LIST, behind_rest(id)).await.ok();
    }
    let ids = |body: &Value| -> Vec<String> {
        let devices = body["devices"].as_array().unwrap().iter();
        devices
            .map(|device| device["deviceId"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&world.get(LIST).await.ok()), ["10", "11", "12", "20"]);
    let first = world.get(&format!("{LIST}?filter=1&limit=2")).await.ok();
    assert_eq!(ids(&first), ["10", "11"]);
    let token = first["nextToken"].as_str().unwrap();
    let second = world
        .get(&format!("{LIST}?filter=1&limit=2&nextToken={token}"))
        .await
        .ok();
    assert_eq!(ids(&second), ["12"]);
    assert!(second.get("nextToken").is_none());
}

#[tokio::test]
async fn a_device_is_patched_deep_inside() {
    let world = World::new();
    world.put(LIST, behind_rest("1001")).await.ok();
    let path = format!("{LIST}/1001");
    let patch = json!([
        {"op": "add", "path": "/serviceData", "value": {"alarmBridge": {}}},
        {"op": "add", "path": "/serviceData/alarmBridge/sipUri", "value": "sip:a@b"},
    ]);
    assert_eq!(
        world.patch(&path, patch).await.ok(),
        json!({"success": true})
    );
    let found = world.get(&path).await.ok();
    assert_eq!(found["serviceData"]["alarmBridge"]["sipUri"], "sip:a@b");
    let renamed = json!([{"op": "replace", "path": "/deviceId", "value": "1002"}]);
    assert_eq!(world.patch(&path, renamed).await.pointers(), ["/deviceId"]);
    let unknown = json!([{"op": "add", "path": "/colour", "value": "red"}]);
    let strict = format!("{path}?strict=true");
    assert_eq!(
        world.patch(&strict, unknown.clone()).await.pointers(),
        ["/colour"]
    );
    let told = world.patch(&path, unknown).await.ok();
    assert_eq!(told["warnings"][0]["pointer"], "/colour");
    let wrong = json!([{"op": "replace", "path": "/authType", "value": "magic"}]);
    assert_eq!(world.patch(&path, wrong).await.pointers(), ["/authType"]);
}

#[tokio::test]
async fn deleting_all_devices_is_a_rehearsal_until_confirmed() {
    let world = World::new();
    for id in ["1", "2", "3"] {
        world.put(LIST, behind_rest(id)).await.ok();
    }
    let rehearsal = world.delete(LIST).await.ok();
    assert_eq!(rehearsal["count"], 3);
    assert!(
        rehearsal["message"]
            .as_str()
            .unwrap()
            .contains("would be deleted")
    );
    let refused = world
        .with_body(Method::DELETE, LIST, &json!({"confirmDeleteAll": false}))
        .await;
    assert_eq!(refused.ok()["count"], 3);
    assert!(is_known(&world, "1"));
    let done = world
        .with_body(Method::DELETE, LIST, &json!({"confirmDeleteAll": true}))
        .await
        .ok();
    assert_eq!(
        done,
        json!({"success": true, "message": "3 devices deleted", "count": 3})
    );
    assert!(!is_known(&world, "1"));
    assert_eq!(world.get(LIST).await.ok()["devices"], json!([]));
}

#[tokio::test]
async fn an_id_with_wrong_characters_or_an_unknown_kind_of_device_is_refused() {
    let world = World::new();
    for id in ["", "a b", "a/b", "å"] {
        assert_eq!(
            world.put(LIST, behind_rest(id)).await.pointers(),
            ["/deviceId"],
            "{id}"
        );
    }
    let strange = json!({"deviceId": "1", "authType": "disabled", "deviceType": "toaster"});
    assert_eq!(world.put(LIST, strange).await.pointers(), ["/deviceType"]);
    assert_eq!(
        world.put(LIST, json!({"deviceId": "1"})).await.pointers(),
        ["/authType"]
    );
    world
        .put(LIST, behind_rest("site-1:controller:~+.9_"))
        .await
        .ok();
    world
        .get(&format!("{LIST}/site-1:controller:~+.9_"))
        .await
        .ok();
}
