//! Typed clients in TypeScript and Python, written from `openapi.json` into `examples/`.
//!
//! One file each, without dependencies: an interface or `TypedDict` per schema, a method per operation.

mod document;
mod python;
mod typescript;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::workspace;
use document::Document;

type Write = fn(&Document) -> String;

/// The clients: where each stands, and what it is written by.
const CLIENTS: [(&str, Write); 2] = [
    ("examples/typescript/hookswitch.ts", typescript::write),
    ("examples/python/hookswitch.py", python::write),
];

/// Writes them anew.
pub(crate) fn write() -> Result<()> {
    for (path, text) in written()? {
        fs::write(workspace::root().join(&path), &text)
            .with_context(|| path.display().to_string())?;
        println!("{}: {} lines", path.display(), text.lines().count());
    }
    Ok(())
}

/// Fails when a committed client is not what `openapi.json` says.
pub(crate) fn check() -> Result<()> {
    for (path, text) in written()? {
        let committed = fs::read_to_string(workspace::root().join(&path)).unwrap_or_default();
        if committed != text {
            bail!(
                "{} is stale: run `cargo xtask clients` and commit it",
                path.display()
            );
        }
    }
    Ok(())
}

fn written() -> Result<Vec<(PathBuf, String)>> {
    let text = fs::read_to_string(workspace::root().join("openapi.json"))?;
    let document = Document::parse(&text)?;
    let written = CLIENTS.iter();
    Ok(written
        .map(|(path, write)| (PathBuf::from(path), write(&document)))
        .collect())
}

#[cfg(test)]
mod tests;
