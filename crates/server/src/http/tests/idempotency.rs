use hookswitch_call::command::CommandErrorKind;
use hookswitch_store::{Batch, CallKey, CallRow, UnixMicros};
use serde_json::json;

use super::commands::{media, path, reply_id, told};
use super::*;

/// A request under the key `k1`.
async fn send(world: &World, path: &str, body: &str) -> Answer {
    let request = world
        .request(Method::POST, path)
        .header("idempotency-key", "k1");
    world
        .send(request.body(Body::from(body.to_owned())).unwrap())
        .await
}

/// Nobody has answered what came under any key.
fn is_left(world: &World) {
    world
        .folder
        .execute("UPDATE replies SET status = NULL, body = NULL");
}

#[tokio::test]
async fn the_same_request_under_one_key_is_carried_out_once() {
    let world = World::new();
    *world.calls.answer.lock().unwrap() = Some(Ok(CommandReply::Placed {
        call: CALL,
        sip_call_id: "abc@node".into(),
    }));
    let mut body = media();
    body["destinationUri"] = "sip:+4689@carrier.example.com".into();
    body["sourceUser"] = "1001".into();
    let send = |key: &str, body: &Value| {
        let request = world.request(Method::POST, &path("placeremotecall"));
        let request = request
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        world.send(request.body(Body::from(body.to_string())).unwrap())
    };
    let first = send("k1", &body).await;
    let again = send("k1", &body).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.json(), again.json());
    assert_eq!(told(&world).len(), 1);
    send("k2", &body).await.ok();
    assert_eq!(told(&world).len(), 1);
    body["sourceUser"] = "1002".into();
    let reused = send("k1", &body).await;
    assert_eq!(reused.refusal(), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(send(&"k".repeat(300), &body).await.refusal().0, 400);
}

#[tokio::test]
async fn a_refusal_is_not_remembered_under_its_key() {
    let world = World::new();
    let body = json!({"replyId": reply_id(&world)}).to_string();
    let path = path("hangupcall");
    let send = || send(&world, &path, &body);
    let error = CommandError::new(CommandErrorKind::Draining, "the node is being stopped");
    *world.calls.answer.lock().unwrap() = Some(Err(error));
    assert_eq!(send().await.refusal().0, 503);
    *world.calls.answer.lock().unwrap() = None;
    send().await.ok();
}

#[tokio::test]
async fn a_reply_that_carries_a_secret_is_never_kept() {
    let world = World::new();
    let mint = || send(&world, "/provisioning/apiKey/acme.example.com", "");
    let first = mint().await.ok();
    let second = mint().await;
    assert!(!second.headers.contains_key("idempotency-replayed"));
    assert_ne!(second.ok()["token"], first["token"]);
}

#[tokio::test]
async fn nobody_without_a_key_learns_what_was_answered_under_one() {
    let world = World::new();
    let body = json!({"replyId": reply_id(&world)}).to_string();
    let keyed = || {
        let request = world
            .request(Method::POST, &path("hangupcall"))
            .header("idempotency-key", "k1");
        request.body(Body::from(body.clone())).unwrap()
    };
    world.send(keyed()).await.ok();
    let mut stranger = keyed();
    stranger.headers_mut().remove("authorization");
    assert_eq!(world.send(stranger).await.refusal().0, 401);
}

/// A placed call of a node that ended before it could say so: who had it at work, and how far it was.
struct Left {
    world: World,
    first: Answer,
}

impl Left {
    async fn new(node: &str, call: bool) -> Self {
        let world = World::new();
        let first = Self::places(&world).await;
        assert_eq!(told(&world).len(), 1);
        let octets = CALL.as_u128().to_be_bytes();
        let call = call.then(|| world.folder.octets(&octets));
        let call = call.unwrap_or_else(|| "NULL".to_owned());
        world.folder.execute(&format!(
            "UPDATE replies SET status = NULL, body = NULL, node = '{node}', call = {call}"
        ));
        Self { world, first }
    }

    async fn places(world: &World) -> Answer {
        *world.calls.answer.lock().unwrap() = Some(Ok(CommandReply::Placed {
            call: CALL,
            sip_call_id: "abc@node".into(),
        }));
        let mut body = media();
        body["destinationUri"] = "sip:+4689@carrier.example.com".into();
        body["sourceUser"] = "1001".into();
        send(world, &path("placeremotecalljwt"), &body.to_string()).await
    }

    /// The same request comes again: its answer, and how often the core was told.
    async fn comes_again(&self) -> (Answer, usize) {
        let answer = Self::places(&self.world).await;
        (answer, told(&self.world).len())
    }

    /// The record of the call lies in the store.
    async fn is_recorded(&self, ended_at: Option<UnixMicros>) {
        let row = CallRow {
            id: CallKey(CALL.as_u128()),
            domain: ACME.into(),
            direction: "outbound".into(),
            source_user: "1001".to_owned(),
            destination_user: "+4689".to_owned(),
            sip_call_id: "abc@node".to_owned(),
            started_at: UnixMicros(1),
            state: "offered".into(),
            session_reference_id: None,
            answered_at: None,
            ended_at,
            class: None,
            record: "{}".to_owned(),
        };
        let batch = Batch {
            calls: vec![row],
            ..Batch::default()
        };
        deliveries::store(&self.world, batch).await;
    }
}

const NODE: &str = "node-1";

