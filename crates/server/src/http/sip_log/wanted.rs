//! `filterPattern`: words, or a regular expression; both run in time linear in what they look at.

use hookswitch_call::pattern::Pattern;
use regex::bytes::{Regex, RegexBuilder};

/// The most words of a filter.
const MAX_WORDS: usize = 16;

/// Which messages are wanted.
#[derive(Debug)]
pub(super) enum Wanted {
    /// All of them.
    All,
    /// Those in which each of these words occurs, in any case.
    Words(Vec<Regex>),
    /// Those in which the expression is found.
    Pattern(Pattern),
}

impl Wanted {
    /// Reads a filter; the error says in one sentence what to change.
    pub(super) fn parse(filter: &str) -> Result<Self, String> {
        let filter = filter.trim();
        if filter.len() > 1 && filter.starts_with('/') {
            let pattern = Pattern::compile(filter).map_err(|error| error.to_string())?;
            return Ok(Self::Pattern(pattern));
        }
        let words = words(filter)?;
        if words.len() > MAX_WORDS {
            return Err(format!("must have at most {MAX_WORDS} words"));
        }
        let compile = |word: String| {
            let mut regex = RegexBuilder::new(&regex::escape(&word));
            regex.case_insensitive(true).build()
        };
        let words: Result<Vec<_>, _> = words.into_iter().map(compile).collect();
        let words = words.map_err(|_| "is too long to be searched for".to_owned())?;
        if words.is_empty() {
            return Ok(Self::All);
        }
        Ok(Self::Words(words))
    }

    /// Whether stored rows can hold a message that is wanted: texts stand in them as they are, so that most need not
    /// be taken apart.
    pub(super) fn may_be_in(&self, rows: &[u8]) -> bool {
        match self {
            Self::All | Self::Pattern(_) => true,
            Self::Words(words) => words.iter().all(|word| word.is_match(rows)),
        }
    }

    /// Whether a message is wanted.
    pub(super) fn takes(&self, text: &str) -> bool {
        match self {
            Self::All => true,
            Self::Words(words) => words.iter().all(|word| word.is_match(text.as_bytes())),
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// Words between blanks; `"…"` is one word.
fn words(filter: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = filter.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or("has a quotation mark that is not closed")?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        if !word.is_empty() {
            words.push(word.to_owned());
        }
        rest = after.trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:+46701234567@acme.test SIP/2.0\r\nCall-ID: a84b4c76\r\n\r\n";

    fn takes(filter: &str) -> bool {
        Wanted::parse(filter).unwrap().takes(INVITE)
    }

    #[test]
    fn all_words_must_occur_whatever_their_case_and_what_they_mean_to_regular_expressions() {
        for filter in [
            "",
            " ",
            "invite",
            "+46701234567",
            "INVITE  A84B4C76",
            "\"sip/2.0\r\nCall-ID\"",
        ] {
            assert!(takes(filter), "{filter}");
        }
        for filter in ["BYE", "INVITE BYE", "INVITE.sip", "\"SIP INVITE\""] {
            assert!(!takes(filter), "{filter}");
        }
    }

    #[test]
    fn an_expression_between_slashes_is_a_regular_expression() {
        assert!(takes(r"/^INVITE sip:\+467\d+@/"));
        assert!(takes("/^invite/i"));
        assert!(!takes("/^invite/"));
        assert!(takes("/(?m)^call-id: a/i"), "lines on request");
        assert!(takes("/"), "a word");
    }

    #[test]
    fn what_cannot_be_searched_for_is_explained() {
        let why = |filter: &str| Wanted::parse(filter).unwrap_err();
        assert_eq!(why("a \"b"), "has a quotation mark that is not closed");
        assert_eq!(
            why("/(a/"),
            "the pattern is not a valid regular expression: unclosed group"
        );
        assert!(why("/(?=a)/").contains("linear time"));
        assert_eq!(why(&"a ".repeat(17)), "must have at most 16 words");
    }
}
