//! Callers with a token in `X-JWTAuth`.

use super::*;
use crate::token::{Token, Tokens};

const LISTED: &str = "192.0.2.7";
const GRANTED: &str = "203.0.113.1";
const STRANGE: &str = "192.0.2.99";

/// Takes a token for what it says: `device domain-it-is-for pattern`.
#[derive(Debug)]
struct Plain;

impl Tokens for Plain {
    fn read(&self, token: &str, domain: &str, unix_seconds: u64) -> Option<Token> {
        let mut words = token.split(' ');
        let device = words.next()?;
        let counts = words.next()? == domain && unix_seconds == NOW;
        counts.then(|| Token {
            device: device.into(),
            domain: None,
            invite: words.next().map(Into::into),
        })
    }
}

fn carrying(token: &str, source: &str) -> Route {
    let mut directory = directory();
    directory.take_tokens(Arc::new(Plain), &["192.0.2.0/28".parse().unwrap()]);
    route(
        &directory,
        Destined {
            user: "1001",
            host: "a.example",
            source: source.parse().unwrap(),
            token: Some(token),
            unix_seconds: NOW,
            dev: false,
            signer: None,
            shown: Shown::default(),
        },
    )
}

/// What the rule that looks at callers said last.
fn said(route: &Route) -> (&str, &str) {
    let step = route.trace.iter().rfind(|step| step.rule == "caller");
    let step = step.unwrap();
    (&step.result, &step.why)
}

#[test]
fn a_token_lets_its_device_call_what_it_may_from_listed_and_granted_networks() {
    for source in [LISTED, GRANTED] {
        let route = carrying("anna a.example ^100", source);
        assert_eq!(taken_by(&route), Ok("alarms"), "{source}");
        assert_eq!(
            said(&route),
            (
                "passed",
                "the token in X-JWTAuth is that of the device anna"
            )
        );
    }
}

#[test]
fn a_token_that_counts_for_nothing_is_refused_like_any_stranger() {
    for (token, why) in [
        ("nonsense", "has expired"),
        ("anna b.example ^100", "none of this domain"),
        ("anna a.example ^200", "authorized.invite"),
        ("anna a.example", "authorized.invite"),
        ("anna a.example (", "authorized.invite"),
        ("gone a.example ^100", "no userid device"),
        ("desk a.example ^100", "no userid device"),
    ] {
        let route = carrying(token, LISTED);
        assert_eq!(taken_by(&route), Err(Refusal::UnknownCaller), "{token}");
        let (result, said) = said(&route);
        assert!(result == "refused" && said.contains(why), "{token}: {said}");
    }
}

#[test]
fn from_elsewhere_a_token_is_not_looked_at() {
    let route = carrying("anna a.example ^100", STRANGE);
    assert_eq!(taken_by(&route), Err(Refusal::UnknownCaller));
    let steps: Vec<&str> = route.trace.iter().map(|step| &*step.result).collect();
    assert_eq!(steps, ["matched", "skipped", "refused"]);
    let open = carrying("nonsense", "198.51.100.7");
    assert_eq!(
        taken_by(&open),
        Ok("alarms"),
        "the domain is open to it anyway"
    );
}
