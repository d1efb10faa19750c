//! A secret that is sent stays with the host it was given for, however the document is written.

use super::*;
use crate::kind;

/// A secret that is sent, and the member that says where to.
struct Row {
    /// The kind.
    kind: &'static str,
    /// What the sample needs to have all of them.
    added: &'static [(&'static str, &'static str)],
    /// The member that holds the address.
    address: &'static str,
    /// Another address of the same host, and two of other ones.
    same: &'static str,
    others: &'static [&'static str],
    /// The secrets that go there.
    secrets: &'static [&'static str],
    /// What is given to give them anew.
    given: &'static [&'static str],
}

const HEADER: &str = "/restAuthentication/0/requestHeaders/x-functions-key";

const WITH_HEADER: (&str, &str) = (
    "/restAuthentication/0/requestHeaders",
    r#"{"x-functions-key": "string"}"#,
);

const fn callback(kind: &'static str, address: &'static str, same: &'static str) -> Row {
    Row {
        kind,
        added: &[WITH_HEADER],
        address,
        same,
        others: &["https://app.example.com:8443/x", "https://b.example.com/x"],
        secrets: &[HEADER],
        given: &[HEADER],
    }
}

const ROWS: &[Row] = &[
    callback(
        "cloudsipua",
        "/callbackBaseUrl",
        "HTTPS://APP.example.com:443/y",
    ),
    callback(
        "mediaservice",
        "/callbackBaseUrl",
        "https://app.example.com/y",
    ),
    callback(
        "alarmbridge",
        "/callbackBaseUrl",
        "https://app.example.com/y",
    ),
    callback(
        "notificationsettings",
        "/alarmEventsRestEndpoint",
        "https://app.example.com/y",
    ),
    callback(
        "notificationsettings",
        "/sipEventsRestEndpoint",
        "https://app.example.com/y",
    ),
    callback(
        "siprecservice",
        "/alarmbridgeCallbackEndpoint",
        "https://app.example.com/y",
    ),
    Row {
        kind: "alarmeventmapper",
        added: &[],
        address: "/targetEndpoint/destAddr",
        same: "sip:alarm@string;transport=tcp",
        others: &[
            "sip:alarm@arc.example.com",
            "sip:alarm@string;maddr=192.0.2.1",
            "sip:alarm@string;m%61ddr=evil.example",
            "sip:alarm@string?Route=%3Csip:evil.example%3E",
        ],
        secrets: &["/targetEndpoint/sipAuthPassword"],
        given: &["/targetEndpoint/sipAuthPassword"],
    },
    Row {
        kind: "alarmeventmapper",
        added: &[],
        address: "/targetEndpoint/backupEndpoint/backupDestAddr",
        same: "string:5061",
        others: &["192.0.2.9", "sip:string@arc.example.com"],
        secrets: &["/targetEndpoint/backupEndpoint/backupSipAuthPassword"],
        given: &["/targetEndpoint/backupEndpoint/backupSipAuthPassword"],
    },
    Row {
        kind: "trunk",
        added: &[],
        address: "/destinationTarget",
        same: "STRING:5061",
        others: &["192.0.2.9", "string.example.com"],
        secrets: &["/ha1"],
        given: &["/password"],
    },
];

impl Row {
    fn resource(&self) -> &'static Resource {
        let list = format!("/provisioning/{}/{ACME}", self.kind);
        let found = RESOURCES.iter().find(|resource| resource.list == list);
        found.unwrap_or_else(|| panic!("{list}"))
    }

    /// The member that a body names itself with.
    fn id(&self) -> &'static str {
        kind::find(self.kind).unwrap().id
    }

    fn body(&self) -> Value {
        let mut body = self.resource().body();
        for (pointer, value) in self.added {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[name] = serde_json::from_str(value).unwrap();
        }
        body
    }

    /// What a reader sees, with the address changed.
    async fn moved(&self, world: &World, path: &str, address: &str) -> Value {
        let mut body = self.resource().read(world, path).await;
        *body.pointer_mut(self.address).unwrap() = address.into();
        body
    }

    fn is_named(&self, refused: &Answer, way: &str) {
        let mut named = refused.pointers();
        named.sort();
        assert_eq!(named, self.secrets, "{} {} {way}", self.kind, self.address);
        let reason = &refused.json()["reason"];
        let reason = reason.as_str().unwrap();
        assert!(reason.contains(self.address), "{reason}");
        assert!(reason.contains("anew"), "{reason}");
    }
}

