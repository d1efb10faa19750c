//! More than there is room for: strangers, more calls than allowed, messages beyond all bounds.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::server::Server;
use hookswitch_rig::sipp::Transport;
use hookswitch_rig::strangers::{Strangers, options_round_trips};
use serde_json::json;

use crate::world::{DOMAIN, World, hookswitch, statuses};

/// A peer with a plain socket.
struct Peer(UdpSocket);

impl Peer {
    fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Self(socket)
    }

    fn sends(&self, target: SocketAddr, text: &str) {
        self.0.send_to(text.as_bytes(), target).unwrap();
    }

    fn hears(&self) -> String {
        let mut buffer = vec![0; 65_535];
        let length = self.0.recv(&mut buffer).expect("an answer in time");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn invite(&self, user: &str, more: &str) -> String {
        self.request("INVITE", user, "", more)
    }

    fn request(&self, method: &str, user: &str, tag: &str, more: &str) -> String {
        let address = self.0.local_addr().unwrap();
        format!(
            "{method} sip:{user}@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {address};rport;branch=z9hG4bK{user}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@{address}>;tag=1\r\nTo: <sip:{user}@{DOMAIN}>{tag}\r\n\
             Call-ID: {user}@{address}\r\nCSeq: 1 {method}\r\nContact: <sip:alice@{address}>\r\n{more}\
             Content-Length: 0\r\n\r\n"
        )
    }
}

/// `/metrics` as it is.
fn metrics(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.http).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// How often that limit held something back.
pub(crate) fn hits(server: &Server, limit: &str) -> u64 {
    let metrics = metrics(server);
    let line = format!("hookswitch_limit_hits_total{{limit=\"{limit}\"}} ");
    let value = metrics.lines().find_map(|found| found.strip_prefix(&line));
    value
        .unwrap_or_else(|| panic!("{limit} in {metrics}"))
        .parse()
        .unwrap()
}

#[test]
fn strangers_are_silenced_and_a_good_peer_is_heard_meanwhile() {
    let options = ["--sip-allow", "127.0.0.1/32"];
    let server = Server::start_among_strangers(hookswitch(), &options).unwrap();
    server.add_tenant(DOMAIN).unwrap();
    let (udp, lasting) = (server.udp, Duration::from_secs(3));
    let peer = thread::spawn(move || options_round_trips(udp, Duration::from_millis(20), lasting));
    let strangers = Strangers::at(server.udp, DOMAIN, 4).unwrap();
    let heard = strangers.call(600, lasting).unwrap();
    let took = peer.join().unwrap().unwrap();
    let p99 = took[took.len() * 99 / 100 - 1];
    assert!(heard.sent > 1_000, "{heard:?}");
    // 60 refusals each, some of them repeated for want of an ACK.
    assert!(
        heard.answered > 80 && heard.answered < heard.sent / 2,
        "{heard:?}"
    );
    assert!(
        took.len() > 50 && p99 < Duration::from_millis(500),
        "{p99:?} {took:?}"
    );
    assert!(hits(&server, "slowed") > 80);
    assert!(hits(&server, "silenced") > 500);
    let log = server.log();
    let lines = log
        .lines()
        .filter(|line| line.contains("limit=\"silenced\""))
        .count();
    assert!((1..=3).contains(&lines), "{log}");
}

#[test]
fn a_forger_cannot_silence_a_good_peer() {
    let options = ["--sip-allow", "127.0.0.1/32"];
    let server = Server::start_among_strangers(hookswitch(), &options).unwrap();
    let peer = Peer::at("127.0.0.1:0");
    let forger = Peer::at("127.0.0.1:0");
    for _ in 0..200 {
        forger.sends(server.udp, "this is no SIP, and it is from there");
    }
    peer.sends(server.udp, &peer.request("OPTIONS", "a", "", ""));
    assert!(peer.hears().starts_with("SIP/2.0 200 "));
    let stranger = Peer::at("127.0.0.77:0");
    for _ in 0..200 {
        stranger.sends(server.udp, "this is no SIP, and it is from there");
    }
    stranger.sends(server.udp, &stranger.request("OPTIONS", "a", "", ""));
    peer.sends(server.udp, &peer.request("OPTIONS", "b", "", ""));
    assert!(peer.hears().starts_with("SIP/2.0 200 "));
    assert_eq!(hits(&server, "silenced"), 1, "the stranger's is not read");
}

#[test]
fn above_the_rate_new_calls_are_refused_before_they_cost_anything() {
    let options = ["--max-calls-per-second", "3", "--shards", "1"];
    let world = World::with_options(
        Transport::Udp,
        |_: &Callback| Answer::ok(),
        &options,
        &json!({}),
    );
    let callers: Vec<Peer> = (0..12).map(|_| Peer::at("127.0.0.1:0")).collect();
    let invite = |place: usize| callers[place].invite(&format!("10{place}"), "");
    for (place, caller) in callers.iter().enumerate() {
        caller.sends(world.server.udp, &invite(place));
    }
    let answers: Vec<String> = callers.iter().map(Peer::hears).collect();
    let texts: Vec<&str> = answers.iter().map(String::as_str).collect();
    let statuses = statuses(&texts);
    let admitted = statuses.iter().filter(|status| **status == 100).count();
    assert!((3..6).contains(&admitted), "{statuses:?}");
    assert_eq!(
        statuses.iter().filter(|status| **status == 503).count(),
        12 - admitted
    );
    assert_eq!(hits(&world.server, "calls"), 12 - admitted as u64);
    let refused = statuses.iter().position(|status| *status == 503).unwrap();
    let tag = answers[refused]
        .split(";tag=s")
        .nth(1)
        .unwrap()
        .get(..16)
        .unwrap();
    let ack = callers[refused].request("ACK", &format!("10{refused}"), &format!(";tag=s{tag}"), "");
    callers[refused].sends(world.server.udp, &ack);
    let known = statuses.iter().position(|status| *status == 100).unwrap();
    callers[known].sends(world.server.udp, &invite(known));
    assert!(
        callers[known].hears().starts_with("SIP/2.0 100 "),
        "its copy is known"
    );
}

#[test]
fn requests_beyond_all_bounds_are_told_so() {
    let server = Server::start(hookswitch(), &[]).unwrap();
    let peer = Peer::at("127.0.0.1:0");
    let many = "X-Field: 1\r\n".repeat(300);
    let long = format!("Subject: {}\r\n", "a".repeat(9_000));
    for (user, more) in [("many", many), ("long", long)] {
        peer.sends(server.udp, &peer.invite(user, &more));
        let answer = peer.hears();
        assert!(
            answer.starts_with("SIP/2.0 513 Message Too Large\r\n"),
            "{answer}"
        );
        assert!(answer.contains(&format!("Call-ID: {user}@")), "{answer}");
        assert!(!answer.contains("Subject") && !answer.contains("X-Field"));
    }
    assert_eq!(hits(&server, "oversized"), 2);
}
