//! Transactions and the savepoints in them, on both databases.

use rusqlite::Connection;

use super::Sql;
use super::postgres::Doubt;
use crate::{Error, Result};

impl Sql<'_> {
    /// Whether a transaction is open. The database may have taken it back by itself.
    pub(crate) fn is_open(self) -> bool {
        match self {
            Self::Sqlite(connection) => !connection.is_autocommit(),
            Self::Postgres(session) => session.is_open(),
        }
    }

    pub(crate) fn begin(self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => run(connection, "BEGIN IMMEDIATE"),
            Self::Postgres(session) => session.begin(),
        }
    }

    /// Begins a transaction that sees one moment of the database, and changes nothing.
    pub(crate) fn begin_snapshot(self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => run(connection, "BEGIN"),
            Self::Postgres(session) => session.begin_snapshot(),
        }
    }

    /// Waits for the answers of all that was sent.
    pub(crate) fn settle(self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(session) => session.settle(),
        }
    }

    /// Sets the place a job can be taken back to.
    pub(crate) fn set_savepoint(self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => run(connection, "SAVEPOINT job"),
            Self::Postgres(session) => session.control("SAVEPOINT job"),
        }
    }

    /// Forgets that place, after taking the job back when `keep` is unset or something in it failed; `Err` says why it
    /// was taken back though it was to be kept.
    pub(crate) fn end_savepoint(self, keep: bool) -> Result<()> {
        match self {
            Self::Sqlite(connection) => {
                if !keep {
                    run(connection, "ROLLBACK TO job")?;
                }
                run(connection, "RELEASE job")
            }
            Self::Postgres(session) => session.end_savepoint(keep),
        }
    }

    /// Commits. With the error may come a doubt whether it was done all the same.
    pub(crate) fn commit(self) -> Result<(), (Error, Option<Doubt>)> {
        match self {
            Self::Sqlite(connection) => run(connection, "COMMIT").map_err(|error| (error, None)),
            Self::Postgres(session) => session.commit(),
        }
    }

    /// Takes back all that is not committed.
    pub(crate) fn roll_back(self) {
        let rolled_back = match self {
            Self::Sqlite(connection) if connection.is_autocommit() => Ok(()),
            Self::Sqlite(connection) => run(connection, "ROLLBACK"),
            Self::Postgres(session) => session.roll_back(),
        };
        if let Err(error) = rolled_back {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    /// Whether the commit in doubt was done.
    pub(crate) fn was_committed(self, doubt: Doubt) -> Result<bool> {
        match self {
            Self::Sqlite(_) => unreachable!("a commit on this machine is done or not"),
            Self::Postgres(session) => session.was_committed(doubt),
        }
    }
}

fn run(connection: &Connection, statement: &str) -> Result<()> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}
