//! Callbacks that report events: runs what the queue says, one task per try that is under way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::attempt::{Attempt, attempt};
use super::client::{Client, Wants};
use super::lanes::{Limits, Wish};
use super::queue::{Ended, Held, Job, Page, Queue, Refused, Tell, TellResult};
use super::{CallKey, EventCursor, Observer, Target};

/// The tells of this node.
pub(super) struct Tells {
    shared: Arc<Shared>,
    clock: AbortHandle,
}

struct Shared {
    client: Arc<Client>,
    observer: Arc<dyn Observer>,
    results: mpsc::Sender<TellResult>,
    runtime: Handle,
    state: Mutex<State>,
    earlier: Arc<Notify>,
    readable: Notify,
    any_down: AtomicBool,
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
        observer: Arc<dyn Observer>,
        results: mpsc::Sender<TellResult>,
        limits: Limits,
    ) -> Self {
        let runtime = Handle::current();
        let earlier = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            client,
            observer,
            results,
            runtime: runtime.clone(),
            state: Mutex::new(State {
                queue: Queue::new(limits),
                armed: None,
            }),
            earlier: Arc::clone(&earlier),
            readable: Notify::new(),
            any_down: AtomicBool::new(false),
        });
        let clock = runtime
            .spawn(keep_time(Arc::downgrade(&shared), earlier))
            .abort_handle();
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
            self.runtime.spawn(Arc::clone(self).run(job));
        }
        result
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

    /// Delivers one job, then whatever is next: a task goes on while there is work.
    async fn run(self: Arc<Self>, mut job: Job) {
        loop {
            let lag = match job.late {
                true => Some(give_way().await),
                false => None,
            };
            let (result, ended) = self.deliver(&mut job).await;
            // Nobody listens any more when the node shuts down; the outbox has the event still.
            self.results.send(result).await.ok();
            let mut following = None;
            self.update(|queue| {
                let now = Instant::now();
                if let Some(lag) = lag {
                    queue.handle_lag(now, lag);
                }
                queue.handle_done(now, SystemTime::now(), job, &ended);
                following = queue.poll_start();
            });
            match following {
                Some(next) => job = next,
                None => return,
            }
        }
    }

    async fn deliver(&self, job: &mut Job) -> (TellResult, Ended) {
        let Tell {
            target, delivery, ..
        } = &job.tell;
        if target.switch.is_off() {
            return job.switched_off();
        }
        let observer = &*self.observer;
        let began = Instant::now();
        let deadline = began + target.try_limit();
        let tried = attempt(
            &self.client,
            observer,
            target,
            delivery,
            Wants::Status,
            deadline,
        )
        .await;
        if matches!(tried, Attempt::Gone) && target.switch.turn_off() {
            observer.switched_off(target);
        }
        job.judge(Instant::now(), SystemTime::now(), began, tried)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets everything else go first; tells how long that took.
async fn give_way() -> std::time::Duration {
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
