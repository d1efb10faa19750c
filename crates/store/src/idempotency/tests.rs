use super::*;
use crate::Store;
use crate::fixture::store;

fn claimed(store: &Store, fingerprint: &'static [u8], now: u64) -> Claim {
    let (now, expired) = (UnixMicros(now), UnixMicros(now.saturating_sub(100)));
    store
        .write(move |db| claim(db, &request("example.com", fingerprint), now, expired))
        .unwrap()
}

fn request<'a>(domain: &'a str, fingerprint: &'a [u8]) -> Request<'a> {
    Request {
        domain,
        key: "key",
        fingerprint,
        node: "node-1",
    }
}

fn running(since: u64) -> Claim {
    Claim::Running(Unanswered {
        since: UnixMicros(since),
        node: Some("node-1".to_owned()),
        call: None,
    })
}

fn reply() -> Reply {
    Reply {
        status: 200,
        body: "{}".to_owned(),
    }
}

#[test]
fn a_repeated_request_gets_the_first_reply() {
    let (_dir, store) = store();
    assert_eq!(claimed(&store, b"a", 1_000), Claim::First);
    assert_eq!(claimed(&store, b"a", 1_001), running(1_000));
    store
        .write(|db| finish(db, "example.com", "key", UnixMicros(1_000), &reply()))
        .unwrap();
    assert_eq!(claimed(&store, b"a", 1_002), Claim::Answered(reply()));
}

#[test]
fn a_key_serves_one_request_of_one_domain() {
    let (_dir, store) = store();
    assert_eq!(claimed(&store, b"a", 1_000), Claim::First);
    assert_eq!(claimed(&store, b"b", 1_001), Claim::OtherRequest);
    let (now, expired) = (UnixMicros(1_001), UnixMicros(901));
    let other = store.write(move |db| claim(db, &request("example.org", b"b"), now, expired));
    assert_eq!(other.unwrap(), Claim::First);
}

#[test]
fn a_released_or_expired_key_is_free_again() {
    let (_dir, store) = store();
    assert_eq!(claimed(&store, b"a", 1_000), Claim::First);
    let free = |since| {
        store
            .write(move |db| release(db, "example.com", "key", UnixMicros(since)))
            .unwrap();
    };
    free(1_000);
    assert_eq!(claimed(&store, b"b", 1_001), Claim::First);
    // The request before frees its own key only, however often.
    free(1_000);
    assert_eq!(claimed(&store, b"b", 1_002), running(1_001));
    store
        .write(|db| finish(db, "example.com", "key", UnixMicros(1_001), &reply()))
        .unwrap();
    assert_eq!(claimed(&store, b"c", 1_102), Claim::First);
    assert_eq!(claimed(&store, b"c", 1_103), running(1_102));
}

#[test]
fn a_key_says_which_call_its_request_placed_until_it_is_answered() {
    let (_dir, store) = store();
    let placed = |call| Placed {
        domain: "example.com".into(),
        key: "key".into(),
        call: CallKey(call),
    };
    claimed(&store, b"a", 1_000);
    store.write(move |db| note(db, &placed(7))).unwrap();
    let Claim::Running(found) = claimed(&store, b"a", 1_001) else {
        panic!("nobody has answered it");
    };
    assert_eq!(found.call, Some(CallKey(7)));

    store
        .write(|db| finish(db, "example.com", "key", UnixMicros(1_000), &reply()))
        .unwrap();
    store.write(move |db| note(db, &placed(8))).unwrap();
    assert_eq!(claimed(&store, b"a", 1_002), Claim::Answered(reply()));
    // Whoever takes the key anew finds no call of the request before.
    assert_eq!(claimed(&store, b"b", 1_200), Claim::First);
    assert_eq!(claimed(&store, b"b", 1_201), running(1_200));
}

#[test]
fn the_sweep_forgets_old_keys_only() {
    let (_dir, store) = store();
    claimed(&store, b"a", 1_000);
    let swept = |before| {
        store
            .write(move |db| sweep(db, UnixMicros(before), 9))
            .unwrap()
    };
    assert_eq!((swept(1_000), swept(1_001)), (0, 1));
    assert_eq!(claimed(&store, b"z", 1_001), Claim::First);
}
