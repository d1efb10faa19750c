//! A shard: the one owner of its calls. It feeds the engine and carries out what comes of it.
//!
//! Messages, commands, answers to asks and the writer's receipts come through two queues; after each handful
//! the engine's outputs are drained. Nothing here waits: a question is asked by a task of its own, whose answer
//! comes back through the queue.

mod front;
mod handle;
mod held;
mod ladder;
mod tallies;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_call::command::RequestId;
use hookswitch_call::engine::{Change, Engine, Output, Owner};
use hookswitch_call::event::Event;
use hookswitch_call::id::CallId;
use hookswitch_call::outcome::EndedBy;
use hookswitch_sip::event::{Commit, Locate, Transmit};
use hookswitch_sip::flow::Flow;
use hookswitch_sip::time::{Instant, Now};
use hookswitch_store::statistics::Tally;
use tokio::sync::{mpsc, oneshot, watch};

pub use handle::{CommandResult, Gauges, Input, ShardHandle};
pub use ladder::{Line, LineKind, decode as decode_ladder};
pub use tallies::Tallies;

use crate::clock::Clock;
use crate::directory::Published;
use crate::fail::FailPoint;
use crate::net::{Arrival, Arrivals, Egress, Inboxes, Locator, Outgoing};
use crate::outlet::Outlet;
use held::{Held, Released};
use ladder::Ladders;

/// Messages handled before the outputs are drained.
const HANDFUL: usize = 256;
/// Everything else handled before the outputs are drained: more than there are messages, because it carries on what
/// messages began, and no door keeps it from growing old.
const INPUTS: usize = 4 * HANDFUL;
/// How long a ladder line may wait for its batch.
const LADDER_EVERY: Duration = Duration::from_secs(1);
/// Rows of the SIP log that the store is given at a time.
const ROWS: usize = 32;
/// So many times as many are on their way at most.
const PORTIONS: usize = 8;
/// How often gauges are read off the engine.
const GAUGES_EVERY: Duration = Duration::from_secs(1);

/// Everything a shard works with.
pub struct Shard {
    /// The calls.
    pub engine: Engine,
    /// The present.
    pub clock: Clock,
    /// Messages.
    pub arrivals: Arrivals,
    /// The door they came through.
    pub inboxes: Arc<Inboxes>,
    /// Everything else.
    pub inputs: mpsc::UnboundedReceiver<Input>,
    /// The way back for those who work for the shard.
    pub own: ShardHandle,
    /// Messages out.
    pub egress: Arc<Egress>,
    /// Our addresses as peers see them, by listener.
    pub addresses: Arc<[SocketAddr]>,
    /// Where hosts are.
    pub locator: Arc<Locator>,
    /// The store and the callbacks.
    pub outlet: Arc<Outlet>,
    /// Sees every ladder line at once, where somebody watches.
    pub tap: Option<Tap>,
    /// Provisioning.
    pub directory: watch::Receiver<Arc<Published>>,
}

/// Who watches ladder lines as they happen.
pub type Tap = mpsc::UnboundedSender<(CallId, Line)>;

/// A running shard's own state.
struct Running {
    shard: Shard,
    held: Held,
    ladders: Ladders,
    tallies: Tallies,
    /// Portions of lines and counts that the store is at.
    writing: usize,
    requests: BTreeMap<RequestId, oneshot::Sender<CommandResult>>,
    last_request: u64,
    outgoing: Vec<Outgoing>,
    /// The call announced by the last write, and the body of its ask.
    announced: Option<(CallId, Bytes)>,
    next_upkeep: Instant,
}

impl Shard {
    /// Runs until every handle is gone.
    pub async fn run(self) {
        let mut running = Running {
            next_upkeep: self.clock.now().instant,
            shard: self,
            held: Held::default(),
            ladders: Ladders::default(),
            tallies: Tallies::default(),
            writing: 0,
            requests: BTreeMap::new(),
            last_request: 0,
            outgoing: Vec::with_capacity(HANDFUL),
            announced: None,
        };
        running.run().await;
    }
}

