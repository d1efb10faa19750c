//! The program `hookswitch`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use hookswitch_server::cli::demo::DemoOptions;
use hookswitch_server::cli::{self, Cli, Command};
use hookswitch_server::config::{Config, ServeOptions};
use hookswitch_server::{app, demo, telemetry};

/// Most of what a call allocates is small and short-lived; this allocator halves what that costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long threads may take to end once everything is saved, or once a second signal came.
const LAST_WORDS: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Domain(command) => cli::domain(&command),
        Command::Backup(options) => cli::backup(&options),
        Command::Restore(options) => cli::restore(&options),
        Command::Export(options) => cli::export(&options),
        Command::Import(options) => cli::import(&options),
        Command::Rekey(options) => cli::rekey(&options),
        Command::Openapi => cli::openapi(),
        Command::Serve(options) => serve(&options),
        Command::Demo(options) => demo(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hookswitch: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &ServeOptions) -> anyhow::Result<()> {
    let config = Config::read(options, &cli::environment)?;
    telemetry::start_log(&config.log)?;
    let runtime = runtime()?;
    let served = runtime.block_on(app::serve(config));
    // What still blocks on a slow disk is nothing a stopped program waits for.
    runtime.shutdown_timeout(LAST_WORDS);
    served
}

fn demo(options: &DemoOptions) -> anyhow::Result<()> {
    telemetry::start_log("warn")?;
    runtime()?.block_on(demo::run(options))
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(usize::from(app::worker_threads()))
        .enable_all()
        .build()
}
