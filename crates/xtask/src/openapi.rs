//! `openapi.json`: committed, and always what the program says of itself.

use anyhow::{Context as _, Result, ensure};

use crate::workspace;

const FILE: &str = "openapi.json";

/// Writes the document.
pub(crate) fn write() -> Result<()> {
    let document = describe()?;
    std::fs::write(workspace::root().join(FILE), &document)?;
    println!("{FILE}: {} bytes", document.len());
    Ok(())
}

/// Fails when the committed document is not what the program says of itself.
pub(crate) fn check() -> Result<()> {
    let committed = std::fs::read_to_string(workspace::root().join(FILE))
        .with_context(|| format!("{FILE} is missing: run `cargo xtask openapi`"))?;
    let described = describe()?;
    if committed != described {
        let line = committed
            .lines()
            .zip(described.lines())
            .position(|(old, new)| old != new)
            .map_or_else(|| "its end".to_owned(), |at| format!("line {}", at + 1));
        anyhow::bail!("{FILE} is stale from {line} on: run `cargo xtask openapi` and commit it");
    }
    Ok(())
}

fn describe() -> Result<String> {
    let output = workspace::cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "hookswitch-server",
        "--bin",
        "hookswitch",
        "--",
        "openapi",
    ])
    .output()?;
    ensure!(
        output.status.success(),
        "`hookswitch openapi` failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut document = String::from_utf8(output.stdout)?;
    document.truncate(document.trim_end().len());
    document.push('\n');
    Ok(document)
}
