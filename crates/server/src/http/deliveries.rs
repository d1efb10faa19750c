//! `/v1/{domain}/deliveries`: what applications were told, how that went, and telling it again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hookswitch_api::call::DeliveryState;
use hookswitch_api::callback::{Callback as _, NewRemoteCall};
use hookswitch_api::delivery::{
    Delivery, DeliveryList, DeliveryQuery, DeliveryReply, DeliveryTry, ReplayRange, ReplayReply,
};
use hookswitch_api::done::Done;
use hookswitch_api::page::{Page, next_token};
use hookswitch_call::id::CallId;
use hookswitch_store::events::{self, Filter, StoredEvent};
use hookswitch_store::{CallKey, UnixMicros};

use super::allowed::{Allowed, Change, Look};
use super::body::OptionalJson;
use super::error::ApiError;
use super::query::{Id, Query};
use super::{Rest, blocking, reply};

/// Questions to the store for one page, each of which looks at a bounded number of rows.
const QUESTIONS: usize = 20;
/// Events put back in one write, so that calls do not wait long behind it.
const PORTION: u32 = 250;
/// Writes of one request.
const PORTIONS: usize = 40;

/// Lists deliveries, the oldest first
///
/// Each callback of the retention time with every try. For instance what an application refused for good:
/// `curl -H "Authorization: Bearer $TOKEN" "https://…/v1/acme.test/deliveries?state=failed"`
#[utoipa::path(
    get, path = "/v1/{domain}/deliveries", tag = "Events", operation_id = "listDeliveries",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), DeliveryQuery),
    responses((status = 200, description = "A page of deliveries", body = DeliveryList)),
)]
pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Response, ApiError> {
    let page = query
        .page()
        .map_err(|error| ApiError::fields(vec![error]))?;
    let mut after = cursor_of(page.after.as_deref())?;
    let range = ReplayRange {
        state: query.state,
        call: query.call,
        event: query.event,
        callback_id: query.callback_id,
        service: query.service,
        from: query.from,
        to: query.to,
        next_token: None,
    };
    let filter = filter(&rest, &caller.domain, &range)?;
    let (domain, limit) = (caller.domain.clone(), page.limit);
    let (found, next) = blocking(move || {
        let mut found: Vec<StoredEvent> = Vec::new();
        for _ in 0..QUESTIONS {
            let left = limit - u32::try_from(found.len()).unwrap_or(limit);
            let page = rest
                .store
                .read(|db| events::range(db, &domain, &filter, after, left))?;
            found.extend(page.events);
            match page.next {
                Some(next) => after = next,
                None => return Ok((found, None)),
            }
            if found.len() >= limit as usize {
                break;
            }
        }
        Ok((found, Some(after)))
    })
    .await?;
    reply(&DeliveryList {
        success: true,
        deliveries: found.iter().map(shown).collect(),
        next_token: next.map(|cursor| next_token(&cursor.to_string())),
    })
}

/// Shows one delivery with every try
#[utoipa::path(
    get, path = "/v1/{domain}/deliveries/{id}", tag = "Events", operation_id = "getDelivery",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("id" = String, Path, description = "The delivery")),
    responses((status = 200, description = "The delivery", body = DeliveryReply)),
)]
pub(super) async fn find(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let event = event_of(&rest, &caller.domain, &id).await?;
    reply(&DeliveryReply {
        success: true,
        delivery: shown(&event),
    })
}

/// Tells an application something again
///
/// With the same `webhook-id` and body (SRTP keys are gone once a callback was delivered). Announcements
/// (`newRemoteCall`) are not replayed: their calls have gone on without them.
/// `curl -X POST -H "Authorization: Bearer $TOKEN" "https://…/v1/acme.test/deliveries/$ID/replay"`
#[utoipa::path(
    post, path = "/v1/{domain}/deliveries/{id}/replay", tag = "Events", operation_id = "replayDelivery",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("id" = String, Path, description = "The delivery")),
    responses((status = 200, description = "It is on its way again", body = Done)),
)]
pub(super) async fn replay(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let event = event_of(&rest, &caller.domain, &id).await?;
    let conflict = |code, reason| ApiError::new(StatusCode::CONFLICT, code, reason);
    if event.row.name == NewRemoteCall::NAME {
        let reason = "newRemoteCall is not replayed: its call has gone on without it. Every other event can be, for instance those that deliveries?event=callHungup lists";
        return Err(conflict("not_replayable", reason));
    }
    let (writer, domain) = (rest.clone(), caller.domain.clone());
    let (call, sequence) = (event.row.call, event.row.sequence);
    let replayed = blocking(move || {
        let store = &writer.store;
        store.write(move |db| events::replay(db, &domain, call, sequence))
    });
    if replayed.await?.is_none() {
        let reason = "it is on its way already; see nextAttemptAt";
        return Err(conflict("delivery_waits", reason));
    }
    rest.outbox.replayed(&caller.domain, &event.row.service);
    reply(&Done::new())
}

