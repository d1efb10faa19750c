use std::net::{IpAddr, Ipv4Addr};

use http::Version;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;
use crate::guard::Blocked;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server certificate for a name, and what a client must trust to accept it.
fn certificate(name: &str, protocols: &[&str]) -> (TlsAcceptor, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    (TlsAcceptor::from(Arc::new(config)), cert.der().clone())
}

fn blocked(why: &TryError) -> Option<IpAddr> {
    match why {
        TryError::Blocked(Blocked { address, .. }) => Some(*address),
        _ => None,
    }
}

#[tokio::test]
async fn an_inner_address_is_refused_before_anything_is_sent() {
    let application = Application::start(|_| Reply::Status(200)).await;
    let names = ["inner.example", "mapped.example"];
    let node = Setup {
        allow: &[],
        ..Setup::default()
    }
    .names(names[0], &["127.0.0.1"])
    .names(names[1], &["::ffff:127.0.0.1"])
    .start();
    for host in names.into_iter().chain(["127.0.0.1", "[::ffff:7f00:1]"]) {
        let why = node.ask_fails(&target(&application.url_as(host))).await;
        assert_eq!(
            blocked(&why).map(|address| address.to_canonical()),
            Some(LOOPBACK),
            "{host}"
        );
    }
    assert_eq!(application.connections(), 0);
    assert_eq!(
        node.tried().len(),
        4,
        "trying again within seconds cannot help"
    );
}

#[tokio::test]
async fn only_the_addresses_of_a_name_that_are_allowed_are_tried() {
    let application = Application::start(|_| Reply::Status(200)).await;
    let node = Setup::default()
        .names("app.example", &["10.0.0.1", "169.254.169.254", "127.0.0.1"])
        .start();
    let asked = node.ask(&target(&application.url_as("app.example"))).await;
    assert!(matches!(asked, Asked::Accepted { .. }), "{asked:?}");
    assert_eq!(application.connections(), 1);
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_followed_by_the_next() {
    let application = Application::start(|_| Reply::Status(200)).await;
    let node = Setup::default()
        .names("app.example", &["127.0.0.2", "127.0.0.1"])
        .start();
    let asked = node.ask(&target(&application.url_as("app.example"))).await;
    assert!(matches!(asked, Asked::Accepted { .. }), "{asked:?}");
}

#[tokio::test]
async fn plain_http_goes_to_listed_networks_only() {
    let node = Setup::default()
        .names("app.example", &["192.0.2.1"])
        .start();
    let why = node.ask_fails(&target("http://app.example")).await;
    assert_eq!(why, TryError::PlainHttp("192.0.2.1".parse().unwrap()));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_said_so() {
    let node = Node::start();
    let why = node.ask_fails(&impatient("https://nowhere.example")).await;
    assert_eq!(why, TryError::Resolve("no such name".to_owned()));
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused() {
    let (tls, _) = certificate("app.example", &["h2", "http/1.1"]);
    let mut application = Application::start_tls(tls, |_| Reply::Status(200)).await;
    let node = Setup::default()
        .names("app.example", &["127.0.0.1"])
        .start();
    let why = node
        .ask_fails(&impatient(&application.url_as("app.example")))
        .await;
    assert!(matches!(why, TryError::Tls(_)), "{why}");
    assert!(application.requests().is_empty());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (tls, root) = certificate("other.example", &["h2"]);
    let application = Application::start_tls(tls, |_| Reply::Status(200)).await;
    let setup = Setup {
        roots: vec![root],
        ..Setup::default()
    };
    let node = setup.names("app.example", &["127.0.0.1"]).start();
    let why = node
        .ask_fails(&impatient(&application.url_as("app.example")))
        .await;
    assert!(matches!(why, TryError::Tls(_)), "{why}");
}

#[tokio::test]
async fn https_speaks_http2_and_many_requests_share_one_connection() {
    let (tls, root) = certificate("app.example", &["h2", "http/1.1"]);
    let mut application = Application::start_tls(tls, |_| Reply::Json("{}".into())).await;
    let setup = Setup {
        roots: vec![root],
        ..Setup::default()
    };
    let node = Arc::new(setup.names("app.example", &["127.0.0.1"]).start());
    let target = target(&application.url_as("app.example"));
    let mut asks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (node, target) = (Arc::clone(&node), target.clone());
        asks.spawn(async move { node.ask(&target).await });
    }
    for asked in asks.join_all().await {
        assert_eq!(asked, Asked::Accepted { body: "{}".into() });
    }
    assert_eq!(application.connections(), 1);
    let seen = application.requests();
    assert_eq!(seen.len(), 20);
    assert!(seen.iter().all(|seen| seen.version == Version::HTTP_2));
    assert!(seen.iter().all(|seen| seen.path == "/hooks/newRemoteCall"));
}

#[tokio::test]
async fn https_speaks_http1_where_the_server_does() {
    let (tls, root) = certificate("app.example", &["http/1.1"]);
    let mut application = Application::start_tls(tls, |_| Reply::Json("{}".into())).await;
    let setup = Setup {
        roots: vec![root],
        ..Setup::default()
    };
    let node = setup.names("app.example", &["127.0.0.1"]).start();
    let target = target(&application.url_as("app.example"));
    for _ in 0..3 {
        assert!(matches!(node.ask(&target).await, Asked::Accepted { .. }));
    }
    assert_eq!(application.connections(), 1);
    assert!(
        application
            .requests()
            .iter()
            .all(|seen| seen.version == Version::HTTP_11)
    );
}

#[tokio::test]
async fn an_endless_reply_over_http2_is_cut_and_the_connection_lives_on() {
    let (tls, root) = certificate("app.example", &["h2"]);
    let application = Application::start_tls(tls, |seen| match seen.path.as_str() {
        "/hooks/newRemoteCall" => Reply::Endless,
        _ => Reply::Status(200),
    })
    .await;
    let setup = Setup {
        roots: vec![root],
        ..Setup::default()
    };
    let node = setup.names("app.example", &["127.0.0.1"]).start();
    let url = application.url_as("app.example");
    assert_eq!(node.ask_fails(&target(&url)).await, TryError::ReplyTooLong);
    let asked = node.ask(&target(&url.replace("hooks", "other"))).await;
    assert!(matches!(asked, Asked::Accepted { .. }), "{asked:?}");
    assert_eq!(application.connections(), 1);
}
