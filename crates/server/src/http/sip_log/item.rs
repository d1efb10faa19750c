//! A stored line as the log shows it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hookswitch_api::sip_log::{SipLogDirection, SipLogItem, SipLogType};
use hookswitch_call::id::CallId;
use hookswitch_sip::message::{Header, HeaderName, Message, StartLine};

use crate::shard::Line;

/// The item of a SIP line; of what cannot be read as SIP only the sides are told.
pub(super) fn of(line: &Line, call: Option<CallId>) -> SipLogItem {
    let peer = line.peer.parse().ok();
    let (source, destination, direction) = match line.received {
        true => (peer, line.local, SipLogDirection::In),
        false => (line.local, peer, SipLogDirection::Out),
    };
    let ip = |side: Option<SocketAddr>| side.map_or_else(String::new, |side| side.ip().to_string());
    let port = |side: Option<SocketAddr>| side.map_or(0, |side| side.port());
    let mut item = SipLogItem {
        time_stamp: line.at / 1_000,
        kind: match line.text.starts_with("SIP/") {
            true => SipLogType::Response,
            false => SipLogType::Request,
        },
        method: String::new(),
        request_uri: String::new(),
        status_code: String::new(),
        reason: String::new(),
        transport: line.transport.clone().unwrap_or_default(),
        src_ip: ip(source),
        src_port: port(source),
        dst_ip: ip(destination),
        dst_port: port(destination),
        sip_headers: BTreeMap::new(),
        body: String::new(),
        direction,
        repeated: line.retransmission,
        call: call.map(|call| call.to_string()),
    };
    if let Ok(message) = Message::parse(line.text.as_bytes()) {
        fill(&mut item, &message);
    }
    item
}

fn fill(item: &mut SipLogItem, message: &Message<'_>) {
    match *message.start() {
        StartLine::Request { method, uri } => {
            item.method = method.as_str().to_owned();
            item.request_uri = uri.to_owned();
        }
        StartLine::Response { status, reason } => {
            item.status_code = status.to_string();
            item.reason = reason.to_owned();
            let cseq = message.cseq().ok();
            item.method = cseq.map_or_else(String::new, |cseq| cseq.method.as_str().to_owned());
        }
    }
    for header in message.headers() {
        let values = item.sip_headers.entry(name_of(header)).or_default();
        if !values.is_empty() {
            values.push_str(", ");
        }
        values.push_str(header.value);
    }
    item.body = String::from_utf8_lossy(message.body()).into_owned();
}

/// The full name; compact forms are for the wire (RFC 3261 §7.3.3).
fn name_of(header: &Header<'_>) -> String {
    match header.name {
        HeaderName::Other => header.raw_name.to_owned(),
        known => known.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::LineKind;

    fn line(received: bool, text: &str) -> Line {
        Line {
            at: 1_700_000_000_123_456,
            kind: LineKind::Sip,
            received,
            peer: "[2001:db8::7]:5061".to_owned(),
            transport: Some("tcp".to_owned()),
            local: Some("[2001:db8::1]:5060".parse().unwrap()),
            retransmission: false,
            text: text.to_owned(),
            status: None,
            took: None,
        }
    }

    #[test]
    fn a_request_is_shown_with_its_fields_under_their_full_names() {
        let text = "MESSAGE sip:1001@acme.test SIP/2.0\r\nv: SIP/2.0/TCP a\r\nVia: SIP/2.0/TCP b\r\n\
                    i: 7@a\r\nX-Own: 1\r\nl: 2\r\n\r\nhi";
        let call = CallId::from_u128(7);
        let item = of(&line(true, text), Some(call));
        assert_eq!(item.time_stamp, 1_700_000_000_123);
        assert_eq!(item.kind, SipLogType::Request);
        assert_eq!(
            (&*item.method, &*item.request_uri),
            ("MESSAGE", "sip:1001@acme.test")
        );
        assert_eq!((&*item.status_code, &*item.reason), ("", ""));
        assert_eq!((&*item.src_ip, item.src_port), ("2001:db8::7", 5061));
        assert_eq!((&*item.dst_ip, item.dst_port), ("2001:db8::1", 5060));
        let headers = [
            ("Call-ID", "7@a"),
            ("Content-Length", "2"),
            ("Via", "SIP/2.0/TCP a, SIP/2.0/TCP b"),
            ("X-Own", "1"),
        ];
        let shown = item.sip_headers.iter();
        assert!(shown.map(|(name, value)| (&**name, &**value)).eq(headers));
        assert_eq!((&*item.body, item.call), ("hi", Some(call.to_string())));
    }

    #[test]
    fn a_response_is_shown_with_the_method_it_answers() {
        let text = "SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n";
        let item = of(&line(false, text), None);
        assert_eq!(item.kind, SipLogType::Response);
        assert_eq!((&*item.status_code, &*item.reason), ("486", "Busy Here"));
        assert_eq!((&*item.method, &*item.request_uri), ("INVITE", ""));
        assert_eq!(
            (&*item.src_ip, &*item.dst_ip),
            ("2001:db8::1", "2001:db8::7")
        );
        assert_eq!(item.direction, SipLogDirection::Out);
    }
}
