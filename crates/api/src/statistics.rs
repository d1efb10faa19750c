//! `/provisioning/statistics/{domain}/{type}/{bucketsize}`: figures of calls and recordings by hour, day or month.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::lenient;
use crate::time;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatisticsType {
    /// SIPREC recordings.
    CdrSiprec,
    /// Calls, once they are over.
    Calls,
}

impl StatisticsType {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::CdrSiprec, Self::Calls];

    /// The text in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CdrSiprec => "cdr_siprec",
            Self::Calls => "calls",
        }
    }
}

/// How long a bucket is, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BucketSize {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month of the calendar.
    Month,
}

impl BucketSize {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// The text in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The longest interval of a reply, in days.
    pub const fn most_days(self) -> u64 {
        match self {
            Self::Hour => 31,
            Self::Day => 366,
            Self::Month => 3_660,
        }
    }

    /// The interval when nobody says, in days.
    pub const fn usual_days(self) -> u64 {
        match self {
            Self::Hour => 7,
            Self::Day => 31,
            Self::Month => 366,
        }
    }
}

/// Which buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// The first bucket is the one that holds this time, in milliseconds (or seconds) since 1970; a week before `to`
    /// for hours, a month for days and a year for months when absent.
    #[serde(deserialize_with = "lenient::time")]
    #[param(maximum = 9_007_199_254_740_991_u64)]
    pub from: Option<u64>,
    /// The last bucket is the one that holds this time, in milliseconds (or seconds) since 1970; now when absent.
    #[serde(deserialize_with = "lenient::time")]
    #[param(maximum = 9_007_199_254_740_991_u64)]
    pub to: Option<u64>,
}

impl StatisticsQuery {
    /// The first time that is meant, in microseconds since 1970.
    pub fn from(&self) -> Option<u64> {
        self.from.filter(|time| *time > 0).map(time::first_micro)
    }

    /// The last time that is meant, in microseconds since 1970.
    pub fn to(&self) -> Option<u64> {
        self.to.filter(|time| *time > 0).map(time::first_micro)
    }
}

/// One bucket. Durations are in seconds, of what was answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statistic {
    /// The bucket in UTC: `2026-11-21T14` for an hour, `2026-11-21` for a day, `2026-11` for a month.
    #[schema(example = "2026-11-21T14")]
    pub name: String,
    /// All calls, answered or not, by the time at which they began.
    #[schema(example = 12)]
    pub num_calls: u64,
    /// All durations together.
    #[schema(example = 640)]
    pub sum_duration: u64,
    /// The shortest; 0 when none was answered.
    #[schema(example = 10)]
    pub min_duration: u64,
    /// The longest; 0 when none was answered.
    #[schema(example = 240)]
    pub max_duration: u64,
    /// The mean over those that were answered; 0 when none was.
    #[schema(example = 64.0)]
    pub average_duration: f64,
    /// Of the calls, those that were answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 10)]
    pub answered: Option<u64>,
    /// How many calls ended in each class: `normal`, `busy`, `no_answer`, `rejected`, `unreachable`, `auth`, `policy`,
    /// `media`, `client_error`, `upstream_error`, `internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"normal": 10, "busy": 2}))]
    pub classes: Option<BTreeMap<String, u64>>,
}

/// Reply with statistics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatisticsReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The buckets in which something was counted, in order of time.
    pub statistics: Vec<Statistic>,
}
