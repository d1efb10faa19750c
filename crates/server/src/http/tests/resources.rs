//! Every sample body of the provisioning API goes in and comes out equal, once a listed table made it valid; and every
//! field of every resource can be patched to another value, and refuses what it cannot be.

mod addresses;
mod conditions;
mod device;
mod fields;
mod samples;

use serde_json::json;

use self::fields::FIELDS;
use self::samples::{RESOURCES, Resource};
use super::*;

const MASK: &str = "********";

impl Resource {
    /// The documented body, made valid by the table.
    fn body(&self) -> Value {
        let mut body: Value = serde_json::from_str(self.sample).unwrap();
        for (pointer, value) in self.repairs {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let parent = body
                .pointer_mut(parent)
                .unwrap_or_else(|| panic!("{pointer}"));
            match *value {
                "" => {
                    parent.as_object_mut().unwrap().remove(name).unwrap();
                }
                value => parent[name] = serde_json::from_str(value).unwrap(),
            }
        }
        body
    }

    /// The same as readers see it.
    fn shown(&self, body: &Value) -> Value {
        let mut shown = body.clone();
        for pointer in self.secrets {
            *shown
                .pointer_mut(pointer)
                .unwrap_or_else(|| panic!("{pointer}")) = MASK.into();
        }
        shown
    }

    async fn create(&self, world: &World, body: &Value) -> String {
        let reply = match self.singleton {
            true => world.put(self.list, body.clone()).await.ok(),
            false => world.post(self.list, body.clone()).await.ok(),
        };
        assert_eq!(reply["success"], true);
        match self.singleton {
            true => self.list.to_owned(),
            false => format!("{}/{}", self.list, reply["id"].as_str().unwrap()),
        }
    }

    async fn read(&self, world: &World, path: &str) -> Value {
        let mut found = world.get(path).await.ok();
        match self.single {
            "" => {
                found.as_object_mut().unwrap().remove("success");
                found
            }
            single => found[single].take(),
        }
    }
}

#[tokio::test]
async fn every_sample_comes_out_as_it_went_in() {
    for resource in RESOURCES {
        let world = World::new();
        let body = resource.body();
        let path = resource.create(&world, &body).await;
        let shown = resource.shown(&body);
        assert_eq!(resource.read(&world, &path).await, shown, "POST {path}");
        // What was read goes back in, masks and all, and changes nothing.
        world.put(&path, shown.clone()).await.ok();
        assert_eq!(resource.read(&world, &path).await, shown, "PUT {path}");
        if resource.singleton {
            continue;
        }
        let patch = json!([
            {"op": "test", "path": "/destinationMatch", "value": shown.get("destinationMatch")},
            {"op": "add", "path": "/description", "value": "patched"},
        ]);
        let patch = match shown.get("destinationMatch") {
            Some(_) => patch,
            None => json!([patch[1]]),
        };
        world.patch(&path, patch).await.ok();
        let mut patched = shown.clone();
        patched["description"] = "patched".into();
        assert_eq!(resource.read(&world, &path).await, patched, "PATCH {path}");
        let listed = world.get(resource.list).await.ok();
        let row = &listed[resource.many][0];
        let row = row.get("serviceDestination").unwrap_or(row);
        assert_eq!(*row, patched, "GET {}", resource.list);
        assert_eq!(world.delete(&path).await.ok(), json!({"success": true}));
        assert_eq!(world.get(&path).await.refusal().0, 404, "{path}");
    }
}

