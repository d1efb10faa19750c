//! Counts by the hour and the day, so that a year of calls is a few rows; who counts adds them up first.

use std::borrow::Cow;
use std::sync::Arc;

use crate::sql::values;
use crate::{Read, Result, UnixMicros, Write};

/// How wide a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// An hour in UTC.
    Hour,
    /// A day in UTC.
    Day,
}

impl Width {
    /// In seconds, as the tables hold it.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// The beginning of the bucket that holds a time.
    pub const fn bucket(self, at: UnixMicros) -> UnixMicros {
        UnixMicros(at.0 - at.0 % (self.seconds() as u64 * 1_000_000))
    }
}

/// What happened in one bucket, of one class. Durations are seconds, of what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// All there were.
    pub attempts: u64,
    /// Of those, answered.
    pub answered: u64,
    /// All durations together.
    pub total: u64,
    /// The shortest; `u32::MAX` when none was answered.
    pub shortest: u32,
    /// The longest; 0 when none was answered.
    pub longest: u32,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            attempts: 0,
            answered: 0,
            total: 0,
            shortest: u32::MAX,
            longest: 0,
        }
    }
}

impl Figures {
    /// One attempt; its duration in seconds, when it was answered.
    pub const fn one(duration: Option<u32>) -> Self {
        let Some(duration) = duration else {
            return Self {
                attempts: 1,
                answered: 0,
                total: 0,
                shortest: u32::MAX,
                longest: 0,
            };
        };
        Self {
            attempts: 1,
            answered: 1,
            total: duration as u64,
            shortest: duration,
            longest: duration,
        }
    }

    /// Takes others in.
    pub fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.answered += other.answered;
        self.total += other.total;
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
    }
}

/// Figures of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The tenant.
    pub domain: Arc<str>,
    /// What is counted.
    pub subject: Cow<'static, str>,
    /// How wide the bucket is.
    pub width: Width,
    /// Its beginning.
    pub bucket: UnixMicros,
    /// The caller's word for how it ended.
    pub class: Cow<'static, str>,
    /// What is added to it.
    pub figures: Figures,
}

/// Adds to a bucket.
pub(crate) fn add(db: &Write<'_>, tally: &Tally) -> Result<()> {
    let figures = &tally.figures;
    db.execute_later(
        "INSERT INTO statistics \
         (domain, subject, width, bucket, class, attempts, answered, total, shortest, longest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (domain, subject, width, bucket, class) DO UPDATE SET \
         attempts = statistics.attempts + excluded.attempts, \
         answered = statistics.answered + excluded.answered, \
         total = statistics.total + excluded.total, \
         shortest = CASE WHEN excluded.shortest < statistics.shortest \
         THEN excluded.shortest ELSE statistics.shortest END, \
         longest = CASE WHEN excluded.longest > statistics.longest \
         THEN excluded.longest ELSE statistics.longest END",
        values![
            tally.domain,
            tally.subject,
            tally.width.seconds(),
            tally.bucket,
            tally.class,
            figures.attempts,
            figures.answered,
            figures.total,
            figures.shortest,
            figures.longest
        ],
    )
}

/// The buckets of a domain that begin at `from` or later and before `before`, by time and class.
pub fn of_domain(
    db: &Read<'_>,
    domain: &str,
    subject: &str,
    width: Width,
    from: UnixMicros,
    before: UnixMicros,
) -> Result<Vec<(UnixMicros, String, Figures)>> {
    db.all(
        "SELECT bucket, class, attempts, answered, total, shortest, longest FROM statistics \
         WHERE domain = ?1 AND subject = ?2 AND width = ?3 AND bucket >= ?4 AND bucket < ?5 ORDER BY bucket, class",
        values![domain, subject, width.seconds(), from, before],
        |row| {
            let figures = Figures {
                attempts: row.get(2)?,
                answered: row.get(3)?,
                total: row.get(4)?,
                shortest: row.get(5)?,
                longest: row.get(6)?,
            };
            Ok((row.get(0)?, row.get(1)?, figures))
        },
    )
}

/// Forgets everything counted for a domain.
pub(crate) fn forget(db: &Write<'_>, domain: &str) -> Result<()> {
    db.execute("DELETE FROM statistics WHERE domain = ?1", values![domain])?;
    Ok(())
}

#[cfg(test)]
mod tests;
