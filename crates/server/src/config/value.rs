//! The texts of options, parsed. Every error is a sentence that shows a right example.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use hookswitch_sip::flow::Transport;
use ipnet::IpNet;

use super::{Advertise, DatabaseUrl, SipListen};

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        Err("is empty".to_owned())
    } else {
        Ok(PathBuf::from(text))
    }
}

pub(super) fn database(text: &str) -> Result<DatabaseUrl, String> {
    // The text itself may hold a password.
    if ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        Ok(DatabaseUrl(text.to_owned()))
    } else {
        Err("is no URL such as postgres://user:password@host/hookswitch".to_owned())
    }
}

pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is not an address with a port, such as 127.0.0.1:8080 or [::1]:8080")
    })
}

/// A network, or one address as a network of itself.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map(|net| net.trunc())
        .map_err(|_| format!("`{text}` is not a network such as 192.0.2.0/24 or 2001:db8::/32"))
}

pub(super) fn sip_listen(text: &str) -> Result<SipListen, String> {
    let wrong = || {
        format!(
            "`{text}` is not KIND:ADDRESS:PORT, such as udp:127.0.0.1:5060; the kinds are udp, tcp, tls, ws and wss"
        )
    };
    let (kind, address) = text.split_once(':').ok_or_else(wrong)?;
    Ok(SipListen {
        transport: Transport::from_token(kind).ok_or_else(wrong)?,
        address: address.parse().map_err(|_| wrong())?,
    })
}

pub(super) fn advertise(text: &str) -> Result<Advertise, String> {
    let refuse_unspecified = |advertise: Advertise| {
        if advertise.ip.is_unspecified() {
            Err(format!(
                "nobody can reach `{text}`: give the address that others see"
            ))
        } else {
            Ok(advertise)
        }
    };
    if let Ok(address) = text.parse::<SocketAddr>() {
        return refuse_unspecified(Advertise {
            ip: address.ip(),
            port: Some(address.port()),
        });
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    match bare.parse() {
        Ok(ip) => refuse_unspecified(Advertise { ip, port: None }),
        Err(_) => Err(format!(
            "`{text}` is not IP or IP:PORT, such as 192.0.2.1:5060"
        )),
    }
}

pub(super) fn node_name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("takes 1 to 64 letters, digits, dots, dashes and underscores".to_owned())
    }
}

pub(super) fn base_url(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is not a URL such as https://site-1.example.com");
    let uri: http::Uri = text.parse().map_err(|_| wrong())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(wrong()),
    }
}

pub(super) fn count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("`{text}` is not a number from 1 on")),
        Ok(count) => Ok(count),
    }
}

pub(super) fn shards(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(shards @ 1..=256) => Ok(shards),
        _ => Err(format!("`{text}` is not a number from 1 to 256")),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => 0,
    };
    match number.parse::<u32>() {
        Ok(number) if factor > 0 => Ok(Duration::from_secs(u64::from(number) * factor)),
        _ => Err(format!("`{text}` is not a time such as 90s, 5m or 1h")),
    }
}

/// What `--dev` adds to the allowed networks.
pub(super) fn loopback() -> [IpNet; 2] {
    [
        IpNet::new_assert(IpAddr::from([127, 0, 0, 0]), 8),
        IpNet::new_assert(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128),
    ]
}
