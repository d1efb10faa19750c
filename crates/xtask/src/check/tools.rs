//! Tools from PyPI, of pinned versions, installed once under `target/tools`; where that cannot be, the step says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace;

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The folder of the programs of a virtual environment with [`REQUIREMENTS`].
///
/// # Errors
/// Why there is none.
pub(super) fn python() -> Result<PathBuf, String> {
    let folder = workspace::root().join("target/tools/python");
    let programs = folder.join("bin");
    installed(&folder, REQUIREMENTS, || {
        let mut create = Command::new("python3");
        create.args(["-m", "venv", "--clear"]).arg(&folder);
        run(&mut create, "apt-get install python3 python3-venv")?;
        let list = folder.join("requirements.txt");
        std::fs::write(&list, REQUIREMENTS).map_err(|error| error.to_string())?;
        let mut install = Command::new(programs.join("pip"));
        install.args(["install", "--quiet", "--retries", "1", "--requirement"]);
        run(
            install.arg(&list),
            "the package index of Python cannot be reached",
        )
    })?;
    Ok(programs)
}

/// Installs unless the folder's stamp says that the very same was installed.
fn installed(
    folder: &Path,
    what: &str,
    install: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let stamp = folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == what) {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    install()?;
    std::fs::write(&stamp, what).map_err(|error| error.to_string())
}

fn run(command: &mut Command, advice: &str) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.trim_end().lines().last().unwrap_or_default();
            Err(format!("{advice} ({last})"))
        }
        Err(error) => {
            let program = command.get_program().to_string_lossy();
            Err(format!("{advice} ({program}: {error})"))
        }
    }
}
