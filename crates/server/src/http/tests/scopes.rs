//! Every operation that `openapi.json` describes is open to the keys it names, and to no other.

use serde_json::json;

use super::*;

/// Every documented operation but the webhooks: method, path, and what is said of it.
pub(super) fn operations() -> Vec<(Method, String, Value)> {
    let document = serde_json::to_value(document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            // Browsers ask for it before they have a key.
            if let Ok(method) = Method::from_bytes(method.as_bytes())
                && method != Method::OPTIONS
                && operation["responses"].is_object()
            {
                operations.push((method, path.clone(), operation.clone()));
            }
        }
    }
    assert!(operations.len() > 30);
    operations
}

/// The scopes that open an operation; none when it is open to everybody.
fn scopes_of(operation: &Value) -> Vec<String> {
    let requirements = operation["security"].as_array().unwrap().iter();
    let mut scopes: Vec<String> = requirements
        .filter_map(|requirement| requirement["bearer"].as_array())
        .flatten()
        .map(|scope| scope.as_str().unwrap().to_owned())
        .collect();
    scopes.dedup();
    scopes
}

#[test]
fn every_operation_names_its_scopes_and_the_open_ones_are_these() {
    let open: Vec<String> = operations()
        .into_iter()
        .filter(|(_, _, operation)| scopes_of(operation).is_empty())
        .map(|(_, path, _)| path)
        .collect();
    for path in open {
        let known = [
            "/healthz",
            "/readyz",
            "/metrics",
            "/provisioning/authorize",
            "/provisioning/grandstream/{domain}/{mac}",
        ];
        assert!(
            known.contains(&path.as_str()),
            "{path} is open to everybody"
        );
    }
}

#[tokio::test]
async fn each_scope_opens_the_operations_that_name_it_and_no_other() {
    let world = World::new();
    for scope in ["calls", "provisioning", "read"] {
        let key = json!({"scopes": [scope]});
        let minted = world.post("/provisioning/apiKey/acme.example.com", key);
        let token = minted.await.ok()["token"].as_str().unwrap().to_owned();
        for (method, path, operation) in operations() {
            let scopes = scopes_of(&operation);
            if scopes.is_empty() {
                continue;
            }
            let filled = path.replace("{domain}", ACME).replace(['{', '}'], "");
            let request = world
                .request(method.clone(), &filled)
                .header("content-type", "application/json");
            let mut request = request.body(Body::from("nonsense")).unwrap();
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert("authorization", bearer);
            let answer = world.send(request).await;
            let is_refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(
                is_refused,
                !scopes.iter().any(|named| named == scope),
                "{scope} at {method} {path}: {}",
                answer.text
            );
            assert!(
                answer.status.as_u16() < 500,
                "{method} {path}: {}",
                answer.text
            );
        }
    }
}