/// Tells an application many things again
///
/// All that failed, or what the body narrows it down to; at most 10,000 at a time, `nextToken` leads on. Unknown
/// members are refused, because a misspelt one would make the range wider. For instance everything of an hour, delivered or not:
/// `curl -X POST -H "Authorization: Bearer $TOKEN" -d '{"state":"delivered","from":1700000000000,"to":1700003600000}' "https://…/v1/acme.test/deliveries/replay"`
#[utoipa::path(
    post, path = "/v1/{domain}/deliveries/replay", tag = "Events", operation_id = "replayDeliveries",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = Option<ReplayRange>,
    responses((status = 200, description = "They are on their way again", body = ReplayReply)),
)]
pub(super) async fn replay_range(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    OptionalJson(body): OptionalJson<ReplayRange>,
) -> Result<Response, ApiError> {
    // A filter that nobody knows would make the range wider than it was meant.
    let (mut range, _) = body.known(true)?;
    match range.state.get_or_insert(DeliveryState::Failed) {
        DeliveryState::Pending => {
            let detail = "must be failed or delivered: what is pending is on its way";
            return Err(ApiError::field("/state", detail));
        }
        DeliveryState::Delivered | DeliveryState::Failed => {}
    }
    let page = Page::of(None, range.next_token.as_deref())
        .map_err(|error| ApiError::fields(vec![error]))?;
    let mut after = cursor_of(page.after.as_deref())?;
    let filter = Filter {
        other_than: Some(NewRemoteCall::NAME.to_owned()),
        ..filter(&rest, &caller.domain, &range)?
    };
    let (writer, domain) = (rest.clone(), caller.domain.clone());
    let (replayed, next, services) = blocking(move || {
        let mut replayed = 0;
        let mut next = None;
        for _ in 0..PORTIONS {
            let (domain, filter) = (domain.clone(), filter.clone());
            let portion = writer
                .store
                .write(move |db| events::replay_range(db, &domain, &filter, after, PORTION))?;
            replayed += portion.count;
            next = portion.next;
            match next {
                Some(cursor) => after = cursor,
                None => break,
            }
        }
        let backlog = writer.store.read(events::backlog)?;
        let waiting = backlog
            .into_iter()
            .filter(|waiting| *waiting.domain == *domain);
        let services: Vec<String> = waiting.map(|waiting| waiting.service).collect();
        Ok((replayed, next, services))
    })
    .await?;
    if replayed > 0 {
        for service in services {
            rest.outbox.replayed(&caller.domain, &service);
        }
    }
    reply(&ReplayReply {
        success: true,
        replayed,
        next_token: next.map(|cursor: i64| next_token(&cursor.to_string())),
    })
}

async fn event_of(rest: &Arc<Rest>, domain: &Arc<str>, id: &str) -> Result<StoredEvent, ApiError> {
    let missing = || ApiError {
        code: "delivery_not_found".into(),
        ..ApiError::not_found(format!("there is no delivery {id}"))
    };
    let (call, sequence) = id.split_once('.').ok_or_else(missing)?;
    let call: CallId = call.parse().map_err(|_| missing())?;
    let sequence: u32 = sequence.parse().map_err(|_| missing())?;
    let reader = rest.clone();
    let found = blocking(move || {
        let key = CallKey(call.as_u128());
        reader.store.read(|db| events::of_call(db, key))
    });
    let mut found = found.await?.into_iter();
    found
        .find(|event| event.row.sequence == sequence && event.row.domain == *domain)
        .ok_or_else(missing)
}

fn filter(rest: &Rest, domain: &str, range: &ReplayRange) -> Result<Filter, ApiError> {
    let call = match range.call.as_deref().map(str::parse::<CallId>) {
        None => None,
        Some(Ok(call)) => Some(CallKey(call.as_u128())),
        Some(Err(_)) => return Err(ApiError::field("/call", "must be the id of a call")),
    };
    let callback_id = match &range.service {
        None => range.callback_id.clone(),
        Some(service) => {
            let published = rest.publisher.current();
            let callback = published.callback(domain, service).ok_or_else(|| {
                ApiError::field("/service", "must be the cloudSipUAId of a service")
            })?;
            Some(callback.callback_id.to_string())
        }
    };
    let micros = |millis: u64| UnixMicros(millis.saturating_mul(1_000));
    Ok(Filter {
        state: range.state.map(|state| match state {
            DeliveryState::Pending => events::DeliveryState::Pending,
            DeliveryState::Delivered => events::DeliveryState::Delivered,
            DeliveryState::Failed => events::DeliveryState::Failed,
        }),
        call,
        name: range.event.clone(),
        other_than: None,
        callback_id,
        from: range.from.map(micros),
        before: range.to.map(micros),
    })
}

fn cursor_of(token: Option<&str>) -> Result<i64, ApiError> {
    let cursor = token.map_or(Ok(0), str::parse);
    cursor.map_err(|_| ApiError::field("/nextToken", "must be the nextToken of an earlier reply"))
}

pub(super) const fn state(state: events::DeliveryState) -> DeliveryState {
    match state {
        events::DeliveryState::Pending => DeliveryState::Pending,
        events::DeliveryState::Delivered => DeliveryState::Delivered,
        events::DeliveryState::Failed => DeliveryState::Failed,
    }
}

fn shown(event: &StoredEvent) -> Delivery {
    let row = &event.row;
    let call = CallId::from_u128(row.call.0);
    let millis = |at: UnixMicros| at.0 / 1_000;
    Delivery {
        id: format!("{call}.{}", row.sequence),
        webhook_id: row.webhook_id.clone(),
        call: call.to_string(),
        sequence: row.sequence,
        event: row.name.to_string(),
        cloud_sip_ua_id: row.service.clone(),
        callback_id: row.callback_id.clone(),
        timestamp: millis(row.created_at),
        state: state(event.state),
        attempts: event.attempts,
        next_attempt_at: event.next_attempt_at.map(millis),
        delivered_at: event.delivered_at.map(millis),
        last_error: event.last_error.clone(),
        tries: event
            .tries
            .iter()
            .map(|one| DeliveryTry {
                at: millis(one.at),
                status: one.status,
                error: one.error.clone(),
                took: one.took_micros,
            })
            .collect(),
    }
}
