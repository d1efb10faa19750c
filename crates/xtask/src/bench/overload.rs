//! A server held to half a processor and offered twice what it can carry: how much it still carries.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hookswitch_rig::server::Server;

use super::application::{Mode, answering};
use super::capped::Capped;
use super::load::{CALL_OR_503, Load, Outcome};
use super::process::resident_kib;
use super::report::Row;

/// Percent of one processor.
const SHARE: u32 = 50;
/// Seconds of each step on the way up.
const STEP: u32 = 5;
/// Seconds of overload: an ended call is remembered for 40 s, and the database's cache of 64 MiB is full after some
/// 60 s; what grows for longer than that grows without end.
const OVERLOAD: u32 = 160;
/// The last so many of them, in which memory is to be flat.
const LAST: Duration = Duration::from_secs(30);
/// How long the server may take to be itself again.
const RECOVERY: Duration = Duration::from_secs(30);

/// Goodput at twice the capacity, memory meanwhile, and the way back.
pub(crate) fn goodput(server: &Server) -> Result<Vec<Row>> {
    answering(server, Mode::Reply)?;
    let _capped = Capped::hold(server.id(), SHARE)?;
    let (peak, at) = climb(server)?;
    let before = resident_kib(server.id())?;
    let offered = twice(peak);
    let (outcome, memory) = watch_memory(server, offered)?;
    let goodput = per_second(outcome.counters[0], OVERLOAD);
    let refused = outcome.counters[1];
    let recovered = recover(server, at / 2)?;
    let half = f64::from(SHARE) / 100.0;
    let named = |what: &str| format!("{half} processors, offered twice the peak: {what}");
    Ok(vec![
        Row::new(&named("peak goodput"), peak, "calls/s").note(format!("at {at}/s offered")),
        Row::new(&named("goodput"), goodput, "calls/s").note(format!(
            "{}/s offered for {OVERLOAD} s: {} answered, {refused} refused, {} failed, {} repeated",
            offered, outcome.counters[0], outcome.failed, outcome.retransmissions
        )),
        Row::new(
            &named("goodput against the peak"),
            goodput / peak * 100.0,
            "%",
        )
        .at_least(90.0),
        Row::new(
            &named("memory grown by"),
            mib(memory.highest.saturating_sub(before)),
            "MiB",
        )
        .note(format!("VmRSS {before} → at most {} KiB", memory.highest)),
        Row::new(
            &named("memory, the last 30 s against those before"),
            mib(memory.last.saturating_sub(memory.earlier)),
            "MiB",
        )
        .at_most(16.0)
        .note(format!(
            "VmRSS at most {} KiB, then {} KiB",
            memory.earlier, memory.last
        )),
        Row::new(&named("normal again after"), recovered.as_secs_f64(), "s").at_most(10.0),
    ])
}

/// Raises the rate by a fifth until a fifth of it is not answered; the highest goodput, and the rate it came at.
fn climb(server: &Server) -> Result<(f64, u32)> {
    let (mut best, mut at, mut rate) = (0.0, 0, 200);
    loop {
        let outcome = load(rate, STEP).run("1001", server.udp)?;
        let answered = per_second(outcome.counters[0], STEP);
        eprintln!(
            "  {rate}/s offered: {answered:.0}/s answered, {} refused, {} failed, {} repeated",
            outcome.counters[1], outcome.failed, outcome.retransmissions
        );
        if answered > best {
            (best, at) = (answered, rate);
        }
        if answered < f64::from(rate) * 0.8 {
            ensure!(at > 0, "no call was answered: {}", server.log());
            return Ok((best, at));
        }
        rate += rate / 5;
    }
}

/// The most memory seen during the overload, in KiB.
#[derive(Default)]
struct Memory {
    highest: u64,
    /// Before the last part of it.
    earlier: u64,
    /// In the last part.
    last: u64,
}

/// The overload itself, and memory meanwhile.
fn watch_memory(server: &Server, rate: u32) -> Result<(Outcome, Memory)> {
    let mut memory = Memory::default();
    let last = Duration::from_secs(u64::from(OVERLOAD)) - LAST;
    let outcome = thread::scope(|scope| {
        let began = Instant::now();
        let under_load = scope.spawn(|| load(rate, OVERLOAD).run("1001", server.udp));
        while !under_load.is_finished() {
            let resident = resident_kib(server.id()).unwrap_or_default();
            let part = if began.elapsed() < last {
                &mut memory.earlier
            } else {
                &mut memory.last
            };
            *part = resident.max(*part);
            thread::sleep(Duration::from_millis(100));
        }
        under_load.join().expect("the load does not panic")
    })?;
    memory.highest = memory.earlier.max(memory.last);
    Ok((outcome, memory))
}

/// How long until a second's calls are all answered without a repetition.
fn recover(server: &Server, rate: u32) -> Result<Duration> {
    let began = Instant::now();
    while began.elapsed() < RECOVERY {
        let second = Instant::now();
        let outcome = load(rate, 1).run("1001", server.udp)?;
        if outcome.is_clean() && outcome.counters[1] == 0 {
            return Ok(second.duration_since(began));
        }
    }
    Ok(RECOVERY)
}

fn load(rate: u32, seconds: u32) -> Load {
    Load {
        scenario: CALL_OR_503,
        rate,
        calls: rate * seconds,
        held: Duration::ZERO,
        is_timed: false,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
fn per_second(calls: u64, seconds: u32) -> f64 {
    calls as f64 / f64::from(seconds)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of SIPp, some thousands at most"
)]
fn twice(rate: f64) -> u32 {
    (rate * 2.0) as u32
}

#[expect(
    clippy::cast_precision_loss,
    reason = "KiB of a process are far below 2^52"
)]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
