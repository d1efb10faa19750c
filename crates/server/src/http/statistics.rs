//! `/provisioning/statistics/{domain}/{type}/{bucketsize}`: read from counts by the hour and the day, which are a few
//! rows however many calls there were.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{RawPathParams, State};
use axum::response::Response;
use hookswitch_api::statistics::{
    BucketSize, Statistic, StatisticsQuery, StatisticsReply, StatisticsType,
};
use hookswitch_store::UnixMicros;
use hookswitch_store::statistics::{self, Figures, Width};

use super::allowed::{Allowed, Look};
use super::error::ApiError;
use super::query::Query;
use super::{Rest, blocking, reply};
use crate::calendar::{date_of, days_since_epoch};

/// Microseconds of a day.
const DAY: u64 = 86_400_000_000;

/// Shows figures by hour, day or month
///
/// `calls` counts every call of the tenant once it is over, in the bucket in which it began, a second or two after its
/// end: attempts, answered ones, durations, and how they ended. `cdr_siprec` does the same for recordings. Only buckets
/// in which something was counted are listed. Hours are kept for 400 days, days and months for good; a reply spans 31
/// days of hours, 366 of days or ten years of months at most.
#[utoipa::path(
    get, path = "/provisioning/statistics/{domain}/{type}/{bucketsize}", tag = "Calls", operation_id = "getStatistics",
    params(
        ("domain" = String, Path, description = "The tenant's SIP domain"),
        ("type" = inline(StatisticsType), Path, description = "What is counted"),
        ("bucketsize" = inline(BucketSize), Path, description = "How long a bucket is, in UTC"),
        StatisticsQuery,
    ),
    responses((status = 200, description = "The figures", body = StatisticsReply)),
)]
pub(super) async fn show(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    path: RawPathParams,
    Query(query): Query<StatisticsQuery>,
) -> Result<Response, ApiError> {
    let (subject, size) = kind_of(&path)?;
    let (from, before) = interval(&query, size, UnixMicros::now())?;
    let domain = caller.domain.clone();
    let width = match size {
        BucketSize::Hour => Width::Hour,
        BucketSize::Day | BucketSize::Month => Width::Day,
    };
    let rows = blocking(move || {
        rest.store
            .read(|db| statistics::of_domain(db, &domain, subject.as_str(), width, from, before))
    })
    .await?;
    reply(&StatisticsReply {
        success: true,
        statistics: summed(rows, subject, size),
    })
}

/// What the path asks for; there is nothing at any other.
fn kind_of(path: &RawPathParams) -> Result<(StatisticsType, BucketSize), ApiError> {
    let part = |name: &str| {
        let found = path.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    };
    let (kind, size) = (part("type"), part("bucketsize"));
    let kind = StatisticsType::ALL
        .into_iter()
        .find(|it| it.as_str() == kind);
    let size = BucketSize::ALL.into_iter().find(|it| it.as_str() == size);
    kind.zip(size).ok_or_else(|| {
        ApiError::not_found(
            "there are statistics of the types cdr_siprec and calls, by hour, day or month",
        )
    })
}

/// From the beginning of the first bucket to the end of the last one.
fn interval(
    query: &StatisticsQuery,
    size: BucketSize,
    now: UnixMicros,
) -> Result<(UnixMicros, UnixMicros), ApiError> {
    let to = query.to().unwrap_or(now.0);
    let usual = to.saturating_sub(size.usual_days() * DAY);
    let from = query.from().unwrap_or(usual);
    if from > to {
        return Err(ApiError::field("/from", "must not be after to"));
    }
    if to - from > size.most_days() * DAY {
        let detail = format!(
            "must be at most {} days before to, by {}",
            size.most_days(),
            size.as_str()
        );
        return Err(ApiError::field("/from", detail));
    }
    let first = match size {
        BucketSize::Hour => Width::Hour.bucket(UnixMicros(from)),
        BucketSize::Day => Width::Day.bucket(UnixMicros(from)),
        BucketSize::Month => {
            let (_, _, day) = date_of(from / 1_000_000);
            Width::Day.bucket(UnixMicros(from.saturating_sub((day - 1) * DAY)))
        }
    };
    // A month is shown to its end, which lies behind the last time that is meant.
    let behind = match size {
        BucketSize::Month => {
            let (year, month, _) = date_of(to / 1_000_000);
            let (year, month) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            days_since_epoch(year, month, 1).saturating_mul(DAY)
        }
        BucketSize::Hour | BucketSize::Day => to.saturating_add(1),
    };
    Ok((first, UnixMicros(behind)))
}

/// One entry for each bucket that is asked for, of rows in order of time.
fn summed(
    rows: Vec<(UnixMicros, String, Figures)>,
    subject: StatisticsType,
    size: BucketSize,
) -> Vec<Statistic> {
    let mut buckets: Vec<(String, Figures, BTreeMap<String, u64>)> = Vec::new();
    for (bucket, class, figures) in rows {
        let name = name_of(bucket, size);
        if buckets.last().is_none_or(|(last, ..)| *last != name) {
            buckets.push((name, Figures::default(), BTreeMap::new()));
        }
        if let Some((_, sum, classes)) = buckets.last_mut() {
            sum.add(&figures);
            *classes.entry(class).or_default() += figures.attempts;
        }
    }
    let is_calls = subject == StatisticsType::Calls;
    let buckets = buckets.into_iter();
    buckets
        .map(|(name, sum, classes)| Statistic {
            name,
            num_calls: sum.attempts,
            sum_duration: sum.total,
            min_duration: match sum.answered {
                0 => 0,
                _ => u64::from(sum.shortest),
            },
            max_duration: u64::from(sum.longest),
            average_duration: mean(&sum),
            answered: is_calls.then_some(sum.answered),
            classes: is_calls.then_some(classes),
        })
        .collect()
}