#[tokio::test]
async fn every_field_can_be_patched_and_refuses_what_it_cannot_be() {
    for resource in RESOURCES.iter().filter(|resource| !resource.singleton) {
        let world = World::new();
        let path = resource.create(&world, &resource.body()).await;
        for (kind, field, good, wrong) in FIELDS.iter().filter(|row| row.0 == resource.single) {
            let pointer = format!("/{field}");
            let before = resource.read(&world, &path).await;
            for wrong in *wrong {
                let wrong: Value = serde_json::from_str(wrong).unwrap();
                let patch = json!([{"op": "add", "path": pointer, "value": wrong}]);
                let named = world.patch(&path, patch).await.pointers();
                assert!(
                    named[0].starts_with(&pointer),
                    "{kind} {pointer} {wrong}: {named:?}"
                );
            }
            assert_eq!(
                resource.read(&world, &path).await,
                before,
                "{kind} {pointer}"
            );
            let good: Value = serde_json::from_str(good).unwrap();
            let patch = json!([{"op": "add", "path": pointer, "value": good}]);
            world.patch(&path, patch).await.ok();
            let after = resource.read(&world, &path).await;
            let is_secret = resource.secrets.contains(&pointer.as_str());
            let expected = if is_secret { MASK.into() } else { good };
            assert_eq!(after.pointer(&pointer), Some(&expected), "{kind} {pointer}");
        }
    }
}

#[tokio::test]
async fn every_field_of_every_sample_has_its_row() {
    for resource in RESOURCES.iter().filter(|resource| !resource.singleton) {
        let body = resource.body();
        for field in body.as_object().unwrap().keys() {
            let has_row = FIELDS.iter().any(|(kind, name, _, _)| {
                *kind == resource.single && name.split('/').next() == Some(field)
            });
            // An id is not patched, a trunk's type has one value, and its user name and realm go with a password.
            let has_none = matches!(field.as_str(), "id" | "type" | "userName" | "realm");
            assert!(has_row || has_none, "{} {field}", resource.single);
        }
    }
}

#[tokio::test]
async fn settings_have_the_same_fields_and_refuse_what_they_cannot_be() {
    for resource in RESOURCES.iter().filter(|resource| resource.singleton) {
        let world = World::new();
        assert_eq!(
            world.get(resource.list).await.ok(),
            json!({"success": true})
        );
        for (pointer, wrong) in [
            ("/alarmTopic", json!("string")),
            (
                "/sipEventsTopic",
                json!("arn:aws:sqs:eu-north-1:123456789012:x"),
            ),
            ("/httpTimeout", json!(299)),
            ("/httpTimeout", json!("soon")),
            ("/useHttpEvents", json!("perhaps")),
            ("/alarmEventsRestEndpoint", json!("string")),
            ("/sipEventsRestEndpoint", json!("http://192.0.2.1/")),
            ("/alarmbridgeCallbackEndpoint", json!("https://10.0.0.1/")),
            ("/restAuthentication", json!({})),
        ] {
            let mut body = resource.body();
            *body.pointer_mut(pointer).unwrap() = wrong.clone();
            let named = world.put(resource.list, body).await.pointers();
            assert!(
                named[0].starts_with(pointer),
                "{pointer} {wrong}: {named:?}"
            );
        }
        let mut topics = resource.body();
        topics["useHttpEvents"] = false.into();
        let refused = world.post(resource.list, topics).await;
        assert_eq!(refused.pointers(), ["/alarmTopic", "/sipEventsTopic"]);
        assert!(refused.text.contains("Amazon SNS"), "{}", refused.text);
        world.post(resource.list, resource.body()).await.ok();
        let found = world.get(resource.list).await;
        let stale = world
            .request(Method::PUT, resource.list)
            .header("if-match", "\"1\"")
            .body(Body::from("{}"))
            .unwrap();
        assert_eq!(world.send(stale).await.status, 412);
        let current = world
            .request(Method::PUT, resource.list)
            .header("if-match", found.header("etag"))
            .body(Body::from("{}"))
            .unwrap();
        assert_eq!(world.send(current).await.status, 200);
    }
}

