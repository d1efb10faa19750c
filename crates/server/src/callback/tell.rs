//! Callbacks that report events: runs what the queue says, one task per try that is under way. What happens now is
//! delivered here, what was missed by the thread for catching up; only this side touches the queue, so that nobody
//! ever waits for a thread that has to wait itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::attempt::{Attempt, attempt};
use super::catch_up::CatchUp;
use super::client::{Client, Wants};
use super::lanes::{Limits, Wish};
use super::queue::{Ended, Held, Job, Page, Queue, Refused, Tell, TellResult};
use super::{CallKey, EventCursor, Observer, Target};
use crate::vital::watched;

/// Ends of late tries that wait to be taken note of; more tries than these end only when there is room.
const ENDS: usize = 256;
/// Ends taken note of at a time.
const HANDFUL: usize = 32;
/// Of what ends here by a panic, no event would be told again before the next start.
const PART: &str = "callbacks";

/// The tells of this node.
pub(super) struct Tells {
    shared: Arc<Shared>,
    clock: AbortHandle,
}

struct Shared {
    observer: Arc<dyn Observer>,
    results: mpsc::Sender<TellResult>,
    live: Side<Handle>,
    late: Side<CatchUp>,
    late_ends: mpsc::Sender<End>,
    state: Mutex<State>,
    earlier: Arc<Notify>,
    readable: Notify,
    any_down: AtomicBool,
}

/// Where tries run, and connections that are driven there.
struct Side<R> {
    runtime: R,
    client: Arc<Client>,
}

/// The end of a late try.
struct End {
    job: Job,
    result: TellResult,
    ended: Ended,
}

struct State {
    queue: Queue,
    /// When the clock wakes up by itself.
    armed: Option<Instant>,
}

/// Keeps back the tells of a call until it is dropped.
pub struct Hold {
    shared: Arc<Shared>,
    call: CallKey,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.update(|queue| queue.handle_open(self.call));
    }
}

impl Tells {
    pub(super) fn new(
        client: Arc<Client>,
        late_client: Arc<Client>,
        catch_up: CatchUp,
        observer: Arc<dyn Observer>,
        results: mpsc::Sender<TellResult>,
        limits: Limits,
    ) -> Self {
        let runtime = Handle::current();
        let earlier = Arc::new(Notify::new());
        let (late_ends, ends) = mpsc::channel(ENDS);
        let shared = Arc::new(Shared {
            observer,
            results,
            live: Side {
                runtime: runtime.clone(),
                client,
            },
            late: Side {
                runtime: catch_up,
                client: late_client,
            },
            late_ends,
            state: Mutex::new(State {
                queue: Queue::new(limits),
                armed: None,
            }),
            earlier: Arc::clone(&earlier),
            readable: Notify::new(),
            any_down: AtomicBool::new(false),
        });
        let clock = runtime
            .spawn(watched(PART, keep_time(Arc::downgrade(&shared), earlier)))
            .abort_handle();
        runtime.spawn(watched(PART, note_ends(Arc::downgrade(&shared), ends)));
        Self { shared, clock }
    }

    pub(super) fn tell(&self, tell: Tell) -> Result<(), Refused> {
        self.shared
            .update(|queue| queue.handle_tell(Instant::now(), SystemTime::now(), tell))
    }

    pub(super) fn backlog(&self, target: &Target) {
        self.shared.update(|queue| queue.handle_backlog(target));
    }

    pub(super) fn held(&self, held: Vec<Held>) {
        self.shared
            .update(|queue| queue.handle_held(Instant::now(), SystemTime::now(), held));
    }

    /// The application of that target answered something else than a tell.
    pub(super) fn answered(&self, target: &Target) {
        if self.shared.any_down.load(Ordering::Relaxed) {
            self.shared
                .update(|queue| queue.handle_answer(Instant::now(), target));
        }
    }

    pub(super) async fn next_read(&self) -> Wish {
        loop {
            if let Some(wish) = self.shared.lock().queue.next_read() {
                return wish;
            }
            self.shared.readable.notified().await;
        }
    }

    pub(super) fn page(&self, wish: &Wish, page: Option<Page>) {
        self.shared
            .update(|queue| queue.handle_page(Instant::now(), SystemTime::now(), wish, page));
    }

    pub(super) fn settled(&self, events: Vec<EventCursor>) {
        self.shared.update(|queue| queue.handle_settled(events));
    }

    pub(super) fn hold(&self, call: CallKey) -> Hold {
        self.shared.update(|queue| queue.handle_hold(call));
        Hold {
            shared: Arc::clone(&self.shared),
            call,
        }
    }

    pub(super) fn load(&self) -> (usize, usize) {
        self.shared.lock().queue.load()
    }
}

impl Drop for Tells {
    fn drop(&mut self) {
        self.clock.abort();
    }
}

