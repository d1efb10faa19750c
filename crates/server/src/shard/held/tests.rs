//! What waits for a slow, a failing and a working disk.

use std::net::SocketAddr;

use bytes::Bytes;
use hookswitch_call::event::EventKind;
use hookswitch_call::record::{Direction, Identity};
use hookswitch_sip::flow::{Flow, Transport};

use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn reply(request: u64) -> Released {
    let call = CallId::from_u128(1);
    Released::Reply {
        request: RequestId(request),
        result: Ok(CommandReply::Done { call }),
    }
}

fn message(text: &str, after: u64) -> Transmit {
    let flow = Flow {
        transport: Transport::Udp,
        listener: 0,
        peer: SocketAddr::from(([127, 0, 0, 1], 5060)),
        connection: 0,
    };
    Transmit {
        flow,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        after: Commit(after),
        leg: None,
        retransmission: false,
    }
}

fn ok_to(method: &str, after: u64) -> Transmit {
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:b@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 2 {method}\r\nContent-Length: 0\r\n\r\n"
    );
    message(&text, after)
}

fn again(transmit: &Transmit) -> Transmit {
    Transmit {
        retransmission: true,
        ..transmit.clone()
    }
}

/// The replies among `released`: the request, and the code of its error.
fn replies(released: &[Released]) -> Vec<(u64, Option<&'static str>)> {
    let told = |output: &Released| match output {
        Released::Reply { request, result } => {
            Some((request.0, result.as_ref().err().map(CommandError::code)))
        }
        _ => None,
    };
    released.iter().filter_map(told).collect()
}

fn messages(released: &[Released]) -> usize {
    let is_message = |output: &&Released| matches!(output, Released::Transmit(_));
    released.iter().filter(is_message).count()
}

#[test]
fn outputs_leave_once_their_write_is_durable() {
    let mut held = Held::default();
    for commit in 1..=3 {
        assert!(held.keep(at(0), Commit(commit), reply(commit)).is_none());
    }
    let released = held.settle(at(1), Commit(2), true);
    assert_eq!(replies(&released), [(1, None), (2, None)]);
    assert!(held.is_durable(Commit(2)) && !held.is_durable(Commit(3)));
    assert_eq!(replies(&held.settle(at(2), Commit(3), true)), [(3, None)]);
    assert!(held.keep(at(3), Commit(3), reply(4)).is_some());
}

#[test]
fn a_write_that_was_never_made_releases_nothing_that_waits_for_earlier_ones() {
    let mut held = Held::default();
    held.keep(at(0), Commit(1), reply(1));
    held.keep(at(0), Commit(2), reply(2));
    assert_eq!(
        replies(&held.refuse(at(1), Commit(2))),
        [(2, Some("internal"))]
    );
    assert!(!held.is_durable(Commit(1)));
    assert_eq!(replies(&held.settle(at(2), Commit(1), true)), [(1, None)]);
}

#[test]
fn what_waits_for_a_write_that_failed_never_leaves_and_neither_does_a_repetition() {
    let mut held = Held::default();
    let answer = ok_to("INVITE", 1);
    assert!(held.keep_transmit(at(0), answer.clone()).is_none());
    assert_eq!(messages(&held.settle(at(1), Commit(1), false)), 0);
    assert_eq!(messages(&held.settle(at(2), Commit(2), true)), 0);
    for late in [at(500), at(31_500)] {
        assert!(held.keep_transmit(late, again(&answer)).is_none());
    }
    assert!(held.keep_transmit(at(600), ok_to("INVITE", 1)).is_none());
    assert_eq!(
        replies(&Vec::from_iter(held.keep(at(600), Commit(1), reply(7)))),
        [(7, Some("internal"))]
    );
    assert_eq!(held.len(), 0);
    assert!(held.keep_transmit(at(600), ok_to("INVITE", 2)).is_some());
}

#[test]
fn a_repetition_of_a_message_that_waits_does_not_wait_beside_it() {
    let mut held = Held::default();
    let answer = ok_to("INVITE", 1);
    assert!(held.keep_transmit(at(0), answer.clone()).is_none());
    assert!(held.keep_transmit(at(500), again(&answer)).is_none());
    assert_eq!(messages(&held.settle(at(600), Commit(1), true)), 1);
    assert!(held.keep_transmit(at(1_000), again(&answer)).is_some());
}

#[test]
fn a_bye_is_answered_after_half_a_second_whatever_the_disk_does() {
    let mut held = Held::default();
    let answer = ok_to("BYE", 1);
    held.submitted(at(0), Commit(1));
    assert!(held.keep_transmit(at(0), answer.clone()).is_none());
    assert!(held.keep_transmit(at(400), again(&answer)).is_none());
    assert_eq!(messages(&held.take_overdue(at(499))), 0);
    assert_eq!(messages(&held.take_overdue(at(500))), 1);
    assert!(held.keep_transmit(at(900), again(&answer)).is_some());
    assert_eq!(messages(&held.settle(at(5_000), Commit(1), false)), 0);
    assert!(held.keep_transmit(at(5_100), again(&answer)).is_some());
}

