use serde_json::json;

use super::*;

const SETTINGS: &str = "/v1/acme.example.com/settings";

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_same_shape() {
    let world = World::new();
    assert_eq!(
        world.get("/nothing/here").await.refusal(),
        (404, "not_found".to_owned())
    );
    let wrong = world.delete(SETTINGS).await;
    assert_eq!(wrong.refusal(), (405, "method_not_allowed".to_owned()));
    assert!(
        wrong.header("allow").contains("PUT"),
        "{}",
        wrong.header("allow")
    );
}

#[tokio::test]
async fn a_body_has_to_be_json_and_of_bounded_length() {
    let world = World::new();
    let put = |kind: &'static str, body: String| {
        let request = world
            .request(Method::PUT, SETTINGS)
            .header("content-type", kind);
        world.send(request.body(Body::from(body)).unwrap())
    };
    let form = put("application/x-www-form-urlencoded", "a=b".to_owned()).await;
    assert_eq!(form.refusal(), (415, "unsupported_media_type".to_owned()));
    let large = put(
        "application/json",
        format!("\"{}\"", "x".repeat(1024 * 1024)),
    )
    .await;
    assert_eq!(large.refusal(), (413, "too_large".to_owned()));
    for broken in ["", "{", "{} {}", "nothing"] {
        let answer = put("application/json; charset=utf-8", broken.to_owned()).await;
        assert_eq!(
            answer.refusal(),
            (400, "invalid_body".to_owned()),
            "{broken}"
        );
    }
    let untyped = world
        .request(Method::PUT, SETTINGS)
        .body(Body::from("{}"))
        .unwrap();
    world.send(untyped).await.ok();
}

#[tokio::test]
async fn a_problem_document_is_for_those_who_accept_one() {
    let world = World::new();
    let request = world
        .request(Method::GET, "/nothing")
        .header("accept", "application/problem+json");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body = answer.json();
    assert_eq!(
        (&body["status"], &body["title"]),
        (&json!(404), &json!("Not Found"))
    );
    assert_eq!(body["detail"], body["reason"]);
    answer.refusal();
    let refused = "application/problem+json;q=0, */*";
    let request = world
        .request(Method::GET, "/nothing")
        .header("accept", refused);
    let plain = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(plain.header("content-type"), "application/json");
}

#[tokio::test]
async fn the_callers_trace_id_comes_back() {
    let world = World::new();
    let id = "0af7651916cd43dd8448eb211c80319c";
    let request = world.request(Method::GET, "/nothing");
    let request = request.header("traceparent", format!("00-{id}-b7ad6b7169203331-01"));
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.json()["traceId"], id);
}

#[tokio::test]
async fn options_are_answered_on_every_path_without_a_key() {
    let world = World::new();
    for path in [
        SETTINGS,
        "/mediaservice/acme.example.com/hangupcalljwt",
        "/healthz",
        "/nothing",
    ] {
        let mut request = world
            .request(Method::OPTIONS, path)
            .body(Body::empty())
            .unwrap();
        request.headers_mut().remove("authorization");
        let answer = world.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(
            answer
                .header("access-control-allow-methods")
                .contains("PATCH")
        );
        assert!(
            answer
                .header("access-control-allow-headers")
                .contains("Authorization")
        );
        assert_eq!(answer.ok(), json!({}));
    }
    for path in [SETTINGS, "/nothing"] {
        assert_eq!(
            world.get(path).await.header("access-control-allow-origin"),
            "*"
        );
    }
}

#[tokio::test]
async fn the_node_says_how_it_is_doing() {
    let world = World::new();
    world.get("/healthz").await.ok();
    assert_eq!(
        world.get("/readyz").await.refusal(),
        (503, "starting".to_owned())
    );
    world.rest.readiness.ready();
    world.get("/readyz").await.ok();
    world.rest.readiness.draining();
    assert_eq!(
        world.get("/readyz").await.refusal(),
        (503, "draining".to_owned())
    );
    let metrics = world.get("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    assert!(
        metrics.text.contains("route=\"/readyz\",status=\"503\""),
        "{}",
        metrics.text
    );
}

