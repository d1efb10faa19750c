//! Versions and pages, for every path that has them: the paths are those of `openapi.json`.

use super::super::scopes::operations;
use super::*;

/// Every kind of item: its path, and what makes it.
async fn items(world: &World) -> Vec<String> {
    let mut items = Vec::new();
    for resource in RESOURCES {
        items.push(resource.create(world, &resource.body()).await);
    }
    let device = json!({"deviceId": "desk", "authType": "disabled"});
    let devices = "/provisioning/device/acme.example.com";
    world.put(devices, device).await.ok();
    items.push(format!("{devices}/desk"));
    let profile = "/provisioning/currentuser/profile";
    let ann = json!({"firstName": "Ann", "lastName": "Berg", "email": "ann@example.com"});
    world.post(profile, ann).await.ok();
    items.push(profile.to_owned());
    items
}

/// Whether a path of `openapi.json` is that of an item.
fn is_of(template: &str, item: &str) -> bool {
    let (template, item) = (template.split('/'), item.split('/'));
    template.clone().count() == item.clone().count()
        && template
            .zip(item)
            .all(|(step, part)| step.starts_with('{') || step == part)
}

async fn conditional(
    world: &World,
    method: &Method,
    path: &str,
    condition: (&str, &str),
    body: &Value,
) -> Answer {
    let request = world
        .request(method.clone(), path)
        .header("content-type", "application/json")
        .header(condition.0, condition.1);
    let body = match *method {
        Method::DELETE => Body::empty(),
        _ => Body::from(body.to_string()),
    };
    world.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn every_item_has_a_version_and_no_write_with_another_one_changes_it() {
    let world = World::new();
    let operations = operations();
    for item in items(&world).await {
        let found = world.get(&item).await;
        let tag = found.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 2, "{item}: {tag}");
        let before = found.ok();
        let writes = operations.iter().filter(|(method, template, _)| {
            is_of(template, &item) && !matches!(*method, Method::GET | Method::POST)
        });
        let mut tried = 0;
        for (method, template, operation) in writes {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            for condition in [
                ("if-match", "\"999\""),
                ("if-match", "\"none of ours\""),
                ("if-none-match", "*"),
            ] {
                let answer = conditional(&world, method, &item, condition, example).await;
                let told = format!("{method} {template} {condition:?}: {}", answer.text);
                assert_eq!(
                    answer.refusal(),
                    (412, "version_mismatch".to_owned()),
                    "{told}"
                );
            }
            tried += 1;
        }
        assert!(tried > 0, "{item} is written by some operation");
        let after = world.get(&item).await;
        assert_eq!(after.header("etag"), tag, "{item}");
        assert_eq!(after.ok(), before, "{item}");
    }
}

#[tokio::test]
async fn every_list_takes_a_limit_from_1_to_100_and_nothing_else() {
    let world = World::new();
    let mut tried = 0;
    for (method, template, operation) in operations() {
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let has_limit = parameters.iter().any(|one| one["name"] == "limit");
        if method != Method::GET || !has_limit {
            continue;
        }
        let path = template.replace("{domain}", ACME);
        for limit in ["1", "100"] {
            let answer = world.get(&format!("{path}?limit={limit}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        }
        for limit in ["0", "101", "-1", "1.5", "many", "99999999999999999999"] {
            let named = world.get(&format!("{path}?limit={limit}")).await.pointers();
            assert_eq!(named, ["/limit"], "{path} {limit}");
        }
        tried += 1;
    }
    assert!(tried >= 6, "{tried} lists");
}
