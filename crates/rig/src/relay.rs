//! A network between the program and its peer that loses, doubles and delays datagrams, by a seed.
//!
//! Like a border element it puts itself into every address, so that whatever either side sends to the other passes it:
//! requests, responses, and what follows Contact. Of SIP it knows only what an address looks like.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::program::LOOPBACK;

/// How long a side that hears nothing sleeps before it looks whether it shall end.
const NAP: Duration = Duration::from_millis(50);

/// What is done to datagrams, in parts of a hundred.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// So many are lost.
    pub loss: u64,
    /// So many come twice.
    pub doubled: u64,
    /// So many come late, by up to `delay`, and are overtaken by others.
    pub late: u64,
    /// The longest delay.
    pub delay: Duration,
}

impl Weather {
    /// One in twenty lost, one in twenty doubled, a third delayed by some milliseconds.
    pub const BAD: Self = Self {
        loss: 5,
        doubled: 5,
        late: 33,
        delay: Duration::from_millis(8),
    };
}

/// What the relay did.
#[derive(Debug, Default)]
struct Counts {
    passed: AtomicU64,
    lost: AtomicU64,
}

/// A relay that runs until it is dropped.
#[derive(Debug)]
pub struct Relay {
    /// What the peer takes for the program.
    pub near: SocketAddr,
    /// What the program takes for the peer.
    pub far: SocketAddr,
    peer: Arc<Mutex<Option<SocketAddr>>>,
    counts: Arc<Counts>,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay before the program at `server`; its peer is whoever speaks first, unless `leads_to` names one.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(server: SocketAddr, weather: Weather, seed: u64) -> Result<Self> {
        let (near, far) = (
            UdpSocket::bind((LOOPBACK, 0))?,
            UdpSocket::bind((LOOPBACK, 0))?,
        );
        let mut relay = Self {
            near: near.local_addr()?,
            far: far.local_addr()?,
            peer: Arc::default(),
            counts: Arc::default(),
            ends: Arc::default(),
            threads: Vec::new(),
        };
        let places = Places {
            near: relay.near,
            far: relay.far,
            server,
            peer: Arc::clone(&relay.peer),
        };
        let sockets = [(near.try_clone()?, far.try_clone()?), (far, near)];
        for (number, (from, to)) in (0_u64..).zip(sockets) {
            let mut side = Side {
                inwards: number == 0,
                from,
                to,
                places: places.clone(),
                weather,
                random: Random(seed.wrapping_mul(2).wrapping_add(number)),
                counts: Arc::clone(&relay.counts),
                late: BTreeMap::new(),
                count: 0,
            };
            let ends = Arc::clone(&relay.ends);
            relay.threads.push(thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    side.turn();
                }
            }));
        }
        Ok(relay)
    }

    /// Names the peer, for programs that speak first.
    pub fn leads_to(&self, peer: SocketAddr) {
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer);
    }

    /// How many datagrams went on, and how many did not.
    pub fn counts(&self) -> (u64, u64) {
        let Counts { passed, lost } = &*self.counts;
        (passed.load(Ordering::Relaxed), lost.load(Ordering::Relaxed))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A side that panicked has nothing to say that the test did not see.
            let _ = thread.join();
        }
    }
}

/// Who is where.
#[derive(Clone, Debug)]
struct Places {
    near: SocketAddr,
    far: SocketAddr,
    server: SocketAddr,
    peer: Arc<Mutex<Option<SocketAddr>>>,
}

