//! `cargo xtask sim`: whole worlds on virtual time, as many as there is time for, on every core.

use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use clap::Args;

use crate::workspace;

/// Where failing seeds are written, relative to the workspace.
const FAILURES: &str = "target/sim-failures.txt";

/// What `--help` adds to the options.
const ABOUT: &str = "\
Every seed is a world of its own: a few phones, a carrier, an application and the node, in a climate
drawn from the seed, from calm to terrible. Messages are lost, doubled, delayed, torn; the node crashes
and is restored from its disk, which stalls and refuses; clocks are set; phones and applications
misbehave. A reference model of a call looks at what can be seen from outside, and fails the world
where that may not be.

A seed that fails is written to target/sim-failures.txt with what was wrong and its climate. The same
world again, with every message:

  SIM_SEED=… cargo nextest run -p hookswitch-sim --no-capture in_any_climate

Once the fault is mended, put the seed with a word on why into crates/sim/seeds.txt: the gate runs
those every time, beside two thousand new ones.";

/// What to explore.
#[derive(Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Options {
    /// How many seeds.
    #[arg(long, default_value = "10000")]
    seeds: NonZeroU64,
    /// The first of them; without it they begin at the present time, so that every run sees new worlds.
    #[arg(long)]
    from: Option<u64>,
    /// Stop after so many hours, which may be broken: 0.1.
    #[arg(long)]
    hours: Option<f64>,
    /// Stop after so many simulated calls, however many seeds they take.
    #[arg(long, conflicts_with = "seeds")]
    calls: Option<u64>,
    /// How many threads; else one for each core.
    #[arg(long)]
    threads: Option<usize>,
    /// Build without optimisation: slower by far, but overflow is noticed.
    #[arg(long)]
    debug: bool,
}

/// Explores; an error when a world failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let from = options.from.unwrap_or(u64::try_from(micros)?);
    let seeds = match options.calls {
        Some(_) => u64::MAX,
        None => options.seeds.get(),
    };
    let seconds = options.hours.map_or(u64::MAX, seconds_of);
    let threads = options
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let file = workspace::root().join(FAILURES);
    std::fs::create_dir_all(workspace::root().join("target"))?;
    let mut command = workspace::cargo(&["run", "--quiet", "--locked"]);
    command.args(["--package", "hookswitch-sim", "--bin", "explore"]);
    if !options.debug {
        command.arg("--release");
    }
    command.arg("--");
    let numbers = [from, seeds, options.calls.unwrap_or(u64::MAX), seconds];
    command.args(numbers.map(|number| number.to_string()));
    command.arg(threads.to_string()).arg(file);
    println!("seeds from {from} on");
    let status = command.status()?;
    ensure!(status.success(), "some worlds failed");
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float beyond the range of u64 saturates, and that is meant"
)]
fn seconds_of(hours: f64) -> u64 {
    (hours * 3_600.0) as u64
}