/// In seconds, to the millisecond.
fn mean(sum: &Figures) -> f64 {
    let millis = (sum.total * 1_000).checked_div(sum.answered).unwrap_or(0);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a mean duration in milliseconds is far below 2^52"
    )]
    let millis = millis as f64;
    millis / 1_000.0
}

fn name_of(bucket: UnixMicros, size: BucketSize) -> String {
    let unix = bucket.0 / 1_000_000;
    let (year, month, day) = date_of(unix);
    match size {
        BucketSize::Hour => format!("{year:04}-{month:02}-{day:02}T{:02}", unix / 3_600 % 24),
        BucketSize::Day => format!("{year:04}-{month:02}-{day:02}"),
        BucketSize::Month => format!("{year:04}-{month:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: u64, month: u64, day: u64, hour: u64) -> u64 {
        (days_since_epoch(year, month, day) * 24 + hour) * 3_600_000_000
    }

    fn query(from: Option<u64>, to: Option<u64>) -> StatisticsQuery {
        let millis = |time: Option<u64>| time.map(|micros| micros / 1_000);
        StatisticsQuery {
            from: millis(from),
            to: millis(to),
        }
    }

    fn bounds(query: &StatisticsQuery, size: BucketSize) -> Result<(u64, u64), String> {
        let now = UnixMicros(at(2026, 11, 21, 14));
        let found = interval(query, size, now);
        found
            .map(|(from, before)| (from.0, before.0))
            .map_err(|error| error.errors[0].detail.clone())
    }

    #[test]
    fn an_interval_holds_the_whole_bucket_at_either_end() {
        let asked = query(
            Some(at(2024, 2, 29, 23) + 5_000),
            Some(at(2024, 3, 2, 5) + 7_000),
        );
        let hours = bounds(&asked, BucketSize::Hour).unwrap();
        assert_eq!(hours, (at(2024, 2, 29, 23), at(2024, 3, 2, 5) + 7_001));
        let days = bounds(&asked, BucketSize::Day).unwrap();
        assert_eq!(days, (at(2024, 2, 29, 0), at(2024, 3, 2, 5) + 7_001));
        let months = bounds(&asked, BucketSize::Month).unwrap();
        assert_eq!(months, (at(2024, 2, 1, 0), at(2024, 4, 1, 0)));
    }

    #[test]
    fn the_last_month_of_a_year_and_of_all_time_ends_as_others_do() {
        let day = at(2025, 12, 7, 0);
        let months = bounds(&query(Some(day), Some(day)), BucketSize::Month).unwrap();
        assert_eq!(months, (at(2025, 12, 1, 0), at(2026, 1, 1, 0)));
        let (from, before) =
            bounds(&query(Some(u64::MAX), Some(u64::MAX)), BucketSize::Month).unwrap();
        assert!(from < before);
    }

    #[test]
    fn the_usual_interval_ends_now() {
        let hours = bounds(&query(None, None), BucketSize::Hour).unwrap();
        assert_eq!(hours, (at(2026, 11, 14, 14), at(2026, 11, 21, 14) + 1));
    }

    #[test]
    fn an_interval_that_is_too_long_or_the_wrong_way_round_is_named() {
        let now = at(2026, 11, 21, 14);
        let long = query(Some(now - 32 * DAY), None);
        assert!(
            bounds(&long, BucketSize::Hour)
                .unwrap_err()
                .contains("31 days")
        );
        assert!(bounds(&long, BucketSize::Day).is_ok());
        let wrong = query(Some(now), Some(now - DAY));
        assert_eq!(
            bounds(&wrong, BucketSize::Day).unwrap_err(),
            "must not be after to"
        );
    }

    #[test]
    fn rows_are_summed_by_bucket_over_their_classes() {
        let row = |day, class: &str, duration| {
            let figures = Figures::one(duration);
            (UnixMicros(at(2026, 11, day, 0)), class.to_owned(), figures)
        };
        let rows = vec![
            row(1, "busy", None),
            row(1, "normal", Some(7)),
            row(2, "normal", Some(3)),
        ];
        let months = summed(rows.clone(), StatisticsType::Calls, BucketSize::Month);
        let expected = Statistic {
            name: "2026-11".to_owned(),
            num_calls: 3,
            sum_duration: 10,
            min_duration: 3,
            max_duration: 7,
            average_duration: 5.0,
            answered: Some(2),
            classes: Some([("busy".to_owned(), 1), ("normal".to_owned(), 2)].into()),
        };
        assert_eq!(months, [expected]);
        let days = summed(rows, StatisticsType::CdrSiprec, BucketSize::Day);
        let named: Vec<_> = days.iter().map(|day| (&*day.name, day.num_calls)).collect();
        assert_eq!(named, [("2026-11-01", 2), ("2026-11-02", 1)]);
        assert_eq!((days[0].answered, &days[0].classes), (None, &None));
    }
}
