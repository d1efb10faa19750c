//! `/provisioning/device/{domain}`: the devices of a tenant.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::secret::Secret;

/// The longest id.
const MAX_ID: usize = 256;
/// The longest password.
const MAX_PASSWORD: usize = 256;
/// The longest description, as documented.
const MAX_DESCRIPTION: usize = 200;
/// The longest phone number.
const MAX_NUMBER: usize = 64;
/// The longest domain name.
const MAX_DOMAIN: usize = 253;
/// The longest pattern.
const MAX_PATTERN: usize = 1_024;
/// The longest `serviceData` as JSON text.
const MAX_SERVICE_DATA: usize = 16_384;
/// The shortest heartbeat interval in milliseconds, as documented.
const MIN_HEARTBEAT: u64 = 300_000;

/// How a device proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuthType {
    /// SIP digest.
    Credentials,
    /// On the white list: by the id in the SCAIP body.
    DeviceId,
    /// An end user with a JWT.
    UserId,
    /// No SIP request at all: the device lives behind REST.
    Disabled,
}

/// What kind of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum DeviceType {
    /// A SIP phone or the like.
    SipDevice,
    /// An Alarmbridge Connect gateway.
    AlarmbridgeConnect,
    /// The centre of a group.
    GroupScheme,
    /// An alarm unit.
    AlarmUnit,
    /// An Alexa device.
    Alexa,
}

/// What a `userid` device may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Authorized {
    /// The SIP domain it may use.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 253)]
    pub domain: Option<String>,
    /// The regular expression of the destinations it may call.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 1_024)]
    pub invite: Option<String>,
    /// Whether it may register.
    #[serde(
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub register: Option<bool>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Unique within the tenant; alarm devices are `customerSiteId:controllerId:deviceId`.
    #[serde(
        default,
        alias = "deviceid",
        deserialize_with = "lenient::required_text"
    )]
    #[schema(required, format = "id", max_length = 256)]
    pub device_id: String,
    /// How it proves who it is; `disabled` for devices behind the Cloud SIP UA.
    pub auth_type: AuthType,
    /// What kind of device it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_type: Option<DeviceType>,
    /// Required for `userid`. For `credentials` the platform makes one, which the reply of that write carries once.
    /// Never read back.
    #[serde(
        default,
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = "secret", max_length = 256)]
    pub password: Option<Secret>,
    /// For `credentials`: a digest hash given instead of a password, `H(deviceId:domain:password)` in hexadecimal,
    /// by MD5 (32 digits) or SHA-256 (64 digits). Never read back.
    #[serde(
        default,
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = "ha1")]
    pub ha1: Option<Secret>,
    /// Required for `userid`: what it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized: Option<Authorized>,
    /// The phone number that finds the device for inbound alarm calls.
    #[serde(
        rename = "deviceCLI",
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 64)]
    pub device_cli: Option<String>,
    /// The MAC address of its gateway.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "mac")]
    pub mac_address: Option<String>,
    /// Notes.
    #[serde(
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 200)]
    pub description: Option<String>,
    /// Settings of services, such as `alarmBridge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub service_data: Option<Map<String, Value>>,
    /// The password as it was given or made, until it is hashed; never part of the document.
    #[serde(skip)]
    pub new_password: Option<Secret>,
}