#[tokio::test]
async fn the_document_and_its_page_need_no_key_and_no_other_host() {
    let world = World::new();
    let document = world.get("/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let page = world.get("/docs").await;
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'self'")
    );
    assert!(!page.text.contains("://"), "{}", page.text);
    let script = world.get("/docs/rapidoc-min.js").await;
    assert_eq!(script.status, 200);
    assert!(script.header("content-type").starts_with("text/javascript"));
}

#[tokio::test]
async fn every_path_of_a_tenant_wants_a_key() {
    let world = World::new();
    let document = serde_json::to_value(document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.contains("{domain}") {
            continue;
        }
        let methods = item.as_object().unwrap().keys();
        for method in methods.filter(|method| *method != "options") {
            let method: Method = method.to_uppercase().parse().unwrap();
            let place = path.replace("{domain}", ACME).replace(['{', '}'], "");
            let mut request = world
                .request(method.clone(), &place)
                .body(Body::empty())
                .unwrap();
            request.headers_mut().remove("authorization");
            let status = world.send(request).await.status.as_u16();
            assert_eq!(status, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_refusal_repeats_hardly_anything_of_what_was_sent() {
    let world = World::new();
    let long = "x".repeat(500_000);
    let devices = "/provisioning/device/acme.example.com";
    for body in [
        Value::from(long.clone()),
        serde_json::json!({"deviceId": "1", "authType": long}),
    ] {
        let refused = world.put(devices, body).await;
        assert_eq!(refused.refusal().0, 400);
        assert!(refused.text.len() < 1_000, "{}", refused.text.len());
    }
    let drafts = serde_json::json!({"documents": [{"kind": long, "id": "1"}]});
    let refused = world
        .post("/v1/acme.example.com/provisory/promote", drafts)
        .await;
    assert_eq!(refused.refusal().0, 404);
    assert!(refused.text.len() < 2_000, "{}", refused.text.len());
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let world = World::new();
    let request = |coding: &str| {
        world
            .request(Method::PUT, "/v1/acme.example.com/settings")
            .header("content-type", "application/json")
            .header("content-encoding", coding)
            .body(Body::from("{}"))
            .unwrap()
    };
    for coding in ["gzip", "identity, br"] {
        assert_eq!(
            world.send(request(coding)).await.refusal().0,
            415,
            "{coding}"
        );
    }
    world.send(request("identity")).await.ok();
}

#[tokio::test]
async fn a_patch_that_fails_names_the_operation_and_the_place() {
    let world = World::new();
    let devices = "/provisioning/device/acme.example.com";
    let device = serde_json::json!({"deviceId": "1", "authType": "disabled"});
    world.put(devices, device).await.ok();
    let path = format!("{devices}/1");
    for (operation, words) in [
        (
            serde_json::json!({"op": "remove", "path": ""}),
            "operation 0, remove at \"\"",
        ),
        (
            serde_json::json!({"op": "remove", "path": "/none"}),
            "operation 0, remove at \"/none\"",
        ),
        (
            serde_json::json!({"op": "move", "from": "/none", "path": "/a"}),
            "operation 0, move from \"/none\" at \"/a\"",
        ),
    ] {
        let refused = world.patch(&path, serde_json::json!([operation])).await;
        assert_eq!(refused.refusal(), (422, "patch_failed".to_owned()));
        let body = refused.json();
        assert_eq!(body["errors"][0]["pointer"], "/0");
        assert!(body["reason"].as_str().unwrap().contains(words), "{body}");
    }
    let tilde = serde_json::json!([{"op": "remove", "path": "/~2"}]);
    assert_eq!(world.patch(&path, tilde).await.pointers(), ["/0/path"]);
    let object = world.patch(&path, serde_json::json!({})).await;
    assert!(object.text.contains("expected a list"), "{}", object.text);
}
