//! SIPp as the generator of load, and what its statistics say afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hookswitch_rig::sipp::{Call, Sipp, Transport};

/// The tenant that is called.
pub(crate) const DOMAIN: &str = "bench.test";

/// What a load is made of.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Calls started each second.
    pub(crate) rate: u32,
    /// Calls in all.
    pub(crate) calls: u32,
    /// How long each call is held.
    pub(crate) held: Duration,
}

/// What SIPp counted.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) retransmissions: u64,
    /// Calls a second over the whole run.
    pub(crate) rate: f64,
    /// INVITE to 200, sorted, in milliseconds.
    pub(crate) answered_in: Vec<f64>,
}

impl Outcome {
    /// No call failed, no message was repeated.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0 && self.retransmissions == 0
    }

    /// The time within which that share of the calls was answered, in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank among at most millions of samples"
        )]
        let rank = (self.answered_in.len() as f64 * share).ceil() as usize;
        let sample = self.answered_in.get(rank.saturating_sub(1));
        sample.copied().unwrap_or(f64::NAN)
    }
}

impl Load {
    /// Calls `user` at `target` until all calls are over or hopeless.
    pub(crate) fn run(self, user: &str, target: SocketAddr) -> Result<Outcome> {
        let mut call = self.start(user, target)?;
        // Calls that fail are counted; a failed call is no failed measurement.
        call.wait()?;
        read(call.folder())
    }

    /// Starts calling `user` at `target`.
    pub(crate) fn start(self, user: &str, target: SocketAddr) -> Result<Call> {
        let busy = Duration::from_secs(u64::from(self.calls / self.rate.max(1)));
        let (rate, held) = (self.rate.to_string(), self.held.as_millis().to_string());
        let concurrent = self.calls.to_string();
        Sipp::scenario(scenario(), Transport::Udp)
            .quiet()
            .calls(self.calls)
            .timeout(busy + self.held + Duration::from_secs(20))
            .key("domain", DOMAIN)
            .with(&["-r", &rate, "-l", &concurrent, "-d", &held])
            .with(&[
                "-buff_size",
                "8388608",
                "-trace_stat",
                "-stf",
                "statistics",
                "-fd",
                "1",
            ])
            .with(&["-trace_rtt", "-rtt_freq", "100"])
            .call(user, target)
    }
}

/// How many calls that SIPp holds right now, by its own statistics.
pub(crate) fn calls_held(folder: &Path) -> Option<u32> {
    let statistics = std::fs::read_to_string(folder.join("statistics")).ok()?;
    column(&statistics, "CurrentCall")?.parse().ok()
}

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/call.xml")
}

fn read(folder: &Path) -> Result<Outcome> {
    let statistics = std::fs::read_to_string(folder.join("statistics"))?;
    let number = |name: &str| -> Result<u64> {
        let value = column(&statistics, name).with_context(|| format!("no {name}"))?;
        Ok(value.parse()?)
    };
    let rate = column(&statistics, "CallRate(C)").context("no CallRate(C)")?;
    let mut answered_in = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with("_rtt.csv") {
            answered_in = response_times(&std::fs::read_to_string(path)?);
        }
    }
    Ok(Outcome {
        succeeded: number("SuccessfulCall(C)")?,
        failed: number("FailedCall(C)")?,
        retransmissions: number("Retransmissions(C)")?,
        rate: rate.parse()?,
        answered_in,
    })
}

/// The newest value of a column of SIPp's statistics.
fn column<'s>(statistics: &'s str, name: &str) -> Option<&'s str> {
    let mut lines = statistics.lines();
    let at = lines.next()?.split(';').position(|title| title == name)?;
    lines.next_back()?.split(';').nth(at)
}

fn response_times(table: &str) -> Vec<f64> {
    let rows = table.lines().skip(1);
    let mut times: Vec<f64> = rows
        .filter_map(|row| row.split(';').nth(1)?.parse().ok())
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

#[cfg(test)]
mod tests {
    use super::{Outcome, column, response_times};

    #[test]
    fn the_last_line_of_the_statistics_counts() {
        let statistics = "A;Retransmissions(C);B;\n1;2;3;\n4;5;6;\n";
        assert_eq!(column(statistics, "Retransmissions(C)"), Some("5"));
        assert_eq!(column(statistics, "C"), None);
    }

    #[test]
    fn the_99th_percentile_is_the_slowest_but_one_of_a_hundred() {
        let rows: String = (1..=100).map(|n| format!("0;{};1\n", 101 - n)).collect();
        let answered_in = response_times(&format!("Date_ms;response_time_ms;rtd_no\n{rows}"));
        let outcome = Outcome {
            answered_in,
            ..Outcome::default()
        };
        assert!((outcome.percentile(0.99) - 99.0).abs() < f64::EPSILON);
        assert!((outcome.percentile(0.5) - 50.0).abs() < f64::EPSILON);
    }
}
