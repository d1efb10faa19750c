use super::*;
use crate::Store;
use crate::fixture::store;

fn claimed(store: &Store, fingerprint: &'static [u8], now: u64) -> Claim {
    let (now, expired) = (UnixMicros(now), UnixMicros(now.saturating_sub(100)));
    store
        .write(move |db| claim(db, "example.com", "key", fingerprint, now, expired))
        .unwrap()
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
    assert_eq!(
        claimed(&store, b"a", 1_001),
        Claim::Running(UnixMicros(1_000))
    );
    store
        .write(|db| finish(db, "example.com", "key", &reply()))
        .unwrap();
    assert_eq!(claimed(&store, b"a", 1_002), Claim::Answered(reply()));
}

#[test]
fn a_key_serves_one_request_of_one_domain() {
    let (_dir, store) = store();
    assert_eq!(claimed(&store, b"a", 1_000), Claim::First);
    assert_eq!(claimed(&store, b"b", 1_001), Claim::OtherRequest);
    let (now, expired) = (UnixMicros(1_001), UnixMicros(901));
    let other = store.write(move |db| claim(db, "example.org", "key", b"b", now, expired));
    assert_eq!(other.unwrap(), Claim::First);
}

#[test]
fn a_released_or_expired_key_is_free_again() {
    let (_dir, store) = store();
    assert_eq!(claimed(&store, b"a", 1_000), Claim::First);
    store.write(|db| release(db, "example.com", "key")).unwrap();
    assert_eq!(claimed(&store, b"b", 1_001), Claim::First);
    store
        .write(|db| finish(db, "example.com", "key", &reply()))
        .unwrap();
    assert_eq!(claimed(&store, b"c", 1_102), Claim::First);
    assert_eq!(
        claimed(&store, b"c", 1_103),
        Claim::Running(UnixMicros(1_102))
    );
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
