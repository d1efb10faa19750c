//! What a stream connection may take of us: time, room, octets.

use std::net::IpAddr;

use hookswitch_sip::flow::Transport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;
use crate::brake::Brakes;
use crate::net::inbox::{Arrival, Arrivals};
use crate::net::sources::Sources;

const GOOD: &str = "127.0.0.200";
const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
    From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

struct House {
    connections: Arc<Connections>,
    address: SocketAddr,
    arrivals: Vec<Arrivals>,
}

impl House {
    async fn new(limits: Limits) -> Self {
        let now = Instant::now();
        let is_good = |source: IpAddr| source.to_string() == GOOD;
        let sources = Arc::new(Sources::new(&[1; 16], now, is_good));
        let brakes = Arc::new(Brakes::default());
        let (inboxes, arrivals) = Inboxes::new(&[1; 16], 1, 64, sources, brakes);
        let connections = Connections::new(Arc::new(inboxes), limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(stream::accept(listener, 0, Arc::clone(&connections)));
        Self {
            connections,
            address,
            arrivals,
        }
    }

    async fn peer(&self, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::new(from.parse().unwrap(), 0))
            .unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// A peer that has sent one message, which came in.
    async fn heard_peer(&mut self, from: &str) -> TcpStream {
        let mut peer = self.peer(from).await;
        peer.write_all(OPTIONS.as_bytes()).await.unwrap();
        self.message().await;
        peer
    }

    async fn message(&mut self) -> Bytes {
        let mut taken = Vec::new();
        loop {
            self.arrivals[0].recv_many(&mut taken, 1).await;
            if let Some(Arrival::Message(received)) = taken.pop() {
                return received.bytes;
            }
        }
    }

    fn brakes(&self) -> &Brakes {
        self.connections.inboxes.brakes()
    }
}

/// What the server sends until it closes.
async fn until_closed(mut peer: TcpStream) -> String {
    let mut heard = Vec::new();
    let _ = peer.read_to_end(&mut heard).await;
    String::from_utf8(heard).unwrap()
}

fn short() -> Limits {
    Limits {
        message: Duration::from_millis(200),
        first: Duration::from_millis(200),
        idle: Duration::from_millis(200),
        dispensable: Duration::ZERO,
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_message_that_does_not_end_in_time_closes_its_connection() {
    let limits = Limits {
        idle: Duration::from_secs(60),
        first: Duration::from_secs(60),
        ..short()
    };
    let house = House::new(limits).await;
    let mut peer = house.peer("127.0.0.1").await;
    peer.write_all(b"OPTIONS sip:a@b SIP/2.0\r\nVia: ")
        .await
        .unwrap();
    assert_eq!(until_closed(peer).await, "");
    assert_eq!(house.brakes().slow_message.hits(), 1);
}

#[tokio::test]
async fn a_connection_that_brings_nothing_is_closed_and_so_is_one_that_falls_silent() {
    let mut house = House::new(short()).await;
    let silent = house.peer("127.0.0.1").await;
    let heard = house.heard_peer("127.0.0.1").await;
    until_closed(silent).await;
    until_closed(heard).await;
    assert_eq!(house.brakes().idle.hits(), 2);
    assert_eq!(house.connections.count(), 0);
}

#[tokio::test]
async fn line_ends_keep_a_good_peers_connection_and_no_strangers() {
    let house = House::new(short()).await;
    let mut good = house.peer(GOOD).await;
    let mut stranger = house.peer("127.0.0.1").await;
    let mut pong = [0; 2];
    loop {
        good.write_all(b"\r\n\r\n").await.unwrap();
        good.read_exact(&mut pong)
            .await
            .expect("the good peer stays");
        let sent = stranger.write_all(b"\r\n\r\n").await;
        if sent.is_err() || stranger.read_exact(&mut pong).await.is_err() {
            break;
        }
    }
    assert_eq!(house.connections.count(), 1);
    assert_eq!(house.brakes().idle.hits(), 1);
}

#[tokio::test]
async fn a_message_beyond_all_bounds_gets_a_513_and_the_connection_closes() {
    let house = House::new(Limits::default()).await;
    for (from, line) in [
        ("127.0.0.2", "Content-Length: 99999999".to_owned()),
        ("127.0.0.3", format!("Subject: {}", "a".repeat(70_000))),
    ] {
        let mut peer = house.peer(from).await;
        let message = OPTIONS.replace("Content-Length: 0", &line);
        peer.write_all(message.as_bytes()).await.unwrap();
        let answer = until_closed(peer).await;
        assert!(
            answer.starts_with("SIP/2.0 513 Message Too Large\r\nVia: SIP/2.0/TCP h;"),
            "{line:.20} {answer}"
        );
    }
    assert_eq!(house.brakes().oversized.hits(), 2);
}

#[tokio::test]
async fn a_stranger_has_fewer_connections_than_a_good_peer() {
    let limits = Limits {
        per_stranger: 2,
        per_address: 4,
        dispensable: Duration::from_secs(60),
        ..Limits::default()
    };
    let mut house = House::new(limits).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        kept.push(house.heard_peer("127.0.0.1").await);
    }
    assert_eq!(until_closed(house.peer("127.0.0.1").await).await, "");
    for _ in 0..4 {
        kept.push(house.heard_peer(GOOD).await);
    }
    assert_eq!(until_closed(house.peer(GOOD).await).await, "");
    assert_eq!(house.connections.count(), 6);
    assert_eq!(house.brakes().connections.hits(), 2);
}

#[tokio::test]
async fn where_there_are_too_many_the_idlest_stranger_gives_way() {
    let limits = Limits {
        connections: 3,
        dispensable: Duration::ZERO,
        ..Limits::default()
    };
    let mut house = House::new(limits).await;
    let good = house.heard_peer(GOOD).await;
    let oldest = house.heard_peer("127.0.0.2").await;
    let younger = house.heard_peer("127.0.0.3").await;
    let newest = house.heard_peer("127.0.0.4").await;
    assert_eq!(until_closed(oldest).await, "");
    assert_eq!(house.connections.count(), 3);
    drop((good, younger, newest));
}

#[tokio::test]
async fn a_peer_that_does_not_read_loses_its_connection() {
    let limits = Limits {
        queue: 4,
        connect: Duration::from_millis(300),
        ..Limits::default()
    };
    let mut house = House::new(limits).await;
    let peer = house.heard_peer("127.0.0.1").await;
    let flow = Flow {
        transport: Transport::Tcp,
        listener: 0,
        peer: peer.local_addr().unwrap(),
        connection: 0,
    };
    let large = Bytes::from(vec![b'a'; 60_000]);
    let mut sent = 0;
    while house.connections.send(house.address, flow, large.clone())
        && house.connections.count() == 1
    {
        sent += 1;
        tokio::task::yield_now().await;
        assert!(sent < 10_000, "it is not bounded");
    }
    assert_eq!(house.brakes().unread.hits(), 1);
    drop(peer);
}

#[tokio::test]
async fn a_silenced_source_has_its_connection_closed() {
    let house = House::new(Limits::default()).await;
    let source = "127.0.0.5".parse().unwrap();
    for _ in 0..60 {
        house
            .connections
            .inboxes
            .sources()
            .offended(source, 4, Instant::now());
    }
    let mut peer = house.peer("127.0.0.5").await;
    peer.write_all(OPTIONS.as_bytes()).await.unwrap();
    assert_eq!(until_closed(peer).await, "");
    assert_eq!(house.brakes().silenced.hits(), 1);
}
