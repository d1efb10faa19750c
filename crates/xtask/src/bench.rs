//! `cargo xtask bench`: what a call costs, measured by the kernel and beside SIPp's own figures.
//!
//! Everything runs on loopback and ends by itself. SIPp makes the load; `sipp -sn uas` answers the
//! same load in the same run, so that the machine's speed cancels out. Other work on the machine
//! does not: run it alone. Databases live in the temporary folder; `TMPDIR=/dev/shm` takes the disk
//! out of the figures.

mod application;
mod calls;
mod capped;
mod disk;
mod load;
mod outbox;
mod overload;
mod process;
mod provisioning;
mod refreshed;
mod report;
mod restart;
mod strangers;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use hookswitch_rig::server::Server;

use crate::workspace;
use report::{Report, Row};

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these measurements; without it all but the longest ones, which only run when named.
    #[arg(long, value_enum)]
    only: Vec<Measurement>,
    /// Measure this program instead of building the one here.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Seconds of load per measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Calls to hold at once.
    #[arg(long, default_value_t = 20_000)]
    held: u32,
    /// Calls that are up when the server is killed.
    #[arg(long, default_value_t = 10_000)]
    restored: u32,
    /// Events that wait for a customer who was away.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Calls to hold and refresh at once.
    #[arg(long, default_value_t = 100_000)]
    refreshed: u32,
    /// Calls a second for the application-controlled measurement.
    #[arg(long, default_value_t = 500)]
    controlled_rate: u32,
}

/// The figures there are.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// CPU of a call without an application, beside SIPp's.
    Signalling,
    /// The highest rate without a retransmission.
    Rate,
    /// CPU and delay of a call that an application controls.
    Controlled,
    /// Memory of a held call.
    Held,
    /// Parsing a 1 kB INVITE.
    Parse,
    /// Goodput of half a processor that is offered twice what it can carry; needs to be root.
    Overload,
    /// A restart with 10,000 calls up.
    Restart,
    /// A customer who catches up, while another one's calls go on.
    Outbox,
    /// 100,000 calls held and refreshed by their session timers; eight minutes.
    Refreshed,
    /// Single reads and writes of devices over REST.
    Provisioning,
    /// 100,000 devices from a file, beside live calls.
    Bulk,
    /// Routing in a domain with 100,000 devices and 1,000 services.
    Route,
    /// What a good peer notices of 4,000 INVITEs a second from strangers.
    Strangers,
}

/// Measures, prints the table, writes `target/bench.json`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let wants = |it: Measurement| options.only.is_empty() || options.only.contains(&it);
    let program = options.program.clone().map_or_else(build, Ok)?;
    let mut report = Report::default();
    if wants(Measurement::Parse) {
        report.add_all(parse()?);
    }
    if wants(Measurement::Route) {
        report.add_all(route()?);
    }
    if wants(Measurement::Provisioning) {
        let server = Server::start(&program, &["--log", "warn"])?;
        report.add_all(provisioning::single(&server, options.seconds)?);
    }
    if wants(Measurement::Bulk) {
        let server = Server::start(&program, &["--log", "warn"])?;
        report.add_all(provisioning::files(&server)?);
    }
    if wants(Measurement::Signalling) {
        let server = Server::start(&program, &["--shards", "1", "--log", "warn"])?;
        report.add_all(calls::signalling(&server, options.seconds)?);
    }
    if wants(Measurement::Rate) {
        let server = Server::start(&program, &["--shards", "1", "--log", "warn"])?;
        report.add_all(calls::highest_rate(&server, options.seconds)?);
    }
    if wants(Measurement::Controlled) {
        report.add_all(disk::sync()?);
        for mode in [application::Mode::Commands, application::Mode::Reply] {
            let server = Server::start(&program, &["--log", "warn"])?;
            let rows = calls::controlled(&server, mode, options.controlled_rate, options.seconds)?;
            report.add_all(rows);
        }
    }
    if wants(Measurement::Held) {
        let limit = (options.held * 2).to_string();
        let server = Server::start(&program, &["--log", "warn", "--max-calls", &limit])?;
        report.add_all(calls::held(&server, options.held)?);
    }
    if wants(Measurement::Overload) {
        let server = Server::start(&program, &["--log", "warn"])?;
        report.add_all(overload::goodput(&server)?);
    }
    if wants(Measurement::Restart) {
        let mut server = Server::start(&program, &["--log", "warn"])?;
        report.add_all(restart::ready(&mut server, options.restored)?);
    }
    if wants(Measurement::Outbox) {
        let mut server = Server::start(&program, &["--log", "warn"])?;
        report.add_all(outbox::catch_up(&mut server, options.events)?);
    }
    if options.only.contains(&Measurement::Refreshed) {
        let server = Server::start(&program, &["--log", "warn"])?;
        report.add_all(refreshed::held(&server, options.refreshed)?);
    }
    if wants(Measurement::Strangers) {
        report.add_all(strangers::flood(&program, options.seconds)?);
    }
    report.print();
    report.write(&workspace::root().join("target/bench.json"))
}

/// Builds the program as it is shipped.
fn build() -> Result<PathBuf> {
    let arguments = ["build", "--release", "--locked", "--message-format", "json"];
    let output = workspace::cargo(&arguments)
        .args(["--package", "hookswitch-server", "--bin", "hookswitch"])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the release build failed");
    let messages = String::from_utf8(output.stdout)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "hookswitch")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo names no executable")
}

/// What an example prints that measures a crate by itself.
fn example(package: &str, name: &str) -> Result<String> {
    let example = ["--package", package, "--example", name];
    let mut command: Command = workspace::cargo(&["run", "--quiet", "--release", "--locked"]);
    let output = command.args(example).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{name} failed");
    Ok(String::from_utf8(output.stdout)?)
}

/// The router's own measurement, an example of its crate.
fn route() -> Result<Vec<Row>> {
    let text = example("hookswitch-call", "route_speed")?;
    let rows = text.lines().filter_map(|line| {
        let (what, figure) = line.rsplit_once(": ")?;
        let row = Row::new(what, micros(figure)?, "µs");
        Some(if what.starts_with("routing") {
            row.at_most(50.0)
        } else {
            row
        })
    });
    Ok(rows.collect())
}

/// The parser's own measurement, an example of its crate.
fn parse() -> Result<Vec<Row>> {
    let text = example("hookswitch-sip", "parse_speed")?;
    let rows = text.lines().filter_map(|line| {
        let (what, figure) = line.rsplit_once(": ")?;
        let micros = micros(figure)?;
        let row = Row::new(&format!("1 kB INVITE: {what}"), micros, "µs");
        Some(if what.contains("essential") {
            row.at_most(1.2)
        } else {
            row
        })
    });
    Ok(rows.collect())
}

/// Reads a duration as Rust prints it.
fn micros(text: &str) -> Option<f64> {
    let (number, scale) = if let Some(number) = text.strip_suffix("ns") {
        (number, 1e-3)
    } else if let Some(number) = text.strip_suffix("µs") {
        (number, 1.0)
    } else {
        (text.strip_suffix("ms")?, 1e3)
    };
    Some(number.parse::<f64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn durations_are_read_in_any_unit() {
        assert_eq!(micros("250ns"), Some(0.25));
        assert_eq!(micros("1.5µs"), Some(1.5));
        assert_eq!(micros("2ms"), Some(2_000.0));
        assert_eq!(micros("soon"), None);
    }
}
