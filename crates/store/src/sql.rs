//! The one way to ask the database: a statement, its values, and what to make of each row.
//!
//! Statements are written once, in what SQLite and PostgreSQL both understand: `?1` stands for the first value, every
//! `ON CONFLICT … DO UPDATE` names its columns, and `IS NOT DISTINCT FROM` compares what may be null. Numbers and
//! truths are integers, texts compare by their bytes. A statement that fails undoes the change it is part of: what may
//! clash says `ON CONFLICT DO NOTHING` and looks at the number of rows. `/* own */` behind a condition keeps to the rows
//! that this node wrote, where nodes share a database.

pub(crate) mod postgres;
mod row;
mod sqlite;
mod transaction;
mod value;

use std::ops::ControlFlow;

use crate::{Read, Result, Write};
use postgres::Session;
pub(crate) use row::{FromValue, Row};
pub(crate) use value::{AsValue, Value, values};

/// A connection to whichever database it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sql<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a Session),
}

/// A connection that somebody keeps.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Session),
}

impl Connection {
    /// The way to ask it.
    pub(crate) const fn sql(&self) -> Sql<'_> {
        match self {
            Self::Sqlite(connection) => Sql::Sqlite(connection),
            Self::Postgres(session) => Sql::Postgres(session),
        }
    }
}

impl Read<'_> {
    /// The first row, made into something; `None` when there is none.
    pub(crate) fn first<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        make: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match self.sql {
            Sql::Sqlite(connection) => sqlite::first(connection, statement, values, make),
            Sql::Postgres(session) => session.first(statement, values, make),
        }
    }

    /// The one row that such a statement always has.
    pub(crate) fn only<T: FromValue>(&self, statement: &str, values: &[Value<'_>]) -> Result<T> {
        let found = self.first(statement, values, |row| row.get(0))?;
        Ok(found.expect("an aggregate has a row"))
    }

    /// Every row, made into something. `make` may ask further questions.
    pub(crate) fn all<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        make: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self.sql {
            Sql::Sqlite(connection) => sqlite::all(connection, statement, values, make),
            Sql::Postgres(session) => session.all(statement, values, make),
        }
    }

    /// Hands row by row to `each`, as long as it wants more; `each` must ask nothing of this connection.
    pub(crate) fn some(
        &self,
        statement: &str,
        values: &[Value<'_>],
        each: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        match self.sql {
            Sql::Sqlite(connection) => sqlite::some(connection, statement, values, each),
            Sql::Postgres(session) => session.some(statement, values, each),
        }
    }

    /// Hands every row to `each`, one at a time and never all in memory; `each` must ask nothing of this connection.
    pub(crate) fn each(
        &self,
        statement: &str,
        values: &[Value<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.some(statement, values, |row| {
            each(row)?;
            Ok(ControlFlow::Continue(()))
        })
    }
}

impl Write<'_> {
    /// Changes rows, returning how many.
    pub(crate) fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<usize> {
        match self.sql {
            Sql::Sqlite(connection) => sqlite::execute(connection, statement, values),
            Sql::Postgres(session) => session.execute(statement, values),
        }
    }

    /// Changes rows, of which nobody needs the number; a failure may show only at the next statement that answers.
    pub(crate) fn execute_later(&self, statement: &str, values: &[Value<'_>]) -> Result<()> {
        match self.sql {
            Sql::Sqlite(connection) => sqlite::execute(connection, statement, values).map(drop),
            Sql::Postgres(session) => session.later(statement, values),
        }
    }

    /// From here to the end of the transaction no other node draws a cursor of an event.
    pub(crate) fn order_events(&self) -> Result<()> {
        match self.sql {
            // There is one writer.
            Sql::Sqlite(_) => Ok(()),
            Sql::Postgres(session) => session.order_events(),
        }
    }
}
