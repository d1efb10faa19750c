//! Whole worlds, hundreds of them: every call ends once, whatever the network, the phones and the application do.

use std::collections::BTreeMap;

use hookswitch_sim::{Climate, Weather, World};

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
    for seed in seeds(0, 300) {
        let mut world = noted(World::new(seed));
        world.runs();
        tally.extend(world.tally());
    }
    is_worth(tally.len(), 40);
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
