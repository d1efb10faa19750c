//! The link: time, delay, loss, connections and the ladder of what went over it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::Message;
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::Census;

use super::phone::{End, Phone, Settings, Stranger};

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Where the virtual day begins.
const START: u64 = 1_000_000_000;

/// One message on the link.
struct Packet {
    to: usize,
    flow: Flow,
    bytes: Bytes,
}

/// One rung of the ladder.
#[derive(Clone, Debug)]
pub(crate) struct Rung {
    pub(crate) at: Duration,
    pub(crate) from: String,
    pub(crate) to: String,
    /// `INVITE`, `180 INVITE`, ….
    pub(crate) what: String,
    pub(crate) text: String,
    pub(crate) peer: SocketAddr,
    pub(crate) lost: bool,
    pub(crate) retransmission: bool,
}

struct Connection {
    caller: (usize, SocketAddr),
    callee: (usize, SocketAddr),
    is_up: bool,
}

enum Fate {
    Lost,
    Delayed(Duration),
}

/// What the link does to one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// 0 loses it, 2 doubles it.
    pub(crate) copies: u8,
    pub(crate) delay: Duration,
}

struct Whim {
    what: String,
    left: usize,
    fate: Fate,
}

pub(crate) struct State {
    pub(crate) now: Instant,
    ends: Vec<Rc<RefCell<End>>>,
    packets: BTreeMap<(Instant, u64), Packet>,
    sent: u64,
    weather: VecDeque<Weather>,
    doomed: Option<usize>,
    is_cut: bool,
    whims: Vec<Whim>,
    connections: Vec<Connection>,
    pub(crate) ladder: Vec<Rung>,
}

#[derive(Clone)]
pub(crate) struct Link(pub(crate) Rc<RefCell<State>>);