#[test]
fn a_command_is_told_after_ten_seconds_that_the_database_is_away() {
    let mut held = Held::default();
    held.submitted(at(0), Commit(1));
    held.keep(at(0), Commit(1), reply(1));
    held.keep(at(4_000), Commit(1), reply(2));
    assert_eq!(replies(&held.take_overdue(at(9_999))), []);
    assert_eq!(
        replies(&held.take_overdue(at(10_000))),
        [(1, Some("store_away"))]
    );
    assert_eq!(
        replies(&held.settle(at(12_000), Commit(1), true)),
        [(2, None)]
    );
}

#[test]
fn the_invite_of_a_call_that_was_refused_as_late_never_leaves() {
    let mut held = Held::default();
    let call = CallId::from_u128(1);
    let placed = Released::Reply {
        request: RequestId(1),
        result: Ok(CommandReply::Placed {
            call,
            sip_call_id: "1".into(),
        }),
    };
    let invite = message("INVITE sip:b@b SIP/2.0\r\n\r\n", 1);
    held.submitted(at(0), Commit(1));
    assert!(held.keep_transmit(at(0), invite.clone()).is_none());
    assert!(held.keep(at(0), Commit(1), placed).is_none());
    let overdue = held.take_overdue(at(10_000));
    let [Released::Late { after, .. }] = overdue[..] else {
        panic!("{overdue:?}")
    };
    held.withdraw(at(10_000), after);
    assert_eq!(
        held.lag(at(10_000)),
        Some(REPLY),
        "the database is still away"
    );
    assert_eq!(messages(&held.settle(at(11_000), Commit(1), true)), 0);
    assert!(held.keep_transmit(at(12_000), again(&invite)).is_none());
    assert_eq!(held.len(), 0);
}

#[test]
fn the_lag_is_the_age_of_the_oldest_write_without_a_receipt() {
    let mut held = Held::default();
    assert_eq!((held.lag(at(0)), held.next_look(at(0))), (None, None));
    held.submitted(at(0), Commit(1));
    held.submitted(at(200), Commit(2));
    assert_eq!(held.lag(at(700)), Some(Duration::from_millis(700)));
    assert_eq!(held.next_look(at(700)), Some(at(800)));
    held.settle(at(700), Commit(1), true);
    assert_eq!(held.lag(at(700)), Some(Duration::from_millis(500)));
    held.refuse(at(700), Commit(2));
    assert_eq!(held.lag(at(9_000)), None);
}

#[test]
fn only_so_many_failed_writes_are_remembered_and_only_for_so_long() {
    let mut remembered = Remembered::default();
    for commit in 0..u64::try_from(MOST_REMEMBERED).unwrap() + 5 {
        remembered.remember(at(0), Commit(commit));
    }
    assert_eq!(remembered.writes.len(), MOST_REMEMBERED);
    assert!(!remembered.has(Commit(4)) && remembered.has(Commit(5)));
    remembered.remember(at(600_000), Commit(1_000_000));
    assert_eq!(remembered.writes.len(), 1);
}

#[test]
fn an_ask_that_did_not_leave_is_taken_back_with_its_call_and_no_other() {
    let mut held = Held::default();
    for number in 1..=2 {
        let call = CallId::from_u128(number);
        held.submitted(at(0), Commit(1));
        let ask = Released::Ask {
            call,
            event: asked(call),
            body: None,
        };
        assert!(held.keep(at(0), Commit(1), ask).is_none());
    }
    let one = CallId::from_u128(1);
    let taken = held.withdraw_ask(one);
    assert_eq!(taken.map(|event| event.identity.call), Some(one));
    assert_eq!(held.withdraw_ask(one), None);
    let released = held.settle(at(100), Commit(1), true);
    let asks = released.iter().map(|output| match output {
        Released::Ask { call, .. } => call.as_u128(),
        other => panic!("{other:?}"),
    });
    assert_eq!(asks.collect::<Vec<_>>(), [2]);
}

fn asked(call: CallId) -> Arc<Event> {
    Arc::new(Event {
        identity: Arc::new(Identity {
            call,
            domain: "a.test".into(),
            service: None,
            direction: Direction::Inbound,
            sip_call_id: "1@a".into(),
            source_user: "1".into(),
            destination_user: "2".into(),
            destination_uri: "sip:2@a.test".into(),
            target: None,
        }),
        sequence: 1,
        at_unix_ms: 0,
        session_reference_id: None,
        kind: EventKind::NewRemoteCall { remote: None },
    })
}

#[test]
fn a_refused_caller_hears_so_after_half_a_second_whatever_the_disk_does() {
    let mut held = Held::default();
    let refusal = message(
        "SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:b@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        1,
    );
    assert!(held.keep_transmit(at(0), refusal.clone()).is_none());
    assert!(held.keep_transmit(at(0), ok_to("INVITE", 1)).is_none());
    assert_eq!(held.take_overdue(at(499)).len(), 0);
    assert_eq!(
        messages(&held.take_overdue(at(500))),
        1,
        "a 200 to an INVITE waits"
    );
    assert!(held.keep_transmit(at(600), again(&refusal)).is_some());
}
