//! End users trade their password for a token of their SIP client.

use std::time::Duration;

use hookswitch_store::documents::{self, Expected, Key};
use serde_json::json;

use super::*;
use crate::kind::DEVICE;
use crate::password::hash_password;

const AUTHORIZE: &str = "/provisioning/authorize";
const DEVICES: &str = "/provisioning/device/acme.example.com";

async fn with_anna() -> World {
    let world = World::new();
    let authorized = json!({"domain": ACME, "invite": "^100", "register": true});
    let anna = json!({
        "deviceId": "anna", "authType": "userid", "password": hash_password("Circle of Life"),
        "authorized": authorized,
    });
    let Value::Object(members) = anna else {
        panic!("a device is an object");
    };
    let rest = &world.rest;
    let body = DEVICE.seal(&rest.master_key, ACME, "anna", &members);
    let written = rest.store.write(move |db| {
        let key = Key {
            domain: ACME,
            kind: DEVICE.name,
            id: "anna",
            draft: false,
        };
        documents::put(db, key, &body, Expected::Any)
    });
    written.unwrap();
    let desk = json!({"deviceId": "desk", "authType": "credentials"});
    world.put(DEVICES, desk).await.ok();
    world
}

/// Asks from an address, without any key.
async fn ask(world: &World, from: u8, body: &Value) -> Answer {
    let peer = SocketAddr::from(([198, 51, 100, from], 4_000));
    let request = Request::post(AUTHORIZE)
        .extension(ConnectInfo(peer))
        .header("content-type", "application/json");
    let body = Body::from(body.to_string());
    world.send(request.body(body).unwrap()).await
}

fn credentials(device: &str, password: &str) -> Value {
    json!({"domain": ACME, "deviceId": device, "password": password})
}

#[tokio::test]
async fn the_right_password_gives_a_token_of_an_hour_that_says_what_the_user_may() {
    let world = with_anna().await;
    let body =
        json!({"domain": "ACME.example.com", "deviceId": "anna", "password": "Circle of Life"});
    let reply = ask(&world, 1, &body).await.ok();
    assert_eq!(reply["expiresIn"], 3_600);
    let token = reply["token"].as_str().unwrap();
    let now = super::super::allowed::unix_seconds();
    let claims = world.rest.sip_tokens.verify(token, ACME, now).unwrap();
    assert_eq!(claims.sub, "anna");
    assert_eq!(claims.domain, ACME);
    assert_eq!(claims.authorized.invite.as_deref(), Some("^100"));
    assert_eq!(claims.authorized.register, Some(true));
    assert!(claims.exp.abs_diff(now + 3_600) < 5);
}

#[tokio::test]
async fn the_token_never_opens_rest() {
    let world = with_anna().await;
    let reply = ask(&world, 1, &credentials("anna", "Circle of Life"))
        .await
        .ok();
    let token = reply["token"].as_str().unwrap();
    let refused = world.get_as(token, DEVICES).await;
    assert_eq!(refused.refusal(), (401, "unauthorized".to_owned()));
}

#[tokio::test]
async fn whoever_cannot_sign_in_is_told_the_same() {
    let world = with_anna().await;
    let mut said = Vec::new();
    for body in [
        credentials("anna", "wrong"),
        credentials("nobody", "Circle of Life"),
        credentials("desk", "Circle of Life"),
        json!({"domain": "missing.example.com", "deviceId": "anna", "password": "Circle of Life"}),
    ] {
        let refused = ask(&world, 2, &body).await;
        assert_eq!(
            refused.refusal(),
            (401, "unauthorized".to_owned()),
            "{body}"
        );
        let mut text = refused.json();
        text["traceId"] = Value::Null;
        said.push(text);
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[tokio::test]
async fn who_guesses_is_told_to_wait_and_the_right_password_still_opens() {
    let world = with_anna().await;
    let wrong = credentials("anna", "wrong");
    let guesser = [198, 51, 100, 3].into();
    // Failures of a minute from now: none of them is forgotten meanwhile, however slow the hashing is.
    let later = Instant::now() + Duration::from_secs(60);
    for _ in 0..=20 {
        world.rest.failures.count(guesser, later);
    }
    let last = ask(&world, 3, &wrong).await;
    assert_eq!(last.refusal(), (429, "too_many_failures".to_owned()));
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    let right = credentials("anna", "Circle of Life");
    ask(&world, 3, &right).await.ok();
    ask(&world, 4, &right).await.ok();
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let world = World::new();
    let refused = ask(&world, 5, &json!({})).await;
    assert_eq!(refused.pointers(), ["/domain", "/deviceId", "/password"]);
}

#[tokio::test]
async fn an_idempotency_key_means_nothing_to_who_has_no_key() {
    let world = with_anna().await;
    let request = Request::post(AUTHORIZE)
        .header("content-type", "application/json")
        .header("idempotency-key", "once")
        .body(Body::from(
            credentials("anna", "Circle of Life").to_string(),
        ));
    world.send(request.unwrap()).await.ok();
}
