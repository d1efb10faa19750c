//! Every type of the wire describes itself: one name each, and no reference that leads nowhere.

use std::collections::{BTreeMap, BTreeSet};

use hookswitch_api::{
    alarmbridge, alarmeventmapper, api_key, call, callback, cloudsipua, command, device, done,
    error, ladder, mediaservice, notification, patch, profile, provisory, reply, settings, trunk,
    webhook_secret,
};
use serde_json::Value;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(components(schemas(
    api_key::ApiKeyCreated,
    api_key::ApiKeyList,
    api_key::CreateApiKey,
    call::CallList,
    call::CallReply,
    callback::CallAnswered<'static>,
    callback::CallFailed<'static>,
    callback::CallHungup<'static>,
    callback::CallNotify<'static>,
    callback::NewRemoteCall<'static>,
    cloudsipua::CloudSipUa,
    mediaservice::MediaService,
    alarmbridge::AlarmBridge,
    alarmeventmapper::AlarmEventMapper,
    trunk::Trunk,
    trunk::NamedTrunk,
    notification::NotificationSettings,
    profile::Profile,
    profile::ProfileReply,
    provisory::Drafts,
    provisory::Promotion,
    provisory::DraftChanges,
    provisory::DraftsDone,
    command::AnswerRemoteCall,
    command::CommandReply,
    command::HangupCall,
    command::PlaceRemoteCall,
    command::PlaceRemoteCallReply,
    command::SendRemoteCallRingback,
    device::DeleteAllDevices,
    device::DeviceList,
    device::DeviceReply,
    device::DeviceWritten,
    device::DevicesDeleted,
    done::Done,
    error::ErrorBody,
    ladder::LadderReply,
    patch::PatchOperation,
    reply::NewRemoteCallReply,
    settings::SettingsReply,
    webhook_secret::WebhookSecretReply,
)))]
struct Wire;

fn schemas() -> BTreeMap<String, Value> {
    let document = serde_json::to_value(Wire::openapi()).expect("a document is JSON");
    serde_json::from_value(document["components"]["schemas"].clone()).expect("there are schemas")
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                found.insert(target.clone());
            }
            members
                .values()
                .for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn no_reference_leads_nowhere() {
    let schemas = schemas();
    let mut found = BTreeSet::new();
    schemas
        .values()
        .for_each(|schema| references(schema, &mut found));
    assert!(found.contains("#/components/schemas/Envelope"));
    for target in found {
        let name = target.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{target}");
    }
}

#[test]
fn members_have_their_documented_names() {
    let schemas = schemas();
    for (schema, member) in [
        ("PlaceRemoteCall", "cloudSipUAId"),
        ("AnswerRemoteCall", "telephoneEventPayloadType"),
        ("AnswerRemoteCall", "receiveIp"),
        ("Crypto", "config"),
        ("Device", "deviceCLI"),
        ("Device", "macAddress"),
        ("CloudSipUa", "callbackBaseUrl"),
        ("RestAuthentication", "type"),
        ("AlarmBridge", "useVPNConnection"),
        ("Trunk", "usePrivateIP"),
        ("Trunk", "type"),
        ("MediaService", "googleApikey"),
        ("NotificationSettings", "alarmbridgeCallbackEndpoint"),
        ("Outcome", "q850Cause"),
        ("Envelope", "httpTransactionId"),
    ] {
        let properties = &schemas[schema]["properties"];
        assert!(properties.get(member).is_some(), "{schema}.{member}");
    }
}

#[test]
fn required_members_are_the_documented_ones() {
    let schemas = schemas();
    for (schema, members) in [
        (
            "CloudSipUa",
            ["name", "destinationMatch", "callbackBaseUrl"].as_slice(),
        ),
        ("Device", &["deviceId", "authType"]),
        (
            "MediaService",
            &[
                "name",
                "destinationMatch",
                "callbackBaseUrl",
                "restAuthentication",
            ],
        ),
        ("AlarmBridge", &["name", "destinationMatch", "protocol"]),
        (
            "AlarmEventMapper",
            &["name", "alarmHandling", "targetEndpoint"],
        ),
        (
            "Trunk",
            &[
                "destinationTarget",
                "destinationTransport",
                "destinationMatch",
            ],
        ),
        ("RestAuthentication", &["type"]),
        ("Crypto", &["id", "suite", "config"]),
    ] {
        let required: BTreeSet<&str> = schemas[schema]["required"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(required, members.iter().copied().collect(), "{schema}");
    }
}
