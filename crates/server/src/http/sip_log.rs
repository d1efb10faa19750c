//! `/provisioning/logs/{domain}/sip`: what was really sent and received for a tenant.

mod item;
mod search;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hookswitch_api::page::Page;
use hookswitch_api::page::next_token;
use hookswitch_api::sip_log::{SipLogQuery, SipLogReply};
use tokio::sync::Semaphore;

use self::search::{Mark, Search};
use self::wanted::Wanted;
use super::allowed::{Allowed, Look};
use super::body::Json;
use super::error::ApiError;
use super::{Rest, blocking, reply};

/// Searches at a time, for all customers: they read much, and calls need the processors.
const AT_A_TIME: usize = 2;
/// How long a search waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// How long a search may take.
const BUDGET: Duration = Duration::from_secs(2);

/// Who searches the log.
#[derive(Debug)]
pub struct Searches(Arc<Semaphore>);

impl Default for Searches {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_A_TIME)))
    }
}

/// Searches the SIP log
///
/// What was sent and received for the tenant's calls, and messages of no call that name the tenant (OPTIONS, REGISTER,
/// refused requests): every transport, above TLS, credentials and media keys blanked. The latest that fit are given,
/// in order of time; `nextToken` goes on with older ones. A search may take two seconds: what it did not get to, it
/// says. A message is found about two seconds after it went over the wire.
#[utoipa::path(
    post, path = "/provisioning/logs/{domain}/sip", tag = "Calls", operation_id = "searchSipLog",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = SipLogQuery,
    responses((status = 200, description = "The messages", body = SipLogReply)),
)]
pub(super) async fn search(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Json { value: query, .. }: Json<SipLogQuery>,
) -> Result<Response, ApiError> {
    let faults = query.validate();
    if !faults.is_empty() {
        return Err(ApiError::fields(faults));
    }
    let pattern = query.filter_pattern.as_deref().unwrap_or_default();
    let wanted =
        Wanted::parse(pattern).map_err(|detail| ApiError::field("/filterPattern", detail))?;
    let search = Search {
        domain: caller.domain.clone(),
        wanted,
        from: query.from(),
        until: query.until(),
        limit: query.limit() as usize,
        after: place_of(&query)?,
        budget: BUDGET,
    };
    let turn = Arc::clone(&rest.searches.0).acquire_owned();
    let Ok(Ok(turn)) = tokio::time::timeout(TURN, turn).await else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let why = "too many searches of the SIP log are under way; try again in a second";
        return Err(ApiError::new(status, "busy", why).retry_after(1));
    };
    let found = blocking(move || {
        let found = search.run(&rest.store);
        drop(turn);
        found
    })
    .await?;
    reply(&SipLogReply {
        success: true,
        log_items: found.items,
        complete: found.next.is_none(),
        searched_from: found.next.map(|next| next.at() / 1_000),
        next_token: found.next.map(|next| next_token(&next.to_string())),
    })
}

/// Where the page before ended.
fn place_of(query: &SipLogQuery) -> Result<Option<Mark>, ApiError> {
    let page = Page::of(None, query.next_token.as_deref());
    let page = page.map_err(|error| ApiError::fields(vec![error]))?;
    let Some(after) = page.after else {
        return Ok(None);
    };
    let unknown = || ApiError::field("/nextToken", "must be the nextToken of an earlier reply");
    after.parse().map(Some).map_err(|()| unknown())
}
