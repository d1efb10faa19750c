use bytes::Bytes;
use http::StatusCode;

use super::*;
use crate::callback::attempt::Attempt;
use crate::callback::lanes::Wish;
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
            topic: None,
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
            first_tried: None,
        }
    }

    /// The same as a row that was tried that often, the first time so long ago.
    fn tried_event(&self, call: u128, sequence: u64, attempts: u32, ago: Duration) -> Tell {
        Tell {
            attempts,
            first_tried: Some(self.wall - ago),
            created_at: self.wall - ago,
            ..self.event(call, sequence)
        }
    }

    /// What the queue wants to read.
    fn wish(&mut self) -> Wish {
        self.queue.next_read().expect("something is to be read")
    }

    /// The outbox answers with these rows, whose places are their cursors.
    fn reads(&mut self, wish: &Wish, rows: Vec<Tell>, next: Option<i64>) {
        let rows = rows.into_iter().map(|tell| (tell.cursor.0, tell)).collect();
        let page = Page {
            rows,
            next,
            next_due: None,
        };
        self.queue
            .handle_page(self.now, self.wall, wish, Some(page));
    }

    /// The outbox has exactly these rows.
    fn refills(&mut self, rows: Vec<Tell>) {
        self.queue.handle_backlog(&Arc::clone(&self.target));
        let wish = self.wish();
        self.reads(&wish, rows, None);
    }

    fn refuses(&mut self, call: u128, sequence: u64) {
        let event = self.event(call, sequence);
        let told = self.queue.handle_tell(self.now, self.wall, event);
        assert_eq!(told, Err(Refused));
    }

    fn tell(&mut self, call: u128, sequence: u64) {
        let event = self.event(call, sequence);
        self.queue.handle_tell(self.now, self.wall, event).unwrap();
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
        let (result, ended) = job.judge(self.now, self.wall, self.now, tried);
        self.queue.handle_done(self.now, self.wall, job, &ended);
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
            self.wall += at - self.now;
            self.now = at;
            self.queue.handle_timeout(at);
        }
        self.wall += end - self.now;
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
fn a_row_is_passed_over_until_the_outbox_shows_what_became_of_it() {
    let mut world = World::new();
    world.tell(1, 1);
    let job = one(world.starts(&[(1, 1)]));
    world.delivers(job);
    let row = world.event(1, 1);
    world.refills(vec![row.clone()]);
    world.starts(&[]);
    world.queue.handle_settled([row.cursor]);
    world.refills(vec![row]);
    world.starts(&[(1, 1)]);
}

