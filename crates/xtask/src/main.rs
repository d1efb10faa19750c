//! The gate of the workspace: what a machine can see, run the same way by a person, a hook and CI.
//!
//! It only starts other programs and reads files; no rule about SIP, HTTP or storage lives here.
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool: its report is its output"
)]

mod bench;
mod check;
mod clients;
mod openapi;
mod sim;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "The gate and the tools of this workspace"
)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold before a change lands: one line per step, totals at the end.
    Check(check::Options),
    /// The house rules a compiler does not know: layers, file sizes, names, module docs.
    Tidy,
    /// Writes `openapi.json` from the program's own description of itself.
    Openapi,
    /// Writes the typed clients in `examples/` from `openapi.json`.
    Clients,
    /// Measures against SIPp on loopback; a table on the terminal, JSON in `target/bench.json`.
    Bench(bench::Options),
    /// Explores simulated worlds on every core and writes down the seeds that fail.
    Sim(sim::Options),
    /// Runs a command with a PostgreSQL server for its tests, such as `cargo nextest run -p hookswitch-store`.
    Postgres {
        /// The command and what it takes.
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Options::parse().task {
        Task::Check(options) => check::run(&options),
        Task::Tidy => tidy::run(),
        Task::Openapi => openapi::write(),
        Task::Clients => clients::write(),
        Task::Bench(options) => bench::run(&options),
        Task::Sim(options) => sim::run(&options),
        Task::Postgres { command } => check::postgres::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
