//! Strangers who call from many addresses of loopback at a steady rate, and a good peer who asks meanwhile whether
//! anybody is there.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// How often a batch leaves.
const TICK: Duration = Duration::from_millis(5);

/// Strangers on 127.1.0.0/16.
#[derive(Debug)]
pub struct Strangers {
    target: SocketAddr,
    domain: String,
    sockets: Vec<UdpSocket>,
}

/// What came of their calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// INVITEs sent.
    pub sent: u64,
    /// Responses of any status.
    pub answered: u64,
}

impl Strangers {
    /// So many addresses, at most 60,000, that will call users of `domain` at `target`.
    ///
    /// # Errors
    /// When the sockets cannot be had.
    pub fn at(target: SocketAddr, domain: &str, addresses: u16) -> Result<Self> {
        let socket = |number: u16| {
            let [high, low] = number.to_be_bytes();
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 1, high, low), 0))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        Ok(Self {
            target,
            domain: domain.to_owned(),
            sockets: (1..=addresses).map(socket).collect::<Result<_>>()?,
        })
    }

    /// Calls `rate` times a second, each address in its turn, and hears the answers.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn call(&self, rate: u32, lasting: Duration) -> Result<Heard> {
        let (began, mut heard) = (Instant::now(), Heard::default());
        let mut buffer = [0; 2_048];
        while began.elapsed() < lasting {
            let due = began.elapsed().as_micros() * u128::from(rate) / 1_000_000;
            while u128::from(heard.sent) < due {
                heard.sent += 1;
                self.invite(heard.sent)?;
            }
            for socket in &self.sockets {
                loop {
                    match socket.recv(&mut buffer) {
                        Ok(_) => heard.answered += 1,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            thread::sleep(TICK);
        }
        Ok(heard)
    }

    fn invite(&self, number: u64) -> Result<()> {
        let place = usize::try_from(number)? % self.sockets.len();
        let (socket, domain) = (&self.sockets[place], &self.domain);
        let address = socket.local_addr()?;
        let request = format!(
            "INVITE sip:{number}@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {address};rport;branch=z9hG4bK{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:scan@{address}>;tag={number}\r\nTo: <sip:{number}@{domain}>\r\n\
             Call-ID: {number}@{address}\r\nCSeq: 1 INVITE\r\nContact: <sip:scan@{address}>\r\n\
             User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
        );
        match socket.send_to(request.as_bytes(), self.target) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// How long OPTIONS from 127.0.0.1 took to be answered, sorted, one after the other every `every`; one that is not
/// answered within a second counts as a second.
///
/// # Errors
/// When a socket fails, or the answer is none.
pub fn options_round_trips(
    target: SocketAddr,
    every: Duration,
    lasting: Duration,
) -> Result<Vec<Duration>> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let address = socket.local_addr()?;
    let (began, mut took) = (Instant::now(), Vec::new());
    let mut buffer = [0; 2_048];
    while began.elapsed() < lasting {
        let number = took.len();
        let request = format!(
            "OPTIONS sip:{target} SIP/2.0\r\nVia: SIP/2.0/UDP {address};rport;branch=z9hG4bKping{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:peer@{address}>;tag={number}\r\nTo: <sip:{target}>\r\n\
             Call-ID: ping{number}@{address}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let sent = Instant::now();
        socket.send_to(request.as_bytes(), target)?;
        let branch = format!("z9hG4bKping{number}\r\n");
        let branch = branch.trim_end().as_bytes();
        loop {
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    let answer = &buffer[..length];
                    // A late answer to the one before is none to this.
                    if answer.windows(branch.len()).any(|window| window == branch) {
                        let is_ok = answer.starts_with(b"SIP/2.0 200 ");
                        ensure!(is_ok, "{}", String::from_utf8_lossy(answer));
                        break took.push(sent.elapsed());
                    }
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    break took.push(PATIENCE);
                }
                Err(error) => return Err(error.into()),
            }
        }
        thread::sleep(every.saturating_sub(sent.elapsed()));
    }
    took.sort_unstable();
    Ok(took)
}
