use std::time::Duration;

use super::world::*;
use crate::command::{
    Accepted, Answer, AskAnswer, Command, CommandErrorKind, CommandReply, Hangup,
};
use crate::engine::Owner;
use crate::event::EventKind;
use crate::outcome::{Class, EndedBy};
use crate::record::{CallState, Direction};

/// A call that was offered, and asked about.
fn offered() -> (World, Caller) {
    let mut world = World::new();
    let caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    assert_eq!(world.heard(), ["SIP/2.0 100 Trying"]);
    (world, caller)
}

/// A call that stands.
fn confirmed() -> (World, Caller) {
    let (mut world, mut caller) = offered();
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);
    world.receives(&caller.ack(""));
    (world, caller)
}

#[test]
fn an_offered_call_is_asked_about_with_the_callers_media() {
    let (world, _) = offered();
    assert_eq!(world.names(), ["newRemoteCall"]);
    let event = &world.events[0];
    assert_eq!(&*world.asks[0].1, "alarms");
    assert_eq!(&*event.identity.domain, "a.example");
    assert_eq!(&*event.identity.source_user, "+46700");
    assert_eq!(&*event.identity.destination_user, "1001");
    assert_eq!(&*event.identity.destination_uri, "sip:1001@a.example");
    assert_eq!(&*event.identity.sip_call_id, "call-1001@198.51.100.7");
    let EventKind::NewRemoteCall {
        remote: Some(remote),
    } = &event.kind
    else {
        panic!("the INVITE had an offer")
    };
    assert_eq!(
        (remote.codec.as_str(), remote.port, remote.telephone_event),
        ("PCMA", 40_000, Some(101))
    );
    let record = world.record(world.call());
    assert_eq!(
        (record.state, record.identity.direction),
        (CallState::Offered, Direction::Inbound)
    );
    assert!(
        world.snapshots.contains_key(&world.call()),
        "the snapshot comes before the first message"
    );
}

#[test]
fn a_call_is_rung_answered_and_hung_up_by_the_caller() {
    let (mut world, mut caller) = offered();
    world.ringback(None).unwrap();
    assert_eq!(world.heard(), ["SIP/2.0 180 Ringing"]);
    world.passes(Duration::from_secs(3));
    world.answers(device(30_000)).unwrap();
    let answer = world.last_sent();
    assert!(
        answer.contains("m=audio 30000 RTP/AVP 8 101\r\n")
            && answer.contains("c=IN IP4 203.0.113.50\r\n"),
        "{answer}"
    );
    caller.learns(&world);
    world.heard();
    assert_eq!(
        world.names(),
        ["newRemoteCall"],
        "callAnswered waits for the ACK"
    );
    world.receives(&caller.ack(""));
    assert_eq!(world.names(), ["newRemoteCall", "callAnswered"]);
    let EventKind::CallAnswered { remote, .. } = &world.events[1].kind else {
        panic!("it was answered")
    };
    assert_eq!(remote.port, 40_000);
    world.passes(Duration::from_millis(61_500));
    world.receives(&caller.next("BYE", "", ""));
    assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);
    assert_eq!(
        world.names(),
        ["newRemoteCall", "callAnswered", "callHungup"]
    );
    let outcome = world.outcome();
    assert_eq!(
        (outcome.ended_by, outcome.class, outcome.sip_status),
        (EndedBy::Remote, Class::Normal, 200)
    );
    assert_eq!((outcome.q850_cause, outcome.duration), (16, 61));
    let record = world.record(world.call());
    assert_eq!(record.state, CallState::Ended);
    assert!(
        record.times.ringing < record.times.answered && record.times.confirmed < record.times.ended
    );
    world.everything_is_forgotten();
}

