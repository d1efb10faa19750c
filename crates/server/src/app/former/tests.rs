//! A run that ended, and the engines of the next one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::command::{Accepted, Answer, AskAnswer};
use hookswitch_call::directory::{CloudSipUa, Devices, Directory, Settings, Tenant};
use hookswitch_call::engine::{EngineConfig, Limits, Output};
use hookswitch_call::id::CallId;
use hookswitch_call::pattern::Pattern;
use hookswitch_media::{Codec, Endpoint};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{HeaderName, Message};
use hookswitch_sip::user_agent::{Config, Listener, Timing};
use hookswitch_store::{Batch, CallKey, MasterKey, Store, calls, events, snapshots};

use super::*;
use crate::directory::Publisher;
use crate::outlet::Writer;
use crate::reply_id::ReplyIds;
use crate::shard::ShardHandle;

/// Calls held in these tests; `HELD_CALLS` says another number, for measuring.
const CALLS: usize = 200;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

struct Node {
    store: Store,
    outlet: Arc<Outlet>,
    clock: Clock,
    _folder: crate::database::home::Home,
}

impl Node {
    fn new() -> Self {
        let (folder, store) = crate::database::home::store();
        let master_key = Arc::new(MasterKey::ephemeral());
        let publisher = Publisher::load(store.clone(), Arc::clone(&master_key), ["127.0.0.1"]);
        let writer = Writer {
            node_address: "127.0.0.1".into(),
            site_id: None,
            site_base_url: None,
            reply_ids: ReplyIds::new(&[3; 32], "node".to_owned()),
        };
        let publisher = Arc::new(publisher.unwrap());
        let outlet = Outlet::new(store.clone(), master_key, writer, publisher);
        Self {
            store,
            outlet: Arc::new(outlet),
            clock: Clock::start(),
            _folder: folder,
        }
    }

    /// A former run with `--dev` answered a drill and asked its phone nothing more.
    fn answers_a_drill(&self) -> CallKey {
        let mut engine = engine(0, 1);
        let (shard, _inputs) = ShardHandle::new();
        let invite = request("INVITE", 0, "").replace("sip:alarm@", "sip:drill-answer@");
        engine.handle_datagram(self.clock.now(), flow(), invite.as_bytes());
        while let Some(output) = engine.poll_output() {
            if let Output::Commit { commit, changes } = output {
                self.outlet.commit(commit, changes, &shard);
            }
        }
        self.store.writer().flush().unwrap();
        let mut found = Vec::new();
        let each = |call, _, _| found.push(call);
        self.store.read(|db| snapshots::each(db, each)).unwrap();
        assert_eq!(found.len(), 1);
        found[0]
    }

    /// A former run with one shard holds so many confirmed calls.
    fn holds(&self, count: usize) -> Vec<CallId> {
        let mut engine = engine(0, 1);
        let (shard, _inputs) = ShardHandle::new();
        let mut held = Vec::new();
        for number in 0..count {
            engine.handle_datagram(
                self.clock.now(),
                flow(),
                request("INVITE", number, "").as_bytes(),
            );
            while let Some(output) = engine.poll_output() {
                match output {
                    Output::Commit { commit, changes } => {
                        self.outlet.commit(commit, changes, &shard);
                    }
                    Output::Ask { call, .. } => {
                        held.push(call);
                        engine.handle_asked(self.clock.now(), call, answer());
                    }
                    Output::Transmit(transmit) if transmit.bytes.starts_with(b"SIP/2.0 200") => {
                        let response = Message::parse(&transmit.bytes).unwrap();
                        let to = response.header(HeaderName::To).unwrap();
                        let tag = to.split_once(";tag=").unwrap().1;
                        let ack = request("ACK", number, &format!(";tag={tag}"));
                        engine.handle_datagram(self.clock.now(), flow(), ack.as_bytes());
                    }
                    _ => {}
                }
            }
        }
        self.store.writer().flush().unwrap();
        assert_eq!((held.len(), engine.census().calls), (count, count));
        held
    }

    fn restores(&self, shards: u16) -> usize {
        self.restores_among(shards, &sources())
    }

    fn restores_among(&self, shards: u16, sources: &Sources) -> usize {
        let mut engines: Vec<Engine> = (0..shards).map(|place| engine(place, shards)).collect();
        restore(&self.outlet, &self.clock, &mut engines, sources).unwrap();
        engines.iter().map(|engine| engine.census().calls).sum()
    }

    fn snapshots(&self) -> usize {
        let mut count = 0;
        let read = self
            .store
            .read(|db| snapshots::each(db, |_, _, _| count += 1));
        read.unwrap();
        count
    }
}

/// Nobody is known, nobody is listed.
fn sources() -> Sources {
    Sources::new(&[4; 16], Instant::now(), |_| false)
}

