use serde_json::json;

use super::*;

const LIST: &str = "/provisioning/apiKey/acme.example.com";
const SETTINGS: &str = "/v1/acme.example.com/settings";

async fn mint(world: &World, body: Value) -> (String, String) {
    let created = world.post(LIST, body).await.ok();
    let text = |member: &str| created[member].as_str().unwrap().to_owned();
    (text("sk"), text("token"))
}

#[tokio::test]
async fn a_minted_token_opens_the_domain_until_it_is_deleted() {
    let world = World::new();
    let (sk, token) = mint(&world, json!({"description": "ci"})).await;
    assert!(token.starts_with("hs_"));
    world.get_as(&token, SETTINGS).await.ok();
    let listed = world.get(LIST).await;
    assert!(!listed.text.contains(&token), "a token is shown once");
    let listed = listed.ok();
    let keys = listed["apiKeys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    let minted = keys.iter().find(|key| key["sk"] == sk.as_str()).unwrap();
    assert_eq!(minted["description"], "ci");
    assert_eq!(minted["type"], "token");
    assert_eq!(
        world.delete(&format!("{LIST}/{sk}")).await.ok(),
        json!({"success": true})
    );
    assert_eq!(world.get_as(&token, SETTINGS).await.refusal().0, 401);
    assert_eq!(world.delete(&format!("{LIST}/{sk}")).await.refusal().0, 404);
}

#[tokio::test]
async fn a_body_is_not_needed_and_put_works_like_post() {
    let world = World::new();
    let request = world
        .request(Method::POST, LIST)
        .body(Body::empty())
        .unwrap();
    assert!(world.send(request).await.ok()["token"].is_string());
    assert!(world.put(LIST, json!({})).await.ok()["token"].is_string());
}

#[tokio::test]
async fn a_list_of_keys_tells_when_each_was_made_used_and_expires() {
    let world = World::new();
    let now = super::super::allowed::unix_seconds() * 1_000;
    let expiring = json!({"expiresAt": now + 60_000});
    let created = world.post(LIST, expiring).await.ok();
    assert_eq!(created["expiresAt"], now + 60_000);
    let (sk, token) = (created["sk"].as_str().unwrap(), created["token"].as_str());
    let shown = async || {
        let listed = world.get(LIST).await.ok();
        let keys = listed["apiKeys"].as_array().unwrap().clone();
        keys.into_iter().find(|key| key["sk"] == sk).unwrap()
    };
    let unused = shown().await;
    assert!(unused["createdAt"].as_u64().unwrap() >= now, "{unused}");
    assert_eq!(unused["expiresAt"], now + 60_000);
    assert!(unused.get("lastUsedAt").is_none(), "{unused}");
    world.get_as(token.unwrap(), SETTINGS).await.ok();
    assert!(shown().await["lastUsedAt"].as_u64().unwrap() >= now);
    for (at, why) in [
        (json!(now - 1), "future"),
        (json!(now * 1_000), "hundred years"),
        (json!("soon"), "number"),
    ] {
        let refused = world.post(LIST, json!({"expiresAt": at})).await;
        assert_eq!(refused.pointers(), ["/expiresAt"]);
        assert!(refused.text.contains(why), "{}", refused.text);
    }
}

#[tokio::test]
async fn an_uploaded_key_opens_the_domain_for_jwts_it_signed() {
    let world = World::new();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let created = world
        .post(LIST, json!({"key": pair.public_key_pem()}))
        .await
        .ok();
    assert!(created.get("token").is_none());
    let private = jsonwebtoken::EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
    let header = jsonwebtoken::Header {
        kid: Some(created["sk"].as_str().unwrap().to_owned()),
        ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256)
    };
    let sign = |claims: Value| jsonwebtoken::encode(&header, &claims, &private).unwrap();
    let now = super::super::allowed::unix_seconds();
    let jwt = sign(json!({"exp": now + 60}));
    world.get_as(&jwt, SETTINGS).await.ok();
    let elsewhere = world.get_as(&jwt, "/v1/other.example.com/settings").await;
    assert_eq!(elsewhere.refusal(), (403, "forbidden".to_owned()));
    let endless = sign(json!({"sub": "me"}));
    assert_eq!(world.get_as(&endless, SETTINGS).await.refusal().0, 401);
    assert_eq!(
        world.post(LIST, json!({"key": "hello"})).await.pointers(),
        ["/key"]
    );
    let no_key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    assert_eq!(
        world.post(LIST, json!({"key": no_key})).await.pointers(),
        ["/key"]
    );
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let world = World::new();
    let devices = "/provisioning/device/acme.example.com";
    world
        .put(
            devices,
            json!({"deviceId": "desk", "authType": "credentials"}),
        )
        .await
        .ok();
    let (_, reader) = mint(&world, json!({"scopes": ["read"]})).await;
    let seen = world.get_as(&reader, &format!("{devices}/desk")).await;
    assert!(
        !seen.text.contains("password"),
        "a reader sees no secret: {}",
        seen.text
    );
    seen.ok();
    let (_, caller) = mint(&world, json!({"scopes": ["calls"]})).await;
    let refused = world.get_as(&caller, devices).await;
    assert_eq!(refused.refusal(), (403, "scope_missing".to_owned()));
    let mut minting = world
        .request(Method::POST, LIST)
        .body(Body::empty())
        .unwrap();
    minting
        .headers_mut()
        .insert("authorization", format!("Bearer {reader}").parse().unwrap());
    assert_eq!(
        world.send(minting).await.refusal(),
        (403, "scope_missing".to_owned())
    );
    assert_eq!(
        world
            .post(LIST, json!({"scopes": ["root"]}))
            .await
            .pointers(),
        ["/scopes/0"]
    );
}

