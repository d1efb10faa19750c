//! How long parsing a 1 kB INVITE takes, with the header fields every user agent reads.
//!
//! `cargo run --release -p hookswitch-sip --example parse_speed`

use std::hint::black_box;

use hookswitch_sip::message::{Message, next_frame, peek_call_id};

const HEAD: &str = "INVITE sip:+13145551111@pbx.biloxi.example.com;user=phone SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74bf9a2c1d;rport\r\n\
Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74b43;received=192.0.2.101\r\n\
Record-Route: <sip:ss1.atlanta.example.com;lr>\r\n\
Max-Forwards: 69\r\n\
From: \"Alice Liddell\" <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n\
To: \"Bob\" <sip:+13145551111@pbx.biloxi.example.com>\r\n\
Call-ID: 2xTb9vxSit55XU7p8-3848276298220188511@atlanta.example.com\r\n\
CSeq: 1 INVITE\r\n\
Contact: <sip:alice@client.atlanta.example.com:5060;transport=udp>\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE, PRACK\r\n\
Supported: timer, 100rel, replaces\r\n\
Session-Expires: 1800\r\n\
User-Agent: Speedphone 7.2\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 211\r\n\r\n";

const BODY: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.101\r\ns=-\r\nc=IN IP4 192.0.2.101\r\n\
t=0 0\r\nm=audio 49172 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it measures"
)]
fn measure<T>(what: &str, message: &[u8], work: impl Fn(&[u8]) -> T) {
    let run = |_| {
        let start = std::time::Instant::now();
        (0..20_000).for_each(|_| drop(black_box(work(black_box(message)))));
        start.elapsed() / 20_000
    };
    println!("{what}: {:?}", (0..15).map(run).min().unwrap_or_default());
}

fn main() {
    let bytes = [HEAD.as_bytes(), BODY.as_bytes()].concat();
    measure("parse and read the essential fields", &bytes, |bytes| {
        let message = Message::parse(bytes).expect("the message is well-formed");
        let (via, from, to) = (message.via(), message.from(), message.to());
        let (call_id, cseq, contact) = (message.call_id(), message.cseq(), message.contact());
        black_box((&via, &from, &to, &call_id, &cseq, &contact));
        black_box((&message.max_forwards(), &message.content_type()));
    });
    measure("parse alone", &bytes, |bytes| Message::parse(bytes).is_ok());
    measure("parse and look for defects", &bytes, |bytes| {
        Message::parse(bytes).map(|it| it.defect())
    });
    measure("frame", &bytes, next_frame);
    measure("peek_call_id", &bytes, |bytes| {
        peek_call_id(bytes).is_some()
    });
}
