//! Calls from and over trunks, and what is provisioned before there is a service for it.

use std::sync::Arc;

use hookswitch_sip::auth::{Algorithm, Digest, Ha1, Qop, parameters};
use hookswitch_sip::flow::{Flow, Transport};

use super::world::*;
use crate::command::{Command, CommandErrorKind};
use crate::directory::{
    AuthType, Device, Directory, OutboundPolicy, Settings, Tenant, Trunk, TrunkCredentials,
    Unserved, UnservedKind,
};
use crate::pattern::Pattern;
use crate::record::CallState;
use crate::rewrite::Rewrite;

const NUMBER: &str = "+46890510";

fn trunk(id: &str, pattern: &str) -> Trunk {
    Trunk {
        id: id.into(),
        target: "carrier.example".into(),
        transport: Transport::Tcp,
        destination_match: Pattern::compile(pattern).unwrap(),
        rewrite: None,
        blacklist: None,
        source_networks: Box::default(),
        group: None,
        parameters: None,
        diversion: None,
        caller: None,
        credentials: None,
    }
}

fn signing(id: &str) -> Trunk {
    Trunk {
        group: Some("group-1".into()),
        credentials: Some(TrunkCredentials {
            user_name: "acme".into(),
            realm: "carrier.example".into(),
            ha1: Ha1::of("acme", "carrier.example", "sesame"),
        }),
        ..trunk(id, "^\\+46")
    }
}

/// The tenant of the usual world, with these trunks and services that are not there.
fn provision(world: &mut World, settings: Settings, trunks: Vec<Trunk>) {
    let usual = directory(settings, false);
    let tenant = Tenant::clone(usual.tenant("a.example").unwrap());
    let unserved = [
        (UnservedKind::MediaService, "menu", "^alarm|^menu"),
        (UnservedKind::AlarmBridge, "bridge", "^alarm"),
    ];
    let unserved = unserved.map(|(kind, id, pattern)| Unserved {
        kind,
        id: id.into(),
        name: id.into(),
        destination_match: Pattern::compile(pattern).unwrap(),
    });
    let tenant = tenant
        .with_trunks(trunks.into_iter().map(Arc::new).collect())
        .with_unserved(unserved.into());
    let mut all = Directory::clone(&usual);
    all.put_tenant(Arc::new(tenant));
    all.grant("203.0.113.0/24".parse().unwrap(), "a.example".into());
    world.engine.handle_directory(Arc::new(all));
}

/// Authorization for a challenge, by the algorithm at that place among the challenges.
fn authorization(refusal: &str, place: usize, password: &str, uri: &str) -> String {
    let challenges = refusal
        .lines()
        .filter_map(|line| line.strip_prefix("WWW-Authenticate: Digest "));
    let challenge = challenges
        .into_iter()
        .nth(place)
        .expect("there is a challenge");
    let value = |name: &str| {
        let mut found = parameters(challenge).filter(|(found, _)| *found == name);
        found.next().unwrap().1.into_owned()
    };
    let (algorithm, _) = Algorithm::parse(&value("algorithm")).unwrap();
    let nonce = value("nonce");
    let digest = Digest {
        algorithm,
        session: false,
        nonce: &nonce,
        cnonce: "abc",
        nc: "00000001",
        qop: Some(Qop::Auth),
        method: "INVITE",
        uri,
        body: b"",
    };
    let realm = value("realm");
    let response = digest.response(&algorithm.ha1("acme", &realm, password));
    format!(
        "Authorization: Digest username=\"acme\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm={}, cnonce=\"abc\", qop=auth, nc=00000001\r\n",
        algorithm.as_str()
    )
}

fn status(world: &mut World) -> String {
    world.last_sent().lines().next().unwrap()[8..11].to_owned()
}

fn receives_from_stranger(world: &mut World, text: &str) {
    world.receives_from(stranger(), text.as_bytes());
}

