//! Many worlds on many threads: how far, how fast, and which of them failed.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use crate::{Climate, Figures, World};

/// What to explore.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first seed.
    pub from: u64,
    /// How many seeds at most.
    pub seeds: u64,
    /// How many simulated calls are enough.
    pub calls: u64,
    /// How long at most.
    pub time: Duration,
    /// How many threads.
    pub threads: usize,
}

/// A world that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What it was like.
    pub climate: Climate,
    /// What was wrong.
    pub why: String,
}

/// How far an exploration is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Worlds that were run to their end, one way or the other.
    pub seeds: u64,
    /// What happened in all of them.
    pub figures: Figures,
    /// Those that failed.
    pub failures: Vec<Failure>,
    /// Since the beginning.
    pub elapsed: Duration,
}

impl Progress {
    /// One line for a person.
    pub fn line(&self) -> String {
        let seconds = self.elapsed.as_secs_f64().max(0.001);
        let calls = self.figures.of("calls");
        #[expect(clippy::cast_precision_loss, reason = "figures for a person")]
        let rates = (self.seeds as f64 / seconds, calls as f64 / seconds);
        format!(
            "{seconds:7.0} s  {} seeds ({:.0}/s)  {calls} calls ({:.0}/s)  {} failed",
            self.seeds,
            rates.0,
            rates.1,
            self.failures.len()
        )
    }
}

thread_local! {
    /// What the last panic of this thread's world said; nothing while none runs.
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics of worlds are findings here, and no reason to fill the terminal.
fn listen_to_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_ours = HEARD.with(|heard| {
                let mut heard = heard.borrow_mut();
                if let Some(heard) = heard.as_mut() {
                    *heard = panic.to_string();
                }
                heard.is_some()
            });
            if !is_ours {
                others(panic);
            }
        }));
    });
}

/// Runs the world of a seed to its end.
///
/// # Errors
/// When it fails.
pub fn run(seed: u64) -> Result<Figures, Box<Failure>> {
    listen_to_panics();
    HEARD.with(|heard| *heard.borrow_mut() = Some(String::new()));
    let mut world = World::new(seed);
    let climate = *world.climate();
    let result = catch_unwind(AssertUnwindSafe(|| world.runs()));
    let why = HEARD.with(|heard| heard.borrow_mut().take());
    match result {
        Ok(()) => Ok(world.figures().clone()),
        Err(_) => Err(Box::new(Failure {
            seed,
            climate,
            why: why.unwrap_or_default(),
        })),
    }
}

/// Runs worlds until the plan is fulfilled; `report` hears how far it is, every few seconds.
pub fn explore(plan: Plan, mut report: impl FnMut(&Progress)) -> Progress {
    let began = Instant::now();
    let next = AtomicU64::new(plan.from);
    let end = plan.from.saturating_add(plan.seeds);
    let progress = Mutex::new(Progress::default());
    let is_over = |progress: &Progress| {
        progress.figures.of("calls") >= plan.calls || began.elapsed() >= plan.time
    };
    std::thread::scope(|scope| {
        let worker = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return;
                }
                let result = run(seed);
                let mut progress = progress.lock().expect("no thread panics with the lock");
                progress.seeds += 1;
                match result {
                    Ok(figures) => progress.figures.merge(&figures),
                    Err(failure) => progress.failures.push(*failure),
                }
                if is_over(&progress) {
                    next.store(end, Ordering::Relaxed);
                    return;
                }
            }
        };
        let workers: Vec<_> = (0..plan.threads.max(1))
            .map(|_| scope.spawn(worker))
            .collect();
        let mut reported = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(20));
            if reported.elapsed() >= Duration::from_secs(5) {
                reported = Instant::now();
                let mut now = progress.lock().expect("no thread panics with the lock");
                now.elapsed = began.elapsed();
                report(&now);
            }
        }
    });
    let mut progress = progress.into_inner().expect("every thread is done");
    progress.elapsed = began.elapsed();
    progress
}
