use hookswitch_store::statistics::{Figures, Tally, Width};
use hookswitch_store::{Batch, UnixMicros};

use super::*;

/// 2026-11-21T14:00Z in seconds since 1970.
const HOUR: u64 = 1_795_269_600;

fn tally(domain: &str, width: Width, class: &'static str, duration: Option<u32>) -> Tally {
    Tally {
        domain: domain.into(),
        subject: "calls".into(),
        width,
        bucket: width.bucket(UnixMicros(HOUR * 1_000_000)),
        class: class.into(),
        figures: Figures::one(duration),
    }
}

async fn counted() -> World {
    let world = World::new();
    let tallies = [Width::Hour, Width::Day].into_iter().flat_map(|width| {
        [
            tally(ACME, width, "normal", Some(7)),
            tally(ACME, width, "busy", None),
            tally("other.example.com", width, "busy", None),
        ]
    });
    let batch = Batch {
        tallies: tallies.collect(),
        ..Batch::default()
    };
    calls::store(&world, batch).await;
    world
}

fn path(kind: &str, size: &str) -> String {
    format!("/provisioning/statistics/{ACME}/{kind}/{size}?from={HOUR}&to={HOUR}999")
}

#[tokio::test]
async fn calls_are_shown_by_hour_day_and_month_with_what_became_of_them() {
    let world = counted().await;
    for (size, name) in [
        ("hour", "2026-11-21T14"),
        ("day", "2026-11-21"),
        ("month", "2026-11"),
    ] {
        let reply = world.get(&path("calls", size)).await.ok();
        let expected = serde_json::json!([{
            "name": name, "num_calls": 2, "answered": 1, "sum_duration": 7, "min_duration": 7, "max_duration": 7,
            "average_duration": 7.0, "classes": {"busy": 1, "normal": 1},
        }]);
        assert_eq!(reply["statistics"], expected, "{size}");
    }
}

#[tokio::test]
async fn recordings_are_none_until_there_are_some() {
    let world = counted().await;
    let reply = world.get(&path("cdr_siprec", "hour")).await.ok();
    assert_eq!(
        reply,
        serde_json::json!({"success": true, "statistics": []})
    );
}

#[tokio::test]
async fn what_is_not_counted_is_not_found_and_an_endless_interval_is_refused() {
    let world = counted().await;
    for (kind, size) in [("faxes", "hour"), ("calls", "year"), ("Calls", "hour")] {
        let refused = world.get(&path(kind, size)).await.refusal();
        assert_eq!(refused, (404, "not_found".to_owned()));
    }
    let long = format!("/provisioning/statistics/{ACME}/calls/hour?from=1");
    assert_eq!(world.get(&long).await.pointers(), ["/from"]);
    let wrong = format!("/provisioning/statistics/{ACME}/calls/hour?from=x");
    assert_eq!(world.get(&wrong).await.pointers(), ["/from"]);
}
