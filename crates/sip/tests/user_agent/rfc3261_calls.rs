//! Calls from INVITE to BYE (RFC 3261 §13–§15, in the manner of RFC 3665).

use hookswitch_sip::event::EventKind;
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, SDP, header, ms, secs};

#[test]
fn a_call_is_answered_and_ended_by_the_caller() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(100));
    bob.rings(bob.offered());
    link.runs(ms(100));
    bob.answers(bob.offered());
    link.runs(ms(100));
    alice.hangs_up(call);
    link.runs(ms(100));
    assert_eq!(
        link.ladder(),
        [
            "alice→bob INVITE",
            "bob→alice 100 INVITE",
            "bob→alice 180 INVITE",
            "bob→alice 200 INVITE",
            "alice→bob ACK",
            "alice→bob BYE",
            "bob→alice 200 BYE",
        ]
    );
    assert_eq!(
        alice.heard(),
        [EventKind::Progress { status: 180 }, EventKind::Answered]
    );
    assert_eq!(
        bob.heard(),
        [EventKind::Offered, EventKind::Confirmed, EventKind::Ended]
    );
    link.runs(secs(33));
    assert_eq!(alice.census(), Default::default());
    assert_eq!(bob.census(), Default::default());
}
