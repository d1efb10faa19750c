//! What befalls the node: crashes, starts, a bad disk, a clock that is set, an application that says 410.

use std::time::Duration;

use hookswitch_call::record::CallState;
use hookswitch_sip::event::Commit;
use hookswitch_sip::time::Instant;

use super::agenda::Step;
use super::{TROUBLE, World};
use crate::network::Place;
use crate::shell;

/// How long a command may wait for its write until 503 says so.
pub(super) const IMPATIENCE: Duration = Duration::from_secs(10);

impl World {
    /// The node's own deadlines: writes that are durable, farewells, the engine's timers.
    pub(super) fn wake_node(&mut self) {
        if self.node.lag_is_due(self.now) {
            self.feed_lag();
        }
        while let Some((commit, events)) = self.node.disk.settle(self.now) {
            for event in &events {
                self.node.outbox.put(event);
                self.tell_next(event.identity.call);
            }
            let shell = self.node.shell.as_mut();
            for output in shell.map_or_else(Vec::new, |shell| shell.handle_durable(commit)) {
                self.perform(output);
            }
            self.feed_lag();
        }
        let now = self.node.read(self.now);
        let Some(shell) = &mut self.node.shell else {
            return;
        };
        let farewell = shell.take_farewell(self.now);
        if shell
            .engine
            .poll_timeout()
            .is_some_and(|at| at <= now.instant)
        {
            shell.engine.handle_timeout(now);
        }
        if let Some(farewell) = farewell {
            self.perform(farewell);
        }
    }

    /// The engine hears how long its oldest write has waited: when that changes, and every so often meanwhile.
    fn feed_lag(&mut self) {
        let lag = self.node.lag(self.now);
        if let Some(shell) = &mut self.node.shell {
            shell.engine.handle_store_lag(lag);
            self.node.lag_told_at = self.now;
        }
    }

    /// That write is never made.
    pub(super) fn refused(&mut self, commit: Commit) {
        self.figures.count("writes refused");
        self.node.disk.ledger.has_refused = true;
        self.note(|| format!("the disk refuses {commit:?}"));
        let now = self.node.read(self.now);
        let Some(shell) = &mut self.node.shell else {
            return;
        };
        shell.engine.handle_not_written(now, commit);
        for output in shell.handle_refused(commit) {
            self.perform(output);
        }
    }

    /// Crashes are worth most while something is being written.
    pub(super) fn crash_in_between(&mut self, latency: Duration) {
        if self.figures.of("crashes") < self.climate.crashes
            && self.now < Instant::from_micros(TROUBLE * 1_000)
            && self.random.percent(5)
        {
            let longest = u64::try_from(latency.as_millis()).unwrap_or(0);
            self.some_time(longest * 2, Step::Crash);
        }
    }

    /// Everything but the disk is gone.
    pub(super) fn crash(&mut self) {
        if self.node.shell.take().is_none() {
            return;
        }
        let (events, torn) = self.node.disk.tear(&mut self.random);
        self.note(|| format!("the node crashes, {torn} writes are lost"));
        for event in &events {
            self.node.outbox.put(event);
        }
        let again = self.node.outbox.handle_crash(&mut self.random);
        for request in std::mem::take(&mut self.unanswered) {
            self.model.handle_no_reply(request);
        }
        for hop in self.network.handle_crash(self.now) {
            self.at(hop.at, Step::Break(hop.to, hop.flow));
        }
        self.figures.count("crashes");
        self.figures
            .add("crashes that lose writes", u64::from(torn > 0));
        self.figures.add(
            "callbacks again after a crash",
            u64::try_from(again).unwrap_or(0),
        );
        let longest = self.random.pick(&[100, 5_000, 60_000]);
        self.some_time(longest, Step::Start);
    }

