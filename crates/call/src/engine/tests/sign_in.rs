//! Devices that prove themselves by digest (RFC 3261 §22.2, RFC 8760 §2).

use std::sync::Arc;
use std::time::Duration;

use hookswitch_sip::auth::{Algorithm, Credentials, DigestClient, Ha1, Secret};
use hookswitch_sip::message::{HeaderName, Message};

use super::world::*;
use crate::directory::{AuthType, Device, Settings};
use crate::engine::{Limits, Owner};
use crate::outcome::Class;

const PASSWORD: &str = "zanzibar";

/// A world that lets nobody in by its network, with a device `+46700` that signs in with what `ha1` holds.
fn closed(ha1: Ha1) -> World {
    let mut world = World::with(Settings::default(), Limits::default(), false);
    let device = Device {
        ha1: Some(Arc::new(ha1)),
        ..Device::of(AuthType::Credentials)
    };
    let devices = [("+46700", device), ("1001", Device::of(AuthType::Disabled))];
    let directory = directory_with(Settings::default(), false, &devices);
    world.engine.handle_directory(directory);
    world
}

fn whole() -> Ha1 {
    Ha1::of("+46700", "a.example", PASSWORD)
}

/// The same INVITE once more, with the answer to the challenges that came last.
fn repeated(world: &World, caller: &Caller, username: &str, password: &str) -> String {
    let challenge = world.last_sent();
    let mut client = DigestClient::new(Credentials {
        username: username.to_owned(),
        realm: None,
        secret: Secret::Password(password.to_owned()),
    });
    let message = Message::parse(challenge.as_bytes()).unwrap();
    let uri = "sip:1001@a.example";
    let answer = client.answer(&message, "INVITE", uri, OFFER.as_bytes(), "cnonce");
    let (name, value) = answer.unwrap().pop().unwrap();
    assert_eq!(name, HeaderName::Authorization);
    let again = caller.invite_with(&format!("Authorization: {value}\r\n"), OFFER);
    again
        .replace("CSeq: 1 INVITE", "CSeq: 2 INVITE")
        .replace("z9hG4bKINVITE1", "z9hG4bKINVITE2")
}

/// What a caller hears who is challenged and answers so.
fn answered(world: &mut World, username: &str, password: &str) -> Vec<String> {
    let caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    let again = repeated(world, &caller, username, password);
    assert_eq!(world.heard(), ["SIP/2.0 401 Unauthorized"]);
    world.receives(&again);
    world.heard()
}

#[test]
fn a_device_that_answers_the_challenge_reaches_its_service() {
    let mut world = closed(whole());
    let heard = answered(&mut world, "+46700", PASSWORD);
    assert_eq!(heard, ["SIP/2.0 100 Trying"]);
    assert_eq!(world.names(), ["newRemoteCall"]);
    let call = world.call();
    assert!(world.traced(call, "caller", "passed"));
    let counters = world.engine.counters();
    assert_eq!((counters.challenged, counters.refused_caller), (1, 0));
}

#[test]
fn a_challenge_offers_every_algorithm_the_strongest_first_and_leaves_no_record() {
    let mut world = closed(whole());
    world.receives(&Caller::new("1001").invite(OFFER));
    let challenge = world.last_sent();
    let fields: Vec<&str> = challenge
        .lines()
        .filter(|line| line.starts_with("WWW-Authenticate: Digest realm=\"a.example\""))
        .collect();
    let named = ["SHA-512-256", "SHA-256", "MD5"];
    assert_eq!(fields.len(), named.len(), "{challenge}");
    for (field, name) in fields.iter().zip(named) {
        assert!(field.contains(&format!("algorithm={name},")), "{field}");
    }
    assert!(world.records.is_empty() && world.events.is_empty());
}

#[test]
fn a_challenged_invite_and_its_401_are_logged_for_the_domain() {
    let mut world = closed(whole());
    world.receives(&Caller::new("1001").invite(OFFER));
    let logged = world.log.iter().map(|entry| {
        let text = String::from_utf8_lossy(&entry.bytes);
        let first = text.lines().next().unwrap_or_default().to_owned();
        (entry.owner.clone(), entry.received, first)
    });
    let domain = Owner::Tenant("a.example".into());
    let expected = [
        (
            domain.clone(),
            true,
            "INVITE sip:1001@a.example SIP/2.0".to_owned(),
        ),
        (domain, false, "SIP/2.0 401 Unauthorized".to_owned()),
    ];
    assert_eq!(logged.collect::<Vec<_>>(), expected);
}

