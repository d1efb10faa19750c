//! One group of jobs in one transaction, such that a job that fails leaves no trace and its neighbours stand.

use super::{Change, Done};
use crate::sql::Sql;
use crate::sql::postgres::Doubt;
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
    /// Set when the commit may have been done all the same, with what then became of each batch.
    pub(super) doubt: Option<(Doubt, Vec<Result<()>>)>,
}

/// Writes the group; what is reported as done is durable.
pub(super) fn write(sql: Sql<'_>, batches: &[(Batch, Done)], changes: Vec<Change>) -> Outcome {
    let db = Write::new(sql);
    let written = sql.begin().and_then(|()| write_batches(sql, &db, batches));
    let verdicts = match written {
        Ok(verdicts) => verdicts,
        Err(error) => {
            sql.roll_back();
            return Outcome {
                batches: Err(error),
                changes: Vec::new(),
                left: changes,
                doubt: None,
            };
        }
    };
    let mut outcome = Outcome {
        batches: Ok(verdicts),
        changes: Vec::with_capacity(changes.len()),
        left: Vec::new(),
        doubt: None,
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
        let verdict = match sql.set_savepoint() {
            Ok(()) => fenced(sql, || run(Ok(&db))),
            Err(error) => run(Err(error)),
        };
        // SQLite takes back the whole transaction when the disk fails under it; PostgreSQL's goes with its connection.
        if !sql.is_open() {
            lost = Some(verdict.clone().err().unwrap_or(Error::Closed));
        }
        outcome.changes.extend(teller.map(|done| (done, verdict)));
        if lost.is_some() {
            break;
        }
    }
    outcome.left = changes.collect();
    let committed = match lost {
        None => sql.commit(),
        Some(error) => Err((error, None)),
    };
    if let Err((error, doubt)) = committed {
        sql.roll_back();
        let verdicts = std::mem::replace(&mut outcome.batches, Err(error.clone()));
        match doubt {
            Some(doubt) => outcome.doubt = Some((doubt, verdicts.unwrap_or_default())),
            None => outcome.changes = undone(outcome.changes, &error),
        }
    }
    outcome
}

/// The changes, none of which was made.
pub(super) fn undone(changes: Vec<Told>, error: &Error) -> Vec<Told> {
    let undone = |(done, verdict): Told| (done, verdict.and(Err(error.clone())));
    changes.into_iter().map(undone).collect()
}

/// First all at once; if one fails, again from the start with each fenced off, which costs more.
fn write_batches(
    sql: Sql<'_>,
    db: &Write<'_>,
    batches: &[(Batch, Done)],
) -> Result<Vec<Result<()>>> {
    let applied = batches.iter().try_for_each(|(batch, _)| batch.apply(db));
    match applied.and_then(|()| sql.settle()) {
        Ok(()) => return Ok(vec![Ok(()); batches.len()]),
        Err(error) if error.is_trouble() => return Err(error),
        Err(_) => {}
    }
    sql.roll_back();
    sql.begin()?;
    let mut verdicts = Vec::with_capacity(batches.len());
    for (batch, _) in batches {
        sql.set_savepoint()?;
        let verdict = fenced(sql, || batch.apply(db));
        match verdict {
            Err(error) if error.is_trouble() || !sql.is_open() => return Err(error),
            verdict => verdicts.push(verdict),
        }
    }
    Ok(verdicts)
}

/// Runs a job inside the savepoint that was just set, and takes it back if it fails.
fn fenced(sql: Sql<'_>, job: impl FnOnce() -> Result<()>) -> Result<()> {
    let verdict = job();
    if !sql.is_open() {
        return verdict;
    }
    let ended = sql.end_savepoint(verdict.is_ok());
    verdict.and(ended)
}
