//! Text that must not be seen.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What replies show instead of a secret; in a request it stands for the secret that is stored.
pub const MASK: &str = "********";

/// A password, key or token: written where the wire documents it, never by `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Gives the text up.
    pub fn into_exposed(self) -> String {
        self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_as_text_but_never_debugged() {
        let secret = Secret::new("hs_abc");
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""hs_abc""#);
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(secret.expose(), "hs_abc");
    }
}
