use hookswitch_call::outcome::{EndedBy, Outcome};
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
