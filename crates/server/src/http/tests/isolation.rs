//! Two tenants, and whatever one of them tries at the other: the same refusal, whether or not there is anything there.
//! The operations are those of `openapi.json`, so one that is added is tried by itself.

use serde_json::json;

use super::scopes::operations;
use super::*;

const OTHER: &str = "other.example.com";
/// As long as [`OTHER`], and nobody's.
const NOBODY: &str = "othe1.example.com";

/// The tenant ACME, whose token is used, and OTHER with one of everything.
struct Neighbours {
    world: World,
    /// Ids of what OTHER has, by the name of the path's parameter.
    ids: Vec<(&'static str, String)>,
    reply_id: String,
    asked: std::sync::atomic::AtomicU32,
}

impl Neighbours {
    async fn new() -> Self {
        let mut world = World::new();
        let acme = world.token.clone();
        world.token = world.add_domain(OTHER);
        let device = json!({"deviceId": "desk", "authType": "credentials"});
        let devices = format!("/provisioning/device/{OTHER}");
        world.put(&devices, device).await.ok();
        let service = json!({"name": "all", "destinationMatch": ".*", "callbackBaseUrl": "https://app.example.com"});
        let services = format!("/provisioning/cloudsipua/{OTHER}");
        let service = world.post(&services, service).await.ok();
        let media = json!({"name": "all", "destinationMatch": ".*", "callbackBaseUrl": "https://app.example.com", "restAuthentication": []});
        let media = world
            .post(&format!("/provisioning/mediaservice/{OTHER}"), media)
            .await
            .ok();
        let bridge = json!({"name": "all", "destinationMatch": ".*", "protocol": "scaip"});
        let bridge = world
            .post(&format!("/provisioning/alarmbridge/{OTHER}"), bridge)
            .await
            .ok();
        let mapper = json!({"name": "all", "alarmHandling": "drop", "targetEndpoint": {"protocol": "scaip"}});
        let mapper = world
            .post(&format!("/provisioning/alarmeventmapper/{OTHER}"), mapper)
            .await
            .ok();
        let trunk = json!({"destinationTarget": "a.example", "destinationTransport": "udp", "destinationMatch": "^46"});
        let trunk = world
            .post(&format!("/provisioning/trunk/{OTHER}"), trunk)
            .await
            .ok();
        let keys = format!("/provisioning/apiKey/{OTHER}");
        let key = world.post(&keys, json!({})).await.ok();
        let now = super::super::allowed::unix_seconds();
        let reply_id = world.rest.reply_ids.mint(OTHER, CALL, 0, now);
        world.token = acme;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let ids = vec![
            ("deviceId", "desk".to_owned()),
            ("cloudSipUAId", text(&service["id"])),
            ("mediaServiceId", text(&media["id"])),
            ("alarmBridgeId", text(&bridge["id"])),
            ("alarmEventMapperId", text(&mapper["id"])),
            ("trunkId", text(&trunk["id"])),
            ("keyId", text(&key["sk"])),
            ("id", CALL.text().as_str().to_owned()),
        ];
        Self {
            world,
            ids,
            reply_id,
            asked: std::sync::atomic::AtomicU32::new(0),
        }
    }

