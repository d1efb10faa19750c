//! The node: what lasts over a crash (disk, outbox, wall clock), and the shell that does not.

use std::time::Duration;

use hookswitch_sip::time::{Instant, Now};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::outbox::Outbox;
use crate::random::Random;
use crate::shell::{Setup, Shell};

/// How often the engine hears how long its oldest write has waited.
const LAG_EVERY: Duration = Duration::from_millis(100);

/// The node.
#[derive(Debug)]
pub struct Node {
    /// Its clocks.
    pub clock: Clock,
    /// Its disk.
    pub disk: Disk,
    /// Callbacks under way; its rows lie on the disk.
    pub outbox: Outbox,
    /// What runs; nothing while it is down.
    pub shell: Option<Shell>,
    /// How it is set up.
    pub setup: Setup,
    /// Which start this is; what belongs to another is void.
    pub start: u8,
    /// Until then it does nothing.
    pub busy_until: Instant,
    /// When the engine last heard how long its oldest write has waited.
    pub lag_told_at: Instant,
}

impl Node {
    /// A node that was never started.
    pub fn new(setup: Setup) -> Self {
        Self {
            clock: Clock::new(),
            disk: Disk::default(),
            outbox: Outbox::default(),
            shell: None,
            setup,
            start: 0,
            busy_until: Instant::default(),
            lag_told_at: Instant::default(),
        }
    }

    /// What its clocks say.
    pub const fn read(&self, now: Instant) -> Now {
        self.clock.read(now)
    }

    /// A fresh engine and clocks; nothing is restored yet.
    pub fn starts(&mut self, now: Instant, random: &mut Random) {
        self.start = self.start.wrapping_add(1);
        self.busy_until = now;
        self.clock = self.clock.restarted(now, random);
        self.shell = Some(Shell::new(self.setup, self.start));
    }

    /// When something has to be done, in the world's time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let shell = self.shell.as_ref()?;
        let engine = shell.engine.poll_timeout().map(|at| self.clock.world(at));
        let lag = self
            .disk
            .oldest()
            .map(|began| began.max(self.lag_told_at) + LAG_EVERY);
        [engine, shell.poll_farewell(), self.disk.poll_timeout(), lag]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.max(self.busy_until))
    }

    /// Whether the engine has to hear that again.
    pub fn lag_is_due(&self, now: Instant) -> bool {
        self.disk
            .oldest()
            .is_some_and(|began| began.max(self.lag_told_at) + LAG_EVERY <= now)
    }

    /// How long its oldest write has waited; nothing when none is under way.
    pub fn lag(&self, now: Instant) -> Option<Duration> {
        self.disk.lag(now)
    }
}
