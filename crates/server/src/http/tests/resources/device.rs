//! The documented body of a device. Its secrets are not masked: nobody sees that they are there.

use super::*;

const LIST: &str = "/provisioning/device/acme.example.com";
const ITEM: &str = "/provisioning/device/acme.example.com/string";

/// As it is documented.
const SAMPLE: &str = r#"{
    "deviceType": "sipDevice", "lastConfigured": 0, "macAddress": "string", "password": "string",
    "authorized": {"domain": "string", "invite": "string", "register": true},
    "serviceData": {"alarmBridge": {
        "heartbeatInterval": 300000, "alarmProtocol": "tt92", "emergencyDestination": "string",
        "overrideInAlarmEvent": {
            "deviceType": "string", "controllerId": "string", "deviceComponent": "string", "systemConfig": "string",
            "location": "string", "audio": "string", "priority": 0, "deviceId": "string", "statusCode": "string"
        },
        "usePredefinedDestination": true
    }},
    "description": "string", "ha1": "string", "deviceCLI": "string", "authType": "credentials", "deviceId": "string"
}"#;

/// What stands in for its placeholders.
fn body() -> Value {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["macAddress"] = "00:0b:82:aa:bb:cc".into();
    body["ha1"] = "0123456789abcdef0123456789abcdef".into();
    body
}

/// What is read of it: not what is kept secret, nor what only the platform says.
fn shown(body: &Value) -> Value {
    let mut shown = body.clone();
    let members = shown.as_object_mut().unwrap();
    for name in ["password", "ha1", "lastConfigured"] {
        members.remove(name);
    }
    shown
}

async fn read(world: &World) -> Value {
    let mut found = world.get(ITEM).await.ok();
    assert_eq!(
        found.as_object_mut().unwrap().remove("success"),
        Some(true.into())
    );
    found
}

