//! One call on one engine, for the golden snapshot.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::command::{Answer, Command, RequestId};
use hookswitch_call::directory::{CloudSipUa, Devices, Directory, Settings, Tenant};
use hookswitch_call::engine::{Change, Engine, EngineConfig, Limits, Output};
use hookswitch_call::pattern::Pattern;
use hookswitch_call::record::Snapshot;
use hookswitch_media::{Codec, Endpoint};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{HeaderName, Message};
use hookswitch_sip::time::{Instant, Now};
use hookswitch_sip::user_agent::{Config, Listener, Timing};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

/// An engine whose tags and branches come from `run`.
pub(crate) fn engine(run: u8) -> (Engine, Now) {
    let service = CloudSipUa {
        id: "alarms".into(),
        callback_id: "callback".into(),
        name: "alarms".into(),
        destination_match: Pattern::compile("^100").expect("it is a pattern"),
        callback_base_url: "https://app.example/".into(),
        callback_timeout: Duration::from_secs(15),
        disabled: false,
    };
    let settings = Settings {
        open: vec!["198.51.100.0/24".parse().expect("it is a network")],
        max_call_duration: Some(Duration::from_secs(7_200)),
        ..Settings::default()
    };
    let mut directory = Directory::new(["192.0.2.1"]);
    let services = vec![Arc::new(service)];
    let tenant = Tenant::new("a.example", settings, Devices::default(), services);
    directory.put_tenant(Arc::new(tenant));
    let config = EngineConfig {
        key: [1; 16],
        shard: 0,
        shards: 1,
        agent: Config {
            key: [run; 16],
            listeners: vec![Listener {
                transport: Transport::Udp,
                advertised: "192.0.2.1:5060".parse().expect("it is an address"),
            }],
            product: "Hookswitch".to_owned(),
            session_expires: Duration::from_secs(600),
            min_session_expires: Duration::from_secs(90),
            timing: Timing::default(),
        },
        dev: false,
        limits: Limits::default(),
    };
    let now = Now {
        instant: Instant::from_micros(0),
        unix_micros: 1_760_000_000_000_000,
    };
    (Engine::new(config, Arc::new(directory)), now)
}

/// The way to the peer.
pub(crate) fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: 0,
        peer: "198.51.100.7:5060".parse().expect("it is an address"),
        connection: 0,
    }
}

/// A request of the peer.
pub(crate) fn request(method: &str, cseq: u32, to_tag: &str, body: &str) -> String {
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "{method} sip:1001@a.example SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{method}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+46700@c.example>;tag=alice\r\nTo: <sip:1001@a.example>{to_tag}\r\n\
         Call-ID: golden@198.51.100.7\r\nCSeq: {cseq} {method}\r\nContact: <sip:alice@198.51.100.7:5060>\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A call that is offered, answered and confirmed, as a restart needs it.
pub(crate) fn confirmed(engine: &mut Engine, now: Now) -> Snapshot {
    engine.handle_datagram(now, flow(), request("INVITE", 1, "", OFFER).as_bytes());
    let mut call = None;
    while let Some(output) = engine.poll_output() {
        if let Output::Ask { call: asked, .. } = output {
            call = Some(asked);
        }
    }
    let media = Endpoint {
        address: "203.0.113.50".parse().expect("it is an address"),
        port: 30_000,
        codec: Codec::Pcma,
        telephone_event: Some(101),
        crypto: Vec::new(),
    };
    let answer = Answer {
        media,
        session_reference_id: Some("ref-1".into()),
    };
    let command = Command::Answer {
        call: call.expect("the application is asked"),
        domain: "a.example".into(),
        answer: Box::new(answer),
    };
    engine.handle_command(now, RequestId(1), command);
    let mut tag = String::new();
    while let Some(output) = engine.poll_output() {
        if let Output::Transmit(transmit) = output {
            let message = Message::parse(&transmit.bytes).expect("it is a message");
            let to = message.header(HeaderName::To).expect("it has a To");
            tag = to.split_once('>').map_or("", |(_, tag)| tag).to_owned();
        }
    }
    engine.handle_datagram(now, flow(), request("ACK", 1, &tag, "").as_bytes());
    let mut last = None;
    while let Some(output) = engine.poll_output() {
        if let Output::Commit { changes, .. } = output {
            for change in changes {
                if let Change::Snapshot { snapshot, .. } = change {
                    last = snapshot;
                }
            }
        }
    }
    *last.expect("the confirmed call is written")
}
