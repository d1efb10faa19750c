//! What the kernel accounts to a process: CPU time and resident memory.

use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// One tick of `/proc/PID/stat`; Linux shows user space 100 a second on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// CPU time used so far, user and system.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks = ticks(&stat).context("the format of /proc/PID/stat")?;
    Ok(TICK * ticks)
}

/// Resident memory in KiB.
pub(crate) fn resident_kib(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("VmRSS in /proc/PID/status")?.parse()?)
}

/// Lets every other thread of this machine go before the calling one from now on, as if it ran on a machine of its own.
pub(crate) fn behind_others() {
    thread_local! { static DONE: Cell<bool> = const { Cell::new(false) } }
    if DONE.replace(true) {
        return;
    }
    // `PID/task/TID`; where that or the command is missing, the figures are a little worse, no more.
    let thread = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    if let Some(id) = thread.file_name() {
        let _ = Command::new("renice")
            .args(["-n", "15", "-p"])
            .arg(id)
            .output();
    }
}

/// Fields 14 and 15. The name of the program may hold anything, so count from its closing bracket.
fn ticks(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_whitespace().skip(11);
    let user: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn a_name_with_spaces_and_brackets_moves_nothing() {
        let stat = "4711 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0";
        assert_eq!(ticks(stat), Some(42));
    }
}
