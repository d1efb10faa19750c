use std::time::Instant;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

#[tokio::test]
async fn an_ask_carries_what_the_application_needs_to_trust_it() {
    let mut application = Application::start(|_| Reply::Json(r#"{"ringback":{}}"#.into())).await;
    let node = Node::start();
    let target = with_auth(target(&application.url()), [hs256("s3cret")]);
    let asked = node.ask(&target).await;
    assert_eq!(
        asked,
        Asked::Accepted {
            body: r#"{"ringback":{}}"#.into()
        }
    );

    let seen = application.request().await;
    assert_eq!(
        (seen.method.as_str(), &*seen.path),
        ("POST", "/hooks/newRemoteCall")
    );
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.body, r#"{"call":1,"sequence":1}"#);
    let parent: Vec<&str> = seen.header("traceparent").split('-').collect();
    assert_eq!(parent[..2], ["00", "00000000000000000000000000000abc"]);
    assert_eq!((parent[2].len(), parent[3]), (16, "01"));

    // The recipe of the Standard Webhooks specification, "Verifying webhook authenticity".
    let (id, timestamp) = (seen.header("webhook-id"), seen.header("webhook-timestamp"));
    assert_eq!(id, "msg_1_1");
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(now.abs_diff(timestamp.parse().unwrap()) < 60);
    let secret = STANDARD
        .decode(SECRET.trim_start_matches("whsec_"))
        .unwrap();
    let signature = seen
        .header("webhook-signature")
        .strip_prefix("v1,")
        .unwrap();
    hmac::verify(
        &hmac::Key::new(hmac::HMAC_SHA256, &secret),
        format!("{id}.{timestamp}.{}", seen.body).as_bytes(),
        &STANDARD.decode(signature).unwrap(),
    )
    .unwrap();

    let token = seen
        .header("authorization")
        .strip_prefix("Bearer ")
        .unwrap();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[target.base.origin().as_str()]);
    validation.set_issuer(&["hookswitch"]);
    let key = DecodingKey::from_secret(b"s3cret");
    jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation).unwrap();
}

#[tokio::test]
async fn without_authentication_entries_there_is_no_authorization() {
    let mut application = Application::start(|_| Reply::Status(204)).await;
    let node = Node::start();
    let asked = node.ask(&target(&application.url())).await;
    assert_eq!(asked, Asked::Accepted { body: Bytes::new() });
    assert!(!application.request().await.has("authorization"));
}

#[tokio::test]
async fn when_credentials_are_refused_the_next_entry_signs_the_same_request() {
    let mut calls = 0;
    let mut application = Application::start(move |_| {
        calls += 1;
        Reply::Status([401, 403, 200][calls - 1])
    })
    .await;
    let node = Node::start();
    let entries = ["one", "two", "three"].map(hs256);
    let asked = node
        .ask(&with_auth(target(&application.url()), entries))
        .await;
    assert_eq!(asked, Asked::Accepted { body: Bytes::new() });

    let seen = application.requests();
    assert_eq!(seen.len(), 3);
    for (seen, secret) in seen.iter().zip(["one", "two", "three"]) {
        let token = seen
            .header("authorization")
            .strip_prefix("Bearer ")
            .unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation).unwrap();
        assert_eq!(seen.header("webhook-id"), "msg_1_1");
    }
    assert_eq!(node.statuses(), [Some(401), Some(403), Some(200)]);
    let entries: Vec<usize> = node.tried().iter().map(|tried| tried.entry).collect();
    assert_eq!(entries, [0, 1, 2]);
}

#[tokio::test]
async fn a_list_refused_to_its_end_is_one_failed_try() {
    let application = Application::start(|_| Reply::Status(401)).await;
    let node = Node::start();
    let target = with_auth(target(&application.url()), ["one", "two"].map(hs256));
    assert_eq!(
        node.ask_fails(&target).await,
        TryError::Status(StatusCode::UNAUTHORIZED)
    );
    let entries: Vec<usize> = node.tried().iter().map(|tried| tried.entry).collect();
    assert_eq!(entries, [0, 1, 0, 1, 0, 1], "three tries of two entries");
}

#[tokio::test]
async fn a_final_status_refuses_at_once() {
    for status in [400, 404, 409, 422, 451] {
        let application = Application::start(move |_| Reply::Status(status)).await;
        let node = Node::start();
        let asked = node.ask(&target(&application.url())).await;
        let Asked::Refused {
            status: refused,
            why,
        } = asked
        else {
            panic!("{asked:?}")
        };
        assert_eq!(refused, status);
        assert!(why.contains(&status.to_string()), "{why}");
        assert_eq!(node.statuses(), [Some(status)]);
    }
}

#[tokio::test]
async fn a_status_that_may_pass_is_tried_again_with_the_same_id_and_body() {
    for status in [408, 429, 500, 503] {
        let mut first = true;
        let mut application = Application::start(move |_| {
            Reply::Status(if std::mem::take(&mut first) {
                status
            } else {
                200
            })
        })
        .await;
        let node = Node::start();
        let asked = node.ask(&target(&application.url())).await;
        assert_eq!(asked, Asked::Accepted { body: Bytes::new() });
        let seen = application.requests();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
        assert_eq!(seen[0].body, seen[1].body);
        assert_ne!(seen[0].header("traceparent"), seen[1].header("traceparent"));
    }
}

