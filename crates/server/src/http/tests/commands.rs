use std::time::Duration;

use hookswitch_call::command::CommandErrorKind;
use hookswitch_media::Codec;
use serde_json::json;

use super::*;

pub(super) fn path(command: &str) -> String {
    format!("/mediaservice/acme.example.com/{command}")
}

pub(super) fn reply_id(world: &World) -> String {
    world.rest.reply_ids.mint(ACME, CALL, 0, 1_700_000_000)
}

pub(super) fn media() -> Value {
    json!({"codec": "PCMA", "receiveIp": "192.0.2.10", "receivePort": 40000})
}

fn answer_body(world: &World) -> Value {
    let mut body = media();
    body["replyId"] = reply_id(world).into();
    body
}

pub(super) fn told(world: &World) -> Vec<Command> {
    std::mem::take(&mut *world.calls.commands.lock().unwrap())
}

#[tokio::test]
async fn answering_reaches_the_call_under_both_paths() {
    let world = World::new();
    for command in ["answerremotecalljwt", "answerremotecall"] {
        let mut body = answer_body(&world);
        body["telephoneEventPayloadType"] = "101".into();
        body["sessionReferenceId"] = 20000.into();
        body["crypto"] =
            json!([{"id": 1, "suite": "AES_CM_128_HMAC_SHA1_80", "config": "inline:abc"}]);
        body["somethingElse"] = true.into();
        assert_eq!(
            world.post(&path(command), body).await.ok(),
            json!({"success": true})
        );
        let commands = told(&world);
        let [
            Command::Answer {
                call,
                domain,
                answer,
            },
        ] = commands.as_slice()
        else {
            panic!("{commands:?}")
        };
        assert_eq!((*call, &**domain), (CALL, ACME));
        assert_eq!(answer.session_reference_id.as_deref(), Some("20000"));
        assert_eq!(answer.media.codec, Codec::Pcma);
        assert_eq!(
            (answer.media.port, answer.media.telephone_event),
            (40000, Some(101))
        );
        assert_eq!(answer.media.crypto[0].config, "inline:abc");
    }
    let logged = world.calls.logged.lock().unwrap();
    assert_eq!(logged[0].summary, "POST /answerremotecall");
    assert_eq!(logged[0].status, Some(200));
}

#[tokio::test]
async fn ringback_may_carry_early_media() {
    let world = World::new();
    let plain = json!({"replyId": reply_id(&world)});
    world
        .post(&path("sendremotecallringbackjwt"), plain)
        .await
        .ok();
    world
        .post(&path("sendremotecallringback"), answer_body(&world))
        .await
        .ok();
    let commands = told(&world);
    assert!(matches!(commands[0], Command::Ringback { media: None, .. }));
    assert!(matches!(
        commands[1],
        Command::Ringback { media: Some(_), .. }
    ));
}

#[tokio::test]
async fn hanging_up_may_choose_the_rejection() {
    let world = World::new();
    let body = json!({"replyId": reply_id(&world), "sipStatus": "480", "reason": "Gone home"});
    world.post(&path("hangupcalljwt"), body).await.ok();
    let commands = told(&world);
    let [Command::Hangup { hangup, .. }] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    assert_eq!(
        (hangup.status, hangup.reason.as_deref()),
        (Some(480), Some("Gone home"))
    );
    for status in [200, 302, 401, 407, 421, 700] {
        let body = json!({"replyId": reply_id(&world), "sipStatus": status});
        assert_eq!(
            world.post(&path("hangupcall"), body).await.pointers(),
            ["/sipStatus"]
        );
    }
    assert!(told(&world).is_empty());
}

#[tokio::test]
async fn a_placed_call_can_be_named_at_once() {
    let world = World::new();
    *world.calls.answer.lock().unwrap() = Some(Ok(CommandReply::Placed {
        call: CALL,
        sip_call_id: "abc@node".into(),
    }));
    let mut body = media();
    body["destinationUri"] = "sip:+4689@carrier.example.com".into();
    body["sourceUser"] = 1001.into();
    body["ringTimeout"] = 30.into();
    body["cloudSipUAId"] = "service-1".into();
    body["callbackBaseUrl"] = "https://app.example.com/other".into();
    let reply = world.post(&path("placeremotecalljwt"), body).await.ok();
    assert_eq!(reply["success"], true);
    assert_eq!(reply["callId"], "abc@node");
    assert_eq!(reply["sessionId"], CALL.session().to_string());
    assert_eq!(reply["traceId"], CALL.trace().to_string());
    let named = world
        .rest
        .reply_ids
        .verify(reply["replyId"].as_str().unwrap(), ACME)
        .unwrap();
    assert_eq!(named.call, CALL);
    let commands = told(&world);
    let [Command::Place(place)] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    assert_eq!(place.source_user, "1001");
    assert_eq!(place.ring_timeout, Some(Duration::from_secs(30)));
    assert_eq!(place.service.as_deref(), Some("service-1"));
    assert_eq!(
        place.callback_base_url.as_deref(),
        Some("https://app.example.com/other")
    );
}

