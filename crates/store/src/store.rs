//! An open database: a file, or a PostgreSQL server; a small pool of read connections, and the way to the writer.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::presence::Way;
use crate::sql::postgres::{Cluster, News, Role, Session};
use crate::sql::{self, Sql, values};
use crate::writer::Writer;
use crate::{Error, Result, Vital, checkpoint, events, schema};

/// How many nodes hold their names' locks (`sql/postgres/cluster.rs`).
const NODES: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                     AND classid = CAST(hashtext('hookswitch') AS OID) \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// The embedded database's name in its folder.
pub const FILE: &str = "hookswitch.db";
const STATEMENTS_KEPT: usize = 128;
const WRITER_BUSY: Duration = Duration::from_millis(100);

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node's name, under which PostgreSQL, which nodes share, keeps what is one node's own: the snapshots of its calls
    /// and the events it delivers. Empty for a command, which has neither.
    pub node: String,
    /// How long a question or a change waits for another process that holds the database, or for its turn.
    pub busy_timeout: Duration,
    /// How long a store that closes goes on trying to write what cannot be written.
    pub give_up: Duration,
    /// Every commit reaches the disk before it counts; off, a power cut may lose the last ones.
    pub durable: bool,
    /// Jobs that may wait for the writer.
    pub queue: usize,
    /// Longest time a commit waits for company under load.
    pub gather: Duration,
    /// Longest time ladder rows and delivery results wait for company under load.
    pub gather_lazily: Duration,
    /// Read connections kept open between questions.
    pub idle_readers: usize,
    /// Size in bytes the database file may not outgrow.
    pub max_size: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node: String::new(),
            busy_timeout: Duration::from_secs(5),
            give_up: Duration::from_secs(5),
            durable: true,
            queue: 65_536,
            gather: Duration::from_millis(5),
            gather_lazily: Duration::from_millis(200),
            idle_readers: 4,
            max_size: None,
        }
    }
}

/// An open database; clones share it, the last one to go waits for the writer to finish.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    database: Database,
    options: Options,
    writer: Writer,
    listeners: Arc<Mutex<Vec<Listener>>>,
}

#[derive(Debug)]
enum Database {
    Sqlite {
        path: PathBuf,
        readers: Mutex<Vec<Connection>>,
    },
    Postgres {
        cluster: Arc<Cluster>,
        news: Arc<News>,
    },
}

/// What another node changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This tenant's settings, documents, networks or keys.
    Domain(String),
    /// It is not known what: the connection that tells was lost, or has just been made.
    Everything,
}

struct Listener(Box<dyn Fn(&Change) + Send + Sync>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Database::Postgres { news, .. } = &self.database {
            news.close();
        }
    }
}