impl Running {
    async fn run(&mut self) {
        // What calls of a former run owe.
        self.drain_into_queue(self.shard.clock.now());
        self.drain();
        let mut arrivals = Vec::with_capacity(HANDFUL);
        let mut inputs = Vec::with_capacity(INPUTS);
        let sleep = tokio::time::sleep(Duration::from_secs(1));
        tokio::pin!(sleep);
        let mut wakes_at: Option<Instant> = None;
        loop {
            let wanted = self.next_deadline();
            if wakes_at.is_none_or(|at| wanted < at) {
                let left = wanted - self.shard.clock.now().instant;
                sleep.as_mut().reset(tokio::time::Instant::now() + left);
                wakes_at = Some(wanted);
            }
            let mut stopped = false;
            tokio::select! {
                biased;
                count = self.shard.inputs.recv_many(&mut inputs, INPUTS) => stopped = count == 0,
                _ = self.shard.arrivals.recv_many(&mut arrivals, HANDFUL) => {}
                changed = self.shard.directory.changed() => {
                    self.shard.directory.mark_changed();
                    stopped = changed.is_err();
                }
                () = &mut sleep => wakes_at = None,
            }
            if stopped {
                return;
            }
            // What was begun goes first, and still keeps nobody from being heard.
            let most = HANDFUL - arrivals.len();
            self.shard.arrivals.take(&mut arrivals, most);
            let is_busy = arrivals.len() >= HANDFUL || inputs.len() >= INPUTS;
            // First: who was told that a service exists may call it at once.
            self.follow_directory();
            for input in inputs.drain(..) {
                self.handle_input(input);
            }
            let now = self.shard.clock.now();
            for arrival in arrivals.drain(..) {
                self.handle_arrival(now, arrival);
            }
            self.upkeep();
            self.drain();
            if is_busy {
                // The sockets are read between two handfuls: what the kernel has no room for is lost unseen, an ACK
                // as easily as an INVITE.
                tokio::task::yield_now().await;
            }
        }
    }

    fn follow_directory(&mut self) {
        if self.shard.directory.has_changed().unwrap_or(false) {
            let directory = Arc::clone(&self.shard.directory.borrow_and_update().directory);
            self.shard.engine.handle_directory(directory);
        }
    }

    fn next_deadline(&self) -> Instant {
        let engine = self.shard.engine.poll_timeout();
        let held = self.held.next_look(self.shard.clock.now().instant);
        engine
            .into_iter()
            .chain(held)
            .fold(self.next_upkeep, Instant::min)
    }

    fn handle_arrival(&mut self, now: Now, arrival: Arrival) {
        match arrival {
            Arrival::Message(received) => self.handle_received(now, &received),
            Arrival::FlowFailed(flow) => {
                self.shard.engine.handle_flow_failure(now, flow);
                self.drain_into_queue(now);
            }
        }
    }

    fn handle_input(&mut self, input: Input) {
        let now = self.shard.clock.now();
        match input {
            Input::Command { command, reply } => {
                self.last_request += 1;
                let request = RequestId(self.last_request);
                self.requests.insert(request, reply);
                self.shard.engine.handle_command(now, request, command);
            }
            Input::Asked { call, answer } => {
                FailPoint::AfterAsk.pass();
                self.shard.engine.handle_asked(now, call, answer);
            }
            Input::Located { id, result } => self.shard.engine.handle_located(now, id, result),
            Input::Durable { commit, stored } => self.handle_durable(now, commit, stored),
            Input::NotWritten { commit } => {
                for refused in self.held.refuse(now.instant, commit) {
                    self.release(refused);
                }
                self.shard.engine.handle_not_written(now, commit);
            }
            Input::TakeLines => self.take_lines(),
            Input::LinesWritten => {
                self.writing -= 1;
                self.write_lines(PORTIONS, Vec::new());
            }
            Input::FlushLadders { done } => {
                self.flush_ladders();
                let _ = done.send(());
            }
            Input::RecentLadder { call, lines } => {
                self.take_lines();
                let _ = lines.send(self.ladders.of_call(call));
            }
            Input::CountCalls { count } => {
                let census = self.shard.engine.census();
                let _ = count.send(census.calls + census.drills);
            }
            Input::Drain(draining) => self.shard.engine.handle_drain(draining),
        }
        self.drain_into_queue(now);
    }

