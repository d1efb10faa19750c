//! The way from REST to the shards.

use hookswitch_api::ladder::LadderEntry;
use hookswitch_call::command::{Command, CommandError, CommandErrorKind, CommandReply};
use hookswitch_call::id::CallId;
use hookswitch_store::{CallKey, Store, calls as stored};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::http::{CallControl, Pending};
use crate::shard::{Line, ShardHandle};

/// All shards, and the records of calls they have forgotten.
pub(super) struct Calls {
    shards: Vec<ShardHandle>,
    store: Store,
    next: AtomicUsize,
}

impl Calls {
    pub(super) fn new(shards: Vec<ShardHandle>, store: Store) -> Self {
        Self {
            shards,
            store,
            next: AtomicUsize::new(0),
        }
    }

    fn of(&self, call: CallId) -> &ShardHandle {
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        &self.shards[usize::from(call.shard(shards))]
    }

    /// A call that the shards have forgotten is over for as long as its record is kept.
    async fn ended_long_ago(&self, call: CallId, domain: Arc<str>) -> Option<CommandError> {
        let (store, key) = (self.store.clone(), CallKey(call.as_u128()));
        let look = move || store.read(|db| stored::find(db, &domain, key));
        let row = tokio::task::spawn_blocking(look).await.ok()?.ok()??;
        let ended = || CommandError::new(CommandErrorKind::CallEnded, "the call has ended");
        row.ended_at.map(|_| ended())
    }

    fn shard(&self, command: &Command) -> &ShardHandle {
        match command {
            Command::Place(_) => {
                &self.shards[self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len()]
            }
            Command::Ringback { call, .. }
            | Command::Answer { call, .. }
            | Command::Hangup { call, .. }
            | Command::Describe { call, .. } => self.of(*call),
        }
    }
}

/// Whose call a command is about.
fn subject(command: &Command) -> Option<(CallId, Arc<str>)> {
    match command {
        Command::Place(_) => None,
        Command::Ringback { call, domain, .. }
        | Command::Answer { call, domain, .. }
        | Command::Hangup { call, domain, .. }
        | Command::Describe { call, domain } => Some((*call, Arc::clone(domain))),
    }
}

impl CallControl for Calls {
    fn command(&self, command: Command) -> Pending<'_, Result<CommandReply, CommandError>> {
        let shard = self.shard(&command);
        let subject = subject(&command);
        Box::pin(async move {
            let gone =
                || CommandError::new(CommandErrorKind::Draining, "the node is being stopped");
            let result = shard.command(command).await.unwrap_or_else(|| Err(gone()));
            match (result, subject) {
                (Err(error), Some((call, domain)))
                    if error.kind == CommandErrorKind::CallNotFound =>
                {
                    Err(self.ended_long_ago(call, domain).await.unwrap_or(error))
                }
                (result, _) => result,
            }
        })
    }

    fn recent_ladder(&self, call: CallId) -> Pending<'_, Vec<LadderEntry>> {
        let shard = self.of(call);
        Box::pin(async move {
            shard
                .recent_ladder(call)
                .await
                .iter()
                .map(Line::entry)
                .collect()
        })
    }

    fn log(&self, call: CallId, entry: LadderEntry) {
        self.of(call).log(call, Line::from_entry(entry));
    }
}
