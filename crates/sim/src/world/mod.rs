//! The world: one agenda, and everybody who is on it.
//!
//! | file | |
//! |---|---|
//! | `mod.rs` | how a run goes: plans, time, the end |
//! | `agenda.rs` | what happens when its time has come |
//! | `carry.rs` | what everybody wants done, and how messages travel |
//! | `faults.rs` | crashes, starts, and what else befalls the node |

mod agenda;
mod carry;
mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hookswitch_call::command::RequestId;
use hookswitch_sip::time::{Instant, Now};

use self::agenda::Step;
use crate::application::Application;
use crate::carrier::Carrier;
use crate::climate::Climate;
use crate::figures::Figures;
use crate::model::Model;
use crate::network::{Network, Place};
use crate::node::Node;
use crate::phone::{Act, Phone};
use crate::random::Random;
use crate::shell::Setup;

/// When everybody hangs up, in milliseconds.
const CLOSING: u64 = 330_000;
/// Until when something may befall the node, in milliseconds.
const TROUBLE: u64 = 100_000;
/// How long silence lasts until nothing may be left.
const SILENCE: Duration = Duration::from_secs(1_500);

/// The world.
#[derive(Debug)]
pub struct World {
    seed: u64,
    now: Instant,
    random: Random,
    climate: Climate,
    network: Network,
    node: Node,
    phones: Vec<Phone>,
    carrier: Carrier,
    application: Application,
    model: Model,
    figures: Figures,
    agenda: BTreeMap<(Instant, u64), Step>,
    count: u64,
    last_request: u64,
    /// Commands whose connection waits for a reply.
    unanswered: BTreeSet<RequestId>,
    ladder: Option<Vec<String>>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let (true, Some(ladder)) = (std::thread::panicking(), &self.ladder) {
            for line in &ladder[ladder.len().saturating_sub(300)..] {
                eprintln!("{line}");
            }
            eprintln!("seed {} with {:?}", self.seed, self.climate);
        }
    }
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let climate = Climate::drawn(&mut random);
        Self::with(seed, climate)
    }

    /// The world of a seed in another climate.
    pub fn with(seed: u64, climate: Climate) -> Self {
        let mut random = Random::new(seed ^ 0x5eed);
        let count = usize::try_from(1 + random.below(4)).unwrap_or(1);
        let setup = Setup {
            dev: random.percent(50),
            longest: random.percent(30).then_some(Duration::from_secs(40)),
            disabled: false,
        };
        let drills = setup.dev;
        let phones =
            (0..count).map(|number| Phone::new(number, Random::new(random.draw()), drills));
        let phones: Vec<Phone> = phones.collect();
        let mut world = Self {
            seed,
            now: Instant::from_micros(1),
            network: Network::new(climate.weather, count),
            node: Node::new(setup),
            phones,
            carrier: Carrier::new(Random::new(random.draw())),
            application: Application::new(Random::new(random.draw()), climate.faults),
            model: Model::new(climate.excuses()),
            figures: Figures::default(),
            agenda: BTreeMap::new(),
            count: 0,
            last_request: 0,
            unanswered: BTreeSet::new(),
            ladder: None,
            random,
            climate,
        };
        world.node.starts(world.now, &mut world.random);
        world.plans();
        world
    }

    /// The same world, which keeps every message and input to show them.
    #[must_use]
    pub fn noted(mut self) -> Self {
        self.ladder = Some(Vec::new());
        self
    }

    /// Draws who does what when.
    fn plans(&mut self) {
        for number in 0..self.phones.len() {
            for _ in 0..self.random.below(4) {
                self.some_time(60_000, Step::Act(number, Act::Call));
            }
            if self.random.percent(self.climate.deaths) {
                self.some_time(90_000, Step::Act(number, Act::Die));
            }
        }
        for _ in 0..self.random.below(6) {
            self.some_time(60_000, Step::Place);
        }
        if self.random.percent(10) {
            let delay = self.random.millis(0, 60_000);
            self.later(delay, Step::Drain(true));
            self.later(delay * 2, Step::Drain(false));
        }
        let climate = self.climate;
        let faults: [(u64, fn() -> Step); 5] = [
            (climate.crashes, || Step::Crash),
            (climate.stalls, || Step::Stall),
            (climate.refusals, || Step::Refuse),
            (climate.jumps, || Step::SetClock),
            (climate.rushes, || Step::Rush),
        ];
        for (most, step) in faults {
            for _ in 0..self.random.below(most + 1) {
                self.some_time(TROUBLE, step());
            }
        }
    }

    fn some_time(&mut self, most: u64, step: Step) {
        let delay = self.random.millis(0, most);
        self.later(delay, step);
    }

    /// Lets everything happen, then everybody hang up, then silence, and checks what is left.
    pub fn runs(&mut self) {
        self.passes(Duration::from_millis(CLOSING));
        self.model.check_agreement(self.now);
        for number in 0..self.phones.len() {
            self.phones[number].closes(plain(self.now));
            self.serve(Place::Phone(number));
        }
        let calls: BTreeSet<_> = self.node.disk.ledger.calls().into_iter().collect();
        for call in calls.into_iter().chain(self.model.calls()) {
            self.command(Application::closes(call));
        }
        self.passes(SILENCE);
        for (number, phone) in self.phones.iter().enumerate() {
            assert_eq!(
                phone.census(),
                Default::default(),
                "phone {number} keeps something"
            );
        }
        let shell = self.node.shell.as_ref().expect("the node is up in the end");
        shell.check_closed();
        self.node.disk.ledger.check_closed();
        self.node.outbox.check_closed();
        self.model.check_closed();
        self.figures.add("calls", self.model.size());
    }

    /// Where nothing was lost and nobody failed, both sides tell the same story. Returns how many were compared.
    pub fn compares_stories(&self) -> usize {
        self.model.compare()
    }

    /// Every message and input of the run, in order, where they were noted.
    pub fn ladder(&self) -> &[String] {
        self.ladder.as_deref().unwrap_or_default()
    }

    /// How often each end and each story was observed, to see that a test means something.
    pub fn tally(&self) -> BTreeMap<String, usize> {
        self.model.tally()
    }

    /// What happened, counted.
    pub const fn figures(&self) -> &Figures {
        &self.figures
    }

    /// What the world was like.
    pub const fn climate(&self) -> &Climate {
        &self.climate
    }

    fn later(&mut self, delay: Duration, step: Step) {
        self.at(self.now + delay, step);
    }

    fn at(&mut self, at: Instant, step: Step) {
        self.count += 1;
        self.agenda.insert((at, self.count), step);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(ladder) = &mut self.ladder {
            let seconds = Duration::from_micros(self.now.as_micros()).as_secs_f64();
            ladder.push(format!("{seconds:10.3} {}", line()));
        }
    }

    /// Lets time pass, with everything that happens in it.
    fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some((at, sleeper)) = self.next().filter(|(at, _)| *at <= end) {
            steps += 1;
            assert!(steps < 300_000, "the world goes round in circles");
            self.now = at.max(self.now);
            match sleeper {
                Some(place) => self.wake(place),
                None => self.step(),
            }
        }
        self.now = end;
    }

    /// Who is next: somebody with a deadline, or the agenda.
    fn next(&self) -> Option<(Instant, Option<Place>)> {
        let agenda = self.agenda.keys().next().map(|(at, _)| (*at, None));
        let node = self.node.poll_timeout().map(|at| (at, Some(Place::Engine)));
        let carrier = self
            .carrier
            .poll_timeout()
            .map(|at| (at, Some(Place::Carrier)));
        let phones = self.phones.iter().enumerate();
        let phones = phones.filter_map(|(number, phone)| {
            let at = phone.poll_timeout()?;
            Some((at, Some(Place::Phone(number))))
        });
        phones.chain(agenda).chain(node).chain(carrier).min()
    }

    fn wake(&mut self, place: Place) {
        match place {
            Place::Engine => self.wake_node(),
            Place::Phone(number) => self.phones[number].handle_timeout(plain(self.now)),
            Place::Carrier => self.carrier.handle_timeout(self.now),
        }
        self.serve(place);
    }
}

/// The clocks of everybody but the node.
const fn plain(now: Instant) -> Now {
    Now {
        instant: now,
        unix_micros: 1_760_000_000_000_000 + now.as_micros(),
    }
}