#[test]
fn a_trunk_proves_itself_by_digest_and_its_call_is_asked_about() {
    for place in 0..3 {
        let mut world = World::new();
        provision(&mut world, settings(), vec![signing("t1")]);
        let mut caller = Caller::new("1001");
        receives_from_stranger(&mut world, &caller.invite(OFFER));
        let refusal = world.last_sent();
        assert!(refusal.starts_with("SIP/2.0 401 "), "{refusal}");
        assert!(
            world.records.is_empty() && world.asks.is_empty(),
            "a question is no call"
        );
        let proof = authorization(&refusal, place, "sesame", "sip:1001@a.example");
        receives_from_stranger(&mut world, &caller.next("INVITE", &proof, OFFER));
        assert_eq!(world.asks.len(), 1, "{}", world.last_sent());
        let call = world.call();
        assert!(world.traced(call, "caller", "passed"));
    }
}

#[test]
fn a_wrong_password_is_refused_and_recorded_like_a_wrong_name() {
    for (password, name) in [("guess", "acme"), ("sesame", "nobody")] {
        let mut world = World::new();
        provision(&mut world, settings(), vec![signing("t1")]);
        let mut caller = Caller::new("1001");
        receives_from_stranger(&mut world, &caller.invite(OFFER));
        let proof = authorization(&world.last_sent(), 0, password, "sip:1001@a.example");
        let proof = proof.replace("username=\"acme\"", &format!("username=\"{name}\""));
        receives_from_stranger(&mut world, &caller.next("INVITE", &proof, OFFER));
        assert_eq!(status(&mut world), "403", "{password} {name}");
        assert_eq!(world.records.len(), 1);
        assert!(world.asks.is_empty());
    }
}

#[test]
fn credentials_open_one_call_and_for_a_minute() {
    let mut world = World::new();
    provision(&mut world, settings(), vec![signing("t1")]);
    let mut caller = Caller::new("1001");
    receives_from_stranger(&mut world, &caller.invite(OFFER));
    let proof = authorization(&world.last_sent(), 0, "sesame", "sip:1001@a.example");
    let other = Caller::named("1001", 2);
    receives_from_stranger(&mut world, &other.invite_with(&proof, OFFER));
    assert_eq!(status(&mut world), "401", "overheard, for another call");
    world.passes(std::time::Duration::from_secs(61));
    receives_from_stranger(&mut world, &caller.next("INVITE", &proof, OFFER));
    let late = world.last_sent();
    assert!(
        late.starts_with("SIP/2.0 401 ") && late.contains("stale=true"),
        "{late}"
    );
    assert!(world.asks.is_empty());
}

#[test]
fn a_caller_is_asked_for_the_realms_of_devices_and_of_trunks_and_may_answer_either() {
    let mut world = World::new();
    provision(&mut world, settings(), vec![signing("t1")]);
    let device = Device {
        ha1: Some(Arc::new(Ha1::of("1002", "a.example", "zanzibar"))),
        ..Device::of(AuthType::Credentials)
    };
    let mut tenant = Tenant::clone(world.engine.directory.tenant("a.example").unwrap());
    tenant.devices = tenant.devices.with("1002", device);
    let mut all = Directory::clone(&world.engine.directory);
    all.put_tenant(Arc::new(tenant));
    world.engine.handle_directory(Arc::new(all));
    let mut caller = Caller::new("1001");
    receives_from_stranger(&mut world, &caller.invite(OFFER));
    let refusal = world.last_sent();
    let realms: Vec<&str> = refusal
        .lines()
        .filter_map(|line| line.strip_prefix("WWW-Authenticate: Digest realm=\""))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(
        realms,
        [["a.example"; 3], ["carrier.example"; 3]].concat(),
        "{refusal}"
    );
    assert_eq!(world.engine.counters().challenged, 1);
    let proof = authorization(&refusal, 3, "sesame", "sip:1001@a.example");
    receives_from_stranger(&mut world, &caller.next("INVITE", &proof, OFFER));
    assert_eq!(world.asks.len(), 1, "{}", world.last_sent());
    let call = world.call();
    let trace = &world.record(call).trace;
    assert!(
        trace.iter().any(|step| step.why.contains("trunk t1")),
        "{trace:?}"
    );
}

