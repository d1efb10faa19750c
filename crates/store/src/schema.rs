//! Brings a database to the newest schema, one numbered step after another.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::sql::postgres::Session;
use crate::sql::{AsValue as _, Sql, values};
use crate::{Error, Result, UnixMicros, Write};

/// The steps of SQLite and of PostgreSQL; each pair makes the same tables and columns.
const STEPS: &[(&str, &str)] = &[
    (
        include_str!("migrations/sqlite/0001_first.sql"),
        include_str!("migrations/postgres/0001_first.sql"),
    ),
    (
        include_str!("migrations/sqlite/0002_api_key_use.sql"),
        include_str!("migrations/postgres/0002_api_key_use.sql"),
    ),
    (
        include_str!("migrations/sqlite/0003_bulk.sql"),
        include_str!("migrations/postgres/0003_bulk.sql"),
    ),
    (
        include_str!("migrations/sqlite/0004_statistics.sql"),
        include_str!("migrations/postgres/0004_statistics.sql"),
    ),
    (
        include_str!("migrations/sqlite/0005_notifications.sql"),
        include_str!("migrations/postgres/0005_notifications.sql"),
    ),
    (
        include_str!("migrations/sqlite/0006_calls_by.sql"),
        include_str!("migrations/postgres/0006_calls_by.sql"),
    ),
    (
        include_str!("migrations/sqlite/0007_replies_call.sql"),
        include_str!("migrations/postgres/0007_replies_call.sql"),
    ),
];

/// How long a node waits for another one that is at it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Held while the tables are made or changed, so that nodes that start at once do it one after the other.
const LOCK: i64 = 0x686f_6f6b_0002;

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
    check(found)?;
    for (version, (step, _)) in (1..=known).zip(STEPS).skip(found as usize) {
        transaction.execute_batch(step)?;
        transaction.execute(
            "INSERT INTO migrations (version, applied_at) VALUES (?1, ?2)",
            (version, UnixMicros::now().as_value()),
        )?;
    }
    transaction.commit()?;
    Ok(())
}

/// [`Error::NewerSchema`] when the tables are of a newer release.
pub(crate) fn check(found: u32) -> Result<()> {
    let known = u32::try_from(STEPS.len()).expect("a handful of steps");
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    Ok(())
}

/// The same on PostgreSQL.
pub(crate) fn migrate_postgres(session: &Session) -> Result<()> {
    let sql = Sql::Postgres(session);
    let known = u32::try_from(STEPS.len()).expect("a handful of steps");
    let migrated = sql.begin().and_then(|()| {
        let db = Write::new(sql);
        db.execute("SELECT pg_advisory_xact_lock(?1)", values![LOCK])?;
        let encoding: String = db.only("SELECT CAST(current_setting('server_encoding') AS TEXT)", &[])?;
        if encoding != "UTF8" {
            let why = format!("its encoding is {encoding}; create it with ENCODING 'UTF8'");
            return Err(Error::Address(why));
        }
        db.execute(
            "CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)",
            &[],
        )?;
        let found: u32 = db.only("SELECT coalesce(max(version), 0) FROM migrations", &[])?;
        check(found)?;
        for (version, (_, step)) in (1..=known).zip(STEPS).skip(found as usize) {
            session.script(step)?;
            db.execute(
                "INSERT INTO migrations (version, applied_at) VALUES (?1, ?2)",
                values![version, UnixMicros::now()],
            )?;
        }
        sql.commit().map_err(|(error, _)| error)
    });
    if migrated.is_err() {
        sql.roll_back();
    }
    migrated
}