/// Field, a good value, wrong values.
const FIELDS: &[(&str, &str, &[&str])] = &[
    ("deviceType", r#""alarmUnit""#, &[r#""string""#, "1", "{}"]),
    (
        "macAddress",
        r#""000B82AABBCD""#,
        &[r#""string""#, "[]", r#""000b82aabb""#],
    ),
    (
        "authorized/domain",
        r#""acme.example.com""#,
        &["{}", r#""a\nb""#],
    ),
    (
        "authorized/invite",
        r#""^\\+46""#,
        &["[]", r#""(""#, r#""(?=a)b""#, r#""a\r\nb""#],
    ),
    ("authorized/register", "false", &[r#""perhaps""#, "{}"]),
    ("authorized", r#"{"register": true}"#, &["[]", r#""all""#]),
    (
        "serviceData/alarmBridge/heartbeatInterval",
        "600000",
        &["299999", r#""soon""#, "-1", "1.5", "{}"],
    ),
    (
        "serviceData",
        r#"{"other": {"deep": [1]}}"#,
        &["[]", r#""x""#],
    ),
    ("description", r#""other\nlines""#, &["{}", "[1]"]),
    (
        "ha1",
        r#""fedcba9876543210fedcba9876543210""#,
        &[r#""string""#, "{}", r#""0123456789abcdef0123456789abcdeg""#],
    ),
    ("deviceCLI", r#""+46890511""#, &["{}", r#""a\r\nVia: x""#]),
    ("authType", r#""deviceid""#, &[r#""string""#, "1", "null"]),
];

#[tokio::test]
async fn the_sample_of_a_device_comes_out_as_it_went_in() {
    for post in [false, true] {
        let world = World::new();
        let told = match post {
            true => world.post(LIST, body()).await.ok(),
            false => world.put(LIST, body()).await.ok(),
        };
        let named: Vec<&Value> = told["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|warning| &warning["pointer"])
            .collect();
        assert_eq!(named, ["/password"], "it is for userid only");
        assert_eq!(read(&world).await, shown(&body()));
        // What was read goes back in, masks or not, and changes nothing.
        for secret in [None, Some("********")] {
            let mut again = shown(&body());
            if let Some(mask) = secret {
                again["ha1"] = mask.into();
            }
            assert_eq!(world.put(LIST, again).await.ok(), json!({"success": true}));
            assert_eq!(read(&world).await, shown(&body()));
        }
        let patch = json!([
            {"op": "test", "path": "/deviceCLI", "value": "string"},
            {"op": "copy", "from": "/deviceCLI", "path": "/description"},
        ]);
        world.patch(ITEM, patch).await.ok();
        assert_eq!(read(&world).await, shown(&body()));
    }
}

#[tokio::test]
async fn every_field_of_a_device_can_be_patched_and_refuses_what_it_cannot_be() {
    let world = World::new();
    world.put(LIST, body()).await.ok();
    for (field, good, wrong) in FIELDS {
        let pointer = format!("/{field}");
        let before = read(&world).await;
        for wrong in *wrong {
            let wrong: Value = serde_json::from_str(wrong).unwrap();
            let patch = json!([{"op": "add", "path": pointer, "value": wrong}]);
            let named = world.patch(ITEM, patch).await.pointers();
            assert!(
                named[0].starts_with(&pointer),
                "{pointer} {wrong}: {named:?}"
            );
        }
        assert_eq!(read(&world).await, before, "{pointer}");
        let good: Value = serde_json::from_str(good).unwrap();
        let patch = json!([{"op": "add", "path": pointer, "value": good}]);
        world.patch(ITEM, patch).await.ok();
        let after = read(&world).await;
        let expected = (*field != "ha1").then_some(&good);
        assert_eq!(after.pointer(&pointer), expected, "{pointer}");
    }
}

#[tokio::test]
async fn every_field_of_the_sample_of_a_device_has_its_row() {
    for field in body().as_object().unwrap().keys() {
        let has_row = FIELDS
            .iter()
            .any(|(name, ..)| name.split('/').next() == Some(field));
        // An id is not patched, a credentials device has no password of its own, and nobody sets when it was configured.
        let has_none = matches!(field.as_str(), "deviceId" | "password" | "lastConfigured");
        assert!(has_row || has_none, "{field}");
    }
}

#[tokio::test]
async fn what_is_kept_of_a_secret_can_be_neither_copied_moved_nor_tested() {
    let world = World::new();
    let userid = json!({
        "deviceId": "string", "authType": "userid", "password": "open sesame", "authorized": {"register": true},
    });
    for (device, secret) in [(body(), "/ha1"), (userid, "/password")] {
        world.delete(ITEM).await;
        world.put(LIST, device).await.ok();
        let before = read(&world).await;
        for operation in [
            json!({"op": "copy", "from": secret, "path": "/description"}),
            json!({"op": "move", "from": secret, "path": "/description"}),
            json!({"op": "copy", "from": "", "path": "/serviceData"}),
            json!({"op": "copy", "from": secret, "path": "/serviceData"}),
        ] {
            let answer = world.patch(ITEM, json!([operation])).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{operation}");
            assert!(!answer.text.contains("argon2") && !answer.text.contains("0123456789"));
        }
        for guess in ["0123456789abcdef0123456789abcdef", "open sesame", ""] {
            let test = json!([{"op": "test", "path": secret, "value": guess}]);
            assert_eq!(world.patch(ITEM, test).await.status, 422, "{guess}");
        }
        assert_eq!(read(&world).await, before);
    }
}

#[tokio::test]
async fn a_mask_with_nothing_behind_it_is_refused() {
    let world = World::new();
    for (auth_type, member) in [("credentials", "ha1"), ("userid", "password")] {
        let device =
            json!({"deviceId": "new", "authType": auth_type, member: "********", "authorized": {}});
        let pointers = world.put(LIST, device).await.pointers();
        assert_eq!(pointers, [format!("/{member}")]);
    }
}