#[test]
fn the_nodes_own_address_means_the_tenant_whose_trunk_the_credentials_prove() {
    let mut world = World::new();
    let mut own = signing("t1");
    own.credentials.as_mut().unwrap().realm = "192.0.2.1".into();
    own.credentials.as_mut().unwrap().ha1 = Ha1::of("acme", "192.0.2.1", "sesame");
    provision(&mut world, settings(), vec![own]);
    let mut caller = Caller::of_domain("1001", "192.0.2.1");
    receives_from_stranger(&mut world, &caller.invite(OFFER));
    let refusal = world.last_sent();
    assert!(refusal.contains("realm=\"192.0.2.1\""), "{refusal}");
    let proof = authorization(&refusal, 1, "sesame", "sip:1001@192.0.2.1");
    receives_from_stranger(&mut world, &caller.next("INVITE", &proof, OFFER));
    assert_eq!(world.asks.len(), 1, "{}", world.last_sent());

    let mut world = World::new();
    provision(&mut world, settings(), vec![signing("t1")]);
    let caller = Caller::of_domain("1001", "192.0.2.1");
    receives_from_stranger(&mut world, &caller.invite(OFFER));
    assert_eq!(
        status(&mut world),
        "404",
        "no trunk has that realm, and none is betrayed"
    );
}

#[test]
fn a_trunk_proves_itself_by_its_group_and_key_over_tls_only() {
    for (transport, key, expected) in [
        (Transport::Tls, "sesame", 1),
        (Transport::Tls, "guess", 0),
        (Transport::Udp, "sesame", 0),
    ] {
        let mut world = World::new();
        provision(&mut world, settings(), vec![signing("t1")]);
        let from = Flow {
            transport,
            ..stranger()
        };
        let headers = format!("X-Terminating-Trunk-Group-Id: group-1\r\nX-Trunk-Key: {key}\r\n");
        let invite = Caller::new("1001").invite_with(&headers, OFFER);
        world.receives_from(from, invite.as_bytes());
        assert_eq!(world.asks.len(), expected, "{transport:?} {key}");
    }
}

#[test]
fn source_networks_count_only_where_the_operator_granted_them() {
    let mut listed = trunk("t1", "^none$");
    listed.source_networks = ["203.0.113.0/28", "192.0.2.0/24"]
        .map(|one| one.parse().unwrap())
        .into();
    let mut world = World::new();
    provision(&mut world, settings(), vec![listed]);
    let granted = Flow {
        peer: "203.0.113.5:5060".parse().unwrap(),
        ..flow()
    };
    world.receives_from(granted, Caller::new("1001").invite(OFFER).as_bytes());
    assert_eq!(world.asks.len(), 1);
    let call = world.call();
    let trace = &world.record(call).trace;
    assert!(
        trace.iter().any(|step| step.why.contains("trunk t1")),
        "{trace:?}"
    );
    receives_from_stranger(&mut world, &Caller::named("1001", 2).invite(OFFER));
    assert_eq!(
        status(&mut world),
        "403",
        "listed by the tenant, granted by nobody"
    );
}

#[test]
fn what_is_not_in_service_yet_is_refused_with_its_reason_on_record() {
    for (user, rule) in [
        ("alarm", "alarmbridge"),
        ("menu", "mediaservice"),
        (NUMBER, "trunk"),
    ] {
        let mut world = World::new();
        provision(&mut world, settings(), vec![signing("t1")]);
        let granted = Flow {
            peer: "203.0.113.5:5060".parse().unwrap(),
            ..flow()
        };
        world.receives_from(granted, Caller::new(user).invite(OFFER).as_bytes());
        assert_eq!(status(&mut world), "501", "{user}");
        let warning = format!("Warning: 399 hookswitch \"{rule} is not in service");
        assert!(world.last_sent().contains(&warning), "{user}");
        let record = world.records.values().next().unwrap();
        let last = record.trace.last().unwrap();
        assert_eq!((&*last.rule, &*last.result), (rule, "refused"));
        assert!(last.why.contains("yet"), "{}", last.why);
        assert_eq!(record.state, CallState::Ended);
        assert_eq!(world.engine.counters().refused_service, 1);
    }
    let mut world = World::new();
    provision(&mut world, settings(), vec![signing("t1")]);
    world.receives(&Caller::new(NUMBER).invite(OFFER));
    assert_eq!(
        status(&mut world),
        "404",
        "an open network reaches no trunk"
    );
}

