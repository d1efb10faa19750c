//! Tasks that the program cannot do without.

use std::future::{Future, poll_fn};
use std::pin::pin;

use hookswitch_store::Vital;
use tokio::task::JoinHandle;

/// Runs a part of the program, which ends with it should the part panic.
pub(crate) fn spawn<F>(name: &'static str, part: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(watched(name, part))
}

/// The same on whatever runtime. Only a panic of its own ends the program: a task may be dropped by somebody who panics.
pub(crate) async fn watched<F: Future>(name: &'static str, part: F) -> F::Output {
    let mut part = pin!(part);
    poll_fn(|context| {
        let _vital = Vital::part(name);
        part.as_mut().poll(context)
    })
    .await
}
