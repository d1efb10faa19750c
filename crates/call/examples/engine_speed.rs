//! How long the engine itself takes for a drill call (INVITE, ACK, BYE), without sockets.
//!
//! `cargo run --release -p hookswitch-call --example engine_speed`

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::directory::Directory;
use hookswitch_call::engine::{Engine, EngineConfig, Limits, Output};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::Message;
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::{Config, Listener, Timing};

const CALLS: u64 = 400_000;
const HELD: usize = 1_000;

fn main() {
    let own = "127.0.0.1:5060".parse().expect("an address");
    let agent = Config {
        key: [1; 16],
        listeners: vec![Listener {
            transport: Transport::Udp,
            advertised: own,
        }],
        product: "speed".to_owned(),
        session_expires: Duration::from_secs(600),
        min_session_expires: Duration::from_secs(90),
        timing: Timing::default(),
    };
    let config = EngineConfig {
        key: [2; 16],
        shard: 0,
        shards: 1,
        agent,
        dev: true,
        limits: Limits::default(),
    };
    let mut engine = Engine::new(config, Arc::new(Directory::new(["127.0.0.1"])));
    let flow = Flow {
        transport: Transport::Udp,
        listener: 0,
        peer: "127.0.0.1:6000".parse().expect("an address"),
        connection: 0,
    };
    let sdp = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
    let mut held: VecDeque<(u64, String)> = VecDeque::new();
    let mut time = 0;
    let began = std::time::Instant::now();
    for call in 0..CALLS {
        time += 100;
        let now = Now {
            instant: Instant::from_micros(time),
            unix_micros: time,
        };
        let invite = request(
            "INVITE",
            call,
            "",
            &format!(
                "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            ),
        );
        engine.handle_datagram(now, flow, invite.as_bytes());
        held.push_back((call, to_tag(&mut engine)));
        let (_, tag) = held.back().expect("just pushed");
        engine.handle_datagram(
            now,
            flow,
            request("ACK", call, tag, "Content-Length: 0\r\n\r\n").as_bytes(),
        );
        if held.len() > HELD
            && let Some((call, tag)) = held.pop_front()
        {
            engine.handle_datagram(
                now,
                flow,
                request("BYE", call, &tag, "Content-Length: 0\r\n\r\n").as_bytes(),
            );
        }
        if engine.poll_timeout().is_some_and(|at| at <= now.instant) {
            engine.handle_timeout(now);
        }
        while engine.poll_output().is_some() {}
    }
    let took = began.elapsed();
    println!(
        "{:.2} µs per call; at the end {:?}",
        took.as_secs_f64() * 1e6 / CALLS as f64,
        engine.census()
    );
}

fn request(method: &str, call: u64, tag: &str, rest: &str) -> String {
    let (cseq, tag) = (
        if method == "BYE" { 2 } else { 1 },
        if tag.is_empty() {
            String::new()
        } else {
            format!(";tag={tag}")
        },
    );
    format!(
        "{method} sip:drill-answer@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bK-{call}-{method}\r\n\
         From: sipp <sip:sipp@127.0.0.1:6000>;tag={call}\r\nTo: <sip:drill-answer@127.0.0.1:5060>{tag}\r\nCall-ID: {call}-1@127.0.0.1\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:sipp@127.0.0.1:6000>\r\nMax-Forwards: 70\r\n{rest}"
    )
}

fn to_tag(engine: &mut Engine) -> String {
    let mut tag = String::new();
    while let Some(output) = engine.poll_output() {
        if let Output::Transmit(transmit) = output {
            let message = Message::parse(&transmit.bytes).expect("our own message");
            assert_eq!(
                message.status(),
                Some(200),
                "{}",
                String::from_utf8_lossy(&transmit.bytes)
            );
            tag = message
                .to()
                .ok()
                .and_then(|to| to.tag())
                .unwrap_or("")
                .to_owned();
        }
    }
    tag
}
