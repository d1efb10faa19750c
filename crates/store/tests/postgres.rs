//! What PostgreSQL adds: several nodes on one database, and a database that goes away and comes back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use hookswitch_rig::postgres::{Database, Server};
use hookswitch_store::documents::{self, Expected, Key};
use hookswitch_store::seal::Place;
use hookswitch_store::{
    Batch, CallKey, Change, Error, EventRow, MasterKey, Options, Store, UnixMicros, domains,
    events, settings, snapshots,
};

/// A database on the server of the test command, or on one of its own that ends with it.
struct Ground {
    database: Database,
    _server: Option<Server>,
}

impl Deref for Ground {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

fn database() -> Ground {
    if let Some(database) = Database::of_test() {
        return Ground {
            database,
            _server: None,
        };
    }
    let server = Server::start().unwrap();
    Ground {
        database: server.database().unwrap(),
        _server: Some(server),
    }
}

fn node(database: &Database, name: &str) -> Store {
    Store::connect(database.url(), of_node(name)).unwrap()
}

fn of_node(name: &str) -> Options {
    Options {
        node: name.to_owned(),
        ..Options::default()
    }
}

fn event(call: u128, sequence: u32) -> EventRow {
    EventRow {
        call: CallKey(call),
        sequence,
        domain: "example.com".into(),
        service: "main".to_owned(),
        name: "callNotify".into(),
        body: "{}".to_owned(),
        ..EventRow::default()
    }
}

fn batch(event: EventRow) -> Batch {
    Batch {
        events: vec![event],
        ..Batch::default()
    }
}

fn submit(store: &Store, batch: Batch) -> mpsc::Receiver<hookswitch_store::Result<()>> {
    let (done, outcome) = mpsc::sync_channel(1);
    let done = move |told| done.try_send(told).unwrap();
    store.writer().submit(batch, done).unwrap();
    outcome
}

fn add_domain(store: &Store) {
    let place = Place {
        domain: "example.com",
        kind: "test",
        field: "secret",
    };
    let secret = MasterKey::ephemeral().seal(place, b"whsec_1");
    store
        .write(move |db| domains::add(db, "example.com", "{}", &secret, UnixMicros(1)))
        .unwrap();
}

fn put_device(store: &Store, id: &'static str) {
    let key = Key {
        domain: "example.com",
        kind: "device",
        id,
        draft: false,
    };
    store
        .write(move |db| documents::put(db, key, "{}", Expected::Any))
        .unwrap();
}

fn psql(database: &Database, statement: &str) -> String {
    let output = Command::new("psql")
        .args([
            "-qXAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            database.url(),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn nodes_that_start_at_once_make_the_tables_one_after_the_other() {
    let database = Arc::new(database());
    let starts = ["a", "b", "c", "d"].map(|name| {
        let database = Arc::clone(&database);
        thread::spawn(move || node(&database, name))
    });
    for start in starts {
        let store = start.join().unwrap();
        assert_eq!(store.read(|db| domains::list(db, None, 9)).unwrap(), []);
    }
}

#[test]
fn two_nodes_of_one_name_do_not_share_a_database() {
    let database = database();
    let _one = node(&database, "a");
    let refused = Store::connect(database.url(), of_node("a")).unwrap_err();
    assert!(refused.to_string().contains("--node"), "{refused}");
    node(&database, "b");
}

#[test]
fn a_node_knows_which_others_are_up() {
    let database = database();
    let (one, two) = (node(&database, "a"), node(&database, "b"));
    assert!(one.is_up("b").unwrap());
    assert!(two.is_up("a").unwrap());
    assert!(!one.is_up("c").unwrap());
    drop(two);
    wait_until("b is gone", || !one.is_up("b").unwrap());
}

#[test]
fn a_database_of_a_newer_release_is_left_alone() {
    let database = database();
    drop(node(&database, "a"));
    psql(&database, "INSERT INTO migrations VALUES (99, 0)");
    let refused = Store::connect(database.url(), of_node("a")).unwrap_err();
    assert!(
        matches!(refused, Error::NewerSchema { found: 99, .. }),
        "{refused}"
    );
}

#[test]
fn both_databases_have_the_same_tables_and_columns() {
    let database = database();
    drop(node(&database, "a"));
    let columns = "SELECT table_name || '.' || column_name FROM information_schema.columns \
                   WHERE table_schema = 'public' AND (column_name <> 'node' OR table_name IN ('bulk_jobs', 'replies')) \
                   ORDER BY 1";
    let mut found: Vec<String> = psql(&database, columns)
        .lines()
        .map(str::to_owned)
        .collect();
    found.sort();
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), Options::default()).unwrap());
    let file = rusqlite::Connection::open(dir.path().join("hookswitch.db")).unwrap();
    let mut statement = file
        .prepare(
            "SELECT tables.name || '.' || columns.name FROM sqlite_schema AS tables, \
             pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'",
        )
        .unwrap();
    let mut expected: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_reader_of_events_skips_none_while_two_nodes_write() {
    const EACH: u128 = 2_000;
    let database = database();
    let nodes = [(1, node(&database, "a")), (2, node(&database, "b"))];
    add_domain(&nodes[0].1);
    let reader = node(&database, "c");
    let writers = nodes.map(|(number, store)| {
        thread::spawn(move || {
            for call in 0..EACH {
                let row = event(number << 64 | call, 1);
                store
                    .writer()
                    .submit(batch(row), |told| told.unwrap())
                    .unwrap();
            }
            store.writer().flush().unwrap();
        })
    });
    let mut after = 0;
    let mut seen: BTreeMap<u128, u32> = BTreeMap::new();
    while seen.len() < 2 * EACH as usize {
        let page = reader
            .read(|db| events::after(db, "example.com", after, 100))
            .unwrap();
        for event in page {
            assert!(event.cursor > after);
            after = event.cursor;
            *seen.entry(event.row.call.0).or_default() += 1;
        }
        if writers.iter().all(thread::JoinHandle::is_finished) {
            let rest = reader
                .read(|db| events::after(db, "example.com", after, 1))
                .unwrap();
            let complete = seen.len() == 2 * EACH as usize;
            assert!(
                complete || !rest.is_empty(),
                "{} seen, and no more come",
                seen.len()
            );
        }
    }
    assert!(seen.values().all(|times| *times == 1));
    for writer in writers {
        writer.join().unwrap();
    }
}

#[test]
fn a_node_hears_whose_provisioning_another_one_changed() {
    let database = database();
    let (one, two) = (node(&database, "a"), node(&database, "b"));
    let (heard, hears) = mpsc::channel();
    two.on_change(Box::new(move |change| drop(heard.send(change.clone()))));
    // It says so once it listens.
    let wait = Duration::from_secs(10);
    while hears.recv_timeout(wait).unwrap() != Change::Everything {}
    let began = Instant::now();
    add_domain(&one);
    put_device(&one, "a");
    let next = || {
        let mut all = std::iter::repeat_with(|| hears.recv_timeout(wait).unwrap());
        all.find(|change| *change != Change::Everything)
    };
    assert_eq!(next(), Some(Change::Domain("example.com".to_owned())));
    assert!(began.elapsed() < Duration::from_secs(1));
    while hears.recv_timeout(Duration::ZERO).is_ok() {}
    put_device(&two, "b");
    put_device(&one, "c");
    assert_eq!(next(), Some(Change::Domain("example.com".to_owned())));
}

#[test]
fn a_node_hears_of_the_events_of_another() {
    let database = database();
    let (one, two) = (node(&database, "a"), node(&database, "b"));
    let (heard, hears) = mpsc::channel();
    two.on_commit(Box::new(move |newest| {
        let _ = heard.send(newest);
    }));
    submit(&one, batch(event(1, 1))).recv().unwrap().unwrap();
    while hears.recv_timeout(Duration::from_secs(10)).unwrap() < 1 {}
}

#[test]
fn snapshots_and_the_outbox_are_each_nodes_own() {
    let database = database();
    let (one, two) = (node(&database, "a"), node(&database, "b"));
    let mut row = batch(event(1, 1));
    row.snapshots = vec![(CallKey(1), Some(vec![7]))];
    submit(&one, row).recv().unwrap().unwrap();
    for (store, own) in [(&one, 1), (&two, 0)] {
        let mut kept = 0;
        store
            .read(|db| snapshots::each(db, |_, _, _| kept += 1))
            .unwrap();
        assert_eq!(kept, own);
        assert_eq!(store.read(events::backlog).unwrap().len(), own);
    }
    let seen = two.read(|db| events::of_call(db, CallKey(1))).unwrap();
    assert_eq!(seen.len(), 1, "what happened is everybody's");
}

#[test]
fn a_text_with_nul_is_kept_and_found() {
    let database = database();
    let store = node(&database, "a");
    store.write(|db| settings::put(db, "a\0b", "c\0d")).unwrap();
    let found = store.read(|db| settings::find(db, "a\0b")).unwrap();
    assert_eq!(found.as_deref(), Some("c\u{2400}d"));
}

#[test]
fn a_database_that_goes_away_delays_what_was_promised_and_refuses_changes() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let options = Options {
        busy_timeout: Duration::from_millis(500),
        ..of_node("a")
    };
    let store = Store::connect(database.url(), options).unwrap();
    add_domain(&store);
    server.pause().unwrap();
    let promised: Vec<_> = (1..=3)
        .map(|call| submit(&store, batch(event(call, 1))))
        .collect();
    while store.writer().health().away_since.is_none() {
        thread::yield_now();
    }
    let refused = store.write(|db| settings::put(db, "a", "1")).unwrap_err();
    assert!(
        refused.is_transient() && matches!(refused, Error::Away(_)),
        "{refused}"
    );
    let refused = store.read(|db| settings::find(db, "a")).unwrap_err();
    assert!(
        refused.is_transient() && matches!(refused, Error::Away(_)),
        "{refused}"
    );
    assert!(promised.iter().all(|outcome| outcome.try_recv().is_err()));
    let metrics = store.writer().metrics();
    assert!(metrics.away && metrics.unanswered >= 2, "{metrics:?}");
    server.resume().unwrap();
    for outcome in promised {
        outcome.recv().unwrap().unwrap();
    }
    assert_eq!(store.writer().health().away_since, None);
    store.write(|db| settings::put(db, "b", "2")).unwrap();
    let found = store.read(|db| Ok((settings::find(db, "a")?, settings::find(db, "b")?)));
    assert!(!store.writer().metrics().away);
    assert_eq!(
        found.unwrap(),
        (None, Some("2".to_owned())),
        "what was refused is never made"
    );
    let stored = store
        .read(|db| events::after(db, "example.com", 0, 9))
        .unwrap();
    assert_eq!(stored.len(), 3);
}

