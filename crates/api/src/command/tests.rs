use serde_json::json;

use super::*;
use crate::lenient::parse;

const ANSWER: &str = r#"{
    "codec": "PCMA",
    "sessionReferenceId": "string",
    "telephoneEventPayloadType": 101,
    "replyId": "string",
    "receivePort": 40000,
    "receiveIp": "192.0.2.10",
    "crypto": [{"suite": "AES_CM_128_HMAC_SHA1_80", "id": 1, "config": "inline:abc"}]
}"#;

const PLACE: &str = r#"{
    "codec": "GSM",
    "sessionReferenceId": "string",
    "destinationUri": "sip:+46890510@example.com",
    "telephoneEventPayloadType": 101,
    "sourceUser": "+46890200",
    "receivePort": 40000,
    "receiveIp": "2001:db8::7",
    "crypto": [],
    "callbackBaseUrl": "https://app.example.com/hooks"
}"#;

fn read<T: serde::de::DeserializeOwned>(body: &str) -> T {
    parse(body.as_bytes()).unwrap().value
}

/// A documented sample with some members replaced, or removed by null.
fn read_with<T: serde::de::DeserializeOwned>(sample: &str, change: &serde_json::Value) -> T {
    let mut body: serde_json::Value = serde_json::from_str(sample).unwrap();
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    serde_json::from_value(body).unwrap()
}

fn pointers(faults: Vec<FieldError>) -> Vec<String> {
    faults.into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn the_documented_answer_is_understood_whole() {
    let parsed = parse::<AnswerRemoteCall>(ANSWER.as_bytes()).unwrap();
    assert_eq!(parsed.unknown, []);
    let answer = parsed.value;
    assert_eq!(answer.validate(), []);
    assert_eq!(
        answer.receive(),
        Some(Receive {
            codec: "PCMA",
            ip: "192.0.2.10".parse().unwrap(),
            port: 40_000,
            telephone_event: Some(101),
            crypto: &answer.crypto,
        })
    );
    let written: serde_json::Value = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        written,
        serde_json::from_str::<serde_json::Value>(ANSWER).unwrap()
    );
}

#[test]
fn an_answer_takes_numbers_for_text_and_text_for_numbers() {
    let answer: AnswerRemoteCall = read_with(
        ANSWER,
        &json!({"sessionReferenceId": 20000, "receivePort": "40000", "telephoneEventPayloadType": "97",
               "codec": "pcmu", "receiveIp": "[::1]",
               "crypto": [{"id": "7", "suite": "F8_128_HMAC_SHA1_80", "config": "inline:x"}]}),
    );
    assert_eq!(answer.validate(), []);
    let receive = answer.receive().unwrap();
    assert_eq!((receive.codec, receive.crypto[0].id), ("PCMU", 7));
    assert_eq!(answer.session_reference_id.as_deref(), Some("20000"));
}

#[test]
fn every_missing_member_of_an_answer_is_named_at_once() {
    assert_eq!(
        pointers(AnswerRemoteCall::default().validate()),
        ["/replyId", "/codec", "/receiveIp", "/receivePort"]
    );
    assert_eq!(AnswerRemoteCall::default().receive(), None);
}

