use hookswitch_store::events::DeliveryOutcome;
use hookswitch_store::{Batch, CallKey, DeliveryUpdate, EventRow, Try, UnixMicros};
use serde_json::json;

use super::*;

const LIST: &str = "/v1/acme.example.com/deliveries";
const START: u64 = 1_700_000_000_000_000;

pub(super) fn row(call: u128, sequence: u32, name: &'static str) -> EventRow {
    EventRow {
        webhook_id: format!("webhook-{call}-{sequence}"),
        call: CallKey(call),
        domain: ACME.into(),
        service: "service-1".to_owned(),
        callback_id: "callback-1".to_owned(),
        name: name.into(),
        sequence,
        terminal: name == "callHungup",
        created_at: UnixMicros(START + u64::from(sequence) * 1_000_000),
        body: json!({"sequence": sequence}).to_string(),
        ..EventRow::default()
    }
}

fn update(call: u128, sequence: u32, outcome: DeliveryOutcome, statuses: &[u16]) -> DeliveryUpdate {
    let tries = statuses.iter().map(|status| Try {
        at: UnixMicros(START + 5_000_000),
        status: Some(*status),
        error: (*status >= 300).then(|| format!("the application answered {status}")),
        took_micros: 1_500,
    });
    DeliveryUpdate {
        call: CallKey(call),
        sequence,
        outcome,
        attempts: u32::try_from(statuses.len()).unwrap(),
        last_status: statuses.last().copied(),
        last_error: None,
        tries: tries.collect(),
    }
}

pub(super) async fn store(world: &World, batch: Batch) {
    let (told, done) = tokio::sync::oneshot::channel();
    let tell = move |result| told.send(result).unwrap();
    world.rest.store.writer().submit(batch, tell).unwrap();
    done.await.unwrap().unwrap();
}

/// One call whose announcement was answered, whose answer failed twice and for good, and whose end waits.
async fn with_a_call() -> World {
    let world = World::new();
    let call = CALL.as_u128();
    let taken = DeliveryOutcome::Delivered(UnixMicros(START + 5_000_000));
    let names = ["newRemoteCall", "callAnswered", "callHungup"];
    let rows = (1..).zip(names).map(|(n, name)| row(call, n, name));
    store(
        &world,
        Batch {
            events: rows.collect(),
            ..Batch::default()
        },
    )
    .await;
    store(
        &world,
        Batch {
            deliveries: vec![
                update(call, 1, taken, &[200]),
                update(call, 2, DeliveryOutcome::Failed, &[500, 404]),
            ],
            ..Batch::default()
        },
    )
    .await;
    world
}