/// Every one of many batches is told as written, and is there once, though `breaks` happens in the middle of them.
fn loses_nothing_and_doubles_nothing(database: &Database, breaks: impl Fn()) {
    const CALLS: u128 = 3_000;
    let store = node(database, "a");
    add_domain(&store);
    let outcomes: Vec<_> = (0..CALLS)
        .map(|call| {
            if call % 300 == 0 {
                breaks();
            }
            submit(&store, batch(event(call, 1)))
        })
        .collect();
    for outcome in outcomes {
        outcome.recv().unwrap().unwrap();
    }
    let count = psql(database, "SELECT count(*) FROM events");
    assert_eq!(count.trim(), CALLS.to_string());
}

#[test]
fn connections_that_break_at_any_moment_lose_nothing_and_double_nothing() {
    let database = database();
    loses_nothing_and_doubles_nothing(&database, || {
        psql(
            &database,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    });
}

#[test]
fn a_server_that_crashes_at_any_moment_loses_nothing_and_doubles_nothing() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    loses_nothing_and_doubles_nothing(&database, || {
        server.pause().unwrap();
        server.resume().unwrap();
    });
}

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(20);

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} does not come");
        thread::yield_now();
    }
}

/// Whether a connection of the store waits for that in the middle of its commit.
fn commit_waits_for(database: &Database, event: &str) -> bool {
    let question = format!(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE application_name = 'hookswitch' AND query = 'COMMIT' AND wait_event = '{event}'"
    );
    psql(database, &question).trim() != "0"
}