#[test]
fn the_application_hangs_up_with_bye() {
    let (mut world, _) = confirmed();
    let call = world.call();
    assert_eq!(world.hangs_up(call), Ok(CommandReply::Done { call }));
    let bye = world.last_sent();
    assert!(
        bye.starts_with("BYE sip:alice@198.51.100.7:5060 SIP/2.0\r\n")
            && bye.contains("Reason: Q.850;cause=16"),
        "{bye}"
    );
    assert_eq!(
        (world.outcome().ended_by, world.outcome().class),
        (EndedBy::Local, Class::Normal)
    );
    assert_eq!(
        world.hangs_up(call).unwrap_err().kind,
        CommandErrorKind::CallEnded
    );
    world.receives(&response(&world, "200 OK", "", ""));
    world.everything_is_forgotten();
    assert_eq!(
        world.hangs_up(call).unwrap_err().kind,
        CommandErrorKind::CallNotFound
    );
}

#[test]
fn hanging_up_an_unanswered_call_is_busy_or_what_the_application_says() {
    let (mut world, _) = offered();
    let call = world.call();
    world.hangs_up(call).unwrap();
    assert_eq!(world.heard(), ["SIP/2.0 486 Busy Here"]);
    assert_eq!(
        (world.outcome().class, world.outcome().q850_cause),
        (Class::Busy, 17)
    );
    world.everything_is_forgotten();

    let (mut world, _) = offered();
    let call = world.call();
    for status in [200, 302, 401, 407, 420, 421, 422, 700] {
        let hangup = Hangup {
            status: Some(status),
            reason: None,
        };
        let error = world.hangs_up_with(call, hangup).unwrap_err();
        assert_eq!(
            (error.kind, error.pointer),
            (CommandErrorKind::BadField, Some("/sipStatus")),
            "{status}"
        );
    }
    let hangup = Hangup {
        status: Some(603),
        reason: Some("Not today".into()),
    };
    world.hangs_up_with(call, hangup).unwrap();
    assert_eq!(world.heard(), ["SIP/2.0 603 Not today"]);
    assert_eq!(
        (world.outcome().class, &*world.outcome().sip_reason),
        (Class::Rejected, "Not today")
    );
    world.everything_is_forgotten();
}

#[test]
fn a_caller_who_gives_up_ends_the_call() {
    let (mut world, caller) = offered();
    world.receives(&caller.cancel(""));
    assert_eq!(
        world.heard(),
        ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]
    );
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
    let outcome = world.outcome();
    assert_eq!(
        (outcome.ended_by, outcome.class, outcome.sip_status),
        (EndedBy::Remote, Class::NoAnswer, 487)
    );
    assert_eq!(
        world.answers(device(30_000)).unwrap_err().kind,
        CommandErrorKind::CallEnded
    );
    world.everything_is_forgotten();

    let (mut world, caller) = offered();
    world.receives(&caller.cancel("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"));
    assert_eq!(
        (world.outcome().class, world.outcome().q850_cause),
        (Class::Normal, 26)
    );
}

#[test]
fn the_callers_own_reason_comes_before_the_table() {
    let (mut world, mut caller) = confirmed();
    let bye = caller.next("BYE", "Reason: Q.850;cause=31;text=\"line cut\"\r\n", "");
    world.receives(&bye);
    assert_eq!(
        (world.outcome().q850_cause, &*world.outcome().q850_text),
        (31, "line cut")
    );
}

#[test]
fn an_ask_without_reply_is_504_and_a_refused_one_480() {
    let table = [
        (
            AskAnswer::TimedOut {
                why: "three tries timed out".into(),
            },
            "SIP/2.0 504 Server Time-out",
            504,
        ),
        (
            AskAnswer::Refused {
                why: "the application said 404".into(),
            },
            "SIP/2.0 480 Temporarily Unavailable",
            480,
        ),
        (
            AskAnswer::Disabled {
                why: "the application said 410".into(),
            },
            "SIP/2.0 480 Temporarily Unavailable",
            480,
        ),
    ];
    for (answer, line, status) in table {
        let (mut world, _) = offered();
        world.asked(answer);
        assert_eq!(world.heard(), [line]);
        let outcome = world.outcome();
        assert_eq!(
            (outcome.ended_by, outcome.class, outcome.sip_status),
            (EndedBy::System, Class::UpstreamError, status)
        );
        assert!(world.traced(world.call(), "ask", "failed"));
        world.everything_is_forgotten();
    }
}

