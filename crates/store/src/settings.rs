//! What the node remembers about itself: ports it took, keys it drew. Secrets are stored as sealed text.

use rusqlite::{OptionalExtension, params};

use crate::{Read, Result, Write};

/// The value under `name`.
pub fn find(db: &Read<'_>, name: &str) -> Result<Option<String>> {
    let mut statement = db
        .sql
        .prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

/// Sets the value under `name`.
pub fn put(db: &Write<'_>, name: &str, value: &str) -> Result<()> {
    let mut statement = db.sql.prepare_cached(
        "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
    )?;
    statement.execute(params![name, value])?;
    Ok(())
}

/// Sets the value under `name` unless there is one, and returns what then is stored.
pub fn put_if_absent(db: &Write<'_>, name: &str, value: &str) -> Result<String> {
    let mut statement = db.sql.prepare_cached(
        "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    match statement.execute(params![name, value])? {
        0 => Ok(find(db, name)?.expect("the insert found it")),
        _ => Ok(value.to_owned()),
    }
}

/// Forgets the value under `name`; `false` when there was none.
pub fn delete(db: &Write<'_>, name: &str) -> Result<bool> {
    let mut statement = db
        .sql
        .prepare_cached("DELETE FROM settings WHERE name = ?1")?;
    Ok(statement.execute([name])? > 0)
}

#[cfg(test)]
mod tests;
