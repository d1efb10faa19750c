//! Where what was missed is delivered: on a thread of its own that yields to every other one, so that a customer who
//! catches up takes only what live calls leave.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// How far behind other threads the scheduler puts it, in the steps of nice(2).
const NICE: i32 = 15;

/// A runtime for catching up. What still runs when it is dropped is given up; the outbox has it.
pub struct CatchUp {
    handle: Handle,
    own: Option<Runtime>,
}

impl CatchUp {
    /// A thread of its own.
    pub fn apart() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("catch-up")
            .on_thread_start(|| {
                // On Linux this is the calling thread's alone. Without it, it is only less polite.
                if let Err(error) = rustix::process::nice(NICE) {
                    tracing::debug!(%error, "the catch-up thread keeps the priority of the others");
                }
            })
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            own: Some(runtime),
        })
    }

    /// The calling runtime, for tests whose time is virtual.
    #[cfg(test)]
    pub(super) fn here() -> Self {
        Self {
            handle: Handle::current(),
            own: None,
        }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for CatchUp {
    fn drop(&mut self) {
        if let Some(runtime) = self.own.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CatchUp;

    #[test]
    fn its_thread_is_behind_others_and_theirs_is_as_it_was() {
        let before = rustix::process::nice(0).unwrap();
        let catch_up = CatchUp::apart().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        catch_up
            .handle()
            .spawn(async move { tell.send(rustix::process::nice(0).unwrap()).unwrap() });
        assert!(told.recv().unwrap() > before);
        assert_eq!(rustix::process::nice(0).unwrap(), before);
    }
}
