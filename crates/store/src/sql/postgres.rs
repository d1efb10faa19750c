//! Statements on PostgreSQL, with the synchronous face that SQLite has.
//!
//! Whoever asks blocks its own thread; the connections live on a runtime of their own, so it may be any thread. What
//! needs no answer ([`Session::later`]) is sent at once and awaited together with what follows. A connection that is
//! lost is replaced by the next statement, unless a transaction was lost with it.

mod cluster;
mod listen;
mod value;
mod wait;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::{ControlFlow, Deref};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::StreamExt as _;
use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};

use super::{Row, Value};
use crate::seal::random_bytes;
use crate::{Error, Result};
pub(crate) use cluster::Cluster;
pub(crate) use listen::News;
use value::Owned;
use wait::{poll_once, wait};

/// Held from the first event of a transaction to its end, so that cursors rise in the order of commits.
const EVENTS_LOCK: i64 = 0x686f_6f6b_0001;

/// Stands in a condition for the rows of this node; SQLite has no others.
const OWN: &str = "/* own */";

/// Writes the mark of a commit with what it commits, if that is anything: who finds it there knows that all is done. A
/// transaction's own number does not tell: `pg_xact_status` takes one that a crash ended for one in progress until
/// somebody draws the next number, and after a crash it may be drawn again.
const MARK: &str = "INSERT INTO settings (name, value) \
                    SELECT 'commit:' || current_setting('hookswitch.node'), ?1 \
                    WHERE pg_current_xact_id_if_assigned() IS NOT NULL \
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const MARKED: &str =
    "SELECT value FROM settings WHERE name = 'commit:' || current_setting('hookswitch.node')";

type Later = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send>>;

/// One connection at a time, to read with or to write with.
pub(crate) struct Session {
    cluster: Arc<Cluster>,
    role: Role,
    client: RefCell<Option<Arc<Client>>>,
    later: RefCell<Vec<Later>>,
    transaction: Cell<Transaction>,
    patience: Duration,
}

/// A connection of the pool, which takes it back unless it is of no more use.
struct Client {
    object: Option<Object>,
    spent: AtomicBool,
}

impl Deref for Client {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.object
            .as_ref()
            .expect("it is given back at the end only")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.spent.load(Ordering::Relaxed) {
            drop(self.object.take().map(Object::take));
        }
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Reader,
    Writer,
}

/// What is known of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    Open {
        /// A statement failed, and PostgreSQL takes no other until that is taken back.
        failed: bool,
        /// The lock of events is held.
        orders_events: bool,
    },
}

const BEGUN: Transaction = Transaction::Open {
    failed: false,
    orders_events: false,
};

