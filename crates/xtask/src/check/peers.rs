//! The programs the surface tests talk to, installed when that is possible and asked for when not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// A program the surface tests need, and the Debian package that brings it.
const PEERS: [(&str, &str); 7] = [
    ("sipp", "sip-tester"),
    ("baresip", "baresip-core"),
    ("kamailio", "kamailio"),
    ("curl", "curl"),
    ("tsc", "node-typescript"),
    ("mypy", "mypy"),
    ("pg_ctlcluster", "postgresql"),
];

/// dpkg asks this file before it starts a daemon; 101 forbids it.
const DAEMON_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Makes sure every peer is there: as root with apt it installs them, else it says what to install.
pub(crate) fn install_missing() -> Result<()> {
    let missing = PEERS.iter().filter(|(program, _)| !is_installed(program));
    install(
        "the surface tests",
        &missing.map(|&(_, package)| package).collect::<Vec<_>>(),
    )
}

/// Installs Debian packages as root with apt, else says what to install for `whom`.
pub(crate) fn install(whom: &str, missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!(
        "apt-get install -y --no-install-recommends {}",
        missing.join(" ")
    );
    if !is_root() || !is_installed("apt-get") {
        bail!("{whom} need programs that are not here; as root:\n  {install}");
    }
    let _quiet = DaemonsForbidden::set()?;
    apt(&["update", "-q"])?;
    let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
    arguments.extend(missing);
    apt(&arguments)
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// While it lives, packages do not start their daemons; a policy of the system's own is left alone.
struct DaemonsForbidden {
    ours: bool,
}

impl DaemonsForbidden {
    fn set() -> Result<Self> {
        let policy = Path::new(DAEMON_POLICY);
        let ours = !policy.exists();
        if ours {
            std::fs::write(policy, "#!/bin/sh\nexit 101\n").context(DAEMON_POLICY)?;
            std::fs::set_permissions(policy, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for DaemonsForbidden {
    fn drop(&mut self) {
        if self.ours && std::fs::remove_file(DAEMON_POLICY).is_err() {
            println!("note: {DAEMON_POLICY} could not be removed");
        }
    }
}

fn apt(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()?;
    ensure!(
        output.status.success(),
        "apt-get {} failed:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
