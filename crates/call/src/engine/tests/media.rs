use std::time::Duration;

use hookswitch_media::{Codec, Crypto, Direction};

use super::world::*;
use crate::command::{CommandErrorKind, CommandReply};
use crate::event::{EventKind, Notice};
use crate::outcome::Class;

/// A call that stands, with plain RTP.
fn confirmed() -> (World, Caller) {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    world.heard();
    (world, caller)
}

fn told(world: &World) -> (&'static str, Option<u16>, Option<Direction>) {
    match &world.events.last().unwrap().kind {
        EventKind::CallNotify { notice, remote } => (
            notice.as_str(),
            remote.as_ref().map(|remote| remote.port),
            remote.as_ref().map(|remote| remote.direction),
        ),
        other => panic!("{} was told", other.name()),
    }
}

#[test]
fn media_that_do_not_fit_leave_the_call_ringing_and_say_what_fits() {
    let mut world = World::new();
    world.receives(&Caller::new("1001").invite(OFFER));
    let mut gsm = device(30_000);
    gsm.codec = Codec::Gsm;
    let error = world.answers(gsm).unwrap_err();
    assert_eq!(
        (error.kind, error.pointer),
        (CommandErrorKind::CodecNotOffered, Some("/codec"))
    );
    assert!(error.reason.contains("PCMA, PCMU"), "{error}");
    let mut secure = device(30_000);
    secure.crypto = vec![Crypto {
        tag: 1,
        suite: "AES_CM_128_HMAC_SHA1_80".into(),
        config: "inline:KEY".into(),
    }];
    let error = world.answers(secure).unwrap_err();
    assert_eq!(
        (error.kind, error.pointer),
        (CommandErrorKind::CryptoMismatch, Some("/crypto"))
    );
    assert!(!error.reason.contains("KEY"));
    let call = world.call();
    assert_eq!(
        world.answers(device(30_000)),
        Ok(CommandReply::Done { call })
    );
}

#[test]
fn srtp_keys_reach_the_event_but_neither_record_nor_ladder() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(SECURE_OFFER));
    let mut secure = device(30_000);
    secure.crypto = vec![Crypto {
        tag: 1,
        suite: "AES_CM_128_HMAC_SHA1_80".into(),
        config: "inline:DEVICESECRET".into(),
    }];
    world.answers(secure).unwrap();
    assert!(
        world.last_sent().contains("RTP/SAVP") && world.last_sent().contains("inline:DEVICESECRET")
    );
    caller.learns(&world);
    world.receives(&caller.ack(""));
    let EventKind::CallAnswered { remote, .. } = &world.events[1].kind else {
        panic!("answered")
    };
    assert!(remote.crypto[0].config.contains("PEERSECRET"));
    let record = format!("{:?}", world.record(world.call()));
    assert!(
        record.contains("AES_CM_128_HMAC_SHA1_80") && !record.contains("SECRET"),
        "{record}"
    );
    assert_eq!(world.log.len(), 4);
    for entry in &world.log {
        let text = String::from_utf8(entry.bytes.to_vec()).unwrap();
        assert!(!text.contains("SECRET"), "{text}");
    }
}

#[test]
fn an_offer_without_common_codec_is_488_and_recorded() {
    let mut world = World::new();
    let opus = OFFER
        .replace("RTP/AVP 8 0 101", "RTP/AVP 111")
        .replace("a=rtpmap:8 PCMA/8000", "a=rtpmap:111 opus/48000/2");
    world.receives(&Caller::new("1001").invite(&opus));
    world.receives(&Caller::named("1001", 2).invite("v=0\r\nnonsense\r\n"));
    assert_eq!(
        world.heard(),
        ["SIP/2.0 488 Not Acceptable Here", "SIP/2.0 400 Bad Request"]
    );
    assert!(world.events.is_empty());
    let outcome = world
        .records
        .values()
        .next()
        .unwrap()
        .outcome
        .clone()
        .unwrap();
    assert_eq!((outcome.class, outcome.sip_status), (Class::Media, 488));
    assert!(
        world
            .records
            .values()
            .all(|record| record.trace.iter().any(|step| step.rule == "media"))
    );
}

#[test]
fn a_late_offer_is_ours_and_the_ack_brings_the_answer() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(""));
    assert!(matches!(
        world.events[0].kind,
        EventKind::NewRemoteCall { remote: None }
    ));
    assert_eq!(
        world.ringback(Some(device(30_000))).unwrap_err().kind,
        CommandErrorKind::CallInOtherState
    );
    world.ringback(None).unwrap();
    world.answers(device(30_000)).unwrap();
    assert!(world.last_sent().contains("m=audio 30000 RTP/AVP 8 101"));
    caller.learns(&world);
    world.receives(&caller.ack(&peer_answer(42_000)));
    let EventKind::CallAnswered { remote, .. } = &world.events[1].kind else {
        panic!("answered")
    };
    assert_eq!(remote.port, 42_000);
}

#[test]
fn a_late_offer_without_answer_in_the_ack_ends_the_call() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(""));
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    assert!(world.last_sent().starts_with("BYE "));
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
    assert_eq!(
        (world.outcome().class, world.outcome().sip_status),
        (Class::Media, 488)
    );
    world.receives(&response(&world, "200 OK", "", ""));
    world.everything_is_forgotten();
}