/// A commit that was sent and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    mark: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(cluster: Arc<Cluster>, role: Role) -> Self {
        let patience = cluster.patience();
        Self {
            cluster,
            role,
            client: RefCell::default(),
            later: RefCell::default(),
            transaction: Cell::new(Transaction::None),
            patience,
        }
    }

    /// Waits so long for each answer.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(super) fn first<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        make: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let rows = self.rows(statement, values)?;
        rows.first()
            .map(|row| make(&Row::Postgres(row)))
            .transpose()
    }

    pub(super) fn all<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        mut make: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.rows(statement, values)?;
        rows.iter().map(|row| make(&Row::Postgres(row))).collect()
    }

    pub(super) fn some(
        &self,
        statement: &str,
        values: &[Value<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let stream = self.ask(statement, values, &async |client, statement, values| {
            client.query_raw(statement, values.iter()).await
        })?;
        let mut stream = pin!(stream);
        while let Some(row) = self.wait(stream.next())? {
            let row = row.map_err(|error| self.fails(&error))?;
            if each(&Row::Postgres(&row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<usize> {
        let count = self.ask(statement, values, &async |client, statement, values| {
            client.execute_raw(statement, values.iter()).await
        })?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Sends a statement whose answer nobody needs but whose failure counts: the next one that waits, waits for it too.
    pub(super) fn later(&self, statement: &str, values: &[Value<'_>]) -> Result<()> {
        let client = self.client()?;
        let statement = self.prepare(&client, statement, values)?;
        let values: Vec<Owned> = values.iter().map(|value| Owned::from(*value)).collect();
        self.send(async move { client.execute_raw(&statement, values).await });
        Ok(())
    }

    fn send(
        &self,
        answer: impl Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'static,
    ) {
        let mut answer: Later = Box::pin(answer);
        // The first poll sends it. Should it be over already, it is asked again in its turn.
        if let Some(over) = poll_once(answer.as_mut()) {
            answer = Box::pin(std::future::ready(over));
        }
        self.later.borrow_mut().push(answer);
    }

    /// Waits for all that was sent; the first failure is the one that counts.
    pub(super) fn settle(&self) -> Result<()> {
        let later = self.later.take();
        let mut outcome = Ok(());
        for answer in later {
            let answered = self.wait(answer);
            if outcome.is_ok() {
                outcome = match answered {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => Err(self.fails(&error)),
                    // The connection is given up, and with it what else was sent.
                    Err(error) => return Err(error),
                };
            }
        }
        outcome
    }

    fn rows(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<tokio_postgres::Row>> {
        self.ask(statement, values, &async |client, statement, values| {
            let values: Vec<&(dyn ToSql + Sync)> = values
                .iter()
                .map(|value| value as &(dyn ToSql + Sync))
                .collect();
            client.query(statement, &values).await
        })
    }

    /// Asks and waits for the answer. A question outside a transaction whose connection turns out to be dead is asked
    /// once more on a new one.
    fn ask<T>(
        &self,
        text: &str,
        values: &[Value<'_>],
        question: &impl AsyncFn(&Object, &Statement, &[Value<'_>]) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let client = self.client()?;
        match self.ask_of(&client, text, values, question) {
            Err(Error::Away(_)) if self.role == Role::Reader => {
                self.discard();
                let client = self.client()?;
                self.ask_of(&client, text, values, question)
            }
            answer => answer,
        }
    }

    fn ask_of<T>(
        &self,
        client: &Client,
        text: &str,
        values: &[Value<'_>],
        question: &impl AsyncFn(&Object, &Statement, &[Value<'_>]) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let statement = self.prepare(client, text, values)?;
        let mut answer = pin!(question(client, &statement, values));
        let early = poll_once(answer.as_mut());
        self.settle()?;
        let answer = match early {
            Some(answer) => answer,
            None => self.wait(answer)?,
        };
        answer.map_err(|error| self.fails(&error))
    }

    fn prepare(&self, client: &Object, text: &str, values: &[Value<'_>]) -> Result<Statement> {
        let types: Vec<Type> = values.iter().map(Value::kind).collect();
        let text = text
            .replace('?', "$")
            .replace(OWN, "AND node = current_setting('hookswitch.node')");
        match self.wait(client.prepare_typed_cached(&text, &types))? {
            Ok(statement) => Ok(statement),
            Err(error) => {
                // Behind a statement that failed, any other is refused: the first one's reason counts.
                self.settle()?;
                Err(self.fails(&error))
            }
        }
    }

    /// The connection there is, or a new one unless a transaction was lost with the last.
    fn client(&self) -> Result<Arc<Client>> {
        if let Some(client) = &*self.client.borrow()
            && !client.is_closed()
        {
            return Ok(Arc::clone(client));
        }
        let had_transaction = self.is_open();
        self.discard();
        if had_transaction {
            return Err(Error::Away("the connection was lost".to_owned()));
        }
        let client = Arc::new(Client {
            object: Some(self.cluster.connection(self.role)?),
            spent: AtomicBool::new(false),
        });
        *self.client.borrow_mut() = Some(Arc::clone(&client));
        Ok(client)
    }

    fn discard(&self) {
        self.transaction.set(Transaction::None);
        self.later.borrow_mut().clear();
        if let Some(client) = self.client.take() {
            client.spent.store(true, Ordering::Relaxed);
        }
    }

    fn wait<T>(&self, answer: impl Future<Output = T>) -> Result<T> {
        wait(answer, self.patience).ok_or_else(|| {
            self.discard();
            Error::Away(format!("no answer within {:?}", self.patience))
        })
    }

    /// What a failure means, for the connection and for whoever asked.
    fn fails(&self, error: &tokio_postgres::Error) -> Error {
        let meaning = Error::from(error);
        if matches!(meaning, Error::Away(_)) {
            self.discard();
        } else if let Transaction::Open { orders_events, .. } = self.transaction.get() {
            self.transaction.set(Transaction::Open {
                failed: true,
                orders_events,
            });
        }
        meaning
    }

    /// Runs a text of many statements.
    pub(crate) fn script(&self, text: &'static str) -> Result<()> {
        self.control(text)?;
        self.settle()
    }

    /// Sends what is no prepared statement.
    pub(super) fn control(&self, statement: &'static str) -> Result<()> {
        let client = self.client()?;
        self.send(async move { client.batch_execute(statement).await.map(|()| 0) });
        Ok(())
    }
}

/// Transactions.
impl Session {
    /// Whether a transaction is open.
    pub(super) fn is_open(&self) -> bool {
        self.transaction.get() != Transaction::None
    }

    /// Begins a transaction that sees one moment of the database.
    pub(crate) fn begin_snapshot(&self) -> Result<()> {
        self.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        self.transaction.set(BEGUN);
        Ok(())
    }

    /// Has what numbers a column go on behind its highest number, where it is numbered.
    pub(crate) fn count_on(&self, table: &str, column: &str) -> Result<()> {
        let question = "SELECT pg_get_serial_sequence(?1, ?2)";
        let names = [Value::Text(table), Value::Text(column)];
        let sequence = self.first(question, &names, |row| row.get::<Option<String>>(0))?;
        let Some(sequence) = sequence.flatten() else {
            return Ok(());
        };
        let set = format!(
            "SELECT setval(CAST(CAST(?1 AS TEXT) AS REGCLASS), greatest(max({column}), 1)) FROM {table}"
        );
        self.first(&set, &[Value::Text(&sequence)], |_| Ok(()))
            .map(drop)
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.control("BEGIN")?;
        self.transaction.set(BEGUN);
        Ok(())
    }

    /// Ends the savepoint that was set; see [`super::Sql::end_savepoint`].
    pub(super) fn end_savepoint(&self, keep: bool) -> Result<()> {
        let settled = self.settle();
        let Transaction::Open { failed, .. } = self.transaction.get() else {
            return settled.and(Err(Error::Away("the transaction was lost".to_owned())));
        };
        if failed || !keep {
            self.control("ROLLBACK TO job")?;
            // The lock may have been taken behind the savepoint, and is gone then.
            self.transaction.set(BEGUN);
        }
        self.control("RELEASE job")?;
        if failed && keep && settled.is_ok() {
            return Err(Error::Database("a statement failed unnoticed".to_owned()));
        }
        settled
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        let _ = self.settle();
        if !self.is_open() {
            return Ok(());
        }
        self.transaction.set(Transaction::None);
        self.control("ROLLBACK")?;
        self.settle()
    }

    /// Commits; with the error may come a [`Doubt`] whether it was done nevertheless.
    pub(super) fn commit(&self) -> Result<(), (Error, Option<Doubt>)> {
        let refused = match self.transaction.get() {
            Transaction::Open { failed: false, .. } => None,
            Transaction::Open { failed: true, .. } => {
                Some(Error::Database("a statement failed unnoticed".to_owned()))
            }
            Transaction::None => Some(Error::Away("the transaction was lost".to_owned())),
        };
        if let Some(error) = refused {
            return Err((error, None));
        }
        let mark = u64::from_ne_bytes(random_bytes());
        self.later(MARK, &[Value::Text(&mark.to_string())])
            .map_err(|error| (error, None))?;
        let sent = self.control("COMMIT");
        let committed = sent.and_then(|()| self.settle());
        self.transaction.set(Transaction::None);
        // A server that fails in the middle may have written it down before.
        committed.map_err(|error| {
            let is_doubtful = error.is_trouble();
            (error, is_doubtful.then_some(Doubt { mark }))
        })
    }

    /// Whether the commit in doubt was done. The connection that was lost holds the lock on the node's name as long as its
    /// transaction lives, so there is no asking too early; operators' commands have no name, and may not hear.
    pub(super) fn was_committed(&self, doubt: Doubt) -> Result<bool> {
        let newest: Option<String> = self.first(MARKED, &[], |row| row.get(0))?;
        if newest == Some(doubt.mark.to_string()) {
            return Ok(true);
        }
        match self.cluster.is_nameless() {
            true => Err(Error::Away(
                "the connection was lost during the commit: look whether it was done before you repeat it".to_owned(),
            )),
            false => Ok(false),
        }
    }

    /// From here to the end of the transaction nobody else draws a cursor, and at its end the other nodes hear of it.
    pub(super) fn order_events(&self) -> Result<()> {
        if let Transaction::Open {
            failed,
            orders_events: false,
        } = self.transaction.get()
        {
            self.later(
                "SELECT pg_advisory_xact_lock(?1)",
                &[Value::Integer(EVENTS_LOCK)],
            )?;
            self.later("SELECT pg_notify('hookswitch_events', '')", &[])?;
            self.transaction.set(Transaction::Open {
                failed,
                orders_events: true,
            });
        }
        Ok(())
    }
}