    /// What has to be done now and then.
    fn upkeep(&mut self) {
        let now = self.shard.clock.now();
        let overdue = self.shard.arrivals.overdue();
        self.shard.engine.handle_inbox_age(overdue);
        self.shard
            .engine
            .handle_store_lag(self.held.lag(now.instant));
        if self
            .shard
            .engine
            .poll_timeout()
            .is_some_and(|at| at <= now.instant)
        {
            self.shard.engine.handle_timeout(now);
            self.drain_into_queue(now);
        }
        for overdue in self.held.take_overdue(now.instant) {
            self.release(overdue);
        }
        if now.instant >= self.next_upkeep {
            self.next_upkeep = now.instant + LADDER_EVERY.min(GAUGES_EVERY);
            self.write_when_idle();
            let gauges = Gauges::of(&self.shard.engine, &self.held, &self.ladders);
            self.shard.own.set_gauges(gauges);
        }
    }

    fn drain_into_queue(&mut self, now: Now) {
        while let Some(output) = self.shard.engine.poll_output() {
            self.carry_out(now, output);
        }
    }

    fn carry_out(&mut self, now: Now, output: Output) {
        match output {
            Output::Transmit(transmit) => {
                if let Some(transmit) = self.held.keep_transmit(now.instant, transmit) {
                    self.send(transmit);
                }
            }
            Output::Commit { commit, changes } => {
                FailPoint::BeforeCommit.pass();
                self.held.submitted(now.instant, commit);
                self.tallies.count(&changes);
                let unasked = self.withdraw_asks(&changes);
                let leaving = self.shard.outlet.commit(commit, changes, &self.shard.own);
                for due in leaving.tells {
                    self.release_or_keep(now, commit, Released::Tell(due));
                }
                self.announced = leaving.ask;
                self.shard.outlet.never_asked(&unasked);
            }
            Output::Ask {
                call, event, after, ..
            } => {
                let body = self.announced.take_if(|(of, _)| *of == call);
                let body = body.map(|(_, body)| body);
                self.release_or_keep(now, after, Released::Ask { call, event, body });
            }
            Output::Reply {
                request,
                result,
                after,
            } => {
                self.release_or_keep(now, after, Released::Reply { request, result });
            }
            Output::Locate(question) => self.locate(now, question),
            Output::Strange(strange) => self.shard.outlet.complain_of_stranger(&strange),
            Output::Log(entry) => {
                let place = usize::from(entry.flow.listener);
                let local = self.shard.addresses.get(place).copied();
                self.log(entry.owner.clone(), &Line::from_sip(&entry, local));
            }
        }
    }

    /// Nobody is to be asked about a call that this node has given up: the events whose asks had not left.
    fn withdraw_asks(&mut self, changes: &[Change]) -> Vec<Arc<Event>> {
        let given_up = changes.iter().filter_map(|change| match change {
            Change::Call(record) => {
                let outcome = record.outcome.as_ref()?;
                (outcome.ended_by == EndedBy::System).then_some(record.identity.call)
            }
            _ => None,
        });
        given_up
            .filter_map(|call| self.held.withdraw_ask(call))
            .collect()
    }

    fn log(&mut self, owner: Owner, line: &Line) {
        if let (Some(tap), Owner::Call(call)) = (&self.shard.tap, &owner) {
            let _ = tap.send((*call, line.clone()));
        }
        self.ladders.push(owner, line);
    }

    fn release_or_keep(&mut self, now: Now, after: Commit, output: Released) {
        if let Some(released) = self.held.keep(now.instant, after, output) {
            self.release(released);
        }
    }

    fn release(&mut self, output: Released) {
        match output {
            Released::Transmit(transmit) => self.send(transmit),
            Released::Ask { call, event, body } => {
                FailPoint::BeforeAsk.pass();
                self.shard.outlet.ask(call, &event, body, &self.shard.own);
            }
            Released::Reply { request, result } => self.reply(request, result),
            Released::Tell(due) => {
                FailPoint::BeforeTell.pass();
                self.shard.outlet.tell(due);
            }
            Released::Late {
                request,
                call,
                after,
            } => self.refuse_late(request, call, after),
        }
    }

