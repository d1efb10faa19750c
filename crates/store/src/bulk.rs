//! Devices provisioned by file: jobs, and the rows that wait until their file is known to be good as a whole.
//!
//! Nothing here writes much at a time, so that the commits of calls come in between. A job that was decided is finished
//! whatever happens: each portion moves rows to where they belong, and the rows that are left are what is still to do.

use crate::documents;
use crate::sql::{Row, values};
use crate::{Read, Result, UnixMicros, Write};

/// Finished jobs of a domain that are kept.
const KEPT: u32 = 200;

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The file is being read; nothing counts yet.
    Reading,
    /// All of the file is good: it will be written, come what may.
    Writing,
    /// All is written.
    Completed,
    /// Nothing was written.
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Reading, Self::Writing, Self::Completed, Self::Failed];

    /// Whether there is more to come.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Reading | Self::Writing)
    }

    const fn code(self) -> i64 {
        self as i64
    }

    fn of(code: i64) -> Self {
        let known = Self::ALL.into_iter().find(|state| state.code() == code);
        known.unwrap_or(Self::Failed)
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number in the store.
    pub serial: i64,
    /// The tenant.
    pub domain: String,
    /// The customer's name for it.
    pub bulk: String,
    /// How far it is.
    pub state: State,
    /// When it was taken.
    pub started_at: UnixMicros,
    /// When it ended.
    pub stopped_at: Option<UnixMicros>,
    /// Lines of the file.
    pub lines: u64,
    /// Rows read and found good.
    pub checked: u64,
    /// Rows written.
    pub written: u64,
    /// Why it failed; of a job that is running, something to know of it.
    pub reason: Option<String>,
    /// What is wrong, as the caller wrote it.
    pub errors: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT serial, domain, bulk, state, started_at, stopped_at, lines, checked, written, reason, errors \
             FROM bulk_jobs ",
            $rest
        )
    };
}

fn job(row: &Row<'_>) -> Result<Job> {
    Ok(Job {
        serial: row.get(0)?,
        domain: row.get(1)?,
        bulk: row.get(2)?,
        state: State::of(row.get(3)?),
        started_at: row.get(4)?,
        stopped_at: row.get(5)?,
        lines: row.get(6)?,
        checked: row.get(7)?,
        written: row.get(8)?,
        reason: row.get(9)?,
        errors: row.get(10)?,
    })
}

/// The newest job under a name.
pub fn find(db: &Read<'_>, domain: &str, bulk: &str) -> Result<Option<Job>> {
    let statement = select!("WHERE domain = ?1 AND bulk = ?2");
    db.first(statement, values![domain, bulk], job)
}

/// The jobs a node has not ended, oldest first: what it takes up when it starts.
pub fn unfinished(db: &Read<'_>, node: &str) -> Result<Vec<Job>> {
    let statement = select!("WHERE node = ?1 AND state < 2 ORDER BY serial");
    db.all(statement, values![node], job)
}

/// How many jobs of a domain are running.
pub fn running(db: &Read<'_>, domain: &str) -> Result<u64> {
    db.only(
        "SELECT count(*) FROM bulk_jobs WHERE domain = ?1 AND state < 2",
        values![domain],
    )
}

/// A job to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewJob<'a> {
    /// The tenant.
    pub domain: &'a str,
    /// The customer's name for it.
    pub bulk: &'a str,
    /// Who works on it.
    pub node: &'a str,
    /// Lines of the file.
    pub lines: u64,
    /// The present.
    pub now: UnixMicros,
}

/// Begins a job and returns its number; `None` when one of that name is running. One that ended makes way.
pub fn begin(db: &Write<'_>, new: NewJob<'_>) -> Result<Option<i64>> {
    if find(db, new.domain, new.bulk)?.is_some_and(|job| job.state.is_running()) {
        return Ok(None);
    }
    db.execute(
        "DELETE FROM bulk_jobs WHERE domain = ?1 AND bulk = ?2",
        values![new.domain, new.bulk],
    )?;
    db.execute(
        "DELETE FROM bulk_jobs WHERE domain = ?1 AND state >= 2 AND serial NOT IN \
         (SELECT serial FROM bulk_jobs WHERE domain = ?1 ORDER BY serial DESC LIMIT ?2)",
        values![new.domain, KEPT],
    )?;
    db.first(
        "INSERT INTO bulk_jobs (domain, bulk, node, state, started_at, lines, checked, written, errors) \
         VALUES (?1, ?2, ?3, 0, ?4, ?5, 0, 0, '[]') RETURNING serial",
        values![new.domain, new.bulk, new.node, new.now, new.lines],
        |row| row.get(0),
    )
}

