use std::time::Duration;

use hookswitch_sip::event::LocateFailure;

use super::world::*;
use crate::command::{Command, CommandError, CommandErrorKind, CommandReply, Place};
use crate::directory::OutboundPolicy;
use crate::event::{EventKind, Notice};
use crate::outcome::{Class, EndedBy};
use crate::record::{CallState, Direction};

fn refused(world: &mut World, change: impl FnOnce(&mut Place)) -> CommandError {
    let mut place = world.place();
    change(&mut place);
    world
        .commands(Command::Place(Box::new(place)))
        .expect_err("the command is refused")
}

#[test]
fn a_placed_call_rings_is_answered_and_hung_up() {
    let mut world = World::new();
    let call = world.places();
    let invite = world.last_sent();
    assert!(
        invite.starts_with("INVITE sip:bob@198.51.100.7:5060 SIP/2.0\r\n"),
        "{invite}"
    );
    assert!(
        invite.contains("From: <sip:1001@a.example>;tag="),
        "{invite}"
    );
    assert!(
        invite.contains("m=audio 30000 RTP/AVP 8 101\r\n"),
        "{invite}"
    );
    assert_eq!(call.shard(3), 1, "the call and its Call-ID are ours");
    world.receives(&respond_to(&invite, "100 Trying", "", ""));
    assert!(world.events.is_empty());
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    assert_eq!(world.names(), ["callNotify"], "told once");
    let EventKind::CallNotify {
        notice: Notice::Ringing,
        remote: None,
    } = world.events[0].kind
    else {
        panic!("ringing")
    };
    world.receives(&respond_to(&invite, "200 OK", "", &peer_answer(41_000)));
    let heard = world.heard();
    assert!(heard.last().unwrap().starts_with("ACK "), "{heard:?}");
    let EventKind::CallAnswered { remote, .. } = &world.events[1].kind else {
        panic!("answered")
    };
    assert_eq!(remote.port, 41_000);
    assert_eq!(
        world.events[1].session_reference_id.as_deref(),
        Some("ref-1")
    );
    let record = world.record(call);
    assert_eq!(
        (record.state, record.identity.direction),
        (CallState::Confirmed, Direction::Outbound)
    );
    assert_eq!(
        (
            &*record.identity.source_user,
            &*record.identity.destination_user
        ),
        ("1001", "bob")
    );
    world.passes(Duration::from_secs(5));
    world.hangs_up(call).unwrap();
    assert!(world.last_sent().starts_with("BYE "));
    world.receives(&response(&world, "200 OK", "", ""));
    assert_eq!(world.names(), ["callNotify", "callAnswered", "callHungup"]);
    assert_eq!(
        (world.outcome().ended_by, world.outcome().duration),
        (EndedBy::Local, 5)
    );
    world.everything_is_forgotten();
}

#[test]
fn early_media_are_told_with_the_ringing() {
    let mut world = World::new();
    world.places();
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    world.receives(&respond_to(
        &invite,
        "183 Session Progress",
        "",
        &peer_answer(41_000),
    ));
    world.receives(&respond_to(
        &invite,
        "183 Session Progress",
        "",
        &peer_answer(41_000),
    ));
    world.receives(&respond_to(
        &invite,
        "183 Session Progress",
        "",
        &peer_answer(41_002),
    ));
    let ports: Vec<_> = world
        .events
        .iter()
        .map(|event| match &event.kind {
            EventKind::CallNotify {
                notice: Notice::Ringing,
                remote,
            } => remote.as_ref().map(|remote| remote.port),
            other => panic!("{} was told", other.name()),
        })
        .collect();
    assert_eq!(ports, [None, Some(41_000), Some(41_002)]);
}

#[test]
fn every_refusal_of_the_peer_is_one_call_failed() {
    let table = [
        ("486 Busy Here", Class::Busy, 17),
        ("603 Decline", Class::Rejected, 21),
        ("404 Not Found", Class::Unreachable, 1),
        ("480 Temporarily Unavailable", Class::NoAnswer, 18),
        ("302 Moved Temporarily", Class::Rejected, 21),
        ("407 Proxy Authentication Required", Class::Auth, 21),
        ("488 Not Acceptable Here", Class::Media, 65),
        ("503 Service Unavailable", Class::UpstreamError, 41),
    ];
    for (status, class, cause) in table {
        let mut world = World::new();
        let call = world.places();
        world.receives(&response(&world, status, "", ""));
        assert!(world.last_sent().starts_with("ACK "), "{status}");
        assert_eq!(world.names(), ["callFailed"], "{status}");
        let outcome = world.outcome();
        assert_eq!(
            format!("{} {}", outcome.sip_status, outcome.sip_reason),
            status
        );
        assert_eq!(
            (outcome.class, outcome.q850_cause, outcome.ended_by),
            (class, cause, EndedBy::Remote),
            "{status}"
        );
        assert_eq!(world.record(call).state, CallState::Ended);
        world.everything_is_forgotten();
    }
}

