use hookswitch_api::call::CallClass;
use hookswitch_call::outcome::{Class, EndedBy, Outcome};
use hookswitch_call::record::{CallRecord, CallState, Direction, Identity, Times};
use hookswitch_call::route::TraceStep;
use hookswitch_store::{Batch, CallKey, CallRow, EventRow, LadderRow, UnixMicros};

use super::*;
use crate::shard::{Line, LineKind};

const LIST: &str = "/v1/acme.example.com/calls";
const START: u64 = 1_700_000_000_000_000;

fn record(call: CallId, state: CallState) -> CallRecord {
    CallRecord {
        identity: Arc::new(Identity {
            call,
            domain: ACME.into(),
            service: Some("service-1".into()),
            direction: Direction::Inbound,
            sip_call_id: format!("sip-{call}").into(),
            source_user: "+4670".into(),
            destination_user: "1001".into(),
            destination_uri: "sip:1001@acme.example.com".into(),
            target: None,
        }),
        state,
        session_reference_id: Some("order-7".into()),
        times: Times {
            offered: START,
            answered: Some(START + 2_000_000),
            ..Times::default()
        },
        local: None,
        remote: None,
        trace: Arc::new([TraceStep::new(
            "tenant",
            "matched",
            "the Request-URI names the domain",
        )]),
        outcome: (state == CallState::Ended)
            .then(|| Arc::new(Outcome::failed(EndedBy::Remote, 486, "Busy Here"))),
    }
}

fn row(record: &CallRecord, started_at: u64) -> CallRow {
    CallRow {
        id: CallKey(record.identity.call.as_u128()),
        domain: record.identity.domain.clone(),
        direction: "inbound".into(),
        source_user: record.identity.source_user.to_string(),
        destination_user: record.identity.destination_user.to_string(),
        sip_call_id: record.identity.sip_call_id.to_string(),
        started_at: UnixMicros(started_at),
        state: record.state.as_str().into(),
        session_reference_id: record.session_reference_id.as_deref().map(str::to_owned),
        answered_at: None,
        ended_at: (record.state == CallState::Ended).then_some(UnixMicros(started_at + 9)),
        class: None,
        record: serde_json::to_string(record).unwrap(),
    }
}

pub(super) async fn store(world: &World, batch: Batch) {
    let (told, done) = tokio::sync::oneshot::channel();
    world
        .rest
        .store
        .writer()
        .submit(batch, move |result| told.send(result).unwrap())
        .unwrap();
    done.await.unwrap().unwrap();
}

async fn with_calls(count: u128) -> World {
    let world = World::new();
    let rows = (0..count).map(|n| {
        let state = if n == 0 {
            CallState::Ended
        } else {
            CallState::Confirmed
        };
        let call = CallId::from_u128(CALL.as_u128() + (n << 80));
        row(
            &record(call, state),
            START + u64::try_from(n).unwrap() * 1_000_000,
        )
    });
    store(
        &world,
        Batch {
            calls: rows.collect(),
            ..Batch::default()
        },
    )
    .await;
    world
}

fn line(at: u64, received: bool, text: &str) -> Line {
    Line {
        at,
        kind: LineKind::Sip,
        received,
        peer: "198.51.100.7:5060".to_owned(),
        transport: Some("udp".to_owned()),
        local: Some("192.0.2.1:5060".parse().unwrap()),
        retransmission: false,
        text: text.to_owned(),
        status: None,
        took: None,
    }
}

/// Lines as the shards store them.
pub(super) fn encoded(lines: &[Line]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| {
            let line = postcard::to_stdvec(line).unwrap();
            let length = u32::try_from(line.len()).unwrap();
            length
                .to_le_bytes()
                .into_iter()
                .chain(line)
                .collect::<Vec<u8>>()
        })
        .collect()
}

