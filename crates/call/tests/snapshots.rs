//! Snapshots that released programs wrote have to be read for ever.
//!
//! A version 2 gets a file `snapshots/v2.hex` and a test like the first; the files before it stay as they are, and
//! `Snapshot::decode` turns what they hold into today's type.

#[expect(
    dead_code,
    reason = "the example that writes the golden file needs the rest"
)]
mod life;

use std::time::Duration;

use hookswitch_call::engine::Output;
use hookswitch_call::record::{CallState, DecodeError, Snapshot, Steady};

fn golden(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octets = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).expect("digits are text");
        u8::from_str_radix(pair, 16).expect("they are digits")
    });
    octets.collect()
}

fn version_1() -> Snapshot {
    Snapshot::decode(&golden(include_str!("snapshots/v1.hex"))).expect("version 1 is known")
}

#[test]
fn a_snapshot_of_version_1_is_read_and_written_as_it_was() {
    let snapshot = version_1();
    assert_eq!(snapshot.state, CallState::Confirmed);
    assert_eq!(snapshot.sequence, 2);
    assert_eq!(snapshot.session_reference_id.as_deref(), Some("ref-1"));
    assert_eq!(&*snapshot.identity.sip_call_id, "golden@198.51.100.7");
    assert_eq!(&*snapshot.identity.source_user, "+46700");
    assert_eq!(snapshot.max_duration, Some(Duration::from_secs(7_200)));
    assert_eq!(
        snapshot.local.as_ref().map(|local| local.port),
        Some(30_000)
    );
    assert_eq!(
        snapshot.remote.as_ref().map(|remote| remote.port),
        Some(40_000)
    );
    assert_eq!(snapshot.encode(), golden(include_str!("snapshots/v1.hex")));
}

#[test]
fn when_a_call_was_answered_on_a_steady_axis_is_kept() {
    let steady = Steady {
        axis: 7,
        answered: 300,
    };
    let snapshot = Snapshot {
        steady: Some(steady),
        ..version_1()
    };
    assert_eq!(Snapshot::decode(&snapshot.encode()), Ok(snapshot));
}

#[test]
fn a_call_of_version_1_goes_on() {
    let (mut engine, now) = life::engine(9);
    let snapshot = version_1();
    let tag = format!(";tag={:016x}", snapshot.leg.id().0);
    engine.restore(now, snapshot, None).unwrap();
    assert!(engine.poll_output().is_none(), "nobody notices");
    let bye = life::request("BYE", 2, &tag, "");
    engine.handle_datagram(now, life::flow(), bye.as_bytes());
    let mut sent = Vec::new();
    while let Some(output) = engine.poll_output() {
        if let Output::Transmit(transmit) = output {
            sent.push(String::from_utf8(transmit.bytes.to_vec()).unwrap());
        }
    }
    assert_eq!(sent.len(), 1);
    assert!(sent[0].starts_with("SIP/2.0 200 "), "{}", sent[0]);
}

#[test]
fn a_held_call_takes_little_room() {
    let octets = version_1().encode().len();
    assert!(octets < 1_024, "{octets}");
}

#[test]
fn octets_of_another_version_or_damaged_ones_are_told_apart() {
    let mut octets = golden(include_str!("snapshots/v1.hex"));
    assert!(matches!(
        Snapshot::decode(&[]),
        Err(DecodeError::Damaged(_))
    ));
    let cut = Snapshot::decode(&octets[..octets.len() - 1]);
    assert!(matches!(cut, Err(DecodeError::Damaged(_))));
    octets[0] = 200;
    assert_eq!(Snapshot::decode(&octets), Err(DecodeError::Version(200)));
}