#[tokio::test]
async fn a_call_that_a_former_run_placed_is_found_by_its_key_and_not_placed_again() {
    let left = Left::new(NODE, true).await;
    left.is_recorded(None).await;
    for _ in 0..2 {
        let (answer, placed) = left.comes_again().await;
        assert_eq!(answer.header("idempotency-replayed"), "true");
        let (mut found, mut first) = (answer.ok(), left.first.json());
        let named = |reply: &Value| {
            let reply_ids = &left.world.rest.reply_ids;
            let text = reply["replyId"].as_str().unwrap().to_owned();
            let named = reply_ids.verify(&text, ACME).unwrap();
            (named.call, named.node)
        };
        assert_eq!(named(&found), named(&first));
        found["replyId"].take();
        first["replyId"].take();
        assert_eq!(found, first);
        assert_eq!(placed, 0);
    }
}

#[tokio::test]
async fn a_call_that_a_former_run_never_wrote_down_is_placed() {
    let left = Left::new(NODE, false).await;
    let (answer, placed) = left.comes_again().await;
    assert_eq!(answer.json()["callId"], left.first.json()["callId"]);
    assert!(!answer.headers.contains_key("idempotency-replayed"));
    assert_eq!(placed, 1);
    let (answer, placed) = left.comes_again().await;
    assert_eq!(answer.header("idempotency-replayed"), "true");
    assert_eq!(placed, 0);
}

#[tokio::test]
async fn a_call_that_ended_before_anybody_was_told_of_it_is_placed() {
    let left = Left::new(NODE, true).await;
    left.is_recorded(Some(UnixMicros(2))).await;
    let (answer, placed) = left.comes_again().await;
    answer.ok();
    assert_eq!(placed, 1);
}

#[tokio::test]
async fn the_call_of_another_node_is_found_once_the_application_was_told_of_it() {
    let left = Left::new("node-2", true).await;
    left.is_recorded(None).await;
    // That node may still give the call up without a word.
    let (answer, placed) = left.comes_again().await;
    assert_eq!(answer.refusal().1, "idempotency_outcome_unknown");
    assert_eq!(placed, 0);

    let event = deliveries::row(CALL.as_u128(), 1, "callNotify");
    let batch = Batch {
        events: vec![event],
        ..Batch::default()
    };
    deliveries::store(&left.world, batch).await;
    let (answer, placed) = left.comes_again().await;
    let reply = answer.ok();
    let reply_id = reply["replyId"].as_str().unwrap();
    let named = left.world.rest.reply_ids.verify(reply_id, ACME).unwrap();
    assert_eq!(named.node, "node-2", "commands go there");
    assert_eq!(placed, 0);
}

#[tokio::test]
async fn a_call_whose_record_is_gone_is_not_placed_again() {
    let left = Left::new(NODE, true).await;
    let (answer, placed) = left.comes_again().await;
    assert_eq!(answer.refusal().1, "idempotency_outcome_unknown");
    assert_eq!(placed, 0);
}

#[tokio::test]
async fn a_call_that_was_placed_is_answered_though_its_key_cannot_be_settled() {
    let world = World::new();
    let (unlock, locked) = std::sync::mpsc::channel::<()>();
    let store = world.rest.store.clone();
    *world.calls.meanwhile.lock().unwrap() = Some(Box::new(move || {
        let (begin, begun) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            store.write(move |_| {
                begin.send(()).unwrap();
                let _ = locked.recv();
                Ok(())
            })
        });
        begun.recv().unwrap();
    }));
    assert_eq!(Left::places(&world).await.ok()["callId"], "abc@node");
    assert_eq!(told(&world).len(), 1);
    // Nobody gives it up, and until it is settled its request is at work.
    drop(unlock);
    let answer = loop {
        let answer = Left::places(&world).await;
        if answer.status == 200 {
            break answer;
        }
        assert_eq!(answer.refusal().1, "idempotency_in_progress");
    };
    assert_eq!(answer.header("idempotency-replayed"), "true");
    assert_eq!(told(&world).len(), 0);
}

#[tokio::test]
async fn what_another_node_did_before_it_ended_is_not_known() {
    let left = Left::new("node-2", false).await;
    for _ in 0..2 {
        let (answer, placed) = left.comes_again().await;
        let unknown = (409, "idempotency_outcome_unknown".to_owned());
        assert_eq!(answer.refusal(), unknown);
        let reason = answer.json()["reason"].to_string();
        assert!(reason.contains("the node node-2 ended"), "{reason}");
        let place = "GET /v1/acme.example.com/calls?startedAfter=1";
        assert!(reason.contains(place), "{reason}");
        assert_eq!(placed, 0);
    }
}

#[tokio::test]
async fn a_command_on_a_call_that_a_former_run_left_unanswered_is_carried_out() {
    let world = World::new();
    let body = json!({"replyId": reply_id(&world)}).to_string();
    let path = path("hangupcall");
    let send = || send(&world, &path, &body);
    send().await.ok();
    is_left(&world);
    send().await.ok();
    assert_eq!(told(&world).len(), 2, "once in each run");
    let again = send().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn what_a_former_run_made_before_it_ended_is_not_known() {
    let world = World::new();
    let list = "/provisioning/cloudsipua/acme.example.com";
    let body = json!({
        "name": "alarms",
        "destinationMatch": "^47",
        "callbackBaseUrl": "https://app.example.com/hooks",
    });
    let body = body.to_string();
    let send = || send(&world, list, &body);
    send().await.ok();
    is_left(&world);
    let unknown = (409, "idempotency_outcome_unknown".to_owned());
    assert_eq!(send().await.refusal(), unknown);
    let all = world.get(list).await.ok();
    assert_eq!(all["cloudsipuas"].as_array().unwrap().len(), 1);
}
