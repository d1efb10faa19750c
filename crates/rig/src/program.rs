//! Other people's programs: found, or asked for with the package that brings them; stopped when done.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// Where everything happens.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The first of the ports that are handed out here; well-known services lie below.
const FIRST_PORT: u16 = 20_000;

/// The path of a program the tests need.
///
/// # Errors
/// When it is not installed; the message says which Debian package brings it.
pub fn find(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    let package = match program {
        "sipp" => "sip-tester",
        "baresip" => "baresip-core",
        other => other,
    };
    found.with_context(|| {
        format!("{program} is missing: apt-get install --no-install-recommends {package}")
    })
}

/// A port of loopback that is this process's alone until it ends, for programs that cannot say which one they
/// took, and for addresses where nobody must listen.
///
/// It lies below the ports the kernel gives away by itself, and every process that asks here is told another one:
/// the claim is an abstract Unix socket, which the kernel takes back with the process.
///
/// # Errors
/// When all of them are taken.
pub fn free_port() -> Result<u16> {
    let lowest_given_away = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")?
        .split_whitespace()
        .next()
        .and_then(|lowest| lowest.parse::<u16>().ok())
        .context("/proc/sys/net/ipv4/ip_local_port_range begins with no port")?;
    // Every second one: who is told a SIP port may take the next one for TLS, as baresip does.
    let ports = (FIRST_PORT..lowest_given_away.max(FIRST_PORT + 1_000)).step_by(2);
    // Processes begin at different places, so that one rarely has to pass the claims of the others.
    let first = std::process::id() as usize * 31 % ports.len();
    for port in ports.clone().cycle().skip(first).take(ports.len()) {
        let name = format!("hookswitch-rig-port-{port}");
        let Ok(claim) = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?) else {
            continue;
        };
        if UdpSocket::bind((LOOPBACK, port)).is_ok() && TcpListener::bind((LOOPBACK, port)).is_ok()
        {
            // Never given back: a port that was ours may still be written to.
            std::mem::forget(claim);
            return Ok(port);
        }
    }
    bail!("no port from {FIRST_PORT} on is free for UDP and TCP at once");
}

/// Which kind of socket a program opens when it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// A bound UDP socket.
    Udp,
    /// A listening TCP socket.
    Tcp,
}

/// Waits until somebody holds `port`, as the kernel's own tables have it.
///
/// # Errors
/// When nobody does within `patience`.
pub fn wait_for_port(socket: Socket, port: u16, patience: Duration) -> Result<()> {
    let (table, state) = match socket {
        Socket::Udp => ("/proc/net/udp", "07"),
        Socket::Tcp => ("/proc/net/tcp", "0A"),
    };
    let wanted = format!(":{port:04X}");
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        let is_open = std::fs::read_to_string(table)?.lines().any(|line| {
            let mut columns = line.split_whitespace().skip(1);
            let local = columns.next().unwrap_or_default();
            local.ends_with(&wanted) && columns.nth(1) == Some(state)
        });
        if is_open {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(5));
    }
    bail!("nobody opened {socket:?} port {port} within {patience:?}");
}

/// Whether that very process holds `port`: somebody else may.
///
/// # Errors
/// When the kernel's table cannot be read.
pub fn holds_port(process: u32, socket: Socket, port: u16) -> Result<bool> {
    let table = match socket {
        Socket::Udp => "/proc/net/udp",
        Socket::Tcp => "/proc/net/tcp",
    };
    let wanted = format!(":{port:04X}");
    let table = std::fs::read_to_string(table)?;
    let inodes: Vec<String> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.get(1).is_some_and(|local| local.ends_with(&wanted)))
        .filter_map(|columns| Some(format!("socket:[{}]", columns.get(9)?)))
        .collect();
    // It may have ended in between, and then holds nothing.
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else {
        return Ok(false);
    };
    Ok(files
        .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .any(|file| {
            inodes
                .iter()
                .any(|inode| file.as_os_str() == inode.as_str())
        }))
}

/// A running program that does not outlive its owner.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts `command` without a terminal.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the program prints, when it was started with a pipe for it.
    pub fn take_stdout(&mut self) -> Option<impl Read + Send + 'static> {
        self.child.stdout.take()
    }

    /// Sends a signal by its name (`TERM`, `USR1`).
    ///
    /// # Errors
    /// When `kill` fails.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()?;
        ensure!(status.success(), "kill -s {name} failed");
        Ok(())
    }

    /// Waits for the end and tells the exit code; 255 when a signal ended it.
    ///
    /// # Errors
    /// When the program cannot be waited for.
    pub fn wait(&mut self) -> Result<i32> {
        Ok(self.child.wait()?.code().unwrap_or(255))
    }

    /// The exit code when the program has ended.
    ///
    /// # Errors
    /// When the program cannot be waited for.
    pub fn ended(&mut self) -> Result<Option<i32>> {
        let status = self.child.try_wait()?;
        Ok(status.map(|status| status.code().unwrap_or(255)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, only to reap.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_port_is_handed_out_once() {
        let ports: HashSet<u16> = (0..50).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 50);
    }
}
