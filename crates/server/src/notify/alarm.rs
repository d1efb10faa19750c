//! What a tenant has to look after: callbacks that are off, callbacks that nobody takes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hookswitch_api::notice::{AlarmKind, AlarmState, ServiceAlarm};
use hookswitch_store::UnixMicros;

use crate::directory::Published;

/// How long nothing is taken before it is an alarm.
const HOLDS: Duration = Duration::from_secs(60);
/// How often it was tried by then, at least.
const TRIES: u32 = 3;

/// The alarm that a service's callbacks were switched off, or on again.
pub(super) fn switched(
    published: &Published,
    domain: &str,
    service: &str,
    is_off: bool,
    wall: UnixMicros,
) -> ServiceAlarm {
    let reason = match is_off {
        true => "the application answered 410 Gone, so no callbacks are sent and calls are refused",
        false => "callbacks are sent again",
    };
    let kind = AlarmKind::CallbackDisabled;
    alarm(
        published,
        domain,
        service,
        kind,
        is_off,
        wall,
        reason.to_owned(),
    )
}

fn alarm(
    published: &Published,
    domain: &str,
    service: &str,
    alarm: AlarmKind,
    is_raised: bool,
    wall: UnixMicros,
    reason: String,
) -> ServiceAlarm {
    let callback = published.callback(domain, service);
    ServiceAlarm {
        alarm,
        state: match is_raised {
            true => AlarmState::Raised,
            false => AlarmState::Cleared,
        },
        timestamp: wall.0 / 1_000,
        cloud_sip_ua_id: service.to_owned(),
        callback_id: callback.map_or_else(String::new, |it| it.callback_id.to_string()),
        reason,
    }
}

/// Failures in a row, by domain and service.
type Streaks = HashMap<(Arc<str>, Arc<str>), Streak>;

/// Which services' callbacks nobody takes at the moment. There is an entry for each service in trouble, no others.
#[derive(Debug, Default)]
pub struct Failing {
    any: AtomicBool,
    streaks: Mutex<Streaks>,
}

/// Failures of a service in a row.
#[derive(Debug)]
struct Streak {
    since: Instant,
    tries: u32,
    /// Why the last one failed.
    why: String,
    is_raised: bool,
    is_over: bool,
}

impl Failing {
    /// A callback was tried in vain.
    pub fn failed(&self, domain: &Arc<str>, service: &Arc<str>, why: &dyn ToString, now: Instant) {
        let mut streaks = self.streaks();
        let key = (Arc::clone(domain), Arc::clone(service));
        let streak = streaks.entry(key).or_insert_with(|| Streak {
            since: now,
            tries: 0,
            why: String::new(),
            is_raised: false,
            is_over: false,
        });
        streak.tries = streak.tries.saturating_add(1);
        streak.why = why.to_string();
        streak.is_over = false;
        self.any.store(true, Ordering::Relaxed);
    }

    /// A callback was taken.
    pub fn taken(&self, domain: &Arc<str>, service: &Arc<str>) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let mut streaks = self.streaks();
        let key = (Arc::clone(domain), Arc::clone(service));
        match streaks.get_mut(&key) {
            Some(streak) if streak.is_raised => streak.is_over = true,
            Some(_) => {
                streaks.remove(&key);
            }
            None => {}
        }
        self.any.store(!streaks.is_empty(), Ordering::Relaxed);
    }

    /// What began or ended to be an alarm since the last look. Services that are gone are forgotten.
    pub(super) fn look(
        &self,
        published: &Published,
        now: Instant,
        wall: UnixMicros,
    ) -> Vec<(Arc<str>, ServiceAlarm)> {
        let mut alarms = Vec::new();
        let mut streaks = self.streaks();
        let kind = AlarmKind::CallbackFailing;
        streaks.retain(|(domain, service), streak| {
            if published.callback(domain, service).is_none() {
                return false;
            }
            let mut tell = |is_raised, reason| {
                let alarm = alarm(published, domain, service, kind, is_raised, wall, reason);
                alarms.push((Arc::clone(domain), alarm));
            };
            if streak.is_over {
                tell(false, "callbacks are taken again".to_owned());
                return false;
            }
            let lasted = now.saturating_duration_since(streak.since);
            if !streak.is_raised && lasted >= HOLDS && streak.tries >= TRIES {
                streak.is_raised = true;
                let (tries, seconds) = (streak.tries, lasted.as_secs());
                let why = &streak.why;
                tell(
                    true,
                    format!(
                        "no callback was taken for {seconds} s, in {tries} tries; the last: {why}"
                    ),
                );
            }
            true
        });
        self.any.store(!streaks.is_empty(), Ordering::Relaxed);
        alarms
    }

    fn streaks(&self) -> MutexGuard<'_, Streaks> {
        self.streaks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
