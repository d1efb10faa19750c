//! `destinationRewrite`: how a trunk turns the called user into what its other side expects.

use std::fmt;

use crate::pattern::{MAX_PATTERN, Pattern, PatternError};

/// The longest user a rewrite may make, in characters.
const MAX_USER: usize = 128;

/// A compiled rewrite: `/expression/replacement/`, `s/expression/replacement/`, each with the flags `i` and `g`, or an
/// expression alone, which keeps what its first group matches, or all it matches.
#[derive(Clone)]
pub struct Rewrite {
    source: Box<str>,
    pattern: Pattern,
    replacement: Option<Box<[Piece]>>,
    everywhere: bool,
}

/// A part of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Group(usize),
}

impl Rewrite {
    /// Compiles `source`.
    ///
    /// # Errors
    /// Says in one sentence what a person has to change.
    pub fn compile(source: &str) -> Result<Self, PatternError> {
        if source.chars().count() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        let Some((expression, replacement, flags)) = split(source) else {
            return Ok(Self {
                source: source.into(),
                pattern: Pattern::compile(source)?,
                replacement: None,
                everywhere: false,
            });
        };
        let (mut ignores_case, mut everywhere) = (false, false);
        for flag in flags.chars() {
            match flag {
                'i' => ignores_case = true,
                'g' => everywhere = true,
                _ => return Err(PatternError::Flags(flags.to_owned())),
            }
        }
        let pattern = Pattern::expression(&expression, ignores_case)?;
        let replacement = pieces(&replacement);
        let groups = pattern.regex().captures_len();
        let missing = replacement.iter().find_map(|piece| match piece {
            Piece::Group(number) if *number >= groups => Some(*number),
            _ => None,
        });
        match missing {
            Some(number) => Err(PatternError::Syntax(format!(
                "the replacement names group {number}, and the expression has {}",
                groups - 1
            ))),
            None => Ok(Self {
                source: source.into(),
                pattern,
                replacement: Some(replacement.into()),
                everywhere,
            }),
        }
    }

    /// The user in its new form, or as it is where the expression does not match. `None`: nothing is left of it, or it
    /// is too long for a user.
    pub fn apply(&self, user: &str) -> Option<String> {
        let regex = self.pattern.regex();
        let Some(replacement) = &self.replacement else {
            let found = regex.captures(user);
            let kept = found.as_ref().map_or(Some(user), |found| {
                found
                    .get(usize::from(found.len() > 1))
                    .map(|part| part.as_str())
            });
            return fit(kept.unwrap_or_default().to_owned());
        };
        let write = |found: &regex::Captures<'_>| {
            let mut text = String::new();
            for piece in replacement {
                match piece {
                    Piece::Text(literal) => text.push_str(literal),
                    Piece::Group(number) => {
                        text.push_str(found.get(*number).map_or("", |part| part.as_str()));
                    }
                }
            }
            text
        };
        let limit = usize::from(!self.everywhere);
        fit(regex.replacen(user, limit, write).into_owned())
    }

    /// The rewrite as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rewrite({:?})", self.source)
    }
}

impl PartialEq for Rewrite {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

fn fit(user: String) -> Option<String> {
    let fits = !user.is_empty() && user.chars().count() <= MAX_USER;
    fits.then_some(user)
}

/// Expression, replacement and flags; `None` for an expression alone.
fn split(source: &str) -> Option<(String, String, &str)> {
    let rest = match source.strip_prefix('s') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_punctuation() && c != '\\') => rest,
        _ if source.starts_with('/') => source,
        _ => return None,
    };
    let delimiter = rest.chars().next()?;
    let (expression, rest) = part(&rest[1..], delimiter)?;
    let (replacement, flags) = part(rest, delimiter)?;
    Some((expression, replacement, flags))
}

/// The text before the next delimiter that is not escaped, and what follows it. An escaped delimiter stands for itself.
fn part(text: &str, delimiter: char) -> Option<(String, &str)> {
    let mut before = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next()? {
                (_, escaped) if escaped == delimiter => {
                    // In an expression it stays escaped where it would mean something.
                    if delimiter != '/' {
                        before.push('\\');
                    }
                    before.push(escaped);
                }
                (_, escaped) => {
                    before.push('\\');
                    before.push(escaped);
                }
            },
            found if found == delimiter => {
                return Some((before, &text[at + delimiter.len_utf8()..]));
            }
            other => before.push(other),
        }
    }
    None
}

/// `$1`, `\1`, `$$`, `\$`, `&` is itself.
fn pieces(replacement: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        if !matches!(character, '$' | '\\') {
            text.push(character);
            continue;
        }
        match characters.peek().copied() {
            Some(digit) if digit.is_ascii_digit() => {
                characters.next();
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text).into()));
                }
                pieces.push(Piece::Group(digit as usize - '0' as usize));
            }
            Some(escaped) if character == '\\' || escaped == '$' => {
                characters.next();
                text.push(escaped);
            }
            _ => text.push(character),
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_rewritten_as_written_down() {
        let table = [
            ("/^00/+/", "0046890510", "+46890510"),
            ("s/^0/+46/", "0890510", "+46890510"),
            ("s#^0#+46#", "0890510", "+46890510"),
            (r"/^\+(\d+)$/00$1/", "+46890510", "0046890510"),
            (r"/^\+(\d+)$/00\1/", "+46890510", "0046890510"),
            ("/-//g", "08-90-510", "0890510"),
            ("/-//", "08-90-510", "0890-510"),
            ("/ANNA/anna.berg/i", "Anna", "anna.berg"),
            (r"/a\/b/c/", "a/b", "c"),
            ("/x/$$1/", "x", "$1"),
            ("/^00/+/", "12345", "12345"),
            (r"^\+46(\d+)$", "+46890510", "890510"),
            (r"\d+", "user42", "42"),
            (r"/^\+46(\d+)$/", "+46890510", "890510"),
        ];
        for (source, user, expected) in table {
            let rewrite = Rewrite::compile(source).unwrap();
            assert_eq!(rewrite.apply(user).as_deref(), Some(expected), "{source}");
        }
    }

    #[test]
    fn a_user_that_vanishes_or_grows_beyond_all_bounds_is_none() {
        assert_eq!(Rewrite::compile("/.*//").unwrap().apply("46"), None);
        let growing = Rewrite::compile("/(.)/$1$1$1$1$1$1$1$1$1/g").unwrap();
        assert_eq!(growing.apply(&"4".repeat(32)), None);
    }

    #[test]
    fn what_cannot_be_is_refused_in_plain_words() {
        assert_eq!(Rewrite::compile(""), Err(PatternError::Empty));
        assert_eq!(Rewrite::compile("//x/"), Err(PatternError::Empty));
        assert_eq!(
            Rewrite::compile("/a/b/x"),
            Err(PatternError::Flags("x".into()))
        );
        assert_eq!(Rewrite::compile("/(?=a)/b/"), Err(PatternError::LookAround));
        assert_eq!(Rewrite::compile("/(?<!a)b/"), Err(PatternError::LookAround));
        assert_eq!(
            Rewrite::compile(&"a".repeat(65_536)),
            Err(PatternError::TooLong)
        );
        let why = Rewrite::compile("/(a)/$2/").unwrap_err().to_string();
        assert!(why.contains("group 2"), "{why}");
    }
}
