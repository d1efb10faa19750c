//! The tests once more, on a PostgreSQL server that lasts as long as they do.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use hookswitch_rig::postgres::Server;

use super::peers;
use super::runner::{Verdict, run_command};
use crate::workspace;

/// The store's tests, and those of the program that have a store; but for those that are about HTTP alone.
const ON_BOTH: &str = "package(hookswitch-store) or (package(hookswitch-server) and kind(lib) \
    and test(/^(app|auth|database|directory|exchange|http::tests|master_key|secrets)::/) \
    and not test(/^http::tests::(authorize|errors|hostile|limits|openapi|scopes|signatures)::/))";

/// A server in a temporary folder; as root the package is installed where it is missing.
fn server() -> Result<Server> {
    if !Server::is_installed() {
        peers::install("the tests on PostgreSQL", &["postgresql"])?;
    }
    Server::start()
}

/// The tests whose store can lie on PostgreSQL, and those that are about PostgreSQL.
pub(crate) fn tests() -> Verdict {
    let server = match server() {
        Ok(server) => server,
        Err(error) => return Verdict::of(Err(error)),
    };
    let packages = [
        "--package",
        "hookswitch-store",
        "--package",
        "hookswitch-server",
    ];
    let mut command = if workspace::has_cargo("nextest") {
        let mut command = workspace::cargo(&["nextest", "run", "--locked"]);
        command
            .args(packages)
            .args(["--color", "never", "--no-fail-fast"]);
        command.args(["-E", ON_BOTH]);
        command
    } else {
        let mut command = workspace::cargo(&["test", "--locked", "--no-fail-fast"]);
        command.args(packages).args(["--lib", "--test", "postgres"]);
        command
    };
    let (name, value) = server.variable();
    command.env(name, value);
    run_command(command)
}

/// `cargo xtask postgres COMMAND…`: runs a command with such a server.
pub(crate) fn run(command: &[String]) -> Result<()> {
    let server = server()?;
    let (name, value) = server.variable();
    let (program, arguments) = command.split_first().context("which command?")?;
    let status = Command::new(program)
        .args(arguments)
        .env(name, value)
        .status()?;
    ensure!(status.success(), "{program} failed");
    Ok(())
}
