//! The options of `demo`.

use clap::Args;

/// What `--help` says below the options.
pub(super) const HELP: &str = "\
Starts everything on free loopback ports and a temporary folder: the server, a device application
that checks the callbacks' signatures, and a SIP phone. Makes one inbound and one outbound call,
prints their ladder as it happens, and ends with what to try next.";

/// The options of `demo`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct DemoOptions {
    /// Keep running after the calls, to try the printed curl commands
    #[arg(long)]
    pub stay: bool,
}
