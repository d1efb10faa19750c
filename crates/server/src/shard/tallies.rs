//! Calls that are over, counted by the hour and the class until the next look at the store: what a crash takes are the
//! counts of the last second or two, never a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookswitch_api::statistics::StatisticsType;
use hookswitch_call::engine::Change;
use hookswitch_call::outcome::Class;
use hookswitch_call::record::CallRecord;
use hookswitch_store::UnixMicros;
use hookswitch_store::statistics::{Figures, Tally, Width};

/// Counts that wait for the store; there are a few for each tenant with calls, however many those are.
#[derive(Debug, Default)]
pub struct Tallies {
    hours: BTreeMap<(Arc<str>, UnixMicros, Class), Figures>,
}

impl Tallies {
    /// Counts what these changes end.
    pub(super) fn count(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::Call(record) = change {
                self.count_call(record);
            }
        }
    }

    /// Counts a call, if it is over: a record has an outcome in its last version only.
    pub fn count_call(&mut self, record: &CallRecord) {
        let Some(outcome) = &record.outcome else {
            return;
        };
        // Drills are no calls of the tenant, and only a sample of them is on record.
        if record
            .trace
            .first()
            .is_some_and(|step| step.rule == "drill")
        {
            return;
        }
        let hour = Width::Hour.bucket(UnixMicros(record.times.offered));
        let duration = u32::try_from(outcome.duration).unwrap_or(u32::MAX);
        let lasted = record.times.answered.map(|_| duration);
        let key = (Arc::clone(&record.identity.domain), hour, outcome.class);
        self.hours
            .entry(key)
            .or_default()
            .add(&Figures::one(lasted));
    }

    /// What is to be added to the store, which has it from now on.
    pub fn take(&mut self) -> Vec<Tally> {
        let mut tallies = BTreeMap::new();
        for ((domain, hour, class), figures) in std::mem::take(&mut self.hours) {
            for width in [Width::Hour, Width::Day] {
                let key = (Arc::clone(&domain), width, width.bucket(hour), class);
                let sum: &mut Figures = tallies.entry(key).or_default();
                sum.add(&figures);
            }
        }
        let tallies = tallies.into_iter();
        tallies
            .map(|((domain, width, bucket, class), figures)| Tally {
                domain,
                subject: StatisticsType::Calls.as_str().into(),
                width,
                bucket,
                class: class.as_str().into(),
                figures,
            })
            .collect()
    }

    /// The store did not take them after all.
    pub(super) fn put_back(&mut self, tallies: Vec<Tally>) {
        for tally in tallies
            .into_iter()
            .filter(|tally| tally.width == Width::Hour)
        {
            let class = Class::ALL
                .into_iter()
                .find(|class| class.as_str() == tally.class);
            if let Some(class) = class {
                let sum = self.hours.entry((tally.domain, tally.bucket, class));
                sum.or_default().add(&tally.figures);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hookswitch_call::id::CallId;
    use hookswitch_call::outcome::{EndedBy, Outcome};
    use hookswitch_call::record::{CallState, Direction, Identity, Times};
    use hookswitch_call::route::TraceStep;

    use super::*;

    const HOUR: u64 = 3_600_000_000;

    /// A call that began at that hour of the first day, and what became of it.
    fn record(hour: u64, answered: bool, outcome: Option<Outcome>) -> CallRecord {
        let offered = hour * HOUR + 7;
        CallRecord {
            identity: Arc::new(Identity {
                call: CallId::from_u128(1),
                domain: "a.test".into(),
                service: None,
                direction: Direction::Inbound,
                sip_call_id: "1@a".into(),
                source_user: "1".into(),
                destination_user: "2".into(),
                destination_uri: "sip:2@a.test".into(),
                target: None,
            }),
            state: CallState::Ended,
            session_reference_id: None,
            times: Times {
                offered,
                answered: answered.then_some(offered + 1),
                ..Times::default()
            },
            local: None,
            remote: None,
            trace: Arc::new([]),
            outcome: outcome.map(Arc::new),
        }
    }

    fn hung_up(hour: u64, seconds: u64) -> CallRecord {
        let lasted = std::time::Duration::from_secs(seconds);
        record(hour, true, Some(Outcome::hung_up(EndedBy::Remote, lasted)))
    }

    fn busy(hour: u64) -> CallRecord {
        let outcome = Outcome::failed(EndedBy::Remote, 486, "Busy Here");
        record(hour, false, Some(outcome))
    }

    fn counted(records: &[CallRecord]) -> Tallies {
        let mut tallies = Tallies::default();
        records.iter().for_each(|record| tallies.count_call(record));
        tallies
    }

    type Shown = (Width, u64, String, u64, u64, u64);

    fn shown(tallies: &[Tally]) -> Vec<Shown> {
        let show = |tally: &Tally| {
            let figures = tally.figures;
            let hour = tally.bucket.0 / HOUR;
            let class = tally.class.to_string();
            (
                tally.width,
                hour,
                class,
                figures.attempts,
                figures.answered,
                figures.total,
            )
        };
        tallies.iter().map(show).collect()
    }

    #[test]
    fn calls_that_are_over_are_counted_by_hour_day_and_class() {
        let records = [
            hung_up(1, 10),
            hung_up(1, 20),
            hung_up(2, 5),
            busy(2),
            record(2, true, None),
        ];
        let mut tallies = counted(&records);
        let expected = [
            (Width::Hour, 1, "normal".to_owned(), 2, 2, 30),
            (Width::Hour, 2, "normal".to_owned(), 1, 1, 5),
            (Width::Hour, 2, "busy".to_owned(), 1, 0, 0),
            (Width::Day, 0, "normal".to_owned(), 3, 3, 35),
            (Width::Day, 0, "busy".to_owned(), 1, 0, 0),
        ];
        assert_eq!(shown(&tallies.take()), expected);
        assert_eq!(tallies.take(), []);
    }

    #[test]
    fn what_the_store_did_not_take_is_counted_with_what_follows() {
        let mut tallies = counted(&[hung_up(1, 10)]);
        let refused = tallies.take();
        tallies.count_call(&hung_up(1, 1));
        tallies.put_back(refused);
        let taken = tallies.take();
        let all = [
            (Width::Hour, 1, "normal".to_owned(), 2, 2, 11),
            (Width::Day, 0, "normal".to_owned(), 2, 2, 11),
        ];
        assert_eq!(shown(&taken), all);
    }

    #[test]
    fn drills_are_not_counted() {
        let mut drill = hung_up(1, 10);
        drill.trace = Arc::new([TraceStep::new("drill", "matched", "a drill")]);
        assert_eq!(counted(&[drill]).take(), []);
    }
}
