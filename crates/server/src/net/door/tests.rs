//! Who comes through the door, who is refused at it, and who hears nothing.

use std::time::Duration;

use hookswitch_sip::flow::Transport;

use super::*;

const STRANGER: &str = "192.0.2.1:5060";

struct House {
    inboxes: Inboxes,
    arrivals: Vec<Arrivals>,
    now: Instant,
}

impl House {
    fn new() -> Self {
        let (key, now) = ([4; 16], Instant::now());
        let sources = Sources::new(&key, now, |source| source.to_string() == "192.0.2.200");
        let brakes = Arc::new(Brakes::default());
        let (inboxes, arrivals) = Inboxes::new(&key, 1, 4, Arc::new(sources), brakes);
        Self {
            inboxes,
            arrivals,
            now,
        }
    }

    /// A datagram that comes now; the answer of the door, if it gives one.
    fn comes(&self, peer: &str, text: &str) -> Option<String> {
        let flow = Flow {
            transport: Transport::Udp,
            listener: 0,
            peer: peer.parse().unwrap(),
            connection: 0,
        };
        let mut answers = Vec::new();
        self.inboxes
            .put(flow, text.as_bytes(), self.now, self.now, &mut answers);
        let answer = answers.pop()?;
        assert_eq!(answer.flow.peer.ip(), flow.peer.ip());
        Some(String::from_utf8(answer.bytes.to_vec()).unwrap())
    }