#[test]
fn a_page_that_was_read_before_a_result_was_written_does_not_bring_the_event_back() {
    let mut world = World::new();
    world.tell(1, 1);
    let job = one(world.starts(&[(1, 1)]));
    world.queue.handle_backlog(&Arc::clone(&world.target));
    let wish = world.wish();
    world.delivers(job);
    let row = world.event(1, 1);
    world.queue.handle_settled([row.cursor]);
    world.reads(&wish, vec![row], None);
    world.starts(&[]);
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
fn whatever_retry_after_says_tries_end_a_day_after_the_event() {
    let mut world = World::new();
    world.tell(1, 1);
    let mut job = one(world.starts(&[(1, 1)]));
    let first = job.tell.clone();
    let mut tries = 0;
    loop {
        let told = world.ends(
            job,
            Attempt::Retry {
                why: TryError::Busy,
                retry_after: Some(365 * LIFETIME),
            },
        );
        tries += 1;
        let Told::Retry { at, .. } = told else {
            break;
        };
        if tries == 1 {
            assert_eq!(at, first.created_at + LIFETIME, "one more try at its end");
        }
        let left = at.duration_since(world.wall).unwrap();
        world.waits(left);
        let row = Tell {
            attempts: tries,
            first_tried: Some(first.created_at),
            ..first.clone()
        };
        world.queue.handle_settled([row.cursor]);
        world.refills(vec![row]);
        job = one(world.started().0);
    }
    assert!(world.elapsed() < LIFETIME + 3 * 3600 * SECOND);
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
    let old = world.tried_event(1, 1, 7, 2 * HOLD);
    world.tell(1, 2);
    world.refills(vec![old]);
    let mut jobs = world.starts(&[(1, 2), (1, 1)]);
    let old = jobs.pop().unwrap();
    world.fails(old);
    world.delivers(one(jobs));
    world.tell(1, 3);
    world.starts(&[(1, 3)]);
}

#[test]
fn an_event_tried_before_a_restart_holds_back_the_others_for_the_rest_of_its_minute() {
    let mut world = World::new();
    let held = Held {
        cursor: world.event(1, 1).cursor,
        call: CallKey(1),
        first_tried: world.wall - 20 * SECOND,
    };
    world.queue.handle_held(world.now, world.wall, [held]);
    let next = world.event(1, 2);
    world.refills(vec![next]);
    world.waits(39 * SECOND);
    world.starts(&[]);
    world.waits(SECOND);
    world.starts(&[(1, 2)]);
}

#[test]
fn an_event_tried_before_a_restart_goes_first_when_it_is_due_within_its_minute() {
    let mut world = World::new();
    let held = Held {
        cursor: world.event(1, 1).cursor,
        call: CallKey(1),
        first_tried: world.wall - 20 * SECOND,
    };
    world.queue.handle_held(world.now, world.wall, [held]);
    let rows = vec![world.tried_event(1, 1, 4, 20 * SECOND), world.event(1, 2)];
    world.refills(rows);
    let first = one(world.starts(&[(1, 1)]));
    world.delivers(first);
    world.starts(&[(1, 2)]);
}

#[test]
fn after_a_day_an_event_has_failed() {
    let mut world = World::new();
    let old = world.tried_event(1, 1, 100, LIFETIME - SECOND);
    world.refills(vec![old]);
    let job = one(world.starts(&[(1, 1)]));
    assert_eq!(world.fails(job), Told::Failed);
    assert_eq!(world.queue.load(), (0, 0));
}

#[test]
fn an_old_event_that_is_replayed_gets_more_than_one_try() {
    let mut world = World::new();
    let old = Tell {
        created_at: world.wall - 3 * LIFETIME,
        ..world.event(1, 1)
    };
    world.refills(vec![old]);
    let mut job = one(world.starts(&[(1, 1)]));
    for _ in 0..5 {
        assert!(matches!(world.fails(job), Told::Retry { .. }));
        world.waits(world.queue.poll_timeout().unwrap() - world.now);
        job = one(world.starts(&[(1, 1)]));
    }
}

#[test]
fn the_longest_pause_is_ten_minutes() {
    let mut world = World::new();
    let old = world.tried_event(1, 1, u32::MAX - 2, 2 * HOLD);
    world.refills(vec![old]);
    let job = one(world.starts(&[(1, 1)]));
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

/// A world whose lanes keep so many events.
fn with_room_for(events: usize) -> World {
    World::with(Limits {
        kept_per_lane: events,
        ..Limits::default()
    })
}

#[test]
fn once_an_event_found_no_room_the_later_ones_wait_for_it_in_the_outbox() {
    let mut world = with_room_for(1);
    world.tell(1, 1);
    world.refuses(2, 1);
    let first = one(world.starts(&[(1, 1)]));
    world.delivers(first);
    world.refuses(2, 2);
    let wish = world.wish();
    assert_eq!((wish.after, wish.limit), (0, 1));
    let second = world.event(2, 1);
    world.reads(&wish, vec![second], Some(201));
    let job = one(world.starts(&[(2, 1)]));
    world.delivers(job);
    let wish = world.wish();
    assert_eq!(wish.after, 201, "it goes on where it was");
    let third = world.event(2, 2);
    world.reads(&wish, vec![third], None);
    let job = one(world.starts(&[(2, 2)]));
    world.delivers(job);
    world.tell(2, 3);
    world.starts(&[(2, 3)]);
}

#[test]
fn what_happens_while_the_last_page_is_read_comes_after_it() {
    let mut world = World::new();
    world.queue.handle_backlog(&Arc::clone(&world.target));
    let wish = world.wish();
    world.tell(1, 2);
    world.tell(2, 1);
    world.starts(&[]);
    let row = world.event(1, 1);
    world.reads(&wish, vec![row], None);
    let mut jobs = world.starts(&[(2, 1), (1, 1)]);
    world.delivers(jobs.pop().unwrap());
    world.starts(&[(1, 2)]);
}

#[test]
fn what_happens_while_a_page_is_read_that_is_not_the_last_is_read_with_the_others() {
    let mut world = World::new();
    world.queue.handle_backlog(&Arc::clone(&world.target));
    let wish = world.wish();
    world.tell(9, 1);
    let row = world.event(1, 1);
    world.reads(&wish, vec![row], Some(101));
    world.starts(&[(1, 1)]);
    let wish = world.wish();
    assert_eq!(wish.after, 101);
    let row = world.event(9, 1);
    world.reads(&wish, vec![row], None);
    world.starts(&[(9, 1)]);
}

#[test]
fn a_page_that_does_not_fit_is_read_again_from_what_was_left_out() {
    let mut world = with_room_for(2);
    world.queue.handle_backlog(&Arc::clone(&world.target));
    let wish = world.wish();
    let rows = (1..=3).map(|call| world.event(call, 1)).collect();
    world.reads(&wish, rows, None);
    for job in world.starts(&[(1, 1), (2, 1)]) {
        world.delivers(job);
    }
    let wish = world.wish();
    assert_eq!(wish.after, 201);
    let row = world.event(3, 1);
    world.reads(&wish, vec![row], None);
    world.starts(&[(3, 1)]);
}

#[test]
fn no_more_is_read_before_half_of_the_room_is_free() {
    let mut world = with_room_for(4);
    world.queue.handle_backlog(&Arc::clone(&world.target));
    let wish = world.wish();
    let rows = (1..=4).map(|call| world.event(call, 1)).collect();
    world.reads(&wish, rows, Some(401));
    let mut jobs = world.starts(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
    world.delivers(jobs.pop().unwrap());
    assert_eq!(world.queue.next_read(), None);
    world.delivers(jobs.pop().unwrap());
    assert_eq!(world.wish().limit, 2);
}

#[test]
fn however_much_one_customer_has_waiting_there_is_room_for_the_next() {
    let mut world = World::with(Limits {
        kept: 1_000,
        ..Limits::default()
    });
    for call in 0..2_000 {
        let event = world.event(call, 1);
        let _ = world.queue.handle_tell(world.now, world.wall, event);
    }
    let mut customers = 0;
    while world.queue.load().0 < 999 && customers < 100 {
        customers += 1;
        world.target = Arc::new(Target {
            domain: format!("customer{customers}.example").into(),
            ..Target::clone(&world.target)
        });
        let call = 10_000 + customers * 1_000;
        world.tell(call, 1);
        for more in 1..200 {
            let event = world.event(call + more, 1);
            let _ = world.queue.handle_tell(world.now, world.wall, event);
        }
    }
    assert!(customers >= 8, "{customers} customers fill the memory");
}

/// An application that is down: its customer has a try of a call every now and then.
fn with_application_down() -> World {
    let mut world = World::new();
    for call in 1..=20 {
        world.tell(call, 1);
    }
    let (jobs, _) = world.started();
    for job in jobs {
        world.fails(job);
    }
    world
}

#[test]
fn an_application_that_is_down_gets_one_try_every_few_seconds() {
    let mut world = with_application_down();
    let mut tries = Vec::new();
    while world.elapsed() < 100 * SECOND {
        world.waits(SECOND / 10);
        let (jobs, names) = world.started();
        assert!(names.len() <= 1, "{names:?}");
        for job in jobs {
            tries.push(world.elapsed());
            world.fails(job);
        }
    }
    let pauses: Vec<Duration> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((10..25).contains(&tries.len()), "{tries:?}");
    assert!(
        pauses.iter().all(|pause| *pause < 13 * SECOND),
        "{pauses:?}"
    );
}

#[test]
fn an_application_that_answers_again_gets_what_waits_at_once_a_few_at_a_time() {
    let mut world = with_application_down();
    let probe = loop {
        world.waits(SECOND / 10);
        let (mut jobs, _) = world.started();
        if let Some(job) = jobs.pop() {
            break job;
        }
    };
    world.delivers(probe);
    let mut delivered = 1;
    let mut at_a_time = Vec::new();
    loop {
        let (jobs, names) = world.started();
        if jobs.is_empty() {
            break;
        }
        at_a_time.push(names.len());
        delivered += names.len();
        for job in jobs {
            world.delivers(job);
        }
    }
    assert_eq!(delivered, 20, "no time has passed");
    assert_eq!(at_a_time[0], 2);
    assert!(at_a_time.iter().any(|tries| *tries > 2), "{at_a_time:?}");
}

#[test]
fn an_application_that_answers_something_else_is_not_down_any_more() {
    let mut world = with_application_down();
    world.starts(&[]);
    let target = Arc::clone(&world.target);
    world.queue.handle_answer(world.now, &target);
    let (jobs, _) = world.started();
    assert_eq!(jobs.len(), 2);
}

#[test]
fn what_waits_in_the_outbox_for_an_application_that_comes_back_is_due_then() {
    let mut world = with_application_down();
    world.queue.handle_backlog(&Arc::clone(&world.target));
    let target = Arc::clone(&world.target);
    world.queue.handle_answer(world.now, &target);
    let wish = world.wish();
    assert!(wish.early && wish.after == 0);
}

#[test]
fn an_application_that_is_down_wants_to_be_left_alone_and_is() {
    let mut world = World::new();
    for call in 1..=10 {
        world.tell(call, 1);
    }
    let (jobs, _) = world.started();
    for job in jobs {
        let wish = Some(50 * SECOND);
        world.ends(
            job,
            Attempt::Retry {
                why: TryError::Busy,
                retry_after: wish,
            },
        );
    }
    world.tell(11, 1);
    world.waits(49 * SECOND);
    world.starts(&[]);
    world.waits(SECOND);
    let (jobs, _) = world.started();
    assert_eq!(jobs.len(), 1);
}

#[test]
fn an_event_parked_in_the_outbox_is_read_when_it_is_due() {
    let mut world = World::new();
    world.tell(1, 1);
    let job = one(world.starts(&[(1, 1)]));
    let wish = Some(300 * SECOND);
    world.ends(
        job,
        Attempt::Retry {
            why: TryError::Busy,
            retry_after: wish,
        },
    );
    world.queue.handle_settled([EventCursor(101)]);
    world.waits(299 * SECOND);
    assert_eq!(world.queue.next_read(), None);
    world.waits(SECOND);
    let wish = world.wish();
    let row = world.tried_event(1, 1, 1, 300 * SECOND);
    world.reads(&wish, vec![row], None);
    world.starts(&[(1, 1)]);
}

#[test]
fn the_backlog_rests_between_handfuls_while_live_calls_are_told_of() {
    let mut world = World::new();
    assert_eq!(
        world.queue.late_rest(world.now),
        None,
        "nobody is in its way"
    );
    world.tell(1, 1);
    assert!(world.queue.late_rest(world.now).is_some());
    world.waits(2 * SECOND);
    assert_eq!(world.queue.late_rest(world.now), None);
}
