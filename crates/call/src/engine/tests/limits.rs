use std::time::Duration;

use super::world::*;
use crate::command::{Command, CommandErrorKind};
use crate::directory::Settings;
use crate::engine::Limits;
use crate::outcome::Class;

fn statuses(world: &mut World) -> Vec<u16> {
    world
        .heard()
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap().parse().unwrap())
        .collect()
}

#[test]
fn above_the_nodes_limits_calls_get_503_with_retry_after() {
    let limits = Limits {
        max_calls: Some(2),
        ..Limits::default()
    };
    let mut world = World::with(settings(), limits, false);
    for number in 0..2 {
        world.receives(&Caller::named("1001", number).invite(OFFER));
    }
    assert_eq!(statuses(&mut world), [100, 100]);
    world.receives(&Caller::named("1001", 2).invite(OFFER));
    let seconds: u64 = header(&world.last_sent(), "Retry-After").parse().unwrap();
    assert!((5..=15).contains(&seconds), "{seconds}");
    assert_eq!(statuses(&mut world), [503]);
    let error = world
        .commands(Command::Place(Box::new(world.place())))
        .unwrap_err();
    assert_eq!(
        (error.kind, error.http_status()),
        (CommandErrorKind::OverCapacity, 503)
    );
    let refused = world
        .records
        .values()
        .find(|record| record.outcome.is_some())
        .unwrap();
    assert_eq!(refused.outcome.as_ref().unwrap().class, Class::Policy);
    assert_eq!(world.names(), ["newRemoteCall", "newRemoteCall"]);
    let call = world.call();
    world.hangs_up(call).unwrap();
    world.heard();
    world.receives(&Caller::named("1001", 3).invite(OFFER));
    assert_eq!(statuses(&mut world), [100], "the place is free again");
}

#[test]
fn a_domain_has_limits_of_its_own() {
    let settings = Settings {
        max_calls_per_second: Some(6),
        ..settings()
    };
    let mut world = World::with(settings, Limits::default(), false);
    for number in 0..4 {
        world.receives(&Caller::named("1001", number).invite(OFFER));
    }
    assert_eq!(
        statuses(&mut world),
        [100, 100, 503, 503],
        "this shard's third of six"
    );
    world.passes(Duration::from_secs(1));
    world.heard();
    world.receives(&Caller::named("1001", 9).invite(OFFER));
    assert_eq!(statuses(&mut world), [100]);
}

#[test]
fn while_draining_no_call_begins_and_those_there_go_on() {
    let mut world = World::new();
    world.receives(&Caller::new("1001").invite(OFFER));
    world.engine.handle_drain(true);
    world.receives(&Caller::named("1001", 2).invite(OFFER));
    assert_eq!(statuses(&mut world), [100, 503]);
    let error = world
        .commands(Command::Place(Box::new(world.place())))
        .unwrap_err();
    assert_eq!(
        (error.kind, error.http_status()),
        (CommandErrorKind::Draining, 503)
    );
    world.answers(device(30_000)).unwrap();
    assert_eq!(statuses(&mut world), [200]);
    world.engine.handle_drain(false);
    world.receives(&Caller::named("1001", 3).invite(OFFER));
    assert_eq!(statuses(&mut world), [100]);
}

#[test]
fn the_longest_duration_ends_a_call() {
    let settings = Settings {
        max_call_duration: Some(Duration::from_secs(100)),
        ..settings()
    };
    let mut world = World::with(settings, Limits::default(), false);
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    world.passes(Duration::from_secs(100));
    assert!(world.last_sent().starts_with("BYE "));
    assert_eq!(
        (world.outcome().class, world.outcome().duration),
        (Class::Policy, 100)
    );
    assert!(world.traced(world.call(), "duration", "limit"));
    world.everything_is_forgotten();
}

#[test]
fn a_flood_of_refused_calls_does_not_flood_the_records() {
    let limits = Limits {
        refusals_per_second: 5,
        ..Limits::default()
    };
    let mut world = World::with(settings(), limits, false);
    for number in 0..20 {
        world.receives(&Caller::named("nobody", number).invite(OFFER));
    }
    assert_eq!(world.records.len(), 5);
    let counters = world.engine.counters();
    assert_eq!((counters.refused_user, counters.unrecorded), (20, 15));
    world.everything_is_forgotten();
}