/// Commits that put something into a table wait, and are lost with the server; later ones are not.
struct Doomed {
    server: Server,
    holder: Child,
}

impl Doomed {
    fn commits(server: Server, database: &Database, table: &str) -> Self {
        psql(
            database,
            &format!(
                "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END'; \
                 CREATE CONSTRAINT TRIGGER wait AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW EXECUTE FUNCTION wait()"
            ),
        );
        let holder = Command::new("psql")
            .args(["-qX", "-c", "SELECT pg_advisory_lock(42), pg_sleep(600)"])
            .arg(database.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("the lock", || {
            psql(database, "SELECT count(*) FROM pg_locks WHERE objid = 42").trim() != "0"
        });
        Self { server, holder }
    }

    /// The server crashes in the middle of the commit, and comes back.
    fn are_lost(mut self, database: &Database) -> Server {
        wait_until("the commit", || commit_waits_for(database, "advisory"));
        self.server.pause().unwrap();
        self.holder.wait().unwrap();
        self.server.resume().unwrap();
        self.server
    }
}

#[test]
fn a_commit_that_the_server_did_not_survive_is_made_again() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let store = node(&database, "a");
    add_domain(&store);
    let doomed = Doomed::commits(server, &database, "events");
    let outcome = submit(&store, batch(event(1, 1)));
    let _server = doomed.are_lost(&database);
    outcome.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(psql(&database, "SELECT count(*) FROM events").trim(), "1");
}

