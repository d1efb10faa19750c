use std::collections::BTreeMap;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;

fn parked(told: Told) -> Option<bool> {
    match told {
        Told::Retry { parked, .. } => Some(parked),
        _ => None,
    }
}

#[tokio::test]
async fn every_event_of_a_call_arrives_once_and_in_order() {
    let mut application = Application::start(|_| Reply::Status(200)).await;
    let mut node = Node::start();
    let target = target(&application.url());
    for sequence in 1..=20 {
        for call in 1..=5 {
            node.tell(&target, call, sequence);
        }
    }
    for _ in 0..100 {
        let result = node.result().await;
        assert_eq!(
            (result.told, result.status, result.attempts),
            (Told::Delivered, Some(200), 1)
        );
    }
    let mut calls: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for seen in application.requests() {
        let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
        let call = calls.entry(body["call"].as_u64().unwrap()).or_default();
        call.push(body["sequence"].as_u64().unwrap());
    }
    assert_eq!(calls.len(), 5);
    assert!(
        calls
            .values()
            .all(|sequences| *sequences == Vec::from_iter(1..=20))
    );
    assert!(application.connections() <= 5);
    assert_eq!(node.callbacks.load(), (0, 0));
}

#[tokio::test]
async fn the_tells_of_a_call_wait_for_its_ask() {
    let (allow, allowed) = oneshot::channel();
    let mut allowed = Some(allowed);
    let mut application = Application::start(move |seen| match seen.path.as_str() {
        "/hooks/newRemoteCall" => Reply::After(allowed.take().unwrap()),
        _ => Reply::Status(200),
    })
    .await;
    let mut node = Node::start();
    let target = Arc::new(target(&application.url()));
    let ask = node
        .callbacks
        .ask(Arc::clone(&target), delivery(1, 1, "newRemoteCall"));
    node.tell(&target, 1, 2);
    let ask = tokio::spawn(ask);
    assert_eq!(application.request().await.path, "/hooks/newRemoteCall");

    node.tell(&target, 2, 1);
    assert_eq!(
        node.result().await.call,
        CallKey(2),
        "another call does not wait"
    );
    assert_eq!(application.request().await.header("webhook-id"), "msg_2_1");
    allow.send(()).unwrap();
    assert!(matches!(ask.await.unwrap().asked, Asked::Accepted { .. }));
    assert_eq!(node.result().await.call, CallKey(1));
    assert_eq!(application.request().await.header("webhook-id"), "msg_1_2");
}

#[tokio::test]
async fn an_ask_that_is_given_up_lets_the_tells_go() {
    let application = Application::start(|_| Reply::Status(200)).await;
    let mut node = Node::start();
    let target = target(&application.url());
    let ask = node
        .callbacks
        .ask(Arc::new(target.clone()), delivery(1, 1, "newRemoteCall"));
    node.tell(&target, 1, 2);
    assert_eq!(node.callbacks.load(), (1, 0));
    drop(ask);
    assert_eq!(node.result().await.told, Told::Delivered);
}

#[tokio::test]
async fn a_failed_event_is_tried_again_and_the_next_one_waits_for_it() {
    let mut first = true;
    let mut application = Application::start(move |_| {
        Reply::Status(if std::mem::take(&mut first) { 500 } else { 200 })
    })
    .await;
    let mut node = Node::start();
    let target = target(&application.url());
    node.tell(&target, 1, 1);
    node.tell(&target, 1, 2);
    let failed = node.result().await;
    assert_eq!(
        (parked(failed.told), failed.status),
        (Some(false), Some(500))
    );
    assert_eq!(
        failed.error,
        Some(TryError::Status(StatusCode::INTERNAL_SERVER_ERROR))
    );
    let results = [node.result().await, node.result().await];
    let results = results.map(|result| (result.cursor.0, result.told, result.attempts));
    assert_eq!(
        results,
        [(1001, Told::Delivered, 2), (1002, Told::Delivered, 1)]
    );
    let ids: Vec<String> = application
        .requests()
        .iter()
        .map(|seen| seen.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids, ["msg_1_1", "msg_1_1", "msg_1_2"]);
}

#[tokio::test]
async fn a_slow_customer_does_not_delay_another() {
    let slow = Application::start(|_| Reply::Silence).await;
    let quick = Application::start(|_| Reply::Status(200)).await;
    let limits = Limits {
        running_per_lane: 2,
        running: 4,
        ..Limits::default()
    };
    let mut node = Setup {
        limits,
        ..Setup::default()
    }
    .start();
    let slow = target(&slow.url());
    let mut quick = target(&quick.url());
    quick.domain = "other.example".into();
    for call in 1..=50 {
        node.tell(&slow, call, 1);
    }
    for call in 101..=150 {
        node.tell(&quick, call, 1);
    }
    for _ in 0..50 {
        let result = node.result().await;
        assert!(result.call.0 > 100);
        assert_eq!(result.told, Told::Delivered);
    }
    assert_eq!(
        node.callbacks.load(),
        (50, 2),
        "the slow one fills its own lane only"
    );
}

#[tokio::test]
async fn a_dead_application_is_tried_again_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut node = Node::start();
    node.tell(&target(&url), 1, 1);
    let result = node.result().await;
    assert_eq!((parked(result.told), result.status), (Some(false), None));
    assert!(
        matches!(result.error, Some(TryError::Connect(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn after_gone_the_tells_of_the_service_fail_without_a_request() {
    let mut application = Application::start(|_| Reply::Status(410)).await;
    let mut node = Node::start();
    let target = target(&application.url());
    for sequence in 1..=3 {
        node.tell(&target, 1, sequence);
    }
    for expected in [Some(410), None, None] {
        let result = node.result().await;
        assert_eq!((result.told, result.status), (Told::Failed, expected));
        assert_eq!(result.error, Some(TryError::SwitchedOff));
    }
    assert_eq!(application.requests().len(), 1);
    assert_eq!(node.watch.switched_off.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_status_alone_delivers_a_tell_whatever_body_follows() {
    let application = Application::start(|_| Reply::Endless).await;
    let mut node = Node::start();
    node.tell(&target(&application.url()), 1, 1);
    let result = node.result().await;
    assert_eq!((result.told, result.status), (Told::Delivered, Some(200)));
}

#[tokio::test]
async fn what_found_no_room_comes_with_a_refill() {
    let application = Application::start(|_| Reply::Status(200)).await;
    let limits = Limits {
        kept_per_lane: 1,
        ..Limits::default()
    };
    let mut node = Setup {
        limits,
        ..Setup::default()
    }
    .start();
    let target = target(&application.url());
    let hold = node.callbacks.hold(CallKey(1));
    node.tell(&target, 1, 1);
    let second = event(&target, 2, 1);
    assert_eq!(node.callbacks.tell(second.clone()), Err(Refused));
    drop(hold);
    assert_eq!(node.result().await.call, CallKey(1));

    let page = |tell: Tell, next| Page {
        rows: vec![(tell.cursor.0, tell)],
        next,
        next_due: None,
    };
    let wish = node.callbacks.next_read().await;
    node.callbacks.page(&wish, Some(page(second, Some(2001))));
    assert_eq!(node.result().await.call, CallKey(2));
    let wish = node.callbacks.next_read().await;
    assert_eq!(wish.after, 2001);
    let third = event(&target, 3, 1);
    node.callbacks.page(&wish, Some(page(third, None)));
    assert_eq!(node.result().await.call, CallKey(3));
    node.tell(&target, 4, 1);
    assert_eq!(node.result().await.told, Told::Delivered);
}
