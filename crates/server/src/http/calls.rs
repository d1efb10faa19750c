//! `/v1/{domain}/calls`: what became of calls.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookswitch_api::call::{
    Call, CallDetail, CallDirection, CallEvent, CallList, CallMedia, CallQuery, CallReply,
    CallState, DeliveryState,
};
use hookswitch_api::callback;
use hookswitch_api::page::next_token;
use hookswitch_call::id::CallId;
use hookswitch_call::outcome::Outcome;
use hookswitch_call::record::{self, CallRecord, MediaSummary};
use hookswitch_store::calls::{self as stored, Filter};
use hookswitch_store::events::{self, StoredEvent};
use hookswitch_store::{CallKey, CallRow, Read, UnixMicros, snapshots};

use super::allowed::{Allowed, Look, unix_seconds};
use super::error::ApiError;
use super::query::{Id, Query};
use super::{Rest, blocking, explain, reply};

/// Lists calls, the latest first
#[utoipa::path(
    get, path = "/v1/{domain}/calls", tag = "Calls", operation_id = "listCalls",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), CallQuery),
    responses((status = 200, description = "A page of calls", body = CallList)),
)]
pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Query(query): Query<CallQuery>,
) -> Result<Response, ApiError> {
    let page = query
        .page()
        .map_err(|error| ApiError::fields(vec![error]))?;
    let after = match page.after.as_deref().map(str::parse::<CallId>) {
        None => None,
        Some(Ok(call)) => Some(CallKey(call.as_u128())),
        Some(Err(_)) => {
            let detail = "must be the nextToken of an earlier reply";
            return Err(ApiError::field("/nextToken", detail));
        }
    };
    let filter = Filter {
        state: query.state.map(|state| state.as_str().to_owned()),
        // Those under way are few, and have an index of their own.
        live: query
            .state
            .filter(|state| *state != CallState::Ended)
            .map(|_| true),
        direction: query
            .direction
            .map(|direction| direction.as_str().to_owned()),
        class: query.class.map(|class| class.as_str().to_owned()),
        source_user: query.source_user,
        destination_user: query.destination_user,
        number: query.number,
        sip_call_id: query.call_id,
        session_reference_id: query.session_reference_id,
        started_from: query.started_after.map(micros),
        started_before: query.started_before.map(micros),
    };
    let domain = caller.domain.clone();
    let limit = page.limit;
    let mut rows = blocking(move || {
        rest.store
            .read(|db| stored::list(db, &domain, &filter, after, limit + 1))
    })
    .await?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_token = match rows.last() {
        Some(last) if has_more => Some(next_token(CallId::from_u128(last.id.0).text().as_str())),
        _ => None,
    };
    let calls = rows
        .iter()
        .map(|row| Ok(shown(&record_of(row)?)))
        .collect::<Result<_, ApiError>>()?;
    reply(&CallList {
        success: true,
        calls,
        next_token,
    })
}

/// Shows one call
///
/// With its decisions, times, media, outcome and callbacks.
#[utoipa::path(
    get, path = "/v1/{domain}/calls/{id}", tag = "Calls", operation_id = "getCall",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("id" = String, Path, description = "The call")),
    responses((status = 200, description = "The call", body = CallReply)),
)]
pub(super) async fn find(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let (call, row) = row_of(&rest, &caller.domain, &id).await?;
    let reader = rest.clone();
    let key = CallKey(call.as_u128());
    let read = move |db: &Read<'_>| Ok((events::of_call(db, key)?, snapshots::node_of(db, key)?));
    let (events, node) = blocking(move || reader.store.read(read)).await?;
    let record = record_of(&row)?;
    let is_live = record.state != record::CallState::Ended;
    let ids = &rest.reply_ids;
    let node = is_live.then(|| node.unwrap_or_else(|| ids.node().to_owned()));
    let reply_id = node
        .as_ref()
        .map(|node| ids.mint_of(node, &caller.domain, call, 0, unix_seconds()));
    let detail = CallDetail {
        call: shown(&record),
        reply_id,
        node,
        local: record.local.as_ref().map(media),
        remote: record.remote.as_ref().map(media),
        trace: record.trace.iter().map(explain::step).collect(),
        events: events.iter().map(event).collect(),
    };
    reply(&CallReply {
        success: true,
        call: detail,
    })
}