#[test]
fn an_ask_whose_answer_never_comes_back_does_not_hold_the_call() {
    let (mut world, _) = offered();
    world.engine.handle_store_lag(None);
    world.passes(Duration::from_secs(21));
    assert_eq!(world.heard()[0], "SIP/2.0 504 Server Time-out");
    assert!(world.traced(world.call(), "ask", "failed"));
    world.everything_is_forgotten();
}

#[test]
fn a_command_ends_the_ask_but_its_reply_still_names_the_session() {
    let (mut world, mut caller) = offered();
    world.ringback(None).unwrap();
    world.asked(AskAnswer::TimedOut { why: "late".into() });
    assert_eq!(world.heard(), ["SIP/2.0 180 Ringing"], "the call goes on");
    world.replies_to_ask(Accepted {
        session_reference_id: Some("ref-9".into()),
        ..Accepted::default()
    });
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.receives(&caller.ack(""));
    assert_eq!(
        world.events[1].session_reference_id.as_deref(),
        Some("ref-9")
    );
}

#[test]
fn the_reply_to_the_ask_can_carry_the_command() {
    let (mut world, _) = offered();
    world.replies_to_ask(Accepted {
        ringback: Some(None),
        ..Accepted::default()
    });
    assert_eq!(world.heard(), ["SIP/2.0 180 Ringing"]);

    let (mut world, _) = offered();
    let answer = Answer {
        media: device(30_000),
        session_reference_id: Some("ref-2".into()),
    };
    world.replies_to_ask(Accepted {
        answer: Some(answer),
        ..Accepted::default()
    });
    assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);

    let (mut world, _) = offered();
    let hangup = Hangup {
        status: Some(404),
        reason: None,
    };
    world.replies_to_ask(Accepted {
        hangup: Some(hangup),
        ..Accepted::default()
    });
    assert_eq!(world.heard(), ["SIP/2.0 404 Not Found"]);
    assert_eq!(world.outcome().ended_by, EndedBy::Local);
}

#[test]
fn a_command_on_board_that_does_not_fit_leaves_the_call_ringing() {
    let (mut world, _) = offered();
    let mut media = device(30_000);
    media.codec = hookswitch_media::Codec::Gsm;
    let answer = Answer {
        media,
        session_reference_id: None,
    };
    world.replies_to_ask(Accepted {
        answer: Some(answer),
        ..Accepted::default()
    });
    assert_eq!(world.heard(), Vec::<String>::new());
    world.passes(Duration::from_millis(500));
    assert!(world.traced(world.call(), "reply", "refused"));
    world.answers(device(30_000)).unwrap();
    assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);
}

#[test]
fn answering_twice_is_the_same_again_or_409() {
    let (mut world, mut caller) = offered();
    let call = world.call();
    assert_eq!(
        world.answers(device(30_000)),
        Ok(CommandReply::Done { call })
    );
    assert_eq!(
        world.answers(device(30_000)),
        Ok(CommandReply::Done { call })
    );
    assert_eq!(
        world.answers(device(30_002)).unwrap_err().kind,
        CommandErrorKind::CallInOtherState
    );
    caller.learns(&world);
    assert_eq!(world.heard(), ["SIP/2.0 200 OK"], "one 200 only");
    world.receives(&caller.ack(""));
    assert_eq!(
        world.answers(device(30_000)),
        Ok(CommandReply::Done { call })
    );
    assert_eq!(
        world.ringback(None).unwrap_err().kind,
        CommandErrorKind::CallInOtherState
    );
}

