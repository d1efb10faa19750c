//! Where a device wants its media: the five members that three commands share.

use std::net::IpAddr;

use crate::crypto::{self, Crypto};
use crate::fault::Faults;

/// The codecs there are.
const CODECS: [&str; 3] = ["PCMU", "PCMA", "GSM"];
/// Payload types that are free for events (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u64> = 96..=127;

/// The checked media members of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receive<'r> {
    /// `PCMU`, `PCMA` or `GSM`.
    pub codec: &'static str,
    /// A unicast address.
    pub ip: IpAddr,
    /// Not 0.
    pub port: u16,
    /// From 96 to 127.
    pub telephone_event: Option<u8>,
    /// Checked keys.
    pub crypto: &'r [Crypto<'static>],
}

impl<'r> Receive<'r> {
    pub(super) fn check(
        codec: Option<&str>,
        ip: Option<&str>,
        port: Option<u16>,
        telephone_event: Option<u8>,
        crypto: &'r [Crypto<'static>],
        faults: &mut Faults,
    ) -> Option<Self> {
        let codec = check_codec(codec, faults);
        let ip = check_ip(ip, faults);
        let port = check_port(port, faults);
        let mut others = Faults::new();
        others.range(
            "/telephoneEventPayloadType",
            telephone_event.map(u64::from),
            DYNAMIC,
        );
        crypto::check(crypto, &mut others);
        let others = others.into_vec();
        let are_good = others.is_empty();
        for fault in others {
            faults.add(fault.pointer, fault.detail);
        }
        are_good.then_some(Receive {
            codec: codec?,
            ip: ip?,
            port: port?,
            telephone_event,
            crypto,
        })
    }
}

fn check_codec(codec: Option<&str>, faults: &mut Faults) -> Option<&'static str> {
    let Some(codec) = codec.filter(|codec| !codec.is_empty()) else {
        faults.add("/codec", "is required");
        return None;
    };
    let known = CODECS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(codec));
    if known.is_none() {
        faults.add("/codec", "must be PCMU, PCMA or GSM");
    }
    known
}

fn check_ip(ip: Option<&str>, faults: &mut Faults) -> Option<IpAddr> {
    let Some(text) = ip.filter(|ip| !ip.is_empty()) else {
        faults.add("/receiveIp", "is required");
        return None;
    };
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let ip = bare.parse::<IpAddr>().ok().filter(|ip| match ip {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast(),
    });
    if ip.is_none() {
        faults.add("/receiveIp", "must be a unicast IPv4 or IPv6 address");
    }
    ip
}

fn check_port(port: Option<u16>, faults: &mut Faults) -> Option<u16> {
    match port {
        None => faults.add("/receivePort", "is required"),
        Some(0) => faults.add("/receivePort", "must be a whole number from 1 to 65535"),
        Some(_) => return port,
    }
    None
}
