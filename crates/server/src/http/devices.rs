//! `/provisioning/device/{domain}`: the devices of a tenant.

pub(super) mod provisioned;

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hookswitch_api::device::{
    AuthType, DeleteAllDevices, Device, DeviceList, DeviceReply, DeviceWritten, DevicesDeleted,
};
use hookswitch_api::done::Done;
use hookswitch_api::page::{DocumentQuery, DraftQuery, ListQuery};
use hookswitch_api::patch::{Patch, PatchOperation};
use hookswitch_store::documents as stored;

use super::allowed::{Allowed, Change, Look};
use super::body::{Json, OptionalJson};
use super::documents::{self, Missing, Named, Target, Written, tagged};
use super::error::ApiError;
use super::idempotency::CarriesSecret;
use super::query::Query;
use super::{Rest, reply, work_off_the_loop};
use crate::kind::{CONFIGURED, DEVICE};
use crate::password::Turn;

/// A turn in the pool of hashing, where the write may bring a password that argon2 is for.
async fn turn_to_hash(rest: &Rest, may_hash: bool) -> Result<Option<Turn>, ApiError> {
    if !may_hash {
        return Ok(None);
    }
    rest.hashing.turn().await.map(Some).map_err(ApiError::from)
}

/// Lists the devices
#[utoipa::path(
    get, path = "/provisioning/device/{domain}", tag = "Devices", operation_id = "listDevices",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ListQuery),
    responses((status = 200, description = "A page of devices", body = DeviceList)),
)]
pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    documents::list::<Device>(&rest, &caller, &query, &DraftQuery::default()).await
}

/// Adds or modifies a device
///
/// A `credentials` device without `ha1` gets a SIP password, which this reply carries and no other: only its hashes
/// are kept. Modifying the device keeps the password; a PATCH that removes `/password` or `/ha1` makes a new one. A
/// `userid` device keeps its password when none is given.
#[utoipa::path(
    put, path = "/provisioning/device/{domain}", tag = "Devices", operation_id = "putDevice",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), DocumentQuery),
    request_body = Device,
    responses((status = 200, description = "The device is as given", body = DeviceWritten)),
)]
pub(super) async fn put(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Device>,
) -> Result<Response, ApiError> {
    let target = Target::new(&caller, body.value.device_id.clone(), &headers);
    let strict = query.strict.unwrap_or(false);
    let may_hash = body.value.auth_type == AuthType::UserId && body.value.password.is_some();
    let _turn = turn_to_hash(&rest, may_hash).await?;
    let written = documents::put(&rest, target, body, strict, Missing::Create).await?;
    answer(written)
}

/// The reply to a write; a password that was made is in no other.
fn answer(written: Written<Device>) -> Result<Response, ApiError> {
    let password = match written.value.auth_type {
        AuthType::Credentials => written.value.new_password,
        _ => None,
    };
    let carries_secret = password.is_some();
    let body = DeviceWritten {
        success: true,
        password,
        warnings: written.warnings,
    };
    let mut response = tagged(reply(&body)?, written.version);
    if carries_secret {
        response.extensions_mut().insert(CarriesSecret);
    }
    Ok(response)
}

/// Adds or modifies a device
///
/// The same as PUT.
#[utoipa::path(
    post, path = "/provisioning/device/{domain}", tag = "Devices", operation_id = "postDevice",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), DocumentQuery),
    request_body = Device,
    responses((status = 200, description = "The device is as given", body = DeviceWritten)),
)]
pub(super) async fn post(
    state: State<Arc<Rest>>,
    caller: Allowed<Change>,
    query: Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Device>,
) -> Result<Response, ApiError> {
    put(state, caller, query, headers, body).await
}

/// Deletes all devices
///
/// Without `confirmDeleteAll` nothing is deleted, and the reply says what would be.
#[utoipa::path(
    delete, path = "/provisioning/device/{domain}", tag = "Devices", operation_id = "deleteAllDevices",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = Option<DeleteAllDevices>,
    responses((status = 200, description = "How many were, or would be, deleted", body = DevicesDeleted)),
)]
pub(super) async fn delete_all(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    OptionalJson(body): OptionalJson<DeleteAllDevices>,
) -> Result<Response, ApiError> {
    let confirmed = body.value.confirm_delete_all.unwrap_or(false);
    let domain = caller.domain.clone();
    let count = work_off_the_loop(move || {
        if !confirmed {
            let count = rest
                .store
                .read(|db| stored::count(db, &domain, DEVICE.name, false))?;
            return Ok(count);
        }
        let name = domain.clone();
        let count = rest.store.write(move |db| {
            stored::delete_all(db, &name, CONFIGURED, false)?;
            stored::delete_all(db, &name, DEVICE.name, false)
        })?;
        rest.publisher.refresh_devices(&domain)?;
        Ok(count as u64)
    })
    .await?;
    let devices = if count == 1 {
        "1 device".to_owned()
    } else {
        format!("{count} devices")
    };
    let message = if confirmed {
        format!("{devices} deleted")
    } else {
        format!("{devices} would be deleted; send confirmDeleteAll true to do so")
    };
    reply(&DevicesDeleted {
        success: true,
        message,
        count,
    })
}

/// Shows one device
#[utoipa::path(
    get, path = "/provisioning/device/{domain}/{deviceId}", tag = "Devices", operation_id = "getDevice",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("deviceId" = String, Path, pattern = "^[a-zA-Z0-9\\-\\._:~+]+$", max_length = 256, description = "The device")),
    responses((status = 200, description = "The device", body = DeviceReply)),
)]
pub(super) async fn find(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Look>,
) -> Result<Response, ApiError> {
    documents::find::<Device>(&rest, target).await
}

/// Deletes a device
#[utoipa::path(
    delete, path = "/provisioning/device/{domain}/{deviceId}", tag = "Devices", operation_id = "deleteDevice",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("deviceId" = String, Path, pattern = "^[a-zA-Z0-9\\-\\._:~+]+$", max_length = 256, description = "The device")),
    responses((status = 200, description = "It is gone", body = Done)),
)]
pub(super) async fn delete(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Change>,
) -> Result<Response, ApiError> {
    documents::delete::<Device>(&rest, target).await?;
    reply(&Done::new())
}

/// Patches a device (RFC 6902)
///
/// All operations or none: a failed test, or a result that is no device, changes nothing. Members that a
/// device does not have are left out and told in `warnings`. Removing `/password` or `/ha1` of a `credentials`
/// device makes a new password, which the reply carries.
#[utoipa::path(
    patch, path = "/provisioning/device/{domain}/{deviceId}", tag = "Devices", operation_id = "patchDevice",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("deviceId" = String, Path, pattern = "^[a-zA-Z0-9\\-\\._:~+]+$", max_length = 256, description = "The device"), DocumentQuery),
    request_body = Vec<PatchOperation>,
    responses((status = 200, description = "It is patched", body = DeviceWritten)),
)]
pub(super) async fn patch(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Change>,
    Query(query): Query<DocumentQuery>,
    body: Json<Patch>,
) -> Result<Response, ApiError> {
    let strict = query.strict.unwrap_or(false);
    let may_hash = body.value.iter().any(touches_password);
    let _turn = turn_to_hash(&rest, may_hash).await?;
    answer(documents::patch::<Device>(&rest, target, body, strict).await?)
}

/// Whether an operation may bring a new password, or make a device one that needs it hashed.
fn touches_password(operation: &PatchOperation) -> bool {
    matches!(operation.path.as_str(), "" | "/password" | "/authType")
}