#[tokio::test]
async fn keys_are_listed_page_by_page() {
    let world = World::new();
    for _ in 0..4 {
        mint(&world, json!({})).await;
    }
    let first = world.get(&format!("{LIST}?limit=3")).await.ok();
    assert_eq!(first["apiKeys"].as_array().unwrap().len(), 3);
    let token = first["nextToken"].as_str().unwrap();
    let second = world
        .get(&format!("{LIST}?limit=3&nextToken={token}"))
        .await
        .ok();
    assert_eq!(second["apiKeys"].as_array().unwrap().len(), 2);
    assert!(second.get("nextToken").is_none());
}

#[tokio::test]
async fn guessing_gets_429_while_a_valid_key_from_the_same_place_still_opens() {
    let world = World::new();
    let mut last = world.get_as("hs_guess", SETTINGS).await;
    for _ in 0..30 {
        last = world.get_as("hs_guess", SETTINGS).await;
    }
    assert_eq!(last.refusal(), (429, "too_many_failures".to_owned()));
    assert!(
        last.header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds >= 1)
    );
    world.get(SETTINGS).await.ok();
}

#[tokio::test]
async fn other_domains_are_forbidden_whether_they_exist_or_not() {
    let world = World::new();
    world.add_domain("other.example.com");
    let existing = world.get("/v1/other.example.com/settings").await;
    let missing = world.get("/v1/missing.example.com/settings").await;
    assert_eq!(existing.refusal(), (403, "forbidden".to_owned()));
    assert_eq!(existing.json()["reason"], missing.json()["reason"]);
    assert_eq!(existing.status, missing.status);
    world.get("/v1/ACME.example.com/settings").await.ok();
}

#[tokio::test]
async fn without_a_credential_the_scheme_is_named() {
    let world = World::new();
    for value in [
        None,
        Some("Basic eDp5"),
        Some("Bearer"),
        Some("Bearer hs_unknown"),
    ] {
        let mut request = world
            .request(Method::GET, SETTINGS)
            .body(Body::empty())
            .unwrap();
        request.headers_mut().remove("authorization");
        if let Some(value) = value {
            request
                .headers_mut()
                .insert("authorization", value.parse().unwrap());
        }
        let answer = world.send(request).await;
        assert_eq!(
            answer.refusal(),
            (401, "unauthorized".to_owned()),
            "{value:?}"
        );
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
}

#[tokio::test]
async fn a_jwt_is_refused_no_sooner_where_there_is_no_such_domain() {
    let world = World::new();
    world.add_domain("other.example.com");
    let part = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let exp = super::super::allowed::unix_seconds() + 60;
    let jwt = format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(&format!(r#"{{"exp":{exp}}}"#)),
        part(&"s".repeat(256))
    );
    let mut told = Vec::new();
    for domain in [ACME, "other.example.com", "absent.example.com"] {
        let began = std::time::Instant::now();
        let refused = world
            .get_as(&jwt, &format!("/provisioning/device/{domain}"))
            .await;
        assert!(
            began.elapsed() >= std::time::Duration::from_millis(50),
            "{domain}"
        );
        let mut body = refused.json();
        body["traceId"].take();
        told.push((refused.status.as_u16(), body));
    }
    assert_eq!(told[0].0, 403);
    assert!(told.iter().all(|answer| *answer == told[0]), "{told:?}");
    let path = format!("/provisioning/grandstream/{ACME}/000b82000001?k={jwt}");
    assert_eq!(world.get(&path).await.refusal().0, 401);
}
