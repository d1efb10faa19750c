//! SIPp as the generator of load, and what its statistics say afterwards.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hookswitch_rig::sipp::{Call, Sipp, Transport};

/// The tenant that is called.
pub(crate) const DOMAIN: &str = "bench.test";

/// One call, from INVITE to BYE.
pub(crate) const CALL: &str = "call.xml";
/// The same, where 503 is an answer too.
pub(crate) const CALL_OR_503: &str = "call_or_503.xml";
/// A call held for two refreshes of its session.
pub(crate) const REFRESHED: &str = "refreshed.xml";

/// Where SIPp writes one line for each message.
const MESSAGES: &str = "messages.tsv";

/// What a load is made of.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// What SIPp does: one of the scenarios above.
    pub(crate) scenario: &'static str,
    /// Calls started each second.
    pub(crate) rate: u32,
    /// Calls in all.
    pub(crate) calls: u32,
    /// How long each call is held.
    pub(crate) held: Duration,
    /// Whether the time from INVITE to 200 is taken, which costs the generator something.
    pub(crate) is_timed: bool,
}

/// What SIPp counted.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) succeeded: u64,
    /// The scenario's own two counters.
    pub(crate) counters: [u64; 2],
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
        let timing: &[&str] = if self.is_timed {
            &["-trace_shortmsg", "-shortmessage_file", MESSAGES]
        } else {
            &[]
        };
        Sipp::scenario(folder().join(self.scenario), Transport::Udp)
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
            .with(timing)
            .call(user, target)
    }
}

/// How many calls that SIPp holds right now, by its own statistics.
pub(crate) fn calls_held(folder: &Path) -> Option<u32> {
    let statistics = std::fs::read_to_string(folder.join("statistics")).ok()?;
    column(&statistics, "CurrentCall")?.parse().ok()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench")
}

pub(crate) fn read(folder: &Path) -> Result<Outcome> {
    let statistics = std::fs::read_to_string(folder.join("statistics"))?;
    let number = |name: &str| -> Result<u64> {
        let value = column(&statistics, name).with_context(|| format!("no {name}"))?;
        Ok(value.parse()?)
    };
    let rate = column(&statistics, "CallRate(C)").context("no CallRate(C)")?;
    let messages = std::fs::read_to_string(folder.join(MESSAGES)).unwrap_or_default();
    Ok(Outcome {
        succeeded: number("SuccessfulCall(C)")?,
        counters: [
            number("GenericCounter1(C)").unwrap_or_default(),
            number("GenericCounter2(C)").unwrap_or_default(),
        ],
        failed: number("FailedCall(C)")?,
        retransmissions: number("Retransmissions(C)")?,
        rate: rate.parse()?,
        answered_in: response_times(&messages),
    })
}

/// The newest value of a column of SIPp's statistics.
fn column<'s>(statistics: &'s str, name: &str) -> Option<&'s str> {
    let mut lines = statistics.lines();
    let at = lines.next()?.split(';').position(|title| title == name)?;
    lines.next_back()?.split(';').nth(at)
}

/// INVITE to 200 of each call, by the microseconds SIPp writes beside each message. Its own response
/// times come from a clock that ticks every 4 ms.
fn response_times(messages: &str) -> Vec<f64> {
    let mut invited = HashMap::new();
    let mut times = Vec::new();
    for line in messages.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [_, _, seconds, _, call, "CSeq:1 INVITE", start] = columns[..] else {
            continue;
        };
        let Ok(at) = seconds.parse::<f64>() else {
            continue;
        };
        if start.starts_with("INVITE") {
            invited.entry(call).or_insert(at);
        } else if start.starts_with("SIP/2.0 200")
            && let Some(began) = invited.remove(call)
        {
            times.push((at - began) * 1e3);
        }
    }
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

    /// The messages of a call, as SIPp writes them down.
    fn call_answered_in(millis: u32) -> String {
        let line = |offset: u32, start: &str| {
            format!(
                "2026-11-21\t06:56:17\t100.{offset:03}000\tS\t{millis}-7\tCSeq:1 INVITE\t{start}\n"
            )
        };
        let invite = line(0, "INVITE sip:a@b SIP/2.0");
        let ringing = line(0, "SIP/2.0 180 Ringing");
        invite + &ringing + &line(millis, "SIP/2.0 200 OK")
    }

    #[test]
    fn the_99th_percentile_is_the_slowest_but_one_of_a_hundred() {
        let messages: String = (1..=100).map(call_answered_in).collect();
        let answered_in = response_times(&messages);
        let outcome = Outcome {
            answered_in,
            ..Outcome::default()
        };
        assert!((outcome.percentile(0.99) - 99.0).abs() < 0.01);
        assert!((outcome.percentile(0.5) - 50.0).abs() < 0.01);
    }
}