#[tokio::test]
async fn each_filter_of_the_list_leaves_the_calls_it_names() {
    let world = World::new();
    let mut rows = Vec::new();
    for (n, direction, user, class) in [
        (0, Direction::Inbound, "+4670", Some("busy")),
        (1, Direction::Inbound, "+4671", Some("normal")),
        (2, Direction::Outbound, "+4672", Some("no_answer")),
        (3, Direction::Outbound, "+4670", None),
    ] {
        let state = class.map_or(CallState::Confirmed, |_| CallState::Ended);
        let mut record = record(CallId::from_u128(CALL.as_u128() + (n << 80)), state);
        let identity = Arc::make_mut(&mut record.identity);
        identity.direction = direction;
        identity.source_user = user.into();
        rows.push(CallRow {
            direction: direction.as_str().into(),
            class: class.map(Into::into),
            ..row(&record, START + u64::try_from(n).unwrap())
        });
    }
    let calls = rows.clone();
    store(
        &world,
        Batch {
            calls,
            ..Batch::default()
        },
    )
    .await;
    for (query, expected) in [
        ("direction=inbound", &[1, 0][..]),
        ("direction=outbound", &[3, 2]),
        ("class=busy", &[0]),
        ("class=normal", &[1]),
        ("class=no_answer&direction=outbound", &[2]),
        ("class=internal", &[]),
        ("state=confirmed", &[3]),
        ("sourceUser=%2B4670", &[3, 0]),
        ("destinationUser=1001&sourceUser=%2B4671", &[1]),
        ("state=ended&direction=outbound", &[2]),
    ] {
        let found = world.get(&format!("{LIST}?{query}")).await.ok();
        let found = found["calls"].as_array().unwrap().iter();
        let ids: Vec<_> = found.map(|call| call["id"].as_str().unwrap()).collect();
        let expected: Vec<String> = expected
            .iter()
            .map(|place: &usize| CallId::from_u128(rows[*place].id.0).to_string())
            .collect();
        assert_eq!(ids, expected, "{query}");
    }
    for (query, pointer) in [
        ("direction=up", "/direction"),
        ("class=unlucky", "/class"),
        ("status=486", "/status"),
        ("Direction=inbound", "/Direction"),
    ] {
        let refused = world.get(&format!("{LIST}?{query}")).await;
        assert_eq!(refused.pointers(), [pointer], "{query}");
    }
}

#[test]
fn the_classes_are_those_that_calls_end_in() {
    let ours = Class::ALL.map(Class::as_str);
    assert_eq!(CallClass::ALL.map(CallClass::as_str), ours);
    for class in CallClass::ALL {
        assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
    }
}

/// The originals' clients may send what we never heard of; on our own paths a filter that is ignored would answer
/// another question.
#[tokio::test]
async fn a_parameter_that_nobody_knows_is_refused_below_v1_and_ignored_elsewhere() {
    let world = World::new();
    let mut lists = 0;
    for (method, path, operation) in super::scopes::operations() {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        let names: Vec<&str> = in_query
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        if method != Method::GET || names.is_empty() || !path.contains("{domain}") {
            continue;
        }
        let is_ours = path.starts_with("/v1/");
        let path = path
            .replace("{domain}", ACME)
            .replace("{id}", CALL.text().as_str());
        let answer = world.get(&format!("{path}?colour=red")).await;
        if is_ours {
            assert_eq!(answer.pointers(), ["/colour"], "{path}");
            let reason = answer.json()["reason"].as_str().unwrap().to_owned();
            assert!(names.iter().all(|name| reason.contains(name)), "{reason}");
            lists += 1;
        } else {
            assert!(!answer.text.contains("colour"), "{path}: {}", answer.text);
        }
    }
    assert!(lists >= 4, "calls, ladder, deliveries, events");
}

