//! What the disk alone costs: a promise leaves the house only after a sync, and three of them lie
//! between an INVITE and the 200 that an application's commands bring about.

use std::io::Write as _;
use std::time::Instant;

use anyhow::Result;

use super::report::Row;

/// Syncs measured.
const SYNCS: usize = 200;

/// How long `fdatasync` takes after a page of SQLite's log, in the folder the databases live in.
pub(crate) fn sync() -> Result<Vec<Row>> {
    let path = std::env::temp_dir().join(format!("hookswitch-bench-{}", std::process::id()));
    let mut file = std::fs::File::create(&path)?;
    let mut millis = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[7; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        millis.push(began.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(&path)?;
    millis.sort_by(f64::total_cmp);
    let note = format!("in {}", std::env::temp_dir().display());
    Ok(vec![
        Row::new("the disk's own sync, p50", millis[SYNCS / 2], "ms").note(note),
        Row::new(
            "the disk's own sync, p99",
            millis[SYNCS - SYNCS / 100 - 1],
            "ms",
        ),
    ])
}
