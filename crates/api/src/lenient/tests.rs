use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Sample {
    #[serde(deserialize_with = "text")]
    label: Option<String>,
    #[serde(deserialize_with = "required_text")]
    name: String,
    #[serde(deserialize_with = "number")]
    port: Option<u16>,
    #[serde(deserialize_with = "boolean")]
    on: Option<bool>,
    #[serde(deserialize_with = "list")]
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Part {
    id: u32,
}

fn read(body: &str) -> Result<Parsed<Sample>, FieldError> {
    parse(body.as_bytes())
}

fn pointer(body: &str) -> String {
    read(body).unwrap_err().pointer
}

#[test]
fn numbers_are_taken_for_text_and_truth_values_are_not() {
    for (json, text) in [
        ("20000", "20000"),
        ("-5", "-5"),
        ("1.5", "1.5"),
        (r#""x""#, "x"),
    ] {
        let read = read(&format!(r#"{{"label":{json}}}"#)).unwrap();
        assert_eq!(read.value.label.as_deref(), Some(text));
    }
    assert_eq!(
        read(r#"{"label":true}"#).unwrap_err(),
        FieldError::new("/label", "invalid type: boolean `true`, expected text")
    );
    assert_eq!(pointer(r#"{"name":false}"#), "/name");
}

#[test]
fn text_is_taken_for_numbers_and_truth_values() {
    for (json, port) in [
        ("5060", Some(5060)),
        (r#""5060""#, Some(5060)),
        (r#"" 5060 ""#, Some(5060)),
        ("5060.0", Some(5060)),
        (r#""""#, None),
        ("null", None),
    ] {
        let read = read(&format!(r#"{{"port":{json}}}"#)).unwrap();
        assert_eq!(read.value.port, port, "{json}");
    }
    for (json, on) in [
        ("true", Some(true)),
        (r#""true""#, Some(true)),
        (r#""0""#, Some(false)),
        ("null", None),
    ] {
        let read = read(&format!(r#"{{"on":{json}}}"#)).unwrap();
        assert_eq!(read.value.on, on, "{json}");
    }
    for text in ["", " ", "\\t", "\\u2028", " true", "TRUE", "yes"] {
        let error = read(&format!(r#"{{"on":"{text}"}}"#)).unwrap_err();
        assert_eq!(error, FieldError::new("/on", "must be true or false"));
    }
    assert_eq!(pointer(r#"{"port":" "}"#), "/port");
}

#[test]
fn a_wrong_value_in_good_json_is_named_and_hardly_repeated() {
    use crate::device::Device;
    let fault = |body: &str| parse::<Device>(body.as_bytes()).unwrap_err();
    assert_eq!(
        fault(r#"{"deviceId":"1","authType":null}"#),
        FieldError::new("/authType", "invalid type: null, expected text")
    );
    let long = "x, expected y".repeat(50_000);
    let bodies = [
        format!(r#"{{"deviceId":"1","authType":"{long}"}}"#),
        format!(r#"{{"deviceId":"1","authType":"disabled","authorized":"{long}"}}"#),
        format!(r#""{long}""#),
    ];
    for (body, pointer) in bodies.iter().zip(["/authType", "/authorized", ""]) {
        let error = fault(body);
        assert_eq!(error.pointer, pointer);
        assert!(error.detail.chars().count() < 400, "{}", error.detail.len());
    }
    let named = format!(r#"{{"deviceId":"1","authType":"disabled","{long}":1}}"#);
    let parsed = parse::<Device>(named.as_bytes()).unwrap();
    assert!(parsed.unknown[0].pointer.len() < 200);
}

#[test]
fn json_that_is_to_stand_in_a_body_obeys_the_rules_of_bodies() {
    let pointer = |text: &str| value_within(text, 2).unwrap_err().pointer;
    assert_eq!(
        value_within(r#"{"a":[1,"x"]}"#, 2),
        Ok(json!({"a": [1, "x"]}))
    );
    assert_eq!(pointer(r#"{"a":1,"a":2}"#), "/a");
    assert_eq!(pointer(r#"{"a":"\u0000"}"#), "/a");
    assert_eq!(pointer(r#"{"a":12345678901234567890.5}"#), "/a");
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(value_within(&nested(30), 2).is_ok());
    assert!(
        value_within(&nested(31), 2)
            .unwrap_err()
            .detail
            .contains("too deeply")
    );
}

#[test]
fn null_means_absence() {
    let body = r#"{"label":null,"name":null,"port":null,"on":null,"parts":null}"#;
    assert_eq!(read(body).unwrap().value, Sample::default());
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    assert_eq!(pointer(r#"{"label":[]}"#), "/label");
    assert_eq!(pointer(r#"{"port":{}}"#), "/port");
    assert_eq!(pointer(r#"{"on":"maybe"}"#), "/on");
    assert_eq!(pointer(r#"{"parts":[{"id":1},{"id":"x"}]}"#), "/parts/1/id");
    for json in ["65536", "-1", "1.5", r#""+5""#, r#""x""#] {
        let error = read(&format!(r#"{{"port":{json}}}"#)).unwrap_err();
        let expected = FieldError::new("/port", "must be a whole number from 0 to 65535");
        assert_eq!(error, expected, "{json}");
    }
    assert_eq!(
        read(r#"{"port":[]}"#).unwrap_err().detail,
        "invalid type: sequence, expected a whole number from 0 to 65535"
    );
}

#[test]
fn a_missing_member_is_named_as_if_it_were_there() {
    assert_eq!(
        read(r#"{"parts":[{}]}"#).unwrap_err(),
        FieldError::new("/parts/0/id", "is required")
    );
}

#[test]
fn a_body_that_is_no_json_is_told_as_such() {
    for body in [
        "",
        "nonsense",
        "{",
        r#"{"name":"x"} trailing"#,
        r#"{"parts":[{"#,
    ] {
        let error = read(body).unwrap_err();
        assert_eq!(error.pointer, "", "{body}");
        assert!(
            error.detail.starts_with("the body is not JSON"),
            "{error:?}"
        );
    }
    assert!(parse::<Sample>(b"{\"name\":\"\xff\"}").is_err());
    assert!(read(&r#"{"x":"#.repeat(100_000)).is_err());
}

#[test]
fn only_an_object_is_an_object_and_only_a_list_is_a_list() {
    for body in [r#"["label","name"]"#, "null", "1", r#""x""#] {
        let error = read(body).unwrap_err();
        assert_eq!(error.pointer, "");
        assert!(error.detail.ends_with(", expected an object"), "{error:?}");
    }
    assert!(parse_value::<Sample>(json!(["label"])).is_err());
    assert!(parse::<Vec<Part>>(b"{}").is_err());
    let list = parse::<Vec<Part>>(br#" [{"id":1,"x":0}]"#).unwrap();
    assert_eq!(
        (list.value.len(), list.unknown[0].pointer.as_str()),
        (1, "/0/x")
    );
    assert_eq!(
        read(r#"{"parts":[7]}"#).unwrap_err(),
        FieldError::new("/parts/0", "invalid type: integer `7`, expected an object")
    );
}

#[test]
fn unknown_members_are_warned_of_wherever_they_are() {
    let body =
        r#"{"name":"x","colour":1,"parts":[{"id":1,"a/b~c":{}}],"success":true,"reason":"r"}"#;
    let unknown = read(body).unwrap().unknown;
    let pointers: Vec<&str> = unknown.iter().map(|w| w.pointer.as_str()).collect();
    assert_eq!(pointers, ["/colour", "/parts/0/a~1b~0c"]);
    assert_eq!(unknown[0].detail, "is not known and was ignored");
}

#[test]
fn a_flood_of_unknown_members_gives_a_bounded_warning() {
    let members: Vec<String> = (0..500).map(|n| format!(r#""m{n}":0"#)).collect();
    let body = format!("{{{}}}", members.join(","));
    assert_eq!(read(&body).unwrap().unknown.len(), MAX_WARNINGS);
}

#[test]
fn a_value_is_read_like_a_body() {
    let value = json!({"port": "7", "parts": [{"id": 3, "x": 0}]});
    let read: Parsed<Sample> = parse_value(value).unwrap();
    assert_eq!(read.value.port, Some(7));
    assert_eq!(read.unknown[0].pointer, "/parts/0/x");
    let error = parse_value::<Sample>(json!({"parts": [{"id": -1}]})).unwrap_err();
    assert_eq!(error.pointer, "/parts/0/id");
}

#[test]
fn whole_numbers_are_whole_however_they_are_written() {
    #[derive(Deserialize)]
    struct Powers(#[serde(deserialize_with = "integers")] Vec<i32>);

    let read: Parsed<Powers> = parse(br#"[-6, 0.0, -181.0, "12"]"#).unwrap();
    assert_eq!(read.value.0, [-6, 0, -181, 12]);
    for wrong in ["[1.5]", "[2147483648]", "[\"\"]", "[null]", "[true]"] {
        let error = parse::<Powers>(wrong.as_bytes())
            .map(|read| read.value.0)
            .unwrap_err();
        assert_eq!(error.pointer, "/0", "{wrong}");
    }
}

#[test]
fn a_time_is_no_larger_than_a_double_holds_exactly() {
    #[derive(Deserialize)]
    struct At {
        #[serde(deserialize_with = "time")]
        at: Option<u64>,
    }

    let read = |body: &str| parse::<At>(body.as_bytes()).map(|read| read.value.at);
    assert_eq!(read(r#"{"at":9007199254740991}"#), Ok(Some(MAX_TIME)));
    let detail = "must be a whole number from 0 to 9007199254740991";
    let refused = Err(FieldError::new("/at", detail));
    assert_eq!(read(r#"{"at":9007199254740992}"#), refused);
    assert_eq!(read(r#"{"at":"9007199254740992"}"#), refused);
}