fn names(body: &Value) -> Vec<&str> {
    let deliveries = body["deliveries"].as_array().unwrap().iter();
    deliveries
        .map(|delivery| delivery["event"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn deliveries_are_listed_with_every_try_and_narrowed_by_each_filter() {
    let world = with_a_call().await;
    let all = world.get(LIST).await.ok();
    assert_eq!(names(&all), ["newRemoteCall", "callAnswered", "callHungup"]);
    let failed = &all["deliveries"][1];
    assert_eq!(
        *failed,
        json!({
            "id": format!("{CALL}.2"), "webhookId": format!("webhook-{}-2", CALL.as_u128()),
            "call": CALL.to_string(), "sequence": 2, "event": "callAnswered",
            "cloudSipUAId": "service-1", "callbackId": "callback-1",
            "timestamp": START / 1_000 + 2_000, "state": "failed", "attempts": 2,
            "tries": [
                {"at": START / 1_000 + 5_000, "status": 500, "error": "the application answered 500", "took": 1_500},
                {"at": START / 1_000 + 5_000, "status": 404, "error": "the application answered 404", "took": 1_500},
            ],
        })
    );
    let time = START / 1_000;
    for (query, expected) in [
        ("state=failed".to_owned(), &["callAnswered"][..]),
        ("state=pending".to_owned(), &["callHungup"]),
        ("event=callHungup".to_owned(), &["callHungup"]),
        (format!("call={CALL}&state=delivered"), &["newRemoteCall"]),
        ("callbackId=callback-2".to_owned(), &[]),
        (format!("from={}", time + 3_000), &["callHungup"]),
        (format!("to={}", time + 2_000), &["newRemoteCall"]),
    ] {
        let found = world.get(&format!("{LIST}?{query}")).await.ok();
        assert_eq!(names(&found), expected, "{query}");
    }
    let twice = format!("{LIST}?state=failed&state=delivered");
    assert_eq!(world.get(&twice).await.pointers(), ["/state"]);
    assert_eq!(
        world
            .get(&format!("{LIST}?call=x&limit=1"))
            .await
            .pointers(),
        ["/call"]
    );
}

#[tokio::test]
async fn pages_of_deliveries_follow_each_other() {
    let world = with_a_call().await;
    let first = world.get(&format!("{LIST}?limit=2")).await.ok();
    assert_eq!(names(&first), ["newRemoteCall", "callAnswered"]);
    let token = first["nextToken"].as_str().unwrap();
    let second = world.get(&format!("{LIST}?nextToken={token}")).await.ok();
    assert_eq!(names(&second), ["callHungup"]);
    assert!(second.get("nextToken").is_none());
}

#[tokio::test]
async fn a_delivery_is_shown_to_its_own_domain() {
    let world = with_a_call().await;
    let path = format!("{LIST}/{CALL}.2");
    assert_eq!(world.get(&path).await.ok()["delivery"]["attempts"], 2);
    for id in ["x", &format!("{CALL}.9"), &format!("{CALL}.x"), "1.2"] {
        let answer = world.get(&format!("{LIST}/{id}")).await;
        assert_eq!(answer.refusal(), (404, "delivery_not_found".to_owned()));
    }
    let other = world.add_domain("other.example.com");
    for path in [&path, LIST, "/v1/acme.example.com/events"] {
        assert_eq!(world.get_as(&other, path).await.refusal().0, 403);
    }
    let theirs = format!("/v1/other.example.com/deliveries/{CALL}.2");
    assert_eq!(world.get_as(&other, &theirs).await.refusal().0, 404);
}

#[tokio::test]
async fn what_failed_is_replayed_and_told_to_the_outbox() {
    let world = with_a_call().await;
    let path = |n: u32| format!("{LIST}/{CALL}.{n}/replay");
    world.post(&path(2), json!({})).await.ok();
    let told = [(ACME.to_owned(), "service-1".to_owned())];
    assert_eq!(*world.outbox.replayed.lock().unwrap(), told);
    let shown = world.get(&format!("{LIST}/{CALL}.2")).await.ok();
    assert_eq!(shown["delivery"]["state"], "pending");
    assert_eq!(
        shown["delivery"]["tries"].as_array().unwrap().len(),
        2,
        "earlier tries stay"
    );
    for (n, code) in [
        (1, "not_replayable"),
        (2, "delivery_waits"),
        (3, "delivery_waits"),
    ] {
        let answer = world.post(&path(n), json!({})).await;
        assert_eq!(answer.refusal(), (409, code.to_owned()));
        let reason = &answer.json()["reason"];
        let names_others = reason.as_str().unwrap().contains("event=callHungup");
        assert_eq!(names_others, code == "not_replayable", "{reason}");
    }
}

#[tokio::test]
async fn a_range_is_replayed_without_announcements() {
    let world = with_a_call().await;
    let path = format!("{LIST}/replay");
    let refused = world.post(&path, json!({"state": "pending"})).await;
    assert_eq!(refused.pointers(), ["/state"]);
    let misspelt = world.post(&path, json!({"callid": CALL})).await;
    assert_eq!(misspelt.pointers(), ["/callid"]);
    let late = json!({"from": START / 1_000 + 60_000});
    assert_eq!(world.post(&path, late).await.ok()["replayed"], 0);
    let delivered = json!({"state": "delivered"});
    assert_eq!(world.post(&path, delivered).await.ok()["replayed"], 0);
    assert!(world.outbox.replayed.lock().unwrap().is_empty());
    assert_eq!(world.post(&path, json!({})).await.ok()["replayed"], 1);
    assert_eq!(world.outbox.replayed.lock().unwrap().len(), 1);
}
