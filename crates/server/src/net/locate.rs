//! Where a host lives: literal addresses, A and AAAA, past the address guard.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hookswitch_sip::event::{Locate, LocateFailure};
use hookswitch_sip::flow::{Flow, Transport};

use crate::callback::Resolve;
use crate::guard::Guard;

/// Answers the core's questions.
pub struct Locator {
    names: Arc<dyn Resolve>,
    guard: Guard,
    /// Transport and bound address of each listener.
    listeners: Vec<(Transport, SocketAddr)>,
}

impl Locator {
    /// A locator that reaches peers through these listeners.
    pub fn new(
        names: Arc<dyn Resolve>,
        guard: Guard,
        listeners: Vec<(Transport, SocketAddr)>,
    ) -> Self {
        Self {
            names,
            guard,
            listeners,
        }
    }

    /// Literal addresses need no waiting; `None`: it is a name.
    pub fn locate_literal(&self, question: &Locate) -> Option<Result<Vec<Flow>, LocateFailure>> {
        let address: IpAddr = question.host.parse().ok()?;
        Some(self.flows(question, &[address]))
    }

    /// Looks a name up.
    ///
    /// # Errors
    /// No address, none we may go to, or none that a listener of ours reaches.
    pub async fn locate(&self, question: &Locate) -> Result<Vec<Flow>, LocateFailure> {
        if let Some(answer) = self.locate_literal(question) {
            return answer;
        }
        let found = self.names.resolve(&question.host).await;
        let addresses = found.map_err(|error| {
            LocateFailure::NotFound(format!("{} does not resolve: {error}", question.host))
        })?;
        self.flows(question, &addresses)
    }

    fn flows(&self, question: &Locate, addresses: &[IpAddr]) -> Result<Vec<Flow>, LocateFailure> {
        let transport = match (question.transport, question.secure) {
            (Some(Transport::Udp | Transport::Tcp) | None, true) => Transport::Tls,
            (Some(transport), _) => transport,
            (None, false) => question
                .known_peer
                .map_or(Transport::Udp, |peer| peer.transport),
        };
        let port = question.port.unwrap_or(transport.default_port());
        let mut flows = Vec::new();
        let mut blocked = None;
        for address in addresses {
            let known = question
                .known_peer
                .is_some_and(|peer| peer.peer.ip() == *address);
            if !known && let Err(refused) = self.guard.check(*address) {
                blocked = Some(format!("{refused}; list it with --sip-allow to call it"));
                continue;
            }
            if let Some(listener) = self.listener(transport, *address) {
                let peer = SocketAddr::new(*address, port);
                flows.push(Flow {
                    transport,
                    listener,
                    peer,
                    connection: 0,
                });
            }
        }
        match (flows.is_empty(), blocked) {
            (false, _) => Ok(flows),
            (true, Some(why)) => Err(LocateFailure::Forbidden(why)),
            (true, None) => Err(LocateFailure::NotFound(format!(
                "no --sip socket of ours speaks {transport} to an address of {}",
                question.host
            ))),
        }
    }

    /// The listener that speaks this transport and can reach the address: one of the same family, and a
    /// loopback one only for loopback peers.
    fn listener(&self, transport: Transport, peer: IpAddr) -> Option<u16> {
        let fits = |(own, address): &(Transport, SocketAddr)| {
            *own == transport
                && address.is_ipv4() == peer.is_ipv4()
                && (!address.ip().is_loopback() || peer.is_loopback())
        };
        self.listeners
            .iter()
            .position(fits)
            .and_then(|place| u16::try_from(place).ok())
    }
}
