//! One group of jobs in one transaction, such that a job that fails leaves no trace and its neighbours stand.

use rusqlite::Connection;

use super::{Change, Done};
use crate::{Batch, Error, Result, Write};

/// How each job ended, in the order of the jobs.
pub(super) struct Outcome {
    pub(super) batches: Vec<Result<()>>,
    pub(super) changes: Vec<(Done, Result<()>)>,
}

/// Writes the group; what is reported as done is durable.
pub(super) fn write(sql: &Connection, batches: &[(Batch, Done)], changes: Vec<Change>) -> Outcome {
    let db = Write::new(sql);
    let mut outcome = Outcome {
        batches: Vec::new(),
        changes: Vec::with_capacity(changes.len()),
    };
    let mut lost = begin(sql).err();
    if lost.is_none() {
        match write_batches(sql, &db, batches) {
            Ok(verdicts) => outcome.batches = verdicts,
            Err(error) => lost = Some(error),
        }
    }
    for change in changes {
        let mut teller = None;
        let run = |db: Result<&Write<'_>>| {
            let (verdict, done) = change(db);
            teller = Some(done);
            verdict
        };
        let verdict = match &lost {
            Some(error) => run(Err(error.clone())),
            None => match execute(sql, "SAVEPOINT job") {
                Ok(()) => fenced(sql, || run(Ok(&db))),
                Err(error) => run(Err(error)),
            },
        };
        // SQLite takes back the whole transaction when the disk fails under it.
        if lost.is_none() && sql.is_autocommit() {
            lost = Some(verdict.clone().err().unwrap_or(Error::Closed));
        }
        outcome.changes.extend(teller.map(|done| (done, verdict)));
    }
    if lost.is_none() {
        lost = execute(sql, "COMMIT").err();
    }
    if let Some(error) = lost {
        roll_back(sql);
        outcome.batches = vec![Err(error.clone()); batches.len()];
        for (_, verdict) in &mut outcome.changes {
            *verdict = verdict.clone().and(Err(error.clone()));
        }
    }
    outcome
}

/// First all at once; if one fails, again from the start with each fenced off, which costs more.
fn write_batches(
    sql: &Connection,
    db: &Write<'_>,
    batches: &[(Batch, Done)],
) -> Result<Vec<Result<()>>> {
    if batches.iter().all(|(batch, _)| batch.apply(db).is_ok()) {
        return Ok(vec![Ok(()); batches.len()]);
    }
    roll_back(sql);
    begin(sql)?;
    let mut verdicts = Vec::with_capacity(batches.len());
    for (batch, _) in batches {
        execute(sql, "SAVEPOINT job")?;
        let verdict = fenced(sql, || batch.apply(db));
        if sql.is_autocommit() {
            return Err(verdict.err().unwrap_or(Error::Closed));
        }
        verdicts.push(verdict);
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
