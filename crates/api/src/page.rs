//! Lists, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::FieldError;
use crate::lenient;

/// The most entries of a page, and how many there are when nobody says.
pub const MAX_LIMIT: u32 = 100;
/// The longest token.
const MAX_TOKEN: usize = 2_048;

/// The query of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many entries at most, 1 to 100; 100 when absent.
    #[serde(deserialize_with = "lenient::text")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The token of the page before.
    #[serde(deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
    /// Only entries whose id begins with this.
    #[serde(deserialize_with = "lenient::text")]
    pub filter: Option<String>,
}

impl ListQuery {
    /// The page that is asked for.
    pub fn page(&self) -> Result<Page, FieldError> {
        Page::of(self.limit.as_deref(), self.next_token.as_deref())
    }
}

/// The query of a list that is not filtered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many entries at most, 1 to 100; 100 when absent.
    #[serde(deserialize_with = "lenient::text")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The token of the page before.
    #[serde(deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
}

impl PageQuery {
    /// The page that is asked for.
    pub fn page(&self) -> Result<Page, FieldError> {
        Page::of(self.limit.as_deref(), self.next_token.as_deref())
    }
}

/// The query of a resource that has drafts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct DraftQuery {
    /// Whether the draft is meant instead of what is in force.
    #[serde(deserialize_with = "lenient::boolean")]
    pub provisory: Option<bool>,
}

/// The query of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct DocumentQuery {
    /// Whether unknown members are refused instead of reported.
    #[serde(deserialize_with = "lenient::boolean")]
    pub strict: Option<bool>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many entries at most.
    pub limit: u32,
    /// The key of the last entry before the page; `None` for the first page.
    pub after: Option<String>,
}

impl Page {
    /// Reads the two parameters that all lists share.
    pub fn of(limit: Option<&str>, next_token: Option<&str>) -> Result<Self, FieldError> {
        let limit = match limit.filter(|limit| !limit.is_empty()) {
            None => MAX_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(|| FieldError::new("/limit", "must be from 1 to 100"))?,
        };
        let after = match next_token.filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => Some(key_of(token).ok_or_else(|| {
                FieldError::new("/nextToken", "must be the nextToken of an earlier reply")
            })?),
        };
        Ok(Self { limit, after })
    }
}

/// The token for the page after the entry with this key.
pub fn next_token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn key_of(token: &str) -> Option<String> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_begins_with_a_hundred_entries() {
        let first = Page {
            limit: 100,
            after: None,
        };
        assert_eq!(ListQuery::default().page(), Ok(first.clone()));
        assert_eq!(Page::of(Some(""), Some("")), Ok(first));
    }

    #[test]
    fn a_token_leads_on_from_the_last_entry() {
        for key in ["device-1", "åäö/~+", "42"] {
            let token = next_token(key);
            let page = Page::of(Some("7"), Some(&token)).unwrap();
            assert_eq!((page.limit, page.after.as_deref()), (7, Some(key)));
        }
    }

    #[test]
    fn limits_and_tokens_out_of_bounds_are_named() {
        for limit in ["0", "101", "-1", "x", "1.5"] {
            assert_eq!(Page::of(Some(limit), None).unwrap_err().pointer, "/limit");
        }
        for token in ["%", "_w", &"A".repeat(MAX_TOKEN + 4)] {
            assert_eq!(
                Page::of(None, Some(token)).unwrap_err().pointer,
                "/nextToken"
            );
        }
    }
}
