//! `/provisioning/notificationsettings/{domain}` and `/provisioning/siprecservice/{domain}`: where a tenant's
//! events and alarms go. Both have the same members.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cloudsipua::RestAuthentication;
use crate::destination::CALLBACK_TIMEOUT;
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::url::PlainHttp;

/// Where events and alarms go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NotificationSettings {
    /// Which of the tenant's settings these are; the platform's own.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(ignore)]
    pub id: Option<String>,
    /// How requests are signed: the first entry, and the next one each time the receiver answers 401 or 403.
    /// Absent where they are overwritten, the stored ones stay; an empty list takes all away.
    #[serde(
        deserialize_with = "lenient::objects",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
    pub rest_authentication: Vec<RestAuthentication>,
    /// The whole budget of a request with its three tries again, in milliseconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 300, maximum = 120_000, example = 15_000)]
    pub http_timeout: Option<u32>,
    /// Whether HTTPS is used instead of Amazon SNS.
    #[serde(
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub use_http_events: Option<bool>,
    /// The Amazon SNS topic of service alarms.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(
        format = "sns-topic",
        max_length = 512,
        example = "arn:aws:sns:eu-north-1:123456789012:alarms"
    )]
    pub alarm_topic: Option<String>,
    /// The Amazon SNS topic of SIP events.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(
        format = "sns-topic",
        max_length = 512,
        example = "arn:aws:sns:eu-north-1:123456789012:events"
    )]
    pub sip_events_topic: Option<String>,
    /// Where service alarms go over HTTPS.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(
        format = "callback-url",
        max_length = 2_048,
        example = "https://app.example.com/alarms"
    )]
    pub alarm_events_rest_endpoint: Option<String>,
    /// Where SIP events go over HTTPS.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(
        format = "callback-url",
        max_length = 2_048,
        example = "https://app.example.com/events"
    )]
    pub sip_events_rest_endpoint: Option<String>,
    /// Where callbacks of the alarm bridge go.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(
        format = "callback-url",
        max_length = 2_048,
        example = "https://app.example.com/bridge"
    )]
    pub alarmbridge_callback_endpoint: Option<String>,
}

impl NotificationSettings {
    /// What is wrong with the settings.
    pub fn validate(&self, plain: PlainHttp) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.authentications(&self.rest_authentication);
        faults.range(
            "/httpTimeout",
            self.http_timeout.map(u64::from),
            CALLBACK_TIMEOUT,
        );
        for (pointer, topic) in self.topics() {
            if topic.is_some_and(|topic| !is_topic(topic)) {
                let detail =
                    "must be the ARN of an Amazon SNS topic: arn:aws:sns:REGION:ACCOUNT:NAME";
                faults.add(pointer, detail);
            }
        }
        for (pointer, url) in self.endpoints() {
            faults.callback_url(pointer, url, plain);
        }
        faults.into_vec()
    }

    /// The topics with their pointers.
    pub fn topics(&self) -> [(&'static str, Option<&str>); 2] {
        [
            ("/alarmTopic", self.alarm_topic.as_deref()),
            ("/sipEventsTopic", self.sip_events_topic.as_deref()),
        ]
    }

    /// The endpoints with their pointers.
    pub fn endpoints(&self) -> [(&'static str, Option<&str>); 3] {
        [
            (
                "/alarmEventsRestEndpoint",
                self.alarm_events_rest_endpoint.as_deref(),
            ),
            (
                "/sipEventsRestEndpoint",
                self.sip_events_rest_endpoint.as_deref(),
            ),
            (
                "/alarmbridgeCallbackEndpoint",
                self.alarmbridge_callback_endpoint.as_deref(),
            ),
        ]
    }
}

/// `arn:PARTITION:sns:REGION:ACCOUNT:NAME`, the account of 12 digits, the name of up to 256 characters.
fn is_topic(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let [scheme, partition, service, region, account, name] = parts.as_slice() else {
        return false;
    };
    let is_word = |text: &str, limit: usize| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=limit).contains(&text.len()) && text.bytes().all(fits)
    };
    *scheme == "arn"
        && partition.starts_with("aws")
        && is_word(partition, 32)
        && *service == "sns"
        && is_word(region, 32)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && is_word(name.strip_suffix(".fifo").unwrap_or(name), 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_an_arn_of_sns() {
        for arn in [
            "arn:aws:sns:eu-north-1:123456789012:alarms",
            "arn:aws-cn:sns:cn-north-1:123456789012:a_b.fifo",
        ] {
            assert!(is_topic(arn), "{arn}");
        }
        for arn in [
            "string",
            "",
            "arn:aws:sqs:eu-north-1:123456789012:alarms",
            "arn:aws:sns:eu-north-1:12:alarms",
            "arn:aws:sns:eu-north-1:123456789012:a\r\nb",
            "arn:aws:sns:eu-north-1:123456789012:",
            "arn:aws:sns::123456789012:a",
        ] {
            assert!(!is_topic(arn), "{arn}");
        }
    }
}
