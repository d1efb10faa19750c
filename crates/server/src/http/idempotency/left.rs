//! Requests that were taken and not answered, by a program that ended or by another node.
//!
//! | request | what it finds under its key |
//! |---|---|
//! | `placeremotecall`, whose call the application was told of, or which this node took up again | the reply that names it |
//! | `placeremotecall` of this node without a call: call and key are written at once, so there is none | it is carried out |
//! | the same, whose call ended before anybody was told, unless its node runs | it is carried out |
//! | another command on a call, of this node | it is carried out |
//! | what another node took that runs | 409: it is at work there, or is to be sent there |
//! | any other | 409: what it did is not known |

use axum::http::StatusCode;
use hookswitch_call::id::CallId;
use hookswitch_store::idempotency::{Reply, Unanswered};
use hookswitch_store::{CallKey, Error, calls, events};

use super::super::error::ApiError;
use super::super::{Rest, blocking, commands};
use super::in_progress;

/// The reply to give now, or `None` where the request is to be carried out.
pub(super) async fn resume(
    rest: &Rest,
    domain: &str,
    route: &str,
    left: &Unanswered,
) -> Result<Option<Reply>, ApiError> {
    let command = commands::of_route(route);
    let own = rest.reply_ids.node();
    let other = left.node.as_deref().filter(|node| *node != own);
    let is_up = match other.map(str::to_owned) {
        Some(other) => {
            let store = rest.store.clone();
            blocking(move || store.is_up(&other)).await?
        }
        None => false,
    };
    let is_own = left.node.as_deref() == Some(own);
    if let (Some(commands::PLACE), Some(call), Some(node)) = (command, left.call, &left.node) {
        match heard_of(rest, domain, call).await? {
            Some(Heard::Yes { sip_call_id }) => {
                return named(rest, node, domain, call, &sip_call_id);
            }
            // Its node may still give it up; this one does so before it answers anybody.
            Some(Heard::NotYet { sip_call_id }) if is_own => {
                return named(rest, node, domain, call, &sip_call_id);
            }
            Some(Heard::Never) if !is_up => return Ok(None),
            _ => {}
        }
    } else if command.is_some() && is_own {
        return Ok(None);
    }
    Err(match other {
        Some(node) if is_up => in_progress(&format!(
            "came to the node {node}: it is at work there, or has to be sent there again"
        )),
        _ => unknown(domain, left),
    })
}

/// Whether anybody was told of a call.
enum Heard {
    /// There are events.
    Yes { sip_call_id: String },
    /// It has not ended.
    NotYet { sip_call_id: String },
    /// It ended before.
    Never,
}

async fn heard_of(rest: &Rest, domain: &str, call: CallKey) -> Result<Option<Heard>, ApiError> {
    let (store, domain) = (rest.store.clone(), domain.to_owned());
    blocking(move || {
        store.read(|db| {
            let Some(row) = calls::find(db, &domain, call)? else {
                return Ok::<_, Error>(None);
            };
            let sip_call_id = row.sip_call_id;
            Ok(Some(if !events::of_call(db, call)?.is_empty() {
                Heard::Yes { sip_call_id }
            } else if row.ended_at.is_none() {
                Heard::NotYet { sip_call_id }
            } else {
                Heard::Never
            }))
        })
    })
    .await
}

fn named(
    rest: &Rest,
    node: &str,
    domain: &str,
    call: CallKey,
    sip_call_id: &str,
) -> Result<Option<Reply>, ApiError> {
    let call = CallId::from_u128(call.0);
    let body = commands::placed(rest, node, domain, call, sip_call_id);
    let body = serde_json::to_string(&body).map_err(|error| ApiError::internal(&error))?;
    Ok(Some(Reply { status: 200, body }))
}

fn unknown(domain: &str, left: &Unanswered) -> ApiError {
    let from = left.since.0 / 1_000;
    let who = match &left.node {
        Some(node) => format!("the node {node} ended"),
        None => "a node of an earlier release ended or cannot be asked".to_owned(),
    };
    ApiError::new(
        StatusCode::CONFLICT,
        "idempotency_outcome_unknown",
        format!(
            "{who} while the first request with this Idempotency-Key was at work, so what it did is not known: look \
             whether it was done (calls: GET /v1/{domain}/calls?startedAfter={from}), then use a new key where it is to \
             be done again"
        ),
    )
}
