//! What is old leaves the database, a customer and a portion at a time.

use crate::sql::values;
use crate::{Read, Result, UnixMicros, Write};

/// From one name to the next by index, whatever number of rows lies between.
macro_rules! names {
    ($table:literal) => {
        concat!(
            "WITH RECURSIVE names (domain) AS (SELECT min(domain) FROM ",
            $table,
            " UNION ALL SELECT (SELECT min(domain) FROM ",
            $table,
            " WHERE domain > names.domain) FROM names WHERE domain IS NOT NULL) \
             SELECT domain FROM names WHERE domain IS NOT NULL"
        )
    };
}

/// What grows and is removed by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Call records, once the call is over.
    Calls,
    /// Events with their deliveries, unless they still wait.
    Events,
    /// The SIP log.
    Ladder,
    /// Counts by the hour; those by the day stay.
    Statistics,
}

impl Kind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Ladder, Self::Events, Self::Calls, Self::Statistics];

    pub(crate) const fn domains(self) -> &'static str {
        match self {
            Self::Calls => names!("calls"),
            Self::Events => names!("events"),
            Self::Ladder => names!("ladder"),
            Self::Statistics => names!("statistics"),
        }
    }

    pub(crate) const fn sweep(self) -> &'static str {
        match self {
            Self::Calls => {
                "DELETE FROM calls WHERE serial IN (SELECT serial FROM calls \
                 WHERE domain = ?1 AND started_at < ?2 AND ended_at IS NOT NULL ORDER BY started_at LIMIT ?3)"
            }
            // Only the oldest rows are looked at, or a sweep with nothing to remove would read the whole domain.
            Self::Events => {
                "DELETE FROM events WHERE cursor IN (SELECT cursor FROM \
                 (SELECT cursor, created_at, state FROM events WHERE domain = ?1 ORDER BY cursor LIMIT 10 * ?3) AS oldest \
                 WHERE created_at < ?2 AND state <> 0 LIMIT ?3) AND cursor < (SELECT max(cursor) FROM events)"
            }
            Self::Ladder => {
                "DELETE FROM ladder WHERE serial IN \
                 (SELECT serial FROM ladder WHERE domain = ?1 AND at < ?2 ORDER BY at LIMIT ?3)"
            }
            Self::Statistics => {
                "DELETE FROM statistics WHERE (domain, subject, width, bucket, class) IN \
                 (SELECT domain, subject, width, bucket, class FROM statistics WHERE domain = ?1 \
                 AND subject = 'calls' AND width = 3600 AND bucket < ?2 ORDER BY bucket LIMIT ?3)"
            }
        }
    }
}

/// The domains that have rows of that kind, also those that were deleted; ladders of no recorded call are under `""`.
pub fn domains(db: &Read<'_>, kind: Kind) -> Result<Vec<String>> {
    db.all(kind.domains(), &[], |row| row.get(0))
}

/// Removes up to `limit` of the domain's oldest rows of that kind that are from before `before`, returning how many.
pub fn sweep(
    db: &Write<'_>,
    kind: Kind,
    domain: &str,
    before: UnixMicros,
    limit: u32,
) -> Result<usize> {
    db.execute(kind.sweep(), values![domain, before, limit])
}

#[cfg(test)]
mod tests;
