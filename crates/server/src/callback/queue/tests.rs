use bytes::Bytes;
use http::StatusCode;

use super::*;
use crate::callback::{BaseUrl, TraceId};

const SECOND: Duration = Duration::from_secs(1);

/// A queue with its clock, and short words for what happens to it.
struct World {
    queue: Queue,
    start: Instant,
    now: Instant,
    wall: SystemTime,
    target: Arc<Target>,
}

impl World {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let now = Instant::now();
        let target = Target {
            domain: "customer.example".into(),
            service: "app".into(),
            base: BaseUrl::parse("https://app.example.com").unwrap(),
            auth: Arc::new([]),
            timeout: 15 * SECOND,
            secrets: Arc::new([]),
            switch: Arc::default(),
            per_call: None,
        };
        let (queue, wall) = (Queue::new(limits), SystemTime::now());
        Self {
            queue,
            start: now,
            now,
            wall,
            target: Arc::new(target),
        }
    }

    fn event(&self, call: u128, sequence: u64) -> Tell {
        Tell {
            cursor: EventCursor(i64::try_from(call * 100).unwrap() + sequence.cast_signed()),
            target: Arc::clone(&self.target),
            delivery: Delivery {
                webhook_id: format!("msg_{call}_{sequence}").into(),
                name: "callNotify",
                body: Bytes::from_static(b"{}"),
                call: CallKey(call),
                sequence,
                trace: TraceId(call),
            },
            created_at: self.wall,
            attempts: 0,
        }
    }

    fn tell(&mut self, call: u128, sequence: u64) {
        let event = self.event(call, sequence);
        self.queue
            .handle_tell(self.now, Duration::ZERO, event)
            .unwrap();
    }

    /// Everything that may start, as (call, sequence).
    fn started(&mut self) -> (Vec<Job>, Vec<(u128, u64)>) {
        let jobs: Vec<Job> = std::iter::from_fn(|| self.queue.poll_start()).collect();
        let names = jobs
            .iter()
            .map(|job| (job.tell.delivery.call.0, job.tell.delivery.sequence));
        let names = names.collect();
        (jobs, names)
    }

    fn starts(&mut self, expected: &[(u128, u64)]) -> Vec<Job> {
        let (jobs, names) = self.started();
        assert_eq!(names, expected, "after {:?}", self.now - self.start);
        jobs
    }

    fn ends(&mut self, mut job: Job, tried: Attempt) -> Told {
        let (result, next) = job.judge(self.now, self.wall, tried);
        self.queue.handle_done(self.now, job, next);
        result.told
    }

    fn delivers(&mut self, job: Job) {
        let told = self.ends(
            job,
            Attempt::Delivered {
                status: StatusCode::OK,
                body: Bytes::new(),
            },
        );
        assert_eq!(told, Told::Delivered);
    }

    fn fails(&mut self, job: Job) -> Told {
        self.ends(
            job,
            Attempt::Retry {
                why: TryError::Busy,
                retry_after: None,
            },
        )
    }

    fn waits(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.queue.poll_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now, "a deadline in the past would spin");
            self.now = at;
            self.queue.handle_timeout(at);
        }
        self.now = end;
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }
}

fn one(jobs: Vec<Job>) -> Job {
    let [job] = <[Job; 1]>::try_from(jobs).unwrap();
    job
}

#[test]
fn the_events_of_a_call_go_one_after_the_other_and_those_of_other_calls_beside_them() {
    let mut world = World::new();
    world.tell(1, 1);
    world.tell(1, 2);
    world.tell(2, 1);
    let mut jobs = world.starts(&[(1, 1), (2, 1)]);
    let first = jobs.remove(0);
    world.delivers(first);
    let second = one(world.starts(&[(1, 2)]));
    world.delivers(second);
    world.delivers(one(jobs));
    assert!(
        world.queue.calls.is_empty(),
        "nothing is kept of calls without events"
    );
    assert_eq!(world.queue.load(), (0, 0));
}

#[test]
fn events_that_come_out_of_order_go_in_order() {
    let mut world = World::new();
    world.queue.handle_hold(CallKey(1));
    for sequence in [3, 2, 4] {
        world.tell(1, sequence);
    }
    world.queue.handle_open(CallKey(1));
    for sequence in [2, 3, 4] {
        let job = one(world.starts(&[(1, sequence)]));
        world.delivers(job);
    }
}

#[test]
fn an_event_that_is_told_twice_goes_once() {
    let mut world = World::new();
    world.tell(1, 1);
    world.tell(1, 1);
    let job = one(world.starts(&[(1, 1)]));
    world.delivers(job);
    world.starts(&[]);
}

