//! `/provisioning/cloudsipua/{domain}`: the service that hands calls to an application.

mod rest_authentication;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::rest_authentication::{RestAuthentication, SignatureType};
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::url::{self, PlainHttp};

/// The callback budget when the service does not set one, in milliseconds.
pub const DEFAULT_CALLBACK_TIMEOUT: u32 = 15_000;
/// What a service may set instead.
const CALLBACK_TIMEOUT: std::ops::RangeInclusive<u64> = 300..=120_000;
/// The longest name.
const MAX_NAME: usize = 200;
/// The longest description.
const MAX_DESCRIPTION: usize = 1_024;
/// The longest pattern.
const MAX_PATTERN: usize = 1_024;
/// The most ways to sign.
const MAX_AUTHENTICATIONS: usize = 16;

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CloudSipUa {
    /// Given by the platform; ignored in requests.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(read_only)]
    pub id: Option<String>,
    /// The user's label.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(required, max_length = 200)]
    pub name: String,
    /// What the service is for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
    /// The regular expression that selects inbound calls by the called user: linear-time, unanchored;
    /// `/…/` and `/…/i` literals are understood.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(required, max_length = 1_024, example = "/^\\+46890/")]
    pub destination_match: String,
    /// Where callbacks go; begins with `https://`.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(
        required,
        format = "uri",
        max_length = 2_048,
        example = "https://app.example.com/hooks"
    )]
    pub callback_base_url: String,
    /// How callbacks are signed: the first entry, and the next one each time the application answers 401 or 403.
    #[serde(
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub rest_authentication: Vec<RestAuthentication>,
    /// The whole budget of `newRemoteCall` with its tries, in milliseconds; 15000 when absent.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 300, maximum = 120_000, example = 15_000)]
    pub callback_timeout: Option<u32>,
    /// The user's label of the callback.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub callback_name: Option<String>,
    /// What the callback is for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub callback_description: Option<String>,
    /// Given by the platform; ignored in requests.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(read_only)]
    pub callback_id: Option<String>,
    /// Present and true while the callback is switched off because the application answered 410; ignored
    /// in requests.
    #[serde(
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(read_only)]
    pub callback_disabled: Option<bool>,
}

impl CloudSipUa {
    /// What is wrong with the service; whether the pattern compiles is not checked here.
    pub fn validate(&self, plain: PlainHttp) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.required("/name", Some(&self.name), MAX_NAME);
        faults.length("/description", self.description.as_deref(), MAX_DESCRIPTION);
        faults.required(
            "/destinationMatch",
            Some(&self.destination_match),
            MAX_PATTERN,
        );
        if self.callback_base_url.is_empty() {
            faults.add("/callbackBaseUrl", "is required");
        } else {
            faults.check(
                "/callbackBaseUrl",
                url::check(&self.callback_base_url, plain),
            );
        }
        if self.rest_authentication.len() > MAX_AUTHENTICATIONS {
            faults.add(
                "/restAuthentication",
                format!("must have at most {MAX_AUTHENTICATIONS} entries"),
            );
        } else {
            for (index, entry) in self.rest_authentication.iter().enumerate() {
                faults.append(entry.validate(&format!("/restAuthentication/{index}")));
            }
        }
        faults.range(
            "/callbackTimeout",
            self.callback_timeout.map(u64::from),
            CALLBACK_TIMEOUT,
        );
        faults.line("/callbackName", self.callback_name.as_deref(), MAX_NAME);
        faults.length(
            "/callbackDescription",
            self.callback_description.as_deref(),
            MAX_DESCRIPTION,
        );
        faults.into_vec()
    }
}

/// Reply to a list of services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudSipUaList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The services of the page.
    pub cloudsipuas: Vec<CloudSipUa>,
    /// Leads to the next page, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Reply with one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloudSipUaReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The service.
    pub cloudsipua: CloudSipUa,
}

/// Reply to a service created or overwritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloudSipUaWritten {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// Names the service in later requests.
    pub id: String,
    /// Members of the request that were ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldError>,
}

#[cfg(test)]
mod tests;