impl Link {
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            now: Instant::from_micros(START),
            ends: Vec::new(),
            packets: BTreeMap::new(),
            sent: 0,
            weather: VecDeque::new(),
            doomed: None,
            is_cut: false,
            whims: Vec::new(),
            connections: Vec::new(),
            ladder: Vec::new(),
        })))
    }

    pub(crate) fn phone(&self, name: &str) -> Phone {
        self.phone_with(name, Settings::default())
    }

    pub(crate) fn phone_with(&self, name: &str, settings: Settings) -> Phone {
        let place = self.0.borrow().ends.len();
        let end = Rc::new(RefCell::new(End::phone(name, place, settings)));
        self.0.borrow_mut().ends.push(Rc::clone(&end));
        Phone {
            link: self.clone(),
            end,
            place,
        }
    }

    pub(crate) fn stranger(&self, name: &str) -> Stranger {
        let place = self.0.borrow().ends.len();
        let end = Rc::new(RefCell::new(End::stranger(name, place)));
        self.0.borrow_mut().ends.push(Rc::clone(&end));
        Stranger {
            link: self.clone(),
            end,
            place,
        }
    }

    /// Of all messages from the beginning on, this one is lost; the first is 1.
    pub(crate) fn loses_number(&self, number: usize) {
        self.0.borrow_mut().doomed = Some(number);
    }

    /// The next `count` messages called `what` are lost: `"ACK"`, `"200 INVITE"`.
    pub(crate) fn loses_next(&self, what: &str, count: usize) {
        self.whim(what, count, Fate::Lost);
    }

    /// The next message called `what` takes that long.
    pub(crate) fn delays_next(&self, what: &str, delay: Duration) {
        self.whim(what, 1, Fate::Delayed(delay));
    }

    /// What happens to the messages to come, one after the other.
    pub(crate) fn has_weather(&self, weather: impl IntoIterator<Item = Weather>) {
        self.0.borrow_mut().weather = weather.into_iter().collect();
    }

    fn whim(&self, what: &str, left: usize, fate: Fate) {
        let what = what.to_owned();
        self.0.borrow_mut().whims.push(Whim { what, left, fate });
    }

    /// Nothing gets through any more, or all again.
    pub(crate) fn is_cut(&self, cut: bool) {
        self.0.borrow_mut().is_cut = cut;
    }

    /// Every TCP connection breaks, and both sides notice.
    pub(crate) fn breaks_connections(&self) {
        self.breaks_connections_of(None);
    }

    /// Every connection of one end breaks, or all.
    pub(crate) fn breaks_connections_of(&self, end: Option<usize>) {
        let mut broken = Vec::new();
        {
            let mut state = self.0.borrow_mut();
            for (place, connection) in state.connections.iter_mut().enumerate() {
                let ends = [connection.caller.0, connection.callee.0];
                let is_hit = end.is_none_or(|end| ends.contains(&end));
                if is_hit && std::mem::replace(&mut connection.is_up, false) {
                    broken.push((connection.caller.0, tcp(connection.callee.1, place)));
                    broken.push((connection.callee.0, tcp(connection.caller.1, place)));
                }
            }
        }
        for (place, flow) in broken {
            let now = self.now();
            let end = Rc::clone(&self.0.borrow().ends[place]);
            end.borrow_mut().handle_flow_failure(now, flow);
            self.collect(place);
        }
    }

    pub(crate) fn now(&self) -> Now {
        let instant = self.0.borrow().now;
        Now {
            instant,
            unix_micros: 1_700_000_000_000_000 + instant.as_micros(),
        }
    }

    /// Lets that much time go by, with everything that happens in it.
    pub(crate) fn runs(&self, time: Duration) {
        let end = self.0.borrow().now + time;
        let mut steps = 0;
        while let Some((at, who)) = self.next_thing().filter(|(at, _)| *at <= end) {
            steps += 1;
            assert!(steps < 100_000, "the world goes round in circles");
            let before = self.0.borrow().now;
            self.0.borrow_mut().now = at.max(before);
            match who {
                Some(place) => self.timeout(place),
                None => self.deliver(),
            }
        }
        self.0.borrow_mut().now = end;
    }

    /// Lets that much time go by; then nobody may keep anything.
    pub(crate) fn is_quiet_after(&self, time: Duration) {
        self.runs(time);
        for end in &self.0.borrow().ends {
            let end = end.borrow();
            let census = end.census();
            assert_eq!(census, Census::default(), "{} keeps something", end.name);
        }
    }

    fn next_thing(&self) -> Option<(Instant, Option<usize>)> {
        let state = self.0.borrow();
        let packet = state.packets.keys().next().map(|(at, _)| (*at, None));
        let timeout = |(place, end): (usize, &Rc<RefCell<End>>)| {
            end.borrow().next_timeout().map(|at| (at, Some(place)))
        };
        let timeouts = state.ends.iter().enumerate().filter_map(timeout);
        packet.into_iter().chain(timeouts).min()
    }

    fn timeout(&self, place: usize) {
        let now = self.now();
        let end = Rc::clone(&self.0.borrow().ends[place]);
        end.borrow_mut().handle_timeout(now);
        self.collect(place);
    }

    fn deliver(&self) {
        let Some((_, packet)) = self.0.borrow_mut().packets.pop_first() else {
            return;
        };
        let now = self.now();
        let end = Rc::clone(&self.0.borrow().ends[packet.to]);
        end.borrow_mut()
            .handle_bytes(now, packet.flow, &packet.bytes);
        self.collect(packet.to);
    }

    /// Takes what an end wants sent and puts it on its way.
    pub(crate) fn collect(&self, place: usize) {
        let end = Rc::clone(&self.0.borrow().ends[place]);
        loop {
            let now = self.now();
            let transmits = end.borrow_mut().take_transmits(now);
            if transmits.is_empty() {
                return;
            }
            for (flow, bytes, retransmission) in transmits {
                if !self.send(place, flow, &bytes, retransmission) {
                    end.borrow_mut().handle_flow_failure(now, flow);
                }
            }
        }
    }

    /// False: there is no way.
    fn send(&self, from: usize, flow: Flow, bytes: &Bytes, retransmission: bool) -> bool {
        let mut guard = self.0.borrow_mut();
        let state = &mut *guard;
        let what = name_of(bytes);
        let address = state.ends[from].borrow().address;
        let route = match flow.transport {
            Transport::Udp => state
                .ends
                .iter()
                .position(|end| end.borrow().address.ip() == flow.peer.ip())
                .map(|to| (to, udp(address))),
            _ => match state.connect(from, address, flow) {
                Some(route) => Some(route),
                None => return false,
            },
        };
        let whim = state
            .whims
            .iter_mut()
            .find(|whim| whim.left > 0 && whim.what == what);
        let (mut lost, mut delay, mut copies) = (state.is_cut, ms(10), 1);
        if let Some(whim) = whim {
            whim.left -= 1;
            match whim.fate {
                Fate::Lost => lost = true,
                Fate::Delayed(longer) => delay = longer,
            }
        } else if let Some(weather) = state.weather.pop_front() {
            copies = weather.copies;
            delay = weather.delay;
        }
        lost |= state.doomed == Some(state.ladder.len() + 1);
        let to = route.map_or_else(
            || flow.peer.to_string(),
            |(to, _)| state.ends[to].borrow().name.clone(),
        );
        state.ladder.push(Rung {
            at: state.now - Instant::from_micros(START),
            from: state.ends[from].borrow().name.clone(),
            to,
            what,
            text: String::from_utf8_lossy(bytes).into_owned(),
            peer: flow.peer,
            lost,
            retransmission,
        });
        if let Some((to, flow)) = route.filter(|_| !lost) {
            for _ in 0..copies {
                state.sent += 1;
                let key = (state.now + delay, state.sent);
                let bytes = bytes.clone();
                state.packets.insert(key, Packet { to, flow, bytes });
            }
        }
        true
    }

    /// The ladder in one line per message: `alice→bob INVITE`, lost ones with `✗`, repeated ones with `↻`.
    pub(crate) fn ladder(&self) -> Vec<String> {
        let line = |rung: &Rung| {
            let arrow = if rung.lost { "✗" } else { "→" };
            let again = if rung.retransmission { " ↻" } else { "" };
            format!("{}{arrow}{} {}{again}", rung.from, rung.to, rung.what)
        };
        self.0.borrow().ladder.iter().map(line).collect()
    }

    /// Every message called `what` that was sent, lost ones too.
    pub(crate) fn sent(&self, what: &str) -> Vec<Rung> {
        let state = self.0.borrow();
        let rungs = state.ladder.iter().filter(|rung| rung.what == what);
        rungs.cloned().collect()
    }

    /// The text of the last message called `what`.
    pub(crate) fn last(&self, what: &str) -> String {
        let sent = self.sent(what);
        let rung = sent.last();
        rung.unwrap_or_else(|| panic!("no {what} in {:#?}", self.ladder()))
            .text
            .clone()
    }

    /// Where the last message called `what` was sent.
    pub(crate) fn to_of_last(&self, what: &str) -> SocketAddr {
        self.sent(what).last().expect("it was sent").peer
    }

    /// When messages called `what` were sent, in milliseconds after the first.
    pub(crate) fn times(&self, what: &str) -> Vec<u128> {
        let sent = self.sent(what);
        let first = sent.first().map(|rung| rung.at).unwrap_or_default();
        sent.iter()
            .map(|rung| (rung.at - first).as_millis())
            .collect()
    }

    /// Forgets the ladder.
    pub(crate) fn turns_the_page(&self) {
        self.0.borrow_mut().ladder.clear();
    }
}

