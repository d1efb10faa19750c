mod token;

use std::time::Duration;

use super::*;
use crate::directory::{Device, Devices, Settings};
use crate::pattern::Pattern;

/// Unix seconds.
const NOW: u64 = 1_800_000_000;

fn service(id: &str, pattern: &str, disabled: bool) -> Arc<CloudSipUa> {
    Arc::new(CloudSipUa {
        id: id.into(),
        callback_id: id.into(),
        name: id.into(),
        destination_match: Pattern::compile(pattern).unwrap(),
        callback_base_url: "https://app.example/".into(),
        callback_timeout: Duration::from_secs(15),
        disabled,
    })
}

fn directory() -> Directory {
    let mut directory = Directory::new(["192.0.2.1"]);
    let settings = Settings {
        open: vec!["198.51.100.0/24".parse().unwrap()],
        ..Settings::default()
    };
    let devices: Devices = [
        ("1001", Device::of(AuthType::Disabled)),
        ("anna", Device::of(AuthType::UserId)),
        ("desk", Device::of(AuthType::Credentials)),
    ]
    .into_iter()
    .collect();
    let services = vec![
        service("alarms", "^100", false),
        service("off", "^off", true),
    ];
    directory.put_tenant(Arc::new(Tenant::new(
        "a.example",
        settings,
        devices,
        services,
    )));
    directory.put_tenant(Arc::new(Tenant::new(
        "b.example",
        Settings::default(),
        Devices::default(),
        vec![service("all", ".*", false)],
    )));
    directory.grant("203.0.113.0/24".parse().unwrap(), "b.example".into());
    directory.grant("203.0.113.128/25".parse().unwrap(), "a.example".into());
    directory
}

fn routed(user: &str, host: &str, source: &str, dev: bool) -> Route {
    route(
        &directory(),
        Destined {
            user,
            host,
            source: source.parse().unwrap(),
            token: None,
            unix_seconds: NOW,
            dev,
            signer: None,
            shown: Shown::default(),
        },
    )
}

fn taken_by(route: &Route) -> Result<&str, Refusal> {
    route
        .destination
        .as_ref()
        .map(|service| &*service.id)
        .map_err(|refusal| *refusal)
}

#[test]
fn a_device_behind_rest_is_reached_through_the_service_that_matches_it() {
    let route = routed("1001", "a.example", "198.51.100.7", false);
    assert_eq!(taken_by(&route), Ok("alarms"));
    let rules: Vec<_> = route
        .trace
        .iter()
        .map(|step| (&*step.rule, &*step.result))
        .collect();
    assert_eq!(
        rules,
        [
            ("tenant", "matched"),
            ("caller", "passed"),
            ("device", "skipped"),
            ("cloudsipua", "matched")
        ]
    );
}

#[test]
fn a_stranger_cannot_tell_existing_users_from_missing_ones() {
    for user in ["1001", "desk", "nobody"] {
        let route = routed(user, "a.example", "192.0.2.200", false);
        assert_eq!(taken_by(&route), Err(Refusal::UnknownCaller));
        assert_eq!(route.trace.len(), 2, "{user}");
    }
}

#[test]
fn a_caller_from_an_open_network_gets_404_for_users_nothing_matches() {
    for user in ["desk", "nobody"] {
        assert_eq!(
            taken_by(&routed(user, "a.example", "198.51.100.7", false)),
            Err(Refusal::UnknownUser),
            "{user}"
        );
    }
}

#[test]
fn a_foreign_domain_is_not_found() {
    let route = routed("1001", "c.example", "198.51.100.7", false);
    assert_eq!(taken_by(&route), Err(Refusal::UnknownDomain));
    assert!(route.tenant.is_none());
}

#[test]
fn our_own_address_means_the_tenant_of_the_granted_network() {
    assert_eq!(
        taken_by(&routed("bob", "192.0.2.1", "203.0.113.5", false)),
        Ok("all")
    );
    assert_eq!(
        taken_by(&routed("bob", "192.0.2.1", "203.0.113.200", false)),
        Err(Refusal::AmbiguousSource)
    );
    assert_eq!(
        taken_by(&routed("bob", "192.0.2.1", "198.51.100.7", false)),
        Err(Refusal::UnknownDomain)
    );
}

#[test]
fn a_grant_to_one_tenant_opens_no_other() {
    assert_eq!(
        taken_by(&routed("1001", "a.example", "203.0.113.5", false)),
        Err(Refusal::UnknownCaller)
    );
}

#[test]
fn loopback_is_let_in_with_dev_only() {
    assert_eq!(
        taken_by(&routed("1001", "a.example", "127.0.0.1", false)),
        Err(Refusal::UnknownCaller)
    );
    assert_eq!(
        taken_by(&routed("1001", "a.example", "127.0.0.1", true)),
        Ok("alarms")
    );
}

#[test]
fn a_service_that_answered_410_refuses_with_480() {
    let route = routed("off-1", "a.example", "198.51.100.7", false);
    assert_eq!(taken_by(&route), Err(Refusal::CallbackDisabled));
    assert_eq!(route.trace.last().map(|step| &*step.rule), Some("callback"));
}

#[test]
fn an_outbound_call_is_served_by_the_named_the_matching_or_the_only_service() {
    let directory = directory();
    let two = directory.tenant("a.example").unwrap();
    let one = directory.tenant("b.example").unwrap();
    let id = |served: Result<(Arc<CloudSipUa>, TraceStep), ServingRefusal>| {
        served.map(|(service, _)| service.id.to_string())
    };
    assert_eq!(id(serving(two, Some("off"), "1001")), Ok("off".into()));
    assert_eq!(
        id(serving(two, Some("all"), "1001")),
        Err(ServingRefusal::UnknownService),
        "the other tenant's"
    );
    assert_eq!(id(serving(two, None, "1001")), Ok("alarms".into()));
    assert_eq!(id(serving(two, None, "2001")), Err(ServingRefusal::Unclear));
    assert_eq!(id(serving(one, None, "2001")), Ok("all".into()));
}
