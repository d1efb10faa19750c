//! One group of jobs in one transaction, such that a job that fails leaves no trace and its neighbours stand.

use rusqlite::Connection;

use super::{Change, Done};
use crate::{Batch, Error, Result, Write};

/// Whom to tell, and what.
pub(super) type Told = (Done, Result<()>);

/// How it ended, in the order of the jobs.
pub(super) struct Outcome {
    /// What became of each batch; `Err` when none could be written, by no fault of theirs.
    pub(super) batches: Result<Vec<Result<()>>>,
    /// The changes that had their turn.
    pub(super) changes: Vec<Told>,
    /// The changes that had not, as nothing could be written.
    pub(super) left: Vec<Change>,
}

/// Writes the group; what is reported as done is durable.
pub(super) fn write(sql: &Connection, batches: &[(Batch, Done)], changes: Vec<Change>) -> Outcome {
    let db = Write::new(sql);
    let written = begin(sql).and_then(|()| write_batches(sql, &db, batches));
    let verdicts = match written {
        Ok(verdicts) => verdicts,
        Err(error) => {
            roll_back(sql);
            return Outcome {
                batches: Err(error),
                changes: Vec::new(),
                left: changes,
            };
        }
    };
    let mut outcome = Outcome {
        batches: Ok(verdicts),
        changes: Vec::with_capacity(changes.len()),
        left: Vec::new(),
    };
    let mut lost = None;
    let mut changes = changes.into_iter();
    for change in changes.by_ref() {
        let mut teller = None;
        let run = |db: Result<&Write<'_>>| {
            let (verdict, done) = change(db);
            teller = Some(done);
            verdict
        };
        let verdict = match execute(sql, "SAVEPOINT job") {
            Ok(()) => fenced(sql, || run(Ok(&db))),
            Err(error) => run(Err(error)),
        };
        // SQLite takes back the whole transaction when the disk fails under it.
        if sql.is_autocommit() {
            lost = Some(verdict.clone().err().unwrap_or(Error::Closed));
        }
        outcome.changes.extend(teller.map(|done| (done, verdict)));
        if lost.is_some() {
            break;
        }
    }
    outcome.left = changes.collect();
    if lost.is_none() {
        lost = execute(sql, "COMMIT").err();
    }
    if let Some(error) = lost {
        roll_back(sql);
        for (_, verdict) in &mut outcome.changes {
            *verdict = verdict.clone().and(Err(error.clone()));
        }
        outcome.batches = Err(error);
    }
    outcome
}

/// First all at once; if one fails, again from the start with each fenced off, which costs more.
fn write_batches(
    sql: &Connection,
    db: &Write<'_>,
    batches: &[(Batch, Done)],
) -> Result<Vec<Result<()>>> {
    match batches.iter().try_for_each(|(batch, _)| batch.apply(db)) {
        Ok(()) => return Ok(vec![Ok(()); batches.len()]),
        Err(error) if error.is_trouble() => return Err(error),
        Err(_) => {}
    }
    roll_back(sql);
    begin(sql)?;
    let mut verdicts = Vec::with_capacity(batches.len());
    for (batch, _) in batches {
        execute(sql, "SAVEPOINT job")?;
        let verdict = fenced(sql, || batch.apply(db));
        match verdict {
            Err(error) if error.is_trouble() || sql.is_autocommit() => return Err(error),
            verdict => verdicts.push(verdict),
        }
    }
    Ok(verdicts)
}

/// Runs a job inside the savepoint that was just set, and takes it back if it fails.
fn fenced(sql: &Connection, job: impl FnOnce() -> Result<()>) -> Result<()> {
    let verdict = job();
    if sql.is_autocommit() {
        return verdict;
    }
    if verdict.is_err() {
        execute(sql, "ROLLBACK TO job")?;
    }
    execute(sql, "RELEASE job")?;
    verdict
}

fn begin(sql: &Connection) -> Result<()> {
    execute(sql, "BEGIN IMMEDIATE")
}

fn roll_back(sql: &Connection) {
    if !sql.is_autocommit()
        && let Err(error) = execute(sql, "ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
}

fn execute(sql: &Connection, statement: &str) -> Result<()> {
    sql.prepare_cached(statement)?.execute([])?;
    Ok(())
}