#[test]
fn a_message_for_an_alarm_bridge_is_refused_once_with_its_reason_on_record() {
    let mut world = World::new();
    provision(&mut world, settings(), Vec::new());
    let text = Caller::new("alarm").invite("").replace("INVITE", "MESSAGE");
    world.receives(&text);
    let refusal = world.last_sent();
    assert!(refusal.starts_with("SIP/2.0 501 "), "{refusal}");
    assert!(
        refusal.contains("Warning: 399 hookswitch \"alarmbridge is not in service"),
        "{refusal}"
    );
    let record = world.records.values().next().unwrap();
    assert_eq!(&*record.trace.last().unwrap().rule, "alarmbridge");
    assert_eq!(record.outcome.as_ref().unwrap().sip_status, 501);
    world.receives(&text);
    assert_eq!(world.last_sent(), refusal, "a copy gets the same");
    assert_eq!(world.records.len(), 1, "and no record of its own");
    let nobody = Caller::named("1001", 2)
        .invite("")
        .replace("INVITE", "MESSAGE");
    world.receives(&nobody);
    assert_eq!(status(&mut world), "405");
    receives_from_stranger(
        &mut world,
        &Caller::named("alarm", 3)
            .invite("")
            .replace("INVITE", "MESSAGE"),
    );
    assert_eq!(status(&mut world), "405", "a stranger learns nothing");
}

/// The INVITE of a call the application places to `uri`.
fn placed(world: &mut World, uri: &str) -> Result<(String, Vec<String>), CommandErrorKind> {
    let mut place = world.place();
    place.destination_uri = uri.into();
    world
        .commands(Command::Place(Box::new(place)))
        .map_err(|error| error.kind)?;
    let locate = world.locates.pop().expect("the peer has to be found");
    assert_eq!(
        locate.host,
        if uri.contains("198.51") {
            "198.51.100.7"
        } else {
            "carrier.example"
        }
    );
    world
        .engine
        .handle_located(world.now(), locate.id, Ok(vec![flow()]));
    world.pumps();
    let trace = world.records.values().next().unwrap().trace.clone();
    let steps = trace
        .iter()
        .map(|step| format!("{} {}", step.rule, step.result))
        .collect();
    Ok((world.last_sent(), steps))
}

fn over_trunks() -> Settings {
    Settings {
        outbound: OutboundPolicy::Trunks,
        ..settings()
    }
}

#[test]
fn a_call_leaves_over_the_most_specific_trunk_that_takes_the_number_as_it_wants_it() {
    let specific = Trunk {
        rewrite: Some(Rewrite::compile("/^\\+46/0/").unwrap()),
        parameters: Some(";user=phone;tgrp=1".into()),
        diversion: Some("+46111".into()),
        caller: Some("+46222".into()),
        ..trunk("t2", "^\\+468")
    };
    for settings in [over_trunks(), settings()] {
        let mut world = World::new();
        let trunks = vec![trunk("t1", "^\\+46"), specific.clone()];
        provision(&mut world, settings, trunks);
        let (invite, steps) = placed(&mut world, "sip:+46890510@a.example").unwrap();
        let line = "INVITE sip:0890510@carrier.example;user=phone;tgrp=1;transport=tcp SIP/2.0";
        assert!(invite.starts_with(line), "{invite}");
        assert!(
            invite.contains("From: <sip:+46222@a.example>;tag="),
            "{invite}"
        );
        assert!(
            invite.contains("Diversion: <sip:+46111@a.example>;reason=unknown\r\n"),
            "{invite}"
        );
        assert_eq!(
            steps,
            ["cloudsipua matched", "trunk matched", "rewrite passed"]
        );
    }
}

#[test]
fn a_blacklisted_number_takes_another_trunk_or_none() {
    let blocking = Trunk {
        blacklist: Some(Pattern::compile("^\\+46890").unwrap()),
        ..trunk("t2", "^\\+468")
    };
    let mut world = World::new();
    provision(
        &mut world,
        over_trunks(),
        vec![trunk("t1", "^\\+46"), blocking.clone()],
    );
    let (_, steps) = placed(&mut world, "sip:+46890510@a.example").unwrap();
    assert_eq!(
        steps,
        ["cloudsipua matched", "trunk skipped", "trunk matched"]
    );
    for settings in [over_trunks(), settings()] {
        let mut world = World::new();
        provision(&mut world, settings, vec![blocking.clone()]);
        let refused = placed(&mut world, "sip:+46890510@a.example");
        assert_eq!(refused, Err(CommandErrorKind::OutboundForbidden));
        assert_eq!(world.engine.counters().refused_outbound, 1);
    }
}

