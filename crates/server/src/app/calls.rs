//! The way from REST to the shards.

use hookswitch_api::ladder::LadderEntry;
use hookswitch_call::command::{Command, CommandError, CommandErrorKind, CommandReply};
use hookswitch_call::id::CallId;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::http::{CallControl, Pending};
use crate::shard::{Input, Line, ShardHandle};

/// All shards.
pub(super) struct Calls {
    shards: Vec<ShardHandle>,
    next: AtomicUsize,
}

impl Calls {
    pub(super) fn new(shards: Vec<ShardHandle>) -> Self {
        Self {
            shards,
            next: AtomicUsize::new(0),
        }
    }

    fn of(&self, call: CallId) -> &ShardHandle {
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        &self.shards[usize::from(call.shard(shards))]
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

impl CallControl for Calls {
    fn command(&self, command: Command) -> Pending<'_, Result<CommandReply, CommandError>> {
        let shard = self.shard(&command);
        Box::pin(async move {
            let gone =
                || CommandError::new(CommandErrorKind::Draining, "the node is being stopped");
            shard.command(command).await.unwrap_or_else(|| Err(gone()))
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
        self.of(call).put(Input::Line {
            call,
            line: Line::from_entry(entry),
        });
    }
}
