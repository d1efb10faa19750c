use hookswitch_store::{Batch, CallKey, LadderRow, UnixMicros};

use super::*;
use crate::shard::{Line, LineKind};

const LOGS: &str = "/provisioning/logs/acme.example.com/sip";
/// In milliseconds since 1970.
const START: u64 = 1_700_000_000_000;

fn options(millis: u64, user: &str) -> Line {
    Line {
        at: millis * 1_000,
        kind: LineKind::Sip,
        received: true,
        peer: "198.51.100.7:5060".to_owned(),
        transport: Some("udp".to_owned()),
        local: Some("192.0.2.1:5060".parse().unwrap()),
        retransmission: false,
        text: format!(
            "OPTIONS sip:{user}@{ACME} SIP/2.0\r\nCall-ID: probe-{user}\r\nCSeq: 1 OPTIONS\r\n\r\n"
        ),
        status: None,
        took: None,
    }
}

/// Writes rows of lines for a domain; each is what a shard gathers in a second.
async fn log(world: &World, domain: &str, rows: &[&[Line]]) {
    let ladder = rows.iter().map(|lines| LadderRow {
        call: CallKey(0),
        domain: Some(domain.into()),
        at: UnixMicros(lines[0].at),
        rows: calls::encoded(lines),
    });
    let batch = Batch {
        ladder: ladder.collect(),
        ..Batch::default()
    };
    calls::store(world, batch).await;
}

/// A world whose log has five requests for the users 1 to 5, a second apart.
async fn logged() -> World {
    let world = World::new();
    let lines: Vec<Line> = (1..=5)
        .map(|n| options(START + n * 1_000, &n.to_string()))
        .collect();
    log(&world, ACME, &[&lines[..2], &lines[2..3], &lines[3..]]).await;
    world
}

/// The users of the requests in a reply, in their order.
fn users(reply: &Value) -> Vec<String> {
    let items = reply["logItems"].as_array().unwrap().iter();
    let user = |uri: &str| uri["sip:".len()..].split('@').next().unwrap().to_owned();
    items
        .map(|item| user(item["requestUri"].as_str().unwrap()))
        .collect()
}

async fn found(world: &World, question: Value) -> Vec<String> {
    users(&world.post(LOGS, question).await.ok())
}

#[tokio::test]
async fn a_message_is_shown_with_both_sides_its_fields_and_its_body() {
    let world = logged().await;
    let reply = world.post(LOGS, serde_json::json!({"limit": 1})).await.ok();
    let expected = serde_json::json!([{
        "timeStamp": START + 5_000, "type": "request", "method": "OPTIONS",
        "requestUri": "sip:5@acme.example.com", "statusCode": "", "reason": "", "transport": "udp",
        "srcIp": "198.51.100.7", "srcPort": 5060, "dstIp": "192.0.2.1", "dstPort": 5060,
        "sipHeaders": {"Call-ID": "probe-5", "CSeq": "1 OPTIONS"}, "body": "", "direction": "in",
    }]);
    assert_eq!(reply["logItems"], expected);
    assert_eq!(reply["complete"], false, "the limit was reached first");
}

#[tokio::test]
async fn messages_are_found_by_words_expressions_and_time_in_order_of_time() {
    let world = logged().await;
    let all = ["1", "2", "3", "4", "5"];
    for question in [
        serde_json::json!({}),
        serde_json::json!({"filterPattern": "options sip/2.0"}),
        serde_json::json!({"filterPattern": "/^OPTIONS sip:\\d@/"}),
        serde_json::json!({"startTime": START, "endTime": START / 1_000 + 5}),
    ] {
        assert_eq!(found(&world, question.clone()).await, all, "{question}");
    }
    let by_call_id = serde_json::json!({"filterPattern": "\"Call-ID: PROBE-3\""});
    assert_eq!(found(&world, by_call_id).await, ["3"]);
    let by_time = serde_json::json!({"startTime": START + 2_000, "endTime": START + 4_000});
    assert_eq!(found(&world, by_time).await, ["2", "3", "4"]);
    let nothing = serde_json::json!({"filterPattern": "INVITE"});
    assert_eq!(found(&world, nothing).await, [""; 0]);
}

#[tokio::test]
async fn pages_go_back_in_time_without_gap_or_repetition() {
    let world = logged().await;
    let mut question = serde_json::json!({"limit": 2});
    let mut pages = Vec::new();
    loop {
        let reply = world.post(LOGS, question.clone()).await.ok();
        pages.push(users(&reply));
        match reply.get("nextToken") {
            Some(token) => question["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(pages.concat(), ["4", "5", "2", "3", "1"]);
}

#[tokio::test]
async fn the_log_of_another_domain_is_not_shown() {
    let world = logged().await;
    let other = world.add_domain("other.example.com");
    log(&world, "other.example.com", &[&[options(START, "9")]]).await;
    assert!(
        !found(&world, serde_json::json!({}))
            .await
            .contains(&"9".to_owned())
    );
    let refused = world.get_as(&other, LOGS).await;
    assert_eq!(refused.status, 405, "the path knows POST only");
    let mut request = world
        .request(Method::POST, LOGS)
        .body(Body::from("{}"))
        .unwrap();
    let value = format!("Bearer {other}").parse().unwrap();
    request.headers_mut().insert("authorization", value);
    assert_eq!(world.send(request).await.refusal().0, 403);
}

#[tokio::test]
async fn what_is_wrong_with_a_search_is_named() {
    let world = World::new();
    let pointers = async |question: Value| world.post(LOGS, question).await.pointers();
    let wrong = serde_json::json!({"limit": 1001, "startTime": 2, "endTime": 1});
    assert_eq!(pointers(wrong).await, ["/limit", "/startTime"]);
    for pattern in ["/(?=a)/", "\"a", "/[/", &"x".repeat(70_000)] {
        let wrong = serde_json::json!({"filterPattern": pattern});
        assert_eq!(pointers(wrong).await, ["/filterPattern"]);
    }
    for token in ["x", "MS0y", "MS0yLXg"] {
        let wrong = serde_json::json!({"nextToken": token});
        assert_eq!(pointers(wrong).await, ["/nextToken"]);
    }
}