#[test]
fn a_call_of_another_domain_is_not_found() {
    let (mut world, _) = offered();
    let call = world.call();
    for domain in ["b.example", "A.example"] {
        let command = Command::Hangup {
            call,
            domain: domain.into(),
            hangup: Hangup::default(),
        };
        assert_eq!(
            world.commands(command).unwrap_err().kind,
            CommandErrorKind::CallNotFound
        );
    }
    world.hangs_up(call).unwrap();
    let command = Command::Describe {
        call,
        domain: "b.example".into(),
    };
    assert_eq!(
        world.commands(command).unwrap_err().kind,
        CommandErrorKind::CallNotFound,
        "ended ones neither"
    );
}

#[test]
fn a_call_can_be_described() {
    let (mut world, _) = confirmed();
    let command = Command::Describe {
        call: world.call(),
        domain: "a.example".into(),
    };
    let Ok(CommandReply::Described(record)) = world.commands(command) else {
        panic!("it is there")
    };
    assert_eq!(record.state, CallState::Confirmed);
    assert_eq!(record.local.unwrap().port, 30_000);
}

#[test]
fn nobody_rings_for_ever() {
    let (mut world, _) = offered();
    world.ringback(None).unwrap();
    world.heard();
    world.passes(Duration::from_secs(179));
    assert_eq!(
        world.heard(),
        ["SIP/2.0 180 Ringing", "SIP/2.0 180 Ringing"],
        "repeated every 60 s"
    );
    world.passes(Duration::from_secs(1));
    assert_eq!(world.heard(), ["SIP/2.0 480 Temporarily Unavailable"]);
    assert_eq!(
        (world.outcome().class, world.outcome().ended_by),
        (Class::NoAnswer, EndedBy::System)
    );
    world.everything_is_forgotten();
}

#[test]
fn a_200_without_ack_is_repeated_then_given_up() {
    let (mut world, _) = offered();
    world.answers(device(30_000)).unwrap();
    world.passes(Duration::from_secs(33));
    let heard = world.heard();
    assert!(
        heard.len() > 5 && heard[..5].iter().all(|line| line == "SIP/2.0 200 OK"),
        "{heard:?}"
    );
    assert!(
        heard.iter().any(|line| line.starts_with("BYE ")),
        "{heard:?}"
    );
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
    assert_eq!(
        (world.outcome().class, world.outcome().sip_status),
        (Class::Unreachable, 408)
    );
    assert!(world.traced(world.call(), "ack", "missing"));
    world.everything_is_forgotten();
}

#[test]
fn a_dead_peer_is_noticed_by_the_session_timer() {
    let (mut world, _) = confirmed();
    world.passes(Duration::from_secs(700));
    assert_eq!(
        world.names(),
        ["newRemoteCall", "callAnswered", "callHungup"]
    );
    assert_eq!(
        (world.outcome().class, world.outcome().ended_by),
        (Class::Unreachable, EndedBy::System)
    );
    assert!(world.outcome().duration >= 300);
    world.everything_is_forgotten();
}

#[test]
fn a_bye_before_the_ack_ends_the_call_once() {
    let (mut world, mut caller) = offered();
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    world.heard();
    world.receives(&caller.next("BYE", "", ""));
    assert_eq!(world.heard(), ["SIP/2.0 200 OK"]);
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
    world.receives(&caller.ack(""));
    world.everything_is_forgotten();
    assert_eq!(world.names().len(), 2);
}

#[test]
fn hanging_up_before_the_ack_sends_bye_after_it() {
    let (mut world, mut caller) = offered();
    world.answers(device(30_000)).unwrap();
    caller.learns(&world);
    let call = world.call();
    world.hangs_up(call).unwrap();
    world.heard();
    world.receives(&caller.ack(""));
    assert!(
        world.last_sent().starts_with("BYE "),
        "RFC 3261 §15: not before the ACK"
    );
    world.receives(&response(&world, "200 OK", "", ""));
    assert_eq!(world.names(), ["newRemoteCall", "callHungup"]);
}

