//! `/v1/{domain}/webhook-secret/rotate`: a new secret to sign callbacks with.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use hookswitch_api::secret::Secret;
use hookswitch_api::webhook_secret::WebhookSecretReply;
use hookswitch_store::{UnixMicros, domains};

use super::allowed::{Allowed, Change};
use super::error::ApiError;
use super::idempotency::CarriesSecret;
use super::{Rest, blocking, reply};
use crate::secrets;

/// How long the secret before signs too.
const OVERLAP: Duration = Duration::from_secs(24 * 3_600);

/// Replaces the webhook secret
///
/// For 24 hours callbacks are signed with both, so that receivers can change over; only this reply shows
/// the new one.
#[utoipa::path(
    post, path = "/v1/{domain}/webhook-secret/rotate", tag = "Tenant", operation_id = "rotateWebhookSecret",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    responses((status = 200, description = "The new secret", body = WebhookSecretReply)),
)]
pub(super) async fn rotate(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
) -> Result<Response, ApiError> {
    let secret = secrets::new_webhook_secret();
    let sealed = rest
        .master_key
        .seal(secrets::webhook_place(&caller.domain), secret.as_bytes());
    let micros = u64::try_from(OVERLAP.as_micros()).expect("a day is far below 2^64 microseconds");
    let until = UnixMicros(UnixMicros::now().0 + micros);
    let domain = caller.domain.clone();
    blocking(move || {
        let name = domain.clone();
        rest.store
            .write(move |db| domains::rotate_webhook_secret(db, &name, &sealed, until))?;
        rest.publisher.refresh_tenant(&domain)
    })
    .await?;
    let mut response = reply(&WebhookSecretReply {
        success: true,
        webhook_secret: Secret::from(secret),
        previous_valid_until: until.0 / 1_000,
    })?;
    response.extensions_mut().insert(CarriesSecret);
    Ok(response)
}
