//! Strangers who call 4,000 times a second: a good peer must not notice, and memory must not either.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hookswitch_rig::server::Server;
use hookswitch_rig::strangers::{Strangers, options_round_trips};

use super::load::DOMAIN;
use super::process;
use super::report::Row;

/// INVITEs a second.
const RATE: u32 = 4_000;
/// Addresses they come from: each is refused for a while before it is silenced.
const ADDRESSES: u16 = 512;
/// How often the good peer asks.
const EVERY: Duration = Duration::from_millis(10);

/// Delay of a good peer's OPTIONS and memory, before and while strangers call.
pub(crate) fn flood(program: &Path, seconds: u32) -> Result<Vec<Row>> {
    let options = ["--log", "warn", "--sip-allow", "127.0.0.1/32"];
    let server = Server::start_among_strangers(program, &options)?;
    server.add_tenant(DOMAIN)?;
    let (target, lasting) = (server.udp, Duration::from_secs(u64::from(seconds.max(4))));
    // The first look at everything takes its memory for good.
    let strangers = Strangers::at(target, DOMAIN, ADDRESSES)?;
    strangers.call(RATE, Duration::from_secs(2))?;
    let before = process::resident_kib(server.id())?;
    let cpu = process::cpu_time(server.id())?;
    let peer = thread::spawn(move || options_round_trips(target, EVERY, lasting));
    let heard = strangers.call(RATE, lasting)?;
    let took = peer.join().ok().context("the good peer panicked")??;
    let cpu = process::cpu_time(server.id())?.saturating_sub(cpu);
    let after = process::resident_kib(server.id())?;
    let p99 = took
        .get((took.len() * 99 / 100).saturating_sub(1))
        .context("no OPTIONS was sent")?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "thousands of messages and millions of KiB at most"
    )]
    let (sent, grown) = (heard.sent as f64, after as f64 - before as f64);
    let note = format!(
        "{} INVITEs from {ADDRESSES} addresses, {} answers; {before} KiB before, {after} KiB after",
        heard.sent, heard.answered
    );
    Ok(vec![
        Row::new(
            "strangers: a good peer's OPTIONS, p99",
            p99.as_secs_f64() * 1e3,
            "ms",
        )
        .at_most(5.0)
        .note(note),
        Row::new("strangers: memory grown meanwhile", grown, "KiB").at_most(4_096.0),
        Row::new(
            "strangers: CPU of one of their INVITEs",
            cpu.as_secs_f64() * 1e6 / sent,
            "µs",
        ),
    ])
}
