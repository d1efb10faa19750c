//! The way from REST to the shards that own the calls.

use hookswitch_api::ladder::LadderEntry;
use hookswitch_call::command::{Command, CommandError, CommandReply};
use hookswitch_call::id::CallId;

use super::BoxFuture;

/// An answer to come.
pub type Pending<'a, T> = BoxFuture<'a, T>;

/// What REST asks of the calls. Implemented by the shell, and by tests.
pub trait CallControl: Send + Sync + 'static {
    /// Gives a command to the shard that owns its call (for a new call: to any shard); the answer comes
    /// when what it promises is durable.
    fn command(&self, command: Command) -> Pending<'_, Result<CommandReply, CommandError>>;

    /// What was sent for a call and is not in the store yet.
    fn recent_ladder(&self, call: CallId) -> Pending<'_, Vec<LadderEntry>>;

    /// A REST command was answered: a line for the ladder of its call.
    fn log(&self, call: CallId, entry: LadderEntry);
}
