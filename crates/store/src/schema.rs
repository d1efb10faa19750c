//! Brings a database file to the newest schema, one numbered step after another.

use rusqlite::{Connection, TransactionBehavior};

use crate::sql::AsValue as _;
use crate::{Error, Result, UnixMicros};

const STEPS: &[&str] = &[
    include_str!("migrations/sqlite/0001_first.sql"),
    include_str!("migrations/sqlite/0002_api_key_use.sql"),
];

/// Runs the steps the file lacks, all in one transaction.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
    let known = u32::try_from(STEPS.len()).expect("a handful of steps");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT",
    )?;
    let found: u32 = transaction.query_row(
        "SELECT coalesce(max(version), 0) FROM migrations",
        [],
        |row| row.get(0),
    )?;
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    for (version, step) in (1..=known).zip(STEPS).skip(found as usize) {
        transaction.execute_batch(step)?;
        transaction.execute(
            "INSERT INTO migrations (version, applied_at) VALUES (?1, ?2)",
            (version, UnixMicros::now().as_value()),
        )?;
    }
    transaction.commit()?;
    Ok(())
}
