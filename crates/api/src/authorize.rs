//! `/provisioning/authorize`: an end user's password for a token that its SIP client carries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::secret::Secret;

/// The longest of each member; none that is provisioned is longer.
const MAX_TEXT: usize = 256;
/// The longest password.
const MAX_PASSWORD: usize = 1_024;

/// Who wants a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Authorize {
    /// The tenant's SIP domain.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(format = "name", required, max_length = 256)]
    pub domain: String,
    /// A device of the domain with the authType `userid`.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(format = "name", required, max_length = 256)]
    pub device_id: String,
    /// Its password.
    #[serde(deserialize_with = "lenient::secret")]
    #[schema(required, value_type = String, format = "secret", min_length = 1, max_length = 1024)]
    pub password: Option<Secret>,
}

impl Authorize {
    /// What is wrong with the request; whether the password is right is not checked here.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.required("/domain", Some(&self.domain), MAX_TEXT);
        faults.required("/deviceId", Some(&self.device_id), MAX_TEXT);
        let password = self.password.as_ref().map(Secret::expose);
        faults.required("/password", password, MAX_PASSWORD);
        faults.into_vec()
    }
}

/// Reply with the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizeReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// A JWT for the header `X-JWTAuth` of REGISTER and INVITE; it does not open REST.
    pub token: Secret,
    /// Seconds until it expires.
    #[schema(example = 3600)]
    pub expires_in: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_required() {
        let request: Authorize = crate::lenient::parse(b"{}").unwrap().value;
        let pointers: Vec<String> = request
            .validate()
            .into_iter()
            .map(|fault| fault.pointer)
            .collect();
        assert_eq!(pointers, ["/domain", "/deviceId", "/password"]);
    }

    #[test]
    fn the_password_is_never_debugged() {
        let body = br#"{"domain":"acme.example.com","deviceId":"anna","password":"hush"}"#;
        let request: Authorize = crate::lenient::parse(body).unwrap().value;
        assert_eq!(request.validate(), []);
        assert!(!format!("{request:?}").contains("hush"));
    }
}