#[tokio::test]
async fn calls_are_listed_latest_first_filtered_and_paged() {
    let world = with_calls(5).await;
    let all = world.get(LIST).await.ok();
    let calls = all["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 5);
    assert_eq!(calls[4]["state"], "ended");
    assert_eq!(calls[4]["outcome"]["class"], "busy");
    assert_eq!(calls[4]["sessionReferenceId"], "order-7");
    let first = world.get(&format!("{LIST}?limit=3")).await.ok();
    let token = first["nextToken"].as_str().unwrap();
    let second = world
        .get(&format!("{LIST}?limit=3&nextToken={token}"))
        .await
        .ok();
    assert_eq!(second["calls"].as_array().unwrap(), &calls[3..]);
    assert!(second.get("nextToken").is_none());
    let count = async |query: &str| {
        let body = world.get(&format!("{LIST}?{query}")).await.ok();
        body["calls"].as_array().unwrap().len()
    };
    assert_eq!(count("state=ended").await, 1);
    assert_eq!(count("number=1001").await, 5);
    assert_eq!(count("number=9").await, 0);
    assert_eq!(count("sessionReferenceId=order-7").await, 5);
    assert_eq!(count(&format!("callId=sip-{CALL}")).await, 1);
    assert_eq!(
        count(&format!("startedAfter={}", START / 1_000 + 3_000)).await,
        2
    );
    assert_eq!(
        count(&format!("startedBefore={}", START / 1_000 + 1_000)).await,
        1
    );
    assert_eq!(world.get(&format!("{LIST}?state=asleep")).await.status, 400);
    assert_eq!(
        world.get(&format!("{LIST}?nextToken=eA")).await.pointers(),
        ["/nextToken"]
    );
}

#[tokio::test]
async fn a_call_is_shown_with_its_decisions_and_callbacks() {
    let world = with_calls(2).await;
    let event = EventRow {
        webhook_id: "w-1".to_owned(),
        call: CallKey(CALL.as_u128()),
        domain: ACME.into(),
        service: "service-1".to_owned(),
        callback_id: "cb".to_owned(),
        name: "newRemoteCall".into(),
        sequence: 1,
        terminal: false,
        target: None,
        created_at: UnixMicros(START),
        body: "{}".to_owned(),
        sealed: None,
    };
    store(
        &world,
        Batch {
            events: vec![event],
            ..Batch::default()
        },
    )
    .await;
    let call = world.get(&format!("{LIST}/{CALL}")).await.ok()["call"].clone();
    assert_eq!(call["id"], CALL.to_string());
    assert_eq!(call["startedAt"], START / 1_000);
    assert_eq!(call["trace"][0]["rule"], "tenant");
    assert_eq!(call["events"][0]["name"], "newRemoteCall");
    assert_eq!(call["events"][0]["state"], "pending");
    assert!(
        call.get("replyId").is_none(),
        "an ended call takes no commands"
    );
    let live = CallId::from_u128(CALL.as_u128() + (1 << 80));
    let call = world.get(&format!("{LIST}/{live}")).await.ok()["call"].clone();
    let named = world
        .rest
        .reply_ids
        .verify(call["replyId"].as_str().unwrap(), ACME)
        .unwrap();
    assert_eq!(named.call, live);
}

#[tokio::test]
async fn a_ladder_is_whole_in_order_and_readable_for_people() {
    let world = with_calls(1).await;
    let stored = [
        line(START, true, "INVITE sip:1001@acme.example.com SIP/2.0\r\n"),
        line(START + 1_000, false, "SIP/2.0 100 Trying\r\n"),
    ];
    let batch = LadderRow {
        call: CallKey(CALL.as_u128()),
        domain: None,
        at: UnixMicros(START),
        rows: encoded(&stored),
    };
    store(
        &world,
        Batch {
            ladder: vec![batch],
            ..Batch::default()
        },
    )
    .await;
    let ringing = line(START + 5_000, false, "SIP/2.0 180 Ringing\r\n");
    *world.calls.recent.lock().unwrap() = vec![stored[1].entry(), ringing.entry()];
    let path = format!("{LIST}/{CALL}/ladder");
    let ladder = world.get(&path).await.ok();
    let lines = ladder["ladder"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = lines
        .iter()
        .map(|line| (&line["offset"], &line["summary"]))
        .collect();
    let expected = [
        (
            Value::from(0),
            Value::from("INVITE sip:1001@acme.example.com"),
        ),
        (Value::from(1_000), Value::from("100 Trying")),
        (Value::from(5_000), Value::from("180 Ringing")),
    ];
    assert_eq!(
        told,
        expected
            .iter()
            .map(|(at, what)| (at, what))
            .collect::<Vec<_>>()
    );
    let text = world.get(&format!("{path}?format=text")).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert!(text.text.contains("180 Ringing"), "{}", text.text);
    let accepted = world
        .request(Method::GET, &path)
        .header("accept", "text/plain");
    let accepted = world.send(accepted.body(Body::empty()).unwrap()).await;
    assert_eq!(accepted.text, text.text);
}

#[tokio::test]
async fn a_call_of_another_domain_is_like_one_that_never_was() {
    let world = with_calls(1).await;
    let other = world.add_domain("other.example.com");
    for place in ["", "/ladder"] {
        let path = format!("/v1/other.example.com/calls/{CALL}{place}");
        let refused = world.get_as(&other, &path).await;
        assert_eq!(refused.refusal(), (404, "call_not_found".to_owned()));
        let nonsense = world.get(&format!("{LIST}/nonsense{place}")).await;
        assert_eq!(nonsense.refusal(), (404, "call_not_found".to_owned()));
    }
}
