use serde_json::{Value, json};

use super::*;

fn envelope() -> Envelope<'static> {
    Envelope {
        webhook_id: "msg_1".into(),
        sequence: 1,
        timestamp: 1_700_000_000_000,
        domain: "customer.prod-eu-north-1.iotcomms.io".into(),
        session_id: "9bb07660-c747-11ea-afa0-bd07728b88b7".into(),
        call_id: "nfdfsij82893kn".into(),
        trace_id: "9851cf70-1cc8-11ef-b3dd-9b598c1e38cf".into(),
        http_transaction_id: "6f486ab0-fa96-11ef-a5b0-5d34730683ab".into(),
        reply_id: Some("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJkb21...".into()),
        session_reference_id: Some("20000".into()),
        ..Envelope::default()
    }
}

fn outcome() -> Outcome<'static> {
    Outcome {
        ended_by: "remote".into(),
        sip_status: Some(403),
        sip_reason: Some("Busy Here".into()),
        q850_cause: Some(17),
        q850_text: Some("User busy".into()),
        duration: 0,
        class: "busy".into(),
    }
}

/// Every member of the documented sample is there with the same value; the rest is additive.
fn assert_has(body: &impl Serialize, documented: &Value, additive: &[&str]) {
    let written = serde_json::to_value(body).unwrap();
    let written = written.as_object().unwrap();
    let documented = documented.as_object().unwrap();
    for (name, value) in documented {
        assert_eq!(written.get(name), Some(value), "{name}");
    }
    let mut others: Vec<&str> = written
        .keys()
        .map(String::as_str)
        .filter(|name| !documented.contains_key(*name))
        .collect();
    others.sort_unstable();
    assert_eq!(others, additive);
}

fn assert_reads_back<T>(body: &T)
where
    T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let text = serde_json::to_string(body).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), body);
}

#[test]
fn new_remote_call_has_every_documented_member() {
    let body = NewRemoteCall {
        envelope: Envelope {
            session_reference_id: None,
            ..envelope()
        },
        ivr_server: "127.0.0.1".into(),
        destination_uri: "sip:user@domain.com".into(),
        source_user: "1234567".into(),
        codec: Some("PCMA".into()),
        codecs: vec!["PCMA".into(), "PCMU".into()],
        remote_rtp_ip: Some("10.2.30.12".into()),
        remote_rtp_port: Some(20_000),
        telephone_event_payload_type: Some(101),
        crypto: vec![Crypto {
            id: 1,
            suite: "AES_CM_128_HMAC_SHA1_80".into(),
            config: "inline:abc".into(),
        }],
        direction: None,
        cloud_sip_ua_id: Some("ua-1".into()),
    };
    let documented = json!({
        "httpTransactionId": "6f486ab0-fa96-11ef-a5b0-5d34730683ab",
        "sessionId": "9bb07660-c747-11ea-afa0-bd07728b88b7",
        "replyId": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJkb21...",
        "traceId": "9851cf70-1cc8-11ef-b3dd-9b598c1e38cf",
        "domain": "customer.prod-eu-north-1.iotcomms.io",
        "ivrServer": "127.0.0.1",
        "callId": "nfdfsij82893kn",
        "codec": "PCMA",
        "destinationUri": "sip:user@domain.com",
        "sourceUser": "1234567",
        "remoteRtpIp": "10.2.30.12",
        "remoteRtpPort": 20000,
        "telephoneEventPayloadType": 101,
        "crypto": [{"id": 1, "suite": "AES_CM_128_HMAC_SHA1_80", "config": "inline:abc"}],
    });
    let additive = [
        "cloudSipUAId",
        "codecs",
        "sequence",
        "timestamp",
        "webhookId",
    ];
    assert_has(&body, &documented, &additive);
    assert_reads_back(&body);
}

