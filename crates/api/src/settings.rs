//! `/v1/{domain}/settings`: what holds for a whole tenant.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::RING_TIMEOUT;
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;

/// The most open networks.
const MAX_NETWORKS: usize = 256;
/// The session interval in seconds; below 90 RFC 4028 knows none.
const SESSION_EXPIRES: std::ops::RangeInclusive<u64> = 90..=86_400;
/// The longest duration of a call in seconds: a week.
const DURATION: std::ops::RangeInclusive<u64> = 1..=604_800;
/// Limits on counts.
const COUNT: std::ops::RangeInclusive<u64> = 1..=1_000_000;

/// How long something may be kept, in days.
const DAYS: std::ops::RangeInclusive<u64> = 1..=365;
/// How long it is kept when nobody says, in days.
const KEPT: u32 = 7;
/// How long the SIP log is kept when nobody says, in days.
const LOG_KEPT: u32 = 14;

/// How long what has happened is kept, in days from 1 to 365.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Retention {
    /// Calls, once they are over; 7 when absent.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 365)]
    pub calls: Option<u32>,
    /// Events with their deliveries, once nothing of them waits; 7 when absent.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 365)]
    pub events: Option<u32>,
    /// The SIP log and ladders, which are made of the same rows; 14 when absent.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 365)]
    pub ladder: Option<u32>,
}

impl Retention {
    /// Days that calls are kept.
    pub fn calls(&self) -> u32 {
        self.calls.unwrap_or(KEPT)
    }

    /// Days that events and their deliveries are kept.
    pub fn events(&self) -> u32 {
        self.events.unwrap_or(KEPT)
    }

    /// Days that the SIP log and ladders are kept.
    pub fn ladder(&self) -> u32 {
        self.ladder.unwrap_or(LOG_KEPT)
    }
}

/// Where a tenant may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outbound {
    /// Anywhere the node allows.
    #[default]
    Any,
    /// Only through its trunks.
    Trunks,
    /// Nowhere.
    Off,
}

/// The settings of a tenant; what is absent is the node's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Networks whose unauthenticated callers may reach the domain's services.
    #[serde(deserialize_with = "lenient::list")]
    #[schema(value_type = Vec<crate::form::Network>, max_items = 256, example = json!(["192.0.2.0/24"]))]
    pub open: Vec<String>,
    /// Where the tenant may call.
    pub outbound: Outbound,
    /// How long a call may ring, in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 3_600)]
    pub ring_timeout: Option<u32>,
    /// The session interval (RFC 4028), in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 90, maximum = 86_400)]
    pub session_expires: Option<u32>,
    /// The longest a call may last once answered, in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 604_800)]
    pub max_call_duration: Option<u32>,
    /// The most calls at a time.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub max_calls: Option<u32>,
    /// The most new calls in a second.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub max_calls_per_second: Option<u32>,
    /// How long what has happened is kept.
    #[serde(skip_serializing_if = "is_default")]
    pub retention: Retention,
}

fn is_default(retention: &Retention) -> bool {
    *retention == Retention::default()
}

impl Settings {
    /// What is wrong with the settings.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        if self.open.len() > MAX_NETWORKS {
            faults.add(
                "/open",
                format!("must have at most {MAX_NETWORKS} networks"),
            );
        } else {
            for (index, network) in self.open.iter().enumerate() {
                if !is_network(network) {
                    faults.add(
                        format!("/open/{index}"),
                        "must be a network, such as 192.0.2.0/24",
                    );
                }
            }
        }
        let seconds = |value: Option<u32>| value.map(u64::from);
        faults.range("/ringTimeout", seconds(self.ring_timeout), RING_TIMEOUT);
        faults.range(
            "/sessionExpires",
            seconds(self.session_expires),
            SESSION_EXPIRES,
        );
        faults.range(
            "/maxCallDuration",
            seconds(self.max_call_duration),
            DURATION,
        );
        faults.range("/maxCalls", self.max_calls.map(u64::from), COUNT);
        faults.range(
            "/maxCallsPerSecond",
            self.max_calls_per_second.map(u64::from),
            COUNT,
        );
        faults.range("/retention/calls", seconds(self.retention.calls), DAYS);
        faults.range("/retention/events", seconds(self.retention.events), DAYS);
        faults.range("/retention/ladder", seconds(self.retention.ladder), DAYS);
        faults.into_vec()
    }
}

/// Whether the text is an address with a prefix length.
fn is_network(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let longest = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.bytes().all(|byte| byte.is_ascii_digit())
        && length.parse::<u8>().is_ok_and(|length| length <= longest)
}

/// Reply with the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The settings in force.
    pub settings: Settings,
    /// Members of the request that were ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldError>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::parse;

    #[test]
    fn nothing_set_means_the_defaults() {
        let settings: Settings = parse(b"{}").unwrap().value;
        assert_eq!(settings, Settings::default());
        assert_eq!(
            serde_json::to_string(&settings).unwrap(),
            r#"{"open":[],"outbound":"any"}"#
        );
    }

    #[test]
    fn every_setting_is_read_and_written_back() {
        let body = r#"{"open":["192.0.2.0/24","2001:db8::/32"],"outbound":"trunks","ringTimeout":60,"sessionExpires":600,"maxCallDuration":3600,"maxCalls":10,"maxCallsPerSecond":5,"retention":{"calls":30,"events":1,"ladder":365}}"#;
        let settings: Settings = parse(body.as_bytes()).unwrap().value;
        assert_eq!(settings.validate(), []);
        assert_eq!(serde_json::to_string(&settings).unwrap(), body);
    }

    #[test]
    fn each_setting_out_of_bounds_is_named() {
        let body = br#"{"open":["192.0.2.0/33","192.0.2.1","x/8","::/129"],"ringTimeout":0,"sessionExpires":89,"maxCalls":0,"retention":{"calls":0,"ladder":366}}"#;
        let settings: Settings = parse(body).unwrap().value;
        let pointers: Vec<String> = settings
            .validate()
            .into_iter()
            .map(|fault| fault.pointer)
            .collect();
        assert_eq!(
            pointers,
            [
                "/open/0",
                "/open/1",
                "/open/2",
                "/open/3",
                "/ringTimeout",
                "/sessionExpires",
                "/maxCalls",
                "/retention/calls",
                "/retention/ladder"
            ]
        );
        let error = parse::<Settings>(br#"{"outbound":"all"}"#).unwrap_err();
        assert_eq!(error.pointer, "/outbound");
    }
}
