//! AWS Signature V4 on the call paths without suffix; that curl and botocore sign alike is shown with the real ones.

use serde_json::json;

use super::*;
use crate::sigv4::{Credentials, Target, hash, sign};

const HANGUP: &str = "/mediaservice/acme.example.com/hangupcall";

/// A key of the tenant, with which a request is signed.
struct Key {
    sk: String,
    token: String,
}

impl Key {
    async fn mint(world: &World, body: Value) -> Self {
        let path = "/provisioning/apiKey/acme.example.com";
        let created = world.post(path, body).await.ok();
        let text = |member: &str| created[member].as_str().unwrap().to_owned();
        Self {
            sk: text("sk"),
            token: text("token"),
        }
    }

    fn sign(&self, request: Request<Body>, body: &str) -> Request<Body> {
        self.sign_for(request, body, "execute-api", 0)
    }

    /// Signs so many seconds from now.
    fn sign_for(
        &self,
        request: Request<Body>,
        body: &str,
        service: &str,
        later: i64,
    ) -> Request<Body> {
        let (mut parts, _) = request.into_parts();
        let now = super::super::allowed::unix_seconds();
        let credentials = Credentials {
            access_key_id: &self.sk,
            secret: &self.token,
            session_token: None,
        };
        let target = Target {
            region: "eu-north-1",
            service,
        };
        let then = now.checked_add_signed(later).unwrap();
        sign(&mut parts, body.as_bytes(), credentials, target, then).unwrap();
        Request::from_parts(parts, Body::from(body.to_owned()))
    }
}

/// A command without credentials, from an address of its own.
fn command(path: &str) -> Request<Body> {
    Request::post(path)
        .extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 99], 4_000))))
        .header("host", "api.example.com")
        .header("content-type", "application/json")
        .body(Body::empty())
        .unwrap()
}

fn hangup(world: &World) -> String {
    let now = super::super::allowed::unix_seconds();
    json!({"replyId": world.rest.reply_ids.mint(ACME, CALL, 0, now)}).to_string()
}