impl Store {
    /// Opens the database in the folder `dir`, creating both where needed (modes 0700 and 0600).
    ///
    /// Two processes can open one folder; keeping them apart is the caller's lock.
    pub fn open(dir: &Path, options: Options) -> Result<Self> {
        let path = prepare_file(dir)?;
        let mut connection = connect(&path, &options)?;
        schema::migrate(&mut connection)?;
        if let Some(bytes) = options.max_size {
            let page: u64 = connection
                .pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))?
                .unsigned_abs();
            let pages = i64::try_from(bytes / page.max(1)).unwrap_or(i64::MAX);
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        // The writer tries again by itself, and hears in between what else is to be done.
        connection.busy_timeout(WRITER_BUSY.min(options.busy_timeout))?;
        checkpoint::install(&mut connection, connect(&path, &options)?)?;
        let writer = Writer::start(sql::Connection::Sqlite(connection), &options)?;
        Ok(Self {
            inner: Arc::new(Inner {
                database: Database::Sqlite {
                    path,
                    readers: Mutex::default(),
                },
                options,
                writer,
                listeners: Arc::default(),
            }),
        })
    }

    /// Opens the PostgreSQL database at `url` (`postgres://user:password@host/database`), creating its tables where
    /// needed. Any number of nodes may share it.
    pub fn connect(url: &str, options: Options) -> Result<Self> {
        let cluster = Arc::new(Cluster::new(url, &options)?);
        let starting = Session::new(Arc::clone(&cluster), Role::Writer).patient(schema::PATIENCE);
        schema::migrate_postgres(&starting)?;
        drop(starting);
        let session = Session::new(Arc::clone(&cluster), Role::Writer);
        let writer = Writer::start(sql::Connection::Postgres(session), &options)?;
        let news = Arc::new(News::default());
        let listeners = Arc::<Mutex<Vec<Listener>>>::default();
        let announce = writer.announcer();
        let (heard, reads, hears) = (
            Arc::clone(&news),
            Arc::clone(&cluster),
            Arc::clone(&listeners),
        );
        thread::Builder::new()
            .name("store-news".to_owned())
            .spawn(move || {
                let _part = Vital::part("the news of other nodes");
                tell(&heard, &reads, &hears, announce);
            })
            .map_err(Error::io("store-news".as_ref()))?;
        cluster.listen(&news);
        Ok(Self {
            inner: Arc::new(Inner {
                database: Database::Postgres { cluster, news },
                options,
                writer,
                listeners,
            }),
        })
    }

    /// Asks questions on a read connection; each sees what was committed when it began.
    pub fn read<T>(&self, question: impl FnOnce(&Read<'_>) -> Result<T>) -> Result<T> {
        let answer = self.ask(question);
        let presence = self.inner.writer.presence();
        match &answer {
            Ok(_) => presence.answers(Way::Reading),
            Err(error) => presence.fails(Way::Reading, error),
        }
        answer
    }

    fn ask<T>(&self, question: impl FnOnce(&Read<'_>) -> Result<T>) -> Result<T> {
        let (path, readers) = match &self.inner.database {
            Database::Sqlite { path, readers } => (path, readers),
            Database::Postgres { cluster, .. } => {
                let session = Session::new(Arc::clone(cluster), Role::Reader);
                return question(&Read {
                    sql: Sql::Postgres(&session),
                });
            }
        };
        let idle = locked(readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect_reader(path, &self.inner.options)?,
        };
        let answer = question(&Read {
            sql: Sql::Sqlite(&connection),
        });
        let mut readers = locked(readers);
        if readers.len() < self.inner.options.idle_readers {
            readers.push(connection);
        }
        answer
    }

    /// The same where all questions see the database as it is at one moment.
    pub fn read_at_one_moment<T>(
        &self,
        question: impl FnOnce(&Read<'_>) -> Result<T>,
    ) -> Result<T> {
        self.read(|db| {
            db.sql.begin_snapshot()?;
            let answer = question(db);
            db.sql.roll_back();
            answer
        })
    }

    /// Makes a change and returns when it is durable; an `Err` undoes it.
    pub fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Write<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.writer.run(change)
    }

    /// How many other nodes use the database at present; none on SQLite, which is kept for one by its folder's lock.
    pub fn nodes(&self) -> Result<u64> {
        match self.inner.database {
            Database::Sqlite { .. } => Ok(0),
            Database::Postgres { .. } => {
                let others = format!("{NODES} AND pid <> pg_backend_pid()");
                self.read(|db| db.only(&others, &[]))
            }
        }
    }

    /// Whether that other node uses the database at present.
    pub fn is_up(&self, node: &str) -> Result<bool> {
        match self.inner.database {
            Database::Sqlite { .. } => Ok(false),
            Database::Postgres { .. } => {
                let named = format!("{NODES} AND objid = CAST(hashtext(?1) AS OID)");
                let count: u64 = self.read(|db| db.only(&named, values![node]))?;
                Ok(count > 0)
            }
        }
    }

    /// The one writer thread.
    pub fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    /// Has `listener` told the newest cursor whenever events became readable; it runs on the writer thread, so it must
    /// be quick and must not write.
    pub fn on_commit(&self, listener: Box<dyn Fn(i64) + Send + Sync>) {
        self.inner.writer.on_commit(listener);
    }

    /// Has `listener` told what other nodes change; it may ask questions and take its time, but must not write.
    ///
    /// The first it hears is [`Change::Everything`]: what was read before may be old. On SQLite, which one process has for
    /// itself, it hears of nothing.
    pub fn on_change(&self, listener: Box<dyn Fn(&Change) + Send + Sync>) {
        locked(&self.inner.listeners).push(Listener(listener));
        if let Database::Postgres { news, .. } = &self.inner.database {
            news.greet();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on what is heard of other nodes, on a thread of its own, until the store closes.
fn tell(
    news: &News,
    cluster: &Arc<Cluster>,
    listeners: &Mutex<Vec<Listener>>,
    announce: impl Fn(i64),
) {
    let mut announced = 0;
    while let Some(heard) = news.next() {
        let changes = if heard.everything {
            vec![Change::Everything]
        } else {
            heard.domains.into_iter().map(Change::Domain).collect()
        };
        for change in changes {
            locked(listeners)
                .iter()
                .for_each(|listener| listener.0(&change));
        }
        if heard.events {
            let session = Session::new(Arc::clone(cluster), Role::Reader);
            let sql = Sql::Postgres(&session);
            match events::newest_cursor(&Read { sql }) {
                Ok(newest) if newest > announced => {
                    announced = newest;
                    announce(newest);
                }
                Ok(_) => {}
                // Readers look by themselves, too.
                Err(error) if error.is_outage() => {}
                Err(error) => tracing::warn!(%error, "new events could not be announced"),
            }
        }
    }
}

/// What questions are asked of: a read connection, or the inside of a change.
#[derive(Debug)]
pub struct Read<'a> {
    pub(crate) sql: Sql<'a>,
}

/// The inside of a change: it sees its own writes, and all of them count or none.
#[derive(Debug)]
pub struct Write<'a> {
    read: Read<'a>,
}

impl<'a> Write<'a> {
    pub(crate) fn new(sql: Sql<'a>) -> Self {
        Self { read: Read { sql } }
    }
}

impl<'a> Deref for Write<'a> {
    type Target = Read<'a>;

    fn deref(&self) -> &Read<'a> {
        &self.read
    }
}

/// Creates folder and file with their modes before SQLite does; its side files take the mode of the file.
fn prepare_file(dir: &Path) -> Result<PathBuf> {
    if !dir.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(Error::io(dir))?;
    }
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(Error::io(dir))?;
    let path = dir.join(FILE);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(Error::io(&path))?;
    file.set_permissions(Permissions::from_mode(0o600))
        .map_err(Error::io(&path))?;
    Ok(path)
}

fn connect(path: &Path, options: &Options) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Rows are a kilobyte or two, and each page a commit touches costs two system calls: larger than usual pays.
    connection.pragma_update(None, "page_size", 8_192)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let synchronous = if options.durable { "full" } else { "normal" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 67_108_864, |_| Ok(()))?;
    Ok(connection)
}

fn connect_reader(path: &Path, options: &Options) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
