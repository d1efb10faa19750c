use serde_json::{Value, json};

use super::*;
use crate::lenient::parse_value;

fn trunk(change: &Value) -> Trunk {
    let mut body = json!({
        "destinationTarget": "sip.carrier.example", "destinationTransport": "udp", "destinationMatch": "^\\+46",
    });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    parse_value(body).unwrap().value
}

fn pointers(change: &Value) -> Vec<String> {
    let faults = trunk(change).validate();
    faults.into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn only_target_transport_and_match_are_required() {
    assert_eq!(pointers(&json!({})), [""; 0]);
    let faults = Trunk::default().validate();
    let named: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(
        named,
        [
            "/destinationTarget",
            "/destinationTransport",
            "/destinationMatch"
        ]
    );
}

#[test]
fn source_networks_are_addresses_or_cidr() {
    let good =
        json!({"sourceNetworks": ["192.0.2.1", "192.0.2.0/28", "2001:db8::/32", "0.0.0.0/0"]});
    assert_eq!(pointers(&good), [""; 0]);
    assert_eq!(
        trunk(&json!({"sourceNetworks": "192.0.2.1"})).source_networks,
        ["192.0.2.1"]
    );
    for network in [
        "",
        "x",
        "192.0.2.0/33",
        "192.0.2.0/",
        "192.0.2.0/+8",
        "192.0.2.0/8/8",
        "2001:db8::/129",
        "1.2.3",
    ] {
        let named = pointers(&json!({"sourceNetworks": ["192.0.2.1", network]}));
        assert_eq!(named, ["/sourceNetworks/1"], "{network}");
    }
}

#[test]
fn what_would_reach_a_sip_header_cannot_end_it() {
    for text in ["x\r\nVia: y", "x\ny", "x\0y", "x y", "<x>", "å"] {
        for field in [
            "addTerminatingUriParameters",
            "diversionHeader",
            "rewriteAnumber",
            "destinationTarget",
            "destinationTransport",
            "trunkGroupId",
            "networkId",
        ] {
            assert_eq!(
                pointers(&json!({field: text})),
                [format!("/{field}")],
                "{text:?}"
            );
        }
    }
    let good = json!({
        "addTerminatingUriParameters": ";user=phone;tgrp=a%20b;isub", "diversionHeader": "+46890510",
        "rewriteAnumber": "0890510", "destinationTarget": "[2001:db8::1]:5061", "destinationTransport": "TLS",
    });
    assert_eq!(pointers(&good), [""; 0]);
}

#[test]
fn a_password_needs_its_user_name_and_realm() {
    assert_eq!(
        pointers(&json!({"password": "secret"})),
        ["/userName", "/realm"]
    );
    assert_eq!(
        pointers(&json!({"password": "secret", "userName": "u"})),
        ["/realm"]
    );
    assert_eq!(
        pointers(&json!({"password": "secret", "userName": "u", "realm": "r"})),
        [""; 0]
    );
    for ha1 in ["", "x", &"a".repeat(33), &"g".repeat(32)] {
        assert_eq!(pointers(&json!({"ha1": ha1})), ["/ha1"]);
    }
    assert_eq!(pointers(&json!({"ha1": "a".repeat(64)})), [""; 0]);
}

#[test]
fn a_stored_hash_serves_its_own_user_name_and_realm_only() {
    let ha1 = "a".repeat(32);
    let before = trunk(&json!({"userName": "u", "realm": "r", "ha1": ha1}));
    let renamed = trunk(&json!({"userName": "v", "realm": "r", "ha1": ha1}));
    assert_eq!(renamed.validate_change(&before)[0].pointer, "/password");
    assert_eq!(before.validate_change(&before), []);
    let anew = trunk(&json!({"userName": "v", "realm": "r", "password": "p", "ha1": ha1}));
    assert_eq!(anew.validate_change(&before), []);
}
