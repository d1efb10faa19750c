//! Many calls held at once, each kept alive by its session timer: more than four minutes, whatever their number.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hookswitch_rig::server::Server;

use super::application::{Mode, answering};
use super::calls::kib_per_call;
use super::load::{Load, REFRESHED, calls_held};
use super::process::{cpu_time, resident_kib};
use super::report::Row;

/// Calls a second while the house fills.
const RATE: u32 = 500;

/// Calls an application answered, all up at once: memory of each, and what became of their refreshes.
pub(crate) fn held(server: &Server, calls: u32) -> Result<Vec<Row>> {
    let ended = answering(server, Mode::Reply)?;
    let before = resident_kib(server.id())?;
    let filling = Duration::from_secs(u64::from(calls / RATE));
    let mut generator = Load {
        scenario: REFRESHED,
        rate: RATE,
        calls,
        // Until the refresh, and some patience.
        held: filling + Duration::from_secs(300),
        is_timed: false,
    }
    .start("1001", server.udp)?;
    let deadline = Instant::now() + filling + Duration::from_secs(60);
    let mut most = 0;
    let mut resident = before;
    while Instant::now() < deadline && most < calls {
        let now = calls_held(generator.folder()).unwrap_or_default();
        if now > most {
            most = now;
            resident = resident_kib(server.id())?;
        }
        thread::sleep(Duration::from_millis(200));
    }
    ensure!(most > 0, "no call was answered: {}", server.log());
    let cpu = cpu_time(server.id())?;
    generator.wait()?;
    let cpu = cpu_time(server.id())? - cpu;
    let outcome = super::load::read(generator.folder())?;
    super::calls::wait_for(&ended, outcome.succeeded)?;
    let per_call = kib_per_call(resident.saturating_sub(before), most);
    let named = |what: &str| format!("{calls} calls held: {what}");
    Ok(vec![
        Row::new(&named("up at once"), f64::from(most), "calls").note(format!(
            "each ended well: {}, failed: {}",
            outcome.succeeded, outcome.failed
        )),
        Row::new(&named("memory per call"), per_call, "KiB")
            .at_most(6.0)
            .note(format!("VmRSS {before} → {resident} KiB")),
        Row::new(&named("refreshes answered"), count(outcome.counters[0]), "")
            .at_least(f64::from(calls))
            .note(format!(
                "{} ends told; {:.1} s of CPU from the last answer to the last BYE",
                ended.load(Ordering::Relaxed),
                cpu.as_secs_f64()
            )),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
