//! `openapi.json` leaves nothing out: whoever adds an operation is told here what its description lacks.

use super::scopes::operations;
use super::*;

/// Every body that a part of the document describes, with where it stands.
fn bodies<'a>(place: &str, part: &'a Value) -> Vec<(String, &'a Value)> {
    let contents = part["content"].as_object().into_iter().flatten();
    contents
        .map(|(media, content)| (format!("{place} {media}"), content))
        .collect()
}

fn has_example(content: &Value) -> bool {
    !content["example"].is_null() || content["examples"].is_object()
}

/// The response itself, behind its reference.
fn resolved<'a>(document: &'a Value, response: &'a Value) -> &'a Value {
    match response["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => response,
    }
}

/// What an operation's description lacks.
fn lacks(document: &Value, operation: &Value) -> Vec<String> {
    let mut lacks = Vec::new();
    for member in ["summary", "operationId"] {
        if operation[member].as_str().is_none_or(str::is_empty) {
            lacks.push(member.to_owned());
        }
    }
    if operation["tags"].as_array().is_none_or(Vec::is_empty) {
        lacks.push("a tag".to_owned());
    }
    let mut contents = bodies("request", &operation["requestBody"]);
    for (status, response) in operation["responses"].as_object().unwrap() {
        let response = resolved(document, response);
        if response["description"].as_str().is_none_or(str::is_empty) {
            lacks.push(format!("a description of {status}"));
        }
        contents.extend(bodies(status, response));
    }
    let without = contents
        .into_iter()
        .filter(|(_, content)| !has_example(content));
    lacks.extend(without.map(|(place, _)| format!("an example: {place}")));
    lacks
}

#[test]
fn every_operation_has_all_that_its_reader_needs() {
    let document = serde_json::to_value(document()).unwrap();
    let mut faults = Vec::new();
    for (method, path, operation) in operations() {
        for lack in lacks(&document, &operation) {
            faults.push(format!("{method} {path} lacks {lack}"));
        }
        if operation["security"].as_array().is_none_or(Vec::is_empty) {
            faults.push(format!("{method} {path} does not say who may call it"));
        }
    }
    for (name, item) in document["webhooks"].as_object().unwrap() {
        for (_, operation) in item.as_object().unwrap() {
            for lack in lacks(&document, operation) {
                faults.push(format!("webhook {name} lacks {lack}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_operation_of_a_tenant_says_how_it_refuses() {
    for (method, path, operation) in operations() {
        if operation["security"] == serde_json::json!([{}]) {
            continue;
        }
        let mut wanted = vec!["400", "401", "403", "404", "429", "503"];
        if !operation["requestBody"].is_null() {
            wanted.extend(["408", "413", "415"]);
        }
        if method == Method::POST {
            wanted.extend(["409", "422"]);
        }
        for status in wanted {
            let response = &operation["responses"][status];
            assert!(
                !response.is_null(),
                "{method} {path} does not describe {status}"
            );
        }
        let default = &operation["responses"]["default"];
        assert!(default.is_null(), "{method} {path}: every status is named");
    }
}

#[tokio::test]
async fn every_path_answers_options() {
    let world = World::new();
    for (_, path, _) in operations() {
        let path = path.replace(['{', '}'], "");
        let request = Request::builder().method(Method::OPTIONS).uri(&path);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!answer.header("access-control-allow-methods").is_empty());
    }
}

/// Where a body of that schema has secrets, in the words of [`crate::kind::Kind`].
fn secrets_in(document: &Value, schema: &Value, place: &[&str], found: &mut Vec<String>) {
    // Schemas may contain themselves.
    if place.len() > 6 {
        return;
    }
    let below = |name: &str, schema: &Value, found: &mut Vec<String>| {
        secrets_in(document, schema, &[place, &[name]].concat(), found);
    };
    if schema["format"] == "password" {
        found.push(place.join("/"));
    }
    if schema["$ref"].is_string() {
        secrets_in(document, resolved(document, schema), place, found);
    }
    for list in ["oneOf", "anyOf", "allOf"] {
        for one in schema[list].as_array().into_iter().flatten() {
            secrets_in(document, one, place, found);
        }
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        below(name, member, found);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            below("*", &schema[inner], found);
        }
    }
}

#[test]
fn every_secret_that_can_be_provisioned_is_one_that_its_kind_seals() {
    let document = serde_json::to_value(document()).unwrap();
    let mut count = 0;
    for (method, path, operation) in operations() {
        let name = path.strip_prefix("/provisioning/").unwrap_or_default();
        let Some((name, _)) = name.split_once("/{domain}") else {
            continue;
        };
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let mut secrets = Vec::new();
        secrets_in(&document, body, &[], &mut secrets);
        let kind = crate::kind::find(name);
        for secret in secrets {
            count += 1;
            // A trunk comes in an envelope beside its id.
            let secret = secret.trim_start_matches("serviceDestination/");
            let is_sealed = kind.is_some_and(|kind| {
                let mut sealed = kind.secrets.iter().chain(kind.hidden);
                sealed.any(|path| path.join("/") == secret)
            });
            assert!(is_sealed, "{method} {path}: list {secret} in kind.rs");
        }
    }
    assert!(count > 0, "nothing was looked at");
}
