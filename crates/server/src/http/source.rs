//! Where a request really comes from.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use ipnet::IpNet;

use super::Rest;

/// The address of the caller, for handlers.
pub(super) struct Source(pub(super) IpAddr);

impl FromRequestParts<Arc<Rest>> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, Infallible> {
        Ok(Self(of(parts, &rest.trusted_proxies)))
    }
}

/// The address of the caller: the connection's, or what a trusted proxy says in `X-Forwarded-For`.
/// Only the part of that header that trusted proxies wrote is believed, from the right.
pub(super) fn of(parts: &Parts, trusted: &[IpNet]) -> IpAddr {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| {
            peer.0.ip().to_canonical()
        });
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(&ip));
    if !is_trusted(peer) {
        return peer;
    }
    let mut nearest = peer;
    let forwarded = parts.headers.get_all("x-forwarded-for");
    let hops: Vec<&str> = forwarded
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        let Ok(ip) = hop.trim().parse::<IpAddr>() else {
            return nearest;
        };
        nearest = ip.to_canonical();
        if !is_trusted(nearest) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut request = http::Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts
            .extensions
            .insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4)));
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        of(&parts, &trusted).to_string()
    }

    #[test]
    fn a_forwarding_header_is_believed_from_trusted_proxies_only() {
        assert_eq!(source("192.0.2.1", &["203.0.113.9"], &[]), "192.0.2.1");
        let proxies = ["192.0.2.0/24"];
        assert_eq!(
            source("192.0.2.1", &["203.0.113.9"], &proxies),
            "203.0.113.9"
        );
        assert_eq!(
            source("::ffff:192.0.2.1", &["203.0.113.9"], &proxies),
            "203.0.113.9"
        );
        assert_eq!(source("192.0.2.1", &[], &proxies), "192.0.2.1");
    }

    #[test]
    fn what_the_caller_itself_wrote_into_the_header_is_not_believed() {
        let proxies = ["192.0.2.0/24"];
        let chain = ["10.0.0.1, 203.0.113.9", "192.0.2.7"];
        assert_eq!(source("192.0.2.1", &chain, &proxies), "203.0.113.9");
        assert_eq!(
            source("192.0.2.1", &["203.0.113.9, nonsense"], &proxies),
            "192.0.2.1"
        );
    }
}
