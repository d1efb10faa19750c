//! The network: datagrams are lost, doubled and overtake each other; connections break.

use std::net::SocketAddr;
use std::time::Duration;

use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::time::Instant;

use crate::random::Random;

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Datagrams of a hundred that are lost.
    pub loss: u64,
    /// Datagrams of a hundred that come twice.
    pub doubled: u64,
    /// The longest a message takes, in milliseconds; with more than a few they overtake each other.
    pub delay: u64,
    /// Stream messages of a thousand whose connection breaks instead.
    pub breaks: u64,
    /// Datagrams of a hundred that arrive with a wrong byte, or cut off.
    pub corrupt: u64,
}

impl Weather {
    /// Nothing is lost and everything comes in order.
    pub const CALM: Self = Self {
        loss: 0,
        doubled: 0,
        delay: 1,
        breaks: 0,
        corrupt: 0,
    };

    /// Some kind of weather, from calm to terrible.
    pub fn drawn(random: &mut Random) -> Self {
        Self {
            loss: random.pick(&[0, 1, 5, 20, 40]),
            doubled: random.pick(&[0, 2, 20]),
            delay: random.pick(&[1, 50, 400, 3_000]),
            breaks: random.pick(&[0, 0, 30]),
            corrupt: random.pick(&[0, 0, 0, 5]),
        }
    }
}

/// Who is on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The engine.
    Engine,
    /// A phone, by number.
    Phone(usize),
    /// The carrier.
    Carrier,
}

impl Place {
    /// Where it listens, with UDP and TCP.
    pub fn address(self) -> SocketAddr {
        match self {
            Self::Engine => ([203, 0, 113, 1], 5_060).into(),
            Self::Phone(number) => {
                let last = u8::try_from(10 + number).expect("there are few phones");
                ([198, 51, 100, last], 5_060).into()
            }
            Self::Carrier => ([198, 51, 100, 200], 5_060).into(),
        }
    }
}

/// A message, or the end of a connection, on its way.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    /// When it arrives.
    pub at: Instant,
    /// Where.
    pub to: Place,
    /// The way as it is seen there.
    pub flow: Flow,
    /// What arrives is not what was sent.
    pub is_torn: bool,
}

#[derive(Debug)]
struct Connection {
    caller: (Place, SocketAddr),
    callee: Place,
    is_up: bool,
    /// Nothing overtakes on a stream.
    last: Instant,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    weather: Weather,
    connections: Vec<Connection>,
    phones: usize,
    /// The node is down: nobody takes its connections.
    pub engine_is_down: bool,
}

/// What becomes of a message.
#[derive(Debug)]
pub enum Carried {
    /// It arrives so often, perhaps never.
    Arrives(Vec<Hop>),
    /// There is no way; the sender and perhaps others hear of broken flows.
    Broken(Vec<Hop>),
}

impl Network {
    /// A network between the engine, so many phones and the carrier.
    pub const fn new(weather: Weather, phones: usize) -> Self {
        Self {
            weather,
            connections: Vec::new(),
            phones,
            engine_is_down: false,
        }
    }

    /// The node crashed: its connections are gone, and their other ends hear so.
    pub fn handle_crash(&mut self, now: Instant) -> Vec<Hop> {
        self.engine_is_down = true;
        let mut hops = Vec::new();
        for place in 0..self.connections.len() {
            let connection = &mut self.connections[place];
            let concerned = [connection.caller.0, connection.callee].contains(&Place::Engine);
            if concerned && std::mem::take(&mut connection.is_up) {
                let ends = self.ends(place, now + Duration::from_millis(5));
                hops.extend(ends.into_iter().filter(|hop| hop.to != Place::Engine));
            }
        }
        hops
    }

    fn place_of(&self, address: SocketAddr) -> Option<Place> {
        let phones = (0..self.phones).map(Place::Phone);
        phones
            .chain([Place::Engine, Place::Carrier])
            .find(|place| place.address().ip() == address.ip())
    }

    /// Carries one message.
    pub fn carry(&mut self, now: Instant, random: &mut Random, from: Place, flow: Flow) -> Carried {
        if flow.transport != Transport::Udp {
            return self.carry_by_stream(now, random, from, flow);
        }
        let Some(to) = self.place_of(flow.peer) else {
            return Carried::Arrives(Vec::new());
        };
        let copies = match random.below(100) {
            lot if lot < self.weather.loss => 0,
            lot if lot < self.weather.loss + self.weather.doubled => 2,
            _ => 1,
        };
        let back = Flow {
            transport: Transport::Udp,
            listener: 0,
            peer: from.address(),
            connection: 0,
        };
        let mut hop = |_| Hop {
            at: now + random.millis(1, self.weather.delay),
            to,
            flow: back,
            is_torn: self.weather.corrupt > 0 && random.percent(self.weather.corrupt),
        };
        Carried::Arrives((0..copies).map(&mut hop).collect())
    }

    fn carry_by_stream(
        &mut self,
        now: Instant,
        random: &mut Random,
        from: Place,
        flow: Flow,
    ) -> Carried {
        let own = Hop {
            at: now + Duration::from_millis(1),
            to: from,
            flow,
            is_torn: false,
        };
        let Some(place) = self.connection(from, flow) else {
            return Carried::Broken(vec![own]);
        };
        if random.below(1_000) < self.weather.breaks {
            self.connections[place].is_up = false;
            let mut hops = self.ends(place, now + random.millis(1, 2_000)).to_vec();
            hops.push(own);
            return Carried::Broken(hops);
        }
        let delay = random.millis(1, self.weather.delay.min(400));
        let connection = &mut self.connections[place];
        connection.last = connection.last.max(now + delay) + Duration::from_micros(1);
        let at = connection.last;
        let other = usize::from(connection.caller.0 == from);
        Carried::Arrives(vec![Hop {
            at,
            ..self.ends(place, at)[other]
        }])
    }

    /// Both ends of a connection: the caller's first.
    fn ends(&self, place: usize, at: Instant) -> [Hop; 2] {
        let connection = &self.connections[place];
        let number = u32::try_from(place + 1).expect("there are few connections");
        let flow = |peer| Flow {
            transport: Transport::Tcp,
            listener: 1,
            peer,
            connection: number,
        };
        [
            Hop {
                at,
                to: connection.caller.0,
                flow: flow(connection.callee.address()),
                is_torn: false,
            },
            Hop {
                at,
                to: connection.callee,
                flow: flow(connection.caller.1),
                is_torn: false,
            },
        ]
    }

    /// The connection a message takes; opens one where the flow names none.
    fn connection(&mut self, from: Place, flow: Flow) -> Option<usize> {
        if flow.connection != 0 {
            let place = usize::try_from(flow.connection).ok()? - 1;
            return self.connections.get(place)?.is_up.then_some(place);
        }
        let callee = self.place_of(flow.peer)?;
        let fits = |connection: &Connection| {
            connection.is_up && connection.caller.0 == from && connection.callee == callee
        };
        if let Some(place) = self.connections.iter().position(fits) {
            return Some(place);
        }
        if callee.address() != flow.peer || callee == Place::Engine && self.engine_is_down {
            return None;
        }
        let port = 40_000 + u16::try_from(self.connections.len()).ok()?;
        self.connections.push(Connection {
            caller: (from, SocketAddr::new(from.address().ip(), port)),
            callee,
            is_up: true,
            last: Instant::default(),
        });
        Some(self.connections.len() - 1)
    }
}
