//! A server killed with calls up, and started again: how soon it is ready, and whether the calls are there.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hookswitch_rig::server::Server;

use super::application::{Mode, answering};
use super::load::{Load, REFRESHED, calls_held, read};
use super::report::Row;

/// Calls a second while the house fills.
const RATE: u32 = 400;

/// From the start of the process to its ready line with that many confirmed calls.
pub(crate) fn ready(server: &mut Server, calls: u32) -> Result<Vec<Row>> {
    let ended = answering(server, Mode::Reply)?;
    let filling = Duration::from_secs(u64::from(calls / RATE));
    let mut generator = Load {
        scenario: REFRESHED,
        rate: RATE,
        calls,
        // A restored call is refreshed within a minute, and hung up then.
        held: filling + Duration::from_secs(90),
        is_timed: false,
    }
    .start("1001", server.udp)?;
    let deadline = Instant::now() + filling + Duration::from_secs(15);
    while calls_held(generator.folder()).unwrap_or_default() < calls {
        ensure!(
            Instant::now() < deadline,
            "SIPp did not reach {calls} calls"
        );
        thread::sleep(Duration::from_millis(100));
    }
    // The last of them still exchange their first messages.
    thread::sleep(Duration::from_secs(2));
    server.kill()?;
    let began = Instant::now();
    server.start_again()?;
    let took = began.elapsed();
    generator.wait()?;
    let outcome = read(generator.folder())?;
    super::calls::wait_for(&ended, outcome.succeeded)?;
    Ok(vec![
        Row::new(
            &format!("restart with {calls} confirmed calls: ready after"),
            took.as_secs_f64(),
            "s",
        )
        .at_most(1.0)
        .note(format!(
            "kill -9; then {} refreshed, {} hung up well, {} failed",
            outcome.counters[0], outcome.succeeded, outcome.failed
        )),
    ])
}
