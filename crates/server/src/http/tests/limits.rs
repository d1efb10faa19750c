//! What one customer's flood costs: itself, and neither its running calls nor the others.

use std::future::Future as _;
use std::task::{Context, Poll, Waker};

use super::super::body::tests::Endless;
use super::*;

/// Requests that wait for the rest of their bodies, polled once each; the answers of those that were refused.
async fn flood(world: &World, times: usize) -> (Vec<Box<dyn std::any::Any>>, Vec<Answer>) {
    let (mut waiting, mut answers): (Vec<Box<dyn std::any::Any>>, _) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let request = world
            .request(Method::PUT, "/v1/acme.example.com/settings")
            .header("content-type", "application/json")
            .body(Body::new(Endless))
            .unwrap();
        let mut sent = Box::pin(router(world.rest.clone()).oneshot(request));
        match sent.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => waiting.push(Box::new(sent)),
            Poll::Ready(response) => {
                let (parts, body) = response.unwrap().into_parts();
                let bytes = body.collect().await.unwrap().to_bytes();
                answers.push(Answer {
                    status: parts.status,
                    headers: parts.headers,
                    text: String::from_utf8(bytes.to_vec()).unwrap(),
                });
            }
        }
    }
    (waiting, answers)
}

#[tokio::test]
async fn a_domains_flood_is_told_to_wait_and_holds_up_neither_its_calls_nor_others() {
    let world = World::new();
    let other = world.add_domain("other.example.com");
    let (waiting, refused) = flood(&world, 40).await;
    assert_eq!((waiting.len(), refused.len()), (32, 8));
    assert_eq!(refused[0].refusal(), (429, "too_many_requests".to_owned()));
    assert_eq!(refused[0].header("retry-after"), "1");

    let listed = world.get("/v1/acme.example.com/calls").await;
    assert_eq!(listed.status, StatusCode::TOO_MANY_REQUESTS);
    let reply_id = world.rest.reply_ids.mint(ACME, CALL, 0, 1_700_000_000);
    let body = serde_json::json!({"replyId": reply_id});
    world
        .post("/mediaservice/acme.example.com/hangupcalljwt", body)
        .await
        .ok();
    world
        .get_as(&other, "/v1/other.example.com/calls")
        .await
        .ok();

    drop(waiting);
    world.get("/v1/acme.example.com/calls").await.ok();
}

#[tokio::test]
async fn who_has_no_valid_key_takes_no_room() {
    let world = World::new();
    let stranger = World {
        token: "hs_nobody".to_owned(),
        ..World::new()
    };
    let (waiting, refused) = flood(&stranger, 40).await;
    assert_eq!((waiting.len(), refused.len()), (0, 40));
    world.get("/v1/acme.example.com/calls").await.ok();
}
