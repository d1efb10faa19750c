//! What must hold for every input, found by chance: no panics, the same answer from every reader, and texts that
//! come back as they were written.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Looks at everything a message offers.
fn read_all(message: &Message<'_>) -> usize {
    let mut seen = message.defect().map_or(0, |defect| defect.reason.len()) + message.body().len();
    seen += usize::from(message.via().is_ok()) + usize::from(message.cseq().is_ok());
    seen += usize::from(message.max_forwards().is_some())
        + usize::from(message.session_expires().is_some());
    seen += usize::from(message.rack().is_some()) + usize::from(message.retry_after().is_some());
    seen += message
        .reason()
        .and_then(|reason| reason.text)
        .map_or(0, |text| text.len());
    seen += message
        .content_type()
        .map_or(0, |media| media.params.iter().count());
    for header in message.headers() {
        seen += message.tokens(header.name).count();
        for address in message.addresses(header.name).flatten() {
            seen +=
                address.display_name().map_or(0, |name| name.len()) + address.params.iter().count();
            seen += address
                .parsed_uri()
                .map_or(0, |uri| uri.user_decoded().map_or(0, |user| user.len()));
        }
    }
    seen
}

/// Lines that look like SIP, to get past the first checks.
fn sip_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("INVITE sip:a@b SIP/2.0\r\n".to_owned()),
        Just("SIP/2.0 200 OK\r\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r\n \t".to_owned()),
        Just("Via: SIP/2.0/UDP [::1]:5060;branch=z9hG4bK\r\n".to_owned()),
        Just("From: \"A, \\\"B\" <sip:a:b@c;x?y=z>;tag=1\r\n".to_owned()),
        Just("l: 3\r\n".to_owned()),
        Just("i: x@y\r\n".to_owned()),
        "(Via|To|m|Contact|Route|CSeq|Reason|RAck|l|Content-Length) ?:[ -~]{0,40}\r\n",
        "[;,<>\"\\\\:@?=%\r\n a-z0-9\u{e9}]{0,30}",
    ];
    vec(piece, 0..14).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_octets_are_parsed_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(message) = Message::parse(&bytes) {
            read_all(&message);
        }
        _ = next_frame(&bytes);
        let utf8 = latin1_to_utf8(&bytes);
        prop_assert_ne!(Message::parse(&utf8).err(), Some(ParseError::NotUtf8));
    }

    #[test]
    fn sip_like_octets_are_read_alike_by_all_readers(bytes in sip_like()) {
        if let Ok(message) = Message::parse(&bytes) {
            read_all(&message);
            let call_ids: Vec<_> = message.all(HeaderName::CallId).collect();
            let expected = call_ids.first().filter(|first| !first.is_empty() && call_ids.iter().all(|id| id == *first));
            prop_assert_eq!(peek_call_id(&bytes), expected.copied());
            if let Ok(Frame::Message { len }) = next_frame(&bytes) {
                prop_assert_eq!(message.bytes(), &bytes[..len]);
            }
        }
    }

    #[test]
    fn a_refused_stream_message_parses_if_it_is_sip(bytes in sip_like()) {
        if let Err(StreamError::Refused { header, .. }) = next_frame(&bytes) {
            prop_assert!(header <= bytes.len());
            let whole = Message::parse(&bytes).map(|message| message.headers().len());
            prop_assert_eq!(Message::parse(&bytes[..header]).map(|message| message.headers().len()), whole);
        }
    }

    #[test]
    fn a_frame_stays_the_same_when_more_arrives(bytes in sip_like(), cut in any::<prop::sample::Index>()) {
        let part = &bytes[..cut.index(bytes.len() + 1)];
        if let Ok(frame @ Frame::Message { .. }) = next_frame(part) {
            prop_assert_eq!(next_frame(&bytes), Ok(frame));
        }
    }

    #[test]
    fn a_written_message_parses_to_what_was_written(
        values in vec("[!-~\u{a1}-\u{ff}]([ -~]{0,30}[!-~])?", 0..10),
        body in vec(any::<u8>(), 0..50),
    ) {
        let mut out = Vec::new();
        let mut writer = Writer::request(&mut out, "OPTIONS", "sip:a@b");
        for value in &values {
            writer.header(HeaderName::Subject, &[value]).raw("X-Any", value);
        }
        writer.finish(Some(("text/plain", &body)));
        let message = Message::parse(&out).unwrap();
        prop_assert_eq!(message.all(HeaderName::Subject).collect::<Vec<_>>(), values.clone());
        prop_assert_eq!(message.all(HeaderName::Other).collect::<Vec<_>>(), values);
        prop_assert_eq!(message.body(), body);
        prop_assert_eq!(next_frame(&out), Ok(Frame::Message { len: out.len() }));
    }

    #[test]
    fn a_quoted_text_comes_back(text in "\\PC{0,40}") {
        let address = format!("{} <sip:a@b>", quote(&text));
        let parsed = NameAddr::parse(&address).unwrap();
        prop_assert_eq!(parsed.display_name().unwrap_or_default(), text.as_str());
        let quoted = quote(&text);
        prop_assert_eq!(unquote(&quoted), text);
    }

    #[test]
    fn every_uri_is_equivalent_to_itself(text in "(sip|SIPS|tel|x):[a-c%4:;=?&@.1\\[\\]-]{1,30}") {
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert!(uri.is_equivalent(&uri));
            prop_assert_eq!(uri.as_str(), text.as_str());
        }
    }
}

/// Every octet that parts something, over and over, in lines as long as lines may be.
#[test]
fn long_runs_of_separators_are_read_and_refused() {
    let fill = [
        "\"", "\\", "<", ">", ";", ",", "=", "\"\"", "<>", ";a", ",\"", "<,", "\"<", ";\"", "%",
        "(", " ", "\\\"",
    ];
    for (name, prefix) in [
        ("Via", "SIP/2.0/UDP a"),
        ("Contact", ""),
        ("From", "<sip:a@b>"),
        ("To", "\""),
        ("Route", "<sip:a"),
    ] {
        for fill in fill {
            let line = format!("{name}: {prefix}{}\r\n", fill.repeat(8_000 / fill.len()));
            let text = format!("REGISTER sip:a@b SIP/2.0\r\n{}\r\n", line.repeat(7));
            let message = Message::parse(text.as_bytes()).unwrap();
            assert_eq!(message.headers().len(), 7, "{name} {fill}");
            assert!(message.defect().is_some());
            assert!(message.tokens(HeaderName::parse(name)).count() <= 7 * 8_000);
            assert!(message.addresses(HeaderName::parse(name)).count() <= 7 * 8_000);
        }
        let unsplit = ",".repeat(60_000);
        assert_eq!(split_list(&unsplit).count(), 0);
        assert_eq!(split_list(&"a,".repeat(30_000)).count(), 30_000);
    }
}
