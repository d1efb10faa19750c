//! Whole worlds, hundreds of them: every call ends once, whatever the network, the phones and the application do.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookswitch_sim::explore::{self, Plan, explore};
use hookswitch_sim::{Climate, Figures, Weather, World};

/// `SIM_SEED=…` runs one seed again, `SIM_TIMES=…` that many times as many.
fn seeds(from: u64, count: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    match number("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => from..from + count * number("SIM_TIMES").unwrap_or(1),
    }
}

/// A single seed is shown whole.
fn noted(world: World) -> World {
    if std::env::var("SIM_SEED").is_ok() {
        world.noted()
    } else {
        world
    }
}

/// What happened in all worlds together has to be worth it; a single world need not.
fn is_worth(found: usize, least: usize) {
    let alone = std::env::var("SIM_SEED").is_ok();
    assert!(
        alone || found >= least,
        "{found} of {least}: too few to mean anything"
    );
}

#[test]
fn in_any_climate_every_call_ends_once_and_nothing_stays() {
    let mut tally = BTreeMap::new();
    for seed in seeds(0, 100) {
        let mut world = noted(World::new(seed));
        world.runs();
        tally.extend(world.tally());
    }
    is_worth(tally.len(), 40);
}

/// Seeds that once failed, from `seeds.txt`.
fn once_failed() -> impl Iterator<Item = u64> {
    let lines = include_str!("../seeds.txt").lines();
    let seeds = lines.filter_map(|line| line.split('#').next()?.split_whitespace().next());
    seeds.map(|seed| seed.parse().expect("a line begins with a seed"))
}

#[test]
fn what_once_failed_does_not_fail_again() {
    for seed in once_failed() {
        if let Err(failure) = explore::run(seed) {
            panic!(
                "SIM_SEED={seed} with {:?}\n{}",
                failure.climate, failure.why
            );
        }
    }
}

#[test]
fn two_thousand_worlds_nobody_saw_before_hold() {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let plan = Plan {
        from: u64::try_from(since_1970.expect("it is later than 1970").as_micros())
            .expect("it is before the year 500,000"),
        seeds: 2_000,
        calls: u64::MAX,
        time: Duration::from_secs(u64::MAX),
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    println!("seeds from {} on", plan.from);
    let progress = explore(plan, |progress| println!("{}", progress.line()));
    println!("{}", progress.line());
    if let Some(failure) = progress.failures.first() {
        let (seed, failed) = (failure.seed, progress.failures.len());
        let why = &failure.why;
        panic!(
            "{failed} failed, the first is SIM_SEED={seed} with {:?}\n{why}",
            failure.climate
        );
    }
}

#[test]
fn in_calm_weather_both_sides_tell_the_same_story() {
    let mut compared = 0;
    for seed in seeds(10_000, 200) {
        let mut world = noted(World::with(seed, Climate::CALM));
        world.runs();
        compared += world.compares_stories();
    }
    is_worth(compared, 200);
}

#[test]
fn when_half_of_everything_is_lost_calls_still_end() {
    let weather = Weather {
        loss: 50,
        doubled: 25,
        delay: 4_000,
        breaks: 100,
        corrupt: 0,
    };
    for seed in seeds(20_000, 100) {
        let climate = Climate {
            weather,
            faults: 30,
            deaths: 20,
            write: 500,
            ..Climate::CALM
        };
        noted(World::with(seed, climate)).runs();
    }
}

#[test]
fn when_phones_die_in_the_middle_their_calls_end_too() {
    for seed in seeds(30_000, 100) {
        let climate = Climate {
            deaths: 100,
            ..Climate::CALM
        };
        noted(World::with(seed, climate)).runs();
    }
}

#[test]
fn when_the_node_crashes_again_and_again_nobody_is_left_behind() {
    let mut figures = Figures::default();
    for seed in seeds(50_000, 150) {
        let climate = Climate {
            crashes: 5,
            write: 50,
            ..Climate::CALM
        };
        let mut world = noted(World::with(seed, climate));
        world.runs();
        figures.merge(world.figures());
    }
    for state in ["unanswered", "without ACK", "confirmed", "leaving"] {
        let restored = figures.of(&format!("restored {state}"));
        is_worth(usize::try_from(restored).unwrap(), 10);
    }
}

#[test]
fn a_seed_is_the_same_world_every_time() {
    for seed in seeds(40_000, 5) {
        let run = || {
            let mut world = World::new(seed).noted();
            world.runs();
            world.ladder().to_vec()
        };
        assert_eq!(run(), run());
    }
}