    fn after(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// What came through.
    async fn inside(&mut self) -> Vec<Received> {
        let mut taken = Vec::new();
        let taking = self.arrivals[0].recv_many(&mut taken, 64);
        let _ = tokio::time::timeout(Duration::ZERO, taking).await;
        let message = |arrival| match arrival {
            Arrival::Message(received) => received,
            Arrival::FlowFailed(_) => panic!("no way broke"),
        };
        taken.into_iter().map(message).collect()
    }

    /// The shard hangs: a message grows old in its inbox.
    fn becomes_late(&mut self) {
        assert_eq!(self.comes(STRANGER, &invite("hangs")), None);
        self.after(50);
        self.comes(STRANGER, &invite("looks"));
        self.after(400);
    }
}

fn request(method: &str, call_id: &str, to: &str) -> String {
    format!(
        "{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{call_id};rport\r\n\
         From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>{to}\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn invite(call_id: &str) -> String {
    request("INVITE", call_id, "")
}

#[tokio::test]
async fn a_late_shard_gets_no_new_calls_but_everything_of_those_it_has() {
    let mut house = House::new();
    house.becomes_late();
    let refused = house.comes(STRANGER, &invite("new")).unwrap();
    assert!(refused.starts_with("SIP/2.0 503 "), "{refused}");
    let wait = refused.split("Retry-After: ").nth(1).unwrap();
    let wait: u32 = wait.split("\r\n").next().unwrap().parse().unwrap();
    assert!((5..16).contains(&wait));
    house.inside().await;
    for (method, to) in [
        ("BYE", ";tag=2"),
        ("INVITE", ";tag=2"),
        ("ACK", ";tag=2"),
        ("CANCEL", ""),
    ] {
        assert_eq!(house.comes(STRANGER, &request(method, "known", to)), None);
    }
    assert_eq!(house.inside().await.len(), 4);
}

#[tokio::test]
async fn waits_of_refused_calls_differ() {
    let mut house = House::new();
    house.becomes_late();
    let waits: std::collections::BTreeSet<String> = (0..40)
        .filter_map(|number| house.comes(STRANGER, &invite(&number.to_string())))
        .map(|answer| answer.split("Retry-After: ").nth(1).unwrap()[..2].to_owned())
        .collect();
    assert!(waits.len() > 5, "{waits:?}");
}

#[tokio::test]
async fn the_copy_of_a_call_the_engine_has_passes_a_late_door() {
    let mut house = House::new();
    house.comes(STRANGER, &invite("mine"));
    let Kind::NewCall(Some(fingerprint)) = house.inside().await[0].kind else {
        panic!("a new call")
    };
    house.arrivals[0].admitted(fingerprint, house.now);
    house.becomes_late();
    assert_eq!(house.comes(STRANGER, &invite("mine")), None);
    let kinds: Vec<Kind> = house.inside().await.iter().map(|it| it.kind).collect();
    assert_eq!(kinds[0], Kind::Inside, "{kinds:?}");
}

#[tokio::test]
async fn the_ack_of_a_refusal_vanishes() {
    let mut house = House::new();
    house.becomes_late();
    let refused = house.comes(STRANGER, &invite("new")).unwrap();
    let tag = refused.split(";tag=s").nth(1).unwrap().get(..16).unwrap();
    house.inside().await;
    assert_eq!(
        house.comes(STRANGER, &request("ACK", "new", &format!(";tag=s{tag}"))),
        None
    );
    assert!(house.inside().await.is_empty());
}

#[tokio::test]
async fn a_full_lane_refuses_instead_of_dropping() {
    let mut house = House::new();
    for number in 0..4 {
        assert_eq!(house.comes(STRANGER, &invite(&number.to_string())), None);
    }
    assert!(house.comes(STRANGER, &invite("5")).is_some());
    assert_eq!(house.inside().await.len(), 4);
}

#[tokio::test]
async fn what_waited_in_the_kernel_until_its_sender_repeated_it_is_dropped() {
    let mut house = House::new();
    let flow = Flow {
        transport: Transport::Udp,
        listener: 0,
        peer: STRANGER.parse().unwrap(),
        connection: 0,
    };
    let mut answers = Vec::new();
    house.after(600);
    let then = house.now.checked_sub(Duration::from_millis(501)).unwrap();
    let old = invite("old");
    house
        .inboxes
        .put(flow, old.as_bytes(), then, house.now, &mut answers);
    let bye = request("BYE", "old", ";tag=1");
    house
        .inboxes
        .put(flow, bye.as_bytes(), then, house.now, &mut answers);
    assert!(answers.is_empty());
    assert_eq!(house.inside().await.len(), 1, "the BYE");
    assert_eq!(house.inboxes.brakes().stale.hits(), 1);
}

#[tokio::test]
async fn a_source_of_garbage_is_slowed_and_then_silenced() {
    let mut house = House::new();
    for _ in 0..20 {
        assert_eq!(
            house.comes(STRANGER, "\u{1}\u{2}\u{3} this is no SIP at all"),
            None
        );
    }
    let refused = house.comes(STRANGER, &invite("a")).expect("slowed");
    assert!(refused.contains("Retry-After: 5\r\n"), "{refused}");
    let answered = (0..100)
        .filter(|number| {
            house
                .comes(STRANGER, &invite(&number.to_string()))
                .is_some()
        })
        .count();
    assert!((1..60).contains(&answered), "{answered}");
    assert!(house.inside().await.is_empty());
    assert_eq!(
        house.comes("192.0.2.2:5060", &invite("b")),
        None,
        "another source"
    );
    assert_eq!(house.inside().await.len(), 1);
}

#[tokio::test]
async fn refusals_make_an_offender_and_calls_a_good_peer() {
    let mut house = House::new();
    let learn = |house: &House, received: &Received, answer: &'static str, times: u32| {
        let sent = Outgoing {
            flow: received.flow,
            bytes: Bytes::from_static(answer.as_bytes()),
        };
        for _ in 0..times {
            house
                .inboxes
                .learn(received, std::slice::from_ref(&sent), house.now);
        }
    };
    house.comes(STRANGER, &invite("a"));
    house.comes("192.0.2.200:5060", &invite("b"));
    house.comes("192.0.2.3:5060", &invite("c"));
    let inside = house.inside().await;
    let [stranger, listed, busy] = inside.as_slice() else {
        panic!("three came in")
    };
    learn(&house, stranger, "SIP/2.0 404 Not Found\r\n", 100);
    learn(&house, listed, "SIP/2.0 404 Not Found\r\n", 100);
    learn(&house, busy, "SIP/2.0 486 Busy Here\r\n", 100);
    let standing = |peer: &str| {
        let source = peer.parse().unwrap();
        house.inboxes.sources().standing(source, house.now)
    };
    assert_eq!(standing("192.0.2.1"), Standing::Silenced);
    assert_eq!(standing("192.0.2.200"), Standing::Open);
    assert_eq!(
        standing("192.0.2.3"),
        Standing::Open,
        "what became of a call is no offence"
    );
    learn(&house, stranger, "SIP/2.0 100 Trying\r\n", 1);
    assert_eq!(standing("192.0.2.1"), Standing::Open);
    learn(&house, stranger, "SIP/2.0 404 Not Found\r\n", 100);
    assert_eq!(
        standing("192.0.2.1"),
        Standing::Open,
        "a peer of a call stays one"
    );
}

#[tokio::test]
async fn whom_we_call_is_a_good_peer() {
    let house = House::new();
    for _ in 0..60 {
        house.comes(STRANGER, "\u{1}\u{2}\u{3} this is no SIP at all");
    }
    let source = "192.0.2.1".parse().unwrap();
    let sources = house.inboxes.sources();
    assert_eq!(sources.standing(source, house.now), Standing::Silenced);
    let ours = Outgoing {
        flow: Flow {
            transport: Transport::Udp,
            listener: 0,
            peer: STRANGER.parse().unwrap(),
            connection: 0,
        },
        bytes: Bytes::from_static(b"INVITE sip:a@192.0.2.1 SIP/2.0\r\n"),
    };
    house.inboxes.learn_from_requests(&[ours], house.now);
    assert_eq!(sources.standing(source, house.now), Standing::Open);
}

#[tokio::test]
async fn a_flood_of_options_is_slowed_and_a_probe_now_and_then_is_not() {
    let mut house = House::new();
    for _ in 0..600 {
        house.after(1_000);
        assert_eq!(
            house.comes(STRANGER, &request("OPTIONS", "probe", "")),
            None
        );
        assert_eq!(house.inside().await.len(), 1);
    }
    let mut refused = 0;
    for number in 0..200 {
        let probe = request("OPTIONS", &number.to_string(), "");
        refused += usize::from(house.comes("192.0.2.8:5060", &probe).is_some());
        house.inside().await;
    }
    assert!(refused > 10, "{refused}");
}
