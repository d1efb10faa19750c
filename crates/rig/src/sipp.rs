//! SIPp: one scenario, one process, one verdict, with its messages at hand when it fails.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::program::{LOOPBACK, Running, Socket, find, free_port, holds_port, wait_for_port};

/// SIPp's exit code when its port was taken by somebody else in between.
const BIND_FAILED: i32 = 254;

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One UDP socket.
    Udp,
    /// One TCP connection.
    Tcp,
}

impl Transport {
    /// SIPp's `-t` value.
    pub fn mode(self) -> &'static str {
        match self {
            Self::Udp => "u1",
            Self::Tcp => "t1",
        }
    }

    /// The value of a URI's `transport` parameter.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parameter())
    }
}

/// A SIPp to be started.
#[derive(Debug)]
pub struct Sipp {
    scenario: PathBuf,
    transport: Transport,
    arguments: Vec<String>,
    calls: u32,
    timeout: Duration,
    keeps_messages: bool,
}

impl Sipp {
    /// One call of the scenario in that file, given up after 20 s.
    pub fn scenario(file: impl Into<PathBuf>, transport: Transport) -> Self {
        Self {
            scenario: file.into(),
            transport,
            arguments: Vec::new(),
            calls: 1,
            timeout: Duration::from_secs(20),
            keeps_messages: true,
        }
    }

    /// That many calls in all.
    #[must_use]
    pub fn calls(mut self, calls: u32) -> Self {
        self.calls = calls;
        self
    }

    /// Gives up after `timeout` (whole seconds).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Writes no messages down, for load.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.keeps_messages = false;
        self
    }

    /// Adds options as SIPp's own manual has them.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&text| text.to_owned()));
        self
    }

    /// Sets the keyword `[name]` of the scenario.
    #[must_use]
    pub fn key(self, name: &str, value: &str) -> Self {
        self.with(&["-key", name, value])
    }

    /// Starts it as the caller of `user` at `target`.
    ///
    /// # Errors
    /// When SIPp is missing or does not start.
    pub fn call(self, user: &str, target: SocketAddr) -> Result<Call> {
        let socket = self.socket();
        let sipp = self.with(&["-s", user, &target.to_string()]);
        for _ in 0..5 {
            let mut call = sipp.start(free_port()?)?;
            if call.has_its_port(socket)? {
                return Ok(call);
            }
        }
        bail!("SIPp found five free ports taken");
    }

    fn socket(&self) -> Socket {
        match self.transport {
            Transport::Udp => Socket::Udp,
            Transport::Tcp => Socket::Tcp,
        }
    }

    /// Starts it as the called side and waits until its port is open.
    ///
    /// # Errors
    /// When SIPp is missing or does not open its port.
    pub fn listen(self) -> Result<Call> {
        let socket = self.socket();
        for _ in 0..5 {
            let mut call = self.start(free_port()?)?;
            match wait_for_port(socket, call.address.port(), Duration::from_secs(10)) {
                Ok(()) => return Ok(call),
                Err(_) if call.running.ended()? == Some(BIND_FAILED) => {}
                Err(error) => return Err(error.context(call.story())),
            }
        }
        bail!("SIPp found five free ports taken");
    }

    fn start(&self, port: u16) -> Result<Call> {
        let folder = tempfile::tempdir()?;
        let log = std::fs::File::create(folder.path().join("screen"))?;
        let mut command = Command::new(find("sipp")?);
        command
            .args(["-nostdin", "-i", &LOOPBACK.to_string(), "-t"])
            .arg(self.transport.mode())
            .args(["-p", &port.to_string(), "-m", &self.calls.to_string()])
            .args(["-timeout", &format!("{}s", self.timeout.as_secs())])
            .args(["-timeout_error", "-trace_err", "-error_file", "errors"])
            .arg("-sf")
            .arg(&self.scenario)
            .args(&self.arguments)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(log);
        if self.keeps_messages {
            command.args(["-trace_msg", "-message_file", "messages"]);
        }
        let running = Running::start(&mut command)?;
        let address = SocketAddr::new(LOOPBACK, port);
        let name = self.scenario.file_stem().unwrap_or_default();
        Ok(Call {
            name: name.to_string_lossy().into_owned(),
            running,
            folder,
            address,
        })
    }
}

/// A SIPp that runs.
#[derive(Debug)]
pub struct Call {
    name: String,
    running: Running,
    folder: TempDir,
    /// Where this SIPp listens.
    pub address: SocketAddr,
}

impl Call {
    /// Waits for the end; what SIPp says it received and sent.
    ///
    /// # Errors
    /// When a call failed: the whole exchange is in the message.
    pub fn finish(mut self) -> Result<Messages> {
        match self.running.wait()? {
            0 => Ok(Messages(self.read("messages"))),
            code => bail!("SIPp ended with {code}\n{}", self.story()),
        }
    }

    /// Waits for the end and tells SIPp's exit code, for load that may fail.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn wait(&mut self) -> Result<i32> {
        self.running.wait()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Where SIPp writes its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until it has bound its port; `false` when somebody else had, in between.
    fn has_its_port(&mut self, socket: Socket) -> Result<bool> {
        loop {
            if let Some(code) = self.running.ended()? {
                return Ok(code != BIND_FAILED);
            }
            if holds_port(self.id(), socket, self.address.port())? {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }

    fn story(&self) -> String {
        let (screen, errors, messages) = (
            self.read("screen"),
            self.read("errors"),
            self.read("messages"),
        );
        format!("scenario {}\n{screen}{errors}\n{messages}", self.name)
    }
}

/// The log of an exchange.
#[derive(Debug)]
pub struct Messages(String);

impl Messages {
    /// Each message received, in order.
    pub fn received(&self) -> Vec<&str> {
        self.split("message received")
    }

    /// Each message sent, in order.
    pub fn sent(&self) -> Vec<&str> {
        self.split("message sent")
    }

    fn split(&self, marker: &str) -> Vec<&str> {
        self.0
            .split("-----------------------------------------------")
            .filter(|part| part.lines().take(2).any(|line| line.contains(marker)))
            .filter_map(|part| part.split_once("\n\n").map(|(_, message)| message))
            .collect()
    }
}