#[test]
fn a_late_offer_leaves_the_media_members_out() {
    let body = NewRemoteCall {
        envelope: envelope(),
        ivr_server: "127.0.0.1".into(),
        destination_uri: "sip:user@domain.com".into(),
        source_user: "1234567".into(),
        codec: None,
        codecs: vec![],
        remote_rtp_ip: None,
        remote_rtp_port: None,
        telephone_event_payload_type: None,
        crypto: vec![],
        direction: None,
        cloud_sip_ua_id: None,
    };
    let written = serde_json::to_value(&body).unwrap();
    for absent in [
        "codec",
        "codecs",
        "remoteRtpIp",
        "remoteRtpPort",
        "crypto",
        "siteId",
    ] {
        assert!(written.get(absent).is_none(), "{absent}");
    }
    assert_reads_back(&body);
}

#[test]
fn call_answered_has_every_documented_member() {
    let body = CallAnswered {
        envelope: Envelope {
            site_id: Some("siteA".into()),
            site_base_url: Some("https://site.example.com".into()),
            ..envelope()
        },
        calling_party_number: "46890510".into(),
        caller_participant_id: "d93f0370-c787-11eb-a47c-c9c4e460ef16".into(),
        callee_participant_id: "da9cbeb0-c787-11eb-a47c-c9c4e460ef16".into(),
        remote_party_number: "46890200".into(),
        connection_id: "da9ce5c0-c787-11eb-a47c-c9c4e460ef16".into(),
        calling_party_expires: Some(600),
        called_party_expires: Some(600),
        codec: "GSM".into(),
        monitoring_participant: false,
        remote_rtp_ip: "10.0.0.2".into(),
        remote_rtp_port: "45000".into(),
        telephone_event_payload_type: None,
        crypto: vec![],
        direction: None,
    };
    let documented = json!({
        "callingPartyNumber": "46890510",
        "callerParticipantId": "d93f0370-c787-11eb-a47c-c9c4e460ef16",
        "calleeParticipantId": "da9cbeb0-c787-11eb-a47c-c9c4e460ef16",
        "remotePartyNumber": "46890200",
        "connectionId": "da9ce5c0-c787-11eb-a47c-c9c4e460ef16",
        "callingPartyExpires": 600,
        "calledPartyExpires": 600,
        "codec": "GSM",
        "monitoringParticipant": false,
        "remoteRtpIp": "10.0.0.2",
        "remoteRtpPort": "45000",
        "replyId": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJkb21...",
        "sessionReferenceId": "20000",
        "traceId": "9851cf70-1cc8-11ef-b3dd-9b598c1e38cf",
        "httpTransactionId": "6f486ab0-fa96-11ef-a5b0-5d34730683ab",
        "siteId": "siteA",
        "siteBaseUrl": "https://site.example.com",
    });
    let additive = [
        "callId",
        "domain",
        "sequence",
        "sessionId",
        "timestamp",
        "webhookId",
    ];
    assert_has(&body, &documented, &additive);
    assert_reads_back(&body);
}

#[test]
fn call_notify_has_every_documented_member() {
    let body = CallNotify {
        envelope: Envelope {
            site_id: Some("siteA".into()),
            ..envelope()
        },
        event: NotifyEvent::Ringing,
        monitoring_participant: false,
        participant_id: "9bb07660-c747-11ea-afa0-bd07728b88b7".into(),
        user: "+46890510".into(),
        remote_user: "+46890200".into(),
        remote_participant_id: "da9cbeb0-c787-11eb-a47c-c9c4e460ef16".into(),
        sip_call_id: "5473001594892095000".into(),
        ivr_server: "127.0.0.1".into(),
        codec: None,
        remote_rtp_ip: None,
        remote_rtp_port: None,
        telephone_event_payload_type: None,
        crypto: vec![],
        direction: None,
    };
    let documented = json!({
        "event": "ringing",
        "monitoringParticipant": false,
        "participantId": "9bb07660-c747-11ea-afa0-bd07728b88b7",
        "sessionId": "9bb07660-c747-11ea-afa0-bd07728b88b7",
        "sessionReferenceId": "20000",
        "user": "+46890510",
        "remoteUser": "+46890200",
        "remoteParticipantId": "da9cbeb0-c787-11eb-a47c-c9c4e460ef16",
        "sipCallId": "5473001594892095000",
        "ivrServer": "127.0.0.1",
        "traceId": "9851cf70-1cc8-11ef-b3dd-9b598c1e38cf",
        "siteId": "siteA",
    });
    let additive = [
        "callId",
        "domain",
        "httpTransactionId",
        "replyId",
        "sequence",
        "timestamp",
        "webhookId",
    ];
    assert_has(&body, &documented, &additive);
    assert_reads_back(&body);
    for (event, text) in [
        (NotifyEvent::ReInvite, "\"reInvite\""),
        (NotifyEvent::Update, "\"update\""),
    ] {
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
    }
}

