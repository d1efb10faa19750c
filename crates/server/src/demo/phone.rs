//! A SIP phone: one user agent on one datagram socket, answering when told to.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use hookswitch_media::{Codec, Endpoint, Origin, answer, offer};
use hookswitch_sip::event::{Commit, EventKind, LegId, Output};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::Message;
use hookswitch_sip::user_agent::{Config, Invite, Listener, Timing, UserAgent};
use hookswitch_store::seal::random_bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::clock::Clock;

/// What happened to the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhoneEvent {
    /// The other side rings.
    Ringing,
    /// The other side answered.
    Answered,
    /// Somebody calls.
    Called,
    /// The call is over.
    Ended,
}

#[derive(Debug)]
enum Order {
    Call { target: String, way: SocketAddr },
    Answer,
    HangUp,
    Stop,
}

/// The running phone.
pub(super) struct Phone {
    address: SocketAddr,
    orders: mpsc::UnboundedSender<Order>,
    events: mpsc::UnboundedReceiver<PhoneEvent>,
}

impl Phone {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let (orders, ordered) = mpsc::unbounded_channel();
        let (happened, events) = mpsc::unbounded_channel();
        tokio::spawn(Line::new(socket, address, happened).run(ordered));
        Ok(Self {
            address,
            orders,
            events,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls a URI by way of a server.
    pub(super) fn call(&self, target: &str, way: SocketAddr) {
        let _ = self.orders.send(Order::Call {
            target: target.to_owned(),
            way,
        });
    }

    pub(super) fn answer(&self) {
        let _ = self.orders.send(Order::Answer);
    }

    pub(super) fn hang_up(&self) {
        let _ = self.orders.send(Order::HangUp);
    }

    pub(super) fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
    }

    pub(super) async fn expect(
        &mut self,
        wanted: PhoneEvent,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let next = tokio::time::timeout(patience, self.events.recv()).await;
        let event = next.with_context(|| format!("the phone waited for {wanted:?} in vain"))?;
        match event {
            Some(event) if event == wanted => Ok(()),
            other => bail!("the phone expected {wanted:?}, and {other:?} came"),
        }
    }
}

struct Line {
    socket: UdpSocket,
    agent: UserAgent,
    clock: Clock,
    way: SocketAddr,
    leg: Option<LegId>,
    offer: Vec<u8>,
    media: Endpoint,
    happened: mpsc::UnboundedSender<PhoneEvent>,
}

impl Line {
    fn new(
        socket: UdpSocket,
        address: SocketAddr,
        happened: mpsc::UnboundedSender<PhoneEvent>,
    ) -> Self {
        let agent = UserAgent::new(Config {
            key: random_bytes(),
            listeners: vec![Listener {
                transport: Transport::Udp,
                advertised: address,
            }],
            product: "demo phone".to_owned(),
            session_expires: Duration::from_secs(600),
            min_session_expires: Duration::from_secs(90),
            timing: Timing::default(),
        });
        let media = Endpoint {
            address: address.ip(),
            port: 41_000,
            codec: Codec::Pcma,
            telephone_event: Some(101),
            crypto: Vec::new(),
        };
        Self {
            socket,
            agent,
            clock: Clock::start(),
            way: address,
            leg: None,
            offer: Vec::new(),
            media,
            happened,
        }
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut buffer = vec![0; 65_535];
        loop {
            let now = self.clock.now();
            let deadline = self
                .agent
                .poll_timeout()
                .map_or(Duration::from_secs(60), |at| at - now.instant);
            tokio::select! {
                order = orders.recv() => match order {
                    None | Some(Order::Stop) => return,
                    Some(order) => self.obey(order),
                },
                received = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, peer)) = received {
                        self.hear(peer, &buffer[..length]);
                    }
                }
                () = tokio::time::sleep(deadline) => self.agent.handle_timeout(self.clock.now()),
            }
            self.send().await;
        }
    }

    fn obey(&mut self, order: Order) {
        let now = self.clock.now();
        match (order, self.leg) {
            (Order::Call { target, way }, _) => {
                self.way = way;
                let body = offer(
                    &self.media,
                    Origin {
                        session: 1,
                        version: 1,
                    },
                );
                let invite = Invite {
                    call_id: self.agent.draw_call_id(),
                    target: &target,
                    from_user: "visitor",
                    from_domain: "phone.example.com",
                    display: Some("Demo phone"),
                    body: Some(&body),
                    headers: Vec::new(),
                };
                self.leg = Some(self.agent.invite(&invite, Commit(0)));
            }
            (Order::Answer, Some(leg)) => {
                if let Ok(body) = answer(
                    &self.offer,
                    &self.media,
                    Origin {
                        session: 2,
                        version: 1,
                    },
                ) {
                    let _ = self.agent.accept(now, leg, &body, Commit(0));
                }
            }
            (Order::HangUp, Some(leg)) => {
                let _ = self.agent.end(now, leg, None);
                self.leg = None;
            }
            _ => {}
        }
    }

    fn hear(&mut self, peer: SocketAddr, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else {
            return;
        };
        let now = self.clock.now();
        let flow = Flow {
            transport: Transport::Udp,
            listener: 0,
            peer,
            connection: 0,
        };
        self.agent.handle_message(now, flow, &message);
        while let Some(event) = self.agent.poll_event() {
            let happened = match event.kind {
                EventKind::Offered => {
                    self.leg = Some(event.leg);
                    self.offer = message.body().to_vec();
                    let _ = self.agent.ring(now, event.leg, 180, None);
                    PhoneEvent::Called
                }
                EventKind::Progress { status: 180 } => PhoneEvent::Ringing,
                EventKind::Answered => PhoneEvent::Answered,
                EventKind::Ended => {
                    self.agent.release(now, event.leg, Commit(0));
                    PhoneEvent::Ended
                }
                EventKind::Rejected { .. } | EventKind::Cancelled | EventKind::Lost { .. } => {
                    PhoneEvent::Ended
                }
                _ => continue,
            };
            let _ = self.happened.send(happened);
        }
    }

    async fn send(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    let _ = self
                        .socket
                        .send_to(&transmit.bytes, transmit.flow.peer)
                        .await;
                }
                // A phone sends everything to its server (RFC 3261 §8.1.2, an outbound proxy).
                Output::Locate(question) => {
                    let flow = Flow {
                        transport: Transport::Udp,
                        listener: 0,
                        peer: self.way,
                        connection: 0,
                    };
                    self.agent
                        .handle_located(self.clock.now(), question.id, Ok(vec![flow]));
                }
            }
        }
    }
}