#[test]
fn the_setting_outbound_says_whether_foreign_hosts_are_called() {
    let mut world = World::new();
    provision(&mut world, settings(), vec![trunk("t1", ".*")]);
    let (invite, _) = placed(&mut world, "sip:bob@198.51.100.7").unwrap();
    assert!(
        invite.starts_with("INVITE sip:bob@198.51.100.7 SIP/2.0"),
        "{invite}"
    );
    let mut world = World::new();
    provision(&mut world, over_trunks(), vec![trunk("t1", ".*")]);
    let refused = placed(&mut world, "sip:bob@198.51.100.7");
    assert_eq!(refused, Err(CommandErrorKind::OutboundForbidden));
    let (invite, _) = placed(&mut world, "sip:bob@carrier.example").unwrap();
    assert!(
        invite.starts_with("INVITE sip:bob@carrier.example;transport=tcp"),
        "{invite}"
    );
    let mut world = World::new();
    provision(&mut world, over_trunks(), vec![trunk("t1", "^\\+46")]);
    let refused = placed(&mut world, "sip:+47890510@a.example");
    assert_eq!(refused, Err(CommandErrorKind::OutboundForbidden));
}

#[test]
fn a_rewritten_user_cannot_leave_its_place_in_the_request_uri() {
    let mut world = World::new();
    let odd = Trunk {
        rewrite: Some(Rewrite::compile("/x/@evil.example;transport=udp>\r\nVia: y /").unwrap()),
        ..trunk("t1", ".*")
    };
    provision(&mut world, over_trunks(), vec![odd]);
    let (invite, _) = placed(&mut world, "sip:x@a.example").unwrap();
    let line = invite.lines().next().unwrap();
    assert!(
        line.contains("%40evil.example")
            && line.ends_with("@carrier.example;transport=tcp SIP/2.0"),
        "{line}"
    );
}

#[test]
fn a_trunk_that_asks_who_calls_is_answered_once() {
    let mut world = World::new();
    provision(&mut world, over_trunks(), vec![signing("t1")]);
    let (invite, _) = placed(&mut world, "sip:+46890510@a.example").unwrap();
    assert!(!invite.contains("Authorization"), "{invite}");
    let challenge = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"abc\", algorithm=SHA-256, qop=\"auth\"\r\n";
    world.receives(&respond_to(&invite, "401 Unauthorized", challenge, ""));
    let again = world.last_sent();
    assert!(
        again.starts_with("INVITE sip:+46890510@carrier.example;transport=tcp SIP/2.0"),
        "{again}"
    );
    assert_ne!(header(&again, "CSeq"), header(&invite, "CSeq"));
    assert_eq!(header(&again, "Call-ID"), header(&invite, "Call-ID"));
    let proof = header(&again, "Authorization");
    let value = |name: &str| {
        let list = proof.strip_prefix("Digest ").unwrap();
        let mut found = parameters(list).filter(|(found, _)| *found == name);
        found.next().unwrap().1.into_owned()
    };
    let digest = Digest {
        algorithm: Algorithm::Sha256,
        session: false,
        nonce: "abc",
        cnonce: &value("cnonce"),
        nc: &value("nc"),
        qop: Some(Qop::Auth),
        method: "INVITE",
        uri: "sip:+46890510@carrier.example;transport=tcp",
        body: b"",
    };
    let expected = digest.response(&Algorithm::Sha256.ha1("acme", "carrier.example", "sesame"));
    assert_eq!(value("response"), expected);
    assert!(world.events.is_empty(), "nobody hears of the question");
    world.receives(&respond_to(&again, "401 Unauthorized", challenge, ""));
    assert_eq!(
        world.names(),
        ["callFailed"],
        "refused credentials are not sent again"
    );
    assert_eq!(world.outcome().sip_status, 401);
}

#[test]
fn credentials_go_to_their_own_realm_only() {
    let mut world = World::new();
    provision(&mut world, over_trunks(), vec![signing("t1")]);
    let (invite, _) = placed(&mut world, "sip:+46890510@a.example").unwrap();
    let foreign = "Proxy-Authenticate: Digest realm=\"elsewhere\", nonce=\"abc\", qop=\"auth\"\r\n";
    world.receives(&respond_to(
        &invite,
        "407 Proxy Authentication Required",
        foreign,
        "",
    ));
    assert_eq!(world.names(), ["callFailed"]);
}
