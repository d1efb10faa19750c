//! `/v1/{domain}/calls/{id}/ladder`: REST commands, SIP messages and callbacks of a call on one time axis.

mod text;

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use hookswitch_api::ladder::{LadderEntry, LadderReply};
use hookswitch_store::{CallKey, ladder};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::allowed::{Allowed, Look};
use super::error::ApiError;
use super::query::{Id, Query};
use super::{Rest, blocking, calls, reply};
use crate::shard::{Line, decode_ladder};

pub use text::draw;

/// How the ladder is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// As JSON.
    Json,
    /// As a drawing in plain text.
    Text,
}

/// The query of the ladder.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct LadderQuery {
    /// `json` or `text`; without it the Accept header decides.
    #[param(inline)]
    format: Option<Format>,
}

/// Shows everything that was sent for a call
///
/// REST commands, SIP messages and callbacks on one time axis, keys and credentials blanked; as JSON, or as
/// a drawing with `Accept: text/plain` or `format=text`.
#[utoipa::path(
    get, path = "/v1/{domain}/calls/{id}/ladder", tag = "Calls", operation_id = "getLadder",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("id" = String, Path, description = "The call"), LadderQuery),
    responses((status = 200, description = "The ladder", content((LadderReply = "application/json"), (String = "text/plain")))),
)]
pub(super) async fn show(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Id(id): Id,
    Query(query): Query<LadderQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (call, _) = calls::row_of(&rest, &caller.domain, &id).await?;
    let mut entries = rest.calls.recent_ladder(call).await;
    let reader = rest.clone();
    let key = CallKey(call.as_u128());
    let rows = blocking(move || reader.store.read(|db| ladder::of_call(db, key))).await?;
    for row in &rows {
        entries.extend(decode_ladder(row).iter().map(Line::entry));
    }
    arrange(&mut entries);
    let wants_text = match query.format {
        Some(format) => format == Format::Text,
        None => headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accept| accept.trim_start().starts_with("text/plain")),
    };
    if wants_text {
        let kind = "text/plain; charset=utf-8";
        return Ok(([(CONTENT_TYPE, kind)], draw(&entries)).into_response());
    }
    reply(&LadderReply {
        success: true,
        ladder: entries,
    })
}

/// In order of time, each once (a line may come from memory and from the store), counted from the first.
fn arrange(entries: &mut Vec<LadderEntry>) {
    for entry in entries.iter_mut() {
        entry.offset = 0;
    }
    entries.sort_by_key(|entry| entry.at);
    entries.dedup();
    let first = entries.first().map_or(0, |entry| entry.at);
    for entry in entries {
        entry.offset = entry.at - first;
    }
}
