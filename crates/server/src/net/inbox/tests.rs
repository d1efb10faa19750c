//! Order, age and room of the lanes.

use hookswitch_sip::flow::Transport;

use super::*;

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: 0,
        peer: "192.0.2.1:5060".parse().unwrap(),
        connection: 0,
    }
}

fn message(kind: Kind, at: Instant) -> Arrival {
    Arrival::Message(Received {
        flow: flow(),
        bytes: Bytes::from_static(b"x"),
        at,
        kind,
    })
}

fn kinds(arrivals: &[Arrival]) -> Vec<Kind> {
    let kind = |arrival: &Arrival| match arrival {
        Arrival::Message(received) => Some(received.kind),
        Arrival::FlowFailed(_) => None,
    };
    arrivals.iter().filter_map(kind).collect()
}

const NEW: Kind = Kind::NewCall(None);

/// What there is for an INVITE nobody knows that comes now.
fn arrives(inbox: &Inbox, now: Instant) -> Newcomer {
    inbox.newcomer(None, now, now)
}

#[tokio::test]
async fn what_belongs_to_calls_goes_first_and_new_ones_keep_a_share() {
    let (inbox, mut arrivals) = inbox(64);
    let now = Instant::now();
    for _ in 0..10 {
        inbox.put(message(NEW, now), now).unwrap();
        inbox.put(message(Kind::Inside, now), now).unwrap();
    }
    let mut taken = Vec::new();
    assert_eq!(arrivals.recv_many(&mut taken, 8).await, 8);
    assert_eq!(
        kinds(&taken),
        [[Kind::Inside; 7].as_slice(), &[NEW]].concat()
    );
    taken.clear();
    arrivals.recv_many(&mut taken, 64).await;
    assert_eq!(
        kinds(&taken),
        [[Kind::Inside; 3].as_slice(), &[NEW; 9]].concat()
    );
}

#[tokio::test]
async fn a_full_lane_takes_no_more_and_leaves_the_other_alone() {
    let (inbox, mut arrivals) = inbox(2);
    let now = Instant::now();
    for _ in 0..2 {
        inbox.put(message(NEW, now), now).unwrap();
    }
    assert_eq!(arrives(&inbox, now), Newcomer::Full);
    assert!(inbox.put(message(NEW, now), now).is_err());
    assert!(inbox.put(message(Kind::Inside, now), now).is_ok());
    assert!(inbox.put(message(Kind::Inside, now), now).is_ok());
    assert!(inbox.put(message(Kind::Inside, now), now).is_err());
    assert!(
        inbox.put(Arrival::FlowFailed(flow()), now).is_ok(),
        "a broken way is always told"
    );
    let mut taken = Vec::new();
    assert_eq!(arrivals.recv_many(&mut taken, 64).await, 5);
}

#[tokio::test]
async fn a_stream_waits_for_room_and_goes_on_when_there_is_some() {
    let (inbox, mut arrivals) = inbox(1);
    let now = Instant::now();
    inbox.put(message(Kind::Inside, now), now).unwrap();
    let mut patient = by_hand(inbox.put_patiently(message(Kind::Inside, now), now));
    assert!(patient.poll().is_pending());
    let mut taken = Vec::new();
    arrivals.recv_many(&mut taken, 1).await;
    assert!(patient.poll().is_ready());
    assert_eq!(arrivals.recv_many(&mut taken, 1).await, 1);
}

#[tokio::test]
async fn a_stream_that_closes_while_it_waits_takes_nobodys_place() {
    let (inbox, mut arrivals) = inbox(1);
    let now = Instant::now();
    inbox.put(message(Kind::Inside, now), now).unwrap();
    let mut first = by_hand(inbox.put_patiently(message(Kind::Inside, now), now));
    let mut second = by_hand(inbox.put_patiently(message(Kind::Inside, now), now));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    let mut taken = Vec::new();
    arrivals.recv_many(&mut taken, 1).await;
    drop(first);
    assert!(
        second.poll().is_ready(),
        "the word that there is room is passed on"
    );
}

#[test]
fn a_burst_is_not_late_and_a_queue_that_stands_is() {
    let (inbox, _arrivals) = inbox(64);
    let start = Instant::now();
    let after = |millis| start + Duration::from_millis(millis);
    inbox.put(message(NEW, start), start).unwrap();
    assert_eq!(arrives(&inbox, after(10)), Newcomer::Welcome);
    assert_eq!(
        arrives(&inbox, after(300)),
        Newcomer::Welcome,
        "the first look at a hiccup"
    );
    assert_eq!(arrives(&inbox, after(399)), Newcomer::Welcome);
    assert_eq!(
        arrives(&inbox, after(400)),
        Newcomer::Late,
        "100 ms of nothing but old messages"
    );
}

