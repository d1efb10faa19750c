//! Requests that a program took and did not answer before it ended.
//!
//! | request | what it finds under its key |
//! |---|---|
//! | `placeremotecall`, whose call was written down | the reply that names this call |
//! | `placeremotecall` of this node without one: call and key are written at once, so there is none | it is carried out |
//! | another command on a call, for this node | it is carried out: twice is as once |
//! | any other | 409: what it did is not known |

use axum::http::StatusCode;
use hookswitch_call::id::CallId;
use hookswitch_store::idempotency::{Reply, Unanswered};
use hookswitch_store::{CallKey, CallRow, Error, calls, events};

use super::super::error::ApiError;
use super::super::{Rest, blocking, commands};

/// The reply to give now, or `None` where the request is to be carried out.
pub(super) async fn resume(
    rest: &Rest,
    domain: &str,
    route: &str,
    left: Unanswered,
) -> Result<Option<Reply>, ApiError> {
    let command = commands::of_route(route).ok_or_else(|| unknown(domain, &left))?;
    let is_own = left.node.as_deref() == Some(rest.reply_ids.node());
    if command != commands::PLACE {
        return if is_own {
            Ok(None)
        } else {
            Err(unknown(domain, &left))
        };
    }
    match (left.call, &left.node) {
        (Some(call), Some(node)) => {
            let Some(row) = heard_of(rest, domain, call).await? else {
                return Ok(None);
            };
            let call = CallId::from_u128(call.0);
            let body = commands::placed(rest, node, domain, call, &row.sip_call_id);
            let body = serde_json::to_string(&body).map_err(|error| ApiError::internal(&error))?;
            Ok(Some(Reply { status: 200, body }))
        }
        _ if is_own => Ok(None),
        _ => Err(unknown(domain, &left)),
    }
}

/// The call, unless it ended before anybody could be told of it.
async fn heard_of(rest: &Rest, domain: &str, call: CallKey) -> Result<Option<CallRow>, ApiError> {
    let (store, domain) = (rest.store.clone(), domain.to_owned());
    blocking(move || {
        store.read(|db| {
            let row = calls::find(db, &domain, call)?;
            let has_ended = row.as_ref().is_some_and(|row| row.ended_at.is_some());
            let is_unheard = has_ended && events::of_call(db, call)?.is_empty();
            Ok::<_, Error>(row.filter(|_| !is_unheard))
        })
    })
    .await
}

fn unknown(domain: &str, left: &Unanswered) -> ApiError {
    let from = left.since.0 / 1_000;
    let node = left.node.as_deref().unwrap_or("a node");
    ApiError::new(
        StatusCode::CONFLICT,
        "idempotency_outcome_unknown",
        format!(
            "{node} ended while the first request with this Idempotency-Key was at work, so what it did is not known: \
             look whether it was done (calls: GET /v1/{domain}/calls?startedAfter={from}), then use a new key where it \
             is to be done again"
        ),
    )
}
