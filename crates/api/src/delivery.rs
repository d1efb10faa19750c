//! `/v1/{domain}/deliveries` and `/v1/{domain}/events`: what applications were told, and how that went.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::call::DeliveryState;
use crate::error::FieldError;
use crate::lenient;
use crate::page::Page;

/// The query of the list of deliveries; every filter narrows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Only deliveries that stand so.
    #[param(inline)]
    pub state: Option<DeliveryState>,
    /// Only those of this call, by its `id`.
    #[serde(deserialize_with = "lenient::text")]
    #[param(pattern = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
    pub call: Option<String>,
    /// Only callbacks of this name, such as `callHungup`.
    #[serde(deserialize_with = "lenient::text")]
    pub event: Option<String>,
    /// Only those of the service with this `callbackId`.
    #[serde(deserialize_with = "lenient::text")]
    pub callback_id: Option<String>,
    /// Only those of the service with this `cloudSipUAId`.
    #[serde(deserialize_with = "lenient::text")]
    pub service: Option<String>,
    /// Only events from this time on, in milliseconds since 1970.
    #[serde(deserialize_with = "lenient::time")]
    #[param(maximum = 9_007_199_254_740_991_u64)]
    pub from: Option<u64>,
    /// Only events before this time, in milliseconds since 1970.
    #[serde(deserialize_with = "lenient::time")]
    #[param(maximum = 9_007_199_254_740_991_u64)]
    pub to: Option<u64>,
    /// How many deliveries at most, 1 to 100; 100 when absent.
    #[serde(deserialize_with = "lenient::text")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The token of the page before.
    #[serde(deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
}

impl DeliveryQuery {
    /// The page that is asked for.
    pub fn page(&self) -> Result<Page, FieldError> {
        Page::of(self.limit.as_deref(), self.next_token.as_deref())
    }
}

/// How a delivery stands that is over.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes which states a replay takes")]
enum SettledState {
    /// The application took it.
    Delivered,
    /// It was given up.
    Failed,
}

/// Which deliveries are to be replayed; every member narrows them, and without `state` the failed ones are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplayRange {
    /// Only deliveries that stand so: `failed` or `delivered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SettledState>)]
    pub state: Option<DeliveryState>,
    /// Only those of this call, by its `id`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(pattern = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
    pub call: Option<String>,
    /// Only callbacks of this name.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub event: Option<String>,
    /// Only those of the service with this `callbackId`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub callback_id: Option<String>,
    /// Only those of the service with this `cloudSipUAId`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub service: Option<String>,
    /// Only events from this time on, in milliseconds since 1970.
    #[serde(
        deserialize_with = "lenient::time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub from: Option<u64>,
    /// Only events before this time, in milliseconds since 1970.
    #[serde(
        deserialize_with = "lenient::time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub to: Option<u64>,
    /// Where an earlier reply said to go on.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub next_token: Option<String>,
}

/// A member that is not known would be a bound that is not kept: it is refused.
pub(crate) fn conditions() -> serde_json::Value {
    serde_json::json!({"additionalProperties": false})
}

/// One callback and how its delivery goes. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Names the delivery below `/v1/{domain}/deliveries`.
    pub id: String,
    /// `webhook-id`, the same in every attempt.
    pub webhook_id: String,
    /// The call it is about, by its `id`.
    pub call: String,
    /// Counts the callbacks of the call from 1.
    pub sequence: u32,
    /// The name of the callback.
    #[schema(example = "callAnswered")]
    pub event: String,
    /// The service that serves the call.
    #[serde(rename = "cloudSipUAId")]
    pub cloud_sip_ua_id: String,
    /// The service's `callbackId`.
    pub callback_id: String,
    /// When it happened.
    pub timestamp: u64,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried since it happened, or since it was last replayed.
    pub attempts: u32,
    /// When the next try is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<u64>,
    /// When the application took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<u64>,
    /// Why it was given up, or failed the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The newest hundred tries, the oldest first.
    pub tries: Vec<DeliveryTry>,
}

/// One try to deliver a callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryTry {
    /// When it ended, in milliseconds since 1970.
    pub at: u64,
    /// The HTTP status, when there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it did not deliver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took, in microseconds.
    pub took: u32,
}

/// Reply to a list of deliveries, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The deliveries of the page; there may be few of them even when there is a next page.
    pub deliveries: Vec<Delivery>,
    /// Leads to the next page, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Reply with one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The delivery.
    pub delivery: Delivery,
}

/// Reply to a replay of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// How many are on their way again.
    pub replayed: u64,
    /// Where to go on, when not all of the range was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The query of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only events behind this cursor; `newest` means those to come. Without it the oldest kept event is the first.
    #[serde(deserialize_with = "lenient::text")]
    #[param(pattern = "^(newest|[0-7][0-9A-Fa-f]{31})?$")]
    pub after: Option<String>,
    /// How many events at most, 1 to 100; 100 when absent. A stream has no end.
    #[serde(deserialize_with = "lenient::text")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
}

/// Something that happened to a call, as its callback tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastEvent {
    /// Its place: greater, as text, than that of every event before it.
    pub cursor: String,
    /// The name of its callback.
    #[schema(example = "callHungup")]
    pub event: String,
    /// The call, by its `id`.
    pub call: String,
    /// How far its delivery is.
    pub state: DeliveryState,
    /// The body of the callback, without SRTP keys.
    #[schema(value_type = Object)]
    pub body: serde_json::Value,
}

/// Reply with events in the order in which they were committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The events of the page.
    pub events: Vec<PastEvent>,
    /// What to send as `after` for the next page, also when this one is empty.
    pub next: String,
    /// Whether the next page has something already.
    pub more: bool,
}
