//! What peers say: messages as no user agent of ours would write them, from a few decisions.

use std::net::{IpAddr, SocketAddr};

use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{HeaderName, Message};

use super::choices::Choices;

const PLAIN: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
const SECURE: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 40000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PEERSECRETPEERSECRETPEERSECRET\r\n";
const HELD: &str = "v=0\r\no=- 1 2 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
    m=audio 40002 RTP/AVP 8\r\na=sendonly\r\n";
const REFUSED: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 0 RTP/AVP 8\r\n";
const BODIES: [&str; 6] = ["", PLAIN, SECURE, HELD, REFUSED, "v=1"];

/// Field lines a message may carry beyond what it must.
const EXTRAS: [&str; 16] = [
    "",
    "Supported: timer, 100rel\r\n",
    "Require: 100rel\r\n",
    "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n",
    "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n",
    "Session-Expires: 5\r\nMin-SE: 5\r\n",
    "Require: 100rel\r\nRSeq: 1\r\n",
    "Require: 100rel\r\nRSeq: 2\r\n",
    "RAck: 1 1 INVITE\r\n",
    "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\r\n",
    "Record-Route: <sip:192.0.2.9;lr>, <sip:198.51.100.8;transport=tcp;lr>\r\n",
    "Expires: 4\r\n",
    "Retry-After: 3\r\n",
    "Min-SE: 900\r\n",
    "Reason: Q.850;cause=17;text=\"busy\"\r\n",
    "Content-Disposition: session;handling=optional\r\n",
];

const USERS: [&str; 7] = [
    "1001",
    "1002",
    "drill-answer",
    "drill-busy",
    "drill-noanswer",
    "drill-nobody",
    "555",
];

/// A way between us and a peer.
pub(super) fn flow(choices: &mut Choices<'_>) -> Flow {
    let kind = choices.byte();
    let host: IpAddr = match kind & 7 {
        6 => [192, 0, 2, 200].into(),
        7 => [127, 0, 0, 1].into(),
        last => [198, 51, 100, 7 + last / 3].into(),
    };
    let by_stream = kind & 8 != 0;
    Flow {
        transport: if by_stream {
            Transport::Tcp
        } else {
            Transport::Udp
        },
        listener: u16::from(by_stream),
        peer: SocketAddr::new(host, 5_060),
        connection: if by_stream { u32::from(kind >> 4) } else { 0 },
    }
}

fn extras(choices: &mut Choices<'_>) -> String {
    let kind = choices.byte();
    let one = EXTRAS[usize::from(kind & 15)];
    let two = EXTRAS[usize::from(kind >> 4)];
    if one == two {
        one.to_owned()
    } else {
        format!("{one}{two}")
    }
}

fn body(choices: &mut Choices<'_>) -> String {
    let body = choices.pick(&BODIES);
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A request of one of four callers, outside a dialog or with the tag that we gave it.
pub(super) fn request(
    choices: &mut Choices<'_>,
    tag_of: impl Fn(&str) -> Option<String>,
) -> String {
    let who = choices.byte();
    let (caller, is_dialog) = (who & 3, who & 4 != 0);
    let method = match is_dialog {
        true => choices.pick(&[
            "ACK", "BYE", "INVITE", "UPDATE", "PRACK", "INFO", "OPTIONS", "REFER",
        ]),
        false => choices.pick(&[
            "INVITE", "CANCEL", "ACK", "OPTIONS", "INVITE", "MESSAGE", "REGISTER", "BYE",
        ]),
    };
    let user = USERS[usize::from(who >> 4) % USERS.len()];
    let number = choices.byte();
    let cseq = match method {
        "ACK" | "CANCEL" => 1 + u32::from(number & 3),
        _ if is_dialog => 1 + u32::from(number & 15),
        _ => 1,
    };
    let branch = match method {
        "CANCEL" => format!("INVITE{cseq}{user}"),
        "INVITE" if !is_dialog => format!("INVITE{cseq}{user}"),
        _ => format!("{method}{cseq}{number}"),
    };
    let call_id = format!("call-{caller}@198.51.100.7");
    let tag = is_dialog.then(|| tag_of(&call_id)).flatten();
    let tag = tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
    let transport = if number & 16 == 0 { "UDP" } else { "TCP" };
    format!(
        "{method} sip:{user}@a.example SIP/2.0\r\nVia: SIP/2.0/{transport} 198.51.100.7:5060;branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+46700@c.example>;tag=caller{caller}\r\nTo: <sip:{user}@a.example>{tag}\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:alice@198.51.100.7:5060>\r\n{}{}",
        extras(choices),
        body(choices)
    )
}

/// A response to one of our requests.
pub(super) fn response(choices: &mut Choices<'_>, request: &[u8]) -> Option<String> {
    const STATUSES: [u16; 20] = [
        100, 180, 183, 200, 200, 202, 302, 400, 401, 408, 422, 481, 486, 487, 488, 491, 500, 503,
        603, 199,
    ];
    let request = Message::parse(request).ok()?;
    let status = choices.pick(&STATUSES);
    let tag = choices.pick(&["a", "b", "c", ""]);
    let to = request.header(HeaderName::To)?;
    let tag = if to.contains("tag=") || tag.is_empty() {
        String::new()
    } else {
        format!(";tag={tag}")
    };
    Some(format!(
        "SIP/2.0 {status} So It Is\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:bob@198.51.100.7:5060>\r\n{}{}",
        request.header(HeaderName::Via)?,
        request.header(HeaderName::From)?,
        request.header(HeaderName::CallId)?,
        request.header(HeaderName::CSeq)?,
        extras(choices),
        body(choices)
    ))
}

/// A request of somebody we called, in the dialog that our request made.
pub(super) fn callback(choices: &mut Choices<'_>, ours: &[u8]) -> Option<String> {
    let ours = Message::parse(ours).ok()?;
    let method = choices.pick(&[
        "BYE", "INVITE", "UPDATE", "INFO", "OPTIONS", "ACK", "PRACK", "CANCEL",
    ]);
    let tag = choices.pick(&["a", "b", "c", "d"]);
    let cseq = 1 + choices.byte() % 16;
    let to = ours.header(HeaderName::To)?;
    let tag = if to.contains("tag=") {
        String::new()
    } else {
        format!(";tag={tag}")
    };
    Some(format!(
        "{method} sip:us@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKback{method}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: {to}{tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:bob@198.51.100.7:5060>\r\n{}{}",
        ours.header(HeaderName::From)?,
        ours.header(HeaderName::CallId)?,
        extras(choices),
        body(choices)
    ))
}
