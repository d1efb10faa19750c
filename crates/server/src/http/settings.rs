//! `/v1/{domain}/settings`: what holds for a whole tenant.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hookswitch_api::page::DocumentQuery;
use hookswitch_api::settings::{Settings, SettingsReply};
use hookswitch_store::{Error, domains};

use super::allowed::{Allowed, Change, Look};
use super::body::Json;
use super::documents::tagged;
use super::error::{ApiError, refuse_faults};
use super::precondition::{Precondition, stale};
use super::query::Query;
use super::{Rest, blocking, reply, work_off_the_loop};

/// Shows the settings
#[utoipa::path(
    get, path = "/v1/{domain}/settings", tag = "Tenant", operation_id = "getSettings",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    responses((status = 200, description = "The settings in force", body = SettingsReply)),
)]
pub(super) async fn find(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
) -> Result<Response, ApiError> {
    let domain = caller.domain.clone();
    let row = blocking(move || rest.store.read(|db| domains::find(db, &domain)))
        .await?
        .ok_or(Error::NoSuchDomain)?;
    let settings: Settings =
        serde_json::from_str(&row.settings).map_err(|error| ApiError::internal(&error))?;
    let body = SettingsReply {
        success: true,
        settings,
        warnings: Vec::new(),
    };
    Ok(tagged(reply(&body)?, row.version))
}

/// Overwrites the settings
///
/// What is left out goes back to the node's default.
#[utoipa::path(
    put, path = "/v1/{domain}/settings", tag = "Tenant", operation_id = "putSettings",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), DocumentQuery),
    request_body = Settings,
    responses((status = 200, description = "They are in force", body = SettingsReply)),
)]
pub(super) async fn overwrite(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Settings>,
) -> Result<Response, ApiError> {
    let (settings, warnings) = body.known(query.strict.unwrap_or(false))?;
    refuse_faults(settings.validate())?;
    let wanted = Precondition::of(&headers);
    let text = serde_json::to_string(&settings).map_err(|error| ApiError::internal(&error))?;
    let domain = caller.domain.clone();
    let version = work_off_the_loop(move || {
        let wanted = match wanted {
            Precondition::Any => None,
            wanted => {
                let row = rest.store.read(|db| domains::find(db, &domain))?;
                let version = row.ok_or(Error::NoSuchDomain)?.version;
                if !wanted.allows(Some(version)) {
                    return Err(stale());
                }
                Some(version)
            }
        };
        let name = domain.clone();
        let written = rest
            .store
            .write(move |db| domains::put_settings(db, &name, &text, wanted));
        let version = written.map_err(|error| match error {
            Error::Version(_) => stale(),
            other => other.into(),
        })?;
        rest.publisher.refresh_tenant(&domain)?;
        Ok(version)
    })
    .await?;
    Ok(tagged(
        reply(&SettingsReply {
            success: true,
            settings,
            warnings,
        })?,
        version,
    ))
}
