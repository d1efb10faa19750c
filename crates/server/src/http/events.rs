//! `/v1/{domain}/events`: everything that happened, in the order in which it was committed, delivered or not.
//!
//! A page at a time, or as a stream that stays open. A cursor is the place of an event and the time it happened,
//! written so that later ones are greater as text; a cursor from before the retention time is refused, because
//! events behind it may be gone.

mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hookswitch_api::delivery::{EventList, EventQuery, PastEvent};
use hookswitch_api::error::ErrorBody;
use hookswitch_api::page::Page;
use hookswitch_api::settings::Settings;
use hookswitch_call::id::CallId;
use hookswitch_store::events::{self, StoredEvent};
use hookswitch_store::{UnixMicros, domains};
use utoipa::IntoParams;

use super::allowed::{Allowed, Look};
use super::deliveries::state;
use super::error::ApiError;
use super::query::Query;
use super::{Rest, blocking, reply};

pub use stream::Streams;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Sweeping is a little behind the time of retention, and so may a reader be.
const GRACE: Duration = Duration::from_secs(60);

/// What a reader says who follows a stream again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it only describes a header")]
struct LastEvent {
    /// The same as `after`, which it goes before.
    #[param(rename = "Last-Event-ID", value_type = String, required = false, pattern = "^(newest|[0-7][0-9A-Fa-f]{31})?$")]
    last_event_id: Option<String>,
}

/// Reads or follows the events
///
/// Every callback of the retention time in commit order, delivered or not, without SRTP keys; so an application
/// that was away catches up. Send the `next` of a reply as `after` of the next request. A cursor from before the
/// retention time is answered with 410 `cursor_too_old`: what was behind it may be gone; one of a database that
/// was replaced with 410 `cursor_unknown`. With
/// `Accept: text/event-stream` the reply stays open: each message has the cursor as its `id` and the event as
/// its data, `Last-Event-ID` goes on where a stream broke off, a new `id` comes after 15 quiet seconds, and a reader
/// who does not keep up is told so in a last message `dropped`, as everybody is when the node stops (`closing`).
/// `curl -N -H "Authorization: Bearer $TOKEN" -H "Accept: text/event-stream" "https://…/v1/acme.test/events?after=newest"`
#[utoipa::path(
    get, path = "/v1/{domain}/events", tag = "Events", operation_id = "listEvents",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), EventQuery, LastEvent),
    responses((status = 200, description = "A page of events, or a stream of them", content((EventList = "application/json"), (String = "text/event-stream"))),
        (status = 410, description = "What was behind the cursor may be gone, or it is of another database (`cursor_too_old`, `cursor_unknown`); begin without `after`", body = ErrorBody)),
)]
pub(super) async fn follow(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Query(query): Query<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last = match headers.get("last-event-id") {
        Some(value) => Some(value.to_str().map_err(|_| nowhere())?),
        None => None,
    };
    let after = query.after.as_deref();
    // The header counts, and what is wrong beside it is wrong all the same.
    let given = |text: &&str| !text.is_empty();
    if let Some(text) = after.filter(given)
        && !is_place(text)
    {
        return Err(nowhere());
    }
    let after = last.filter(given).or(after.filter(given));
    let after = start(&rest, &caller.domain, after).await?;
    let asked_at = UnixMicros::now();
    let wants_stream = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    if wants_stream {
        let body = stream::open(&rest, &caller.domain, after)?;
        let headers = [
            (CONTENT_TYPE, "text/event-stream"),
            (CACHE_CONTROL, "no-cache"),
        ];
        return Ok((headers, body).into_response());
    }
    let page =
        Page::of(query.limit.as_deref(), None).map_err(|error| ApiError::fields(vec![error]))?;
    let (domain, limit) = (caller.domain.clone(), page.limit);
    let mut found = blocking(move || {
        rest.store
            .read(|db| events::after(db, &domain, after.row, limit + 1))
    })
    .await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().map_or(after, Cursor::of);
    let next = if more { last } else { last.seen(asked_at) };
    reply(&EventList {
        success: true,
        next: next.text(),
        events: found.iter().map(shown).collect(),
        more,
    })
}

/// A place among the events of all domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    row: i64,
    /// When the event there happened, or when nothing was behind it.
    at: UnixMicros,
}

impl Cursor {
    fn of(event: &StoredEvent) -> Self {
        Self {
            row: event.cursor,
            at: event.row.created_at,
        }
    }

    /// The same place for a reader who has seen all there was at that time: however quiet the domain, nothing that
    /// is removed as old later is behind it.
    fn seen(self, at: UnixMicros) -> Self {
        let at = self.at.max(at);
        Self { at, ..self }
    }

    fn text(self) -> String {
        format!("{:016x}{:016x}", self.row, self.at.0)
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let (row, at) = text.split_at(16);
        Some(Self {
            row: i64::from_str_radix(row, 16).ok()?,
            at: UnixMicros(u64::from_str_radix(at, 16).ok()?),
        })
    }
}

/// Whether a text names a place, whatever is there.
fn is_place(text: &str) -> bool {
    text == "newest" || Cursor::parse(text).is_some()
}

fn nowhere() -> ApiError {
    ApiError::field("/after", "must be the next of an earlier reply, or newest")
}

/// Where to begin.
async fn start(
    rest: &Arc<Rest>,
    domain: &Arc<str>,
    after: Option<&str>,
) -> Result<Cursor, ApiError> {
    let (reader, name) = (rest.clone(), domain.clone());
    let cursor = match after {
        None => {
            return Ok(Cursor {
                row: 0,
                at: UnixMicros::now(),
            });
        }
        Some("newest") => {
            let at = UnixMicros::now();
            let row = blocking(move || reader.store.read(events::newest_cursor)).await?;
            return Ok(Cursor { row, at });
        }
        Some(text) => Cursor::parse(text).ok_or_else(nowhere)?,
    };
    let (row, newest) = blocking(move || {
        let newest = reader.store.read(events::newest_cursor)?;
        Ok((reader.store.read(|db| domains::find(db, &name))?, newest))
    })
    .await?;
    if cursor.row > newest {
        let reason = "this cursor is of another database than the one in use; begin without after";
        return Err(ApiError::new(StatusCode::GONE, "cursor_unknown", reason));
    }
    let settings = row.and_then(|row| serde_json::from_str::<Settings>(&row.settings).ok());
    let days = settings.unwrap_or_default().retention.events();
    if cursor.at < UnixMicros::now().before(DAY * days + GRACE) {
        let reason = format!(
            "events are kept for {days} days, and some behind this cursor may be gone; begin without after"
        );
        return Err(ApiError::new(StatusCode::GONE, "cursor_too_old", reason));
    }
    Ok(cursor)
}

fn shown(event: &StoredEvent) -> PastEvent {
    PastEvent {
        cursor: Cursor::of(event).text(),
        event: event.row.name.to_string(),
        call: CallId::from_u128(event.row.call.0).to_string(),
        state: state(event.state),
        body: serde_json::from_str(&event.row.body).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_cursor_is_greater_as_text_and_comes_back_as_it_was() {
        let cursors = [(0, 9), (1, 8), (0xf, 7), (0x10, 6), (i64::MAX, 5)];
        let cursors = cursors.map(|(row, at)| Cursor {
            row,
            at: UnixMicros(at),
        });
        assert!(cursors.map(Cursor::text).is_sorted());
        for cursor in cursors {
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
        for text in ["", "1", "+000000000000000ffffffffffffffff", &"é".repeat(16)] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
