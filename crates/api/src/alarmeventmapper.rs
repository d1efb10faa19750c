//! `/provisioning/alarmeventmapper/{domain}`: where alarm events are sent on to, and how.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::destination::{self, MAX_DESCRIPTION, MAX_NAME};
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::secret::Secret;

/// The most zeros put before an id, as documented.
const PAD: std::ops::RangeInclusive<u64> = 0..=10;
/// The longest time, a day, in seconds.
const SECONDS: std::ops::RangeInclusive<u64> = 0..=86_400;
/// The longest user name or password.
const MAX_CREDENTIAL: usize = 256;
/// The longest domain name.
const MAX_DOMAIN: usize = 253;

/// What happens once an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum AlarmHandling {
    /// A voice call to the emergency centre.
    CallEmergencyCenter,
    /// A voice call to the destination set beforehand.
    UsePredefinedDestination,
    /// The centre is asked to call back.
    RequestCallback,
    /// The event is cleared without a voice call.
    Drop,
}

impl AlarmHandling {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallEmergencyCenter => "callEmergencyCenter",
            Self::UsePredefinedDestination => "usePredefinedDestination",
            Self::RequestCallback => "requestCallback",
            Self::Drop => "drop",
        }
    }
}

/// What the target speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetProtocol {
    /// SCAIP (SS 91100).
    Scaip,
    /// SIA DC-09.
    Sia,
}

/// Where events go when the target does not take them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupEndpoint {
    /// A SIP URI or an address.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "address", max_length = 1_024)]
    pub backup_dest_addr: Option<String>,
    /// The user name of SIP digest authentication.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 256)]
    pub backup_sip_auth_user: Option<String>,
    /// Its password.
    #[serde(
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = "secret", max_length = 256)]
    pub backup_sip_auth_password: Option<Secret>,
    /// What From says instead of the device.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "address", max_length = 1_024)]
    pub backup_override_sip_from: Option<String>,
    /// Where voice calls go.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "address", max_length = 1_024)]
    pub backup_default_voice_destination: Option<String>,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetEndpoint {
    /// What the target speaks.
    pub protocol: TargetProtocol,
    /// A SIP URI or an address.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(
        format = "address",
        max_length = 1_024,
        example = "sip:alarm@arc.example.com"
    )]
    pub dest_addr: Option<String>,
    /// The user name of SIP digest authentication.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 256)]
    pub sip_auth_user: Option<String>,
    /// Its password.
    #[serde(
        default,
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = "secret", max_length = 256)]
    pub sip_auth_password: Option<Secret>,
    /// What From says instead of the device.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "address", max_length = 1_024)]
    pub override_sip_from: Option<String>,
    /// Where voice calls go.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "address", max_length = 1_024)]
    pub default_voice_destination: Option<String>,
    /// Where events go when this target does not take them.
    #[serde(
        deserialize_with = "lenient::object",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub backup_endpoint: Option<BackupEndpoint>,
}

/// An alarm event mapper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlarmEventMapper {
    /// Names it in later requests and in `alarmEventMapperId`; made by the platform when absent. Overwriting
    /// keeps it.
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
    /// What happens once an event has come; says which other fields have an effect.
    pub alarm_handling: AlarmHandling,
    /// `callEmergencyCenter` and `requestCallback`: seconds to wait for the centre's call.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 86_400)]
    pub wait_for_callback: Option<u32>,
    /// Where events go.
    #[serde(deserialize_with = "lenient::required_object")]
    pub target_endpoint: TargetEndpoint,
    /// Zeros put before deviceId up to this length, where it is joined to controllerId.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 10)]
    pub device_id_pad_length: Option<u32>,
    /// Zeros put before controllerId up to this length, where deviceId is joined to it.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 10)]
    pub controller_id_pad_length: Option<u32>,
    /// Whether deviceId is joined to controllerId and left out; false when absent.
    #[serde(
        default,
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub map_device_id_to_controller_id: Option<bool>,
    /// Rules of the protocols.
    #[serde(
        default,
        deserialize_with = "destination::object",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>)]
    pub mapping_rules: Option<Map<String, Value>>,
    /// Target `sia`: how events become SIA codes.
    #[serde(
        default,
        deserialize_with = "destination::object",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>)]
    pub sia_mapping: Option<Map<String, Value>>,
    /// Where a call goes whose event cannot be read.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "address", max_length = 1_024)]
    pub unknown_alarm_event_voice_destination: Option<String>,
    /// The domain of From instead of the tenant's.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "word", max_length = 253)]
    pub from_domain: Option<String>,
    /// The longest a session may exist, in seconds.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 86_400)]
    pub max_session_duration: Option<u32>,
    /// `callerId` of events instead of the device's.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "user", max_length = 128)]
    pub caller_id: Option<String>,
    /// Whether the voice bridge is used.
    #[serde(
        default,
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub use_voice_bridge: Option<bool>,
    /// Whether it is watched which of target and backup is active.
    #[serde(
        default,
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub enable_destination_monitoring: Option<bool>,
}

