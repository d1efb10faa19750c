//! All tables in one file and back: an SQLite database, whichever database they come from or go to.
//!
//! Both databases have the same tables, so rows are copied as they are. Secrets stay sealed; the master key is no part
//! of it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::sql::postgres::{Cluster, Role, Session};
use crate::sql::{Row, Sql, Value};
use crate::store::FILE;
use crate::{Error, Options, Read, Result, Store, Write, domains, schema};

/// What hangs on a tenant goes with its row.
const TENANTS: &str = "domains";
/// What tenants and operators configured, in an order in which rows may be added.
const PROVISIONING: [&str; 4] = [TENANTS, "documents", "networks", "api_keys"];
/// Rows sent to PostgreSQL before their answers are awaited.
const PORTION: usize = 1_000;
/// How long the first row of a large table may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where to take the tables from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// The folder of an SQLite database, in use or not.
    Folder(&'a Path),
    /// The address of a PostgreSQL database.
    Postgres(&'a str),
}

/// What to bring back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Tenants with their settings, documents, networks and keys.
    Provisioning,
    /// Every table.
    Everything,
}

/// Writes all tables, as they are at one moment, into a new file; `Err` when there is one of that name.
pub fn save(source: Source<'_>, file: &Path) -> Result<()> {
    // Also keeps a second one from writing to it.
    let part = with_suffix(file, ".part");
    if file.exists() {
        return Err(Error::Exists(file.to_path_buf()));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(&part).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists(part.clone()),
        _ => Error::io(&part)(error),
    })?;
    let written = match source {
        Source::Folder(folder) => save_file(&folder.join(FILE), &part),
        Source::Postgres(url) => save_postgres(url, &part),
    };
    let finished = written.and_then(|()| {
        let whole = File::open(&part).map_err(Error::io(&part))?;
        whole.sync_all().map_err(Error::io(&part))?;
        std::fs::rename(&part, file).map_err(Error::io(file))
    });
    if finished.is_err() {
        // What is left of it is of no use; that it cannot be removed changes nothing of the failure.
        let _ = std::fs::remove_file(&part);
    }
    finished
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn save_file(database: &Path, part: &Path) -> Result<()> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute("VACUUM INTO ?1", [part.as_os_str().to_string_lossy()])?;
    Ok(())
}

fn save_postgres(url: &str, part: &Path) -> Result<()> {
    let mut copy = Connection::open(part)?;
    copy.pragma_update(None, "synchronous", "off")?;
    schema::migrate(&mut copy)?;
    let tables = tables(&copy)?;
    let cluster = Arc::new(Cluster::new(url, &Options::default())?);
    let session = Session::new(cluster, Role::Reader).patient(PATIENCE);
    session.begin_snapshot()?;
    let db = Read {
        sql: Sql::Postgres(&session),
    };
    let newer: u32 = db.only("SELECT max(version) FROM migrations", &[])?;
    schema::check(newer)?;
    copy.execute_batch("BEGIN; DELETE FROM revision")?;
    let to = Write::new(Sql::Sqlite(&copy));
    for table in &tables {
        let insert = table.insert();
        db.each(&table.select(), &[], |row| {
            to.execute_later(&insert, &table.values(row)?)
        })?;
    }
    copy.execute_batch("COMMIT")?;
    copy.close().map_err(|(_, error)| error.into())
}

/// One table of the file.
struct Table {
    name: String,
    columns: Vec<String>,
}

impl Table {
    fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.columns.join(", "), self.name)
    }

    /// Tenants may be there already.
    fn insert(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len())
            .map(|at| format!("?{at}"))
            .collect();
        let (columns, places) = (self.columns.join(", "), places.join(", "));
        let insert = format!("INSERT INTO {} ({columns}) VALUES ({places})", self.name);
        if self.name != TENANTS {
            return insert;
        }
        let (name, others) = self.columns.split_first().expect("a table has columns");
        let updates = others
            .iter()
            .map(|column| format!("{column} = excluded.{column}"));
        let updates = updates.collect::<Vec<_>>().join(", ");
        format!("{insert} ON CONFLICT ({name}) DO UPDATE SET {updates}")
    }

    fn values<'r>(&self, row: &'r Row<'_>) -> Result<Vec<Value<'r>>> {
        (0..self.columns.len())
            .map(|column| row.value(column))
            .collect()
    }
}

/// Every table, in an order in which rows may be added.
fn tables(connection: &Connection) -> Result<Vec<Table>> {
    let texts = |sql: &str, of: &[&str]| -> Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        let found = statement.query_map(rusqlite::params_from_iter(of), |row| row.get(0))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    };
    let all = texts(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'migrations' \
         ORDER BY name <> 'domains', name",
        &[],
    )?;
    let with_columns = |name: String| {
        let columns = texts("SELECT name FROM pragma_table_info(?1)", &[&name])?;
        Ok(Table { name, columns })
    };
    all.into_iter().map(with_columns).collect()
}

