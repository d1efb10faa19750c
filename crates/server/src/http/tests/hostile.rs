//! Bodies that mean harm: each refused at once, with the place at fault named, and nothing changed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

/// Where documents are created, with a body that would do.
fn resources() -> Vec<(&'static str, Value)> {
    vec![
        (
            "/provisioning/cloudsipua/acme.example.com",
            json!({"name": "a", "destinationMatch": "^46", "callbackBaseUrl": "https://a.example"}),
        ),
        (
            "/provisioning/mediaservice/acme.example.com",
            json!({"name": "a", "destinationMatch": "^46", "callbackBaseUrl": "https://a.example", "restAuthentication": []}),
        ),
        (
            "/provisioning/alarmbridge/acme.example.com",
            json!({"name": "a", "destinationMatch": "^46", "protocol": "scaip"}),
        ),
        (
            "/provisioning/alarmeventmapper/acme.example.com",
            json!({"name": "a", "alarmHandling": "drop", "targetEndpoint": {"protocol": "scaip"}}),
        ),
        (
            "/provisioning/trunk/acme.example.com",
            json!({"destinationTarget": "a.example", "destinationTransport": "udp", "destinationMatch": "^46"}),
        ),
        (
            "/provisioning/notificationsettings/acme.example.com",
            json!({}),
        ),
        ("/provisioning/siprecservice/acme.example.com", json!({})),
    ]
}

/// Texts that are no document, made of one that would be.
fn attacks(body: &Value) -> Vec<(String, &'static str)> {
    let text = body.to_string();
    let inside = text.trim_start_matches('{').trim_end_matches('}');
    let and = if inside.is_empty() { "" } else { "," };
    let with = |member: &str| format!("{{{inside}{and}{member}}}");
    let deep = |count: usize| format!("{}1{}", "{\"a\":".repeat(count), "}".repeat(count));
    vec![
        ("[".repeat(500_000), "lists that are never closed"),
        (
            with(&format!("\"x\":{}", deep(10_000))),
            "objects ten thousand deep",
        ),
        (with("\"x\":1e400"), "a number beyond all bounds"),
        (
            with("\"x\":123456789012345678901234567890"),
            "a number of thirty digits",
        ),
        (
            with(&format!("\"x\":[{}1]", "1,".repeat(400_000))),
            "a list of 400,000",
        ),
        (
            with(
                &(0..60_000)
                    .map(|n| format!("\"m{n}\":1"))
                    .collect::<Vec<_>>()
                    .join(","),
            ),
            "60,000 members",
        ),
        (with("\"name\":\"a\",\"name\":\"b\""), "a member twice"),
        (with("\"description\":\"a\\u0000b\""), "NUL in a text"),
        (with("\"a\\u0000b\":1"), "NUL in a name"),
        (with("\"description\":\"\\ud800\""), "half a surrogate pair"),
        ("\u{feff}{}".to_owned(), "a byte order mark"),
        ("null".to_owned(), "nothing"),
        ("\"text\"".to_owned(), "a text"),
        ("[]".to_owned(), "a list"),
        (String::new(), "an empty body"),
    ]
}

#[tokio::test]
async fn bodies_that_mean_harm_are_refused_at_once() {
    let world = World::new();
    for (path, body) in resources() {
        for (attack, what) in attacks(&body) {
            let since = Instant::now();
            let request = world
                .request(Method::POST, path)
                .body(Body::from(attack))
                .unwrap();
            let answer = world.send(request).await;
            let took = since.elapsed();
            assert_eq!(
                answer.status,
                StatusCode::BAD_REQUEST,
                "{path}: {what}: {}",
                answer.text
            );
            assert!(
                answer.text.len() < 4_096,
                "{path}: {what}: {}",
                answer.text.len()
            );
            // Ten times the bound, for a machine that has others to serve.
            assert!(took < Duration::from_secs(1), "{path}: {what}: {took:?}");
        }
    }
}