#[test]
fn a_hash_in_one_form_is_asked_for_in_that_form() {
    for digits in [32, 64] {
        let hex = whole().write();
        let mut hashes = hex.split(',').map(|part| part.split_once('=').unwrap().1);
        let hash = match digits {
            32 => hashes.find(|hash| hash.len() == 32).unwrap(),
            _ => hashes.nth(1).unwrap(),
        };
        let mut world = closed(Ha1::parse(hash).unwrap());
        assert_eq!(
            answered(&mut world, "+46700", PASSWORD),
            ["SIP/2.0 100 Trying"]
        );
    }
}

#[test]
fn a_wrong_password_an_unknown_name_and_another_ones_from_are_refused_alike() {
    for (username, password) in [
        ("+46700", "wrong"),
        ("nobody", PASSWORD),
        ("1001", PASSWORD),
    ] {
        let mut world = closed(whole());
        let heard = answered(&mut world, username, password);
        assert_eq!(heard, ["SIP/2.0 403 Forbidden"], "{username}");
        assert!(world.events.is_empty());
        assert_eq!(world.engine.counters().refused_caller, 1);
    }
    let mut world = closed(whole());
    let directory = directory_with(
        Settings::default(),
        false,
        &[(
            "other",
            Device {
                ha1: Some(Arc::new(Ha1::of("other", "a.example", PASSWORD))),
                ..Device::of(AuthType::Credentials)
            },
        )],
    );
    world.engine.handle_directory(directory);
    let heard = answered(&mut world, "other", PASSWORD);
    assert_eq!(heard, ["SIP/2.0 403 Forbidden"], "From names another user");
}

#[test]
fn the_record_tells_an_unknown_name_from_a_wrong_password_and_names_name_and_algorithm() {
    let only_md5 = Ha1::parse(&Algorithm::Md5.ha1("+46700", "a.example", PASSWORD)).unwrap();
    for (ha1, username, why) in [
        (
            whole(),
            "+46700",
            "the user name \"+46700\" is known, but the SHA-512-256 digest does not fit",
        ),
        (
            only_md5,
            "+46700",
            "the user name \"+46700\" is known, but the MD5 digest does not fit",
        ),
        (
            whole(),
            "nobody",
            "no device and no trunk of the domain has the user name \"nobody\" (SHA-512-256)",
        ),
    ] {
        let mut world = closed(ha1);
        answered(&mut world, username, "wrong");
        let record = world.records.values().next().unwrap();
        let outcome = record.outcome.as_ref().unwrap();
        assert_eq!((outcome.sip_status, outcome.class), (403, Class::Auth));
        let step = record.trace.last().unwrap();
        assert_eq!((&*step.rule, &*step.result), ("digest", "refused"));
        assert!(step.why.starts_with(why), "{}", step.why);
    }
}

#[test]
fn an_answer_proves_its_call_once_and_for_a_minute() {
    let mut world = closed(whole());
    let caller = Caller::new("1001");
    world.receives(&caller.invite(OFFER));
    let again = repeated(&world, &caller, "+46700", PASSWORD);
    world.passes(Duration::from_secs(61));
    world.heard();
    world.receives(&again);
    assert!(
        world.last_sent().contains("stale=true"),
        "the password was right"
    );
    assert_eq!(world.heard(), ["SIP/2.0 401 Unauthorized"]);

    let mut world = closed(whole());
    let heard = answered(&mut world, "+46700", PASSWORD);
    assert_eq!(heard, ["SIP/2.0 100 Trying"]);
    let elsewhere = replayed(&again);
    world.receives_from(stranger(), elsewhere.as_bytes());
    assert_eq!(world.heard(), ["SIP/2.0 401 Unauthorized"]);
}

/// An INVITE that was overheard, under a Call-ID of its own.
fn replayed(overheard: &str) -> String {
    overheard
        .replace("Call-ID: call-1001@", "Call-ID: replayed@")
        .replace("z9hG4bKINVITE2", "z9hG4bKreplayed")
}

#[test]
fn a_domain_without_such_devices_asks_nobody() {
    let mut world = World::with(Settings::default(), Limits::default(), false);
    world.receives(&Caller::new("1001").invite(OFFER));
    assert_eq!(world.heard(), ["SIP/2.0 403 Forbidden"]);
}
