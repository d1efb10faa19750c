//! The socket of a phone: datagrams, or a listening port with the connections from and to it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::program::LOOPBACK;
use crate::sipp::Transport;

/// The way back to whoever sent a message.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Datagram(SocketAddr),
    Stream(Arc<TcpStream>),
}

type Incoming = (String, Way);

/// One phone's socket.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) transport: Transport,
    pub(super) address: SocketAddr,
    datagrams: Option<UdpSocket>,
    streams: HashMap<SocketAddr, Arc<TcpStream>>,
    incoming: mpsc::Receiver<Incoming>,
    arrivals: mpsc::Sender<Incoming>,
}

impl Line {
    pub(super) fn open(transport: Transport) -> Result<Self> {
        let (arrivals, incoming) = mpsc::channel();
        let (address, datagrams) = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((LOOPBACK, 0))?;
                let (reader, arrivals) = (socket.try_clone()?, arrivals.clone());
                thread::spawn(move || read_datagrams(&reader, &arrivals));
                (socket.local_addr()?, Some(socket))
            }
            Transport::Tcp => {
                let listener = TcpListener::bind((LOOPBACK, 0))?;
                let (address, arrivals) = (listener.local_addr()?, arrivals.clone());
                thread::spawn(move || {
                    for stream in listener.incoming().flatten() {
                        read_stream(Arc::new(stream), arrivals.clone());
                    }
                });
                (address, None)
            }
        };
        Ok(Self {
            transport,
            address,
            datagrams,
            streams: HashMap::new(),
            incoming,
            arrivals,
        })
    }

    /// Sends a request to `peer`, over a new connection when the last one broke.
    pub(super) fn send(&mut self, peer: SocketAddr, text: &str) -> Result<()> {
        if let Some(socket) = &self.datagrams {
            socket.send_to(text.as_bytes(), peer)?;
            return Ok(());
        }
        if self
            .streams
            .get(&peer)
            .is_none_or(|stream| is_broken(stream))
        {
            let stream =
                Arc::new(TcpStream::connect(peer).with_context(|| format!("connect {peer}"))?);
            stream.set_nodelay(true)?;
            read_stream(Arc::clone(&stream), self.arrivals.clone());
            self.streams.insert(peer, stream);
        }
        let mut stream = &*self.streams[&peer];
        stream.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Sends a response the way its request came, else to `peer`.
    pub(super) fn answer(&mut self, way: &Way, peer: SocketAddr, text: &str) -> Result<()> {
        match way {
            Way::Stream(stream) if !is_broken(stream) => (&**stream).write_all(text.as_bytes())?,
            Way::Stream(_) => self.send(peer, text)?,
            Way::Datagram(peer) => self.send(*peer, text)?,
        }
        Ok(())
    }

    /// The next message, at the latest at `deadline`.
    pub(super) fn next(&self, deadline: Instant) -> Result<Incoming> {
        let left = deadline.saturating_duration_since(Instant::now());
        Ok(self.incoming.recv_timeout(left)?)
    }
}

/// Whether the other side closed it, as far as the kernel knows.
fn is_broken(stream: &TcpStream) -> bool {
    let mut next = [0];
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let peeked = stream.peek(&mut next);
    let is_open = match peeked {
        Ok(read) => read > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false).is_err() || !is_open
}

fn read_datagrams(socket: &UdpSocket, arrivals: &mpsc::Sender<Incoming>) {
    let mut buffer = vec![0; 65_536];
    loop {
        // A dead server's ICMP error is no reason to stop listening.
        let Ok((length, peer)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if arrivals.send((text, Way::Datagram(peer))).is_err() {
            return;
        }
    }
}

fn read_stream(stream: Arc<TcpStream>, arrivals: mpsc::Sender<Incoming>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(&*stream);
        while let Some(text) = read_message(&mut reader) {
            if arrivals
                .send((text, Way::Stream(Arc::clone(&stream))))
                .is_err()
            {
                return;
            }
        }
    });
}

/// One message by its Content-Length; nothing when the connection ends.
fn read_message(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut text = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some((name, value)) = line.split_once(':')
            && (name.eq_ignore_ascii_case("Content-Length") || name == "l")
        {
            length = value.trim().parse().ok()?;
        }
        let is_end = line == "\r\n" && !text.is_empty();
        if line != "\r\n" || !text.is_empty() {
            text.push_str(&line);
        }
        if is_end {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(&String::from_utf8_lossy(&body));
    Some(text)
}