    /// A path with the domain and ids filled in; parameters that are not known are given any text.
    fn path(&self, template: &str, domain: &str, ids: Ids) -> String {
        let parts = template.split('/').map(|part| {
            let Some(name) = part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            else {
                return part.to_owned();
            };
            if name == "domain" {
                return domain.to_owned();
            }
            let known = self.ids.iter().find(|(known, _)| *known == name);
            let known = known.map_or("anything", |(_, id)| id);
            match ids {
                Ids::Theirs => known.to_owned(),
                // As long, and never the same.
                Ids::Nobodys => known
                    .chars()
                    .map(|c| if c == '-' { c } else { '7' })
                    .collect(),
            }
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// Asks with the token of ACME, each time from another address, so that no failure counts against the next.
    async fn ask(&self, method: &Method, path: &str, body: &str) -> Answer {
        let asked = self
            .asked
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let [_, a, b, c] = asked.to_be_bytes();
        let mut request = self
            .world
            .request(method.clone(), path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let peer = SocketAddr::from(([10, a, b, c], 4_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        self.world.send(request).await
    }
}

#[derive(Clone, Copy)]
enum Ids {
    Theirs,
    Nobodys,
}

/// The operations that need a key and name a domain.
fn tenants_operations() -> Vec<(Method, String, Value)> {
    let mut operations = operations();
    operations.retain(|(_, path, operation)| {
        path.contains("{domain}") && operation["security"] != json!([{}])
    });
    operations
}

/// All of an answer that a caller sees, but for the id that finds it in the log.
fn seen(answer: &Answer) -> (StatusCode, Value, Vec<String>, usize) {
    let mut body = answer.json();
    body["traceId"] = Value::Null;
    let names = answer.headers.keys().map(ToString::to_string).collect();
    (answer.status, body, names, answer.text.len())
}

#[tokio::test]
async fn every_operation_on_another_domain_is_refused_alike_whatever_is_there() {
    let neighbours = Neighbours::new().await;
    let mut first = None;
    for (method, template, operation) in tenants_operations() {
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let example = example.to_string();
        for domain in [OTHER, NOBODY, "OTHER.example.com"] {
            for (ids, query, body) in [
                (Ids::Theirs, "", example.as_str()),
                (Ids::Nobodys, "", &example),
                (
                    Ids::Theirs,
                    "?provisory=true&limit=9999&nextToken=%FF",
                    "nonsense",
                ),
                (
                    Ids::Theirs,
                    "?domain=acme.example.com",
                    "{\"domain\":\"acme.example.com\"}",
                ),
            ] {
                let path = neighbours.path(&template, domain, ids) + query;
                let answer = neighbours.ask(&method, &path, body).await;
                let seen = seen(&answer);
                assert_eq!(
                    seen.0,
                    StatusCode::FORBIDDEN,
                    "{method} {path}: {}",
                    answer.text
                );
                let first = first.get_or_insert_with(|| seen.clone());
                assert_eq!(seen, *first, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn the_domain_is_checked_before_anything_is_looked_up() {
    let neighbours = Neighbours::new().await;
    for table in [
        "documents",
        "api_keys",
        "calls",
        "events",
        "ladder",
        "replies",
        "networks",
        "domains",
    ] {
        let database = &neighbours.world.folder;
        database.execute(&format!("ALTER TABLE {table} RENAME TO gone_{table}"));
    }
    for (method, template, operation) in tenants_operations() {
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let path = neighbours.path(&template, OTHER, Ids::Theirs);
        let answer = neighbours.ask(&method, &path, &example.to_string()).await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{method} {path}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn ids_of_another_domain_are_like_ids_of_nothing() {
    let neighbours = Neighbours::new().await;
    let with_ids = |path: &str| path.matches('{').count() > 1;
    for (method, template, operation) in tenants_operations() {
        if !with_ids(&template) {
            continue;
        }
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let mut answers = Vec::new();
        for ids in [Ids::Theirs, Ids::Nobodys] {
            let path = neighbours.path(&template, ACME, ids);
            let answer = neighbours.ask(&method, &path, &example.to_string()).await;
            answers.push((answer.status, answer.text.len(), answer.headers.len()));
        }
        assert_eq!(answers[0], answers[1], "{method} {template}");
    }
    let body = |reply_id: &str| json!({"replyId": reply_id}).to_string();
    let hangup = format!("/mediaservice/{ACME}/hangupcall");
    let theirs = neighbours
        .ask(&Method::POST, &hangup, &body(&neighbours.reply_id))
        .await;
    let forged = neighbours
        .ask(&Method::POST, &hangup, &body("forged"))
        .await;
    assert_eq!(theirs.refusal(), (404, "call_not_found".to_owned()));
    assert_eq!(seen(&theirs), seen(&forged));
    assert!(neighbours.world.calls.commands.lock().unwrap().is_empty());
}
