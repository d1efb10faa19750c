//! The world: one agenda, and everybody who is on it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use hookswitch_call::command::{Command, CommandReply, RequestId};
use hookswitch_call::engine::Output;
use hookswitch_sip::event::{Commit, Locate, LocateFailure};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::Message;
use hookswitch_sip::time::{Instant, Now};

use crate::application::{Application, Sending};
use crate::carrier::Carrier;
use crate::network::{Carried, Network, Place, Weather};
use crate::phone::{Act, Phone, Wish};
use crate::random::Random;
use crate::shell::{Handed, Shell};

/// When everybody hangs up.
const CLOSING: Duration = Duration::from_secs(200);
/// How long silence lasts until nothing may be left.
const SILENCE: Duration = Duration::from_secs(1_500);

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub struct Climate {
    /// The network.
    pub weather: Weather,
    /// How often of a hundred something goes wrong with the application.
    pub faults: u64,
    /// Phones of a hundred that die on the way.
    pub deaths: u64,
    /// The longest a write takes, in milliseconds.
    pub write: u64,
}

impl Climate {
    /// Everything works.
    pub const CALM: Self = Self {
        weather: Weather::CALM,
        faults: 0,
        deaths: 0,
        write: 1,
    };

    /// Some climate.
    pub fn drawn(random: &mut Random) -> Self {
        Self {
            weather: Weather::drawn(random),
            faults: random.pick(&[0, 10, 50]),
            deaths: random.pick(&[0, 0, 30]),
            write: random.pick(&[1, 5, 1_000]),
        }
    }
}

/// One entry of the agenda.
#[derive(Debug)]
enum Step {
    Arrive(Place, Flow, Bytes),
    Break(Place, Flow),
    Durable(Commit),
    Locate(Place, Locate),
    Send(Sending),
    Act(usize, Act),
    Place,
    Drain(bool),
}

/// The world.
#[derive(Debug)]
pub struct World {
    seed: u64,
    now: Instant,
    random: Random,
    climate: Climate,
    network: Network,
    shell: Shell,
    phones: Vec<Phone>,
    carrier: Carrier,
    application: Application,
    agenda: BTreeMap<(Instant, u64), Step>,
    count: u64,
    written: Instant,
    last_request: u64,
    /// Commands without reply.
    unanswered: BTreeSet<RequestId>,
    ladder: Vec<String>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.ladder.len().saturating_sub(200);
            for line in &self.ladder[from..] {
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
        let dev = random.percent(50);
        let phones = (0..count).map(|number| Phone::new(number, Random::new(random.draw()), dev));
        let phones: Vec<Phone> = phones.collect();
        let longest = random.percent(30).then_some(Duration::from_secs(40));
        let mut world = Self {
            seed,
            now: Instant::from_micros(1),
            network: Network::new(climate.weather, count),
            shell: Shell::new(dev, longest),
            phones,
            carrier: Carrier::new(Random::new(random.draw())),
            application: Application::new(Random::new(random.draw()), climate.faults),
            agenda: BTreeMap::new(),
            count: 0,
            written: Instant::from_micros(1),
            last_request: 0,
            unanswered: BTreeSet::new(),
            ladder: Vec::new(),
            random,
            climate,
        };
        world.plans();
        world
    }

    /// Draws who calls when.
    fn plans(&mut self) {
        for number in 0..self.phones.len() {
            for _ in 0..self.random.below(4) {
                let delay = self.random.millis(0, 60_000);
                self.later(delay, Step::Act(number, Act::Call));
            }
            if self.random.percent(self.climate.deaths) {
                let delay = self.random.millis(0, 90_000);
                self.later(delay, Step::Act(number, Act::Die));
            }
        }
        for _ in 0..self.random.below(6) {
            let delay = self.random.millis(0, 60_000);
            self.later(delay, Step::Place);
        }
        if self.random.percent(10) {
            let delay = self.random.millis(0, 60_000);
            self.later(delay, Step::Drain(true));
            self.later(delay * 2, Step::Drain(false));
        }
    }