#[test]
fn each_wrong_member_of_an_answer_is_named() {
    for (change, pointer) in [
        (json!({"codec": "opus"}), "/codec"),
        (json!({"receiveIp": "example.com"}), "/receiveIp"),
        (json!({"receiveIp": "0.0.0.0"}), "/receiveIp"),
        (json!({"receiveIp": "224.0.0.1"}), "/receiveIp"),
        (json!({"receiveIp": "ff02::1"}), "/receiveIp"),
        (json!({"receivePort": 0}), "/receivePort"),
        (
            json!({"telephoneEventPayloadType": 95}),
            "/telephoneEventPayloadType",
        ),
        (
            json!({"telephoneEventPayloadType": 128}),
            "/telephoneEventPayloadType",
        ),
        (
            json!({"sessionReferenceId": "x".repeat(1_025)}),
            "/sessionReferenceId",
        ),
        (
            json!({"sessionReferenceId": "a\r\nb"}),
            "/sessionReferenceId",
        ),
        (
            json!({"crypto": [{"id": 1, "suite": "X Y", "config": "inline:x"}]}),
            "/crypto/0/suite",
        ),
        (json!({"replyId": ""}), "/replyId"),
    ] {
        let answer: AnswerRemoteCall = read_with(ANSWER, &change);
        assert_eq!(pointers(answer.validate()), [pointer], "{change}");
        let concerns_media = !["/sessionReferenceId", "/replyId"].contains(&pointer);
        assert_eq!(answer.receive().is_none(), concerns_media, "{change}");
    }
    let error = parse::<AnswerRemoteCall>(br#"{"receivePort":65536}"#).unwrap_err();
    assert_eq!(error.pointer, "/receivePort");
    let error = parse::<AnswerRemoteCall>(br#"{"crypto":[{"id":1,"suite":"X"}]}"#).unwrap_err();
    assert_eq!(error, FieldError::new("/crypto/0/config", "is required"));
}

#[test]
fn unknown_members_of_a_command_are_no_fault() {
    let parsed = parse::<HangupCall>(br#"{"replyId":"r","colour":"red"}"#).unwrap();
    assert_eq!(parsed.value.validate(), []);
    assert_eq!(parsed.unknown.len(), 1);
}

#[test]
fn the_documented_place_is_understood_whole() {
    let parsed = parse::<PlaceRemoteCall>(PLACE.as_bytes()).unwrap();
    assert_eq!(parsed.unknown, []);
    assert_eq!(parsed.value.validate(PlainHttp::Refused), []);
    let receive = parsed.value.receive().unwrap();
    assert_eq!((receive.codec, receive.crypto.len()), ("GSM", 0));
    let written = serde_json::to_value(&parsed.value).unwrap();
    assert_eq!(written["destinationUri"], "sip:+46890510@example.com");
    assert_eq!(written["callbackBaseUrl"], "https://app.example.com/hooks");
}

#[test]
fn each_wrong_member_of_a_place_is_named() {
    for (change, pointer) in [
        (json!({"destinationUri": null}), "/destinationUri"),
        (json!({"destinationUri": "46890510"}), "/destinationUri"),
        (json!({"destinationUri": "http://x"}), "/destinationUri"),
        (json!({"destinationUri": "sip:"}), "/destinationUri"),
        (
            json!({"destinationUri": "<sip:a@example.com>"}),
            "/destinationUri",
        ),
        (
            json!({"destinationUri": "sip:a@example.com>\u{7}"}),
            "/destinationUri",
        ),
        (json!({"sourceUser": null}), "/sourceUser"),
        (json!({"sourceUser": "a@b"}), "/sourceUser"),
        (json!({"sourceUser": "a\nb"}), "/sourceUser"),
        (json!({"sourceUser": "1".repeat(257)}), "/sourceUser"),
        (
            json!({"callbackBaseUrl": "http://app.example.com"}),
            "/callbackBaseUrl",
        ),
        (json!({"ringTimeout": 0}), "/ringTimeout"),
        (json!({"ringTimeout": 3_601}), "/ringTimeout"),
        (json!({"cloudSipUAId": "x".repeat(129)}), "/cloudSipUAId"),
    ] {
        let place: PlaceRemoteCall = read_with(PLACE, &change);
        let named = pointers(place.validate(PlainHttp::Refused));
        assert!(!named.is_empty(), "{change}");
        assert!(named.iter().all(|at| at == pointer), "{change}: {named:?}");
    }
}

#[test]
fn schemes_and_additive_members_of_a_place_are_taken() {
    for uri in ["SIP:a@example.com", "sips:a@example.com", "tel:+46890510"] {
        let place: PlaceRemoteCall = read_with(PLACE, &json!({"destinationUri": uri}));
        assert_eq!(place.validate(PlainHttp::Refused), [], "{uri}");
    }
    let place: PlaceRemoteCall = read_with(
        PLACE,
        &json!({"cloudSipUAId": "ua-1", "ringTimeout": "60", "callbackBaseUrl": "http://127.0.0.1:9000"}),
    );
    assert_eq!(place.validate(PlainHttp::Listed), []);
    assert_eq!(
        (place.cloud_sip_ua_id.as_deref(), place.ring_timeout),
        (Some("ua-1"), Some(60))
    );
}

#[test]
fn ringback_is_plain_ringing_until_media_is_given() {
    let plain: SendRemoteCallRingback = read(r#"{"replyId": "string"}"#);
    assert_eq!((plain.validate(), plain.receive()), (vec![], None));
    let early: SendRemoteCallRingback = read(ANSWER);
    assert_eq!(early.validate(), []);
    assert_eq!(early.receive().unwrap().port, 40_000);
    let half: SendRemoteCallRingback = read(r#"{"replyId": "string", "codec": "PCMA"}"#);
    assert_eq!(pointers(half.validate()), ["/receiveIp", "/receivePort"]);
    for keys_only in [
        r#"{"replyId":"r","telephoneEventPayloadType":101}"#,
        r#"{"replyId":"r","crypto":[{"id":1,"suite":"AES_CM_128_HMAC_SHA1_80","config":"inline:a"}]}"#,
    ] {
        let early: SendRemoteCallRingback = read(keys_only);
        let missing = ["/codec", "/receiveIp", "/receivePort"];
        assert_eq!(pointers(early.validate()), missing, "{keys_only}");
    }
    assert_eq!(
        pointers(SendRemoteCallRingback::default().validate()),
        ["/replyId"]
    );
}

#[test]
fn a_call_is_hung_up_with_any_status_that_ends_one() {
    let plain: HangupCall = read(r#"{"replyId": "string"}"#);
    assert_eq!(plain.validate(), []);
    for status in 0..1_000_u16 {
        let hangup = HangupCall {
            reply_id: Some("r".into()),
            sip_status: Some(status),
            reason: Some("Not now".into()),
        };
        let fits = (400..700).contains(&status) && ![401, 407, 420, 421, 422].contains(&status);
        assert_eq!(hangup.validate().is_empty(), fits, "{status}");
    }
    let folded: HangupCall = read(r#"{"replyId":"r","reason":"a\r\nVia: x"}"#);
    assert_eq!(pointers(folded.validate()), ["/reason"]);
}

#[test]
fn replies_have_the_documented_form() {
    assert_eq!(
        serde_json::to_string(&CommandReply::DONE).unwrap(),
        r#"{"success":true}"#
    );
    let placed = PlaceRemoteCallReply {
        success: true,
        reply_id: "r".into(),
        session_id: "s".into(),
        call_id: "c".into(),
        trace_id: "t".into(),
    };
    assert_eq!(
        serde_json::to_string(&placed).unwrap(),
        r#"{"success":true,"replyId":"r","sessionId":"s","callId":"c","traceId":"t"}"#
    );
}

#[test]
fn keys_in_a_command_are_never_debugged() {
    let place: PlaceRemoteCall = read_with(
        PLACE,
        &json!({"crypto": [{"id": 1, "suite": "A_B", "config": "inline:SECRET"}]}),
    );
    assert!(!format!("{place:?}").contains("SECRET"));
}
