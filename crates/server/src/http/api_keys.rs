//! `/provisioning/apiKey/{domain}`: what opens a tenant's interface.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hookswitch_api::api_key::{ApiKey, ApiKeyCreated, ApiKeyList, ApiKeyType, CreateApiKey, Scope};
use hookswitch_api::done::Done;
use hookswitch_api::page::{PageQuery, next_token};
use hookswitch_api::secret::Secret;
use hookswitch_store::UnixMicros;
use hookswitch_store::api_keys::{self as stored, Credential};
use hookswitch_store::seal::TokenHash;

use super::allowed::{Allowed, Change, Look};
use super::body::{Json, OptionalJson};
use super::error::{ApiError, refuse_faults};
use super::idempotency::CarriesSecret;
use super::profile;
use super::query::{Id, Query};
use super::{Rest, blocking, reply, work_off_the_loop};
use crate::auth::{Keys, PublicKey, Scopes};
use crate::{random, secrets};

/// Keys of one domain; a JWT without `kid` is tried with each.
pub const MAX_KEYS: usize = 100;
/// Milliseconds from now to the latest expiry: a hundred years, so that a time in other units is noticed.
const MAX_LIFE: u64 = 100 * 366 * 24 * 3_600 * 1_000;

/// Lists the keys
///
/// Tokens are not shown again; `sk` is what deletes a key, the `kid` of JWTs, and the access key id of Signature V4.
/// `lastUsedAt` is right to the second while the node runs; a crash may set it back by a minute.
#[utoipa::path(
    get, path = "/provisioning/apiKey/{domain}", tag = "Keys", operation_id = "listApiKeys",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), PageQuery),
    responses((status = 200, description = "A page of keys", body = ApiKeyList)),
)]
pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Query(query): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let page = query
        .page()
        .map_err(|error| ApiError::fields(vec![error]))?;
    let domain = caller.domain.clone();
    let (store, keys) = (rest.store.clone(), &rest.keys);
    let rows = blocking(move || store.read(|db| stored::of_domain(db, &domain))).await?;
    let after = page.after.unwrap_or_default();
    let mut rest_of_rows = rows.into_iter().filter(|row| row.sk > after);
    let api_keys: Vec<ApiKey> = rest_of_rows
        .by_ref()
        .take(page.limit as usize)
        .map(|row| shown(row, keys))
        .collect();
    let next_token = match (rest_of_rows.next(), api_keys.last()) {
        (Some(_), Some(last)) => Some(next_token(&last.sk)),
        _ => None,
    };
    reply(&ApiKeyList {
        success: true,
        api_keys,
        next_token,
    })
}

/// Creates a key
///
/// With a PEM public key in `key`, whose owner then sends JWTs signed with the private one (RS256, ES256,
/// EdDSA; `exp` at most 24 hours away); without, a random token that only this reply shows. Both are good beside
/// the keys there are, so a key is replaced without a gap: create the new one, use it, delete the old one.
#[utoipa::path(
    post, path = "/provisioning/apiKey/{domain}", tag = "Keys", operation_id = "createApiKey",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = Option<CreateApiKey>,
    responses((status = 200, description = "The key", body = ApiKeyCreated)),
)]
pub(super) async fn create(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    OptionalJson(body): OptionalJson<CreateApiKey>,
) -> Result<Response, ApiError> {
    let Json {
        value: request,
        unknown: warnings,
    } = body;
    refuse_faults(request.validate())?;
    let now = UnixMicros::now();
    check_expiry(request.expires_at, now)?;
    let sk = random::uuid();
    let (credential, token) = match request.public_key() {
        Some(pem) => {
            PublicKey::parse(pem).map_err(|why| ApiError::field("/key", why.to_string()))?;
            (Credential::Pem(pem.trim().to_owned()), None)
        }
        None => {
            let token = secrets::new_token();
            let place = secrets::token_place(&caller.domain, &sk);
            let sealed_token = rest.master_key.seal(place, token.as_bytes());
            (
                Credential::Opaque {
                    token_hash: TokenHash::of(&token),
                    sealed_token,
                },
                Some(token),
            )
        }
    };
    let scopes = request.granted();
    let row = stored::ApiKey {
        domain: caller.domain.to_string(),
        sk: sk.clone(),
        credential,
        scopes: scopes
            .iter()
            .map(|scope| word(*scope))
            .collect::<Vec<_>>()
            .join(" "),
        description: request.description.unwrap_or_default(),
        created_at: now,
        expires_at: request.expires_at.map(|at| UnixMicros(at * 1_000)),
        last_used_at: None,
    };
    work_off_the_loop(move || {
        let written = row.clone();
        let is_added = rest.store.write(move |db| {
            if stored::of_domain(db, &written.domain)?.len() >= MAX_KEYS {
                return Ok(false);
            }
            stored::add(db, &written).map(|()| true)
        })?;
        if !is_added {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "too_many_keys",
                format!("a domain has {MAX_KEYS} keys at most: delete one that is not used"),
            ));
        }
        rest.keys.add(&row);
        Ok(())
    })
    .await?;
    let token = token.map(Secret::from);
    let mut response = reply(&ApiKeyCreated {
        success: true,
        sk,
        token,
        scopes,
        expires_at: request.expires_at,
        warnings,
    })?;
    response.extensions_mut().insert(CarriesSecret);
    Ok(response)
}

