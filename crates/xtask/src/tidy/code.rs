//! Rust source with comments and literals blanked out, so that rules look at code alone.

/// The same text with every comment, string and character literal replaced by spaces; lines stay.
pub(crate) fn without_text(source: &str) -> String {
    let mut blanked = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = text_length(rest, blanked.chars().next_back());
        if length == 0 {
            blanked.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (text, after) = rest.split_at(length);
            blanked.extend(text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    blanked
}

/// Bytes of the comment or literal that `source` starts with; 0 when it starts with code.
fn text_length(source: &str, before: Option<char>) -> usize {
    let until = |end: &str, skip: usize| {
        source[skip..]
            .find(end)
            .map_or(source.len(), |at| skip + at + end.len())
    };
    if source.starts_with("//") {
        return source.find('\n').unwrap_or(source.len());
    }
    if source.starts_with("/*") {
        return until("*/", 2);
    }
    if source.starts_with('"') {
        return quoted_length(source, '"');
    }
    if source.starts_with('\'') {
        return character_length(source);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word {
        let raw = source.strip_prefix('b').unwrap_or(source);
        if let Some(raw) = raw.strip_prefix('r') {
            let hashes = raw.bytes().take_while(|&b| b == b'#').count();
            if raw[hashes..].starts_with('"') {
                let opening = source.len() - raw.len() + hashes + 1;
                return until(&format!("\"{}", "#".repeat(hashes)), opening);
            }
        }
    }
    0
}

fn quoted_length(source: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    source.len()
}

/// A character literal, told from a lifetime by its closing quote.
fn character_length(source: &str) -> usize {
    let mut characters = source.char_indices().skip(1);
    let first = characters.next().map(|(_, c)| c);
    let second = characters.next().map(|(_, c)| c);
    if first == Some('\\') || second == Some('\'') {
        quoted_length(source, '\'')
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::without_text;

    #[test]
    fn code_stays_and_text_goes() {
        let source =
            "let a = \"struct Helper\"; // enum Util\nstruct Call<'a>(&'a str); let q = '\"';";
        let expected =
            "let a =                ;             \nstruct Call<'a>(&'a str); let q =    ;";
        assert_eq!(without_text(source), expected);
    }

    #[test]
    fn raw_strings_and_block_comments_go_with_their_quotes() {
        let source = "r#\"a \"b\" c\"# x /* mod\nutil */ y br\"z\"";
        assert_eq!(
            without_text(source),
            "             x       \n        y      "
        );
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_string() {
        assert_eq!(without_text(r#"f("a\"b", '\'')"#), "f(      ,     )");
    }
}
