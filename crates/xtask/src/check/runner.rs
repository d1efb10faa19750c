//! One program run as a step: its verdict, what it said, and the tests it counted.

use std::fmt;
use std::ops::AddAssign;
use std::process::Command;

/// How a step ended.
pub(crate) enum Verdict {
    Passed(Tests),
    Failed(Tests, String),
    Skipped(String),
}

impl Verdict {
    /// The verdict of a step that runs inside this program.
    pub(crate) fn of(result: anyhow::Result<()>) -> Self {
        match result {
            Ok(()) => Self::Passed(Tests::default()),
            Err(error) => Self::Failed(Tests::default(), format!("{error:#}")),
        }
    }
}

/// Tests that ran, as their runner counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Tests {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return Ok(());
        }
        write!(f, "  {} passed, {} failed", self.passed, self.failed)
    }
}

/// Runs a command to its end, keeping what it prints for the case that it fails.
pub(crate) fn run_command(mut command: Command) -> Verdict {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            let program = command.get_program().to_string_lossy().into_owned();
            return Verdict::Failed(Tests::default(), format!("{program}: {error}"));
        }
    };
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let tests = count_tests(&said);
    if output.status.success() {
        Verdict::Passed(tests)
    } else {
        Verdict::Failed(tests, news(&said))
    }
}

/// What was said without the lines of all that went well.
fn news(said: &str) -> String {
    const ROUTINE: [&str; 6] = [
        "Blocking ",
        "Checking ",
        "Compiling ",
        "Documenting ",
        "Downloaded ",
        "PASS [",
    ];
    let is_news = |line: &&str| {
        !ROUTINE
            .iter()
            .any(|word| line.trim_start().starts_with(word))
    };
    let lines: Vec<&str> = said.lines().filter(is_news).collect();
    lines.join("\n")
}

/// Sums the summary lines of nextest (`Summary [..] 3 tests run: 2 passed, 1 failed`) and of the
/// built-in runner (`test result: ok. 3 passed; 0 failed; ..`).
fn count_tests(said: &str) -> Tests {
    // Beside its own summary, nextest shows what the built-in runner said of a test that failed.
    let is_nextest = said.contains("Summary [");
    let mut tests = Tests::default();
    for line in said.lines().map(str::trim) {
        let counts = if is_nextest {
            line.strip_prefix("Summary [")
                .and_then(|line| line.split_once("run:"))
        } else {
            line.strip_prefix("test result:")
                .and_then(|line| line.split_once('.'))
        };
        let Some((_, counts)) = counts else {
            continue;
        };
        for part in counts.split([',', ';']) {
            let mut words = part.split_whitespace();
            let number = words.next().and_then(|word| word.parse::<u64>().ok());
            match (number, words.next()) {
                (Some(number), Some("passed")) => tests.passed += number,
                (Some(number), Some("failed" | "timed" | "exec")) => tests.failed += number,
                _ => {}
            }
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::{Tests, count_tests, news};

    #[test]
    fn a_failure_is_told_without_what_went_well() {
        let said = "   Compiling syn v3.0.9\n        PASS [   0.1s] a\n        FAIL [   0.2s] b\n";
        assert_eq!(news(said), "        FAIL [   0.2s] b");
    }

    #[test]
    fn nextest_is_counted_by_its_summary_alone() {
        let said = "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n\
            Summary [   0.010s] 9 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 4 skipped\n";
        let expected = Tests {
            passed: 6,
            failed: 3,
        };
        assert_eq!(count_tests(said), expected);
    }

    #[test]
    fn the_built_in_runner_is_counted_target_by_target() {
        let said = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let expected = Tests {
            passed: 4,
            failed: 1,
        };
        assert_eq!(count_tests(said), expected);
    }

    #[test]
    fn a_program_without_tests_counts_none() {
        assert_eq!(count_tests("Finished `dev` profile"), Tests::default());
    }
}
