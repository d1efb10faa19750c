//! A process held to a part of a processor, by the kernel's own bandwidth control.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// Microseconds after which the kernel looks at the quota again: short, so that a capped process pauses
/// for milliseconds and not for tenths of a second.
const PERIOD: u32 = 10_000;

/// A control group with one process in it; it goes when dropped, after the process.
pub(crate) struct Capped {
    folder: PathBuf,
}

impl Capped {
    /// Holds `process` to `percent` of one processor. Needs to be root.
    pub(crate) fn hold(process: u32, percent: u32) -> Result<Self> {
        let quota = PERIOD * percent / 100;
        let name = format!("hookswitch-bench-{process}");
        let (folder, limits) = if fs::exists("/sys/fs/cgroup/cgroup.controllers")? {
            // The root group hands the controller down only when told to; it may be on already.
            let _ = fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
            let folder = PathBuf::from("/sys/fs/cgroup").join(name);
            (folder, vec![("cpu.max", format!("{quota} {PERIOD}"))])
        } else if fs::exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")? {
            let folder = PathBuf::from("/sys/fs/cgroup/cpu").join(name);
            let period = ("cpu.cfs_period_us", PERIOD.to_string());
            (
                folder,
                vec![period, ("cpu.cfs_quota_us", quota.to_string())],
            )
        } else {
            bail!("no cpu control group is mounted under /sys/fs/cgroup");
        };
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} (are you root?)", folder.display()))?;
        let capped = Self { folder };
        for (file, value) in limits {
            fs::write(capped.folder.join(file), value).with_context(|| file)?;
        }
        fs::write(capped.folder.join("cgroup.procs"), process.to_string())?;
        Ok(capped)
    }
}

impl Drop for Capped {
    fn drop(&mut self) {
        // A group cannot go before its processes; what is left then is an empty group without effect.
        let _ = fs::remove_dir(&self.folder);
    }
}
