//! `hookswitch serve` on free loopback ports in a temporary folder, and a tenant in it.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Connection, Reply};
use crate::program::{LOOPBACK, Running, free_port};

/// How long the program may take to print its ready line.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running server.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    running: Running,
    folder: TempDir,
    options: Vec<String>,
    /// Whether loopback is anything special.
    is_dev: bool,
    /// Where REST listens.
    pub http: SocketAddr,
    /// Where SIP listens over UDP.
    pub udp: SocketAddr,
    /// Where SIP listens over TCP.
    pub tcp: SocketAddr,
}

impl Server {
    /// Starts `program serve --dev` with these further options and waits for its ready line.
    ///
    /// # Errors
    /// When it ends or stays silent; its log is in the message.
    pub fn start(program: &Path, options: &[&str]) -> Result<Self> {
        Self::start_in(program, options, &[])
    }

    /// The same with further environment variables, for this life only.
    ///
    /// # Errors
    /// When it ends or stays silent; its log is in the message.
    pub fn start_in(
        program: &Path,
        options: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        Self::begin(program, true, options, environment)
    }

    /// Starts `program serve` without `--dev`: callers on loopback are strangers unless an option lists them.
    ///
    /// # Errors
    /// When it ends or stays silent; its log is in the message.
    pub fn start_among_strangers(program: &Path, options: &[&str]) -> Result<Self> {
        Self::begin(program, false, options, &[])
    }

    fn begin(
        program: &Path,
        is_dev: bool,
        options: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        // Between two lives nobody else is given them.
        let address = format!("{LOOPBACK}:{}", free_port()?);
        let life = Life {
            program,
            is_dev,
            folder: folder.path(),
            http: &address,
            sip: [free_port()?, free_port()?],
        };
        let (running, ready) = life.launch(&options, environment)?;
        Ok(Self {
            is_dev,
            program: program.to_owned(),
            running,
            http: http(&ready)?,
            udp: listener(&ready, "udp:")?,
            tcp: listener(&ready, "tcp:")?,
            folder,
            options,
        })
    }

    /// Ends the program as a power cut would.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.running.signal("KILL")?;
        self.running.wait()?;
        Ok(())
    }

    /// Starts the program again after its end: same folder, same options, same ports.
    ///
    /// # Errors
    /// When it ends or stays silent, or has other ports; its log is in the message.
    pub fn start_again(&mut self) -> Result<()> {
        self.start_again_in(&[])
    }

    /// The same with further environment variables, for this life only.
    ///
    /// # Errors
    /// When it ends or stays silent, or has other ports; its log is in the message.
    pub fn start_again_in(&mut self, environment: &[(&str, &str)]) -> Result<()> {
        let address = self.http.to_string();
        let life = Life {
            program: &self.program,
            is_dev: self.is_dev,
            folder: self.folder.path(),
            http: &address,
            // The program remembers which.
            sip: [0, 0],
        };
        let (running, ready) = life.launch(&self.options, environment)?;
        self.running = running;
        let ports = (listener(&ready, "udp:")?, listener(&ready, "tcp:")?);
        ensure!(ports == (self.udp, self.tcp), "other ports: {ready}");
        Ok(())
    }

    /// Adds further options, or overrides earlier ones, from the next start on.
    pub fn options(&mut self, options: &[&str]) {
        self.options
            .extend(options.iter().map(|&option| option.to_owned()));
    }

    /// The process id, for the kernel's accounting.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// A folder that goes with the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default()
    }

    /// Sends a signal by its name.
    ///
    /// # Errors
    /// When `kill` fails.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.running.signal(name)
    }

    /// Waits for the end and tells the exit code.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn wait(&mut self) -> Result<i32> {
        self.running.wait()
    }

    /// Whether the program has ended by itself.
    ///
    /// # Errors
    /// When the process cannot be looked at.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.running.ended()?.is_some())
    }

    /// Runs `hookswitch ARGUMENTS --data FOLDER` and reads the JSON it prints; null when it prints nothing.
    ///
    /// # Errors
    /// When it fails.
    pub fn command(&self, arguments: &[&str]) -> Result<Value> {
        let output = Command::new(&self.program)
            .args(arguments)
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .output()?;
        ensure!(
            output.status.success(),
            "hookswitch {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        if output.stdout.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Adds a tenant.
    ///
    /// # Errors
    /// When `hookswitch domain add` fails.
    pub fn add_tenant(&self, domain: &str) -> Result<Tenant> {
        let reply = self.command(&["domain", "add", domain])?;
        let member = |name: &str| {
            let text = reply[name].as_str().map(str::to_owned);
            text.with_context(|| format!("domain add prints no {name}"))
        };
        Ok(Tenant {
            http: self.http,
            domain: member("domain")?,
            token: member("token")?,
            webhook_secret: member("webhookSecret")?,
        })
    }
}

/// One life of the program.
struct Life<'l> {
    program: &'l Path,
    is_dev: bool,
    folder: &'l Path,
    http: &'l str,
    /// Ports for UDP and TCP; 0 for any.
    sip: [u16; 2],
}