#[tokio::test]
async fn topics_are_taken_in_the_region_this_node_publishes_to() {
    for resource in RESOURCES.iter().filter(|resource| resource.singleton) {
        let mut world = World::new();
        Arc::get_mut(&mut world.rest).unwrap().sns_region = Some("eu-north-1".into());
        let topic = |region: &str| format!("arn:aws:sns:{region}:123456789012:alarms");
        let taken = json!({"alarmTopic": topic("eu-north-1")});
        world.put(resource.list, taken.clone()).await.ok();
        assert_eq!(resource.read(&world, resource.list).await, taken);
        let elsewhere = json!({"alarmTopic": topic("us-east-1"), "useHttpEvents": false});
        let refused = world.put(resource.list, elsewhere).await;
        assert_eq!(refused.pointers(), ["/alarmTopic"]);
        assert!(refused.text.contains("us-east-1"), "{}", refused.text);
    }
}

#[tokio::test]
async fn fields_of_another_variant_are_stored_and_named() {
    let world = World::new();
    for (single, change, named) in [
        (
            "alarmbridge",
            json!({"protocol": "scaip"}),
            vec![
                "/protocolMode",
                "/protocolCandidates",
                "/protocolModes",
                "/tonePowers",
                "/fallbackAlarmProtocol",
                "/dataRequestInterval",
            ],
        ),
        (
            "alarmbridge",
            json!({"protocol": "tt92"}),
            vec![
                "/protocolCandidates",
                "/protocolModes",
                "/tonePowers",
                "/fallbackAlarmProtocol",
                "/dataRequestInterval",
            ],
        ),
        (
            "alarmbridge",
            json!({"protocol": "multiprotocol"}),
            vec!["/protocolMode", "/fallbackAlarmProtocol"],
        ),
        (
            "alarmbridge",
            json!({"protocol": "deviceProvisioned"}),
            vec![
                "/protocolMode",
                "/protocolCandidates",
                "/protocolModes",
                "/tonePowers",
            ],
        ),
        (
            "alarmeventmapper",
            json!({"alarmHandling": "drop"}),
            vec!["/waitForCallback"],
        ),
        (
            "alarmeventmapper",
            json!({"alarmHandling": "requestCallback"}),
            vec![],
        ),
        (
            "alarmeventmapper",
            json!({"siaMapping": {}}),
            vec!["/siaMapping"],
        ),
    ] {
        let resource = RESOURCES
            .iter()
            .find(|resource| resource.single == single)
            .unwrap();
        let mut body = resource.body();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let reply = world.post(resource.list, body.clone()).await.ok();
        let empty = Vec::new();
        let warnings = reply["warnings"].as_array().unwrap_or(&empty);
        let pointers: Vec<&str> = warnings
            .iter()
            .map(|warning| warning["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(pointers, named, "{change}");
        let path = format!("{}/{}", resource.list, reply["id"].as_str().unwrap());
        let shown = resource.shown(&body);
        assert_eq!(
            resource.read(&world, &path).await,
            shown,
            "all of it is stored"
        );
    }
    let bridge = RESOURCES
        .iter()
        .find(|resource| resource.single == "alarmbridge")
        .unwrap();
    let mut body = bridge.body();
    body["protocol"] = "tt92".into();
    body.as_object_mut().unwrap().remove("protocolMode");
    assert_eq!(
        world.post(bridge.list, body).await.pointers(),
        ["/protocolMode"]
    );
}

#[tokio::test]
async fn ids_are_made_when_absent_taken_when_given_and_kept_when_overwritten() {
    let world = World::new();
    for resource in RESOURCES.iter().filter(|resource| !resource.singleton) {
        let mut body = resource.body();
        body.as_object_mut().unwrap().remove("id");
        body.as_object_mut().unwrap().remove("callbackId");
        let path = resource.create(&world, &body).await;
        let made = resource.read(&world, &path).await;
        if body.get("callbackName").is_some() {
            assert!(
                made["callbackId"].as_str().is_some_and(|id| id.len() == 36),
                "{made}"
            );
        }
        world.put(&path, body.clone()).await.ok();
        assert_eq!(resource.read(&world, &path).await, made, "{path}");
        for id in ["../escape", "a/b", "a b", "", "..", "x\r\ny"] {
            let given = if resource.single == "trunk" {
                "trunkId"
            } else {
                "id"
            };
            if id.is_empty() {
                continue;
            }
            body[given] = id.into();
            assert_eq!(
                world.post(resource.list, body.clone()).await.pointers(),
                [format!("/{given}")]
            );
        }
    }
}

#[tokio::test]
async fn pages_stay_good_while_documents_come_and_go() {
    let world = World::new();
    for resource in RESOURCES.iter().filter(|resource| !resource.singleton) {
        let given = if resource.single == "trunk" {
            "trunkId"
        } else {
            "id"
        };
        let mut body = resource.body();
        for id in ["b", "d", "f", "h"] {
            body[given] = id.into();
            resource.create(&world, &body).await;
        }
        let first = world.get(&format!("{}?limit=2", resource.list)).await.ok();
        let token = first["nextToken"].as_str().unwrap().to_owned();
        // Before, at and behind the place where the page ended.
        for id in ["a", "e"] {
            body[given] = id.into();
            resource.create(&world, &body).await;
        }
        world.delete(&format!("{}/d", resource.list)).await.ok();
        world.delete(&format!("{}/f", resource.list)).await.ok();
        let rest = world
            .get(&format!("{}?limit=100&nextToken={token}", resource.list))
            .await
            .ok();
        let ids: Vec<&str> = rest[resource.many]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[given].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["e", "h"], "{}", resource.list);
        assert!(rest.get("nextToken").is_none());
    }
}

#[tokio::test]
async fn whoever_stays_is_shown_once_and_in_order_whatever_comes_and_goes_between_pages() {
    let world = World::new();
    let bridge = RESOURCES.iter().find(|one| one.single == "alarmbridge");
    let bridge = bridge.unwrap();
    let device = json!({"deviceId": "", "authType": "disabled"});
    let devices = "/provisioning/device/acme.example.com";
    for (list, many, name, mut body) in [
        (bridge.list, bridge.many, "id", bridge.body()),
        (devices, "devices", "deviceId", device),
    ] {
        let id_of = |number: u32| format!("n{number:03}");
        // Every third one stays; the others come and go.
        for number in (0..60).step_by(3) {
            body[name] = id_of(number).into();
            world.post(list, body.clone()).await.ok();
        }
        let (mut shown, mut token, mut drawn) = (Vec::new(), String::new(), 7_u32);
        loop {
            let page = world
                .get(&format!("{list}?limit=3&nextToken={token}"))
                .await;
            let page = page.ok();
            let rows = page[many].as_array().unwrap();
            shown.extend(
                rows.iter()
                    .map(|row| row[name].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["nextToken"].as_str() else {
                break;
            };
            token = next.to_owned();
            for _ in 0..8 {
                drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let number = (drawn >> 8) % 60;
                if number % 3 == 0 {
                    continue;
                }
                body[name] = id_of(number).into();
                match drawn >> 31 {
                    0 => drop(world.post(list, body.clone()).await.ok()),
                    _ => drop(world.delete(&format!("{list}/{}", id_of(number))).await),
                }
            }
        }
        assert!(shown.is_sorted_by(|one, next| one < next), "{shown:?}");
        let stayed = (0..60).step_by(3).map(id_of);
        let missing: Vec<String> = stayed.filter(|id| !shown.contains(id)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(shown.len() > 20, "others came: {shown:?}");
    }
}

#[tokio::test]
async fn every_path_answers_options_to_strangers() {
    let world = World::new();
    let document = serde_json::to_value(document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(item.get("options").is_some(), "{path} is described");
        let path = path.replace("{domain}", ACME).replace(['{', '}'], "");
        let request = Request::builder().method(Method::OPTIONS).uri(&path);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, "{}"),
            "{path}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
}
