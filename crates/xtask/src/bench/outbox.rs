//! A customer who was away comes back to a full outbox, while another one's calls go on.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hookswitch_rig::application::{Answer, Application, Callback};
use hookswitch_rig::server::Server;
use serde_json::json;

use super::application::{Mode, answering};
use super::load::{CALL, Load, Outcome};
use super::process::{behind_others, resident_kib};
use super::report::Row;
use crate::workspace;

/// The tenant that was away.
const AWAY: &str = "away.test";
/// Live calls a second beside the catch-up.
const LIVE_RATE: u32 = 50;
/// How long the catch-up may take before it counts as stuck without progress.
const STUCK: Duration = Duration::from_secs(60);

/// Events a second to a fast endpoint, and what live calls feel of it.
pub(crate) fn catch_up(server: &mut Server, events: u64) -> Result<Vec<Row>> {
    answering(server, Mode::Reply)?;
    let away = server.add_tenant(AWAY)?;
    let heard = Arc::new(AtomicU64::new(0));
    let is_back = Arc::new(AtomicBool::new(false));
    let application = Application::start_forgetful({
        let (heard, is_back) = (Arc::clone(&heard), Arc::clone(&is_back));
        move |_: &Callback| {
            if !is_back.load(Ordering::Relaxed) {
                return Answer::Json(503, json!({}));
            }
            behind_others();
            heard.fetch_add(1, Ordering::Relaxed);
            Answer::ok()
        }
    })?;
    let service = away.add_service(&application.base_url(), &json!({}))?;
    load(1).run("1001", server.udp)?;
    let quiet = load(10).run("1001", server.udp)?;

    server.kill()?;
    fill(server, &service, events)?;
    server.start_again()?;
    let began = Instant::now();
    is_back.store(true, Ordering::Relaxed);
    let (busy, took, most) = thread::scope(|scope| -> Result<_> {
        let calls = scope.spawn(|| load(30).run("1001", server.udp));
        let (took, most) = wait_for(server, &heard, events, began)?;
        Ok((calls.join().expect("the load does not panic")?, took, most))
    })?;
    let heard = heard.load(Ordering::Relaxed);
    let rate = count(events) / took.as_secs_f64();
    let named = |what: &str| format!("catch-up of {events} events: {what}");
    Ok(vec![
        Row::new(&named("rate"), rate, "events/s")
            .at_least(10_000.0)
            .note(format!(
                "{:.0} s from the ready line; {} came twice",
                took.as_secs_f64(),
                heard.saturating_sub(events)
            )),
        Row::new(&named("memory at most"), count(most) / 1024.0, "MiB"),
        Row::new(
            &named("live calls' p99 without it"),
            quiet.percentile(0.99),
            "ms",
        ),
        Row::new(
            &named("live calls' p99 meanwhile"),
            busy.percentile(0.99),
            "ms",
        )
        .note(format!("{LIVE_RATE}/s; {}", story(&busy))),
    ])
}

fn story(outcome: &Outcome) -> String {
    format!(
        "{} answered, {} failed, {} repeated",
        outcome.succeeded, outcome.failed, outcome.retransmissions
    )
}

/// Until all are heard: how long that took, and the most memory meanwhile in KiB.
fn wait_for(
    server: &Server,
    heard: &AtomicU64,
    events: u64,
    began: Instant,
) -> Result<(Duration, u64)> {
    let (mut before, mut moved, mut most) = (0, Instant::now(), 0);
    loop {
        let now = heard.load(Ordering::Relaxed);
        most = most.max(resident_kib(server.id())?);
        if now >= events {
            return Ok((began.elapsed(), most));
        }
        if now > before {
            (before, moved) = (now, Instant::now());
        }
        ensure!(moved.elapsed() < STUCK, "stuck at {now}: {}", server.log());
        thread::sleep(Duration::from_millis(50));
    }
}

/// Writes the events into the stopped server's database.
fn fill(server: &Server, service: &str, events: u64) -> Result<()> {
    let folder = server.folder().join("data");
    let mut command: Command = workspace::cargo(&["run", "--quiet", "--release", "--locked"]);
    let status = command
        .args([
            "--package",
            "hookswitch-store",
            "--example",
            "fill_outbox",
            "--",
        ])
        .arg(&folder)
        .args([AWAY, service, &events.to_string()])
        .status()
        .context("cargo run --example fill_outbox")?;
    ensure!(status.success(), "fill_outbox failed");
    Ok(())
}

fn load(seconds: u32) -> Load {
    Load {
        scenario: CALL,
        rate: LIVE_RATE,
        calls: LIVE_RATE * seconds,
        held: Duration::ZERO,
        is_timed: true,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