/// A document that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: String,
    /// JSON text, as it will be stored.
    pub body: String,
}

/// Adds rows that were found good; the first of them is number `first` of the file.
pub fn stage(db: &Write<'_>, job: i64, first: u64, rows: &[Waiting]) -> Result<()> {
    for (number, row) in (first..).zip(rows) {
        db.execute(
            "INSERT INTO bulk_rows (job, number, id, body) VALUES (?1, ?2, ?3, ?4)",
            values![job, number, row.id, row.body],
        )?;
    }
    let checked = first + rows.len() as u64;
    db.execute(
        "UPDATE bulk_jobs SET checked = ?2 WHERE serial = ?1",
        values![job, checked],
    )?;
    Ok(())
}

/// Says something of a running job.
pub fn note(db: &Write<'_>, job: i64, note: &str) -> Result<()> {
    db.execute(
        "UPDATE bulk_jobs SET reason = ?2 WHERE serial = ?1 AND state < 2",
        values![job, note],
    )?;
    Ok(())
}

/// From here on the job will be done, also over a restart.
pub fn decide(db: &Write<'_>, job: i64) -> Result<()> {
    db.execute(
        "UPDATE bulk_jobs SET state = 1 WHERE serial = ?1 AND state = 0",
        values![job],
    )?;
    Ok(())
}

/// Moves the next rows of a decided job to where they belong, `limit` at most; how many they were, 0 when none is left.
pub fn write_portion(
    db: &Write<'_>,
    job: i64,
    domain: &str,
    kind: &str,
    limit: u32,
) -> Result<u64> {
    let first: Option<i64> = db.first(
        "SELECT number FROM bulk_rows WHERE job = ?1 ORDER BY number LIMIT 1",
        values![job],
        |row| row.get(0),
    )?;
    let Some(first) = first else {
        return Ok(0);
    };
    let behind = first + i64::from(limit);
    let base = documents::take_revisions(db, limit)?;
    db.execute(
        "INSERT INTO documents (domain, kind, id, draft, version, body) \
         SELECT ?1, ?2, id, 0, ?3 + number - ?5, body FROM bulk_rows \
         WHERE job = ?4 AND number >= ?5 AND number < ?6 ORDER BY number \
         ON CONFLICT (domain, kind, id, draft) DO UPDATE SET version = excluded.version, body = excluded.body",
        values![domain, kind, base, job, first, behind],
    )?;
    let moved = db.execute(
        "DELETE FROM bulk_rows WHERE job = ?1 AND number >= ?2 AND number < ?3",
        values![job, first, behind],
    )? as u64;
    db.execute(
        "UPDATE bulk_jobs SET written = written + ?2 WHERE serial = ?1",
        values![job, moved],
    )?;
    Ok(moved)
}

/// Forgets rows of a job that failed, `limit` at most; how many they were.
pub fn forget_portion(db: &Write<'_>, job: i64, limit: u32) -> Result<usize> {
    db.execute(
        "DELETE FROM bulk_rows WHERE job = ?1 AND number < ?2 + \
         (SELECT coalesce(min(number), 0) FROM bulk_rows WHERE job = ?1)",
        values![job, limit],
    )
}

/// The job is done.
pub fn complete(db: &Write<'_>, job: i64, now: UnixMicros) -> Result<()> {
    db.execute(
        "UPDATE bulk_jobs SET state = 2, stopped_at = ?2, reason = NULL WHERE serial = ?1",
        values![job, now],
    )?;
    Ok(())
}

/// The job failed before it was decided; nothing of it counts. `errors` is text of the caller's.
pub fn fail(db: &Write<'_>, job: i64, now: UnixMicros, reason: &str, errors: &str) -> Result<()> {
    db.execute(
        "UPDATE bulk_jobs SET state = 3, stopped_at = ?2, reason = ?3, errors = ?4 WHERE serial = ?1 AND state = 0",
        values![job, now, reason, errors],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
