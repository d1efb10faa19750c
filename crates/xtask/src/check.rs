//! `cargo xtask check`: every step of the gate, one line each with its time, then the totals.
//!
//! A failing step prints what its program said; the steps after it still run.

mod contract;
mod peers;
pub(crate) mod postgres;
mod runner;
mod tools;

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::{clients, openapi, tidy, workspace};
use runner::{Tests, Verdict, run_command};

/// Which part of the gate to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the surface tests (SIPp, baresip, Kamailio); the gate then says so.
    #[arg(long)]
    no_surface: bool,
    /// Run this step alone, by its name in the report.
    #[arg(long, value_name = "STEP")]
    only: Option<String>,
}

type Step = (&'static str, fn() -> Verdict);

const STEPS: &[Step] = &[
    ("fmt", || {
        run_command(workspace::cargo(&["fmt", "--all", "--", "--check"]))
    }),
    ("tidy", || Verdict::of(tidy::check())),
    ("clippy", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--locked"];
        let mut command = workspace::cargo(&arguments);
        command.args(["--", "-D", "warnings"]);
        run_command(command)
    }),
    ("tests", tests),
    (ON_POSTGRES, postgres::tests),
    ("doc tests", || {
        run_command(workspace::cargo(&[
            "test",
            "--doc",
            "--workspace",
            "--locked",
        ]))
    }),
    ("docs", || {
        let mut command = workspace::cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        run_command(command)
    }),
    ("openapi.json", || Verdict::of(openapi::check())),
    ("clients", || Verdict::of(clients::check())),
    ("conformance", contract::conformance),
    ("licences", licences),
    ("peers", || Verdict::of(peers::install_missing())),
    (SURFACE, surface_tests),
];

const SURFACE: &str = "surface tests";
const ON_POSTGRES: &str = "on PostgreSQL";

/// Runs the gate; an error when any step failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let mut tests = Tests::default();
    let mut failed_steps = Vec::new();
    let steps = STEPS
        .iter()
        .copied()
        .filter(|(name, _)| match &options.only {
            Some(only) => only == name,
            None => true,
        });
    let steps: Vec<Step> = steps.collect();
    if steps.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        bail!("there is no such step: these are {}", names.join(", "));
    }
    for &(name, step) in &steps {
        let began = Instant::now();
        let verdict = if options.no_surface && (name == SURFACE || name == "peers") {
            Verdict::Skipped("left out by --no-surface".to_owned())
        } else {
            step()
        };
        let seconds = began.elapsed().as_secs_f64();
        match verdict {
            Verdict::Passed(ran) => {
                tests += ran;
                println!("ok    {name:<14} {seconds:7.1} s{ran}");
            }
            Verdict::Skipped(why) => println!("skip  {name:<14} {seconds:7.1} s  {why}"),
            Verdict::Failed(ran, output) => {
                tests += ran;
                failed_steps.push(name);
                println!(
                    "FAIL  {name:<14} {seconds:7.1} s{ran}\n{}",
                    output.trim_end()
                );
            }
        }
    }
    println!(
        "{} passed, {} failed; {} of {} steps failed; {:.0} s",
        tests.passed,
        tests.failed,
        failed_steps.len(),
        steps.len(),
        started.elapsed().as_secs_f64()
    );
    if !failed_steps.is_empty() {
        bail!("failed: {}", failed_steps.join(", "));
    }
    Ok(())
}

/// Every test but the surface ones.
fn tests() -> Verdict {
    if workspace::has_cargo("nextest") {
        let arguments = ["nextest", "run", "--workspace", "--locked"];
        let mut command = workspace::cargo(&arguments);
        command.args(["--color", "never", "--no-fail-fast", "--no-tests", "pass"]);
        command.args(["-E", "not binary(surface) and not binary(postgres)"]);
        return run_command(command);
    }
    println!(
        "note: cargo-nextest is not installed, cargo test stands in (cargo install --locked cargo-nextest)"
    );
    let arguments = ["test", "--workspace", "--locked", "--no-fail-fast"];
    let mut command = workspace::cargo(&arguments);
    command.args(["--lib", "--bins", "--examples"]);
    for target in tidy::integration_tests() {
        if target != "surface" && target != "postgres" {
            command.args(["--test", &target]);
        }
    }
    run_command(command)
}

/// The tests with real peers. They wait far more than they compute, so many run at once.
fn surface_tests() -> Verdict {
    let package = ["--package", "hookswitch-server", "--test", "surface"];
    if workspace::has_cargo("nextest") {
        let mut command = workspace::cargo(&["nextest", "run", "--locked"]);
        command.args(package);
        command.args(["--color", "never", "--no-fail-fast", "--test-threads", "12"]);
        return run_command(in_memory(command));
    }
    let mut command = workspace::cargo(&["test", "--locked"]);
    command.args(package).args(["--", "--test-threads", "12"]);
    run_command(in_memory(command))
}

/// Has the command keep its temporary files in memory, where there is plenty of it: a disk that pauses for seconds
/// fails calls that it has no part in.
fn in_memory(mut command: Command) -> Command {
    const FOLDER: &str = "/dev/shm";
    const PLENTY: u64 = 2 << 30;
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    // The tests compile a library that is loaded from there.
    let may_run = mounts.lines().any(|mount| {
        let mut columns = mount.split_whitespace().skip(1);
        columns.next() == Some(FOLDER) && columns.nth(1).is_some_and(|how| !how.contains("noexec"))
    });
    let left = Command::new("df")
        .args(["--block-size=1", "--output=avail", FOLDER])
        .output();
    let left = left.ok().and_then(|said| {
        let said = String::from_utf8(said.stdout).ok()?;
        said.lines().last()?.trim().parse::<u64>().ok()
    });
    if may_run && left.is_some_and(|left| left >= PLENTY) {
        command.env("TMPDIR", FOLDER);
    }
    command
}

fn licences() -> Verdict {
    if !workspace::has_cargo("deny") {
        return Verdict::Skipped("cargo install --locked cargo-deny".to_owned());
    }
    let what = ["check", "licenses", "bans", "sources"];
    let mut command = workspace::cargo(&["deny", "--locked"]);
    command.args(what);
    run_command(command)
}
