//! Notifications: what the endpoints of `/provisioning/notificationsettings/{domain}` are told. Over Amazon SNS the same
//! JSON is the text of the message.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the devices of a tenant do, several events at a time, in order of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SipEvents {
    /// Always `SIPDEVICEMONITORING`.
    #[schema(example = "SIPDEVICEMONITORING")]
    pub event: String,
    /// The events.
    pub body: Vec<SipEvent>,
    /// Names this delivery for good, as the header `webhook-id` does over HTTPS: a copy has the same.
    #[schema(example = "0199a1b2-c3d4-7e5f-8061-728394a5b6c7")]
    pub webhook_id: String,
    /// Its place among the tenant's notifications of this kind, from 1.
    #[schema(example = 7)]
    pub sequence: u32,
    /// The tenant.
    #[schema(example = "acme.example.com")]
    pub domain: String,
    /// When it was put together, in milliseconds since 1970.
    #[schema(example = 1_763_731_200_000_u64)]
    pub timestamp: u64,
}

impl SipEvents {
    /// What `event` says.
    pub const EVENT: &'static str = "SIPDEVICEMONITORING";
    /// What it is called among deliveries.
    pub const NAME: &'static str = "sipDeviceMonitoring";
}

/// What kind of event it is; there may be more kinds one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SipEventType {
    /// A call of the device has come to another state.
    Dialog,
}

/// How far a device's call is, in the words of RFC 4235.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DialogState {
    /// The device is called.
    Trying,
    /// The other side rings.
    Early,
    /// The call is answered.
    Confirmed,
    /// The call is over.
    Terminated,
}

/// Whether the device called or was called, in the words of RFC 4235.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DialogDirection {
    /// The device called.
    Initiator,
    /// The device was called.
    Recipient,
}

/// One event of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SipEvent {
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub kind: SipEventType,
    /// When it happened, in milliseconds since 1970.
    #[schema(example = 1_763_731_199_512_u64)]
    pub timestamp: u64,
    /// The device: the user it calls as, or is called by.
    #[schema(example = "1001")]
    pub device: String,
    /// How far its call is.
    pub state: DialogState,
    /// Whether it called or was called.
    pub direction: DialogDirection,
    /// The other side's user.
    #[schema(example = "+46701234567")]
    pub remote: String,
    /// The call, as `/v1/{domain}/calls/{id}` knows it.
    pub call: String,
    /// The SIP Call-ID.
    pub call_id: String,
    /// Identifies the session, as callbacks do.
    pub session_id: String,
    /// Of a call that is over: the SIP status that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 200)]
    pub sip_status: Option<u16>,
    /// Of a call that is over: how it ended, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "normal")]
    pub class: Option<String>,
    /// Of a call that is over: seconds from answer to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 64)]
    pub duration: Option<u64>,
}

/// Something a tenant has to look after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAlarms {
    /// Always `SERVICEALARM`.
    #[schema(example = "SERVICEALARM")]
    pub event: String,
    /// The alarms.
    pub body: Vec<ServiceAlarm>,
    /// Names this delivery for good, as the header `webhook-id` does over HTTPS: a copy has the same.
    #[schema(example = "0199a1b2-c3d4-7e5f-8061-728394a5b6c7")]
    pub webhook_id: String,
    /// Its place among the tenant's notifications of this kind, from 1.
    #[schema(example = 7)]
    pub sequence: u32,
    /// The tenant.
    #[schema(example = "acme.example.com")]
    pub domain: String,
    /// When it was put together, in milliseconds since 1970.
    #[schema(example = 1_763_731_200_000_u64)]
    pub timestamp: u64,
}

impl ServiceAlarms {
    /// What `event` says.
    pub const EVENT: &'static str = "SERVICEALARM";
    /// What it is called among deliveries.
    pub const NAME: &'static str = "serviceAlarm";
}

/// What is wrong; there may be more kinds one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum AlarmKind {
    /// An application answered 410: its service's callbacks are off, and its calls are refused.
    CallbackDisabled,
    /// An application has taken no callback of a service for a minute, though it was tried.
    CallbackFailing,
}

impl AlarmKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallbackDisabled => "callbackDisabled",
            Self::CallbackFailing => "callbackFailing",
        }
    }
}

/// Whether it begins or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlarmState {
    /// It begins.
    Raised,
    /// It is over.
    Cleared,
}

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAlarm {
    /// What is wrong.
    pub alarm: AlarmKind,
    /// Whether it begins or is over.
    pub state: AlarmState,
    /// When it was noticed, in milliseconds since 1970.
    #[schema(example = 1_763_731_200_000_u64)]
    pub timestamp: u64,
    /// The service it is about.
    #[serde(rename = "cloudSipUAId")]
    pub cloud_sip_ua_id: String,
    /// The service's `callbackId`.
    pub callback_id: String,
    /// It in a sentence.
    #[schema(
        example = "the application answered 410 Gone, so no callbacks are sent and calls are refused"
    )]
    pub reason: String,
}
