//! Which replies lead on to which operations, as OpenAPI links.

use serde_json::json;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

use super::operations;

/// From the reply of an operation to others: the parameter that they take, and where its value stands.
type Way = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const WAYS: [Way; 13] = [
    (
        "createCloudSipUa",
        "cloudSipUAId",
        "$response.body#/id",
        &[
            "getCloudSipUa",
            "putCloudSipUa",
            "patchCloudSipUa",
            "deleteCloudSipUa",
        ],
    ),
    (
        "createMediaService",
        "mediaServiceId",
        "$response.body#/id",
        &[
            "getMediaService",
            "putMediaService",
            "patchMediaService",
            "deleteMediaService",
        ],
    ),
    (
        "createAlarmBridge",
        "alarmBridgeId",
        "$response.body#/id",
        &[
            "getAlarmBridge",
            "putAlarmBridge",
            "patchAlarmBridge",
            "deleteAlarmBridge",
        ],
    ),
    (
        "createAlarmEventMapper",
        "alarmEventMapperId",
        "$response.body#/id",
        &[
            "getAlarmEventMapper",
            "putAlarmEventMapper",
            "patchAlarmEventMapper",
            "deleteAlarmEventMapper",
        ],
    ),
    (
        "createTrunk",
        "trunkId",
        "$response.body#/id",
        &["getTrunk", "putTrunk", "patchTrunk", "deleteTrunk"],
    ),
    (
        "putNamedTrunk",
        "trunkId",
        "$response.body#/id",
        &["getTrunk", "putTrunk", "patchTrunk", "deleteTrunk"],
    ),
    (
        "postDevice",
        "deviceId",
        "$request.body#/deviceId",
        &["getDevice", "patchDevice", "deleteDevice"],
    ),
    (
        "putDevice",
        "deviceId",
        "$request.body#/deviceId",
        &["getDevice", "patchDevice", "deleteDevice"],
    ),
    (
        "putDeviceBulk",
        "bulkId",
        "$request.path.bulkId",
        &["getDeviceBulk"],
    ),
    (
        "createApiKey",
        "keyId",
        "$response.body#/sk",
        &["deleteApiKey"],
    ),
    (
        "putApiKey",
        "keyId",
        "$response.body#/sk",
        &["deleteApiKey"],
    ),
    (
        "listCalls",
        "id",
        "$response.body#/calls/0/id",
        &["getCall", "getLadder"],
    ),
    (
        "listDeliveries",
        "id",
        "$response.body#/deliveries/0/id",
        &["getDelivery", "replayDelivery"],
    ),
];

/// Adds the links.
pub(super) fn add(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            let id = operation.operation_id.clone().unwrap_or_default();
            for (_, parameter, place, targets) in WAYS.iter().filter(|(from, ..)| *from == id) {
                for target in *targets {
                    lead(
                        operation,
                        target,
                        to(target).parameter(*parameter, json!(place)),
                    );
                }
            }
            if id == "placeRemoteCall" {
                let body = json!({"replyId": "$response.body#/replyId"});
                lead(
                    operation,
                    "hangupCall",
                    to("hangupCall").request_body(Some(body)),
                );
            }
        }
    }
}

/// A link to an operation of the same domain.
fn to(target: &str) -> LinkBuilder {
    Link::builder()
        .operation_id(target)
        .parameter("domain", json!("$request.path.domain"))
}

fn lead(operation: &mut Operation, target: &str, link: LinkBuilder) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        let link = RefOr::T(link.build());
        response.links.insert(target.to_owned(), link);
    }
}

#[cfg(test)]
mod tests {
    use super::super::document;

    #[test]
    fn every_link_leads_to_an_operation_that_takes_its_parameters() {
        let document = serde_json::to_value(document()).unwrap();
        let items = document["paths"].as_object().unwrap().values();
        let all: Vec<_> = items
            .flat_map(|item| item.as_object().unwrap().values())
            .collect();
        let mut followed = 0;
        for operation in &all {
            let links = operation["responses"]["200"]["links"].as_object();
            for link in links.into_iter().flat_map(|links| links.values()) {
                let target = all
                    .iter()
                    .find(|target| target["operationId"] == link["operationId"])
                    .unwrap_or_else(|| panic!("{link} leads nowhere"));
                for name in link["parameters"].as_object().unwrap().keys() {
                    let taken = target["parameters"].as_array().unwrap();
                    assert!(taken.iter().any(|taken| taken["name"] == **name), "{link}");
                }
                followed += 1;
            }
        }
        assert_eq!(followed, 38);
    }
}
