//! Tasks that the program cannot do without.

use std::future::Future;

use hookswitch_store::Vital;
use tokio::task::JoinHandle;

/// Runs a part of the program, which ends with it should the part panic.
pub(crate) fn spawn<F>(name: &'static str, part: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(async move {
        let _part = Vital::part(name);
        part.await
    })
}