    /// The database did not take a call in time.
    fn refuse_late(&mut self, request: RequestId, call: CallId, after: Commit) {
        let now = self.shard.clock.now();
        let why = if self.shard.engine.handle_unplaced(now, call) {
            self.held.withdraw(now.instant, after);
            format!("the database does not answer; call {call} was not placed, so try again")
        } else {
            format!(
                "the database does not answer; call {call} is over already, as its callFailed tells when it does"
            )
        };
        self.release(held::store_away(request, why));
        self.drain_into_queue(now);
    }

    fn send(&mut self, transmit: Transmit) {
        self.outgoing.push(Outgoing {
            flow: transmit.flow,
            bytes: transmit.bytes,
        });
    }

    fn reply(&mut self, request: RequestId, result: CommandResult) {
        if let Some(reply) = self.requests.remove(&request) {
            FailPoint::BeforeReply.pass();
            let _ = reply.send(result);
            FailPoint::AfterReply.pass();
        }
    }

    fn locate(&mut self, now: Now, question: Locate) {
        if let Some(answer) = self.shard.locator.locate_literal(&question) {
            self.shard.engine.handle_located(now, question.id, answer);
            return;
        }
        let (locator, own) = (Arc::clone(&self.shard.locator), self.shard.own.clone());
        tokio::spawn(async move {
            let result = locator.locate(&question).await;
            own.put(Input::Located {
                id: question.id,
                result,
            });
        });
    }

    /// A write is durable, or failed: what waited for it goes out, or does not.
    fn handle_durable(&mut self, now: Now, commit: Commit, stored: bool) {
        FailPoint::AfterCommit.pass();
        for released in self.held.settle(now.instant, commit, stored) {
            self.release(released);
        }
        if !stored {
            self.shard.engine.handle_not_written(now, commit);
        }
    }

    fn take_lines(&mut self) {
        let lines = self.shard.own.take_lines();
        self.ladders.lost(lines.lost);
        for (call, line) in lines.waiting {
            self.log(Owner::Call(call), &line);
        }
    }

    /// Lines and counts are written from now on, or kept while the store has no room or is at the last ones still: what
    /// waits is bounded here by its octets, but not there.
    fn write_when_idle(&mut self) {
        self.take_lines();
        self.ladders.keep();
        let tallies = self.tallies.take();
        self.write_lines(PORTIONS, tallies);
    }

    /// Hands every line and count to the store.
    fn flush_ladders(&mut self) {
        self.take_lines();
        self.ladders.keep();
        let tallies = self.tallies.take();
        self.write_lines(usize::MAX, tallies);
    }

    /// Hands lines and counts to the store while less than `most` portions are on their way: what is not can be dropped when
    /// there is too much, and is found by who reads a call's ladder.
    fn write_lines(&mut self, most: usize, mut tallies: Vec<Tally>) {
        while self.writing < most && self.shard.outlet.has_room_for_lines() {
            let (rows, lines) = self.ladders.take(ROWS);
            // They go with the first portion.
            let tallies = std::mem::take(&mut tallies);
            if rows.is_empty() && tallies.is_empty() {
                return;
            }
            self.writing += 1;
            let own = self.shard.own.clone();
            let written = move || own.put(Input::LinesWritten);
            if let Err(tallies) = self.shard.outlet.log(rows, tallies, written) {
                self.writing -= 1;
                self.ladders.lost(lines);
                self.tallies.put_back(tallies);
                return;
            }
        }
        self.tallies.put_back(tallies);
    }

    /// Sends what is to be sent; a way that broke is told to the engine at once.
    fn drain(&mut self) {
        while !self.outgoing.is_empty() {
            let present = std::time::Instant::now();
            self.shard
                .inboxes
                .learn_from_requests(&self.outgoing, present);
            let broken = if FailPoint::counts_messages() {
                self.send_one_by_one()
            } else {
                self.shard.egress.send(&mut self.outgoing)
            };
            if broken.is_empty() {
                return;
            }
            let now = self.shard.clock.now();
            for flow in broken {
                self.shard.engine.handle_flow_failure(now, flow);
            }
            self.drain_into_queue(now);
        }
    }

    fn send_one_by_one(&mut self) -> Vec<Flow> {
        let mut broken = Vec::new();
        for message in std::mem::take(&mut self.outgoing) {
            FailPoint::BeforeSend.pass();
            broken.extend(self.shard.egress.send(&mut vec![message]));
            FailPoint::AfterSend.pass();
        }
        broken
    }
}