    /// Lets everything happen, then everybody hang up, then silence, and checks what is left.
    pub fn runs(&mut self) {
        self.passes(CLOSING);
        for number in 0..self.phones.len() {
            let now = self.now();
            self.phones[number].closes(now);
            self.serve(Place::Phone(number));
        }
        for call in self.shell.ledger.calls() {
            self.command(Application::closes(call));
        }
        for call in self.application.calls.clone() {
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
        assert_eq!(self.unanswered, BTreeSet::new(), "commands without reply");
        self.shell.check_closed();
    }

    /// Where nothing was lost and nobody failed, both sides tell the same story. Returns how many were compared.
    pub fn compares_stories(&self) -> usize {
        let mut compared = 0;
        for story in self.phones.iter().flat_map(|phone| &phone.stories) {
            let Some(record) = self.shell.ledger.record_of(&story.call_id) else {
                continue;
            };
            compared += 1;
            let status = record
                .outcome
                .as_ref()
                .map_or(0, |outcome| outcome.sip_status);
            if story.status == 200 {
                assert!(record.times.answered.is_some(), "{story:?}: {record:#?}");
            } else {
                assert_eq!(status, story.status, "{story:?}: {record:#?}");
            }
        }
        compared
    }

    /// Every message and input of the run, in order.
    pub fn ladder(&self) -> &[String] {
        &self.ladder
    }

    /// How often each end and each story was written down, to see that a test means something.
    pub fn tally(&self) -> BTreeMap<String, usize> {
        self.shell.ledger.tally()
    }

    fn now(&self) -> Now {
        Now {
            instant: self.now,
            unix_micros: 1_760_000_000_000_000 + self.now.as_micros(),
        }
    }

    fn later(&mut self, delay: Duration, step: Step) {
        self.at(self.now + delay, step);
    }

    fn at(&mut self, at: Instant, step: Step) {
        self.count += 1;
        self.agenda.insert((at, self.count), step);
    }

    fn note(&mut self, line: &str) {
        let seconds = Duration::from_micros(self.now.as_micros()).as_secs_f64();
        self.ladder.push(format!("{seconds:10.3} {line}"));
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
        let engine = self
            .shell
            .engine
            .poll_timeout()
            .map(|at| (at, Some(Place::Engine)));
        let carrier = self
            .carrier
            .poll_timeout()
            .map(|at| (at, Some(Place::Carrier)));
        let phones = self
            .phones
            .iter()
            .enumerate()
            .filter_map(|(number, phone)| {
                phone
                    .poll_timeout()
                    .map(|at| (at, Some(Place::Phone(number))))
            });
        phones.chain(agenda).chain(engine).chain(carrier).min()
    }

    fn wake(&mut self, place: Place) {
        let now = self.now();
        match place {
            Place::Engine => self.shell.engine.handle_timeout(now),
            Place::Phone(number) => self.phones[number].handle_timeout(now),
            Place::Carrier => self.carrier.handle_timeout(now.instant),
        }
        self.serve(place);
    }

    fn step(&mut self) {
        let Some((_, step)) = self.agenda.pop_first() else {
            return;
        };
        let now = self.now();
        match step {
            Step::Arrive(to, flow, bytes) => {
                match to {
                    Place::Engine => self.shell.engine.handle_datagram(now, flow, &bytes),
                    Place::Phone(number) => self.phones[number].handle_bytes(now, flow, &bytes),
                    Place::Carrier => self.carrier.handle_bytes(now.instant, flow, &bytes),
                }
                self.serve(to);
            }
            Step::Break(to, flow) => {
                self.note(&format!("{to:?} loses {flow:?}"));
                match to {
                    Place::Engine => self.shell.engine.handle_flow_failure(now, flow),
                    Place::Phone(number) => self.phones[number].handle_flow_failure(now, flow),
                    Place::Carrier => {}
                }
                self.serve(to);
            }
            Step::Durable(commit) => {
                for output in self.shell.handle_durable(commit) {
                    self.perform(output);
                }
            }
            Step::Locate(place, locate) => self.locate(place, &locate),
            Step::Send(Sending::Asked(call, answer)) => {
                self.note(&format!("application replies {answer:?}"));
                self.shell.engine.handle_asked(now, call, answer);
                self.serve(Place::Engine);
            }
            Step::Send(Sending::Command(command)) => self.command(command),
            Step::Act(number, act) => {
                self.note(&format!("phone {number} does {act:?}"));
                self.phones[number].handle_act(now, act);
                self.serve(Place::Phone(number));
            }
            Step::Place => {
                let number = usize::try_from(self.random.below(8)).unwrap_or(0);
                let destination = match self.phones.get(number) {
                    Some(phone) => phone.uri(),
                    None => self
                        .random
                        .pick(&[
                            "sip:x@nowhere.example",
                            "sip:x@198.51.100.99",
                            "sip:x@many.example",
                            "tel:+49301234",
                            "",
                            "",
                        ])
                        .to_owned(),
                };
                let destination = if destination.is_empty() {
                    Carrier::uri()
                } else {
                    destination
                };
                let command = self.application.place(destination);
                self.command(command);
            }
            Step::Drain(draining) => self.shell.engine.handle_drain(draining),
        }
    }

    /// Exactly one reply comes.
    fn command(&mut self, command: Command) {
        self.note(&format!("application commands {command:?}"));
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.unanswered.insert(request);
        let now = self.now();
        self.shell.engine.handle_command(now, request, command);
        self.serve(Place::Engine);
    }

    /// Does what somebody wants done.
    fn serve(&mut self, place: Place) {
        match place {
            Place::Engine => {
                while let Some(handed) = self.shell.poll() {
                    match handed {
                        Handed::Output(output) => self.perform(output),
                        Handed::Began(commit) => {
                            let time = self.random.millis(0, self.climate.write);
                            self.written = self.written.max(self.now + time);
                            self.at(self.written, Step::Durable(commit));
                        }
                    }
                }
            }
            Place::Phone(number) => {
                while let Some(wish) = self.phones[number].poll_wish() {
                    match wish {
                        Wish::Send(flow, bytes) => self.send(place, flow, &bytes),
                        Wish::Find(locate) => self.find(place, locate),
                        Wish::Later(delay, act) => self.later(delay, Step::Act(number, act)),
                    }
                }
            }
            Place::Carrier => {
                while let Some((flow, bytes)) = self.carrier.poll_message() {
                    self.send(place, flow, &bytes);
                }
            }
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Transmit(transmit) => {
                self.send(Place::Engine, transmit.flow, &transmit.bytes);
            }
            Output::Locate(locate) => self.find(Place::Engine, locate),
            Output::Ask { call, .. } => {
                for (delay, sending) in self.application.handle_ask(call) {
                    self.later(delay, Step::Send(sending));
                }
            }
            Output::Reply {
                request, result, ..
            } => {
                self.note(&format!("engine replies {result:?}"));
                assert!(self.unanswered.remove(&request), "a second reply");
                if let Ok(CommandReply::Placed { call, .. }) = result
                    && let Some((delay, sending)) = self.application.handle_placed(call)
                {
                    self.later(delay, Step::Send(sending));
                }
            }
            Output::Commit { .. } | Output::Log(_) => {}
        }
    }

    fn find(&mut self, place: Place, locate: Locate) {
        let slowly = self.random.percent(10);
        let delay = self.random.millis(0, if slowly { 5_000 } else { 20 });
        self.later(delay, Step::Locate(place, locate));
    }

    fn locate(&mut self, place: Place, locate: &Locate) {
        let answer = self.address_of(locate);
        let now = self.now();
        match place {
            Place::Engine => self.shell.engine.handle_located(now, locate.id, answer),
            Place::Phone(number) => self.phones[number].handle_located(now, locate.id, answer),
            Place::Carrier => {}
        }
        self.serve(place);
    }

    fn address_of(&mut self, locate: &Locate) -> Result<Vec<Flow>, LocateFailure> {
        let transport = locate.transport.unwrap_or(Transport::Udp);
        let flow = |peer| Flow {
            transport,
            listener: u16::from(transport != Transport::Udp),
            peer,
            connection: 0,
        };
        if let Ok(ip) = locate.host.parse::<std::net::IpAddr>() {
            let port = locate.port.unwrap_or(transport.default_port());
            return Ok(vec![flow((ip, port).into())]);
        }
        match locate.host.as_str() {
            crate::DOMAIN => Ok(vec![flow(Place::Engine.address())]),
            "many.example" => Ok(vec![
                flow(([198, 51, 100, 99], 5_060).into()),
                flow(Place::Carrier.address()),
                flow(Place::Phone(0).address()),
            ]),
            _ => Err(LocateFailure::NotFound("no such name".to_owned())),
        }
    }

    fn send(&mut self, from: Place, flow: Flow, bytes: &Bytes) {
        let what = Message::parse(bytes).map_or_else(|e| e.to_string(), |m| title(&m));
        match self.network.carry(self.now, &mut self.random, from, flow) {
            Carried::Arrives(hops) => {
                self.note(&format!("{from:?} → {} {what} ×{}", flow.peer, hops.len()));
                for hop in hops {
                    self.at(hop.at, Step::Arrive(hop.to, hop.flow, bytes.clone()));
                }
            }
            Carried::Broken(hops) => {
                self.note(&format!("{from:?} ✗ {} {what}", flow.peer));
                for hop in hops {
                    self.at(hop.at, Step::Break(hop.to, hop.flow));
                }
            }
        }
    }
}

/// A message in a few words.
fn title(message: &Message<'_>) -> String {
    let cseq = message
        .header(hookswitch_sip::message::HeaderName::CSeq)
        .unwrap_or("?");
    let call = message.call_id().unwrap_or("?");
    let call = call.get(..6).unwrap_or(call);
    match message.status() {
        Some(status) => format!("{status} ({cseq}) of {call}"),
        None => format!("{cseq} of {call}"),
    }
}