#[tokio::test]
async fn a_secret_does_not_follow_its_address_to_another_host() {
    for row in ROWS {
        let world = World::new();
        let resource = row.resource();
        let path = resource.create(&world, &row.body()).await;
        let before = resource.read(&world, &path).await;
        for &other in row.others {
            let masked = row.moved(&world, &path, other).await;
            row.is_named(&world.put(&path, masked.clone()).await, "PUT");
            if !resource.singleton {
                let draft = format!("{path}?provisory=true");
                if row.kind != "trunk" {
                    row.is_named(&world.put(&draft, masked.clone()).await, "a draft");
                }
                let mut again = masked.clone();
                again[row.id()] = path.rsplit('/').next().into();
                row.is_named(&world.post(resource.list, again).await, "POST");
                let patch = json!([{"op": "replace", "path": row.address, "value": other}]);
                row.is_named(&world.patch(&path, patch).await, "PATCH");
                // Masks in a patch are the stored secrets too.
                let list = json!([
                    {"op": "replace", "path": row.address, "value": other},
                    {"op": "replace", "path": row.secrets[0], "value": MASK},
                ]);
                row.is_named(&world.patch(&path, list).await, "PATCH with a mask");
            }
            assert_eq!(resource.read(&world, &path).await, before);
        }
    }
}

#[tokio::test]
async fn credentials_that_are_left_out_do_not_follow_either() {
    for row in ROWS.iter().filter(|row| row.kind != "alarmeventmapper") {
        let world = World::new();
        let path = row.resource().create(&world, &row.body()).await;
        let mut without = row.moved(&world, &path, row.others[1]).await;
        for name in ["restAuthentication", "password", "ha1"] {
            without.as_object_mut().unwrap().remove(name);
        }
        row.is_named(&world.put(&path, without).await, "PUT without the member");
    }
}

#[tokio::test]
async fn given_anew_or_at_the_same_host_a_secret_is_taken() {
    for row in ROWS {
        let world = World::new();
        let resource = row.resource();
        let path = resource.create(&world, &row.body()).await;
        let same = row.moved(&world, &path, row.same).await;
        world.put(&path, same).await.ok();
        let mut anew = row.moved(&world, &path, row.others[0]).await;
        for given in row.given {
            // The same text as before: who sends it knows it.
            *anew.pointer_mut(given).unwrap() = "string".into();
        }
        world.put(&path, anew).await.ok();
        if resource.singleton {
            continue;
        }
        let mut patch = vec![json!({"op": "replace", "path": row.address, "value": row.others[1]})];
        for given in row.given {
            patch.push(json!({"op": "replace", "path": given, "value": "string"}));
        }
        world.patch(&path, Value::Array(patch)).await.ok();
        let now = resource.read(&world, &path).await;
        assert_eq!(now.pointer(row.address), Some(&row.others[1].into()));
    }
}

#[tokio::test]
async fn an_endpoint_that_is_taken_away_and_put_back_elsewhere_gets_no_secret() {
    let world = World::new();
    let path = format!("/provisioning/notificationsettings/{ACME}");
    let mut body = ROWS[3].body();
    world.put(&path, body.clone()).await.ok();
    let endpoints = [
        "alarmEventsRestEndpoint",
        "sipEventsRestEndpoint",
        "alarmbridgeCallbackEndpoint",
    ];
    for name in endpoints {
        body.as_object_mut().unwrap().remove(name);
    }
    body.as_object_mut().unwrap().remove("restAuthentication");
    world.put(&path, body.clone()).await.ok();
    for elsewhere in ["https://b.example.com/x", "https://app.example.com/x"] {
        body["sipEventsRestEndpoint"] = elsewhere.into();
        let refused = world.put(&path, body.clone()).await;
        assert_eq!(refused.pointers(), [HEADER]);
        let reason = &refused.json()["reason"];
        let is_true = |reason: &str| reason.contains("taken away is forgotten");
        assert!(reason.as_str().is_some_and(is_true), "{reason}");
    }
}

#[tokio::test]
async fn every_kind_with_such_a_secret_has_a_row() {
    for kind in kind::ALL.iter().filter(|kind| !kind.bound.is_empty()) {
        assert!(
            ROWS.iter().any(|row| row.kind == kind.name),
            "{}",
            kind.name
        );
    }
}