/// The row of a call of the domain.
pub(super) async fn row_of(
    rest: &Arc<Rest>,
    domain: &Arc<str>,
    id: &str,
) -> Result<(CallId, CallRow), ApiError> {
    let missing = || {
        let code = "call_not_found";
        ApiError {
            code: code.into(),
            ..ApiError::not_found(format!("there is no call {id}"))
        }
    };
    let call: CallId = id.parse().map_err(|_| missing())?;
    let (reader, domain) = (rest.clone(), domain.clone());
    let key = CallKey(call.as_u128());
    let found = blocking(move || reader.store.read(|db| stored::find(db, &domain, key))).await?;
    Ok((call, found.ok_or_else(missing)?))
}

fn record_of(row: &CallRow) -> Result<CallRecord, ApiError> {
    serde_json::from_str(&row.record).map_err(|error| ApiError::internal(&error))
}

fn shown(record: &CallRecord) -> Call {
    let identity = &record.identity;
    let millis = |micros: Option<u64>| micros.map(|micros| micros / 1_000);
    Call {
        id: identity.call.to_string(),
        domain: identity.domain.to_string(),
        direction: match identity.direction {
            record::Direction::Inbound => CallDirection::Inbound,
            record::Direction::Outbound => CallDirection::Outbound,
        },
        state: state(record.state),
        cloud_sip_ua_id: identity.service.as_deref().map(str::to_owned),
        source_user: identity.source_user.to_string(),
        destination_user: identity.destination_user.to_string(),
        destination_uri: identity.destination_uri.to_string(),
        call_id: identity.sip_call_id.to_string(),
        session_id: identity.call.session().to_string(),
        trace_id: identity.call.trace().to_string(),
        session_reference_id: record.session_reference_id.as_deref().map(str::to_owned),
        started_at: record.times.offered / 1_000,
        ringing_at: millis(record.times.ringing),
        answered_at: millis(record.times.answered),
        confirmed_at: millis(record.times.confirmed),
        ended_at: millis(record.times.ended),
        outcome: record.outcome.as_deref().map(outcome),
    }
}

const fn state(state: record::CallState) -> CallState {
    match state {
        record::CallState::Offered => CallState::Offered,
        record::CallState::Ringing => CallState::Ringing,
        record::CallState::Answered => CallState::Answered,
        record::CallState::Confirmed => CallState::Confirmed,
        record::CallState::Cancelling => CallState::Cancelling,
        record::CallState::Ended => CallState::Ended,
    }
}

fn outcome(outcome: &Outcome) -> callback::Outcome<'static> {
    callback::Outcome {
        ended_by: outcome.ended_by.as_str().into(),
        sip_status: Some(outcome.sip_status),
        sip_reason: Some(Cow::Owned(outcome.sip_reason.to_string())),
        q850_cause: Some(outcome.q850_cause),
        q850_text: Some(Cow::Owned(outcome.q850_text.to_string())),
        duration: outcome.duration,
        class: outcome.class.as_str().into(),
    }
}

fn media(media: &MediaSummary) -> CallMedia {
    CallMedia {
        ip: media.address.to_string(),
        port: media.port,
        codec: media.codec.as_str().to_owned(),
        telephone_event_payload_type: media.telephone_event,
        suites: media.suites.iter().map(ToString::to_string).collect(),
        direction: media
            .direction
            .map(|direction| direction.as_str().to_owned()),
    }
}

fn event(stored: &StoredEvent) -> CallEvent {
    CallEvent {
        webhook_id: stored.row.webhook_id.clone(),
        name: stored.row.name.to_string(),
        sequence: stored.row.sequence,
        timestamp: stored.row.created_at.0 / 1_000,
        state: match stored.state {
            events::DeliveryState::Pending => DeliveryState::Pending,
            events::DeliveryState::Delivered => DeliveryState::Delivered,
            events::DeliveryState::Failed => DeliveryState::Failed,
        },
        attempts: stored.attempts,
        last_status: stored.last_status,
        last_error: stored.last_error.clone(),
        delivered_at: stored.delivered_at.map(|at| at.0 / 1_000),
    }
}

const fn micros(millis: u64) -> UnixMicros {
    UnixMicros(millis.saturating_mul(1_000))
}
