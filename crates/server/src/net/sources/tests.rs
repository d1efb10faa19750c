//! Who is slowed, who is silenced, and who never is.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn sources(now: Instant) -> Sources {
    Sources::new(&[3; 16], now, |source| source == ip("192.0.2.200"))
}

fn offend(sources: &Sources, source: &str, times: u32, now: Instant) {
    for _ in 0..times {
        sources.offended(ip(source), OFFENCE, now);
    }
}

#[test]
fn a_source_is_slowed_then_silenced_for_a_minute_and_others_are_not() {
    let now = Instant::now();
    let sources = sources(now);
    let of = |source: &str, at: Instant| sources.standing(ip(source), at);
    offend(&sources, "192.0.2.1", 19, now);
    assert_eq!(of("192.0.2.1", now), Standing::Open);
    offend(&sources, "192.0.2.1", 1, now);
    assert_eq!(of("192.0.2.1", now), Standing::Slowed(5));
    offend(&sources, "192.0.2.1", 20, now);
    assert_eq!(of("192.0.2.1", now), Standing::Slowed(25), "the wait grows");
    offend(&sources, "192.0.2.1", 20, now);
    assert_eq!(of("192.0.2.1", now), Standing::Silenced);
    assert_eq!(of("192.0.2.2", now), Standing::Open);
    let almost = now + SILENCE - Duration::from_millis(1);
    assert_eq!(of("192.0.2.1", almost), Standing::Silenced);
    let after = now + SILENCE + Duration::from_secs(1);
    assert!(matches!(
        of("192.0.2.1", after),
        Standing::Slowed(_) | Standing::Open
    ));
    assert_eq!(of("192.0.2.1", now + SILENCE * 4), Standing::Open);
}

#[test]
fn who_fails_now_and_then_is_never_held_back() {
    let start = Instant::now();
    let sources = sources(start);
    for minute in 0..60 {
        let now = start + Duration::from_secs(60 * minute);
        offend(&sources, "192.0.2.1", 10, now);
        assert_eq!(sources.standing(ip("192.0.2.1"), now), Standing::Open);
    }
}

#[test]
fn listed_networks_and_peers_of_calls_are_never_held_back_whoever_writes_their_address() {
    let now = Instant::now();
    let sources = sources(now);
    for source in ["192.0.2.200", "192.0.2.7", "2001:db8::7"] {
        offend(&sources, source, 1_000, now);
    }
    assert_eq!(sources.standing(ip("192.0.2.200"), now), Standing::Open);
    assert_eq!(sources.standing(ip("192.0.2.7"), now), Standing::Silenced);
    sources.welcome(ip("192.0.2.7"), now);
    sources.welcome(ip("2001:db8::7"), now);
    for source in ["192.0.2.7", "2001:db8::7"] {
        offend(&sources, source, 1_000, now);
        assert_eq!(sources.standing(ip(source), now), Standing::Open);
        let later = now + GOOD + Duration::from_secs(1);
        offend(&sources, source, 1_000, later);
        assert_eq!(sources.standing(ip(source), later), Standing::Silenced);
    }
}

#[test]
fn an_ipv6_source_is_its_network_and_a_mapped_one_its_ipv4_address() {
    assert_eq!(network(ip("2001:db8::1")), network(ip("2001:db8::ffff")));
    assert_ne!(network(ip("2001:db8::1")), network(ip("2001:db8:0:1::1")));
    assert_eq!(network(ip("::ffff:192.0.2.1")), network(ip("192.0.2.1")));
}

#[test]
fn a_flood_from_everywhere_neither_grows_the_tables_nor_forgets_a_good_peer() {
    let now = Instant::now();
    let sources = sources(now);
    sources.welcome(ip("192.0.2.7"), now);
    offend(&sources, "192.0.2.9", 100, now);
    for number in 0..200_000_u32 {
        sources.offended(IpAddr::from(number.to_be_bytes()), OFFENCE, now);
    }
    assert!(sources.is_good(ip("192.0.2.7"), now));
    let kept = sources.standing(ip("192.0.2.9"), now);
    assert_eq!(kept, Standing::Silenced, "the worst are remembered longest");
}