#[test]
fn the_peers_own_reason_comes_before_the_table() {
    let mut world = World::new();
    world.places();
    let reason = "Reason: SIP;cause=480\r\nReason: Q.850;cause=20;text=\"switched off\"\r\n";
    world.receives(&response(&world, "480 Temporarily Unavailable", reason, ""));
    assert_eq!(
        (world.outcome().q850_cause, &*world.outcome().q850_text),
        (20, "switched off")
    );
}

#[test]
fn hanging_up_a_ringing_call_cancels_it() {
    let mut world = World::new();
    let call = world.places();
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    assert_eq!(world.hangs_up(call), Ok(CommandReply::Done { call }));
    let cancel = world.last_sent();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    assert_eq!(world.record(call).state, CallState::Cancelling);
    assert_eq!(
        world.hangs_up(call),
        Ok(CommandReply::Done { call }),
        "the same again"
    );
    world.receives(&respond_to(&cancel, "200 OK", "", ""));
    world.receives(&respond_to(&invite, "487 Request Terminated", "", ""));
    assert_eq!(world.names(), ["callNotify", "callFailed"]);
    assert_eq!(
        (world.outcome().ended_by, world.outcome().sip_status),
        (EndedBy::Local, 487)
    );
    world.everything_is_forgotten();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up_and_told_as_failed() {
    let mut world = World::new();
    let call = world.places();
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    world.hangs_up(call).unwrap();
    world.heard();
    world.receives(&respond_to(&invite, "200 OK", "", &peer_answer(41_000)));
    let heard = world.heard();
    assert!(
        heard[0].starts_with("ACK ") && heard[1].starts_with("BYE "),
        "{heard:?}"
    );
    assert_eq!(world.names(), ["callNotify", "callFailed"]);
    world.everything_is_forgotten();
}

#[test]
fn a_call_nobody_answers_is_cancelled_and_fails_with_408() {
    let mut world = World::new();
    let mut place = world.place();
    place.ring_timeout = Some(Duration::from_secs(20));
    world.commands(Command::Place(Box::new(place))).unwrap();
    let locate = world.locates.pop().unwrap();
    world
        .engine
        .handle_located(world.now(), locate.id, Ok(vec![flow()]));
    world.passes(Duration::ZERO);
    world.pumps();
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "180 Ringing", "", ""));
    world.passes(Duration::from_secs(20));
    let cancel = world.last_sent();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    world.receives(&respond_to(&cancel, "200 OK", "", ""));
    world.receives(&respond_to(&invite, "487 Request Terminated", "", ""));
    let outcome = world.outcome();
    assert_eq!(
        (outcome.ended_by, outcome.class, outcome.sip_status),
        (EndedBy::System, Class::NoAnswer, 408)
    );
    assert_eq!(world.names(), ["callNotify", "callFailed"]);
    world.everything_is_forgotten();
}

#[test]
fn a_peer_that_never_answers_is_unreachable() {
    let mut world = World::new();
    let call = world.places();
    world.passes(Duration::from_secs(33));
    assert_eq!(world.names(), ["callFailed"]);
    let outcome = world.outcome();
    assert_eq!(
        (outcome.ended_by, outcome.class, outcome.sip_status),
        (EndedBy::System, Class::Unreachable, 408)
    );
    assert!(world.traced(call, "call", "failed"));
    world.everything_is_forgotten();
}

#[test]
fn a_host_that_cannot_be_found_or_may_not_be_called_fails() {
    let table = [
        (
            LocateFailure::NotFound("no such name".into()),
            480,
            Class::Unreachable,
        ),
        (
            LocateFailure::Forbidden("loopback is not allowed".into()),
            403,
            Class::Policy,
        ),
    ];
    for (failure, status, class) in table {
        let mut world = World::new();
        world
            .commands(Command::Place(Box::new(world.place())))
            .unwrap();
        let locate = world.locates.pop().unwrap();
        assert_eq!(
            (locate.host.as_str(), locate.port),
            ("198.51.100.7", Some(5060))
        );
        world
            .engine
            .handle_located(world.now(), locate.id, Err(failure));
        world.pumps();
        assert_eq!(world.names(), ["callFailed"]);
        assert_eq!(
            (world.outcome().sip_status, world.outcome().class),
            (status, class)
        );
        world.everything_is_forgotten();
    }
}

