//! What the node remembers about itself: ports it took, keys it drew, the mark of its last commit (`sql/postgres.rs`).
//! Secrets are stored as sealed text.

use crate::sql::values;
use crate::{Read, Result, Write};

/// The value under `name`.
pub fn find(db: &Read<'_>, name: &str) -> Result<Option<String>> {
    db.first(
        "SELECT value FROM settings WHERE name = ?1",
        values![name],
        |row| row.get(0),
    )
}

/// The first value whose name begins with `prefix`, with its name.
pub fn first(db: &Read<'_>, prefix: &str) -> Result<Option<(String, String)>> {
    db.first(
        "SELECT name, value FROM settings WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name LIMIT 1",
        values![prefix],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Sets the value under `name`.
pub fn put(db: &Write<'_>, name: &str, value: &str) -> Result<()> {
    db.execute(
        "INSERT INTO settings (name, value) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        values![name, value],
    )?;
    Ok(())
}

/// Sets the value under `name` unless there is one, and returns what then is stored.
pub fn put_if_absent(db: &Write<'_>, name: &str, value: &str) -> Result<String> {
    let added = db.execute(
        "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        values![name, value],
    )?;
    match added {
        0 => Ok(find(db, name)?.expect("the insert found it")),
        _ => Ok(value.to_owned()),
    }
}

/// Forgets the value under `name`; `false` when there was none.
pub fn delete(db: &Write<'_>, name: &str) -> Result<bool> {
    Ok(db.execute("DELETE FROM settings WHERE name = ?1", values![name])? > 0)
}

#[cfg(test)]
mod tests;