#[tokio::test]
async fn gone_switches_the_callback_off() {
    let mut application = Application::start(|_| Reply::Status(410)).await;
    let node = Node::start();
    let target = target(&application.url());
    assert_eq!(node.ask(&target).await, Asked::Disabled);
    assert_eq!(node.ask(&target).await, Asked::Disabled);
    assert_eq!(application.requests().len(), 1);
    assert_eq!(node.watch.switched_off.load(Ordering::Relaxed), 1);
    target.switch.turn_on();
    assert_eq!(node.ask(&target).await, Asked::Disabled);
    assert_eq!(application.requests().len(), 1, "it was tried again");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Application::start(|_| Reply::Status(200)).await;
    for status in [301, 302, 307, 308] {
        let location = elsewhere.url();
        let application =
            Application::start(move |_| Reply::StatusWith(status, "location", location.clone()))
                .await;
        let node = Node::start();
        let why = node.ask_fails(&target(&application.url())).await;
        assert_eq!(why.status(), Some(status));
        assert_eq!(node.statuses(), [Some(status); 3]);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_endless_reply_is_cut() {
    let application = Application::start(|_| Reply::Endless).await;
    let node = Node::start();
    assert_eq!(
        node.ask_fails(&target(&application.url())).await,
        TryError::ReplyTooLong
    );
}

#[tokio::test]
async fn a_reply_of_exactly_64_kib_is_read_and_one_byte_more_is_too_much() {
    let application = Application::start(|seen| {
        let length = if seen.path.starts_with("/hooks") {
            65_536
        } else {
            65_537
        };
        Reply::Json("x".repeat(length))
    })
    .await;
    let node = Node::start();
    let asked = node.ask(&target(&application.url())).await;
    let Asked::Accepted { body } = asked else {
        panic!("{asked:?}")
    };
    assert_eq!(body.len(), 65_536);
    let other = application.url().replace("hooks", "other");
    assert_eq!(
        node.ask_fails(&target(&other)).await,
        TryError::ReplyTooLong
    );
}

#[tokio::test]
async fn silence_ends_with_the_budget() {
    let application = Application::start(|_| Reply::Silence).await;
    let node = Node::start();
    let started = Instant::now();
    let why = node.ask_fails(&impatient(&application.url())).await;
    assert_eq!(why, TryError::Timeout("waiting for the reply"));
    let took = started.elapsed();
    assert!(
        took >= Duration::from_millis(100) && took < Duration::from_secs(5),
        "{took:?}"
    );
    assert_eq!(node.tried()[0].error, Some(why));
}

#[tokio::test]
async fn a_retry_after_that_outlasts_the_budget_ends_the_ask() {
    let application =
        Application::start(|_| Reply::StatusWith(503, "retry-after", "60".into())).await;
    let node = Node::start();
    let why = node.ask_fails(&target(&application.url())).await;
    assert_eq!(why.status(), Some(503));
    assert_eq!(node.statuses(), [Some(503)]);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let application = Application::start(|_| Reply::Json("{}".into())).await;
    let node = Node::start();
    let target = target(&application.url());
    for _ in 0..10 {
        assert!(matches!(node.ask(&target).await, Asked::Accepted { .. }));
    }
    assert_eq!(application.connections(), 1);
}

#[tokio::test]
async fn a_connection_the_server_has_closed_costs_no_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        // It closes every connection after one reply without saying so.
        for _ in 0..20 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(br#"{"call":1,"sequence":1}"#) {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                .await
                .unwrap();
        }
    });
    let node = Node::start();
    for _ in 0..20 {
        assert!(matches!(
            node.ask(&target(&url)).await,
            Asked::Accepted { .. }
        ));
    }
    assert_eq!(node.statuses(), [Some(200); 20]);
    server.await.unwrap();
}

#[tokio::test]
async fn request_headers_go_to_the_provisioned_origin_only() {
    let mut own = Application::start(|_| Reply::Status(200)).await;
    let mut foreign = Application::start(|_| Reply::Status(200)).await;
    let node = Node::start();
    let entry = hs256("s3cret")
        .with_header("x-functions-key", "k1")
        .with_header("Host", "evil");
    let provisioned = with_auth(target(&own.url()), [entry]);
    node.ask(&provisioned).await;
    node.ask(&provisioned.at(BaseUrl::parse(&format!("{}/per-call", own.url())).unwrap()))
        .await;
    node.ask(&provisioned.at(BaseUrl::parse(&foreign.url()).unwrap()))
        .await;

    let seen = own.requests();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|seen| seen.header("x-functions-key") == "k1")
    );
    assert!(own.url().contains(seen[0].header("host")) && !seen[0].header("host").is_empty());
    assert_eq!(seen[1].path, "/hooks/per-call/newRemoteCall");
    let seen = foreign.request().await;
    assert!(!seen.has("x-functions-key"));
    assert!(seen.has("authorization"), "signed, for that audience");
}

#[tokio::test]
async fn gone_at_a_calls_own_url_leaves_the_service_alone() {
    let gone = Application::start(|_| Reply::Status(410)).await;
    let own = Application::start(|_| Reply::Status(200)).await;
    let node = Node::start();
    let provisioned = target(&own.url());
    let call = provisioned.at(BaseUrl::parse(&gone.url()).unwrap());
    assert_eq!(node.ask(&call).await, Asked::Disabled);
    assert!(call.switch.is_off());
    assert!(matches!(
        node.ask(&provisioned).await,
        Asked::Accepted { .. }
    ));
}
