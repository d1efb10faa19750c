//! The program as the world sees it: real sockets, SIPp, baresip, Kamailio, curl, bad webhooks.
//!
//! Each test starts `hookswitch serve` for itself on free ports of loopback. What takes minutes of
//! protocol time belongs to the simulator; what a real peer could disagree with belongs here.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own ground may panic like the test"
)]

/// Runs each scenario once over UDP and once over TCP.
macro_rules! over_udp_and_tcp {
    ($($scenario:ident),+ $(,)?) => {
        mod udp {
            $(#[test] fn $scenario() { super::$scenario(hookswitch_rig::sipp::Transport::Udp); })+
        }
        mod tcp {
            $(#[test] fn $scenario() { super::$scenario(hookswitch_rig::sipp::Transport::Tcp); })+
        }
    };
}

mod baresip;
mod bulk;
mod called;
mod calling;
mod clients;
mod clock;
mod crash;
mod curl;
mod deliveries;
mod demo;
mod disk;
mod drain;
mod endpoints;
mod events;
mod flood;
mod in_dialog;
mod kamailio;
mod lifecycle;
mod logs;
mod nodes;
mod notifications;
mod relay;
mod reliability;
mod restart;
mod streams;
mod trunks;
mod webhooks;
mod world;
