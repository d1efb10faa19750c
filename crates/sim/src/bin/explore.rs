//! Explores worlds; `cargo xtask sim` starts it and explains it.
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool: its report is its output"
)]

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use hookswitch_sim::explore::{Failure, Plan, explore};

/// Failures shown on the terminal; the file has all.
const SHOWN: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, seeds, calls, seconds, threads, file] = arguments.as_slice() else {
        eprintln!("usage: explore FROM SEEDS CALLS SECONDS THREADS FILE; cargo xtask sim --help");
        return ExitCode::FAILURE;
    };
    let number = |text: &String| text.parse::<u64>().expect("xtask passes numbers");
    let plan = Plan {
        from: number(from),
        seeds: number(seeds),
        calls: number(calls),
        time: Duration::from_secs(number(seconds)),
        threads: usize::try_from(number(threads)).unwrap_or(1),
    };
    let progress = explore(plan, |progress| println!("{}", progress.line()));
    println!("{}", progress.line());
    for (what, times) in progress.figures.iter() {
        println!("{times:>12}  {what}");
    }
    if progress.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    for failure in progress.failures.iter().take(SHOWN) {
        println!(
            "\nSIM_SEED={} with {:?}\n{}",
            failure.seed,
            failure.climate,
            short(&failure.why)
        );
    }
    println!(
        "\n{} seeds failed; all of them are in {file}. One again, with every message:\n  \
         SIM_SEED={} cargo nextest run -p hookswitch-sim --no-capture in_any_climate",
        progress.failures.len(),
        progress.failures[0].seed
    );
    if let Err(error) = std::fs::write(file, lines(&progress.failures)) {
        eprintln!("{file}: {error}");
    }
    ExitCode::FAILURE
}

/// One line for each failure: the seed, then what a person wants to know.
fn lines(failures: &[Failure]) -> String {
    let mut lines = String::new();
    for failure in failures {
        let why = short(&failure.why).replace('\n', " ");
        let _ = writeln!(lines, "{}  # {why}  {:?}", failure.seed, failure.climate);
    }
    lines
}

fn short(why: &str) -> String {
    why.chars().take(600).collect()
}
