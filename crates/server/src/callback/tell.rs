//! Callbacks that report events: runs what the queue says, one task per try that is under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::attempt::{Attempt, attempt};
use super::client::{Client, Wants};
use super::queue::{Job, Limits, Mark, Next, Queue, Refused, Tell, TellResult};
use super::{CallKey, Observer};

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
        });
        let clock = runtime
            .spawn(keep_time(Arc::downgrade(&shared), earlier))
            .abort_handle();
        Self { shared, clock }
    }

    pub(super) fn tell(&self, tell: Tell) -> Result<(), Refused> {
        let age = age(&tell);
        self.shared
            .update(|queue| queue.handle_tell(Instant::now(), age, tell))
    }

    pub(super) fn refill(&self, mark: Mark, rows: Vec<Tell>, complete: bool) -> Vec<Tell> {
        self.shared.update(|queue| {
            let mut left = Vec::new();
            for tell in rows {
                if let Err(tell) = queue.handle_refill(Instant::now(), age(&tell), tell) {
                    left.push(*tell);
                }
            }
            if complete {
                queue.handle_refilled(mark);
            }
            left
        })
    }

    pub(super) fn hold(&self, call: CallKey) -> Hold {
        self.shared.update(|queue| queue.handle_hold(call));
        Hold {
            shared: Arc::clone(&self.shared),
            call,
        }
    }

    pub(super) fn mark(&self) -> Mark {
        self.shared.lock().queue.mark()
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
            let (result, next) = self.deliver(&mut job).await;
            // Nobody listens any more when the node shuts down; the outbox has the event still.
            self.results.send(result).await.ok();
            let mut following = None;
            self.update(|queue| {
                queue.handle_done(Instant::now(), job, next);
                following = queue.poll_start();
            });
            match following {
                Some(next) => job = next,
                None => return,
            }
        }
    }

    async fn deliver(&self, job: &mut Job) -> (TellResult, Next) {
        let Tell {
            target, delivery, ..
        } = &job.tell;
        if target.switch.is_off() {
            return job.switched_off();
        }
        let observer = &*self.observer;
        let deadline = Instant::now() + target.try_limit();
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
        job.judge(Instant::now(), SystemTime::now(), tried)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

fn age(tell: &Tell) -> Duration {
    SystemTime::now()
        .duration_since(tell.created_at)
        .unwrap_or_default()
}
