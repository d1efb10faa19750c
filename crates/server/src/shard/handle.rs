//! The way to a shard, and what it tells of itself.

use std::sync::{Arc, Mutex, PoisonError};

use hookswitch_call::command::{AskAnswer, Command, CommandError, CommandReply};
use hookswitch_call::engine::{Census, Counters, Engine};
use hookswitch_call::id::CallId;
use hookswitch_sip::event::{Commit, LocateFailure, LocateId};
use hookswitch_sip::flow::Flow;
use tokio::sync::{mpsc, oneshot};

use super::held::Held;
use super::ladder::{Ladders, Line};

/// Ladder lines that wait for the shard's next look.
const LINES: usize = 65_536;
/// Lines that the shard takes before its next look: thousands at once would keep its calls waiting.
const MANY_LINES: usize = 256;

/// The end of a command.
pub type CommandResult = Result<CommandReply, CommandError>;

/// What a shard hears from inside the program.
#[derive(Debug)]
pub enum Input {
    /// An order of an application.
    Command {
        /// The order.
        command: Command,
        /// Where its end is told.
        reply: oneshot::Sender<CommandResult>,
    },
    /// What an application answered.
    Asked {
        /// The call.
        call: CallId,
        /// Its answer.
        answer: AskAnswer,
    },
    /// Where a host is.
    Located {
        /// The question.
        id: LocateId,
        /// The answer.
        result: Result<Vec<Flow>, LocateFailure>,
    },
    /// The writer's receipt.
    Durable {
        /// Everything up to here is settled.
        commit: Commit,
        /// Whether this one was stored.
        stored: bool,
    },
    /// The writer has no room: this write is never made.
    NotWritten {
        /// The write.
        commit: Commit,
    },
    /// Take the ladder lines that wait: they are many.
    TakeLines,
    /// The store is done with a portion of the ladder lines, whether they are written or lost.
    LinesWritten,
    /// Write every ladder line that waits.
    FlushLadders {
        /// Told when they are on their way to the store.
        done: oneshot::Sender<()>,
    },
    /// Tell the lines of a call that are not in the store yet.
    RecentLadder {
        /// The call.
        call: CallId,
        /// Where they are told.
        lines: oneshot::Sender<Vec<Line>>,
    },
    /// Tell how many calls are under way.
    CountCalls {
        /// Where it is told.
        count: oneshot::Sender<usize>,
    },
    /// New calls are refused, or taken again.
    Drain(bool),
}

/// What a shard tells of itself once a second.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// What happened since the start.
    pub counters: Counters,
    /// How much there is.
    pub census: Census,
    /// Outputs that wait for the store.
    pub held: usize,
    /// Lines of the SIP log and of ladders that were dropped since the start.
    pub lines_dropped: u64,
}

impl Gauges {
    pub(super) fn of(engine: &Engine, held: &Held, ladders: &Ladders) -> Self {
        Self {
            counters: engine.counters().clone(),
            census: engine.census(),
            held: held.len(),
            lines_dropped: ladders.dropped(),
        }
    }
}

/// The way to a shard.
#[derive(Clone, Debug)]
pub struct ShardHandle {
    inputs: mpsc::UnboundedSender<Input>,
    gauges: Arc<Mutex<Gauges>>,
    /// Ladder lines of REST commands and callbacks until the shard next looks: few of them are not worth waking it.
    lines: Arc<Mutex<Lines>>,
    /// So many are.
    many: usize,
}

/// Lines that wait, and how many there was no room for.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) waiting: Vec<(CallId, Line)>,
    pub(super) lost: u64,
}

impl ShardHandle {
    /// A handle and the queue its shard reads. What goes in is bounded where it comes from: commands by the
    /// HTTP server, the rest by the calls there are.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Input>) {
        Self::taking(MANY_LINES)
    }

    /// The same where somebody watches ladder lines as they happen.
    pub fn watched() -> (Self, mpsc::UnboundedReceiver<Input>) {
        Self::taking(1)
    }

    fn taking(many: usize) -> (Self, mpsc::UnboundedReceiver<Input>) {
        let (inputs, receiver) = mpsc::unbounded_channel();
        (
            Self {
                inputs,
                gauges: Arc::default(),
                lines: Arc::default(),
                many,
            },
            receiver,
        )
    }

    /// Hands something to the shard; during the last moments of the program it may go unheard.
    pub fn put(&self, input: Input) {
        let _ = self.inputs.send(input);
    }

    /// Keeps a ladder line for the shard's next look, which comes within a second; lines may be lost.
    pub fn log(&self, call: CallId, line: Line) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.waiting.len() >= LINES {
            lines.lost += 1;
            return;
        }
        lines.waiting.push((call, line));
        let are_many = lines.waiting.len() == self.many;
        drop(lines);
        if are_many {
            self.put(Input::TakeLines);
        }
    }

    /// The lines since the last look.
    pub(super) fn take_lines(&self) -> Lines {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Carries out a command. `None`: the shard is gone.
    pub async fn command(&self, command: Command) -> Option<CommandResult> {
        let (reply, answer) = oneshot::channel();
        self.put(Input::Command { command, reply });
        answer.await.ok()
    }

    /// Returns when every ladder line handed in before is on its way to the store.
    pub async fn flush_ladders(&self) {
        let (done, flushed) = oneshot::channel();
        self.put(Input::FlushLadders { done });
        let _ = flushed.await;
    }

    /// Lines of a call's ladder that are not in the store yet.
    pub async fn recent_ladder(&self, call: CallId) -> Vec<Line> {
        let (lines, told) = oneshot::channel();
        self.put(Input::RecentLadder { call, lines });
        told.await.unwrap_or_default()
    }

    /// How many calls are under way now.
    pub async fn calls(&self) -> usize {
        let (count, told) = oneshot::channel();
        self.put(Input::CountCalls { count });
        told.await.unwrap_or(0)
    }

    /// What the shard last told of itself.
    pub fn gauges(&self) -> Gauges {
        self.gauges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_gauges(&self, gauges: Gauges) {
        *self.gauges.lock().unwrap_or_else(PoisonError::into_inner) = gauges;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::ladder::LineKind;

    #[test]
    fn the_shard_takes_many_lines_before_they_are_very_many() {
        let (handle, mut inputs) = ShardHandle::new();
        let line = Line {
            at: 1,
            kind: LineKind::Rest,
            received: true,
            peer: String::new(),
            transport: None,
            local: None,
            retransmission: false,
            text: String::new(),
            status: None,
            took: None,
        };
        for _ in 1..MANY_LINES {
            handle.log(CallId::from_u128(1), line.clone());
        }
        assert!(inputs.try_recv().is_err(), "the next look is soon enough");
        handle.log(CallId::from_u128(1), line.clone());
        assert!(matches!(inputs.try_recv(), Ok(Input::TakeLines)));
        assert_eq!(handle.take_lines().waiting.len(), MANY_LINES);
        handle.log(CallId::from_u128(1), line);
        assert!(inputs.try_recv().is_err());
    }
}
