//! `/provisioning/alarmbridge/{domain}`: the service that receives alarm events.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::cloudsipua::RestAuthentication;
use crate::destination::{self, CALLBACK_TIMEOUT, MAX_DESCRIPTION, MAX_ID, MAX_NAME, MAX_PATTERN};
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::url::PlainHttp;

/// The shortest and the longest (a week) heartbeat interval, in milliseconds.
const HEARTBEAT: std::ops::RangeInclusive<u64> = 300_000..=604_800_000;
/// The longest interval between data requests, in milliseconds.
const DATA_REQUEST: std::ops::RangeInclusive<u64> = 0..=60_000;
/// The most protocols, modes or powers to try.
const MAX_CANDIDATES: usize = 16;

/// How events reach the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Over REST.
    Api,
    /// BS 8521.
    Bs8521,
    /// As the device is provisioned.
    #[serde(rename = "deviceProvisioned")]
    DeviceProvisioned,
    /// NOW-IP.
    NowIp,
    /// SCAIP (SS 91100).
    Scaip,
    /// TT92.
    Tt92,
    /// TTNEW.
    TtNew,
    /// Whichever of several the device turns out to speak.
    MultiProtocol,
    /// A voice call.
    VoiceCall,
    /// A NOW-IP controller.
    NowIpController,
    /// P100.
    P100,
}

impl Protocol {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Bs8521 => "bs8521",
            Self::DeviceProvisioned => "deviceProvisioned",
            Self::NowIp => "nowip",
            Self::Scaip => "scaip",
            Self::Tt92 => "tt92",
            Self::TtNew => "ttnew",
            Self::MultiProtocol => "multiprotocol",
            Self::VoiceCall => "voicecall",
            Self::NowIpController => "nowipcontroller",
            Self::P100 => "p100",
        }
    }
}

/// How tones are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToneMode {
    /// Two tones for each digit.
    Dtmf,
    /// Single data message format.
    Sdmf,
}

/// An alarm protocol a device may speak in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallProtocol {
    /// BS 8521.
    Bs8521,
    /// SCAIP.
    Scaip,
    /// TT92.
    Tt92,
    /// TTNEW.
    TtNew,
}

/// How tones are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ToneSending {
    /// As telephone events (RFC 4733, once RFC 2833).
    #[serde(rename = "2833")]
    Events,
    /// As audio.
    #[serde(rename = "inaudio")]
    InAudio,
}

/// How tones are sent to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ToneSettings {
    /// To both sides.
    #[serde(
        deserialize_with = "destination::choice",
        skip_serializing_if = "Option::is_none"
    )]
    pub dtmf_send_type: Option<ToneSending>,
    /// To the caller.
    #[serde(
        deserialize_with = "destination::choice",
        skip_serializing_if = "Option::is_none"
    )]
    pub caller_dtmf_send_type: Option<ToneSending>,
    /// To the called side.
    #[serde(
        deserialize_with = "destination::choice",
        skip_serializing_if = "Option::is_none"
    )]
    pub callee_dtmf_send_type: Option<ToneSending>,
}

/// An alarm bridge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlarmBridge {
    /// Names it in later requests; made by the platform when absent. Overwriting keeps it.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "own-id", max_length = 128)]
    pub id: Option<String>,
    /// The user's label.
    #[serde(default, deserialize_with = "lenient::required_text")]
    #[schema(format = "name", required, max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 1_024)]
    pub description: Option<String>,
    /// How events reach it; says which other fields have an effect.
    pub protocol: Protocol,
    /// `tt92`, required there: how its tones are coded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol_mode: Option<ToneMode>,
    /// `multiprotocol`: what to try.
    #[serde(
        default,
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
    pub protocol_candidates: Vec<CallProtocol>,
    /// `multiprotocol`: the tone codings to try.
    #[serde(
        default,
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
    pub protocol_modes: Vec<ToneMode>,
    /// `multiprotocol`: the powers of tones to try.
    #[serde(
        default,
        deserialize_with = "lenient::integers",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
    pub tone_powers: Vec<i32>,
    /// `deviceProvisioned`: what to take where the device says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_alarm_protocol: Option<CallProtocol>,
    /// `bs8521`, also as a candidate or fallback: milliseconds between data requests; 1600 when absent.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 60_000)]
    pub data_request_interval: Option<u32>,
    /// The regular expression that selects inbound calls and messages by the called user: linear-time,
    /// unanchored; `/…/` and `/…/i` literals are understood.
    #[serde(default, deserialize_with = "lenient::required_text")]
    #[schema(format = "regex", required, max_length = 1_024, example = "/^alarm$/")]
    pub destination_match: String,
    /// The id of the mapper that sends the events on.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "id", max_length = 128)]
    pub alarm_event_mapper_id: Option<String>,
    /// The heartbeat interval of devices that set none, in milliseconds.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 300_000, maximum = 604_800_000, example = 300_000)]
    pub default_heartbeat_interval: Option<u32>,
    /// Whether devices come over a VPN, so that no network address translation is undone.
    #[serde(
        rename = "useVPNConnection",
        default,
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub use_vpn_connection: Option<bool>,
    /// How tones are sent.
    #[serde(
        deserialize_with = "lenient::object",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub tone_settings: Option<ToneSettings>,
    /// Whether the bridge stays in the media path of the voice call after an alarm; true when absent.
    #[serde(
        default,
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub control_commands_enabled: Option<bool>,
    /// Whether a hang-up of the receiving centre clears the device; true when absent.
    #[serde(
        default,
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub arc_disconnect_clears_call: Option<bool>,
    /// How events are transformed before they are told.
    #[serde(
        default,
        deserialize_with = "destination::object",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>)]
    pub custom_event_map: Option<Map<String, Value>>,
    /// Copied into callbacks, and put before `controllerId:deviceId` to find the device.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(
        min_length = 1,
        pattern = "^[a-zA-Z0-9_\\-\\.]+$",
        max_length = 128,
        example = "site-1"
    )]
    pub customer_site_id: Option<String>,
    /// Whom new alarm events are to reach, where the device says nothing.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "address", max_length = 1_024)]
    pub default_emergency_destination: Option<String>,
    /// Where callbacks go; begins with `https://`.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(
        format = "callback-url",
        max_length = 2_048,
        example = "https://app.example.com/alarms"
    )]
    pub callback_base_url: Option<String>,
    /// How callbacks are signed: the first entry, and the next one each time the application answers 401 or
    /// 403. Absent where they are overwritten, the stored ones stay; an empty list takes all away.
    #[serde(
        default,
        deserialize_with = "lenient::objects",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
    pub rest_authentication: Vec<RestAuthentication>,
    /// The whole budget of a callback with its tries, in milliseconds; 15000 when absent.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 300, maximum = 120_000, example = 15_000)]
    pub callback_timeout: Option<u32>,
    /// The user's label of the callback.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 200)]
    pub callback_name: Option<String>,
    /// What the callback is for.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 1_024)]
    pub callback_description: Option<String>,
    /// Names the callback; made by the platform when absent.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "id", max_length = 128)]
    pub callback_id: Option<String>,
}