/// Creates a key
///
/// The same as POST.
#[utoipa::path(
    put, path = "/provisioning/apiKey/{domain}", tag = "Keys", operation_id = "putApiKey",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = Option<CreateApiKey>,
    responses((status = 200, description = "The key", body = ApiKeyCreated)),
)]
pub(super) async fn put(
    state: State<Arc<Rest>>,
    caller: Allowed<Change>,
    body: OptionalJson<CreateApiKey>,
) -> Result<Response, ApiError> {
    create(state, caller, body).await
}

/// Deletes a key
///
/// What it opened is closed at once.
#[utoipa::path(
    delete, path = "/provisioning/apiKey/{domain}/{keyId}", tag = "Keys", operation_id = "deleteApiKey",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("keyId" = String, Path, description = "The `sk` of the key")),
    responses((status = 200, description = "It is gone", body = Done)),
)]
pub(super) async fn delete(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Id(sk): Id,
) -> Result<Response, ApiError> {
    let domain = caller.domain.clone();
    work_off_the_loop(move || {
        let (name, id) = (domain.clone(), sk.clone());
        let deleted = rest.store.write(move |db| {
            profile::delete_along(db, &name, &id)?;
            stored::delete(db, &name, &id)
        })?;
        if !deleted {
            return Err(ApiError::not_found(format!("there is no key {sk}")));
        }
        rest.keys.remove(&domain, &sk);
        Ok(())
    })
    .await?;
    reply(&Done::new())
}

fn check_expiry(at: Option<u64>, now: UnixMicros) -> Result<(), ApiError> {
    let now = now.0 / 1_000;
    match at {
        Some(at) if at <= now => Err(ApiError::field(
            "/expiresAt",
            "must be in the future, in milliseconds since 1970",
        )),
        Some(at) if at > now + MAX_LIFE => Err(ApiError::field(
            "/expiresAt",
            "must be within a hundred years, in milliseconds since 1970",
        )),
        _ => Ok(()),
    }
}

fn shown(row: stored::ApiKey, keys: &Keys) -> ApiKey {
    let last_used = row.last_used_at.max(keys.last_use(&row.sk));
    let (kind, key) = match row.credential {
        Credential::Opaque { .. } => (ApiKeyType::Token, None),
        Credential::Pem(pem) => (ApiKeyType::PublicKey, Some(pem)),
    };
    let scopes = Scopes::from_words(row.scopes.split_whitespace());
    let has = |scope: &Scope| {
        scopes
            .as_ref()
            .is_ok_and(|scopes| scopes.words().contains(&word(*scope).to_owned()))
    };
    ApiKey {
        sk: row.sk,
        kind,
        key,
        scopes: Scope::ALL.into_iter().filter(has).collect(),
        description: Some(row.description).filter(|text| !text.is_empty()),
        created_at: row.created_at.0 / 1_000,
        last_used_at: last_used.map(|at| at.0 / 1_000),
        expires_at: row.expires_at.map(|at| at.0 / 1_000),
    }
}

const fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Calls => crate::auth::Scope::Calls.as_str(),
        Scope::Provisioning => crate::auth::Scope::Provisioning.as_str(),
        Scope::Read => crate::auth::Scope::Read.as_str(),
    }
}
