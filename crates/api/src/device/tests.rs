use serde_json::json;

use super::*;
use crate::lenient::{parse, parse_value};

/// The documented sample with values in place of placeholders.
fn sample() -> Value {
    json!({
        "deviceType": "sipDevice",
        "macAddress": "00:1A:2b:3c:4d:5e",
        "password": "string",
        "authorized": {"domain": "string", "invite": "string", "register": true},
        "serviceData": {"alarmBridge": {
            "heartbeatInterval": 300_000,
            "alarmProtocol": "tt92",
            "emergencyDestination": "string",
            "overrideInAlarmEvent": {"deviceType": "string", "priority": 0},
            "usePredefinedDestination": true,
        }},
        "description": "string",
        "ha1": "0123456789abcdef0123456789abcdef",
        "deviceCLI": "string",
        "authType": "credentials",
        "deviceId": "string",
    })
}

fn changed(change: &Value) -> Device {
    let mut body = sample();
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    parse_value(body).unwrap().value
}

fn pointers(device: &Device) -> Vec<String> {
    let faults = device.validate();
    faults.into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn the_documented_device_is_read_and_written_back() {
    let parsed = parse_value::<Device>(sample()).unwrap();
    assert_eq!(parsed.unknown, []);
    assert_eq!(parsed.value.validate(), []);
    assert_eq!(serde_json::to_value(&parsed.value).unwrap(), sample());
}

#[test]
fn an_id_is_one_that_a_path_can_name() {
    for id in [".", ".."] {
        assert_eq!(pointers(&changed(&json!({"deviceId": id}))), ["/deviceId"]);
    }
    assert!(pointers(&changed(&json!({"deviceId": "..."}))).is_empty());
}

#[test]
fn a_device_behind_rest_needs_three_members() {
    let body = br#"{"deviceId":"+46890510","authType":"disabled","deviceType":"alarmUnit"}"#;
    let device: Device = parse(body).unwrap().value;
    assert_eq!(device.validate(), []);
    assert_eq!(device.auth_type, AuthType::Disabled);
}

#[test]
fn read_only_members_are_ignored_without_a_word() {
    let body = br#"{"deviceId":46890510,"authType":"deviceid","lastConfigured":0,
        "heartbeatStatus":"online","heartbeatExpiration":0,"success":true,"reason":"string"}"#;
    let parsed = parse::<Device>(body).unwrap();
    assert_eq!(parsed.unknown, []);
    assert_eq!(parsed.value.device_id, "46890510");
    // The path says whose it is: another domain in the body is not to be taken for it.
    let body = br#"{"deviceId":"1","authType":"disabled","domain":"other.example.com"}"#;
    let unknown = parse::<Device>(body).unwrap().unknown;
    assert_eq!(unknown[0].pointer, "/domain");
}

#[test]
fn the_spelling_of_the_prose_is_taken_too() {
    let device: Device = parse(br#"{"deviceid":"a","authType":"disabled"}"#)
        .unwrap()
        .value;
    assert_eq!(device.device_id, "a");
}

#[test]
fn each_wrong_member_is_named() {
    for (change, pointer) in [
        (json!({"deviceId": null}), "/deviceId"),
        (json!({"deviceId": "a b"}), "/deviceId"),
        (json!({"deviceId": "a@b"}), "/deviceId"),
        (json!({"deviceId": "x".repeat(257)}), "/deviceId"),
        (json!({"description": "å".repeat(201)}), "/description"),
        (json!({"ha1": "0123"}), "/ha1"),
        (json!({"macAddress": "00:1A"}), "/macAddress"),
        (json!({"macAddress": "00:1A:2b:3c:4d:5g"}), "/macAddress"),
        (json!({"deviceCLI": "1".repeat(65)}), "/deviceCLI"),
        (json!({"authType": "userid", "password": ""}), "/password"),
        (
            json!({"authType": "userid", "authorized": null}),
            "/authorized",
        ),
        (
            json!({"authorized": {"invite": "x".repeat(1_025)}}),
            "/authorized/invite",
        ),
        (
            json!({"serviceData": {"alarmBridge": {"heartbeatInterval": 299_999}}}),
            "/serviceData/alarmBridge/heartbeatInterval",
        ),
        (
            json!({"serviceData": {"x": "y".repeat(16_384)}}),
            "/serviceData",
        ),
    ] {
        assert_eq!(pointers(&changed(&change)), [pointer], "{change}");
    }
    let within = changed(&json!({"description": "å".repeat(200), "deviceId": "aZ09-._:~+"}));
    assert_eq!(pointers(&within), [""; 0]);
}

#[test]
fn a_mac_address_may_be_written_in_every_usual_way() {
    for text in [
        "000b82Aabbcc",
        "00:0b:82:aa:bb:cc",
        "00-0B-82-AA-BB-CC",
        "000b.82aa.bbcc",
    ] {
        assert_eq!(
            parse_mac(text),
            Some([0, 0x0b, 0x82, 0xaa, 0xbb, 0xcc]),
            "{text}"
        );
    }
    for text in [
        "",
        "000b82aabbc",
        "000b82aabbccd",
        "000b82aabbcg",
        "00 0b 82 aa bb cc",
    ] {
        assert_eq!(parse_mac(text), None, "{text}");
    }
}

#[test]
fn kinds_that_do_not_exist_are_named() {
    for (body, pointer) in [
        (r#"{"deviceId":"a"}"#, "/authType"),
        (r#"{"deviceId":"a","authType":"none"}"#, "/authType"),
        (
            r#"{"deviceId":"a","authType":"disabled","deviceType":"toaster"}"#,
            "/deviceType",
        ),
        (
            r#"{"deviceId":"a","authType":"disabled","serviceData":[]}"#,
            "/serviceData",
        ),
    ] {
        let error = parse::<Device>(body.as_bytes()).unwrap_err();
        assert_eq!(error.pointer, pointer, "{body}");
    }
}

#[test]
fn replies_have_the_documented_form() {
    let device: Device = parse_value(sample()).unwrap().value;
    let mut expected = sample();
    expected["success"] = json!(true);
    let reply = DeviceReply {
        success: true,
        device: device.clone(),
    };
    assert_eq!(serde_json::to_value(&reply).unwrap(), expected);
    let list = DeviceList {
        success: true,
        devices: vec![device],
        next_token: Some("string".into()),
    };
    assert_eq!(
        serde_json::to_value(&list).unwrap(),
        json!({"devices": [sample()], "nextToken": "string", "success": true})
    );
    let written = DeviceWritten {
        success: true,
        password: Some("string".into()),
        warnings: vec![],
    };
    assert_eq!(
        serde_json::to_value(&written).unwrap(),
        json!({"password": "string", "success": true})
    );
}

#[test]
fn deleting_everything_needs_a_plain_yes() {
    for (body, confirmed) in [
        ("{}", None),
        (r#"{"confirmDeleteAll":false}"#, Some(false)),
        (r#"{"confirmDeleteAll":true}"#, Some(true)),
    ] {
        let request: DeleteAllDevices = parse(body.as_bytes()).unwrap().value;
        assert_eq!(request.confirm_delete_all, confirmed);
    }
    assert!(parse::<DeleteAllDevices>(br#"{"confirmDeleteAll":"yes"}"#).is_err());
}

#[test]
fn passwords_are_never_debugged() {
    let device = changed(&json!({"password": "SECRET"}));
    let shown = format!("{device:?}");
    assert!(!shown.contains("SECRET") && !shown.contains("0123456789abcdef"));
}