#[tokio::test]
async fn patterns_that_cannot_run_in_linear_time_or_little_memory_are_refused() {
    let world = World::new();
    let huge = "a".repeat(65_536);
    let nested = format!("{}a{}", "(".repeat(500), ")".repeat(500));
    let counted = "((a{100}){100}){100}".to_owned();
    let classes = r"[\w\W]{1000}\p{L}{1000}".to_owned();
    let look = [
        "(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b", r"(a)\1", "/(?=a)/i",
    ]
    .map(str::to_owned);
    let patterns = [huge, nested, counted, classes].into_iter().chain(look);
    for pattern in patterns {
        for (path, body) in resources() {
            for field in ["destinationMatch", "destinationRewrite", "blacklistPattern"] {
                let is_trunk = path.contains("/trunk/");
                if body.get(field).is_none() && !(is_trunk && field != "destinationMatch") {
                    continue;
                }
                let mut body = body.clone();
                body[field] = pattern.as_str().into();
                let since = Instant::now();
                let refused = world.post(path, body).await;
                assert_eq!(refused.pointers()[0], format!("/{field}"), "{path}");
                assert!(refused.text.len() < 4_096, "{path} {field}");
                assert!(since.elapsed() < Duration::from_secs(1), "{path} {field}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read_to_its_end() {
    let world = World::new();
    for (path, mut body) in resources() {
        body["description"] = "x".repeat(2 * 1024 * 1024).into();
        assert_eq!(world.post(path, body).await.refusal().0, 413, "{path}");
    }
}

#[tokio::test]
async fn a_name_cannot_lead_out_of_its_folder() {
    let world = World::new();
    for (path, _) in resources().into_iter().take(5) {
        for name in [
            "..%2f..%2fetc%2fpasswd",
            "%2e%2e",
            "..",
            "a%00b",
            "a%0d%0aVia:%20x",
            "%ff",
            "a%2fb",
        ] {
            for method in [Method::GET, Method::DELETE] {
                let target = format!("{path}/{name}");
                let request = world.request(method, &target).body(Body::empty()).unwrap();
                let status = world.send(request).await.status.as_u16();
                assert!(matches!(status, 400 | 404 | 405), "{target}: {status}");
            }
        }
    }
    let trunk = &resources()[4];
    for name in ["..%2fx", "a%00b", "a%0d%0ab", "a%20b"] {
        let answer = world
            .put(&format!("{}/{name}", trunk.0), trunk.1.clone())
            .await;
        assert_eq!(answer.pointers(), ["/trunkId"], "{name}");
    }
}

#[tokio::test]
async fn patches_that_mean_harm_change_nothing() {
    let world = World::new();
    let (list, body) = resources().remove(0);
    let id = world.post(list, body).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{list}/{id}");
    let before = world.get(&path).await.ok();
    let doubling: Vec<Value> = (0..200)
        .map(|n| json!({"op": "copy", "from": "", "path": format!("/x{n}")}))
        .collect();
    let many: Vec<Value> = (0..300)
        .map(|_| json!({"op": "remove", "path": "/name"}))
        .collect();
    for patch in [
        json!(doubling),
        json!(many),
        json!([{"op": "add", "path": "x".repeat(2_000), "value": 1}]),
        json!([{"op": "add", "path": "/name", "value": "a\r\nb"}]),
        json!([{"op": "add", "path": "/restAuthentication/18446744073709551615", "value": {}}]),
        json!([{"op": "move", "from": "/name", "path": "/name/below"}]),
        json!([{"op": "replace", "path": "", "value": []}]),
        json!([{"op": "remove", "path": ""}]),
        json!([{"op": "test", "path": "/name", "value": {"a": [1]}}]),
    ] {
        let since = Instant::now();
        let status = world.patch(&path, patch.clone()).await.status.as_u16();
        assert!(matches!(status, 400 | 422), "{status} {patch}");
        assert!(since.elapsed() < Duration::from_secs(1));
        assert_eq!(world.get(&path).await.ok(), before, "{patch}");
    }
}

#[tokio::test]
async fn a_body_that_may_be_missing_is_none_or_json() {
    let world = World::new();
    let send = |body: &'static str| {
        let request = world.request(Method::POST, "/v1/acme.example.com/provisory/diff");
        world.send(request.body(Body::from(body)).unwrap())
    };
    for body in ["", "null", " null\n", "{}"] {
        send(body).await.ok();
    }
    for body in [" ", "\n", "\u{c}", "\u{c}null", "nul"] {
        assert_eq!(send(body).await.refusal().0, 400, "{body:?}");
    }
}
