use serde_json::{Value, json};

use super::*;
use crate::lenient::{parse, parse_value};

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

/// The documented sample with values in place of placeholders.
fn sample() -> Value {
    json!({
        "restAuthentication": [{
            "sub": "string",
            "requestHeaders": {"x-functions-key": "string"},
            "scope": "string",
            "secret": KEY,
            "type": "RS256",
        }],
        "callbackTimeout": 5000,
        "callbackId": "string",
        "destinationMatch": "/regex/",
        "callbackDescription": "string",
        "name": "string",
        "description": "string",
        "id": "string",
        "callbackName": "string",
        "callbackBaseUrl": "https://app.example.com/hooks",
    })
}

fn changed(change: &Value) -> CloudSipUa {
    let mut body = sample();
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    parse_value(body).unwrap().value
}

fn pointers(service: &CloudSipUa) -> Vec<String> {
    let faults = service.validate(PlainHttp::Refused);
    faults.into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn the_documented_service_is_read_and_written_back() {
    let parsed = parse_value::<CloudSipUa>(sample()).unwrap();
    assert_eq!(parsed.unknown, []);
    assert_eq!(parsed.value.validate(PlainHttp::Refused), []);
    assert_eq!(serde_json::to_value(&parsed.value).unwrap(), sample());
}

#[test]
fn only_three_members_are_required() {
    let body = br#"{"name":"a","destinationMatch":".*","callbackBaseUrl":"https://example.com"}"#;
    let service: CloudSipUa = parse(body).unwrap().value;
    assert_eq!(pointers(&service), [""; 0]);
    assert_eq!(
        pointers(&CloudSipUa::default()),
        ["/name", "/destinationMatch", "/callbackBaseUrl"]
    );
}

#[test]
fn each_wrong_member_is_named() {
    for (change, pointer) in [
        (json!({"name": "x".repeat(201)}), "/name"),
        (
            json!({"destinationMatch": "x".repeat(1_025)}),
            "/destinationMatch",
        ),
        (
            json!({"callbackBaseUrl": "http://example.com"}),
            "/callbackBaseUrl",
        ),
        (json!({"callbackTimeout": 0}), "/callbackTimeout"),
        (json!({"callbackTimeout": 120_001}), "/callbackTimeout"),
        (json!({"description": "x".repeat(1_025)}), "/description"),
    ] {
        assert_eq!(pointers(&changed(&change)), [pointer], "{change}");
    }
    let plain = changed(&json!({"callbackBaseUrl": "http://127.0.0.1:9000"}));
    assert_eq!(plain.validate(PlainHttp::Listed), []);
}

#[test]
fn ways_to_sign_are_checked_one_by_one() {
    for (entry, pointer) in [
        (
            json!({"type": "RS256"}),
            Some("/restAuthentication/0/secret"),
        ),
        (
            json!({"type": "RS256", "secret": "AAAA"}),
            Some("/restAuthentication/0/secret"),
        ),
        (
            json!({"type": "ES256", "secret": "-----BEGIN ENCRYPTED PRIVATE KEY-----"}),
            Some("/restAuthentication/0/secret"),
        ),
        (
            json!({"type": "HS256", "secret": "short"}),
            Some("/restAuthentication/0/secret"),
        ),
        (
            json!({"type": "HS256", "secret": "k".repeat(32), "sub": "a\nb"}),
            Some("/restAuthentication/0/sub"),
        ),
        (json!({"type": "HS256", "secret": "k".repeat(32)}), None),
        (json!({"type": "EdDSA", "secret": KEY}), None),
        (json!({"type": "ES256", "secret": KEY}), None),
    ] {
        let service = changed(&json!({"restAuthentication": [entry]}));
        assert_eq!(
            pointers(&service).first().map(String::as_str),
            pointer,
            "{entry}"
        );
    }
    let mut body = sample();
    body["restAuthentication"][0]["type"] = json!("none");
    let error = parse_value::<CloudSipUa>(body).unwrap_err();
    assert_eq!(error.pointer, "/restAuthentication/0/type");
    let mut body = sample();
    body["restAuthentication"][0]
        .as_object_mut()
        .unwrap()
        .remove("type");
    let error = parse_value::<CloudSipUa>(body).unwrap_err();
    assert_eq!(
        error,
        FieldError::new("/restAuthentication/0/type", "is required")
    );
}

#[test]
fn headers_that_are_not_the_customers_are_refused() {
    for name in [
        "Host",
        "authorization",
        "Content-Length",
        "Transfer-Encoding",
        "connection",
        "webhook-id",
        "Webhook-Signature",
        "traceparent",
        "bad name",
        "",
        "x\r\ny",
    ] {
        let entry = json!({"type": "RS256", "secret": KEY, "requestHeaders": {name: "v"}});
        let service = changed(&json!({"restAuthentication": [entry]}));
        let named = pointers(&service);
        assert_eq!(named.len(), 1, "{name}");
        assert!(
            named[0].starts_with("/restAuthentication/0/requestHeaders/"),
            "{name}"
        );
    }
    for value in ["a\r\nHost: other", "\u{e5}"] {
        let entry = json!({"type": "RS256", "secret": KEY, "requestHeaders": {"x-key": value}});
        let service = changed(&json!({"restAuthentication": [entry]}));
        assert_eq!(
            pointers(&service),
            ["/restAuthentication/0/requestHeaders/x-key"]
        );
    }
}

#[test]
fn secrets_of_a_service_are_never_debugged() {
    let entry = json!({"type": "HS256", "secret": "SECRET-SECRET-SECRET-SECRET-SECRET",
                       "requestHeaders": {"x-functions-key": "SECRET"}});
    let service = changed(&json!({"restAuthentication": [entry]}));
    assert!(!format!("{service:?}").contains("SECRET"));
}
