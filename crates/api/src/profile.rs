//! `/provisioning/currentuser/profile`: who stands behind a key.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;

/// The longest name, number or address.
const MAX_LINE: usize = 320;
/// The longest free text.
const MAX_TEXT: usize = 4_096;
/// The last second that fits 53 bits of milliseconds.
const TIMES: std::ops::RangeInclusive<u64> = 0..=9_007_199_254_740_991;

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    /// First name.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 320)]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 320)]
    pub last_name: Option<String>,
    /// Electronic mail.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 320, example = "ann@example.com")]
    pub email: Option<String>,
    /// Phone number.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 320)]
    pub phone: Option<String>,
    /// Company.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 320)]
    pub company: Option<String>,
    /// When the person agreed to mail, as a Unix time.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    pub email_consent: Option<u64>,
    /// Who signs the person in.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 320)]
    pub auth_provider: Option<String>,
    /// Anything else.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 4_096)]
    pub other_info: Option<String>,
    /// What the service is used for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 4_096)]
    pub use_case: Option<String>,
    /// When the terms were agreed to, as a Unix time.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    pub terms_agreed: Option<u64>,
    /// Whether the person looked the profile through.
    #[serde(
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub profile_reviewed: Option<bool>,
    /// How large the deployment is to be.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 320)]
    pub deployment_size: Option<String>,
}

impl Profile {
    /// What is wrong with the profile.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        for (pointer, text) in [
            ("/firstName", &self.first_name),
            ("/lastName", &self.last_name),
            ("/email", &self.email),
            ("/phone", &self.phone),
            ("/company", &self.company),
            ("/authProvider", &self.auth_provider),
            ("/deploymentSize", &self.deployment_size),
        ] {
            faults.line(pointer, text.as_deref(), MAX_LINE);
        }
        faults.length("/otherInfo", self.other_info.as_deref(), MAX_TEXT);
        faults.length("/useCase", self.use_case.as_deref(), MAX_TEXT);
        faults.range("/emailConsent", self.email_consent, TIMES);
        faults.range("/termsAgreed", self.terms_agreed, TIMES);
        faults.into_vec()
    }
}

/// Reply with the profile of the calling key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The profile.
    pub profile: Profile,
}