/// Why a request was refused with 401.
fn why(answer: &Answer) -> String {
    let (status, code) = answer.refusal();
    assert_eq!(
        (status, code.as_str()),
        (401, "unauthorized"),
        "{}",
        answer.text
    );
    answer.json()["reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_signed_command_is_taken_once() {
    let world = World::new();
    let key = Key::mint(&world, json!({})).await;
    let body = hangup(&world);
    let signed = key.sign(command(HANGUP), &body);
    let (parts, _) = signed.into_parts();
    let first = Request::from_parts(parts.clone(), Body::from(body.clone()));
    world.send(first).await.ok();
    let again = Request::from_parts(parts, Body::from(body));
    let refused = world.send(again).await;
    assert_eq!(refused.refusal(), (401, "signature_used".to_owned()));
    assert_eq!(world.calls.commands.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_hash_of_the_payload_may_be_declared_and_must_be_true() {
    let world = World::new();
    let key = Key::mint(&world, json!({})).await;
    let body = hangup(&world);
    let declaring = |text: &str| {
        let mut request = command(HANGUP);
        let value = text.parse().unwrap();
        request.headers_mut().insert("x-amz-content-sha256", value);
        key.sign(request, &body)
    };
    world.send(declaring(&hash(body.as_bytes()))).await.ok();
    for declared in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "e3b0",
    ] {
        let refused = world.send(declaring(declared)).await;
        assert!(why(&refused).contains("SHA-256 of the body"), "{declared}");
    }
    let mut other_body = declaring(&hash(body.as_bytes()));
    *other_body.body_mut() = Body::from(body.replace('}', " }"));
    assert!(why(&world.send(other_body).await).contains("signature is wrong"));
    assert_eq!(world.calls.commands.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_of_a_signed_request_can_be_changed() {
    let world = World::new();
    let key = Key::mint(&world, json!({})).await;
    let body = hangup(&world);
    let changes: [fn(&mut Request<Body>); 4] = [
        |request| *request.body_mut() = Body::from("{}"),
        |request| {
            let other = "/mediaservice/acme.example.com/answerremotecall";
            *request.uri_mut() = other.parse().unwrap();
        },
        |request| *request.uri_mut() = format!("{HANGUP}?x=1").parse().unwrap(),
        |request| {
            request
                .headers_mut()
                .insert("host", "elsewhere.example".parse().unwrap());
        },
    ];
    for change in changes {
        let mut request = key.sign(command(HANGUP), &body);
        change(&mut request);
        assert!(why(&world.send(request).await).contains("signature is wrong"));
    }
    let stranger = Key {
        sk: key.sk.clone(),
        token: "hs_guess".to_owned(),
    };
    let nobody = Key {
        sk: "nobody".to_owned(),
        token: key.token.clone(),
    };
    for forger in [stranger, nobody] {
        let refused = world.send(forger.sign(command(HANGUP), &body)).await;
        assert!(why(&refused).contains("access key id or the signature"));
    }
    assert!(world.calls.commands.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_signature_counts_for_five_minutes_either_way_and_for_one_service() {
    let world = World::new();
    let key = Key::mint(&world, json!({})).await;
    let body = hangup(&world);
    for later in [-290, 290] {
        let request = key.sign_for(command(HANGUP), &body, "execute-api", later);
        world.send(request).await.ok();
    }
    for (later, side) in [(-310, "behind"), (310, "ahead of")] {
        let request = key.sign_for(command(HANGUP), &body, "execute-api", later);
        assert!(why(&world.send(request).await).contains(side));
    }
    let elsewhere = key.sign_for(command(HANGUP), &body, "s3", 0);
    assert!(why(&world.send(elsewhere).await).contains("execute-api"));
}

#[tokio::test]
async fn a_signing_key_opens_its_own_domain_as_far_as_its_scopes_go() {
    let world = World::new();
    world.add_domain("other.example.com");
    let body = hangup(&world);
    let key = Key::mint(&world, json!({})).await;
    let mut said = Vec::new();
    for domain in ["other.example.com", "missing.example.com"] {
        let path = format!("/mediaservice/{domain}/hangupcall");
        let refused = world.send(key.sign(command(&path), &body)).await;
        assert_eq!(refused.refusal(), (403, "forbidden".to_owned()));
        said.push(refused.json()["reason"].clone());
    }
    assert_eq!(said[0], said[1]);
    let reader = Key::mint(&world, json!({"scopes": ["read"]})).await;
    let refused = world.send(reader.sign(command(HANGUP), &body)).await;
    assert_eq!(refused.refusal(), (403, "scope_missing".to_owned()));
}

#[tokio::test]
async fn signatures_open_the_paths_without_suffix_alone() {
    let world = World::new();
    let key = Key::mint(&world, json!({})).await;
    let body = hangup(&world);
    for path in [
        "/mediaservice/acme.example.com/hangupcalljwt",
        "/v1/acme.example.com/webhook-secret/rotate",
    ] {
        let refused = world.send(key.sign(command(path), &body)).await;
        assert!(why(&refused).contains("Bearer"), "{path}");
    }
    let mut bearer = command(HANGUP);
    let value = format!("Bearer {}", key.token).parse().unwrap();
    bearer.headers_mut().insert("authorization", value);
    *bearer.body_mut() = Body::from(body);
    world.send(bearer).await.ok();
}

#[tokio::test]
async fn a_signed_command_under_an_idempotency_key_is_answered_again() {
    let world = World::new();
    let key = Key::mint(&world, json!({})).await;
    let body = hangup(&world);
    for later in [0, 1] {
        let mut request = command(HANGUP);
        let value = "hang-up-once".parse().unwrap();
        request.headers_mut().insert("idempotency-key", value);
        let signed = key.sign_for(request, &body, "execute-api", later);
        world.send(signed).await.ok();
    }
    assert_eq!(world.calls.commands.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_without_a_secret_cannot_sign() {
    let world = World::new();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let path = "/provisioning/apiKey/acme.example.com";
    let created = world
        .post(path, json!({"key": pair.public_key_pem()}))
        .await
        .ok();
    let key = Key {
        sk: created["sk"].as_str().unwrap().to_owned(),
        token: String::new(),
    };
    let refused = world.send(key.sign(command(HANGUP), "{}")).await;
    assert!(why(&refused).contains("access key id or the signature"));
}
