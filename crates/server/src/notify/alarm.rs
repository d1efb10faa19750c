//! What a tenant has to look after: callbacks that are off, callbacks that nobody takes.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hookswitch_api::notice::{AlarmKind, AlarmState, ServiceAlarm};
use hookswitch_store::notifications::{self, Alarm};
use hookswitch_store::{Result, UnixMicros, Write};

use super::ALARMS;
use crate::directory::{self, Published};

/// How long nothing is taken before it is an alarm.
const HOLDS: Duration = Duration::from_secs(60);
/// How often it was tried by then, at least.
const TRIES: u32 = 3;

/// An alarm that seems to begin or to be over.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) domain: Arc<str>,
    service: Arc<str>,
    kind: AlarmKind,
    is_raised: bool,
    reason: String,
}

impl Change {
    /// Whether nobody has told it yet; from now on it counts as told.
    pub(super) fn is_new(&self, db: &Write<'_>) -> Result<bool> {
        let (domain, service, alarm) = (&*self.domain, &*self.service, self.kind.as_str());
        // A node that has not heard of the latest switch must not turn the alarm back.
        if self.kind == AlarmKind::CallbackDisabled
            && directory::is_switched_off(db, domain, service)? != self.is_raised
        {
            return Ok(false);
        }
        match self.is_raised {
            true => notifications::raise(db, domain, service, alarm),
            false => notifications::clear(db, domain, service, alarm),
        }
    }

    /// It as its receiver sees it.
    pub(super) fn shown(&self, published: &Published, wall: UnixMicros) -> ServiceAlarm {
        let callback = published.callback(&self.domain, &self.service);
        ServiceAlarm {
            alarm: self.kind,
            state: match self.is_raised {
                true => AlarmState::Raised,
                false => AlarmState::Cleared,
            },
            timestamp: wall.0 / 1_000,
            cloud_sip_ua_id: self.service.to_string(),
            callback_id: callback.map_or_else(String::new, |it| it.callback_id.to_string()),
            reason: self.reason.clone(),
        }
    }
}

/// Services whose callbacks were switched off, or on again, since that was told.
pub(super) fn switched(
    published: &Published,
    disabled: &BTreeSet<(Arc<str>, Arc<str>)>,
    standing: &[Alarm],
) -> Vec<Change> {
    let kind = AlarmKind::CallbackDisabled;
    let standing: BTreeSet<(Arc<str>, Arc<str>)> = standing
        .iter()
        .filter(|alarm| alarm.alarm == kind.as_str())
        .map(|alarm| (Arc::from(&*alarm.domain), Arc::from(&*alarm.service)))
        .collect();
    let change = |(domain, service): &(Arc<str>, Arc<str>), is_raised| Change {
        domain: Arc::clone(domain),
        service: Arc::clone(service),
        kind,
        is_raised,
        reason: match is_raised {
            true => {
                "the application answered 410 Gone, so no callbacks are sent and calls are refused"
                    .to_owned()
            }
            false => over(published, domain, service, "callbacks are sent again"),
        },
    };
    let off = disabled.difference(&standing).map(|it| change(it, true));
    let on = standing.difference(disabled).map(|it| change(it, false));
    off.chain(on).collect()
}

/// Why an alarm of a service is over.
fn over(published: &Published, domain: &str, service: &str, why: &str) -> String {
    match published.callback(domain, service) {
        Some(_) => why.to_owned(),
        None => "the service was deleted".to_owned(),
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

impl Streak {
    const fn beginning(since: Instant) -> Self {
        Self {
            since,
            tries: 0,
            why: String::new(),
            is_raised: false,
            is_over: false,
        }
    }
}

impl Failing {
    /// A callback was tried in vain.
    pub fn failed(&self, domain: &Arc<str>, service: &Arc<str>, why: &dyn ToString, now: Instant) {
        let mut streaks = self.streaks();
        let key = (Arc::clone(domain), Arc::clone(service));
        let streak = streaks.entry(key).or_insert_with(|| Streak::beginning(now));
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

    /// These alarms were told by a former run: the first callback that is taken ends them.
    pub(super) fn stand(&self, standing: &[Alarm], now: Instant) {
        let mut streaks = self.streaks();
        let failing = standing
            .iter()
            .filter(|alarm| alarm.alarm == AlarmKind::CallbackFailing.as_str());
        for alarm in failing {
            let key = (Arc::from(&*alarm.domain), Arc::from(&*alarm.service));
            let streak = streaks.entry(key).or_insert_with(|| Streak::beginning(now));
            streak.is_raised = true;
        }
        self.any.store(!streaks.is_empty(), Ordering::Relaxed);
    }

    /// What seems to begin or to be over; it comes again until it is settled.
    pub(super) fn look(&self, published: &Published, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut streaks = self.streaks();
        streaks.retain(|(domain, service), streak| {
            let is_gone = published.callback(domain, service).is_none();
            if published.callback(domain, ALARMS).is_none() {
                // Should somebody want alarms one day, this one is told if it stands by then.
                streak.is_raised = false;
                return !is_gone && !streak.is_over;
            }
            let mut change = |is_raised, reason| {
                changes.push(Change {
                    domain: Arc::clone(domain),
                    service: Arc::clone(service),
                    kind: AlarmKind::CallbackFailing,
                    is_raised,
                    reason,
                });
            };
            let lasted = now.saturating_duration_since(streak.since);
            if streak.is_raised && (streak.is_over || is_gone) {
                let why = over(published, domain, service, "callbacks are taken again");
                change(false, why);
            } else if !streak.is_raised && !is_gone && lasted >= HOLDS && streak.tries >= TRIES {
                let (seconds, tries, why) = (lasted.as_secs(), streak.tries, &streak.why);
                let why = format!(
                    "no callback was taken for {seconds} s, in {tries} tries; the last: {why}"
                );
                change(true, why);
            }
            streak.is_raised || !is_gone
        });
        self.any.store(!streaks.is_empty(), Ordering::Relaxed);
        changes
    }

    /// These were told.
    pub(super) fn settle(&self, changes: &[Change]) {
        let mut streaks = self.streaks();
        let ours = changes
            .iter()
            .filter(|change| change.kind == AlarmKind::CallbackFailing);
        for change in ours {
            let key = (Arc::clone(&change.domain), Arc::clone(&change.service));
            if !change.is_raised {
                streaks.remove(&key);
            } else if let Some(streak) = streaks.get_mut(&key) {
                streak.is_raised = true;
            }
        }
        self.any.store(!streaks.is_empty(), Ordering::Relaxed);
    }

    fn streaks(&self) -> MutexGuard<'_, Streaks> {
        self.streaks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