#[test]
fn an_event_just_told_is_passed_over_until_the_outbox_must_know_of_it() {
    let mut world = World::new();
    world.tell(1, 1);
    let job = one(world.starts(&[(1, 1)]));
    world.delivers(job);
    world.waits(REMEMBERED - SECOND);
    let row = world.event(1, 1);
    world
        .queue
        .handle_refill(world.now, Duration::ZERO, row.clone())
        .unwrap();
    world.starts(&[]);
    world.waits(SECOND);
    world
        .queue
        .handle_refill(world.now, Duration::ZERO, row)
        .unwrap();
    world.starts(&[(1, 1)]);
}

#[test]
fn tells_wait_for_every_hold_of_their_call() {
    let mut world = World::new();
    world.queue.handle_hold(CallKey(1));
    world.queue.handle_hold(CallKey(1));
    world.tell(1, 2);
    world.tell(2, 1);
    world.starts(&[(2, 1)]);
    world.queue.handle_open(CallKey(1));
    world.starts(&[]);
    world.queue.handle_open(CallKey(1));
    world.starts(&[(1, 2)]);
}

#[test]
fn a_failing_event_is_tried_with_growing_pauses_and_holds_the_others_for_a_minute() {
    let mut world = World::new();
    world.tell(1, 1);
    world.tell(1, 2);
    let mut job = one(world.starts(&[(1, 1)]));
    let mut tries = vec![Duration::ZERO];
    loop {
        match world.fails(job) {
            Told::Retry { parked: false, .. } => {}
            Told::Retry { parked: true, at } => {
                let pause = at.duration_since(world.wall).unwrap();
                assert!((24 * SECOND..90 * SECOND).contains(&pause), "{pause:?}");
                break;
            }
            other => panic!("{other:?}"),
        }
        let next = world.queue.poll_timeout().unwrap() - world.now;
        assert!(world.queue.poll_start().is_none());
        world.waits(next);
        let (mut jobs, names) = world.started();
        tries.push(world.elapsed());
        if names.contains(&(1, 2)) {
            assert_eq!(world.elapsed(), HOLD);
            assert_eq!(names.len(), 2, "the last try in order, and the next event");
            let position = names.iter().position(|name| *name == (1, 1)).unwrap();
            job = jobs.remove(position);
        } else {
            assert_eq!(names, [(1, 1)]);
            job = one(jobs);
        }
    }
    let pauses: Vec<Duration> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((5..9).contains(&pauses.len()), "{pauses:?}");
    for (n, pause) in pauses.iter().enumerate().take(pauses.len() - 1) {
        let ideal = SECOND * (1 << n);
        assert!(
            *pause >= ideal * 3 / 4 && *pause <= ideal * 5 / 4,
            "{pauses:?}"
        );
    }
    assert_eq!(*tries.last().unwrap(), HOLD);
}

#[test]
fn a_success_within_the_minute_lets_the_next_event_go_at_once() {
    let mut world = World::new();
    world.tell(1, 1);
    world.tell(1, 2);
    let job = one(world.starts(&[(1, 1)]));
    world.fails(job);
    world.waits(2 * SECOND);
    let job = one(world.starts(&[(1, 1)]));
    world.delivers(job);
    let job = one(world.starts(&[(1, 2)]));
    world.delivers(job);
    assert_eq!(world.queue.poll_timeout(), None, "no deadline is left over");
}

#[test]
fn a_try_still_running_after_the_minute_does_not_hold_the_others() {
    let mut world = World::new();
    world.tell(1, 1);
    world.tell(1, 2);
    let job = one(world.starts(&[(1, 1)]));
    world.fails(job);
    world.waits(2 * SECOND);
    let running = one(world.starts(&[(1, 1)]));
    world.waits(58 * SECOND);
    let second = one(world.starts(&[(1, 2)]));
    world.tell(1, 3);
    world.delivers(running);
    world.starts(&[]);
    world.delivers(second);
    world.starts(&[(1, 3)]);
}

#[test]
fn a_long_retry_after_is_honoured_outside_memory_while_the_others_wait_their_minute() {
    let mut world = World::new();
    world.tell(1, 1);
    world.tell(1, 2);
    let job = one(world.starts(&[(1, 1)]));
    let wish = Some(3600 * SECOND);
    let told = world.ends(
        job,
        Attempt::Retry {
            why: TryError::Busy,
            retry_after: wish,
        },
    );
    assert_eq!(
        told,
        Told::Retry {
            at: world.wall + 3600 * SECOND,
            parked: true
        }
    );
    assert_eq!(world.queue.load(), (1, 0));
    world.waits(HOLD - SECOND);
    world.starts(&[]);
    world.waits(SECOND);
    world.starts(&[(1, 2)]);
}

