//! `/v1/{domain}/callbacks/{callbackId}/enable`: an application that said 410 wants its calls again.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookswitch_api::done::Done;

use super::allowed::{Allowed, Change};
use super::error::ApiError;
use super::query::Id;
use super::{Rest, blocking, reply};

/// Switches a service's callback on again
///
/// An application switches it off by answering a callback with 410. Any write to the service does the same.
#[utoipa::path(
    post, path = "/v1/{domain}/callbacks/{callbackId}/enable", tag = "Services", operation_id = "enableCallback",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("callbackId" = String, Path, description = "The `callbackId` of the service")),
    responses((status = 200, description = "It is on", body = Done)),
)]
pub(super) async fn enable(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let published = rest.publisher.current();
    let service = published.callbacks(&caller.domain).and_then(|callbacks| {
        let mut services = callbacks.services.iter();
        services
            .find(|(_, callback)| *callback.callback_id == *id)
            .map(|(service, _)| service)
    });
    let missing = || ApiError::not_found(format!("there is no callback {id}"));
    let service = service.ok_or_else(missing)?.clone();
    let domain = caller.domain.clone();
    blocking(move || rest.publisher.switch_callback(&domain, &service, true)).await?;
    reply(&Done::new())
}
