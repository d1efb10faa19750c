//! The measurements that make calls.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use hookswitch_rig::program::{LOOPBACK, Running, Socket, find, free_port, wait_for_port};
use hookswitch_rig::server::Server;

use super::application::{Mode, answering};
use super::load::{CALL, DOMAIN, Load, Outcome, calls_held};
use super::process::{cpu_time, resident_kib};
use super::report::Row;

/// A rate both sides carry easily, so that CPU per call is not the price of overload.
const EASY_RATE: u32 = 1_500;

/// The rates tried for the highest one.
const STEPS: [u32; 9] = [
    1_000, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000, 14_000, 16_000,
];

/// SIPp as the called side.
struct Reference {
    running: Running,
    address: SocketAddr,
}

impl Reference {
    fn start() -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(find("sipp")?);
        command
            .args(["-nostdin", "-sn", "uas", "-i", &LOOPBACK.to_string()])
            .args(["-p", &port.to_string(), "-buff_size", "8388608"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let running = Running::start(&mut command)?;
        wait_for_port(Socket::Udp, port, Duration::from_secs(10))?;
        Ok(Self {
            running,
            address: SocketAddr::new(LOOPBACK, port),
        })
    }
}

/// CPU of a call that needs no application, and of the same call with SIPp as the called side.
pub(crate) fn signalling(server: &Server, seconds: u32) -> Result<Vec<Row>> {
    let reference = Reference::start()?;
    server.add_tenant(DOMAIN)?;
    // The first calls pay for memory and caches.
    load(EASY_RATE, 1).run("drill-answer", server.udp)?;
    load(EASY_RATE, 1).run("drill-answer", reference.address)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // In turns, so that what else the machine does falls on both.
    for _ in 0..3 {
        ours.push(cpu_per_call(server.id(), server.udp, seconds)?);
        theirs.push(cpu_per_call(
            reference.running.id(),
            reference.address,
            seconds,
        )?);
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let note = format!("{EASY_RATE} calls/s, median of 3");
    Ok(vec![
        Row::new("signalling only: CPU per call", ours, "µs").note(note.clone()),
        Row::new("sipp -sn uas: CPU per call", theirs, "µs").note(note),
        Row::new("signalling only, against sipp -sn uas", ours / theirs, "×").at_most(1.3),
    ])
}

/// The highest rate at which nothing is repeated and nothing fails, for us and for SIPp.
pub(crate) fn highest_rate(server: &Server, seconds: u32) -> Result<Vec<Row>> {
    server.add_tenant(DOMAIN)?;
    let reference = Reference::start()?;
    let (theirs, their_story) = climb(reference.address, seconds)?;
    let (ours, our_story) = climb(server.udp, seconds)?;
    Ok(vec![
        Row::new(
            "signalling only: highest clean rate, one shard",
            ours,
            "calls/s",
        )
        .at_least(theirs.min(8_000.0))
        .note(our_story),
        Row::new("sipp -sn uas: highest clean rate", theirs, "calls/s")
            .note(format!("the generator's own limit; {their_story}")),
    ])
}

/// Raises the rate until it is no longer clean; the last clean rate, and how the first other went.
fn climb(target: SocketAddr, seconds: u32) -> Result<(f64, String)> {
    let mut highest = 0.0;
    for rate in STEPS {
        let outcome = load(rate, seconds).run("drill-answer", target)?;
        let is_on_time = outcome.rate >= f64::from(rate) * 0.9;
        if !outcome.is_clean() || !is_on_time {
            let story = format!(
                "at {rate}: {:.0} calls/s, {} repeated, {} failed",
                outcome.rate, outcome.retransmissions, outcome.failed
            );
            return Ok((highest, story));
        }
        highest = f64::from(rate);
    }
    Ok((highest, "no step failed".to_owned()))
}

/// CPU and delay of a call that an application rings, answers and hears the end of.
pub(crate) fn controlled(server: &Server, mode: Mode, rate: u32, seconds: u32) -> Result<Vec<Row>> {
    let ended = answering(server, mode)?;
    let warm_up = load(rate, 1).run("1001", server.udp)?;
    ensure!(warm_up.succeeded > 0, "no call succeeded: {}", server.log());
    wait_for(&ended, warm_up.succeeded)?;
    let before = cpu_time(server.id())?;
    let timed = Load {
        is_timed: true,
        ..load(rate, seconds)
    };
    let outcome = timed.run("1001", server.udp)?;
    wait_for(&ended, warm_up.succeeded + outcome.succeeded)?;
    let cpu = micros_per_call(cpu_time(server.id())? - before, &outcome);
    let how = match mode {
        Mode::Commands => "two REST commands",
        Mode::Reply => "answered in the reply",
    };
    let note = format!(
        "{rate}/s; {} repeated, {} failed",
        outcome.retransmissions, outcome.failed
    );
    let named = |what: &str| format!("application-controlled, {how}: {what}");
    Ok(vec![
        Row::new(&named("CPU per call"), cpu, "µs")
            .at_most(200.0)
            .note(note),
        Row::new(&named("p50 INVITE to 200"), outcome.percentile(0.5), "ms"),
        Row::new(&named("p99 INVITE to 200"), outcome.percentile(0.99), "ms").at_most(10.0),
    ])
}

/// Memory of a call that is up and silent.
pub(crate) fn held(server: &Server, calls: u32) -> Result<Vec<Row>> {
    const RATE: u32 = 2_000;
    server.add_tenant(DOMAIN)?;
    load(RATE / 4, 1).run("drill-answer", server.udp)?;
    let before = resident_kib(server.id())?;
    let filling = Duration::from_secs(u64::from(calls / RATE));
    let load = Load {
        scenario: CALL,
        rate: RATE,
        calls,
        held: filling + Duration::from_secs(15),
        is_timed: false,
    };
    let mut generator = load.start("drill-answer", server.udp)?;
    let deadline = Instant::now() + filling + Duration::from_secs(12);
    while calls_held(generator.folder()).unwrap_or_default() < calls {
        ensure!(
            Instant::now() < deadline,
            "SIPp did not reach {calls} calls"
        );
        thread::sleep(Duration::from_millis(100));
    }
    let resident = resident_kib(server.id())?;
    generator.wait()?;
    let per_call = kib_per_call(resident.saturating_sub(before), calls);
    Ok(vec![
        Row::new("memory per held call", per_call, "KiB")
            .at_most(6.0)
            .note(format!("{calls} held; VmRSS {before} → {resident} KiB")),
    ])
}

fn load(rate: u32, seconds: u32) -> Load {
    Load {
        scenario: CALL,
        rate,
        calls: rate * seconds,
        held: Duration::ZERO,
        is_timed: false,
    }
}

fn cpu_per_call(process: u32, target: SocketAddr, seconds: u32) -> Result<f64> {
    let before = cpu_time(process)?;
    let outcome = load(EASY_RATE, seconds).run("drill-answer", target)?;
    ensure!(outcome.succeeded > 0, "no call succeeded");
    Ok(micros_per_call(cpu_time(process)? - before, &outcome))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
fn micros_per_call(cpu: Duration, outcome: &Outcome) -> f64 {
    cpu.as_secs_f64() * 1e6 / outcome.succeeded as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "KiB of a process are far below 2^52"
)]
pub(super) fn kib_per_call(kib: u64, calls: u32) -> f64 {
    kib as f64 / f64::from(calls)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Waits until the application has heard of the end of that many calls.
pub(super) fn wait_for(ended: &AtomicU64, calls: u64) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while ended.load(Ordering::Relaxed) < calls {
        if Instant::now() > deadline {
            let heard = ended.load(Ordering::Relaxed);
            bail!("the application heard of {heard} ends, expected {calls}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
