//! Datagrams, many to a system call.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use hookswitch_sip::flow::{Flow, Transport};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, setsockopt,
    sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::Outgoing;
use super::door::Inboxes;

/// Datagrams taken in one system call.
const BATCH: usize = 32;
/// System calls in a row, so that what the kernel keeps for us gets its place behind the door at once, where it is
/// sorted, and neither grows old unseen nor is dropped unseen.
const BATCHES: usize = 32;
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
    // A datagram's age counts from when the kernel had it, however late we come to read it.
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
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

/// Reads datagrams until the runtime stops; answers that need no shard leave by the same socket.
pub(super) async fn read(sender: Arc<UdpSender>, listener: u16, inboxes: Arc<Inboxes>) {
    let mut answers = Vec::new();
    loop {
        if let Err(error) = sender.socket.readable().await {
            tracing::error!(%error, "a datagram socket cannot be read");
            return;
        }
        for _ in 0..BATCHES {
            let read = sender.socket.try_io(Interest::READABLE, || {
                read_batch(&sender.socket, listener, &inboxes, &mut answers)
            });
            sender.send(answers.iter());
            answers.clear();
            if read.is_err() {
                break;
            }
        }
        tokio::task::yield_now().await;
    }
}

/// One system call's worth. `WouldBlock` says that the socket was emptied, so that the runtime waits for the
/// next datagram without a call that finds nothing.
fn read_batch(
    socket: &UdpSocket,
    listener: u16,
    inboxes: &Inboxes,
    answers: &mut Vec<Outgoing>,
) -> io::Result<()> {
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
        let present = Present::now();
        for (datagram, buffer) in arrived.into_iter().zip(buffers.iter()) {
            let Some(peer) = datagram.source.as_ref().and_then(socket_address) else {
                continue;
            };
            // The shortest request there is has far more octets; what is shorter keeps a NAT open.
            if datagram.length < 16 {
                continue;
            }
            let flow = Flow {
                transport: Transport::Udp,
                listener,
                peer,
                connection: 0,
            };
            let at = present.at(datagram.stamp);
            let bytes = &buffer[..datagram.length];
            inboxes.put(flow, bytes, at, present.instant, answers);
        }
        if count < BATCH {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(())
        }
    })
}

/// The present on our axis and on the kernel's.
#[derive(Clone, Copy)]
struct Present {
    instant: Instant,
    since_1970: Duration,
}

impl Present {
    fn now() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            instant: Instant::now(),
            since_1970: since_1970.unwrap_or_default(),
        }
    }

    /// When the kernel had a datagram. What is stamped in the future came just now; a clock that jumps while a
    /// datagram waits makes it no older than the kernel's buffer can be.
    fn at(self, stamp: Option<Duration>) -> Instant {
        let age = stamp.map_or(Duration::ZERO, |stamp| {
            self.since_1970.saturating_sub(stamp)
        });
        let age = if age > Duration::from_secs(30) {
            Duration::ZERO
        } else {
            age
        };
        self.instant.checked_sub(age).unwrap_or(self.instant)
    }
}

/// A datagram read.
struct Datagram {
    length: usize,
    source: Option<SockaddrStorage>,
    /// When the kernel had it, since 1970.
    stamp: Option<Duration>,
}

fn receive(socket: RawFd, buffers: &mut [Vec<u8>]) -> Result<Vec<Datagram>, Errno> {
    // Fresh for every call: the kernel leaves the length of the last address in them, and one of another
    // family would cut the next address short.
    let stamps = nix::cmsg_space!(TimeSpec);
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(stamps));
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
    let datagrams = results.map(|message| {
        let stamp = message.cmsgs().ok().and_then(|mut attached| {
            attached.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                _ => None,
            })
        });
        Datagram {
            length: message.bytes,
            source: message.address,
            stamp,
        }
    });
    Ok(datagrams.collect())
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
    socket: UdpSocket,
    lost: AtomicU64,
}

impl UdpSender {
    pub(super) fn new(socket: UdpSocket) -> Self {
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
    use super::super::inbox::{Arrival, Arrivals, Received};
    use super::super::sources::Sources;
    use super::*;

    const MESSAGE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n";

    fn inboxes() -> (Inboxes, Vec<Arrivals>) {
        let key = [0; 16];
        let sources = Sources::new(&key, Instant::now(), |_| false);
        Inboxes::new(&key, 1, 16, Arc::new(sources), Arc::default())
    }

    async fn read_once(socket: &UdpSocket, inboxes: &Inboxes) {
        socket.readable().await.unwrap();
        let mut answers = Vec::new();
        let _ = socket.try_io(Interest::READABLE, || {
            read_batch(socket, 0, inboxes, &mut answers)
        });
    }

    async fn next(arrivals: &mut [Arrivals]) -> Received {
        let mut taken = Vec::new();
        arrivals[0].recv_many(&mut taken, 1).await;
        match taken.pop() {
            Some(Arrival::Message(received)) => received,
            other => panic!("no message: {other:?}"),
        }
    }

    #[tokio::test]
    async fn the_source_of_a_datagram_is_its_own_whatever_came_before_it() {
        let (inboxes, mut arrivals) = inboxes();
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
            let received = next(&mut arrivals).await;
            assert_eq!(received.flow.peer, peer.local_addr().unwrap());
            assert_eq!(&*received.bytes, MESSAGE);
        }
    }

    #[tokio::test]
    async fn a_keep_alive_is_no_message() {
        let (inboxes, mut arrivals) = inboxes();
        let ours = UdpSocket::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for datagram in [b"\r\n\r\n".as_slice(), MESSAGE] {
            peer.send_to(datagram, ours.local_addr().unwrap()).unwrap();
            read_once(&ours, &inboxes).await;
        }
        assert_eq!(&*next(&mut arrivals).await.bytes, MESSAGE);
        assert_eq!(inboxes.received(), 1);
    }

    #[tokio::test]
    async fn a_datagram_is_as_old_as_the_kernel_has_had_it() {
        let ours = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = Present::now();
        peer.send_to(MESSAGE, ours.local_addr().unwrap()).unwrap();
        let mut buffers = vec![vec![0; LARGEST]; BATCH];
        let datagrams = receive(ours.as_raw_fd(), &mut buffers).unwrap();
        let stamp = datagrams[0].stamp.expect("the kernel stamps it");
        assert!(stamp >= before.since_1970, "it was not sent before");
        let later = Present {
            instant: before.instant + Duration::from_secs(3),
            since_1970: stamp + Duration::from_secs(2),
        };
        assert_eq!(
            later.at(Some(stamp)),
            before.instant + Duration::from_secs(1)
        );
    }
}