impl Device {
    /// What is wrong with the device. Whether `authorized.invite` compiles is not checked here, nor that a `userid`
    /// device has a password, for it may keep the one it has.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.required("/deviceId", Some(&self.device_id), MAX_ID);
        let fits = (1..=MAX_ID).contains(&self.device_id.len());
        if fits && !is_device_id(&self.device_id) {
            faults.add(
                "/deviceId",
                "must have only letters, digits and - . _ : ~ +",
            );
        }
        // RFC 3986 §5.2.4: clients take them out of a path, so that no path would name the device.
        if matches!(self.device_id.as_str(), "." | "..") {
            faults.add("/deviceId", "must not be . or .., which paths cannot name");
        }
        let password = self.password.as_ref().map(Secret::expose);
        faults.line("/password", password, MAX_PASSWORD);
        if self.auth_type == AuthType::UserId {
            if password.is_some_and(str::is_empty) {
                faults.add("/password", "must not be empty");
            }
            if self.authorized.is_none() {
                faults.add("/authorized", "is required for authType userid");
            }
        }
        if let Some(ha1) = &self.ha1 {
            faults.check("/ha1", check_ha1(ha1.expose()));
        }
        if let Some(authorized) = &self.authorized {
            let domain = authorized.domain.as_deref();
            faults.line("/authorized/domain", domain, MAX_DOMAIN);
            let invite = authorized.invite.as_deref();
            faults.line("/authorized/invite", invite, MAX_PATTERN);
        }
        faults.line("/deviceCLI", self.device_cli.as_deref(), MAX_NUMBER);
        if let Some(mac) = self.mac_address.as_deref().filter(|mac| !mac.is_empty()) {
            let checked = parse_mac(mac).map(|_| ());
            faults.check("/macAddress", checked.ok_or("must be a MAC address"));
        }
        let description = self.description.as_deref();
        faults.length("/description", description, MAX_DESCRIPTION);
        if let Some(service_data) = &self.service_data {
            check_service_data(service_data, &mut faults);
        }
        faults.into_vec()
    }
}

/// What [`Device::validate`] says of members that depend on each other. That a new `userid` device needs a password is not
/// said: one that is overwritten keeps its own.
pub(crate) fn conditions() -> Value {
    json!({
        "if": {"properties": {"authType": {"const": "userid"}}, "required": ["authType"]},
        "then": {
            "required": ["authorized"],
            "properties": {"authorized": {"type": "object"}, "password": {"minLength": 1}},
        },
    })
}

/// Whether the text can be the id of a device.
pub fn is_device_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_ID
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:~+".contains(&byte))
}

fn check_ha1(ha1: &str) -> Result<(), &'static str> {
    let is_hash = matches!(ha1.len(), 32 | 64) && ha1.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash
        .then_some(())
        .ok_or("must have 32 hexadecimal digits (MD5) or 64 (SHA-256)")
}

/// The six octets of a MAC address: twelve hexadecimal digits, with `:`, `-` or `.` between them or nothing.
pub fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let is_known = |byte: u8| byte.is_ascii_hexdigit() || b":-.".contains(&byte);
    if text.len() > 17 || !text.bytes().all(is_known) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    if digits.len() != 12 {
        return None;
    }
    let mut mac = [0; 6];
    for (place, byte) in mac.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(mac)
}

fn check_service_data(service_data: &Map<String, Value>, faults: &mut Faults) {
    let text = serde_json::to_string(service_data);
    if text.map_or(usize::MAX, |text| text.len()) > MAX_SERVICE_DATA {
        faults.add("/serviceData", "must have at most 16384 bytes of JSON");
    }
    let interval = service_data
        .get("alarmBridge")
        .and_then(|alarm_bridge| alarm_bridge.get("heartbeatInterval"));
    let milliseconds = match interval {
        None | Some(Value::Null) => return,
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(other) => other.as_u64(),
    };
    if milliseconds.is_none_or(|milliseconds| milliseconds < MIN_HEARTBEAT) {
        faults.add(
            "/serviceData/alarmBridge/heartbeatInterval",
            "must be at least 300000 milliseconds",
        );
    }
}

/// Reply with one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The device, its members beside `success`.
    #[serde(flatten)]
    pub device: Device,
}

/// Reply to a list of devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The devices of the page.
    pub devices: Vec<Device>,
    /// Leads to the next page, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Reply to a device added or modified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceWritten {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The SIP password that was made for a `credentials` device: only this reply has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "secret", max_length = 256)]
    pub password: Option<Secret>,
    /// Members of the request that were ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldError>,
}

/// Body of the request to delete every device of a domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteAllDevices {
    /// Without it nothing is deleted; the reply says what would be.
    #[serde(deserialize_with = "lenient::boolean")]
    pub confirm_delete_all: Option<bool>,
}

/// Reply to the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DevicesDeleted {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// How many devices were, or would be, deleted, in words.
    pub message: String,
    /// How many devices were, or would be, deleted.
    pub count: u64,
}

#[cfg(test)]
mod tests;
