//! The one way to ask the database: a statement, its values, and what to make of each row.
//!
//! Statements are written once, in what SQLite and PostgreSQL both understand: `?1` stands for the first value, every
//! `ON CONFLICT … DO UPDATE` names its columns, and `IS NOT DISTINCT FROM` compares what may be null. Numbers and
//! truths are integers, texts compare by their bytes. A statement that fails undoes the change it is part of: what may
//! clash says `ON CONFLICT DO NOTHING` and looks at the number of rows.

mod row;
mod sqlite;
mod value;

use std::ops::ControlFlow;

use rusqlite::Connection;

use crate::{Read, Result, Write};
pub(crate) use row::{FromValue, Row};
pub(crate) use value::{AsValue, Value, values};

/// A connection to whichever database it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sql<'a> {
    Sqlite(&'a Connection),
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
        }
    }
}
