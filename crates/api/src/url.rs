//! The URLs that callbacks go to.

/// Whether `http://` may be given: only where the operator listed the target network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only `https://`.
    Refused,
    /// Also `http://`; the connection itself is still checked against the listed networks.
    Listed,
}

const NOT_HTTPS: &str =
    "must begin with https:// (http:// only to networks listed with --callback-allow)";

/// The longest URL.
pub(crate) const MAX_URL: usize = 2_048;

/// Checks a callback base URL: `https://host[:port][/path]` without user, query and fragment.
pub fn check(url: &str, plain: PlainHttp) -> Result<(), &'static str> {
    if url.len() > MAX_URL {
        return Err("must have at most 2048 characters");
    }
    let rest = match (strip_scheme(url, "https://"), strip_scheme(url, "http://")) {
        (Some(rest), _) => rest,
        (None, Some(rest)) if plain == PlainHttp::Listed => rest,
        _ => return Err(NOT_HTTPS),
    };
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains(['\\', '<', '>', '"', '`'])
    {
        return Err("must be a URL without spaces and with other characters percent-encoded");
    }
    if url.contains(['?', '#']) {
        return Err("must not have a query or a fragment");
    }
    let authority = rest
        .split_once('/')
        .map_or(rest, |(authority, _)| authority);
    check_authority(authority)
}

fn strip_scheme<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let start = url.get(..scheme.len())?;
    start
        .eq_ignore_ascii_case(scheme)
        .then(|| &url[scheme.len()..])
}

/// Checks `host[:port]`, the host a name, an IPv4 address or an IPv6 address in brackets.
pub(crate) fn check_authority(authority: &str) -> Result<(), &'static str> {
    if authority.contains('@') {
        return Err("must not have a user name or password");
    }
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let Some((address, after)) = bracketed.split_once(']') else {
            return Err("must have a host");
        };
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return Err("must have an IPv6 address between the brackets");
        }
        (
            "v6",
            after
                .strip_prefix(':')
                .or(after.is_empty().then_some("443")),
        )
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("443")),
        }
    };
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(known) {
        return Err("must have a host");
    }
    let is_number = |port: &&str| port.bytes().all(|byte| byte.is_ascii_digit());
    match port
        .filter(is_number)
        .and_then(|port| port.parse::<u16>().ok())
    {
        None | Some(0) => Err("must have a port from 1 to 65535, or none"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_over_https_are_taken() {
        for url in [
            "https://example.com",
            "HTTPS://example.com/",
            "https://example.com:8443/hooks/v1",
            "https://[2001:db8::1]:8443/a%20b",
            "https://192.0.2.1/x",
        ] {
            assert_eq!(check(url, PlainHttp::Refused), Ok(()), "{url}");
        }
    }

    #[test]
    fn plain_http_needs_a_listed_target() {
        let url = "http://127.0.0.1:9000/hooks";
        assert_eq!(check(url, PlainHttp::Listed), Ok(()));
        assert_eq!(
            check(url, PlainHttp::Refused),
            Err("must begin with https:// (http:// only to networks listed with --callback-allow)")
        );
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for url in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https:///path",
            "https://user:password@example.com",
            "https://example.com:0",
            "https://example.com:99999",
            "https://example.com:x",
            "https://example.com:+443",
            "https://exa mple.com",
            "https://example.com/\r\nHost: other",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "https://[::1",
            "https://[example.com]",
            "https://[::1]x",
            "https://b\u{fc}cher.example",
            "https://example.com\\@other",
        ] {
            assert!(check(url, PlainHttp::Listed).is_err(), "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL));
        assert!(check(&long, PlainHttp::Refused).is_err());
    }
}
