//! What cannot be taken up says why and leaves nothing behind; sockets may stand in another order.

use hookswitch_sip::event::{Commit, EventKind, LegId, Rejection};
use hookswitch_sip::flow::Transport;
use hookswitch_sip::time::Now;
use hookswitch_sip::user_agent::{Config, LegSnapshot, Listener, RestoreError, Timing, UserAgent};

use crate::support::{Link, Phone, SDP, ms, secs};

/// A later run, whose sockets are these.
fn run(transports: &[Transport]) -> UserAgent {
    let listener = |transport: &Transport| Listener {
        transport: *transport,
        advertised: "192.0.2.9:5060".parse().unwrap(),
    };
    UserAgent::new(Config {
        key: [99; 16],
        listeners: transports.iter().map(listener).collect(),
        product: "later".to_owned(),
        session_expires: secs(600),
        min_session_expires: secs(90),
        timing: Timing::default(),
    })
}

fn snapshot(phone: &Phone, leg: LegId) -> (Now, LegSnapshot) {
    phone.does(|agent, now| (now, agent.snapshot(now, leg).unwrap()))
}

/// Alice calls bob, who picks up.
fn in_call(transport: &str) -> (Phone, LegId) {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    alice.calls_uri(&format!("{}{transport}", bob.uri()), Some(SDP));
    link.runs(ms(100));
    let leg = bob.offered();
    (bob, leg)
}

fn is_empty(agent: &UserAgent) -> bool {
    let census = agent.census();
    census.legs + census.transactions + census.leaving == 0
}

#[test]
fn a_leg_goes_by_its_transport_wherever_that_socket_stands_now() {
    for (transport, place) in [("", 1), (";transport=tcp", 0)] {
        let (bob, leg) = in_call(transport);
        let (now, snapshot) = snapshot(&bob, leg);
        let mut later = run(&[Transport::Tcp, Transport::Udp]);
        assert_eq!(later.restore(now, snapshot, Commit(0)), Ok(leg));
        let flow = later.leg(leg).unwrap().flow;
        assert_eq!((flow.listener, flow.connection), (place, 0));
    }
}

#[test]
fn a_leg_whose_transport_has_no_socket_any_more_is_not_taken_up() {
    let (bob, leg) = in_call("");
    let (now, snapshot) = snapshot(&bob, leg);
    let mut later = run(&[Transport::Tcp]);
    let error = later.restore(now, snapshot, Commit(0));
    assert_eq!(error, Err(RestoreError::NoListener(Transport::Udp)));
    assert!(is_empty(&later));
}

#[test]
fn a_leg_is_taken_up_once() {
    let (bob, leg) = in_call("");
    let (now, snapshot) = snapshot(&bob, leg);
    let mut later = run(&[Transport::Udp]);
    assert_eq!(later.restore(now, snapshot.clone(), Commit(0)), Ok(leg));
    let again = later.restore(now, snapshot, Commit(0));
    assert_eq!(again, Err(RestoreError::Taken));
    assert_eq!(later.census().legs, 1);
}

#[test]
fn a_stored_invite_that_reads_as_none_is_damaged() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(100));
    for (phone, leg) in [(&alice, call), (&bob, bob.offered())] {
        let (now, snapshot) = snapshot(phone, leg);
        let mut stored = postcard::to_allocvec(&snapshot).unwrap();
        let invite = b"INVITE sip:";
        let at = stored
            .windows(invite.len())
            .position(|found| found == invite)
            .expect("the INVITE is stored as it was");
        stored[at..at + invite.len()].fill(b' ');
        let damaged: LegSnapshot = postcard::from_bytes(&stored).unwrap();
        let mut later = run(&[Transport::Udp]);
        let error = later.restore(now, damaged, Commit(0));
        assert_eq!(error, Err(RestoreError::Damaged));
        assert!(is_empty(&later) && later.poll_output().is_none());
    }
}

#[test]
fn a_challenge_that_came_during_the_downtime_ends_the_call() {
    let link = Link::new();
    let (alice, bob) = (link.phone("alice"), link.phone("bob"));
    let call = alice.calls(&bob);
    link.runs(ms(100));
    alice.crashes();
    let leg = bob.offered();
    bob.does(|agent, now| agent.reject(now, leg, &Rejection::new(407)))
        .unwrap();
    link.runs(secs(1));
    alice.restarts();
    link.runs(secs(5));
    let heard = alice.heard();
    assert!(
        matches!(heard[..], [EventKind::Rejected { status: 407, .. }]),
        "{heard:?}"
    );
    assert_eq!(alice.settled(), [call]);
    assert_eq!(bob.settled(), [leg], "its 407 has its ACK");
    link.is_quiet_after(secs(40));
}
