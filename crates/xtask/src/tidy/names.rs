//! Names that say nothing. A type or module is called after the thing it is.

use std::path::Path;

/// Words that fit everything, and so name nothing.
const BANNED: [&str; 11] = [
    "manager", "helper", "helpers", "util", "utils", "info", "data", "base", "wrapper", "common",
    "misc",
];

/// Words of RFCs, and of the documented interface, that contain one of the banned ones.
const GIVEN_WORDS: [&str; 7] = [
    "base_url",
    "call_info",
    "alert_info",
    "error_info",
    "authentication_info",
    "info_package",
    "recv_info",
];

/// The declared name and its banned word, when `line` (code only) declares a type or module badly.
pub(crate) fn banned_in_declaration(path: &Path, line: &str) -> Option<(String, String)> {
    // An indented `type` belongs to a trait, and the trait has named it.
    if line.starts_with(char::is_whitespace) && line.trim_start().starts_with("type ") {
        return None;
    }
    let mut words = line
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .skip_while(|word| matches!(*word, "pub" | "crate" | "super" | "in" | "unsafe"));
    let keyword = words.next()?;
    if !matches!(
        keyword,
        "struct" | "enum" | "trait" | "type" | "mod" | "union"
    ) {
        return None;
    }
    let name = words.next()?;
    let word = banned_in_name(path, name)?;
    Some((name.to_owned(), word))
}

/// The banned word in a file's or folder's name.
pub(crate) fn banned_in_path(path: &Path) -> Option<String> {
    path.with_extension("")
        .components()
        .filter_map(|part| part.as_os_str().to_str())
        .find_map(|part| banned_in_name(path, part))
}

fn banned_in_name(path: &Path, name: &str) -> Option<String> {
    let snake = snake_case(name);
    if GIVEN_WORDS.iter().any(|given| snake.contains(given)) || snake == "info" && is_sip(path) {
        return None;
    }
    snake
        .split(['_', '-'])
        .find(|word| is_banned(path, word))
        .map(str::to_owned)
}

fn is_banned(path: &Path, word: &str) -> bool {
    let text = path.to_string_lossy();
    match word {
        // A handler is what HTTP calls one; a context is nobody's.
        "handler" | "handlers" => !text.contains("/http"),
        "context" => true,
        // Above the protocol crates, Service is the provisioning noun.
        "service" => is_sip(path) || text.contains("crates/media/"),
        _ => BANNED.contains(&word),
    }
}

/// INFO is a method of SIP, and its module may say so.
fn is_sip(path: &Path) -> bool {
    path.to_string_lossy().contains("crates/sip/")
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && before_lower {
            snake.push('_');
        }
        before_lower = c.is_lowercase() || c.is_ascii_digit();
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{banned_in_declaration, banned_in_path};

    fn verdict(path: &str, line: &str) -> Option<String> {
        banned_in_declaration(Path::new(path), line).map(|(_, word)| word)
    }

    #[test]
    fn a_type_that_names_nothing_is_found() {
        let path = "crates/call/src/call.rs";
        assert_eq!(
            verdict(path, "pub(crate) struct CallManager<'a> {").as_deref(),
            Some("manager")
        );
        assert_eq!(verdict(path, "mod utils;").as_deref(), Some("utils"));
        assert_eq!(verdict(path, "struct Database;"), None);
        assert_eq!(verdict(path, "let manager = 1;"), None);
    }

    #[test]
    fn words_of_rfcs_and_of_provisioning_are_names() {
        assert_eq!(
            verdict("crates/sip/src/message/header/mod.rs", "mod call_info;"),
            None
        );
        assert_eq!(
            verdict("crates/call/src/directory.rs", "pub struct ServiceId(u32);"),
            None
        );
        assert_eq!(
            verdict("crates/sip/src/lib.rs", "struct RegistrarService;").as_deref(),
            Some("service")
        );
    }

    #[test]
    fn a_file_is_named_like_a_module() {
        assert_eq!(
            banned_in_path(Path::new("crates/api/src/common.rs")).as_deref(),
            Some("common")
        );
        assert_eq!(
            banned_in_path(Path::new("crates/server/src/http/handlers.rs")),
            None
        );
        assert_eq!(
            banned_in_path(Path::new("crates/sip/src/dialog/info.rs")),
            None
        );
    }
}
