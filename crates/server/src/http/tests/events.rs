use hookswitch_store::{Batch, CallKey, EventRow, UnixMicros};
use serde_json::json;
use tokio::time::Duration;

use super::deliveries::store;
use super::*;

const LIST: &str = "/v1/acme.example.com/events";

async fn happened(world: &World, domain: &str, calls: std::ops::Range<u128>) {
    happened_at(world, domain, calls, UnixMicros::now()).await;
}

async fn happened_at(
    world: &World,
    domain: &str,
    calls: std::ops::Range<u128>,
    created_at: UnixMicros,
) {
    let events = calls.map(|call| EventRow {
        webhook_id: format!("webhook-{call}"),
        call: CallKey(call),
        domain: domain.into(),
        name: "callHungup".into(),
        sequence: 1,
        terminal: true,
        created_at,
        body: json!({"number": call}).to_string(),
        ..EventRow::default()
    });
    let batch = Batch {
        events: events.collect(),
        ..Batch::default()
    };
    store(world, batch).await;
    world.outbox.bell.send_modify(|rung| *rung += 1);
}

fn numbers(body: &Value) -> Vec<u64> {
    let events = body["events"].as_array().unwrap().iter();
    events
        .map(|event| event["body"]["number"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn every_event_of_a_domain_is_read_page_by_page_in_commit_order() {
    let world = World::new();
    happened(&world, ACME, 1..3).await;
    happened(&world, "other.example.com", 10..12).await;
    happened(&world, ACME, 3..6).await;
    let first = world.get(&format!("{LIST}?limit=3")).await.ok();
    assert_eq!(
        (numbers(&first), &first["more"]),
        (vec![1, 2, 3], &json!(true))
    );
    let next = first["next"].as_str().unwrap();
    let second = world.get(&format!("{LIST}?after={next}")).await.ok();
    assert_eq!(
        (numbers(&second), &second["more"]),
        (vec![4, 5], &json!(false))
    );
    assert_eq!(second["events"][0]["state"], "pending");
    let end = second["next"].as_str().unwrap();
    assert!(end > next, "cursors are ordered as text");
    let empty = world.get(&format!("{LIST}?after={end}")).await.ok();
    assert_eq!(numbers(&empty), Vec::<u64>::new());
    let same_place = empty["next"].as_str().unwrap();
    assert!(same_place >= end && same_place[..16] == end[..16]);
    let newest = world.get(&format!("{LIST}?after=newest")).await.ok();
    assert_eq!(numbers(&newest), Vec::<u64>::new());
    assert_eq!(
        world.get(&format!("{LIST}?after=7")).await.pointers(),
        ["/after"]
    );
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_in_the_query_and_in_the_header() {
    let world = World::new();
    let last = |value: &'static [u8]| {
        let value = axum::http::HeaderValue::from_bytes(value).unwrap();
        let request = world.request(Method::GET, &format!("{LIST}?after=newest"));
        request
            .header("last-event-id", value)
            .body(Body::empty())
            .unwrap()
    };
    for value in [&b"yesterday"[..], b"\xc2\x84", b"null"] {
        assert_eq!(
            world.send(last(value)).await.pointers(),
            ["/after"],
            "{value:?}"
        );
    }
    world.send(last(b"")).await.ok();
    let request = world
        .request(Method::GET, &format!("{LIST}?after=yesterday"))
        .header("last-event-id", "newest");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.pointers(), ["/after"]);
}

#[tokio::test]
async fn a_cursor_from_before_the_time_of_retention_is_refused() {
    let world = World::new();
    let days = |days: u64| UnixMicros::now().before(Duration::from_secs(days * 86_400));
    let path = |at: UnixMicros| format!("{LIST}?after={:016x}{:016x}", 0, at.0);
    world.get(&path(days(6))).await.ok();
    let answer = world.get(&path(days(8))).await;
    assert_eq!(answer.refusal(), (410, "cursor_too_old".to_owned()));
    let settings = json!({"retention": {"events": 30}});
    let path_of_settings = "/v1/acme.example.com/settings";
    world.put(path_of_settings, settings).await.ok();
    world.get(&path(days(8))).await.ok();
    let refused = world
        .put(path_of_settings, json!({"retention": {"events": 366}}))
        .await;
    assert_eq!(refused.pointers(), ["/retention/events"]);
}

/// The domain's only event, from before the time of retention, and its cursor.
async fn long_quiet() -> (World, String) {
    let world = World::new();
    let at = UnixMicros::now().before(Duration::from_secs(8 * 86_400));
    happened_at(&world, ACME, 1..2, at).await;
    let first = world.get(LIST).await.ok();
    let event = first["events"][0]["cursor"].as_str().unwrap().to_owned();
    (world, event)
}

#[tokio::test]
async fn who_has_seen_all_of_a_quiet_domain_is_not_refused_however_old_its_last_event_is() {
    let (world, event) = long_quiet().await;
    let behind = |cursor: &str| format!("{LIST}?after={cursor}");
    let answer = world.get(&behind(&event)).await;
    assert_eq!(answer.refusal(), (410, "cursor_too_old".to_owned()));
    let seen = world.get(LIST).await.ok();
    let next = seen["next"].as_str().unwrap();
    assert!(*next > *event);
    world.get(&behind(next)).await.ok();
    happened(&world, ACME, 2..3).await;
    let later = world.get(&behind(next)).await.ok();
    assert_eq!(numbers(&later), [2]);
}

#[tokio::test]
async fn a_quiet_stream_keeps_its_last_event_id_young() {
    let mut world = long_quiet().await.0;
    let rest = Arc::get_mut(&mut world.rest).unwrap();
    let moment = Duration::from_millis(1);
    rest.streams = Arc::new(Streams::new(Duration::from_secs(9), moment));
    let mut stream = Stream::open(&world, None).await.unwrap();
    stream.next().await;
    stream.events().await;
    let sign = stream.next().await.unwrap();
    let id = sign.strip_prefix("id: ").unwrap().trim_end();
    happened(&world, ACME, 2..3).await;
    let mut again = Stream::open(&world, Some(id)).await.unwrap();
    again.next().await;
    assert_eq!(again.events().await[0].1, 2);
}

#[tokio::test]
async fn a_cursor_of_a_database_that_was_replaced_is_refused() {
    let world = World::new();
    happened(&world, ACME, 1..3).await;
    let at = UnixMicros::now().0;
    let answer = world
        .get(&format!("{LIST}?after={:016x}{at:016x}", 3))
        .await;
    assert_eq!(answer.refusal(), (410, "cursor_unknown".to_owned()));
}

/// An open stream.
struct Stream(Body);

impl Stream {
    async fn open(world: &World, after: Option<&str>) -> Result<Self, Answer> {
        let mut request = world
            .request(Method::GET, LIST)
            .header("accept", "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router(world.rest.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::OK {
            assert_eq!(parts.headers["content-type"], "text/event-stream");
            return Ok(Self(body));
        }
        let text = body.collect().await.unwrap().to_bytes();
        Err(Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(text.to_vec()).unwrap(),
        })
    }

    /// What comes next; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        let frame = self.0.frame().await?.unwrap();
        let bytes = frame.into_data().unwrap();
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// The names and numbers of the events that come next.
    async fn events(&mut self) -> Vec<(String, u64)> {
        let text = self.next().await.unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
        events
            .map(|event| {
                let cursor = event["cursor"].as_str().unwrap().to_owned();
                assert!(text.contains(&format!("id: {cursor}\n")), "{text}");
                (cursor, event["body"]["number"].as_u64().unwrap())
            })
            .collect()
    }
}

#[tokio::test]
async fn a_stream_brings_what_was_and_what_happens_and_goes_on_where_it_broke_off() {
    let world = World::new();
    happened(&world, ACME, 1..3).await;
    let mut stream = Stream::open(&world, None).await.unwrap();
    assert_eq!(stream.next().await.unwrap(), ": hello\n\n");
    let known = stream.events().await;
    assert_eq!([known[0].1, known[1].1], [1, 2]);
    happened(&world, ACME, 3..4).await;
    assert_eq!(stream.events().await[0].1, 3);
    let mut again = Stream::open(&world, Some(&known[0].0)).await.unwrap();
    again.next().await;
    let numbers: Vec<u64> = again.events().await.iter().map(|event| event.1).collect();
    assert_eq!(numbers, [2, 3]);
}

/// A world whose streams lose patience at once.
fn impatient() -> World {
    let mut world = World::new();
    let rest = Arc::get_mut(&mut world.rest).unwrap();
    let moment = Duration::from_millis(1);
    rest.streams = Arc::new(Streams::new(moment, moment));
    world
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives_and_ends_when_the_node_stops() {
    let world = impatient();
    let mut stream = Stream::open(&world, None).await.unwrap();
    stream.next().await;
    assert!(stream.next().await.unwrap().starts_with("id: "));
    world.rest.readiness.draining();
    let mut last = String::new();
    while let Some(text) = stream.next().await {
        last = text;
    }
    assert!(
        last.starts_with("event: closing\ndata: {\"reason\":"),
        "{last}"
    );
}

#[tokio::test]
async fn a_reader_who_does_not_keep_up_is_told_so_and_dropped() {
    let world = impatient();
    happened(&world, ACME, 1..1_000).await;
    let mut stream = Stream::open(&world, None).await.unwrap();
    while world.rest.streams.count() > 0 {
        tokio::task::yield_now().await;
    }
    let mut last = String::new();
    while let Some(text) = stream.next().await {
        last = text;
    }
    assert!(
        last.starts_with("event: dropped\ndata: {\"reason\":"),
        "{last}"
    );
    assert_eq!(world.rest.room.brakes().slow_readers.hits(), 1);
}

#[tokio::test]
async fn the_streams_of_a_domain_are_limited_and_a_closed_one_makes_room() {
    let world = World::new();
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(Stream::open(&world, None).await.unwrap());
    }
    let refused = Stream::open(&world, None).await.err().unwrap();
    assert_eq!(refused.refusal(), (429, "too_many_streams".to_owned()));
    assert_eq!(refused.header("retry-after"), "15");
    assert_eq!(world.rest.room.brakes().event_streams.hits(), 1);
    streams.pop();
    while world.rest.streams.count() == 16 {
        tokio::task::yield_now().await;
    }
    Stream::open(&world, None).await.unwrap();
}
