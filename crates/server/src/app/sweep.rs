//! What is old leaves the database, a little at a time.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use hookswitch_api::settings::{Retention, Settings};
use hookswitch_store::retention::{self, Kind};
use hookswitch_store::{Result, Store, UnixMicros, domains, events, idempotency};

use crate::clock::Steadiness;
use crate::database;

/// Rows removed in one write, so that nobody waits long behind it.
const PORTION: u32 = 200;
/// How often old rows are looked for.
const EVERY: Duration = Duration::from_secs(60);
/// How long replies are remembered under their `Idempotency-Key`.
const REPLIES_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Days that counts by the hour are kept; those by the day stay.
const HOURS_KEPT: u32 = 400;

/// What the writer has for others between two portions.
const BREATH: Duration = Duration::from_millis(10);
/// An event is given up a day after it happened; whoever has it in memory says so first.
const GIVEN_UP: Duration = Duration::from_secs(24 * 3_600 + 600);

fn kept_for(kind: Kind, retention: Retention) -> Duration {
    let days = match kind {
        Kind::Calls => retention.calls(),
        Kind::Events => retention.events(),
        Kind::Ladder => retention.ladder(),
        Kind::Statistics => HOURS_KEPT,
    };
    Duration::from_secs(u64::from(days) * 24 * 3_600)
}

/// Sweeps until the runtime stops.
pub(super) async fn run(store: Store) {
    let mut steadiness = Steadiness::default();
    steadiness.look(Instant::now(), SystemTime::now());
    loop {
        tokio::time::sleep(EVERY).await;
        if !steadiness.look(Instant::now(), SystemTime::now()) {
            continue;
        }
        let store = store.clone();
        match tokio::task::spawn_blocking(move || sweep(&store, UnixMicros::now())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => database::tells(&error, "old rows could not be removed"),
            Err(_) => return,
        }
    }
}

/// Removes everything that is too old at `now`; blocks.
fn sweep(store: &Store, now: UnixMicros) -> Result<()> {
    for kind in Kind::ALL {
        for domain in store.read(|db| retention::domains(db, kind))? {
            let found = store.read(|db| domains::find(db, &domain))?;
            // Settings that cannot be read, or of a domain that is gone, keep what they kept by default.
            let settings: Settings = found
                .and_then(|found| serde_json::from_str(&found.settings).ok())
                .unwrap_or_default();
            let before = now.before(kept_for(kind, settings.retention));
            let portion = || {
                let domain = domain.clone();
                store.write(move |db| retention::sweep(db, kind, &domain, before, PORTION))
            };
            while portion()? > 0 {
                thread::sleep(BREATH);
            }
        }
    }
    let before = now.before(REPLIES_KEPT);
    while store.write(move |db| idempotency::sweep(db, before, PORTION))? > 0 {
        thread::sleep(BREATH);
    }
    give_up(store, now.before(GIVEN_UP))
}

/// Gives up what nobody took for a day, as happens when an application is down for longer.
fn give_up(store: &Store, before: UnixMicros) -> Result<()> {
    let backlog = store.read(events::backlog)?.into_iter();
    for waiting in backlog.filter(|waiting| waiting.oldest < before) {
        let portion = || {
            let (domain, service) = (waiting.domain.clone(), waiting.service.clone());
            store.write(move |db| events::give_up(db, &domain, &service, before, PORTION))
        };
        while portion()? > 0 {
            thread::sleep(BREATH);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hookswitch_store::seal::Place;
    use hookswitch_store::{Batch, CallKey, LadderRow, MasterKey, calls, ladder};

    use super::*;

    const DAY: u64 = 24 * 3_600 * 1_000_000;

    #[test]
    fn each_domain_keeps_its_calls_and_ladders_as_long_as_its_settings_say() {
        let (_home, store) = crate::database::home::store();
        let place = Place {
            domain: "",
            kind: "test",
            field: "secret",
        };
        let secret = MasterKey::ephemeral().seal(place, b"whsec");
        let settings = r#"{"retention":{"calls":30,"ladder":2}}"#;
        for (name, settings) in [("long.test", settings), ("plain.test", "{}")] {
            let secret = secret.clone();
            store
                .write(move |db| domains::add(db, name, settings, &secret, UnixMicros(1)))
                .unwrap();
        }
        let now = 100 * DAY;
        let mut batch = Batch::default();
        for (id, domain, age) in [
            (1, "long.test", 3),
            (2, "long.test", 29),
            (3, "long.test", 31),
            (4, "plain.test", 6),
            (5, "plain.test", 8),
            (6, "plain.test", 15),
        ] {
            let at = UnixMicros(now - age * DAY);
            batch.calls.push(hookswitch_store::CallRow {
                id: CallKey(id),
                domain: domain.into(),
                started_at: at,
                ended_at: Some(at),
                ..Default::default()
            });
            batch.ladder.push(LadderRow {
                call: CallKey(id),
                domain: None,
                at,
                rows: vec![1],
            });
        }
        store.writer().submit(batch, |_| ()).unwrap();
        store.writer().flush().unwrap();
        sweep(&store, UnixMicros(now)).unwrap();
        let kept = |id, domain| {
            let id = CallKey(id);
            let call = store.read(|db| calls::find(db, domain, id)).unwrap();
            let lines = store.read(|db| ladder::of_call(db, id)).unwrap();
            (call.is_some(), !lines.is_empty())
        };
        assert_eq!(kept(1, "long.test"), (true, false));
        assert_eq!(kept(2, "long.test"), (true, false));
        assert_eq!(kept(3, "long.test"), (false, false));
        assert_eq!(kept(4, "plain.test"), (true, true));
        assert_eq!(kept(5, "plain.test"), (false, true));
        assert_eq!(kept(6, "plain.test"), (false, false));
    }
}
