//! `/provisioning/cloudsipua/{domain}`: the service that hands calls to an application.

mod rest_authentication;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::rest_authentication::{RestAuthentication, SignatureType};
use crate::destination::{CALLBACK_TIMEOUT, MAX_DESCRIPTION, MAX_NAME, MAX_PATTERN};
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::url::{self, PlainHttp};

/// The callback budget when the service does not set one, in milliseconds.
pub const DEFAULT_CALLBACK_TIMEOUT: u32 = 15_000;
/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CloudSipUa {
    /// Names it in later requests; made by the platform when absent. Overwriting keeps it.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "own-id", max_length = 128)]
    pub id: Option<String>,
    /// The user's label.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(format = "name", required, max_length = 200)]
    pub name: String,
    /// What the service is for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 1_024)]
    pub description: Option<String>,
    /// The regular expression that selects inbound calls by the called user: linear-time, unanchored;
    /// `/…/` and `/…/i` literals are understood.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(
        format = "regex",
        required,
        max_length = 1_024,
        example = "/^\\+46890/"
    )]
    pub destination_match: String,
    /// Where callbacks go; begins with `https://`.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(
        format = "callback-url",
        required,
        max_length = 2_048,
        example = "https://app.example.com/hooks"
    )]
    pub callback_base_url: String,
    /// How callbacks are signed: the first entry, and the next one each time the application answers 401 or 403.
    /// Absent where they are overwritten, the stored ones stay; an empty list takes all away.
    #[serde(
        deserialize_with = "lenient::objects",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 16)]
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
    #[schema(format = "line", max_length = 200)]
    pub callback_name: Option<String>,
    /// What the callback is for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 1_024)]
    pub callback_description: Option<String>,
    /// Names the callback; made by the platform when absent.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "id", max_length = 128)]
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
        faults.id("/id", self.id.as_deref());
        faults.id("/callbackId", self.callback_id.as_deref());
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
        faults.authentications(&self.rest_authentication);
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

#[cfg(test)]
mod tests;
