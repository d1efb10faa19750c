//! Stream connections of the ill-behaved: too many, no SIP, too much.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hookswitch_rig::server::Server;

use crate::flood::hits;
use crate::world::{SOON, hookswitch};

fn options(peer: SocketAddr, last: &str) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP {peer};branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
         From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {peer}\r\nCSeq: 1 OPTIONS\r\n{last}\r\n\r\n"
    )
}

/// A connection whose reads end in time.
fn connected(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.tcp).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

fn asks(stream: &mut TcpStream, last: &str) -> String {
    let request = options(stream.local_addr().unwrap(), last);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 4_096];
    let length = stream.read(&mut answer).expect("an answer in time");
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

#[test]
fn one_address_does_not_take_every_connection() {
    let server =
        Server::start_among_strangers(hookswitch(), &["--sip-allow", "10.0.0.0/8"]).unwrap();
    let strangers: Vec<TcpStream> = (0..300).map(|_| connected(&server)).collect();
    let began = Instant::now();
    while hits(&server, "connections") < 44 {
        assert!(began.elapsed() < SOON, "{}", server.log());
    }
    let mut first = &strangers[0];
    let request = options(first.local_addr().unwrap(), "Content-Length: 0");
    first.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 12];
    first.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"SIP/2.0 200 ");
    assert_eq!(hits(&server, "connections"), 44);
}

#[test]
fn a_stream_that_is_no_sip_is_closed_and_one_that_says_too_much_is_told_so() {
    let server = Server::start(hookswitch(), &[]).unwrap();
    let mut garbage = connected(&server);
    garbage.write_all(b"\x16\x03\x01 a TLS hello, say").unwrap();
    let mut rest = Vec::new();
    let _ = garbage.read_to_end(&mut rest);
    assert!(rest.is_empty());
    assert_eq!(hits(&server, "garbage"), 1);

    let mut oversized = connected(&server);
    let answer = asks(&mut oversized, "Content-Length: 10000000");
    assert!(
        answer.starts_with("SIP/2.0 513 Message Too Large\r\n"),
        "{answer}"
    );
    assert_eq!(oversized.read(&mut [0; 8]).unwrap_or(0), 0, "and closed");

    let mut good = connected(&server);
    let answer = asks(&mut good, "Content-Length: 0");
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    assert_eq!(good.peer_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
}
