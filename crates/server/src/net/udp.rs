//! Datagrams, many to a system call.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hookswitch_sip::flow::{Flow, Transport};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use socket2::{Domain, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::Outgoing;
use super::inbox::Inboxes;

/// Datagrams taken in one system call.
const BATCH: usize = 32;
/// Octets of the largest datagram there is.
const LARGEST: usize = 65_535;
/// What the kernel may keep for us while a shard is busy, in octets.
const KERNEL_BUFFER: usize = 8 << 20;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = RefCell::new((0..BATCH).map(|_| vec![0; LARGEST]).collect());
    static HEADERS: RefCell<MultiHeaders<SockaddrStorage>> = RefCell::new(MultiHeaders::preallocate(BATCH, None));
}

/// Opens a datagram socket.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(KERNEL_BUFFER)?;
    socket.set_send_buffer_size(KERNEL_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The address of this machine that packets to the world leave from. Nothing is sent.
pub(super) fn outward_address(bound: SocketAddr) -> IpAddr {
    let (any, far): (SocketAddr, SocketAddr) = if bound.is_ipv4() {
        (
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        )
    } else {
        (
            (Ipv6Addr::UNSPECIFIED, 0).into(),
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
        )
    };
    let found = std::net::UdpSocket::bind(any)
        .and_then(|probe| probe.connect(far).and_then(|()| probe.local_addr()))
        .map(|address| address.ip());
    found
        .ok()
        .filter(|address| !address.is_unspecified())
        .unwrap_or(match bound {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        })
}

/// Reads datagrams until the runtime stops.
pub(super) async fn read(socket: Arc<UdpSocket>, listener: u16, inboxes: Arc<Inboxes>) {
    loop {
        if let Err(error) = socket.readable().await {
            tracing::error!(%error, "a datagram socket cannot be read");
            return;
        }
        let _ = socket.try_io(Interest::READABLE, || {
            read_batch(&socket, listener, &inboxes)
        });
        tokio::task::consume_budget().await;
    }
}

/// One system call's worth. `WouldBlock` says that the socket was emptied, so that the runtime waits for the
/// next datagram without a call that finds nothing.
fn read_batch(socket: &UdpSocket, listener: u16, inboxes: &Inboxes) -> io::Result<()> {
    BUFFERS.with_borrow_mut(|buffers| {
        let arrived = match receive(socket.as_raw_fd(), buffers) {
            Ok(arrived) => arrived,
            Err(Errno::EAGAIN) => return Err(io::ErrorKind::WouldBlock.into()),
            // An ICMP answer to something we sent: the transaction's timer says the same, later and surely.
            Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EINTR) => {
                return Ok(());
            }
            Err(error) => {
                tracing::warn!(%error, "reading datagrams");
                return Err(io::ErrorKind::WouldBlock.into());
            }
        };
        let count = arrived.len();
        for ((length, address), buffer) in arrived.into_iter().zip(buffers.iter()) {
            let Some(peer) = address.as_ref().and_then(socket_address) else {
                continue;
            };
            // The shortest request there is has far more octets; what is shorter keeps a NAT open.
            if length < 16 {
                continue;
            }
            let flow = Flow {
                transport: Transport::Udp,
                listener,
                peer,
                connection: 0,
            };
            inboxes.put(flow, Bytes::copy_from_slice(&buffer[..length]));
        }
        if count < BATCH {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(())
        }
    })
}

/// The length and source of each datagram read.
type Arrived = Vec<(usize, Option<SockaddrStorage>)>;

fn receive(socket: RawFd, buffers: &mut [Vec<u8>]) -> Result<Arrived, Errno> {
    // Fresh for every call: the kernel leaves the length of the last address in them, and one of another
    // family would cut the next address short.
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut buffers = buffers.iter_mut();
    let mut slices: [[IoSliceMut<'_>; 1]; BATCH] = std::array::from_fn(|_| {
        [IoSliceMut::new(
            buffers.next().map_or(&mut [], |buffer| &mut buffer[..]),
        )]
    });
    let results = recvmmsg(
        socket,
        &mut headers,
        slices.iter_mut(),
        MsgFlags::MSG_DONTWAIT,
        None,
    )?;
    Ok(results
        .map(|message| (message.bytes, message.address))
        .collect())
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    storage
        .as_sockaddr_in6()
        .map(|v6| SocketAddr::from((v6.ip(), v6.port())))
}

