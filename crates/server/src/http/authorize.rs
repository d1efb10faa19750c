//! `/provisioning/authorize`: an end user's password for a token that its SIP client carries in `X-JWTAuth`.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use hookswitch_api::authorize::{Authorize, AuthorizeReply};
use hookswitch_api::device::{AuthType, Device};
use hookswitch_api::secret::Secret;
use hookswitch_store::documents::{self as stored, Key};
use serde_json::Value;

use super::allowed::{too_many_failures, unauthorized, unix_seconds};
use super::body::Json;
use super::error::{ApiError, refuse_faults};
use super::source::Source;
use super::{Rest, blocking, reply};
use crate::auth::{LIFE, Permissions};
use crate::kind::DEVICE;
use crate::{password, random};

/// The hash of a password nobody has: a device that cannot sign in costs the same time as a wrong password.
static NOBODY: LazyLock<String> = LazyLock::new(|| password::hash_password(&random::secret(24)));

/// Gives an end user a token for SIP
///
/// For devices with the authType `userid`. The SIP client sends the token as `X-JWTAuth` with REGISTER and INVITE;
/// it counts for an hour, over TLS or from networks that the operator listed or granted, and does not open REST.
/// Whether the domain or the device exists cannot be learned here.
#[utoipa::path(
    post, path = "/provisioning/authorize", tag = "Devices", operation_id = "authorize",
    request_body = Authorize,
    responses((status = 200, description = "The token", body = AuthorizeReply)),
)]
pub(super) async fn authorize(
    State(rest): State<Arc<Rest>>,
    Source(source): Source,
    Json { value: body, .. }: Json<Authorize>,
) -> Result<Response, ApiError> {
    refuse_faults(body.validate())?;
    let now = Instant::now();
    let turn = rest.failures.turn(source, now).await;
    let _turn = turn.map_err(|wait| too_many_failures(&rest, wait))?;
    let domain = body.domain.to_ascii_lowercase();
    let found = find(&rest, domain.clone(), body.device_id.clone()).await?;
    let user = found.filter(|device| device.auth_type == AuthType::UserId);
    let kept = user.as_ref().and_then(|device| device.password.clone());
    let kept = kept.map_or_else(|| NOBODY.clone(), Secret::into_exposed);
    let given = body.password.map(Secret::into_exposed).unwrap_or_default();
    let fits = rest.hashing.verify(kept, given).await?;
    let Some(device) = user.filter(|_| fits) else {
        return Err(match rest.failures.count(source, Instant::now()) {
            Some(wait) => too_many_failures(&rest, wait),
            None => unauthorized("the domain, the deviceId or the password is wrong"),
        });
    };
    let authorized = device.authorized.unwrap_or_default();
    let permissions = Permissions {
        domain: authorized.domain,
        invite: authorized.invite,
        register: authorized.register,
    };
    let token = rest
        .sip_tokens
        .mint(&domain, &body.device_id, permissions, unix_seconds())
        .map_err(|error| ApiError::internal(&error))?;
    reply(&AuthorizeReply {
        success: true,
        token: Secret::from(token),
        expires_in: LIFE,
    })
}

/// The device, of whichever domain.
async fn find(rest: &Arc<Rest>, domain: String, id: String) -> Result<Option<Device>, ApiError> {
    let rest = Arc::clone(rest);
    let found = blocking(move || {
        let key = Key {
            domain: &domain,
            kind: DEVICE.name,
            id: &id,
            draft: false,
        };
        let document = rest.store.read(|db| stored::find(db, key))?;
        document
            .map(|document| DEVICE.open(&rest.master_key, &document))
            .transpose()
    });
    let members = found.await?.map(Value::Object);
    let device = members.map(serde_json::from_value).transpose();
    device.map_err(|error| ApiError::internal(&error))
}