#[test]
fn strangers_and_missing_users_get_no_event() {
    let mut world = World::new();
    let caller = Caller::new("1001");
    world.receives_from(stranger(), caller.invite(OFFER).as_bytes());
    world.receives(&Caller::new("nobody").invite(OFFER));
    world.receives(&Caller::of_domain("1002", "z.example").invite(OFFER));
    let heard = world.heard();
    assert_eq!(
        heard,
        [
            "SIP/2.0 403 Forbidden",
            "SIP/2.0 404 Not Found",
            "SIP/2.0 404 Not Found"
        ]
    );
    assert!(world.events.is_empty() && world.asks.is_empty());
    let statuses: Vec<_> = world
        .records
        .values()
        .map(|record| record.outcome.as_ref().unwrap().sip_status)
        .collect();
    assert_eq!(statuses, [403, 404], "nobody's domain has no records");
    let [strange] = world.strange.as_slice() else {
        panic!("{:?}", world.strange)
    };
    assert_eq!(
        (&*strange.host, strange.source.to_string()),
        ("z.example", "198.51.100.7".to_owned())
    );
    let counters = world.engine.counters();
    assert_eq!(
        (
            counters.refused_caller,
            counters.refused_user,
            counters.refused_domain
        ),
        (1, 1, 1)
    );
    world.everything_is_forgotten();
}

#[test]
fn a_service_that_is_switched_off_refuses_with_480() {
    let mut world = World::new();
    world.engine.handle_directory(directory(settings(), true));
    world.receives(&Caller::new("1001").invite(OFFER));
    assert_eq!(world.heard(), ["SIP/2.0 480 Temporarily Unavailable"]);
    assert!(world.events.is_empty());
}

#[test]
fn the_ladder_shows_every_message_once_and_copies_as_copies() {
    let mut world = World::new();
    let caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    world.receives(&caller.invite(OFFER));
    let ladder: Vec<_> = world
        .log
        .iter()
        .map(|entry| (entry.received, entry.retransmission))
        .collect();
    assert_eq!(
        ladder,
        [(true, false), (false, false), (true, true), (false, true)]
    );
    assert!(
        world
            .log
            .iter()
            .all(|entry| entry.owner == Owner::Call(world.call()))
    );
}

#[test]
fn a_caller_in_latin_1_is_understood() {
    let mut world = World::new();
    let text = Caller::new("1001").invite(OFFER);
    let bytes: Vec<u8> = text
        .replace("Alice", "Andr\u{e9}")
        .chars()
        .map(|c| u8::try_from(c).unwrap())
        .collect();
    world.receives_from(flow(), &bytes);
    world.receives("\r\n\r\n");
    world.receives("garbage");
    assert_eq!(world.engine.counters().unparseable, 1);
    assert_eq!(world.heard(), ["SIP/2.0 100 Trying"]);
}

#[test]
fn hanging_up_while_the_200_waits_for_a_prack_refuses_the_call() {
    let mut world = World::new();
    let caller = Caller::new("1001");
    world.receives(&caller.invite_with("Require: 100rel\r\nSupported: 100rel\r\n", OFFER));
    world.ringback(None).unwrap();
    world.answers(device(30_000)).unwrap();
    world.heard();
    let call = world.call();
    world.hangs_up(call).unwrap();
    assert_eq!(world.heard(), ["SIP/2.0 486 Busy Here"]);
    world.receives(&caller.ack(""));
    world.everything_is_forgotten();
}

#[test]
fn the_same_invite_long_after_its_end_is_a_new_call() {
    let (mut world, caller) = offered();
    world.receives(&caller.cancel(""));
    let first = world.call();
    world.passes(Duration::from_secs(33));
    world.receives(&caller.invite(OFFER));
    world.answers(device(30_000)).unwrap();
    assert_ne!(world.call(), first);
    world.passes(Duration::from_secs(10));
    assert_eq!(
        world.engine.census().calls,
        1,
        "the first one's oblivion takes nothing along"
    );
    world.everything_is_forgotten();
    assert_eq!(
        world.names(),
        ["newRemoteCall", "callHungup", "newRemoteCall", "callHungup"]
    );
}
