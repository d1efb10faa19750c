//! Statements on SQLite: prepared once for each connection, values bound where they lie.

use std::ops::ControlFlow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::{Row, Value};
use crate::Result;

pub(super) fn first<T>(
    connection: &Connection,
    statement: &str,
    values: &[Value<'_>],
    make: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(params_from_iter(values))?;
    match rows.next()? {
        Some(row) => make(&Row::Sqlite(row)).map(Some),
        None => Ok(None),
    }
}

pub(super) fn all<T>(
    connection: &Connection,
    statement: &str,
    values: &[Value<'_>],
    mut make: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    some(connection, statement, values, |row| {
        all.push(make(row)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

pub(super) fn some(
    connection: &Connection,
    statement: &str,
    values: &[Value<'_>],
    mut each: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if each(&Row::Sqlite(row))?.is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn execute(
    connection: &Connection,
    statement: &str,
    values: &[Value<'_>],
) -> Result<usize> {
    let mut statement = connection.prepare_cached(statement)?;
    Ok(statement.execute(params_from_iter(values))?)
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Call(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
