//! Whatever happens, and wherever the crash comes: both sides are released, and every leg is settled once.

use hookswitch_sip::event::{CommandRefused, Commit, Rejection};
use proptest::prelude::*;

use crate::support::{Link, Phone, SDP, Weather, ms, secs};

#[derive(Clone, Copy, Debug)]
enum Act {
    Rings(bool),
    Accepts,
    Rejects,
    Cancels,
    Reinvites(bool),
    Ends(bool),
    Restarts(bool, u16),
    Breaks,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => any::<bool>().prop_map(Act::Rings),
        4 => Just(Act::Accepts),
        1 => Just(Act::Rejects),
        1 => Just(Act::Cancels),
        2 => any::<bool>().prop_map(Act::Reinvites),
        2 => any::<bool>().prop_map(Act::Ends),
        4 => (any::<bool>(), 0..3_000_u16).prop_map(|(alice, down)| Act::Restarts(alice, down)),
        1 => Just(Act::Breaks),
    ]
}

fn weather() -> impl Strategy<Value = Weather> {
    let copies = prop_oneof![2 => Just(0_u8), 6 => Just(1), 1 => Just(2)];
    let delay = prop_oneof![3 => 1..100_u64, 1 => 100..3_000_u64];
    (copies, delay).prop_map(|(copies, delay)| Weather {
        copies,
        delay: ms(delay),
    })
}

/// The command may be out of place; that is part of the game.
fn refused(_: Result<(), CommandRefused>) {}

fn gives_up(phone: &Phone) {
    for leg in phone.known() {
        phone.does(|agent, now| {
            agent.release(now, leg, Commit(0));
            refused(agent.reject(now, leg, &Rejection::new(480)));
            refused(agent.cancel(now, leg, None));
            refused(agent.end(now, leg, None));
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn wherever_the_crash_comes_both_sides_are_released_and_settled_once(
        weather in prop::collection::vec(weather(), 0..40),
        tcp in any::<bool>(),
        offer in prop::bool::weighted(0.9),
        acts in prop::collection::vec((0..2_500_u64, act()), 1..10),
    ) {
        let link = Link::new();
        let (alice, bob) = (link.phone("alice"), link.phone("bob"));
        if !tcp {
            link.has_weather(weather);
        }
        let target = format!("{}{}", bob.uri(), if tcp { ";transport=tcp" } else { "" });
        let call = alice.calls_uri(&target, offer.then_some(SDP));
        for (pause, act) in acts {
            link.runs(ms(pause));
            let leg = bob.last_offered();
            match (act, leg) {
                (Act::Rings(reliable), Some(leg)) => {
                    let body = reliable.then_some(SDP);
                    refused(bob.does(|agent, now| agent.ring(now, leg, 183, body)));
                }
                (Act::Accepts, Some(leg)) => {
                    refused(bob.does(|agent, now| agent.accept(now, leg, SDP, Commit(0))));
                    link.runs(ms(30));
                    refused(alice.does(|agent, _| agent.acknowledge(call, SDP)));
                }
                (Act::Rejects, Some(leg)) => {
                    refused(bob.does(|agent, now| agent.reject(now, leg, &Rejection::new(486))));
                }
                (Act::Cancels, _) => refused(alice.does(|agent, now| agent.cancel(now, call, None))),
                (Act::Reinvites(true), _) => refused(alice.reinvites(call)),
                (Act::Reinvites(false), Some(leg)) => refused(bob.reinvites(leg)),
                (Act::Ends(true), _) => refused(alice.does(|agent, now| agent.end(now, call, None))),
                (Act::Ends(false), Some(leg)) => {
                    refused(bob.does(|agent, now| agent.end(now, leg, None)));
                }
                (Act::Restarts(caller, down), _) => {
                    let phone = if caller { &alice } else { &bob };
                    phone.crashes();
                    link.runs(ms(down.into()));
                    phone.restarts();
                }
                (Act::Breaks, _) => link.breaks_connections(),
                _ => {}
            }
        }
        link.runs(secs(40));
        // Bob does no more than refuse what he never answered: alice's end reaches him, or the refresh does.
        for _ in 0..2 {
            gives_up(&alice);
            for leg in bob.known() {
                refused(bob.does(|agent, now| agent.reject(now, leg, &Rejection::new(480))));
            }
            link.runs(secs(200));
        }
        link.is_quiet_after(secs(1_500));
        for phone in [&alice, &bob] {
            let mut settled = phone.settled();
            settled.sort_unstable();
            prop_assert_eq!(settled, phone.known());
            prop_assert_eq!(phone.saved().len(), 0);
        }
    }
}