#[test]
fn call_failed_has_every_documented_member_and_its_outcome() {
    let body = CallFailed {
        envelope: Envelope {
            reply_id: None,
            ..envelope()
        },
        outcome: outcome(),
        sip_call_id: "nfdfsij82893kn".into(),
        error_descr: "Busy Here".into(),
        ivr_server: "127.0.0.1".into(),
        participant_id: "c2af21a1-e90f-11ea-9564-1f1d01c9e7c9".into(),
    };
    let documented = json!({
        "sipCallId": "nfdfsij82893kn",
        "sipStatus": 403,
        "sipReason": "Busy Here",
        "errorDescr": "Busy Here",
        "sessionReferenceId": "20000",
        "sessionId": "9bb07660-c747-11ea-afa0-bd07728b88b7",
        "ivrServer": "127.0.0.1",
        "participantId": "c2af21a1-e90f-11ea-9564-1f1d01c9e7c9",
        "domain": "customer.prod-eu-north-1.iotcomms.io",
        "traceId": "9851cf70-1cc8-11ef-b3dd-9b598c1e38cf",
        "httpTransactionId": "6f486ab0-fa96-11ef-a5b0-5d34730683ab",
    });
    let additive = [
        "callId",
        "class",
        "duration",
        "endedBy",
        "q850Cause",
        "q850Text",
        "sequence",
        "timestamp",
        "webhookId",
    ];
    assert_has(&body, &documented, &additive);
    assert_reads_back(&body);
}

#[test]
fn call_hungup_has_every_documented_member_and_its_outcome() {
    let body = CallHungup {
        envelope: Envelope {
            reply_id: None,
            ..envelope()
        },
        outcome: outcome(),
        destination_uri: "sip:user@domain.com".into(),
        source_user: "1234567".into(),
    };
    let documented = json!({
        "callId": "nfdfsij82893kn",
        "sessionReferenceId": "20000",
        "destinationUri": "sip:user@domain.com",
        "sourceUser": "1234567",
    });
    let additive = [
        "class",
        "domain",
        "duration",
        "endedBy",
        "httpTransactionId",
        "q850Cause",
        "q850Text",
        "sequence",
        "sessionId",
        "sipReason",
        "sipStatus",
        "timestamp",
        "traceId",
        "webhookId",
    ];
    assert_has(&body, &documented, &additive);
    assert_reads_back(&body);
}

#[test]
fn no_member_is_written_twice() {
    let body = CallFailed {
        envelope: envelope(),
        outcome: outcome(),
        sip_call_id: "c".into(),
        error_descr: "Busy Here".into(),
        ivr_server: "127.0.0.1".into(),
        participant_id: "p".into(),
    };
    let text = serde_json::to_string(&body).unwrap();
    let members = serde_json::to_value(&body)
        .unwrap()
        .as_object()
        .unwrap()
        .len();
    assert_eq!(text.matches("\":").count(), members);
}

#[test]
fn the_names_are_the_documented_ones() {
    let names = [
        NewRemoteCall::NAME,
        CallAnswered::NAME,
        CallNotify::NAME,
        CallFailed::NAME,
        CallHungup::NAME,
    ];
    let documented = [
        "newRemoteCall",
        "callAnswered",
        "callNotify",
        "callFailed",
        "callHungup",
    ];
    assert_eq!(names, documented);
}