impl State {
    /// The connection a message takes, and the flow as its receiver sees it; opens one where there is none.
    fn connect(&mut self, from: usize, address: SocketAddr, flow: Flow) -> Option<(usize, Flow)> {
        let to = self
            .ends
            .iter()
            .position(|end| end.borrow().address.ip() == flow.peer.ip())?;
        if flow.connection != 0 {
            let place = usize::try_from(flow.connection).ok()? - 1;
            let connection = self.connections.get(place).filter(|c| c.is_up)?;
            let (to, back) = match connection.caller.0 == from {
                true => (connection.callee.0, connection.caller.1),
                false => (connection.caller.0, connection.callee.1),
            };
            return Some((to, tcp(back, place)));
        }
        let fits = |c: &Connection| c.is_up && c.caller.0 == from && c.callee.1 == flow.peer;
        if let Some(place) = self.connections.iter().position(fits) {
            return Some((to, tcp(self.connections[place].caller.1, place)));
        }
        if self.ends[to].borrow().address != flow.peer || self.ends[to].borrow().is_deaf {
            return None;
        }
        let place = self.connections.len();
        let own = SocketAddr::new(address.ip(), 40_000 + u16::try_from(place).ok()?);
        self.connections.push(Connection {
            caller: (from, own),
            callee: (to, flow.peer),
            is_up: true,
        });
        Some((to, tcp(own, place)))
    }
}

pub(crate) fn udp(peer: SocketAddr) -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: 0,
        peer,
        connection: 0,
    }
}

fn tcp(peer: SocketAddr, place: usize) -> Flow {
    Flow {
        transport: Transport::Tcp,
        listener: 1,
        peer,
        connection: u32::try_from(place + 1).unwrap(),
    }
}

/// `INVITE` or `180 INVITE`.
pub(crate) fn name_of(bytes: &[u8]) -> String {
    let Ok(message) = Message::parse(bytes) else {
        return "garbage".to_owned();
    };
    let method = message.cseq().map_or("?", |cseq| cseq.method.as_str());
    match (message.status(), message.method()) {
        (Some(status), _) => format!("{status} {method}"),
        (None, Some(method)) => method.as_str().to_owned(),
        (None, None) => method.to_owned(),
    }
}
