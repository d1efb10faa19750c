//! Stores in temporary folders and rows to put into them.

use hookswitch_rig::postgres::Database;
use tempfile::TempDir;

use crate::events::{self, DeliveryState, StoredEvent};
use crate::sql::Sql;
use crate::{
    Batch, CallKey, CallRow, DeliveryUpdate, EventRow, LadderRow, MasterKey, Options, SealedText,
    Store, UnixMicros, domains, seal,
};

/// Where a test's store lies: in a folder, or on the PostgreSQL server of the test command.
pub(crate) struct Home {
    dir: TempDir,
    database: Option<Database>,
}

impl Home {
    /// Where a backup takes it from.
    pub(crate) fn source(&self) -> crate::backup::Source<'_> {
        match &self.database {
            None => crate::backup::Source::Folder(self.dir.path()),
            Some(database) => crate::backup::Source::Postgres(database.url()),
        }
    }

    /// Opens the store that lies there.
    pub(crate) fn open(&self, options: Options) -> Store {
        match &self.database {
            None => Store::open(self.dir.path(), options).unwrap(),
            Some(database) => Store::connect(database.url(), options).unwrap(),
        }
    }
}

/// A store with the domain `example.com` in it.
pub(crate) fn store() -> (Home, Store) {
    store_with(Options::default())
}

pub(crate) fn store_with(options: Options) -> (Home, Store) {
    let home = Home {
        dir: tempfile::tempdir().unwrap(),
        database: Database::of_test(),
    };
    let store = home.open(options);
    add_domain(&store, "example.com");
    (home, store)
}

/// The same in a folder, for what is SQLite's own.
pub(crate) fn file_store(options: Options) -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options).unwrap();
    add_domain(&store, "example.com");
    (dir, store)
}

pub(crate) fn add_domain(store: &Store, name: &'static str) {
    store
        .write(move |db| domains::add(db, name, "{}", &sealed("whsec_1"), UnixMicros(1)))
        .unwrap();
}

/// Some sealed text; what it says is of no interest.
pub(crate) fn sealed(text: &str) -> SealedText {
    let place = seal::Place {
        domain: "example.com",
        kind: "test",
        field: "secret",
    };
    MasterKey::ephemeral().seal(place, text.as_bytes())
}

/// A ringing inbound call that started at `id` seconds.
pub(crate) fn call(id: u128) -> CallRow {
    CallRow {
        id: CallKey(id),
        domain: "example.com".into(),
        direction: "inbound".into(),
        source_user: "+4670".to_owned(),
        destination_user: "112".to_owned(),
        sip_call_id: format!("{id}@198.51.100.7"),
        started_at: UnixMicros(u64::try_from(id).unwrap() * 1_000_000),
        state: "ringing".into(),
        session_reference_id: None,
        answered_at: None,
        ended_at: None,
        class: None,
        record: r#"{"a":1}"#.to_owned(),
    }
}

/// An event of a call; its fourth is its last.
pub(crate) fn event(call: u128, sequence: u32) -> EventRow {
    EventRow {
        webhook_id: format!("msg_{call}_{sequence}"),
        call: CallKey(call),
        domain: "example.com".into(),
        service: "main".to_owned(),
        callback_id: "cb".to_owned(),
        name: "callNotify".into(),
        sequence,
        terminal: sequence == 4,
        target: None,
        created_at: UnixMicros(1_000 + u64::from(sequence)),
        body: format!(r#"{{"sequence":{sequence}}}"#),
        sealed: None,
    }
}

pub(crate) fn delivered(call: u128, sequence: u32) -> DeliveryUpdate {
    DeliveryUpdate::delivered(CallKey(call), sequence, UnixMicros(2_000))
}

pub(crate) fn ladder_row(call: u128, at: u64) -> LadderRow {
    LadderRow {
        call: CallKey(call),
        domain: None,
        at: UnixMicros(at),
        rows: vec![1, 2, 3],
    }
}

/// Writes a batch and waits for it.
pub(crate) fn write(store: &Store, batch: Batch) -> crate::Result<()> {
    store.write(move |db| batch.apply(db))
}

/// The connection itself, for what is SQLite's own.
pub(crate) fn sqlite<'a>(db: &crate::Read<'a>) -> &'a rusqlite::Connection {
    match db.sql {
        Sql::Sqlite(connection) => connection,
        Sql::Postgres(_) => panic!("the test is SQLite's own"),
    }
}

/// How SQLite would go about a statement, step by step.
pub(crate) fn plan(db: &crate::Read<'_>, sql: &str) -> crate::Result<Vec<String>> {
    let mut statement = sqlite(db).prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let anything = vec![1; statement.parameter_count()];
    let steps = statement.query_map(rusqlite::params_from_iter(anything), |row| row.get(3))?;
    Ok(steps.collect::<rusqlite::Result<_>>()?)
}

/// Up to `limit` events that wait behind `after`, of whatever service.
pub(crate) fn pending(
    db: &crate::Read<'_>,
    limit: usize,
    after: i64,
) -> crate::Result<Vec<StoredEvent>> {
    let mut events = events::after(db, "example.com", after, u32::MAX)?;
    events.retain(|event| event.state == DeliveryState::Pending);
    events.truncate(limit);
    Ok(events)
}