#[test]
fn a_late_shard_takes_newcomers_again_once_its_messages_are_young() {
    let (inbox, mut arrivals) = inbox(64);
    let start = Instant::now();
    let after = |millis| start + Duration::from_millis(millis);
    inbox.put(message(NEW, start), start).unwrap();
    for millis in (0..=600).step_by(20) {
        arrives(&inbox, after(millis));
    }
    assert_eq!(arrives(&inbox, after(620)), Newcomer::Late);
    arrivals.take(&mut Vec::new(), 1);
    let looks = (620..=5_000).step_by(20);
    let answers: Vec<_> = looks.map(|millis| arrives(&inbox, after(millis))).collect();
    assert!(
        answers[150..]
            .iter()
            .all(|answer| *answer == Newcomer::Welcome),
        "{answers:?}"
    );
}

#[test]
fn what_its_sender_has_repeated_is_stale_unless_it_belongs_to_a_call() {
    let start = Instant::now();
    let later = start + REPEATED + Duration::from_millis(1);
    let of = |kind| match message(kind, start) {
        Arrival::Message(received) => received,
        Arrival::FlowFailed(_) => unreachable!(),
    };
    assert!(!of(NEW).is_stale(start + REPEATED));
    assert!(of(NEW).is_stale(later) && of(Kind::Other).is_stale(later));
    assert!(!of(Kind::Inside).is_stale(later));
}

#[test]
fn copies_of_an_invite_that_waits_keep_it_worth_serving_and_take_no_place() {
    let (inbox, mut arrivals) = inbox(8);
    let start = Instant::now();
    let copied = start + Duration::from_millis(500);
    let served = start + Duration::from_millis(700);
    let invite = Kind::NewCall(Some(7));
    assert_eq!(inbox.newcomer(Some(7), start, start), Newcomer::Welcome);
    inbox.put(message(invite, start), start).unwrap();
    assert_eq!(inbox.newcomer(Some(7), copied, copied), Newcomer::Waiting);
    let mut taken = Vec::new();
    assert_eq!(arrivals.take(&mut taken, 8), 1);
    let [Arrival::Message(received)] = taken.as_slice() else {
        panic!("one message: {taken:?}");
    };
    assert!(!received.is_stale(served), "its sender wants it still");
    assert_eq!(
        inbox.newcomer(Some(7), served, served),
        Newcomer::Welcome,
        "nothing is kept of what was taken"
    );
}

#[test]
fn known_calls_are_remembered_as_long_as_copies_come_and_in_bounded_memory() {
    let (inbox, arrivals) = inbox(1);
    let start = Instant::now();
    arrivals.admitted(7, start);
    let knows = |fingerprint| inbox.newcomer(Some(fingerprint), start, start) == Newcomer::Known;
    assert!(knows(7) && !knows(8));
    arrivals.admitted(8, start + COPIES);
    assert!(knows(7), "at least for 64 T1");
    arrivals.admitted(9, start + COPIES * 2);
    assert!(!knows(7) && knows(8));
    for number in 0..400_000 {
        arrivals.admitted(number, start + COPIES * 2);
    }
    let lanes = inbox.lanes();
    assert!(lanes.known.newer.len() + lanes.known.older.len() <= 2 * MAX_KNOWN);
}

/// A future that is polled by hand.
struct Polled<F>(std::pin::Pin<Box<F>>);

fn by_hand<F: Future>(future: F) -> Polled<F> {
    Polled(Box::pin(future))
}

impl<F: Future> Polled<F> {
    fn poll(&mut self) -> std::task::Poll<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        self.0.as_mut().poll(&mut context)
    }
}

#[test]
fn the_engine_hears_of_an_age_only_when_the_door_is_not_enough() {
    let (inbox, mut arrivals) = inbox(64);
    let start = Instant::now();
    let after = |millis| start + Duration::from_millis(millis);
    let mut taken = Vec::new();
    inbox.put(message(NEW, start), start).unwrap();
    arrivals.take_at(after(400), &mut taken, 1);
    assert_eq!(arrivals.overdue(), Duration::ZERO, "a hiccup");
    inbox.put(message(NEW, after(100)), after(100)).unwrap();
    arrivals.take_at(after(510), &mut taken, 1);
    assert_eq!(arrivals.overdue(), Duration::from_millis(410));
    arrivals.take_at(after(520), &mut taken, 1);
    assert_eq!(arrivals.overdue(), Duration::ZERO, "all is served");
}
