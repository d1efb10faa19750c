//! `/provisioning/cloudsipua/{domain}`: services that hand calls to an application.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hookswitch_api::cloudsipua::{
    CloudSipUa, CloudSipUaList, CloudSipUaReply, CloudSipUaWritten, RestAuthentication,
    SignatureType,
};
use hookswitch_api::done::Done;
use hookswitch_api::error::FieldError;
use hookswitch_api::page::{DocumentQuery, ListQuery};
use hookswitch_api::patch::Patch;
use hookswitch_api::secret::Secret;
use hookswitch_call::pattern::Pattern;
use hookswitch_store::{Error, Write};

use super::allowed::{Allowed, Change, Look};
use super::body::Json;
use super::documents::{self, Form, Missing, Provisioned, Target, tagged};
use super::error::ApiError;
use super::query::{Id, Query};
use super::{Rest, reply};
use crate::callback::{RestAuth, SignError};
use crate::directory;
use crate::kind::{CLOUD_SIP_UA, Kind, Members};
use crate::random::uuid;

impl Provisioned for CloudSipUa {
    const KIND: &'static Kind = &CLOUD_SIP_UA;

    fn check(&self, rest: &Rest) -> Vec<FieldError> {
        let mut faults = self.validate(rest.plain_http());
        if !self.destination_match.is_empty()
            && let Err(why) = Pattern::compile(&self.destination_match)
        {
            faults.push(FieldError::new("/destinationMatch", why.to_string()));
        }
        // What a type can check by itself comes first: a wrong form needs no second opinion.
        if faults.is_empty() {
            faults.extend(rest.check_target("/callbackBaseUrl", &self.callback_base_url));
            for (index, entry) in self.rest_authentication.iter().enumerate() {
                if let Err(why) = signing_key(entry) {
                    let pointer = format!("/restAuthentication/{index}/secret");
                    faults.push(FieldError::new(pointer, why.to_string()));
                }
            }
        }
        faults
    }

    fn complete(
        &mut self,
        target: &Target,
        previous: Option<&Self>,
        _: Form,
    ) -> Result<Vec<FieldError>, FieldError> {
        self.id = Some(target.id.clone());
        self.callback_id = previous
            .and_then(|previous| previous.callback_id.clone())
            .or_else(|| Some(uuid()));
        self.callback_disabled = None;
        Ok(Vec::new())
    }

    fn show(rest: &Rest, domain: &str, id: &str, members: &mut Members) {
        let published = rest.publisher.current();
        if published
            .callback(domain, id)
            .is_some_and(|callback| callback.disabled)
        {
            members.insert("callbackDisabled".to_owned(), true.into());
        }
    }

    fn write_along(db: &Write<'_>, domain: &str, id: &str) -> Result<(), Error> {
        directory::switch_on(db, domain, id)
    }

    fn publish(rest: &Rest, domain: &str, _: &str) -> Result<(), Error> {
        rest.publisher.refresh_tenant(domain)
    }
}

/// Whether the key of an entry signs: a service whose key does not could never be called back.
fn signing_key(entry: &RestAuthentication) -> Result<(), SignError> {
    let kind = match entry.kind {
        SignatureType::Rs256 => "RS256",
        SignatureType::Es256 => "ES256",
        SignatureType::EdDsa => "EdDSA",
        SignatureType::Hs256 => "HS256",
    };
    let secret = entry.secret.as_ref().map_or("", Secret::expose);
    RestAuth::new(kind, secret, entry.sub.as_deref(), entry.scope.as_deref()).map(|_| ())
}

/// Lists the services
#[utoipa::path(
    get, path = "/provisioning/cloudsipua/{domain}", tag = "Services", operation_id = "listCloudSipUas",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ListQuery),
    responses((status = 200, description = "A page of services", body = CloudSipUaList)),
)]
pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    documents::list::<CloudSipUa>(&rest, &caller, &query).await
}