fn engine(place: u16, shards: u16) -> Engine {
    let service = CloudSipUa {
        id: "alarms".into(),
        callback_id: "cb".into(),
        name: "alarms".into(),
        destination_match: Pattern::compile(".*").unwrap(),
        callback_base_url: "https://app.example/".into(),
        callback_timeout: Duration::from_secs(15),
        disabled: false,
    };
    let settings = Settings {
        open: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    };
    let tenant = Tenant::new(
        "acme.test",
        settings,
        Devices::default(),
        vec![Arc::new(service)],
    );
    let mut directory = Directory::new(["127.0.0.1"]);
    directory.put_tenant(Arc::new(tenant));
    let listener = Listener {
        transport: Transport::Udp,
        advertised: "127.0.0.1:5060".parse().unwrap(),
    };
    let config = EngineConfig {
        key: [1; 16],
        shard: place,
        shards,
        agent: Config {
            key: [2; 16],
            listeners: vec![listener],
            product: "Hookswitch".into(),
            session_expires: Duration::from_secs(600),
            min_session_expires: Duration::from_secs(90),
            timing: Timing::default(),
        },
        dev: true,
        limits: Limits::default(),
    };
    Engine::new(config, Arc::new(directory))
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: 0,
        peer: "127.0.0.1:5070".parse().unwrap(),
        connection: 0,
    }
}

fn request(method: &str, call: usize, to_tag: &str) -> String {
    let (body, kind) = match method {
        "INVITE" => (SDP, "Content-Type: application/sdp\r\n"),
        _ => ("", ""),
    };
    format!(
        "{method} sip:alarm@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{method}{call}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=a{call}\r\nTo: <sip:alarm@acme.test>{to_tag}\r\n\
         Call-ID: held{call}\r\nCSeq: 1 {method}\r\nContact: <sip:a@127.0.0.1:5070>\r\n{kind}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn answer() -> AskAnswer {
    let media = Endpoint {
        address: IpAddr::from([127, 0, 0, 1]),
        port: 40_100,
        codec: Codec::Pcma,
        telephone_event: None,
        crypto: Vec::new(),
    };
    let session_reference_id = None;
    AskAnswer::Accepted(Box::new(Accepted {
        answer: Some(Answer {
            media,
            session_reference_id,
        }),
        ..Accepted::default()
    }))
}

#[test]
fn every_held_call_is_taken_up_however_many_shards_there_are() {
    let count = std::env::var("HELD_CALLS").ok();
    let count = count.map_or(CALLS, |count| count.parse().unwrap());
    let node = Node::new();
    node.holds(count);
    let since = Instant::now();
    assert_eq!(node.restores(1), count);
    eprintln!("{count} calls taken up in {:?}", since.elapsed());
    assert_eq!(node.restores(3), count);
    assert_eq!(node.snapshots(), count);
}

#[test]
fn the_peer_of_a_call_is_a_good_one_before_it_says_anything() {
    let node = Node::new();
    node.holds(1);
    let sources = sources();
    assert_eq!(node.restores_among(2, &sources), 1);
    let good = |source: IpAddr| sources.is_good(source, Instant::now());
    assert!(good(flow().peer.ip()));
    assert!(!good(IpAddr::from([127, 0, 0, 77])));
}

#[test]
fn a_call_whose_snapshot_cannot_be_read_is_told_as_over() {
    let node = Node::new();
    let held = node.holds(2);
    let key = CallKey(held[0].as_u128());
    let damaged = Batch {
        snapshots: vec![(key, Some(b"torn".to_vec()))],
        ..Batch::default()
    };
    node.store.writer().submit(damaged, |_| ()).unwrap();
    node.store.writer().flush().unwrap();
    assert_eq!(node.restores(1), 1);
    assert_eq!(node.restores(1), 1);
    let told = node.store.read(|db| events::of_call(db, key)).unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|event| {
            (
                event.row.sequence,
                event.row.name.as_ref(),
                event.row.terminal,
            )
        })
        .collect();
    let expected = [
        (1, "newRemoteCall", false),
        (2, "callAnswered", false),
        (3, "callHungup", true),
    ];
    assert_eq!(told, expected);
    let row = node.store.read(|db| calls::find(db, "acme.test", key));
    let row = row.unwrap().unwrap();
    assert_eq!(
        (row.state.as_ref(), row.class.as_deref()),
        ("ended", Some("internal"))
    );
}

#[test]
fn the_record_of_a_drill_ends_with_the_run_it_was_in() {
    let node = Node::new();
    let key = node.answers_a_drill();
    let row = || {
        let row = node.store.read(|db| calls::find(db, "acme.test", key));
        row.unwrap().unwrap()
    };
    assert_eq!(row().state.as_ref(), "answered");
    assert_eq!(node.restores(1), 0);
    let over = row();
    assert_eq!(
        (over.state.as_ref(), over.class.as_deref()),
        ("ended", Some("internal"))
    );
    assert!(over.ended_at.is_some());
    let record: serde_json::Value = serde_json::from_str(&over.record).unwrap();
    let outcome = &record["outcome"];
    assert_eq!(
        (&outcome["sipStatus"], &outcome["sipReason"]),
        (&500.into(), &"The server was restarted".into()),
        "{outcome}"
    );
    let told = node.store.read(|db| events::of_call(db, key)).unwrap();
    assert_eq!((told.len(), node.snapshots()), (0, 0));
    node.restores(1);
    assert_eq!(row(), over);
}
