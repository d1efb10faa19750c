//! The program ends itself at each of its fail points, in an inbound and in an outbound call, and is started again.
//!
//! Whatever the place: every call ends in one terminal event, nothing told before is told otherwise, and no phone rings
//! or talks on.

mod play;

use hookswitch_rig::sipp::Transport;
use play::Play;

/// A test for each fail point over UDP and over TCP: the crash comes at each of so many passings of it in turn, every
/// time in a world of its own.
macro_rules! crashes {
    ($plays:ident: $($point:ident $times:literal),+ $(,)?) => {
        mod udp {
            $(#[test] fn $point() { super::$plays(hookswitch_rig::sipp::Transport::Udp, stringify!($point), $times); })+
        }
        mod tcp {
            $(#[test] fn $point() { super::$plays(hookswitch_rig::sipp::Transport::Tcp, stringify!($point), $times); })+
        }
    };
}

mod inbound {
    use super::inbound;
    crashes!(inbound: before_commit 4, after_commit 4, before_send 4, after_send 4, before_ask 1, after_ask 1,
        before_tell 2, after_tell 2, before_reply 1, after_reply 1);
}

mod outbound {
    use super::outbound;
    crashes!(outbound: before_commit 4, after_commit 4, before_send 3, after_send 3, before_tell 3, after_tell 3,
        before_reply 2, after_reply 2);
}

fn inbound(transport: Transport, point: &str, times: u32) {
    each(point, times, |point| {
        let mut play = Play::of_an_answering_application(transport, point);
        play.phone_calls();
        play.is_hung_up_when_answered();
        play.is_over();
    });
}

fn outbound(transport: Transport, point: &str, times: u32) {
    each(point, times, |point| {
        let mut play = Play::of_a_silent_application(transport, point);
        play.application_calls();
        play.is_hung_up_when_answered();
        play.is_over();
    });
}

#[test]
fn a_fault_in_a_shard_ends_the_program_and_its_next_start_takes_the_calls_up() {
    let mut play = Play::of_an_answering_application(Transport::Udp, "after_commit:2:panic");
    play.phone_calls();
    play.is_hung_up_when_answered();
    play.is_over();
    assert!(
        play.log().contains("a fault of this program"),
        "{}",
        play.log()
    );
}

/// Plays once for each passing of the point, all at the same time.
fn each(point: &str, times: u32, plays: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for time in 1..=times {
            let (point, plays) = (format!("{point}:{time}"), &plays);
            scope.spawn(move || plays(&point));
        }
    });
}
