use serde_json::json;

use super::*;

fn call() -> Call {
    Call {
        id: "019a".into(),
        domain: "example.com".into(),
        direction: CallDirection::Inbound,
        state: CallState::Ended,
        cloud_sip_ua_id: Some("ua-1".into()),
        source_user: "+46890510".into(),
        destination_user: "+46890200".into(),
        destination_uri: "sip:+46890200@example.com".into(),
        call_id: "a84b4c76e66710".into(),
        session_id: "s".into(),
        trace_id: "t".into(),
        session_reference_id: None,
        started_at: 1_000,
        ringing_at: Some(1_100),
        answered_at: None,
        confirmed_at: None,
        ended_at: Some(2_000),
        outcome: Some(Outcome {
            ended_by: "remote".into(),
            sip_status: Some(487),
            sip_reason: None,
            q850_cause: Some(16),
            q850_text: None,
            duration: 0,
            class: "no_answer".into(),
        }),
    }
}

#[test]
fn a_call_leaves_out_what_never_happened() {
    assert_eq!(
        serde_json::to_value(call()).unwrap(),
        json!({
            "id": "019a", "domain": "example.com", "direction": "inbound", "state": "ended",
            "cloudSipUAId": "ua-1", "sourceUser": "+46890510", "destinationUser": "+46890200",
            "destinationUri": "sip:+46890200@example.com", "callId": "a84b4c76e66710",
            "sessionId": "s", "traceId": "t", "startedAt": 1_000, "ringingAt": 1_100, "endedAt": 2_000,
            "outcome": {"endedBy": "remote", "sipStatus": 487, "q850Cause": 16, "duration": 0, "class": "no_answer"},
        })
    );
}

#[test]
fn a_detail_is_the_call_with_its_trace_and_events() {
    let detail = CallDetail {
        call: call(),
        reply_id: None,
        node: None,
        local: None,
        remote: Some(CallMedia {
            ip: "192.0.2.1".into(),
            port: 4_000,
            codec: "PCMA".into(),
            telephone_event_payload_type: None,
            suites: vec![],
            direction: Some("sendrecv".into()),
        }),
        trace: vec![TraceStep {
            rule: "tenant".into(),
            result: "matched".into(),
            why: "the Request-URI names example.com".into(),
        }],
        events: vec![CallEvent {
            webhook_id: "msg_1".into(),
            name: "newRemoteCall".into(),
            sequence: 1,
            timestamp: 1_001,
            state: DeliveryState::Delivered,
            attempts: 1,
            last_status: Some(200),
            last_error: None,
            delivered_at: Some(1_020),
        }],
    };
    let written = serde_json::to_value(&detail).unwrap();
    let mut expected = serde_json::to_value(call()).unwrap();
    expected["remote"] =
        json!({"ip": "192.0.2.1", "port": 4_000, "codec": "PCMA", "direction": "sendrecv"});
    expected["trace"] = json!([{"rule": "tenant", "result": "matched", "why": "the Request-URI names example.com"}]);
    expected["events"] = json!([{"webhookId": "msg_1", "name": "newRemoteCall", "sequence": 1, "timestamp": 1_001,
        "state": "delivered", "attempts": 1, "lastStatus": 200, "deliveredAt": 1_020}]);
    assert_eq!(written, expected);
    assert_eq!(
        serde_json::from_value::<CallDetail>(written).unwrap(),
        detail
    );
}

#[test]
fn the_query_is_read_from_text() {
    let query: CallQuery = serde_json::from_value(json!({
        "state": "ringing", "startedAfter": "1000", "number": "+46", "limit": "5",
    }))
    .unwrap();
    assert_eq!(query.state, Some(CallState::Ringing));
    assert_eq!(query.started_after, Some(1_000));
    assert_eq!(query.page().unwrap().limit, 5);
    assert!(serde_json::from_value::<CallQuery>(json!({"state": "gone"})).is_err());
}

#[test]
fn a_states_text_is_its_text_on_the_wire() {
    for state in [
        CallState::Offered,
        CallState::Ringing,
        CallState::Answered,
        CallState::Confirmed,
        CallState::Cancelling,
        CallState::Ended,
    ] {
        assert_eq!(serde_json::to_value(state).unwrap(), json!(state.as_str()));
    }
}