#[tokio::test]
async fn what_a_command_lacks_is_named() {
    let world = World::new();
    let cases = [
        (
            "answerremotecall",
            json!({}),
            vec!["/replyId", "/codec", "/receiveIp", "/receivePort"],
        ),
        ("hangupcall", json!({}), vec!["/replyId"]),
        ("sendremotecallringback", json!({}), vec!["/replyId"]),
        (
            "placeremotecall",
            json!({"codec": "opus", "receiveIp": "x", "receivePort": 0, "callbackBaseUrl": "http://a"}),
            vec![
                "/destinationUri",
                "/sourceUser",
                "/codec",
                "/receiveIp",
                "/receivePort",
                "/callbackBaseUrl",
            ],
        ),
    ];
    for (command, body, pointers) in cases {
        assert_eq!(
            world.post(&path(command), body).await.pointers(),
            pointers,
            "{command}"
        );
    }
    let wrong = world
        .post(&path("answerremotecall"), json!({"receivePort": [1]}))
        .await;
    assert_eq!(wrong.pointers(), ["/receivePort"]);
    for port in [json!(0), json!(70_000), json!("-1")] {
        let body = json!({"replyId": "x", "codec": "PCMA", "receiveIp": "192.0.2.10", "receivePort": port});
        let wrong = world.post(&path("answerremotecall"), body).await;
        assert_eq!(
            wrong.json()["errors"],
            json!([{"pointer": "/receivePort", "detail": "must be a whole number from 1 to 65535"}])
        );
    }
    assert!(told(&world).is_empty());
}

#[tokio::test]
async fn a_forged_or_foreign_reply_id_names_no_call() {
    let world = World::new();
    let other = world.rest.reply_ids.mint("other.example.com", CALL, 0, 1);
    let forged = ReplyIds::new(&[8; 32], "node-1").mint(ACME, CALL, 0, 1);
    for reply_id in [other.as_str(), forged.as_str(), "hello"] {
        let refused = world
            .post(&path("hangupcall"), json!({"replyId": reply_id}))
            .await;
        assert_eq!(refused.refusal(), (404, "call_not_found".to_owned()));
    }
    assert!(told(&world).is_empty());
}

#[tokio::test]
async fn a_command_for_a_call_of_another_node_is_told_where_to_go() {
    let world = World::new();
    let missing = CommandError::new(CommandErrorKind::CallNotFound, "there is no such call");
    *world.calls.answer.lock().unwrap() = Some(Err(missing));
    let refusal = async |node: &str| {
        let reply_id = world.rest.reply_ids.mint_of(node, ACME, CALL, 0, 1);
        let body = json!({"replyId": reply_id});
        let refused = world.post(&path("hangupcall"), body).await;
        assert_eq!(refused.refusal(), (404, "call_not_found".to_owned()));
        refused.json()["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(refusal("node-1").await, "there is no such call");
    let elsewhere = refusal("node-2").await;
    assert!(
        elsewhere.contains("of the node node-2; send the command there"),
        "{elsewhere}"
    );
}

#[tokio::test]
async fn a_refused_command_says_why_with_the_true_status() {
    let world = World::new();
    let cases = [
        (CommandErrorKind::CallEnded, 409, "call_ended"),
        (
            CommandErrorKind::CallInOtherState,
            409,
            "call_in_other_state",
        ),
        (CommandErrorKind::CodecNotOffered, 409, "codec_not_offered"),
        (
            CommandErrorKind::OutboundForbidden,
            403,
            "outbound_forbidden",
        ),
        (CommandErrorKind::CallNotFound, 404, "call_not_found"),
        (CommandErrorKind::Draining, 503, "draining"),
    ];
    for (kind, status, code) in cases {
        let error = CommandError::new(kind, "because").at("/codec");
        *world.calls.answer.lock().unwrap() = Some(Err(error));
        let refused = world
            .post(&path("answerremotecall"), answer_body(&world))
            .await;
        assert_eq!(refused.refusal(), (status, code.to_owned()));
        assert_eq!(refused.json()["reason"], "because");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/codec");
        assert_eq!(refused.headers.contains_key("retry-after"), status == 503);
    }
}