/// Creates a service
#[utoipa::path(
    post, path = "/provisioning/cloudsipua/{domain}", tag = "Services", operation_id = "createCloudSipUa",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), DocumentQuery),
    request_body = CloudSipUa,
    responses((status = 200, description = "It exists", body = CloudSipUaWritten)),
)]
pub(super) async fn create(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<CloudSipUa>,
) -> Result<Response, ApiError> {
    let target = Target::new(&caller, uuid(), &query, &headers)?;
    write(&rest, target, body, &query, Missing::Create).await
}

/// Shows one service
#[utoipa::path(
    get, path = "/provisioning/cloudsipua/{domain}/{cloudSipUAId}", tag = "Services", operation_id = "getCloudSipUa",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("cloudSipUAId" = String, Path, description = "The service"), DocumentQuery),
    responses((status = 200, description = "The service", body = CloudSipUaReply)),
)]
pub(super) async fn find(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Id(id): Id,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target = Target::new(&caller, id, &query, &headers)?;
    documents::find::<CloudSipUa>(&rest, &caller, target).await
}

/// Overwrites a service
///
/// With `provisory=true` its draft, which the calls do not see; without, what is in force.
#[utoipa::path(
    put, path = "/provisioning/cloudsipua/{domain}/{cloudSipUAId}", tag = "Services", operation_id = "putCloudSipUa",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("cloudSipUAId" = String, Path, description = "The service"), DocumentQuery),
    request_body = CloudSipUa,
    responses((status = 200, description = "It is overwritten", body = CloudSipUaWritten)),
)]
pub(super) async fn overwrite(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Id(id): Id,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<CloudSipUa>,
) -> Result<Response, ApiError> {
    let target = Target::new(&caller, id, &query, &headers)?;
    write(&rest, target, body, &query, Missing::NeedsOtherForm).await
}

/// Deletes a service
#[utoipa::path(
    delete, path = "/provisioning/cloudsipua/{domain}/{cloudSipUAId}", tag = "Services", operation_id = "deleteCloudSipUa",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("cloudSipUAId" = String, Path, description = "The service"), DocumentQuery),
    responses((status = 200, description = "It is gone", body = Done)),
)]
pub(super) async fn delete(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Id(id): Id,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target = Target::new(&caller, id, &query, &headers)?;
    documents::delete::<CloudSipUa>(&rest, target).await?;
    reply(&Done::new())
}

/// Patches a service (RFC 6902)
///
/// All operations or none: a failed test, or a result that is no service, changes nothing. Members that a
/// service does not have are left out and told in `warnings`.
#[utoipa::path(
    patch, path = "/provisioning/cloudsipua/{domain}/{cloudSipUAId}", tag = "Services", operation_id = "patchCloudSipUa",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("cloudSipUAId" = String, Path, description = "The service"), DocumentQuery),
    request_body = Patch,
    responses((status = 200, description = "It is patched", body = Done)),
)]
pub(super) async fn patch(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Id(id): Id,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Patch>,
) -> Result<Response, ApiError> {
    let target = Target::new(&caller, id, &query, &headers)?;
    let strict = query.strict.unwrap_or(false);
    let written = documents::patch::<CloudSipUa>(&rest, target, body, strict).await?;
    let body = Done::new().warning(written.warnings);
    Ok(tagged(reply(&body)?, written.version))
}

async fn write(
    rest: &Arc<Rest>,
    target: Target,
    body: Json<CloudSipUa>,
    query: &DocumentQuery,
    missing_is: Missing,
) -> Result<Response, ApiError> {
    let id = target.id.clone();
    let strict = query.strict.unwrap_or(false);
    let written = documents::put(rest, target, body, strict, missing_is).await?;
    let body = CloudSipUaWritten {
        success: true,
        id,
        warnings: written.warnings,
    };
    Ok(tagged(reply(&body)?, written.version))
}