impl Shared {
    /// Changes the queue, then starts what may start.
    fn update<R>(self: &Arc<Self>, change: impl FnOnce(&mut Queue) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state.queue);
        let mut starts = Vec::new();
        while let Some(job) = state.queue.poll_start() {
            starts.push(job);
        }
        self.set_clock(&mut state);
        if state.queue.poll_wants_read() {
            self.readable.notify_one();
        }
        self.any_down
            .store(state.queue.any_down(), Ordering::Relaxed);
        drop(state);
        for job in starts {
            self.start(job);
        }
        result
    }

    fn start(self: &Arc<Self>, job: Job) {
        let shared = Arc::clone(self);
        if job.late {
            let late = self.late.runtime.handle();
            late.spawn(watched(PART, shared.run_late(job)));
        } else {
            self.live.runtime.spawn(watched(PART, shared.run(job)));
        }
    }

    fn set_clock(&self, state: &mut State) {
        let next = state.queue.poll_timeout();
        if let Some(next) = next
            && state.armed.is_none_or(|armed| next < armed)
        {
            state.armed = Some(next);
            self.earlier.notify_one();
        }
    }

    /// Delivers one job, then whatever is next: a task goes on while there is work for it.
    async fn run(self: Arc<Self>, mut job: Job) {
        loop {
            let (result, ended) = self.deliver(&self.live.client, &mut job).await;
            // Nobody listens any more when the node shuts down; the outbox has the event still.
            self.results.send(result).await.ok();
            let mut following = None;
            self.update(|queue| {
                queue.handle_done(Instant::now(), SystemTime::now(), job, &ended);
                following = queue.poll_start();
            });
            match following {
                Some(next) if !next.late => job = next,
                Some(next) => return self.start(next),
                None => return,
            }
        }
    }

    /// Delivers one job that was read from the outbox, and passes on how that ended.
    async fn run_late(self: Arc<Self>, mut job: Job) {
        let (result, ended) = self.deliver(&self.late.client, &mut job).await;
        let end = End { job, result, ended };
        // Nobody listens any more when the node shuts down.
        self.late_ends.send(end).await.ok();
    }

    async fn deliver(&self, client: &Arc<Client>, job: &mut Job) -> (TellResult, Ended) {
        let Tell {
            target, delivery, ..
        } = &job.tell;
        if target.switch.is_off() {
            return job.switched_off();
        }
        let observer = &*self.observer;
        let began = Instant::now();
        let deadline = began + target.try_limit();
        let tried = attempt(client, observer, target, delivery, Wants::Status, deadline).await;
        if matches!(tried, Attempt::Gone) && target.switch.turn_off() {
            observer.switched_off(target);
        }
        job.judge(Instant::now(), SystemTime::now(), began, tried)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes note of how late tries ended, and starts what may follow.
async fn note_ends(shared: Weak<Shared>, mut ends: mpsc::Receiver<End>) {
    let mut handful = Vec::with_capacity(HANDFUL);
    let mut unrested = 0;
    while ends.recv_many(&mut handful, HANDFUL).await > 0 {
        let lag = give_way().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        unrested += handful.len();
        let rest = note(&shared, &mut handful, lag).await;
        drop(shared);
        if unrested >= HANDFUL {
            unrested = 0;
            if let Some(rest) = rest {
                sleep(rest).await;
            }
        }
    }
}

/// Takes note of some ends; tells how long a rest is at present.
async fn note(shared: &Arc<Shared>, handful: &mut Vec<End>, lag: Duration) -> Option<Duration> {
    let mut done = Vec::with_capacity(handful.len());
    for End { job, result, ended } in handful.drain(..) {
        // Nobody listens any more when the node shuts down; the outbox has the event still.
        shared.results.send(result).await.ok();
        done.push((job, ended));
    }
    shared.update(|queue| {
        let (now, wall) = (Instant::now(), SystemTime::now());
        queue.handle_lag(now, lag);
        for (job, ended) in done {
            queue.handle_done(now, wall, job, &ended);
        }
        queue.late_rest(now)
    })
}

/// Lets everything else go first; tells how long that took.
async fn give_way() -> Duration {
    let since = std::time::Instant::now();
    tokio::task::yield_now().await;
    since.elapsed()
}

/// Wakes the queue at its deadlines: one sleep for all tells.
async fn keep_time(shared: Weak<Shared>, earlier: Arc<Notify>) {
    loop {
        let next = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut state = shared.lock();
            state.armed = state.queue.poll_timeout();
            state.armed
        };
        match next {
            Some(at) => {
                tokio::select! {
                    () = sleep_until(at) => {}
                    () = earlier.notified() => {}
                }
            }
            None => earlier.notified().await,
        }
        let Some(shared) = shared.upgrade() else {
            return;
        };
        shared.update(|queue| queue.handle_timeout(Instant::now()));
    }
}