/// A file that [`save`] wrote, opened and brought to this release's tables in a copy.
#[derive(Debug)]
pub struct Archive {
    connection: Connection,
    /// Goes with its value.
    _copy: Copy,
}

#[derive(Debug)]
struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        // Left behind it harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Archive {
    /// Opens the file; it is not changed.
    pub fn open(file: &Path, folder: &Path) -> Result<Self> {
        let copy = folder.join(format!("restore-{}.part", std::process::id()));
        let guard = Copy(copy.clone());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut to = options.open(&copy).map_err(Error::io(&copy))?;
        let mut from = File::open(file).map_err(Error::io(file))?;
        std::io::copy(&mut from, &mut to).map_err(Error::io(file))?;
        let mut connection = Connection::open(&copy)?;
        let unrestorable = |why: String| Error::Unrestorable {
            path: file.to_path_buf(),
            why,
        };
        let no_backup = |said: &str| {
            unrestorable(format!(
                "it is no backup ({said}); give a file that `hookswitch backup` wrote"
            ))
        };
        let is_ours = connection.query_row(
            "SELECT count(*) = 2 FROM sqlite_schema WHERE name IN ('migrations', 'domains')",
            [],
            |row| row.get::<_, bool>(0),
        );
        match is_ours.map_err(Error::from) {
            Ok(true) => {}
            Ok(false) => return Err(no_backup("its tables are missing")),
            Err(Error::Damaged(said)) => return Err(no_backup(&said)),
            Err(error) => return Err(error),
        }
        schema::migrate(&mut connection).map_err(|error| match error {
            Error::NewerSchema { .. } => unrestorable("a newer release wrote it".to_owned()),
            Error::Damaged(said) => unrestorable(format!("it is damaged ({said})")),
            error => error,
        })?;
        Ok(Self {
            connection,
            _copy: guard,
        })
    }

    /// Asks questions of what is in it.
    pub fn read<T>(&self, question: impl FnOnce(&Read<'_>) -> Result<T>) -> Result<T> {
        question(&Read {
            sql: Sql::Sqlite(&self.connection),
        })
    }

    /// Changes what is in it, not in the file; an `Err` leaves it of no use.
    pub fn change<T>(&self, change: impl FnOnce(&Write<'_>) -> Result<T>) -> Result<T> {
        let sql = Sql::Sqlite(&self.connection);
        sql.begin()?;
        let changed = change(&Write::new(sql))?;
        sql.commit().map_err(|(error, _)| error)?;
        Ok(changed)
    }

    /// Puts what is in it into the place of what is stored, in one transaction; returns the number of rows.
    pub fn restore(self, store: &Store, extent: Extent) -> Result<u64> {
        store.write(move |db| self.replace(db, extent))
    }

    fn replace(&self, db: &Write<'_>, extent: Extent) -> Result<u64> {
        let mut tables = tables(&self.connection)?;
        tables.retain(|table| {
            let configured = PROVISIONING.contains(&table.name.as_str());
            table.name != "revision" && (configured || extent == Extent::Everything)
        });
        let from = Read {
            sql: Sql::Sqlite(&self.connection),
        };
        for table in tables.iter().rev() {
            if table.name == TENANTS && extent == Extent::Provisioning {
                remove_others(db, &from)?;
            } else {
                db.execute(&format!("DELETE FROM {}", table.name), &[])?;
            }
        }
        let mut rows = 0;
        for table in &tables {
            let insert = table.insert();
            from.each(&table.select(), &[], |row| {
                let values = table.values(row)?;
                rows += 1;
                if rows % PORTION as u64 == 0 {
                    db.execute(&insert, &values).map(drop)
                } else {
                    db.execute_later(&insert, &values)
                }
            })?;
        }
        // Versions go on rising, so that none that a client holds comes back for something else.
        let revision: i64 = from.only("SELECT value FROM revision", &[])?;
        db.execute(
            "UPDATE revision SET value = ?1 WHERE value < ?1",
            &[Value::Integer(revision)],
        )?;
        if let Sql::Postgres(session) = db.sql {
            // Versions may have gone back: nobody can tell by them what changed.
            db.execute("SELECT pg_notify('hookswitch_domain', '')", &[])?;
            for table in &tables {
                session.count_on(&table.name, &table.columns[0])?;
            }
        }
        Ok(rows)
    }
}

/// Removes the tenants that the file has not. The rows of the others stay, as something may hang on them that is not
/// brought back.
fn remove_others(db: &Write<'_>, file: &Read<'_>) -> Result<()> {
    let names = |db: &Read<'_>| -> Result<Vec<String>> {
        db.all("SELECT domain FROM domains ORDER BY domain", &[], |row| {
            row.get(0)
        })
    };
    let kept = names(file)?;
    for name in names(db)? {
        if kept.binary_search(&name).is_err() {
            domains::delete(db, &name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