/// What [`AlarmBridge::validate`] says of members that depend on each other.
pub(crate) fn conditions() -> Value {
    json!({
        "if": {"properties": {"protocol": {"const": "tt92"}}, "required": ["protocol"]},
        "then": {"required": ["protocolMode"], "properties": {"protocolMode": {"type": "string"}}},
    })
}

impl AlarmBridge {
    /// What is wrong with the bridge; whether the pattern compiles is not checked here.
    pub fn validate(&self, plain: PlainHttp) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.id("/id", self.id.as_deref());
        faults.id("/callbackId", self.callback_id.as_deref());
        faults.required("/name", Some(&self.name), MAX_NAME);
        faults.length("/description", self.description.as_deref(), MAX_DESCRIPTION);
        faults.required(
            "/destinationMatch",
            Some(&self.destination_match),
            MAX_PATTERN,
        );
        if self.protocol == Protocol::Tt92 && self.protocol_mode.is_none() {
            faults.add(
                "/protocolMode",
                "is required for protocol tt92: dtmf or sdmf",
            );
        }
        for (pointer, length) in [
            ("/protocolCandidates", self.protocol_candidates.len()),
            ("/protocolModes", self.protocol_modes.len()),
            ("/tonePowers", self.tone_powers.len()),
        ] {
            if length > MAX_CANDIDATES {
                faults.add(
                    pointer,
                    format!("must have at most {MAX_CANDIDATES} entries"),
                );
            }
        }
        let interval = self.data_request_interval.map(u64::from);
        faults.range("/dataRequestInterval", interval, DATA_REQUEST);
        let heartbeat = self.default_heartbeat_interval.map(u64::from);
        faults.range("/defaultHeartbeatInterval", heartbeat, HEARTBEAT);
        faults.id("/alarmEventMapperId", self.alarm_event_mapper_id.as_deref());
        faults.object("/customEventMap", self.custom_event_map.as_ref());
        faults.word("/customerSiteId", self.customer_site_id.as_deref(), MAX_ID);
        let emergency = self.default_emergency_destination.as_deref();
        faults.address("/defaultEmergencyDestination", emergency);
        faults.callback_url("/callbackBaseUrl", self.callback_base_url.as_deref(), plain);
        faults.authentications(&self.rest_authentication);
        let timeout = self.callback_timeout.map(u64::from);
        faults.range("/callbackTimeout", timeout, CALLBACK_TIMEOUT);
        faults.line("/callbackName", self.callback_name.as_deref(), MAX_NAME);
        let description = self.callback_description.as_deref();
        faults.length("/callbackDescription", description, MAX_DESCRIPTION);
        faults.into_vec()
    }

    /// Fields that belong to another `protocol`.
    pub fn remarks(&self) -> Vec<FieldError> {
        let fields: [(&str, bool, &[&str]); 6] = [
            ("/protocolMode", self.protocol_mode.is_some(), &["tt92"]),
            (
                "/protocolCandidates",
                !self.protocol_candidates.is_empty(),
                &["multiprotocol"],
            ),
            (
                "/protocolModes",
                !self.protocol_modes.is_empty(),
                &["multiprotocol"],
            ),
            (
                "/tonePowers",
                !self.tone_powers.is_empty(),
                &["multiprotocol"],
            ),
            (
                "/fallbackAlarmProtocol",
                self.fallback_alarm_protocol.is_some(),
                &["deviceProvisioned"],
            ),
            (
                "/dataRequestInterval",
                self.data_request_interval.is_some(),
                &["bs8521", "multiprotocol", "deviceProvisioned"],
            ),
        ];
        destination::foreign("protocol", self.protocol.as_str(), &fields)
    }
}
