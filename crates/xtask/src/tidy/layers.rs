//! Which crate may know which: the picture in `ARCHITECTURE.md`, from cargo's own metadata.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::workspace;

/// Each crate with the ones it may depend on. Arrows point down; siblings do not know each other.
const LAYERS: [(&str, &[&str]); 10] = [
    ("sip", &[]),
    ("media", &[]),
    ("call", &["sip", "media"]),
    ("api", &[]),
    ("store", &[]),
    ("server", &["sip", "media", "call", "api", "store"]),
    ("sim", &["sip", "media", "call"]),
    ("probe", &["sip", "media", "call"]),
    ("rig", &[]),
    ("xtask", &["rig"]),
];

/// Crates of the pure core: no runtime, no sockets, no clock, no randomness of their own.
const PURE: [&str; 3] = ["sip", "media", "call"];

/// Outside crates that would bring the world into the core.
const WORLDLY: [&str; 14] = [
    "tokio",
    "mio",
    "async-std",
    "smol",
    "socket2",
    "nix",
    "libc",
    "hyper",
    "axum",
    "reqwest",
    "rusqlite",
    "rand",
    "getrandom",
    "chrono",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build` or nothing.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Every dependency that points the wrong way.
pub(crate) fn check() -> Result<Vec<String>> {
    let layers: BTreeMap<&str, &[&str]> = LAYERS.into_iter().collect();
    let mut findings = Vec::new();
    for package in metadata()?.packages {
        let name = short(&package.name);
        match layers.get(name) {
            Some(allowed) => findings.extend(look_at(name, allowed, &package.dependencies)),
            None => findings.push(format!(
                "crates/{name}: a crate without a layer; give it one"
            )),
        }
    }
    Ok(findings)
}

fn look_at(name: &str, allowed: &[&str], dependencies: &[Dependency]) -> Vec<String> {
    let mut findings = Vec::new();
    for dependency in dependencies {
        let other = short(&dependency.name);
        let is_ours = other != dependency.name;
        // The surface tests run the program from outside, with the same ground as the bench.
        let is_test_ground = dependency.kind.as_deref() == Some("dev") && other == "rig";
        if is_ours && !is_test_ground && !allowed.contains(&other) {
            findings.push(format!("crates/{name}: must not know `{other}`"));
        }
        if PURE.contains(&name) && WORLDLY.contains(&other) {
            findings.push(format!(
                "crates/{name}: the core stays pure, without `{other}`"
            ));
        }
    }
    findings
}

/// The names of all integration-test targets of the workspace.
pub(crate) fn integration_tests() -> Result<Vec<String>> {
    let targets = metadata()?
        .packages
        .into_iter()
        .flat_map(|package| package.targets)
        .filter(|target| target.kind.iter().any(|kind| kind == "test"))
        .map(|target| target.name);
    Ok(targets.collect())
}

fn metadata() -> Result<Metadata> {
    let output = workspace::cargo(&["metadata", "--no-deps", "--format-version", "1"]).output()?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn short(package: &str) -> &str {
    package.strip_prefix("hookswitch-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::{Dependency, look_at};

    fn on(name: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            kind: None,
        }
    }

    #[test]
    fn an_arrow_upwards_is_found() {
        assert!(look_at("call", &["sip"], &[on("hookswitch-sip"), on("serde")]).is_empty());
        assert_eq!(look_at("sip", &[], &[on("hookswitch-call")]).len(), 1);
    }

    #[test]
    fn the_core_stays_out_of_the_world() {
        assert_eq!(look_at("sip", &[], &[on("tokio")]).len(), 1);
        assert!(look_at("server", &[], &[on("tokio")]).is_empty());
    }
}