/// Sends the datagrams of one socket.
#[derive(Debug)]
pub struct UdpSender {
    socket: Arc<UdpSocket>,
    lost: AtomicU64,
}

impl UdpSender {
    pub(super) fn new(socket: Arc<UdpSocket>) -> Self {
        Self {
            socket,
            lost: AtomicU64::new(0),
        }
    }

    /// Sends in order. What the kernel has no room for is lost, as on any network, and counted.
    pub(super) fn send<'m>(&self, messages: impl Iterator<Item = &'m Outgoing>) {
        let mut batch: Vec<&Outgoing> = Vec::with_capacity(BATCH);
        for message in messages {
            batch.push(message);
            if batch.len() == BATCH {
                self.send_batch(&batch);
                batch.clear();
            }
        }
        if !batch.is_empty() {
            self.send_batch(&batch);
        }
    }

    fn send_batch(&self, batch: &[&Outgoing]) {
        let mut rest = batch;
        while !rest.is_empty() {
            match self.send_some(rest) {
                Ok(sent) => rest = rest.get(sent.max(1)..).unwrap_or_default(),
                Err(error) => {
                    // The first of them cannot be sent; the others may.
                    tracing::debug!(%error, "a datagram was not sent");
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
    }

    fn send_some(&self, batch: &[&Outgoing]) -> Result<usize, Errno> {
        let addresses: Vec<Option<SockaddrStorage>> = batch
            .iter()
            .map(|message| Some(SockaddrStorage::from(message.flow.peer)))
            .collect();
        let slices: Vec<[IoSlice<'_>; 1]> = batch
            .iter()
            .map(|message| [IoSlice::new(&message.bytes)])
            .collect();
        HEADERS.with_borrow_mut(|headers| {
            sendmmsg(
                self.socket.as_raw_fd(),
                headers,
                slices.iter(),
                addresses,
                [],
                MsgFlags::MSG_DONTWAIT,
            )
            .map(Iterator::count)
        })
    }

    /// Datagrams the kernel did not take.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Arrival;
    use super::*;

    const MESSAGE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\n\r\n";

    async fn read_once(socket: &UdpSocket, inboxes: &Inboxes) {
        socket.readable().await.unwrap();
        let _ = socket.try_io(Interest::READABLE, || read_batch(socket, 0, inboxes));
    }

    #[tokio::test]
    async fn the_source_of_a_datagram_is_its_own_whatever_came_before_it() {
        let (inboxes, mut arrivals) = Inboxes::new(&[0; 16], 1, 16);
        let bound = |address: &str| bind(address.parse().unwrap()).unwrap();
        let (v4, v6) = (bound("127.0.0.1:0"), bound("[::1]:0"));
        let (v4, v6) = (
            UdpSocket::from_std(v4).unwrap(),
            UdpSocket::from_std(v6).unwrap(),
        );
        for (ours, theirs) in [(&v6, "[::1]:0"), (&v4, "127.0.0.1:0"), (&v6, "[::1]:0")] {
            let peer = std::net::UdpSocket::bind(theirs).unwrap();
            peer.send_to(MESSAGE, ours.local_addr().unwrap()).unwrap();
            read_once(ours, &inboxes).await;
            let Some(Arrival::Message(received)) = arrivals[0].recv().await else {
                panic!("no message")
            };
            assert_eq!(received.flow.peer, peer.local_addr().unwrap());
            assert_eq!(&*received.bytes, MESSAGE);
        }
    }

    #[tokio::test]
    async fn a_keep_alive_is_no_message() {
        let (inboxes, mut arrivals) = Inboxes::new(&[0; 16], 1, 16);
        let ours = UdpSocket::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for datagram in [b"\r\n\r\n".as_slice(), MESSAGE] {
            peer.send_to(datagram, ours.local_addr().unwrap()).unwrap();
            read_once(&ours, &inboxes).await;
        }
        let Some(Arrival::Message(received)) = arrivals[0].recv().await else {
            panic!("no message")
        };
        assert_eq!(&*received.bytes, MESSAGE);
        assert!(arrivals[0].try_recv().is_err());
    }
}
