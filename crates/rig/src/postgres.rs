//! A PostgreSQL server in a temporary folder, and a database of its own for each test.
//!
//! The server is Debian's, without durability, and listens on a socket in its folder alone: tests of other programs and
//! other runs never meet. It refuses to run as root, so root starts it as the user `postgres`.

use std::ffi::OsStr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// Where Debian's package `postgresql` puts the server.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// Names the server for tests; while it is set, every store of a test lies in it.
const VARIABLE: &str = "HOOKSWITCH_TEST_POSTGRES";

/// A running server; it ends with its value.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    as_postgres: bool,
}

impl Server {
    /// Whether the programs are installed.
    #[must_use]
    pub fn is_installed() -> bool {
        Path::new(PROGRAMS).join("initdb").is_file()
    }

    /// Makes a server and starts it.
    ///
    /// # Errors
    /// When the programs are not installed, or say why they fail.
    pub fn start() -> Result<Self> {
        ensure!(
            Self::is_installed(),
            "apt-get install -y --no-install-recommends postgresql"
        );
        let folder = tempfile::Builder::new().prefix("hookswitch-pg").tempdir()?;
        let uid = said(Command::new("id").arg("-u"))?;
        let as_postgres = uid == "0";
        if as_postgres {
            let number = |kind| -> Result<u32> {
                Ok(said(Command::new("id").args([kind, "postgres"]))?.parse()?)
            };
            chown(folder.path(), Some(number("-u")?), Some(number("-g")?))?;
        }
        let server = Self {
            folder,
            as_postgres,
        };
        let data = server.data();
        server.run(
            "initdb",
            [
                OsStr::new("-A"),
                OsStr::new("trust"),
                OsStr::new("-U"),
                OsStr::new("postgres"),
                OsStr::new("-E"),
                OsStr::new("UTF8"),
                OsStr::new("--locale=C.UTF-8"),
                OsStr::new("--no-sync"),
                OsStr::new("-D"),
                data.as_os_str(),
            ],
        )?;
        server.resume()?;
        Ok(server)
    }

    /// Starts it again after [`Server::pause`].
    ///
    /// # Errors
    /// What the server says.
    pub fn resume(&self) -> Result<()> {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c full_page_writes=off \
             -c max_connections=400 -c shared_buffers=64MB",
            self.folder.path().display()
        );
        let (data, log) = (self.data(), self.folder.path().join("log"));
        self.run(
            "pg_ctl",
            [
                OsStr::new("-D"),
                data.as_os_str(),
                OsStr::new("-l"),
                log.as_os_str(),
                OsStr::new("-o"),
                OsStr::new(&options),
                OsStr::new("-w"),
                OsStr::new("start"),
            ],
        )
    }

    /// Stops it at once, as a crash would.
    ///
    /// # Errors
    /// What the server says.
    pub fn pause(&self) -> Result<()> {
        let data = self.data();
        self.run(
            "pg_ctl",
            [
                OsStr::new("-D"),
                data.as_os_str(),
                OsStr::new("-m"),
                OsStr::new("immediate"),
                OsStr::new("-w"),
                OsStr::new("stop"),
            ],
        )
    }

    /// The variable that makes tests use it, and its value.
    #[must_use]
    pub fn variable(&self) -> (&'static str, String) {
        (VARIABLE, self.url())
    }

    /// A new, empty database.
    ///
    /// # Errors
    /// What the server says.
    pub fn database(&self) -> Result<Database> {
        Database::new(self.url())
    }

    fn url(&self) -> String {
        let folder = self.folder.path().display().to_string();
        format!("postgres://postgres@{}/", folder.replace('/', "%2F"))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run<'a>(&self, program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
        let program = Path::new(PROGRAMS).join(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(self.folder.path());
        // The server inherits what is open: it must not hold a pipe that somebody reads to its end.
        let log = std::fs::File::create(self.folder.path().join("command.log"))?;
        command
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let status = command.status().context("setpriv")?;
        let log = std::fs::read_to_string(self.folder.path().join("command.log"));
        ensure!(status.success(), "{command:?}: {}", log.unwrap_or_default());
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that is stopped already says so.
        let _ = self.pause();
    }
}

/// A database that lasts as long as its value.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
    url: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// A new, empty one on the server the test command started; `None` when the tests are to run on SQLite.
    ///
    /// # Panics
    /// When the server does not give one.
    #[must_use]
    pub fn of_test() -> Option<Self> {
        let server = std::env::var(VARIABLE).ok()?;
        Some(Self::new(server).expect("the server of the test command runs"))
    }

    fn new(server: String) -> Result<Self> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let url = format!("{server}{name}");
        let database = Self { server, name, url };
        database.ask(&format!(
            "CREATE DATABASE {} TEMPLATE template0",
            database.name
        ))?;
        Ok(database)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs a statement in it.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&self, statement: &str) -> Result<()> {
        said(Command::new("psql").args([
            "-qX",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            &self.url,
        ]))?;
        Ok(())
    }

    fn ask(&self, statement: &str) -> Result<()> {
        let maintenance = format!("{}postgres", self.server);
        said(Command::new("psql").args([
            "-qX",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            &maintenance,
        ]))?;
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Without it the server only keeps it until its own end.
        let _ = self.ask(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
    }
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        text(&output.stderr)
    );
    Ok(text(&output.stdout))
}