#[test]
fn the_key_of_a_command_is_written_with_the_call_it_placed() {
    let mut world = World::new();
    let place = |key: &str| Place {
        idempotency_key: Some(key.into()),
        ..world.place()
    };
    let (first, second) = (place("k1"), place("k2"));
    let mut calls = Vec::new();
    for place in [first, second] {
        let placed = world.commands(Command::Place(Box::new(place))).unwrap();
        let CommandReply::Placed { call, .. } = placed else {
            panic!("{placed:?}");
        };
        calls.push(call);
    }
    assert_eq!(world.commits, 2, "one for each, with its key");
    let noted: Vec<_> = world
        .placed
        .iter()
        .map(|(key, call)| (&**key, *call))
        .collect();
    assert_eq!(noted, [("k1", calls[0]), ("k2", calls[1])]);
}

#[test]
fn a_connection_that_breaks_fails_the_call() {
    let mut world = World::new();
    world.places();
    world.engine.handle_flow_failure(world.now(), flow());
    world.pumps();
    assert_eq!(world.names(), ["callFailed"]);
    assert_eq!(
        (world.outcome().sip_status, world.outcome().class),
        (503, Class::Unreachable)
    );
    world.everything_is_forgotten();
}

#[test]
fn an_answer_without_usable_media_is_hung_up_and_told_as_failed() {
    for sdp in ["", "v=0\r\n", &peer_answer(0)] {
        let mut world = World::new();
        world.places();
        world.receives(&response(&world, "200 OK", "", sdp));
        let heard = world.heard();
        assert!(
            heard[1].starts_with("ACK ") && heard[2].starts_with("BYE "),
            "{heard:?}"
        );
        assert_eq!(world.names(), ["callFailed"], "{sdp}");
        assert_eq!(
            (world.outcome().class, world.outcome().sip_status),
            (Class::Media, 488)
        );
        world.everything_is_forgotten();
    }
}

#[test]
fn a_2xx_without_sdp_uses_the_answer_of_the_183() {
    let mut world = World::new();
    world.places();
    let invite = world.last_sent();
    world.receives(&respond_to(
        &invite,
        "183 Session Progress",
        "",
        &peer_answer(41_000),
    ));
    world.receives(&respond_to(&invite, "200 OK", "", ""));
    assert_eq!(world.names(), ["callNotify", "callAnswered"]);
}

#[test]
fn the_called_side_hangs_up() {
    let mut world = World::new();
    world.places();
    let invite = world.last_sent();
    world.receives(&respond_to(&invite, "200 OK", "", &peer_answer(41_000)));
    let from = header(&invite, "From");
    let bye = format!(
        "BYE sip:1001@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKb1\r\nMax-Forwards: 70\r\n\
         From: <sip:bob@198.51.100.7:5060>;tag=bob\r\nTo: {from}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        header(&invite, "Call-ID")
    );
    world.receives(&bye);
    assert_eq!(world.heard().last().unwrap(), "SIP/2.0 200 OK");
    assert_eq!(world.names(), ["callAnswered", "callHungup"]);
    assert_eq!(world.outcome().ended_by, EndedBy::Remote);
    world.everything_is_forgotten();
}

#[test]
fn a_command_that_cannot_be_placed_names_the_field() {
    let mut world = World::new();
    type Change = fn(&mut Place);
    let table: [(&str, Change); 7] = [
        ("/destinationUri", |place| {
            place.destination_uri = "tel:+4670".into();
        }),
        ("/destinationUri", |place| {
            place.destination_uri = "bob".into();
        }),
        ("/destinationUri", |place| {
            place.destination_uri = format!("sip:{}@b", "a".repeat(2_000));
        }),
        ("/sourceUser", |place| place.source_user.clear()),
        ("/sourceUser", |place| {
            place.source_user = "10\r\n01".into();
        }),
        ("/receivePort", |place| place.media.port = 0),
        ("/cloudSipUAId", |place| {
            place.service = Some("other".into());
        }),
    ];
    for (pointer, change) in table {
        let error = refused(&mut world, change);
        assert_eq!(
            (error.kind, error.pointer),
            (CommandErrorKind::BadField, Some(pointer)),
            "{error}"
        );
    }
    let error = refused(&mut world, |place| place.domain = "z.example".into());
    assert_eq!(error.kind, CommandErrorKind::DomainNotFound);
    assert!(world.sent.is_empty() && world.events.is_empty() && world.records.is_empty());
}

