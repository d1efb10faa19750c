//! `If-Match` and `If-None-Match` (RFC 9110 §13.1): what a caller believes of a document that it changes.

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};

use super::error::ApiError;

/// What must be stored for a write to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Precondition {
    /// Anything or nothing.
    Any,
    /// Nothing yet (`If-None-Match: *`).
    Absent,
    /// Some version (`If-Match: *`).
    Present,
    /// One of these versions (`If-Match`).
    OneOf(Vec<u64>),
}

impl Precondition {
    /// As the headers say. A tag that is none of ours matches no version, nor does a weak one: the comparison is the
    /// strong one (RFC 9110 §13.1.1).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers
            .get(IF_NONE_MATCH)
            .is_some_and(|value| value.as_bytes() == b"*")
        {
            return Self::Absent;
        }
        let mut lines = headers.get_all(IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Self::Any;
        }
        let mut versions = Vec::new();
        for tag in lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')) {
            let tag = tag.trim_ascii();
            if tag == b"*" {
                return Self::Present;
            }
            versions.extend(version(tag));
        }
        Self::OneOf(versions)
    }

    /// Whether it holds of what is stored.
    pub(super) fn allows(&self, stored: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => stored.is_none(),
            Self::Present => stored.is_some(),
            Self::OneOf(versions) => stored.is_some_and(|stored| versions.contains(&stored)),
        }
    }
}

/// The version that a tag of ours names: digits in quotes.
fn version(tag: &[u8]) -> Option<u64> {
    let digits = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// 412: the document is not as the caller believes.
pub(super) fn stale() -> ApiError {
    ApiError::new(
        StatusCode::PRECONDITION_FAILED,
        "version_mismatch",
        "it was changed since you read it: read it again and apply your change to that",
    )
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn allows_64(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_str(line).unwrap());
        }
        Precondition::of(&headers).allows(Some(64))
    }

    #[test]
    fn any_tag_of_a_list_is_enough() {
        assert!(allows_64(&["\"64\""]));
        assert!(allows_64(&["\"64\",\"y\""]));
        assert!(allows_64(&["\"x\" ,  \"64\""]));
        assert!(allows_64(&["\"x\"", "\"64\""]));
        assert!(allows_64(&["*"]));
        assert!(!allows_64(&["\"63\", \"65\""]));
    }

    #[test]
    fn weak_and_foreign_tags_match_nothing() {
        for tag in ["W/\"64\"", "64", "\"+64\"", "\"64", "none", "", "\"\""] {
            assert!(!allows_64(&[tag]), "{tag}");
        }
        assert!(allows_64(&["W/\"64\", \"64\""]));
    }

    #[test]
    fn what_is_not_there_has_no_version() {
        let mut headers = HeaderMap::new();
        assert!(Precondition::of(&headers).allows(None));
        headers.insert(IF_MATCH, HeaderValue::from_static("*"));
        assert!(!Precondition::of(&headers).allows(None));
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let absent = Precondition::of(&headers);
        assert!(absent.allows(None) && !absent.allows(Some(64)));
    }
}
