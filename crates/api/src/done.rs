//! The plain good end.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::FieldError;

/// The reply of every operation that has nothing else to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// What was done, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members of the request that were ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldError>,
}

impl Done {
    /// Nothing else to say.
    pub fn new() -> Self {
        Self {
            success: true,
            reason: None,
            warnings: Vec::new(),
        }
    }

    /// The same with what was done.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// The same with the members that were ignored.
    #[must_use]
    pub fn warning(mut self, warnings: Vec<FieldError>) -> Self {
        self.warnings = warnings;
        self
    }
}

impl Default for Done {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_is_said_when_there_is_nothing_to_say() {
        assert_eq!(
            serde_json::to_string(&Done::new()).unwrap(),
            r#"{"success":true}"#
        );
        let told = Done::new()
            .because("2 operations")
            .warning(vec![FieldError::new("/x", "is not known")]);
        assert_eq!(
            serde_json::to_string(&told).unwrap(),
            r#"{"success":true,"reason":"2 operations","warnings":[{"pointer":"/x","detail":"is not known"}]}"#
        );
    }
}
