//! Any octets as one SIP message.

use hookswitch_sip::auth::{Challenge, parameters};
use hookswitch_sip::message::{
    Frame, HeaderName, MAX_MESSAGE, Message, NameAddr, ParseError, Uri, Writer, latin1_to_utf8,
    next_frame, peek_call_id, quote, split_list, unquote,
};

/// The fields that a response repeats (RFC 3261 §8.2.6.2).
const REPEATED: [HeaderName; 5] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
];

/// Octets are parsed or refused, all readers see the same message, and a sound request can be answered so that its
/// sender understands the answer.
pub fn parse_message(bytes: &[u8]) {
    match Message::parse(bytes) {
        Ok(message) => look_at(bytes, &message),
        Err(ParseError::NotUtf8) => {
            let utf8 = latin1_to_utf8(bytes);
            match Message::parse(&utf8) {
                Ok(message) => look_at(&utf8, &message),
                Err(error) => assert_ne!(error, ParseError::NotUtf8, "transcoding is for good"),
            }
        }
        Err(_) => {}
    }
}

fn look_at(bytes: &[u8], message: &Message<'_>) {
    read_all(message);
    readers_agree(bytes, message);
    // What a log or a retransmission keeps is the message itself.
    let again = Message::parse(message.bytes()).expect("a message without its surroundings parses");
    assert_eq!(again.headers(), message.headers());
    assert_eq!(
        (again.body(), again.defect()),
        (message.body(), message.defect())
    );
    if message.is_request() {
        is_answered(message);
    }
}

/// The framer of streams and the dispatcher read what the parser reads.
fn readers_agree(bytes: &[u8], message: &Message<'_>) {
    let mut call_ids = message.all(HeaderName::CallId);
    let first = call_ids.next();
    let expected = first.filter(|first| !first.is_empty() && call_ids.all(|id| id == *first));
    assert_eq!(peek_call_id(bytes), expected);
    if let Ok(Frame::Message { len }) = next_frame(bytes) {
        assert_eq!(message.bytes(), &bytes[..len]);
    }
}

/// A response with the request's own fields parses, is sound where the request was, and says the same.
fn is_answered(request: &Message<'_>) {
    let mut out = Vec::new();
    let mut writer = Writer::response(&mut out, 400, "");
    for name in REPEATED {
        writer.copy(request, name);
    }
    writer.finish(None);
    if out.len() > MAX_MESSAGE {
        return;
    }
    let response = Message::parse(&out).expect("what we write parses");
    for name in REPEATED {
        assert_eq!(
            response.all(name).count(),
            request.all(name).count(),
            "{name:?}"
        );
    }
    if request.defect().is_some() {
        return;
    }
    assert_eq!(response.defect(), None);
    assert_eq!(response.call_id(), request.call_id());
    assert_eq!(response.cseq(), request.cseq());
    let branch = |message: &Message<'_>| message.via().map(|via| via.branch().map(str::to_owned));
    assert_eq!(branch(&response), branch(request));
    let tags = |message: &Message<'_>| {
        [message.from(), message.to()]
            .map(|address| address.ok().and_then(|a| a.tag().map(str::to_owned)))
    };
    assert_eq!(tags(&response), tags(request));
}

/// Looks at everything a message offers, and at every value as everything it could be.
fn read_all(message: &Message<'_>) {
    let _ = (message.max_forwards(), message.session_expires());
    let _ = (message.min_se(), message.expires(), message.rseq());
    let _ = (message.rack(), message.retry_after());
    let _ = message.reason().map(|reason| reason.text.is_some());
    if let Some(kind) = message.content_type() {
        assert!(kind.params.iter().count() <= message.bytes().len());
    }
    assert!(message.session_description().len() <= message.body().len());
    if let Ok(via) = message.via() {
        let _ = (via.received_ip(), via.rport(), via.parsed_host());
    }
    if let Some(uri) = message.request_uri() {
        read_uri(uri);
    }
    for header in message.headers() {
        assert!(split_list(header.value).count() <= header.value.len());
        assert!(parameters(header.value).count() <= header.value.len());
        let _ = Challenge::parse_all(header.value);
        for element in message.tokens(header.name) {
            if let Ok(address) = NameAddr::parse(element) {
                read_address(&address);
            }
        }
    }
}

fn read_address(address: &NameAddr<'_>) {
    let _ = address.tag();
    if let Some(name) = address.display_name() {
        let printable = name.replace(char::is_control, " ");
        assert_eq!(unquote(&quote(&name)), printable);
    }
    read_uri(address.uri);
}

fn read_uri(text: &str) {
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(uri.as_str(), text);
        assert!(uri.is_equivalent(&uri), "{text}");
        let _ = (uri.user_decoded(), uri.transport(), uri.has_lr());
    }
}