#[test]
fn a_change_made_while_batches_fail_is_not_told_as_done_when_its_commit_is_lost() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let options = Options {
        give_up: Duration::ZERO,
        ..of_node("a")
    };
    let store = Store::connect(database.url(), options).unwrap();
    add_domain(&store);
    psql(
        &database,
        "CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN RAISE disk_full; END$$; \
         CREATE TRIGGER is_full BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION is_full()",
    );
    let doomed = Doomed::commits(server, &database, "settings");
    let _waits = submit(&store, batch(event(1, 1)));
    wait_until("the full disk", || {
        store.writer().health().away_since.is_some()
    });
    let (told, outcome) = mpsc::channel();
    let change = store.clone();
    thread::spawn(move || told.send(change.write(|db| settings::put(db, "x", "1"))));
    let _server = doomed.are_lost(&database);
    let refused = outcome.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    let found = psql(&database, "SELECT count(*) FROM settings WHERE name = 'x'");
    assert_eq!(found.trim(), "0");
}

#[test]
fn an_operators_command_whose_commit_was_lost_says_that_it_does_not_know() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let options = Options {
        busy_timeout: Duration::from_millis(500),
        give_up: Duration::ZERO,
        ..of_node("")
    };
    let store = Store::connect(database.url(), options).unwrap();
    let doomed = Doomed::commits(server, &database, "settings");
    let (told, outcome) = mpsc::channel();
    let command = store.clone();
    thread::spawn(move || told.send(command.write(|db| settings::put(db, "x", "1"))));
    let _server = doomed.are_lost(&database);
    let unknown = outcome.recv_timeout(PATIENCE).unwrap().unwrap_err();
    let says = "look whether it was done before you repeat it";
    assert!(unknown.to_string().contains(says), "{unknown}");
}

#[test]
fn a_commit_that_was_done_though_its_answer_was_lost_is_not_made_again() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let store = node(&database, "a");
    add_domain(&store);
    // The commit is done, and waits for a copy that nobody makes.
    let copies = |names: &str| {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        psql(&database, &set);
        psql(&database, "SELECT pg_reload_conf()");
    };
    copies("nobody");
    // The server may take a moment before it follows.
    let mut calls = 0;
    let outcome = loop {
        calls += 1;
        let outcome = submit(&store, batch(event(calls, 1)));
        let told = RefCell::new(None);
        wait_until("the commit", || {
            *told.borrow_mut() = outcome.try_recv().ok();
            told.borrow().is_some() || commit_waits_for(&database, "SyncRep")
        });
        if told.into_inner().is_none() {
            break outcome;
        }
    };
    server.pause().unwrap();
    server.resume().unwrap();
    copies("");
    outcome.recv_timeout(PATIENCE).unwrap().unwrap();
    let written = psql(&database, "SELECT count(*) FROM events");
    assert_eq!(written.trim(), calls.to_string());
}