    /// The node is started again.
    pub(super) fn start(&mut self) {
        if self.node.shell.is_some() {
            return;
        }
        self.note(|| "the node starts".to_owned());
        self.node.starts(self.now, &mut self.random);
        self.network.engine_is_down = false;
        self.model.handle_start(self.now);
        self.figures.count("starts");
        if !self.restore() {
            return;
        }
        for call in self.node.outbox.due() {
            self.tell_next(call);
        }
    }

    /// Takes up every call the disk knows; false where the next crash comes before the last of them.
    fn restore(&mut self) -> bool {
        let left: Vec<_> = self.node.disk.ledger.snapshots().collect();
        let count = u64::try_from(left.len()).unwrap_or(0);
        let interrupted = count > 0 && self.climate.crashes > 1 && self.random.percent(15);
        let enough = if interrupted {
            usize::try_from(self.random.below(count)).unwrap_or(0)
        } else {
            left.len()
        };
        for (snapshot, record) in left.into_iter().take(enough) {
            let call = snapshot.identity.call;
            self.note(|| format!("{call} is restored as {:?}", snapshot.state));
            self.figures.count(match snapshot.state {
                CallState::Offered | CallState::Ringing => "restored unanswered",
                CallState::Answered => "restored without ACK",
                CallState::Confirmed => "restored confirmed",
                CallState::Cancelling => "restored cancelling",
                CallState::Ended => "restored leaving",
            });
            let now = self.node.read(self.now);
            let shell = self.node.shell.as_mut().expect("it was just started");
            let restored = shell.engine.restore(now, snapshot, record);
            assert_eq!(restored, Ok(()), "{call} cannot be restored");
            self.serve(Place::Engine);
        }
        if interrupted {
            self.figures.count("crashes while calls are restored");
            self.crash();
        }
        !interrupted
    }

    pub(super) fn stall(&mut self) {
        let time = self.random.millis(0, 10_000);
        self.note(|| format!("the disk stalls for {time:?}"));
        self.node.disk.stall(self.now + time);
        self.figures.count("disk stalls");
    }

    pub(super) fn refuse(&mut self) {
        let time = self.random.millis(0, 10_000);
        self.note(|| format!("the disk refuses for {time:?}"));
        self.node.disk.refuse(self.now + time);
        self.figures.count("disk refusals");
    }

    /// The node does nothing for a while.
    pub(super) fn rush(&mut self) {
        let time = self.random.millis(0, 3_000);
        self.note(|| format!("the node is busy for {time:?}"));
        self.node.busy_until = self.now + time;
        self.figures.count("rushes");
        self.later(time, Step::Late(time));
        self.later(time + Duration::from_millis(50), Step::Late(Duration::ZERO));
    }

    /// The engine hears how long the oldest message waited in the inbox.
    pub(super) fn late(&mut self, age: Duration) {
        if let Some(shell) = &mut self.node.shell {
            shell.engine.handle_inbox_age(age);
        }
    }

    pub(super) fn set_clock(&mut self) {
        let most = self.random.pick(&[1_000_000, 60_000_000, 86_400_000_000]);
        let micros = i64::try_from(self.random.below(most)).unwrap_or(0);
        let micros = if self.random.percent(50) {
            micros
        } else {
            -micros
        };
        self.note(|| format!("the wall clock is set by {micros} µs"));
        self.node.clock.set(micros);
        self.node.disk.ledger.clock_was_set = true;
        self.figures.count("clock jumps");
    }

    /// The application said 410.
    pub(super) fn disable(&mut self) {
        if std::mem::replace(&mut self.node.setup.disabled, true) {
            return;
        }
        self.figures.count("callbacks switched off");
        self.publish();
        self.some_time(30_000, Step::Enable);
    }

    /// The callbacks are enabled again, and what waited goes.
    pub(super) fn enable(&mut self) {
        self.node.setup.disabled = false;
        self.publish();
        for call in self.node.outbox.due() {
            self.tell_next(call);
        }
    }

    fn publish(&mut self) {
        let directory = shell::directory(self.node.setup);
        if let Some(shell) = &mut self.node.shell {
            shell.engine.handle_directory(directory);
        }
    }
}