#[test]
fn the_only_service_serves_every_source_user() {
    let mut world = World::new();
    let mut place = world.place();
    place.source_user = "2002".into();
    place.callback_base_url = Some("https://other.example/cb".into());
    let Ok(CommandReply::Placed { call, .. }) = world.commands(Command::Place(Box::new(place)))
    else {
        panic!("placed")
    };
    let identity = &world.record(call).identity;
    assert_eq!(identity.service.as_deref(), Some("alarms"));
    assert_eq!(identity.target.as_deref(), Some("https://other.example/cb"));
}

#[test]
fn a_domain_may_be_kept_from_calling() {
    let mut world = World::new();
    for policy in [OutboundPolicy::Off, OutboundPolicy::Trunks] {
        world.sets_outbound(policy);
        let error = refused(&mut world, |_| {});
        assert_eq!(
            (error.kind, error.http_status()),
            (CommandErrorKind::OutboundForbidden, 403)
        );
    }
}

#[test]
fn the_application_cannot_answer_its_own_call() {
    let mut world = World::new();
    let call = world.places();
    let command = Command::Ringback {
        call,
        domain: "a.example".into(),
        media: None,
    };
    assert_eq!(
        world.commands(command).unwrap_err().kind,
        CommandErrorKind::CallInOtherState
    );
}

#[test]
fn media_that_an_update_moved_before_the_answer_stay_where_they_are() {
    let mut world = World::new();
    world.places();
    let invite = world.last_sent();
    let reliable = "Require: 100rel\r\nRSeq: 7\r\n";
    let progress = respond_to(
        &invite,
        "183 Session Progress",
        reliable,
        &peer_answer(40_000),
    );
    world.receives(&progress);
    let prack = world.last_sent();
    assert!(prack.starts_with("PRACK "), "{prack}");
    world.receives(&respond_to(&prack, "200 OK", "", ""));
    let sdp = peer_answer(42_000);
    world.receives(&format!(
        "UPDATE sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKmoves\r\n\
         Max-Forwards: 70\r\nFrom: {};tag=bob\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 UPDATE\r\n\
         Contact: <sip:bob@198.51.100.7:5060>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        header(&invite, "To"),
        header(&invite, "From"),
        header(&invite, "Call-ID"),
        sdp.len()
    ));
    assert!(
        world.last_sent().starts_with("SIP/2.0 200 "),
        "{}",
        world.last_sent()
    );
    world.receives(&respond_to(
        &invite,
        "180 Ringing",
        "",
        &peer_answer(40_000),
    ));
    world.receives(&respond_to(&invite, "200 OK", "", &peer_answer(40_000)));
    assert_eq!(world.names(), ["callNotify", "callNotify", "callAnswered"]);
    let EventKind::CallAnswered { remote, .. } = &world.events.last().unwrap().kind else {
        panic!("it is answered");
    };
    assert_eq!(remote.port, 42_000, "RFC 3261 \u{a7}13.2.1");
}

#[test]
fn an_invite_of_the_called_side_waits_until_ours_is_answered() {
    let mut world = World::new();
    world.places();
    let invite = world.last_sent();
    let reliable = "Require: 100rel\r\nRSeq: 1\r\n";
    let progress = respond_to(
        &invite,
        "183 Session Progress",
        reliable,
        &peer_answer(41_000),
    );
    world.receives(&progress);
    assert!(world.last_sent().starts_with("PRACK "));
    world.heard();
    let reinvite = format!(
        "INVITE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKtheirs\r\n\
         Max-Forwards: 70\r\nFrom: {};tag=bob\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 7 INVITE\r\n\
         Contact: <sip:bob@198.51.100.7:5060>\r\nContent-Length: 0\r\n\r\n",
        header(&invite, "To"),
        header(&invite, "From"),
        header(&invite, "Call-ID"),
    );
    world.receives(&reinvite);
    assert_eq!(world.heard(), ["SIP/2.0 491 Request Pending"]);
}