#[test]
fn a_short_retry_after_is_honoured_too() {
    let mut world = World::new();
    world.tell(1, 1);
    let job = one(world.starts(&[(1, 1)]));
    let wish = Some(20 * SECOND);
    world.ends(
        job,
        Attempt::Retry {
            why: TryError::Busy,
            retry_after: wish,
        },
    );
    world.waits(19 * SECOND);
    world.starts(&[]);
    world.waits(SECOND);
    world.starts(&[(1, 1)]);
}

#[test]
fn what_comes_back_from_the_outbox_after_its_minute_neither_waits_nor_holds() {
    let mut world = World::new();
    let mut old = world.event(1, 1);
    old.attempts = 7;
    world.tell(1, 2);
    world.queue.handle_refill(world.now, 2 * HOLD, old).unwrap();
    let mut jobs = world.starts(&[(1, 2), (1, 1)]);
    let old = jobs.pop().unwrap();
    world.fails(old);
    world.delivers(one(jobs));
    world.tell(1, 3);
    world.starts(&[(1, 3)]);
}

#[test]
fn after_a_day_an_event_has_failed() {
    let mut world = World::new();
    let mut old = world.event(1, 1);
    old.attempts = 100;
    let age = LIFETIME - SECOND;
    world.queue.handle_refill(world.now, age, old).unwrap();
    let job = one(world.starts(&[(1, 1)]));
    assert_eq!(world.fails(job), Told::Failed);
    assert_eq!(world.queue.load(), (0, 0));
}

#[test]
fn the_longest_pause_is_ten_minutes() {
    let mut world = World::new();
    let mut old = world.event(1, 1);
    old.attempts = u32::MAX - 2;
    world.queue.handle_refill(world.now, 2 * HOLD, old).unwrap();
    let mut job = one(world.starts(&[(1, 1)]));
    job.first_failed = Some(world.now - HOLD);
    let Told::Retry { at, parked: true } = world.fails(job) else {
        panic!("it must be parked")
    };
    let pause = at.duration_since(world.wall).unwrap();
    assert!(pause >= 450 * SECOND && pause <= 750 * SECOND, "{pause:?}");
}

#[test]
fn refusal_and_410_end_an_event_and_let_the_next_go() {
    let mut world = World::new();
    for sequence in 1..=3 {
        world.tell(1, sequence);
    }
    let job = one(world.starts(&[(1, 1)]));
    assert_eq!(
        world.ends(
            job,
            Attempt::Refused {
                status: StatusCode::NOT_FOUND
            }
        ),
        Told::Failed
    );
    let job = one(world.starts(&[(1, 2)]));
    assert_eq!(world.ends(job, Attempt::Gone), Told::Failed);
    world.starts(&[(1, 3)]);
}

#[test]
fn a_full_lane_refuses_new_events_until_a_complete_refill() {
    let mut world = World::with(Limits {
        kept_per_lane: 1,
        ..Limits::default()
    });
    world.tell(1, 1);
    let second = world.event(2, 1);
    assert_eq!(
        world
            .queue
            .handle_tell(world.now, Duration::ZERO, second.clone()),
        Err(Refused)
    );
    let first = one(world.starts(&[(1, 1)]));
    world.delivers(first);

    let third = world.event(2, 2);
    let early = world.queue.mark();
    let told = world
        .queue
        .handle_tell(world.now, Duration::ZERO, third.clone());
    assert_eq!(
        told,
        Err(Refused),
        "it must not overtake what the outbox still has"
    );

    // The outbox was read before the third was refused, so the third may not have been in what was read.
    world
        .queue
        .handle_refill(world.now, Duration::ZERO, second)
        .unwrap();
    world.queue.handle_refilled(early);
    let job = one(world.starts(&[(2, 1)]));
    world.delivers(job);
    assert!(
        world
            .queue
            .handle_tell(world.now, Duration::ZERO, third.clone())
            .is_err()
    );

    let mark = world.queue.mark();
    world
        .queue
        .handle_refill(world.now, Duration::ZERO, third)
        .unwrap();
    world.queue.handle_refilled(mark);
    let job = one(world.starts(&[(2, 2)]));
    world.delivers(job);
    world.tell(2, 3);
}

#[test]
fn a_refill_without_room_comes_back_and_keeps_the_lane_shut() {
    let mut world = World::with(Limits {
        kept_per_lane: 1,
        ..Limits::default()
    });
    world.tell(1, 1);
    let second = world.event(2, 1);
    let mark = world.queue.mark();
    let back = world
        .queue
        .handle_refill(world.now, Duration::ZERO, second)
        .unwrap_err();
    assert_eq!(back.cursor, EventCursor(201));
    world.queue.handle_refilled(mark);
    let job = one(world.starts(&[(1, 1)]));
    world.delivers(job);
    let third = world.event(2, 2);
    assert_eq!(
        world.queue.handle_tell(world.now, Duration::ZERO, third),
        Err(Refused)
    );
}
