//! `cargo xtask tidy`: the house rules that no compiler knows, each finding with its place.

mod code;
mod layers;
mod names;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::workspace;

/// No file grows past this; split by direction (receive, command, timeout) or by noun before it does.
const MAX_LINES: usize = 800;

/// Endings of the files people write here.
const WRITTEN: [&str; 9] = ["rs", "md", "toml", "sql", "xml", "sh", "html", "css", "js"];

/// Words that promise work instead of doing it, spelt so that this file does not contain them.
const PROMISES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// One broken rule.
struct Finding {
    path: PathBuf,
    line: usize,
    what: String,
}

/// Prints the findings.
pub(crate) fn run() -> Result<()> {
    check()?;
    println!("tidy");
    Ok(())
}

/// Fails with every finding in the message.
pub(crate) fn check() -> Result<()> {
    let mut report: Vec<String> = layers::check()?;
    for path in workspace::files()? {
        for finding in look_at(&path)? {
            let Finding { path, line, what } = finding;
            report.push(format!("{}:{line}: {what}", path.display()));
        }
    }
    if !report.is_empty() {
        bail!("{} findings\n{}", report.len(), report.join("\n"));
    }
    Ok(())
}

/// The names of all integration-test targets, for runners that cannot leave one out.
pub(crate) fn integration_tests() -> Vec<String> {
    layers::integration_tests().unwrap_or_default()
}

fn look_at(path: &Path) -> Result<Vec<Finding>> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_written = ending.is_some_and(|ending| WRITTEN.contains(&ending));
    if !is_written || is_bundled(path) {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(workspace::root().join(path))?;
    let mut findings = Vec::new();
    let mut found = |line: usize, what: String| {
        findings.push(Finding {
            path: path.to_owned(),
            line,
            what,
        });
    };
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found(
            lines,
            format!("{lines} lines, {MAX_LINES} is the limit: split by direction or by noun"),
        );
    }
    for (number, line) in text.lines().enumerate() {
        if let Some(word) = PROMISES.iter().find(|word| line.contains(**word)) {
            found(number + 1, format!("{word}: do it, or open an issue"));
        }
    }
    if ending == Some("rs") {
        if needs_opening(path) && !text.starts_with("//!") {
            found(1, "opens without `//!`: say what it is and is not".into());
        }
        let code = code::without_text(&text);
        for (number, line) in code.lines().enumerate() {
            for what in look_at_code(path, line) {
                found(number + 1, what);
            }
        }
        if let Some(word) = names::banned_in_path(path) {
            found(1, format!("`{word}` is banned in module names"));
        }
    }
    Ok(findings)
}

fn look_at_code(path: &Path, line: &str) -> Vec<String> {
    let squeezed: String = line.split_whitespace().collect();
    let mut findings = Vec::new();
    if squeezed.contains("#[allow(") || squeezed.contains("#![allow(") {
        findings.push("`allow`: use `#[expect(lint, reason = \"…\")]`".to_owned());
    }
    if squeezed.contains("#[ignore") {
        findings.push("an ignored test: mend it or delete it".to_owned());
    }
    if let Some((name, word)) = names::banned_in_declaration(path, line) {
        findings.push(format!("`{name}`: `{word}` says nothing; name the thing"));
    }
    findings
}

/// Crates and their modules; test modules and programs of the tests speak through their test names.
fn needs_opening(path: &Path) -> bool {
    let in_source = path.components().any(|part| part.as_os_str() == "src");
    in_source && path.file_name().is_some_and(|name| name != "tests.rs") && !is_below_tests(path)
}

fn is_below_tests(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| folder.components().any(|part| part.as_os_str() == "tests"))
}

/// Files of others that are shipped as they are.
fn is_bundled(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "vendor")
        || path.to_string_lossy().contains(".min.")
        || path.to_string_lossy().contains("-bundle.")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{look_at_code, needs_opening};

    #[test]
    fn an_exception_needs_a_reason() {
        let path = Path::new("crates/sip/src/lib.rs");
        assert_eq!(look_at_code(path, "#![ allow(dead_code)]").len(), 1);
        assert!(look_at_code(path, "#[expect(dead_code, reason = )]").is_empty());
    }

    #[test]
    fn an_ignored_test_is_found() {
        let path = Path::new("crates/sip/src/lib.rs");
        assert_eq!(look_at_code(path, "    #[ignore]").len(), 1);
    }

    #[test]
    fn modules_open_with_their_purpose_and_tests_need_not() {
        assert!(needs_opening(Path::new("crates/sip/src/message/mod.rs")));
        assert!(!needs_opening(Path::new("crates/sip/src/message/tests.rs")));
        assert!(!needs_opening(Path::new("crates/sip/tests/torture.rs")));
    }
}