#[test]
fn a_late_offer_that_requires_reliable_ringing_cannot_ring() {
    let mut world = World::new();
    let caller = Caller::new("1001");
    world.receives(&caller.invite_with("Require: 100rel\r\nSupported: 100rel\r\n", ""));
    let error = world.ringback(None).unwrap_err();
    assert_eq!(
        (error.kind, error.http_status()),
        (CommandErrorKind::MediaRequired, 409)
    );
}

#[test]
fn early_media_of_the_device_go_with_183() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.ringback(Some(device(30_000))).unwrap();
    let early = world.last_sent();
    assert!(
        early.starts_with("SIP/2.0 183 Session Progress\r\n") && early.contains("m=audio 30000"),
        "{early}"
    );
    assert_eq!(
        world.ringback(Some(device(30_002))).unwrap_err().kind,
        CommandErrorKind::CallInOtherState
    );
    world.answers(device(30_000)).unwrap();
    let body = |text: &str| text.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(
        body(&early),
        body(&world.last_sent()),
        "the 200 repeats the answer"
    );
    caller.learns(&world);
    world.heard();
    world.receives(&caller.ack(""));
    assert!(world.heard().is_empty());
}

#[test]
fn media_that_move_with_the_answer_are_offered_after_the_ack() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.ringback(Some(device(30_000))).unwrap();
    world.answers(device(30_002)).unwrap();
    assert!(
        world.last_sent().contains("m=audio 30000"),
        "RFC 3261 §13.2.1: the same answer"
    );
    caller.learns(&world);
    world.receives(&caller.ack(""));
    let reinvite = world.last_sent();
    assert!(
        reinvite.starts_with("INVITE ") && reinvite.contains("m=audio 30002"),
        "{reinvite}"
    );
    world.receives(&respond_to(&reinvite, "200 OK", "", &peer_answer(42_000)));
    assert!(world.last_sent().starts_with("ACK "));
    world.passes(Duration::from_millis(500));
    let record = world.record(world.call());
    assert_eq!(
        (
            record.local.as_ref().unwrap().port,
            record.remote.as_ref().unwrap().port
        ),
        (30_002, 42_000)
    );
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
}

#[test]
fn the_same_answer_again_is_the_same_even_when_the_peer_refused_its_media() {
    let mut world = World::new();
    let mut caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.ringback(Some(device(30_000))).unwrap();
    world.answers(device(30_002)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    let reinvite = world.last_sent();
    world.receives(&respond_to(&reinvite, "488 Not Acceptable Here", "", ""));
    let call = world.call();
    assert_eq!(
        world.answers(device(30_002)),
        Ok(CommandReply::Done { call })
    );
    assert_eq!(
        world.answers(device(30_000)).unwrap_err().kind,
        CommandErrorKind::CallInOtherState,
        "the early media were never the answer"
    );
}

#[test]
fn a_reinvite_is_answered_with_the_devices_media_and_told() {
    let (mut world, mut caller) = confirmed();
    let hold = OFFER
        .replace("a=sendrecv", "a=sendonly")
        .replace("40000", "40010");
    world.receives(&caller.next("INVITE", "", &hold));
    let answer = world.last_sent();
    assert!(
        answer.starts_with("SIP/2.0 200 OK\r\n")
            && answer.contains("a=recvonly")
            && answer.contains("m=audio 30000"),
        "{answer}"
    );
    world.receives(&caller.ack(""));
    assert_eq!(
        told(&world),
        ("reInvite", Some(40_010), Some(Direction::SendOnly))
    );
    world.receives(&caller.next("UPDATE", "", OFFER));
    assert!(world.last_sent().contains("a=sendrecv"));
    assert_eq!(
        told(&world),
        ("update", Some(40_000), Some(Direction::SendRecv))
    );
    assert_eq!(
        world.record(world.call()).remote.as_ref().unwrap().port,
        40_000
    );
}

#[test]
fn a_reinvite_that_does_not_fit_leaves_the_session_as_it_was() {
    let (mut world, mut caller) = confirmed();
    let other = OFFER.replace("RTP/AVP 8 0 101", "RTP/AVP 0");
    world.receives(&caller.next("INVITE", "", &other));
    assert_eq!(world.heard(), ["SIP/2.0 488 Not Acceptable Here"]);
    world.receives(&caller.ack(""));
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
    world.receives(&caller.next("BYE", "", ""));
    assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);
    world.passes(Duration::from_millis(500));
    assert!(world.traced(world.call(), "media", "refused"));
}

#[test]
fn a_reinvite_without_offer_gets_ours_and_its_ack_is_told() {
    let (mut world, mut caller) = confirmed();
    world.receives(&caller.next("INVITE", "", ""));
    assert!(world.last_sent().contains("m=audio 30000 RTP/AVP 8 101"));
    world.receives(&caller.ack(&peer_answer(43_000)));
    assert_eq!(
        told(&world),
        (
            Notice::ReInvite.as_str(),
            Some(43_000),
            Some(Direction::SendRecv)
        )
    );
}
