use hookswitch_sip::auth::{ALGORITHMS, Algorithm, Ha1};

use super::*;

fn service(id: &str, name: &str, pattern: &str) -> Arc<CloudSipUa> {
    Arc::new(CloudSipUa {
        id: id.into(),
        callback_id: format!("cb-{id}").into(),
        name: name.into(),
        destination_match: Pattern::compile(pattern).unwrap(),
        callback_base_url: "https://app.example/".into(),
        callback_timeout: Duration::from_secs(15),
        disabled: false,
    })
}

fn tenant(domain: &str, services: Vec<Arc<CloudSipUa>>) -> Arc<Tenant> {
    Arc::new(Tenant::new(
        domain,
        Settings::default(),
        Devices::default(),
        services,
    ))
}

#[test]
fn the_longest_literal_prefix_wins_then_the_name() {
    let tenant = tenant(
        "a.example",
        vec![
            service("1", "zebra", ".*"),
            service("2", "beta", "4689"),
            service("3", "alpha", "4689"),
            service("4", "gamma", "46890"),
        ],
    );
    assert_eq!(&*tenant.service_for("46890510").unwrap().id, "4");
    assert_eq!(&*tenant.service_for("46891").unwrap().id, "3");
    assert_eq!(&*tenant.service_for("bob").unwrap().id, "1");
    assert_eq!(&*tenant.service("2").unwrap().name, "beta");
}

#[test]
fn a_domain_is_found_in_any_case() {
    let mut directory = Directory::new([]);
    directory.put_tenant(tenant("A.Example", vec![]));
    assert!(directory.tenant("a.example").is_some());
    assert!(directory.tenant("A.EXAMPLE").is_some());
    assert!(directory.tenant("b.example").is_none());
    directory.remove_tenant("a.example");
    assert_eq!(directory.tenants(), 0);
}

#[test]
fn the_node_knows_its_own_addresses_and_names() {
    let directory = Directory::new(["192.0.2.1", "2001:db8::1", "Node.Example"]);
    assert!(directory.is_own("192.0.2.1"));
    assert!(
        directory.is_own("2001:DB8:0::1"),
        "every spelling of an IPv6 address"
    );
    assert!(directory.is_own("node.example"));
    assert!(!directory.is_own("192.0.2.2"));
}

#[test]
fn a_granted_network_names_each_of_its_tenants_once() {
    let mut directory = Directory::new([]);
    directory.put_tenant(tenant("a.example", vec![]));
    directory.put_tenant(tenant("b.example", vec![]));
    directory.grant("198.51.100.0/24".parse().unwrap(), "a.example".into());
    directory.grant("198.51.100.0/25".parse().unwrap(), "a.example".into());
    directory.grant("198.51.100.128/25".parse().unwrap(), "b.example".into());
    directory.grant("203.0.113.0/24".parse().unwrap(), "gone.example".into());
    directory.grant("2001:db8::1/32".parse().unwrap(), "b.example".into());
    let domains_of = |directory: &Directory, source: &str| -> Vec<String> {
        let granted = directory.granted(source.parse().unwrap());
        granted
            .iter()
            .map(|tenant| tenant.domain.to_string())
            .collect()
    };
    let domains = |source: &str| domains_of(&directory, source);
    assert_eq!(domains("198.51.100.1"), ["a.example"]);
    assert_eq!(domains("198.51.100.200"), ["a.example", "b.example"]);
    assert_eq!(domains("2001:db8:7::1"), ["b.example"]);
    assert!(domains("2001:db9::1").is_empty());
    assert!(
        domains("203.0.113.9").is_empty(),
        "a grant outlives its tenant without effect"
    );
    assert!(directory.is_granted("198.51.100.200".parse().unwrap(), "b.example"));
    assert!(!directory.is_granted("198.51.100.1".parse().unwrap(), "b.example"));
    directory.remove_tenant("a.example");
    assert_eq!(domains_of(&directory, "198.51.100.200"), ["b.example"]);
}

