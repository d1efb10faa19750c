//! SIP sockets: datagrams and streams in, messages out, and where a host lives.
//!
//! Nothing here parses SIP: a message's end is found, and a glance at its lines says where it goes.

mod connections;
mod descriptors;
mod door;
mod inbox;
mod locate;
mod pressure;
mod sources;
mod stream;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::user_agent::Listener;

pub use connections::{Connections, Limits};
pub use descriptors::raise_limit;
pub use door::Inboxes;
pub use inbox::{Arrival, Arrivals, Kind, Received};
pub use locate::Locator;
pub use sources::{Sources, Standing};
pub use udp::UdpSender;

use crate::config::{Advertise, SipListen};
use crate::vital;

/// The SIP sockets, bound and not yet read.
#[derive(Debug)]
pub struct Sockets {
    bound: Vec<Bound>,
}

#[derive(Debug)]
enum Bound {
    Udp {
        socket: std::net::UdpSocket,
        address: SocketAddr,
    },
    Tcp {
        listener: std::net::TcpListener,
        address: SocketAddr,
    },
}

impl Sockets {
    /// Binds every socket, each to the port remembered for it when it asks for any free one.
    ///
    /// # Errors
    /// The first socket that cannot be had, by name.
    pub fn bind(
        wanted: &[SipListen],
        remembered: impl Fn(usize) -> Option<u16>,
    ) -> io::Result<Self> {
        let mut bound = Vec::with_capacity(wanted.len());
        for (place, listen) in wanted.iter().enumerate() {
            let mut address = listen.address;
            if address.port() == 0
                && let Some(port) = remembered(place)
            {
                address.set_port(port);
            }
            let named = |error: io::Error| {
                io::Error::new(
                    error.kind(),
                    format!("--sip {}:{address}: {error}", listen.transport),
                )
            };
            bound.push(match listen.transport {
                Transport::Udp => {
                    let socket = udp::bind(address).map_err(named)?;
                    let address = socket.local_addr().map_err(named)?;
                    Bound::Udp { socket, address }
                }
                Transport::Tcp => {
                    let listener = stream::bind(address).map_err(named)?;
                    let address = listener.local_addr().map_err(named)?;
                    Bound::Tcp { listener, address }
                }
                other => {
                    let why = format!("--sip {other}:{address}: this build serves udp and tcp");
                    return Err(io::Error::new(io::ErrorKind::Unsupported, why));
                }
            });
        }
        Ok(Self { bound })
    }

    /// The ports, in the order of the configuration.
    pub fn ports(&self) -> Vec<u16> {
        self.addresses()
            .map(|(_, address)| address.port())
            .collect()
    }

    /// Transport and address of each socket.
    pub fn addresses(&self) -> impl Iterator<Item = (Transport, SocketAddr)> + '_ {
        self.bound.iter().map(|bound| match bound {
            Bound::Udp { address, .. } => (Transport::Udp, *address),
            Bound::Tcp { address, .. } => (Transport::Tcp, *address),
        })
    }

    /// The sockets as the user agent knows them.
    pub fn listeners(&self, advertise: Option<Advertise>) -> Vec<Listener> {
        self.addresses()
            .map(|(transport, bound)| Listener {
                transport,
                advertised: advertised(bound, advertise),
            })
            .collect()
    }

    /// Starts reading; what comes in goes to `inboxes`.
    ///
    /// # Errors
    /// When the runtime does not take a socket.
    pub fn serve(self, inboxes: &Arc<Inboxes>, limits: Limits) -> io::Result<Arc<Egress>> {
        let mut listeners = Vec::with_capacity(self.bound.len());
        let connections = Connections::new(Arc::clone(inboxes), limits);
        for (place, bound) in self.bound.into_iter().enumerate() {
            let listener = u16::try_from(place).map_err(io::Error::other)?;
            listeners.push(match bound {
                Bound::Udp { socket, .. } => {
                    let socket = tokio::net::UdpSocket::from_std(socket)?;
                    let sender = Arc::new(UdpSender::new(socket));
                    vital::spawn(
                        "SIP over UDP",
                        udp::read(Arc::clone(&sender), listener, Arc::clone(inboxes)),
                    );
                    Way::Udp(sender)
                }
                Bound::Tcp {
                    listener: socket,
                    address,
                } => {
                    let socket = tokio::net::TcpListener::from_std(socket)?;
                    vital::spawn(
                        "SIP over TCP",
                        stream::accept(socket, listener, Arc::clone(&connections)),
                    );
                    Way::Tcp { address }
                }
            });
        }
        Ok(Arc::new(Egress {
            listeners,
            connections,
        }))
    }
}

/// What peers are told: the advertised address, or for a wildcard one that this machine has.
fn advertised(bound: SocketAddr, advertise: Option<Advertise>) -> SocketAddr {
    match advertise {
        Some(told) => SocketAddr::new(told.ip, told.port.unwrap_or(bound.port())),
        None if bound.ip().is_unspecified() => {
            SocketAddr::new(udp::outward_address(bound), bound.port())
        }
        None => bound,
    }
}

/// The way out for messages of every shard.
#[derive(Debug)]
pub struct Egress {
    listeners: Vec<Way>,
    connections: Arc<Connections>,
}

#[derive(Debug)]
enum Way {
    Udp(Arc<UdpSender>),
    Tcp { address: SocketAddr },
}

/// A message with its way.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The way.
    pub flow: Flow,
    /// The whole message.
    pub bytes: Bytes,
}

impl Egress {
    /// Sends messages in order; datagrams of one socket leave in as few system calls as they fit. Returns the
    /// flows that no longer lead anywhere.
    pub fn send(&self, messages: &mut Vec<Outgoing>) -> Vec<Flow> {
        let mut broken = Vec::new();
        for (place, way) in self.listeners.iter().enumerate() {
            match way {
                Way::Udp(sender) => sender.send(
                    messages
                        .iter()
                        .filter(|m| usize::from(m.flow.listener) == place),
                ),
                Way::Tcp { address } => {
                    for message in messages
                        .iter()
                        .filter(|m| usize::from(m.flow.listener) == place)
                    {
                        if !self
                            .connections
                            .send(*address, message.flow, message.bytes.clone())
                        {
                            broken.push(message.flow);
                        }
                    }
                }
            }
        }
        messages.clear();
        broken
    }

    /// Datagrams the kernel did not take.
    pub fn lost(&self) -> u64 {
        let lost = |way: &Way| match way {
            Way::Udp(sender) => sender.lost(),
            Way::Tcp { .. } => 0,
        };
        self.listeners.iter().map(lost).sum()
    }

    /// The connections, for metrics.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }
}