impl Life<'_> {
    /// Its process and its ready line.
    fn launch(&self, options: &[String], environment: &[(&str, &str)]) -> Result<(Running, Value)> {
        let path = self.folder.join("serve.log");
        let log = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut command = Command::new(self.program);
        command
            .arg("serve")
            .args(self.is_dev.then_some("--dev"))
            .args(["--http", self.http])
            .args(["--sip", &format!("udp:{LOOPBACK}:{}", self.sip[0])])
            .args(["--sip", &format!("tcp:{LOOPBACK}:{}", self.sip[1])])
            .arg("--data")
            .arg(self.folder.join("data"))
            .args(options)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut running = Running::start(&mut command)?;
        let stdout = running.take_stdout().context("stdout is a pipe")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens any more once the ready line was read.
                let _ = sender.send(line);
            }
        });
        loop {
            let line = lines.recv_timeout(READY_WITHIN).with_context(|| {
                let log = std::fs::read_to_string(&path);
                format!("no ready line; the log:\n{}", log.unwrap_or_default())
            })?;
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line["ready"] == json!(true) {
                return Ok((running, line));
            }
        }
    }
}

fn http(ready: &Value) -> Result<SocketAddr> {
    let http = ready["http"].as_str().unwrap_or_default();
    Ok(http.strip_prefix("http://").unwrap_or(http).parse()?)
}

fn listener(ready: &Value, kind: &str) -> Result<SocketAddr> {
    let listeners = ready["sip"].as_array().map(Vec::as_slice);
    let found = listeners.unwrap_or_default().iter().find_map(|listener| {
        let listener = listener.as_str()?;
        listener.strip_prefix(kind)
    });
    let address = found.with_context(|| format!("the ready line names no {kind}"))?;
    Ok(address.parse()?)
}

/// A tenant, seen by its own application.
#[derive(Clone, Debug)]
pub struct Tenant {
    http: SocketAddr,
    /// Its domain.
    pub domain: String,
    /// Its first API token.
    pub token: String,
    /// The secret of its webhook signatures.
    pub webhook_secret: String,
}

impl Tenant {
    /// The same tenant, seen through another node.
    #[must_use]
    pub fn at(&self, node: &Server) -> Self {
        Self {
            http: node.http,
            ..self.clone()
        }
    }

    /// The same tenant with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// One authenticated REST request.
    ///
    /// # Errors
    /// When the connection breaks; an error status is a reply.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        Connection::open(self.http)?.request(method, path, Some(&self.token), body)
    }

    /// A call command: `command("hangupcall", {"replyId": …})`.
    ///
    /// # Errors
    /// When the connection breaks; an error status is a reply.
    pub fn command(&self, name: &str, body: &Value) -> Result<Reply> {
        let path = format!("/mediaservice/{}/{name}", self.domain);
        self.request("POST", &path, Some(body))
    }

    /// The same under an Idempotency-Key.
    ///
    /// # Errors
    /// When the connection breaks; an error status is a reply.
    pub fn command_once(&self, key: &str, name: &str, body: &Value) -> Result<Reply> {
        let path = format!("/mediaservice/{}/{name}", self.domain);
        let connection = Connection::open(self.http)?.with_header("Idempotency-Key", key);
        { connection }.request("POST", &path, Some(&self.token), Some(body))
    }

    /// Provisions a cloudsipua service for every destination, called back at `base_url`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn add_service(&self, base_url: &str, extra: &Value) -> Result<String> {
        let mut service = json!({
            "name": "device application",
            "destinationMatch": ".*",
            "callbackBaseUrl": base_url,
            "restAuthentication": [],
        });
        for (member, value) in extra.as_object().into_iter().flatten() {
            service[member] = value.clone();
        }
        let path = format!("/provisioning/cloudsipua/{}", self.domain);
        let reply = self.request("POST", &path, Some(&service))?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.body);
        let id = reply.body["id"].as_str().context("an id of the service")?;
        Ok(id.to_owned())
    }
}
