//! `destinationMatch`: regular expressions that run in linear time.

mod index;
mod window;

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

pub use index::PatternIndex;
use window::Window;

/// Longest pattern in characters.
pub const MAX_PATTERN: usize = 1_024;
/// Most memory one compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 256 * 1_024;

/// A compiled, unanchored pattern; `/…/` and `/…/i` literals are understood. Its clones share what was compiled.
#[derive(Clone)]
pub struct Pattern {
    source: Box<str>,
    regex: Arc<Regex>,
    literal_prefix: usize,
    window: Window,
}

impl Pattern {
    /// Compiles `source`.
    ///
    /// # Errors
    /// Says in one sentence what a person has to change.
    pub fn compile(source: &str) -> Result<Self, PatternError> {
        if source.is_empty() {
            return Err(PatternError::Empty);
        }
        if source.chars().count() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        let (expression, ignores_case) = split_literal(source)?;
        Ok(Self {
            source: source.into(),
            ..Self::expression(expression, ignores_case)?
        })
    }

    /// Compiles an expression that stands without slashes.
    pub(crate) fn expression(expression: &str, ignores_case: bool) -> Result<Self, PatternError> {
        if expression.is_empty() {
            return Err(PatternError::Empty);
        }
        let regex = RegexBuilder::new(expression)
            .case_insensitive(ignores_case)
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_COMPILED)
            .build()
            .map_err(|error| PatternError::from_regex(&error))?;
        Ok(Self {
            source: expression.into(),
            regex: Arc::new(regex),
            literal_prefix: literal_prefix(expression),
            window: Window::of(expression, ignores_case),
        })
    }

    /// The compiled expression.
    pub(crate) fn regex(&self) -> &Regex {
        &self.regex
    }

    /// Whether the pattern is found anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// How many literal characters the pattern begins with; the longer, the more specific.
    pub const fn literal_prefix(&self) -> usize {
        self.literal_prefix
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing to match.
    #[error("the pattern is empty")]
    Empty,
    /// More than [`MAX_PATTERN`] characters.
    #[error("the pattern is longer than {MAX_PATTERN} characters")]
    TooLong,
    /// A `/…/x` literal with a flag other than `i`.
    #[error("the flags {0:?} after the pattern are not understood; only /…/ and /…/i are")]
    Flags(String),
    /// `(?=`, `(?!`, `(?<=`, `(?<!`.
    #[error(
        "look-ahead and look-behind are not supported, because patterns must run in linear time; write the pattern without (?=, (?!, (?<= and (?<!"
    )]
    LookAround,
    /// `\1` and the like.
    #[error(
        "back-references such as \\1 are not supported, because patterns must run in linear time; repeat the expression instead"
    )]
    BackReference,
    /// Counted repetitions that would take too much memory.
    #[error("the pattern is too large once compiled; use smaller repetition counts")]
    TooLarge,
    /// Any other mistake; the text is the compiler's.
    #[error("the pattern is not a valid regular expression: {0}")]
    Syntax(String),
}

impl PatternError {
    fn from_regex(error: &regex::Error) -> Self {
        match error {
            regex::Error::CompiledTooBig(_) => Self::TooLarge,
            other => {
                let text = other.to_string();
                if text.contains("look-around") {
                    Self::LookAround
                } else if text.contains("backreferences") {
                    Self::BackReference
                } else {
                    // The first lines of the text draw the pattern; the last says what is wrong.
                    let last = text.lines().last().unwrap_or_default();
                    Self::Syntax(last.trim_start_matches("error: ").to_owned())
                }
            }
        }
    }
}

/// Takes `/…/flags` apart; anything else is an expression as it stands.
fn split_literal(source: &str) -> Result<(&str, bool), PatternError> {
    let Some(rest) = source.strip_prefix('/') else {
        return Ok((source, false));
    };
    let Some((expression, flags)) = rest.rsplit_once('/') else {
        return Ok((source, false));
    };
    match flags {
        "" => Ok((expression, false)),
        "i" => Ok((expression, true)),
        other if other.chars().all(|flag| flag.is_ascii_alphabetic()) => {
            Err(PatternError::Flags(other.to_owned()))
        }
        _ => Ok((source, false)),
    }
}

/// How many literal characters every match must begin with; none when there is a choice at the top.
fn literal_prefix(expression: &str) -> usize {
    let mut literal = 0;
    if has_top_level_choice(expression) {
        return literal;
    }
    let mut characters = expression
        .strip_prefix('^')
        .unwrap_or(expression)
        .chars()
        .peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped)
                    if !escaped.is_ascii_alphanumeric() && !matches!(escaped, '<' | '>') => {}
                _ => break,
            },
            '.' | '[' | ']' | '(' | ')' | '{' | '}' | '*' | '+' | '?' | '|' | '^' | '$' => break,
            _ => {}
        }
        match characters.peek() {
            // The character just read may be absent.
            Some('*' | '?' | '{') => break,
            Some('+') => return literal + 1,
            _ => literal += 1,
        }
    }
    literal
}

fn has_top_level_choice(expression: &str) -> bool {
    let mut depth = 0_u32;
    let mut in_class = false;
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth = depth.saturating_sub(1),
            '|' if !in_class && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_unanchored() {
        let pattern = Pattern::compile("4689").unwrap();
        assert!(pattern.is_match("+46890510"));
        assert!(!pattern.is_match("+4790510"));
    }

    #[test]
    fn slash_literals_are_understood() {
        assert!(Pattern::compile("/^abc$/").unwrap().is_match("abc"));
        assert!(!Pattern::compile("/^abc$/").unwrap().is_match("ABC"));
        assert!(Pattern::compile("/^abc$/i").unwrap().is_match("ABC"));
        assert!(Pattern::compile(r"/^a\/b$/").unwrap().is_match("a/b"));
        assert_eq!(
            Pattern::compile("/abc/g"),
            Err(PatternError::Flags("g".into()))
        );
    }

    #[test]
    fn what_is_not_linear_is_refused_in_plain_words() {
        for source in ["(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b"] {
            assert_eq!(
                Pattern::compile(source),
                Err(PatternError::LookAround),
                "{source}"
            );
        }
        assert_eq!(Pattern::compile(r"(a)\1"), Err(PatternError::BackReference));
        assert_eq!(
            Pattern::compile(r"(\d{1000}){1000}"),
            Err(PatternError::TooLarge)
        );
        assert_eq!(Pattern::compile(""), Err(PatternError::Empty));
        assert_eq!(Pattern::compile("//"), Err(PatternError::Empty));
        assert_eq!(
            Pattern::compile(&"a".repeat(1_025)),
            Err(PatternError::TooLong)
        );
        let Err(PatternError::Syntax(why)) = Pattern::compile("(abc") else {
            panic!("an open group is no expression")
        };
        assert_eq!(why, "unclosed group");
    }

    #[test]
    fn the_literal_prefix_is_what_every_match_begins_with() {
        let table = [
            ("46890", 5),
            ("^46890.*", 5),
            (r"^\+46890\d+$", 6),
            ("46890+", 5),
            ("46890?", 4),
            ("46890{2}", 4),
            ("46890*", 4),
            ("(46890|46891)", 0),
            ("46890|47", 0),
            ("4689[01]|47", 0),
            ("4689[0|1]", 4),
            (r"4\|6", 3),
            (".*", 0),
            (r"\d+", 0),
            ("/^alarm-/i", 6),
        ];
        for (source, expected) in table {
            assert_eq!(
                Pattern::compile(source).unwrap().literal_prefix(),
                expected,
                "{source}"
            );
        }
    }
}