impl Places {
    fn peer(&self) -> Option<SocketAddr> {
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One direction: what comes to `from` leaves through `to`.
struct Side {
    /// Towards the program.
    inwards: bool,
    from: UdpSocket,
    to: UdpSocket,
    places: Places,
    weather: Weather,
    random: Random,
    counts: Arc<Counts>,
    /// By when they are due, then as they came.
    late: BTreeMap<(Instant, u64), Vec<u8>>,
    count: u64,
}

impl Side {
    /// Waits for one datagram or for one that is due.
    fn turn(&mut self) {
        let first = self.late.keys().next();
        let due = first.map(|(at, _)| at.saturating_duration_since(Instant::now()));
        let wait = due.unwrap_or(NAP).clamp(Duration::from_micros(100), NAP);
        let mut buffer = vec![0; 65_536];
        // A socket that cannot wait or read is one that hears nothing.
        let _ = self.from.set_read_timeout(Some(wait));
        if let Ok((length, source)) = self.from.recv_from(&mut buffer) {
            buffer.truncate(length);
            self.takes(source, &buffer);
        }
        let now = Instant::now();
        while let Some(entry) = self.late.first_entry().filter(|entry| entry.key().0 <= now) {
            let bytes = entry.remove();
            self.sends(&bytes);
        }
    }

    fn takes(&mut self, source: SocketAddr, bytes: &[u8]) {
        let bytes = if self.inwards {
            let peer = *self
                .places
                .peer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(source);
            let near_to_server = replaced(bytes, self.places.near, self.places.server);
            replaced(&near_to_server, peer, self.places.far)
        } else {
            let server_to_near = replaced(bytes, self.places.server, self.places.near);
            match self.places.peer() {
                Some(peer) => replaced(&server_to_near, self.places.far, peer),
                None => return,
            }
        };
        let copies = match self.random.below(100) {
            lot if lot < self.weather.loss => {
                self.counts.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            lot if lot < self.weather.loss + self.weather.doubled => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let is_late = self.random.below(100) < self.weather.late;
            let most = u64::try_from(self.weather.delay.as_micros()).unwrap_or(u64::MAX);
            let delay = if is_late {
                self.random.below(most.max(1))
            } else {
                0
            };
            self.count += 1;
            let at = Instant::now() + Duration::from_micros(delay);
            self.late.insert((at, self.count), bytes.clone());
        }
    }

    fn sends(&self, bytes: &[u8]) {
        let target = if self.inwards {
            Some(self.places.server)
        } else {
            self.places.peer()
        };
        if let Some(target) = target {
            self.counts.passed.fetch_add(1, Ordering::Relaxed);
            // Who has gone away hears nothing, as on any network.
            let _ = self.to.send_to(bytes, target);
        }
    }
}

/// `bytes` with every mention of one address made another.
fn replaced(bytes: &[u8], from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let (from, to) = (from.to_string(), to.to_string());
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let after = rest.strip_prefix(from.as_bytes());
        // 127.0.0.1:5060 does not stand in 127.0.0.1:50601.
        match after.filter(|after| !after.first().is_some_and(u8::is_ascii_digit)) {
            Some(after) => {
                out.extend_from_slice(to.as_bytes());
                rest = after;
            }
            None => {
                out.push(*first);
                rest = &rest[1..];
            }
        }
    }
    out
}

/// Chance, drawn from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::{Relay, Weather, replaced};
    use crate::program::LOOPBACK;

    #[test]
    fn only_whole_addresses_are_replaced() {
        let (one, two) = (
            "127.0.0.1:506".parse().unwrap(),
            "127.0.0.1:7777".parse().unwrap(),
        );
        let text = b"<sip:a@127.0.0.1:506> 127.0.0.1:5060 127.0.0.1:506";
        assert_eq!(
            replaced(text, one, two),
            b"<sip:a@127.0.0.1:7777> 127.0.0.1:5060 127.0.0.1:7777"
        );
    }

    #[test]
    fn some_datagrams_are_lost_and_both_ways_lead_through_the_relay() {
        let server = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        let peer = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        for socket in [&server, &peer] {
            socket
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
        }
        let weather = Weather {
            loss: 30,
            ..Weather::BAD
        };
        let relay = Relay::start(server.local_addr().unwrap(), weather, 1).unwrap();
        let text = format!("I am {}", peer.local_addr().unwrap());
        let mut buffer = [0; 100];
        for _ in 0..200 {
            peer.send_to(text.as_bytes(), relay.near).unwrap();
        }
        let (length, source) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(source, relay.far);
        assert_eq!(buffer[..length], *format!("I am {}", relay.far).as_bytes());
        while relay.counts().0 < 100 {
            server.recv_from(&mut buffer).expect("most get through");
        }
        peer.set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let comes_back = (0..100).any(|_| {
            server.send_to(b"hello", relay.far).unwrap();
            peer.recv_from(&mut buffer)
                .is_ok_and(|(_, source)| source == relay.near)
        });
        assert!(comes_back);
        let (passed, lost) = relay.counts();
        assert!(passed >= 100 && lost > 10, "{passed} {lost}");
    }
}