#[test]
fn versions_of_the_devices_do_not_disturb_each_other() {
    let disabled = || Device::of(AuthType::Disabled);
    let digest = || Device::of(AuthType::Credentials);
    let first: Devices = [("1001", disabled()), ("1002", disabled())]
        .into_iter()
        .collect();
    let second = first.with("1001", digest()).with("1003", digest());
    let third = second.without("1002");
    assert_eq!(first.find("1001"), Some(&disabled()));
    assert_eq!(second.find("1001"), Some(&digest()));
    assert_eq!((first.len(), second.len(), third.len()), (2, 3, 2));
    assert_eq!(third.find("1002"), None);
    assert!(Devices::default().is_empty());
    assert_eq!(Devices::default().find("1001"), None);
}

#[test]
fn devices_are_asked_to_sign_in_by_what_all_of_them_know() {
    let device = |ha1: &str| Device {
        ha1: Some(Arc::new(Ha1::parse(ha1).unwrap())),
        ..Device::of(AuthType::Credentials)
    };
    let whole = device(&Ha1::of("a", "a.example", "biloxi").write());
    let md5 = device(&"0".repeat(32));
    let sha256 = device(&"0".repeat(64));
    let none = Devices::default().with("1", Device::of(AuthType::Disabled));
    assert_eq!(none.algorithms(), []);
    let one = none.with("1", whole.clone());
    assert_eq!(one.algorithms(), ALGORITHMS);
    let two = one.with("2", md5.clone()).with("2", md5);
    assert_eq!(two.algorithms(), [Algorithm::Md5]);
    let three = two.with("3", sha256);
    assert_eq!(three.algorithms(), ALGORITHMS, "nothing is common to all");
    assert_eq!(three.without("2").algorithms(), [Algorithm::Sha256]);
    assert_eq!(one.without("1").without("1").algorithms(), []);
}

#[test]
fn a_device_is_found_by_the_mac_address_of_its_gateway() {
    let gateway = |mac| Device {
        mac: Some(mac),
        ..Device::of(AuthType::Disabled)
    };
    let (one, other) = ([0, 11, 130, 0, 0, 1], [0, 11, 130, 0, 0, 2]);
    let devices: Devices = [
        ("b", gateway(one)),
        ("a", gateway(one)),
        ("c", gateway(other)),
    ]
    .into_iter()
    .collect();
    assert_eq!(devices.with_mac(one), Some("a"), "the lowest id");
    assert_eq!(devices.with_mac(other), Some("c"));
    assert_eq!(devices.without("a").with_mac(one), Some("b"));
    assert_eq!(devices.with("c", gateway(one)).with_mac(other), None);
    assert_eq!(devices.with_mac([0; 6]), None);
}

#[test]
fn among_many_trunks_and_destinations_the_most_specific_is_found() {
    let pattern = |source: &str| Pattern::compile(source).unwrap();
    let trunk = |id: String, source: &str| {
        Arc::new(Trunk {
            id: id.into(),
            target: "carrier.example".into(),
            transport: hookswitch_sip::flow::Transport::Udp,
            destination_match: pattern(source),
            rewrite: None,
            blacklist: None,
            source_networks: Box::default(),
            group: None,
            parameters: None,
            diversion: None,
            caller: None,
            credentials: None,
        })
    };
    let unserved = |kind, id: String, source: &str| Unserved {
        kind,
        name: id.as_str().into(),
        id: id.into(),
        destination_match: pattern(source),
    };
    let trunks = (10..60).map(|n| trunk(format!("t{n}"), &format!("^46{n}")));
    let bridges = (10..60).map(|n| {
        unserved(
            UnservedKind::AlarmBridge,
            format!("b{n}"),
            &format!("^1{n}"),
        )
    });
    let menu = unserved(UnservedKind::MediaService, "menu".to_owned(), "^114|^menu");
    let tenant = Tenant::new(
        "a.example",
        Settings::default(),
        Devices::default(),
        Vec::new(),
    )
    .with_trunks(trunks.chain([trunk("all".to_owned(), ".*")]).collect())
    .with_unserved(bridges.chain([menu]).collect());
    let taking = |user| -> Vec<&str> { tenant.trunks_for(user).map(|trunk| &*trunk.id).collect() };
    assert_eq!(taking("46317"), ["t31", "all"]);
    assert_eq!(taking("4631"), ["t31", "all"]);
    assert_eq!(taking("031"), ["all"]);
    let named = |user| tenant.unserved_for(user).map(|found| &*found.id);
    assert_eq!(named("114"), Some("b14"), "alarm bridges come first");
    assert_eq!(named("menu"), Some("menu"));
    assert_eq!(named("9"), None);
}
