//! The program held against its description by tools of others: Schemathesis tries every operation of `openapi.json`,
//! and botocore signs requests as AWS SDKs do.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use hookswitch_rig::server::{Server, Tenant};

use super::runner::{Verdict, run_command};
use super::tools;
use crate::workspace;

const DOMAIN: &str = "acme.test";
/// What Schemathesis does with every operation by itself, then with several in the order in which one leads to another;
/// and the seconds that each goes on for.
const PHASES: [(&str, &str); 2] = [("examples,coverage,fuzzing", "100"), ("stateful", "30")];

/// Starts the program, and lets both at it.
pub(super) fn conformance() -> Verdict {
    let programs = match tools::python() {
        Ok(programs) => programs,
        Err(why) => return Verdict::Skipped(why),
    };
    let (server, tenant) = match node() {
        Ok(started) => started,
        Err(error) => return Verdict::of(Err(error)),
    };
    let url = format!("http://{}", server.http);
    let files = workspace::root().join("crates/xtask/src/check");
    let mut sign = Command::new(programs.join("python"));
    sign.arg(files.join("sign.py"))
        .args([&url, DOMAIN, &tenant.token]);
    if let failed @ Verdict::Failed(..) = run_command(sign) {
        return failed;
    }
    for (phases, seconds) in PHASES {
        let mut schemathesis = Command::new(programs.join("schemathesis"));
        schemathesis
            .arg("--config-file")
            .arg(files.join("schemathesis.toml"))
            .args(["run", &format!("{url}/openapi.json"), "--seed", "4711"])
            .args(["--phases", phases, "--max-time", seconds])
            .args(["--request-timeout", "20"])
            .args(["--no-color", "--continue-on-failure"])
            .env("HOOKSWITCH_TOKEN", &tenant.token)
            .env("SCHEMATHESIS_HOOKS", files.join("hooks.py"))
            .current_dir(server.folder());
        if let failed @ Verdict::Failed(..) = run_command(schemathesis) {
            return failed;
        }
    }
    Verdict::of(Ok(()))
}

fn succeed(mut command: Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| program.clone())?;
    ensure!(
        output.status.success(),
        "{program} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn node() -> Result<(Server, Tenant)> {
    let options = ["--log", "warn", "--trusted-proxy", "127.0.0.1/32"];
    let server = Server::start(&program()?, &options)?;
    let tenant = server.add_tenant(DOMAIN)?;
    Ok((server, tenant))
}

/// The program as the tests have built it, beside this one.
fn program() -> Result<PathBuf> {
    let package = ["--package", "hookswitch-server", "--bin", "hookswitch"];
    let mut build = workspace::cargo(&["build", "--quiet", "--locked"]);
    build.args(package);
    succeed(build)?;
    let folder = std::env::current_exe()?;
    Ok(folder.with_file_name("hookswitch"))
}
