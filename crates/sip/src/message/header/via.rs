//! Via (RFC 3261 §20.42).

use std::net::{IpAddr, Ipv6Addr};

use crate::message::{HeaderError, HeaderName, Host, Params, syntax};

/// One element of a Via header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'b> {
    /// The token after `SIP/2.0/`, as written.
    pub transport: &'b str,
    /// The host of sent-by, an IPv6 address with its brackets.
    pub host: &'b str,
    /// The port of sent-by.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and the rest.
    pub params: Params<'b>,
}

impl<'b> Via<'b> {
    /// Parses the first element of a field value; the others are not looked at.
    pub fn parse(value: &'b str) -> Result<Self, HeaderError> {
        Self::parse_element(syntax::split_element(value).0)
            .ok_or(HeaderError::Malformed(HeaderName::Via))
    }

    fn parse_element(element: &'b str) -> Option<Self> {
        let (name, rest) = element.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !syntax::trim(name).eq_ignore_ascii_case("SIP") || syntax::trim(version) != "2.0" {
            return None;
        }
        let rest = syntax::trim_start(rest);
        let transport_len = rest
            .bytes()
            .take_while(|&byte| syntax::is_token_byte(byte))
            .count();
        let (transport, rest) = syntax::part(rest, transport_len);
        if transport.is_empty() || !rest.bytes().next().is_some_and(syntax::is_blank) {
            return None;
        }
        let (sent_by, params) = match memchr::memchr(b';', rest.as_bytes()) {
            Some(at) => syntax::part(rest, at),
            None => (rest, ""),
        };
        let (host, port) = split_sent_by(syntax::trim(sent_by))?;
        let params = Params::new(params);
        params.is_well_formed().then_some(Self {
            transport,
            host,
            port,
            params,
        })
    }

    /// The transaction's branch.
    pub fn branch(&self) -> Option<&'b str> {
        self.params.value("branch")
    }

    /// The address the request came from, without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<&'b str> {
        let value = self.params.value("received")?;
        Some(
            value
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .unwrap_or(value),
        )
    }

    /// [`received`](Self::received) as an address; the third colon of the old grammar's mistake is forgiven (RFC 5118 §4.10).
    pub fn received_ip(&self) -> Option<IpAddr> {
        let text = self.received()?;
        text.parse().ok().or_else(|| parse_v6(text).map(IpAddr::V6))
    }

    /// The port the request came from (RFC 3581): `Some(None)` asks for it to be filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.find("rport")?;
        Some(value.and_then(|digits| digits.parse().ok()))
    }

    /// Any parameter: `Some(None)` when it stands without a value.
    pub fn param(&self, name: &str) -> Option<Option<&'b str>> {
        self.params.find(name)
    }

    /// The host of sent-by as an address or a name.
    pub fn parsed_host(&self) -> Option<Host<'b>> {
        Host::parse(self.host)
    }
}

fn split_sent_by(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match text.starts_with('[') {
        true => syntax::part(text, text.find(']')? + 1),
        false => syntax::part(text, text.find(':').unwrap_or(text.len())),
    };
    let host = syntax::trim_end(host);
    Host::parse(host)?;
    let rest = syntax::trim(rest);
    if rest.is_empty() {
        return Some((host, None));
    }
    let port = syntax::number(syntax::trim(rest.strip_prefix(':')?))?;
    Some((host, Some(u16::try_from(port).ok()?)))
}

/// An IPv6 address; `:::` is read as `::` (RFC 5118 §4.10).
pub(crate) fn parse_v6(text: &str) -> Option<Ipv6Addr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if text.len() > 64 || !text.contains(":::") {
        return None;
    }
    text.replacen(":::", "::", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_is_read_with_its_parameters() {
        let via = Via::parse(
            "SIP / 2.0 / UDP first.example.com : 4000;ttl=16 ;maddr=224.2.0.1;rport;branch=z9hG4bKa7c6a8dlze.1, x",
        );
        let via = via.unwrap();
        assert_eq!(
            (via.transport, via.host, via.port),
            ("UDP", "first.example.com", Some(4000))
        );
        assert_eq!(via.branch(), Some("z9hG4bKa7c6a8dlze.1"));
        assert_eq!(
            (via.rport(), via.received(), via.param("ttl")),
            (Some(None), None, Some(Some("16")))
        );
    }

    #[test]
    fn an_ipv6_host_keeps_its_brackets() {
        let via =
            Via::parse("SIP/2.0/TLS [2001:db8::9:1]:5061;received=192.0.2.5;rport=4321").unwrap();
        assert_eq!(
            (via.host, via.port, via.rport()),
            ("[2001:db8::9:1]", Some(5061), Some(Some(4321)))
        );
        assert_eq!(via.received_ip(), Some("192.0.2.5".parse().unwrap()));
        assert!(matches!(via.parsed_host(), Some(Host::V6(_))));
    }

    #[test]
    fn a_malformed_via_is_refused() {
        for value in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0 UDP host",
            "SIP/3.0/UDP host",
            "HTTP/2.0/UDP host",
            "SIP/2.0/UDP host:port",
            "SIP/2.0/UDP host:70000",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDP 2001:db8::1",
            "SIP/2.0/UDP host;;branch=1",
            "SIP/2.0/UDP ho st",
            "SIP/2.0/UDP ;branch=1",
        ] {
            assert_eq!(
                Via::parse(value),
                Err(HeaderError::Malformed(HeaderName::Via)),
                "{value}"
            );
        }
    }
}