impl AlarmEventMapper {
    /// What is wrong with the mapper.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.id("/id", self.id.as_deref());
        faults.required("/name", Some(&self.name), MAX_NAME);
        faults.length("/description", self.description.as_deref(), MAX_DESCRIPTION);
        for (pointer, seconds) in [
            ("/waitForCallback", self.wait_for_callback),
            ("/maxSessionDuration", self.max_session_duration),
        ] {
            faults.range(pointer, seconds.map(u64::from), SECONDS);
        }
        for (pointer, length) in [
            ("/deviceIdPadLength", self.device_id_pad_length),
            ("/controllerIdPadLength", self.controller_id_pad_length),
        ] {
            faults.range(pointer, length.map(u64::from), PAD);
        }
        faults.object("/mappingRules", self.mapping_rules.as_ref());
        faults.object("/siaMapping", self.sia_mapping.as_ref());
        let unknown = self.unknown_alarm_event_voice_destination.as_deref();
        faults.address("/unknownAlarmEventVoiceDestination", unknown);
        faults.word("/fromDomain", self.from_domain.as_deref(), MAX_DOMAIN);
        faults.user("/callerId", self.caller_id.as_deref());
        self.target_endpoint.validate(&mut faults);
        faults.into_vec()
    }

    /// Fields that belong to another `alarmHandling` or another target.
    pub fn remarks(&self) -> Vec<FieldError> {
        let mut remarks = destination::foreign(
            "alarmHandling",
            self.alarm_handling.as_str(),
            &[(
                "/waitForCallback",
                self.wait_for_callback.is_some(),
                &["callEmergencyCenter", "requestCallback"],
            )],
        );
        let target = match self.target_endpoint.protocol {
            TargetProtocol::Scaip => "scaip",
            TargetProtocol::Sia => "sia",
        };
        remarks.extend(destination::foreign(
            "targetEndpoint.protocol",
            target,
            &[("/siaMapping", self.sia_mapping.is_some(), &["sia"])],
        ));
        remarks
    }
}

impl TargetEndpoint {
    fn validate(&self, faults: &mut Faults) {
        let backup = self.backup_endpoint.clone().unwrap_or_default();
        for (pointer, address) in [
            ("/targetEndpoint/destAddr", &self.dest_addr),
            ("/targetEndpoint/overrideSipFrom", &self.override_sip_from),
            (
                "/targetEndpoint/defaultVoiceDestination",
                &self.default_voice_destination,
            ),
            (
                "/targetEndpoint/backupEndpoint/backupDestAddr",
                &backup.backup_dest_addr,
            ),
            (
                "/targetEndpoint/backupEndpoint/backupOverrideSipFrom",
                &backup.backup_override_sip_from,
            ),
            (
                "/targetEndpoint/backupEndpoint/backupDefaultVoiceDestination",
                &backup.backup_default_voice_destination,
            ),
        ] {
            faults.address(pointer, address.as_deref());
        }
        for (pointer, text) in [
            ("/targetEndpoint/sipAuthUser", self.sip_auth_user.as_deref()),
            (
                "/targetEndpoint/sipAuthPassword",
                self.sip_auth_password.as_ref().map(Secret::expose),
            ),
            (
                "/targetEndpoint/backupEndpoint/backupSipAuthUser",
                backup.backup_sip_auth_user.as_deref(),
            ),
            (
                "/targetEndpoint/backupEndpoint/backupSipAuthPassword",
                backup.backup_sip_auth_password.as_ref().map(Secret::expose),
            ),
        ] {
            faults.line(pointer, text, MAX_CREDENTIAL);
        }
    }
}
