//! The database is locked by somebody else, its disk is full, or it is a PostgreSQL that is stopped: calls under way go on,
//! promises wait, new calls are told to come again, and afterwards everything is told, once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hookswitch_rig::postgres;
use hookswitch_rig::sipp::Transport;
use rusqlite::Connection;
use serde_json::json;

use crate::world::World;

/// How long the database is away.
const AWAY: Duration = Duration::from_secs(10);
/// What was waiting comes within this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the inner run of a test finds its small disk.
const SMALL_DISK: &str = "HOOKSWITCH_TEST_DISK";

/// Takes the database away by `breaks`, and gives it back by dropping what that returned.
fn goes_on_without_its_database<T>(world: &World, breaks: impl FnOnce(&Path) -> T) {
    let talking = world.sipp("uac_call_and_bye").with(&["-d", "5000"]);
    let talking = world.starts(talking, "1001");
    world.hears("callAnswered");
    let began = Instant::now();
    let broken = breaks(&world.server.folder().join("data"));
    let waiting = world.sipp("uac_call_and_bye").timeout(PATIENCE);
    let waiting = world.starts(waiting, "1002");
    // Who talks may hang up, promised or not; by then the node knows that it cannot promise anything.
    world.holds(talking);
    while began.elapsed() < AWAY {
        world.calls("uac_overload", "1003");
    }
    assert_eq!(
        world.application.callbacks().len(),
        2,
        "nothing was told that is not written"
    );
    drop(broken);
    world.holds(waiting);
    world.calls("uac_call_and_bye", "1004");
    let ended = RefCell::new(BTreeSet::new());
    let all_ended = world
        .application
        .wait_until("third callHungup", PATIENCE, |heard| {
            if heard.name == "callHungup" {
                ended.borrow_mut().insert(heard.text("sessionId"));
            }
            ended.borrow().len() == 3
        });
    all_ended.unwrap_or_else(|error| panic!("{error:#}\n{}", world.server.log()));
    let story = ["newRemoteCall", "callAnswered", "callHungup"];
    assert_eq!(world.told_stories(), [story, story, story]);
    assert_eq!(world.application.callbacks().len(), 9, "each once");
}

#[test]
fn while_somebody_locks_the_database_calls_go_on_and_promises_wait() {
    let world = World::answering(Transport::Udp);
    goes_on_without_its_database(&world, |data| {
        let database = Connection::open(data.join("hookswitch.db")).unwrap();
        database.busy_timeout(AWAY).unwrap();
        database.execute_batch("BEGIN EXCLUSIVE").unwrap();
        database
    });
}

#[test]
fn while_postgresql_is_stopped_calls_go_on_and_promises_wait() {
    let server = postgres::Server::start().unwrap();
    let database = server.database().unwrap();
    let world = World::answering_with(Transport::Udp, &["--database", database.url()]);
    let service = json!({"name": "x", "destinationMatch": "x", "callbackBaseUrl": world.application.base_url()});
    let provisions = || {
        let path = "/provisioning/cloudsipua/acme.test";
        world.tenant.request("POST", path, Some(&service)).unwrap()
    };
    goes_on_without_its_database(&world, |_| {
        let stopped = Stopped::new(&server);
        let refused = provisions();
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert_eq!(refused.body["code"], "database_away");
        stopped
    });
    assert_eq!(provisions().status, 200);
    let log = world.server.log();
    assert!(log.contains("the database cannot be used"), "{log}");
    assert!(!log.contains("terminating connection"), "{log}");
}

/// A PostgreSQL that is stopped, until this is dropped.
struct Stopped<'a>(&'a postgres::Server);

impl<'a> Stopped<'a> {
    fn new(server: &'a postgres::Server) -> Self {
        server.pause().unwrap();
        Self(server)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.resume().unwrap();
    }
}

#[test]
fn while_the_disk_is_full_calls_go_on_and_promises_wait() {
    const NAME: &str = "disk::while_the_disk_is_full_calls_go_on_and_promises_wait";
    if std::env::var_os(SMALL_DISK).is_some() {
        let world = World::answering(Transport::Udp);
        goes_on_without_its_database(&world, Filled::new);
        return;
    }
    // The same test once more, in a mount namespace of its own whose temporary folder is a small disk.
    let disk = tempfile::tempdir().unwrap();
    let mount = format!(
        "mount -t tmpfs -o size=48m small {} && exec \"$@\"",
        disk.path().display()
    );
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        &mount,
        "sh",
    ]);
    let probe = Command::new("unshare").args(["--mount", "true"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("skipped: only root may mount a small disk to fill it");
        return;
    }
    let inner = command
        .arg(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .envs([(SMALL_DISK, disk.path()), ("TMPDIR", disk.path())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(
        inner.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&inner.stderr)
    );
    assert!(said.contains("1 passed"), "{said}");
}

/// A file that takes all the room there is, until it is dropped.
struct Filled(PathBuf);

impl Filled {
    fn new(folder: &Path) -> Self {
        let path = folder.with_file_name("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 4_096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Self(path)
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}
