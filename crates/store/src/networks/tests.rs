use super::*;
use crate::Error;
use crate::fixture::{add_domain, store};

fn network(cidr: &str, domain: &str) -> Network {
    Network {
        cidr: cidr.to_owned(),
        domain: domain.to_owned(),
    }
}

#[test]
fn one_network_may_be_granted_to_several_domains_and_taken_back_from_one() {
    let (_dir, store) = store();
    add_domain(&store, "example.org");
    store
        .write(|db| {
            grant(db, "192.0.2.0/24", "example.org")?;
            grant(db, "192.0.2.0/24", "example.com")?;
            grant(db, "192.0.2.0/24", "example.com")
        })
        .unwrap();
    let both = [
        network("192.0.2.0/24", "example.com"),
        network("192.0.2.0/24", "example.org"),
    ];
    assert_eq!(store.read(all).unwrap(), both);
    let take = || {
        store
            .write(|db| revoke(db, "192.0.2.0/24", "example.com"))
            .unwrap()
    };
    assert!(take());
    assert!(!take());
    assert_eq!(store.read(all).unwrap(), both[1..]);
}

#[test]
fn a_network_is_granted_to_a_domain_that_exists() {
    let (_dir, store) = store();
    let refused = store.write(|db| grant(db, "192.0.2.0/24", "nowhere.example"));
    assert!(matches!(refused, Err(Error::NoSuchDomain)));
}
