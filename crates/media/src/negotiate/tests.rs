use proptest::prelude::*;

use super::*;
use crate::Codec;

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";
const OTHER_SUITE: &str = "AES_CM_128_HMAC_SHA1_32";
const ORIGIN: Origin = Origin {
    session: 7,
    version: 1,
};

fn device() -> Endpoint {
    Endpoint {
        address: "192.0.2.10".parse().unwrap(),
        port: 40_000,
        codec: Codec::Pcma,
        telephone_event: Some(101),
        crypto: Vec::new(),
    }
}

fn key(tag: u32, suite: &str) -> Crypto {
    Crypto {
        tag,
        suite: suite.into(),
        config: format!("inline:KEY{tag}"),
    }
}

fn keyed(tag: u32, suite: &str) -> Endpoint {
    Endpoint {
        crypto: vec![key(tag, suite)],
        ..device()
    }
}

/// A description with everything above the m-lines in place.
fn sdp(below: &str) -> Vec<u8> {
    format!("v=0\no=alice 1 1 IN IP4 198.51.100.1\ns=-\nc=IN IP4 198.51.100.1\nt=0 0\n{below}")
        .replace('\n', "\r\n")
        .into_bytes()
}

fn answered(below: &str, local: &Endpoint) -> String {
    String::from_utf8(answer(&sdp(below), local, ORIGIN).unwrap()).unwrap()
}

fn lines(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[test]
fn an_offer_of_plain_rtp_is_written_whole() {
    let expected = lines(
        "v=0\no=- 7 1 IN IP4 192.0.2.10\ns=-\nc=IN IP4 192.0.2.10\nt=0 0\n\
         m=audio 40000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\n\
         a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\n",
    );
    assert_eq!(
        String::from_utf8(offer(&device(), ORIGIN)).unwrap(),
        expected
    );
}

#[test]
fn an_offer_with_keys_says_savp_and_carries_them_untouched() {
    let local = Endpoint {
        address: "2001:db8::7".parse().unwrap(),
        codec: Codec::Gsm,
        telephone_event: None,
        crypto: vec![key(1, SUITE), key(2, OTHER_SUITE)],
        ..device()
    };
    let expected = lines(
        "v=0\no=- 7 1 IN IP6 2001:db8::7\ns=-\nc=IN IP6 2001:db8::7\nt=0 0\n\
         m=audio 40000 RTP/SAVP 3\na=rtpmap:3 GSM/8000\na=ptime:20\na=sendrecv\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY1\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:KEY2\n",
    );
    assert_eq!(String::from_utf8(offer(&local, ORIGIN)).unwrap(), expected);
}

#[test]
fn the_peers_first_known_codec_is_taken_and_all_are_listed() {
    let remote = read_offer(&sdp(
        "m=audio 5004 RTP/AVP 9 0 8 3 0 101\na=rtpmap:101 telephone-event/8000\n",
    ))
    .unwrap();
    assert_eq!(
        remote,
        Remote {
            address: "198.51.100.1".parse().unwrap(),
            port: 5004,
            codec: Codec::Pcmu,
            codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::Gsm],
            telephone_event: Some(101),
            crypto: vec![],
            direction: Direction::SendRecv,
        }
    );
}

#[test]
fn dynamic_payload_types_count_by_name_and_clock_rate() {
    let remote = read_offer(&sdp(
        "m=audio 5004 RTP/AVP 96 97 98 99 100\na=rtpmap:96 opus/48000/2\na=rtpmap:97 gsm/8000/1\n\
         a=rtpmap:98 PCMA/16000\na=rtpmap:99 telephone-event/48000\na=rtpmap:100 telephone-event/8000\n",
    ))
    .unwrap();
    assert_eq!(remote.codecs, [Codec::Gsm]);
    assert_eq!(remote.telephone_event, Some(100));
}

#[test]
fn a_static_number_mapped_to_something_else_means_something_else() {
    let error = read_offer(&sdp("m=audio 5004 RTP/AVP 0\na=rtpmap:0 L16/44100/2\n")).unwrap_err();
    assert_eq!(
        error,
        OfferError::NoKnownCodec {
            offered: vec!["L16".into()]
        }
    );
}

#[test]
fn lines_of_the_stream_win_over_lines_of_the_session() {
    let body = "a=sendonly\nm=audio 5004/2 RTP/AVP 0\nc=IN IP6 2001:db8::1\na=recvonly\n";
    let remote = read_offer(&sdp(body)).unwrap();
    assert_eq!(
        remote.address,
        "2001:db8::1".parse::<std::net::IpAddr>().unwrap()
    );
    assert_eq!(remote.direction, Direction::RecvOnly);
    let remote = read_offer(&sdp("a=sendonly\nm=audio 5004 RTP/AVP 0\n")).unwrap();
    assert_eq!(remote.direction, Direction::SendOnly);
}

#[test]
fn bare_line_feeds_and_text_in_other_alphabets_are_read() {
    let body = b"v=0\ns=caf\xe9\nc=IN IP4 198.51.100.1\nm=audio 5004 RTP/AVP 8\na=x:\xff\n";
    assert_eq!(read_offer(body).unwrap().codec, Codec::Pcma);
}

#[test]
fn an_unspecified_address_is_hold_in_the_old_way() {
    for (address, written, meant, mirrored) in [
        ("IP4 0.0.0.0", "sendrecv", Direction::SendOnly, "recvonly"),
        ("IP4 0.0.0.0", "sendonly", Direction::SendOnly, "recvonly"),
        ("IP6 ::", "recvonly", Direction::Inactive, "inactive"),
        ("IP4 0.0.0.0", "inactive", Direction::Inactive, "inactive"),
    ] {
        let body = format!("m=audio 5004 RTP/AVP 8\nc=IN {address}\na={written}\n");
        assert_eq!(read_offer(&sdp(&body)).unwrap().direction, meant);
        let answer = answered(&body, &device());
        assert!(answer.contains(&format!("a={mirrored}\r\n")), "{answer}");
    }
}

#[test]
fn an_answer_keeps_every_m_line_in_its_place_and_the_offers_numbers() {
    let body = "m=video 5000 RTP/AVP 31 34\na=rtpmap:31 H261/90000\n\
        m=audio 5004 RTP/AVP 0 96 97\na=rtpmap:96 PCMA/8000\na=rtpmap:97 telephone-event/8000\n\
        a=ptime:30\na=sendonly\na=rtcp-mux\na=candidate:1 1 UDP 1 198.51.100.1 5004 typ host\n\
        m=audio 5006 RTP/AVP 8\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n";
    let expected = lines(
        "v=0\no=- 7 1 IN IP4 192.0.2.10\ns=-\nc=IN IP4 192.0.2.10\nt=0 0\n\
         m=video 0 RTP/AVP 31\n\
         m=audio 40000 RTP/AVP 96 97\na=rtpmap:96 PCMA/8000\n\
         a=rtpmap:97 telephone-event/8000\na=fmtp:97 0-15\na=ptime:30\na=recvonly\n\
         m=audio 0 RTP/AVP 8\n\
         m=application 0 UDP/DTLS/SCTP webrtc-datachannel\n",
    );
    assert_eq!(answered(body, &device()), expected);
}

#[test]
fn the_answer_repeats_the_time_of_the_offer() {
    let offer =
        b"v=0\r\nc=IN IP4 198.51.100.1\r\nt=3034423619 3042462419\r\nm=audio 5004 RTP/AVP 8\r\n";
    let answer = String::from_utf8(answer(offer, &device(), ORIGIN).unwrap()).unwrap();
    assert!(
        answer.contains("\r\nt=3034423619 3042462419\r\n"),
        "{answer}"
    );
}

#[test]
fn telephone_events_are_answered_only_when_both_sides_have_them() {
    let without = Endpoint {
        telephone_event: None,
        ..device()
    };
    let offered = "m=audio 5004 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000\n";
    for (body, local, m_line) in [
        (offered, &device(), "m=audio 40000 RTP/AVP 8 96\r\n"),
        (offered, &without, "m=audio 40000 RTP/AVP 8\r\n"),
        (
            "m=audio 5004 RTP/AVP 8\n",
            &device(),
            "m=audio 40000 RTP/AVP 8\r\n",
        ),
    ] {
        let answer = answered(body, local);
        assert!(answer.contains(m_line), "{answer}");
        assert_eq!(
            answer.contains("telephone-event"),
            m_line.ends_with("96\r\n")
        );
    }
}

#[test]
fn the_mirrored_profile_is_the_offered_one() {
    for profile in ["RTP/AVP", "RTP/AVPF"] {
        let answer = answered(&format!("m=audio 5004 {profile} 8\n"), &device());
        assert!(
            answer.contains(&format!("m=audio 40000 {profile} 8\r\n")),
            "{answer}"
        );
    }
}

#[test]
fn a_codec_that_was_not_offered_is_refused_with_what_was() {
    let offer = sdp("m=audio 5004 RTP/AVP 9 0 96\na=rtpmap:96 telephone-event/8000\n");
    let error = answer(&offer, &device(), ORIGIN).unwrap_err();
    assert_eq!(
        error,
        AnswerError::CodecNotOffered {
            offered: vec!["G722".into(), "PCMU".into()]
        }
    );
    assert_eq!(
        error.to_string(),
        "the codec was not offered: the peer offers G722, PCMU"
    );
}

#[test]
fn the_answered_key_carries_the_tag_of_the_suite_it_takes_up() {
    let offer = format!(
        "m=audio 5004 RTP/SAVP 8\na=crypto:3 {OTHER_SUITE} inline:A\na=crypto:4 {SUITE} inline:B\n"
    );
    for (tag, written) in [(1, 4), (4, 4)] {
        let answer = answered(&offer, &keyed(tag, SUITE));
        assert!(answer.contains("m=audio 40000 RTP/SAVP 8\r\n"), "{answer}");
        let line = format!("a=crypto:{written} {SUITE} inline:KEY{tag}\r\n");
        assert!(answer.contains(&line), "{answer}");
        assert_eq!(answer.matches("a=crypto").count(), 1);
    }
}

#[test]
fn a_key_with_the_offered_tag_wins_over_an_earlier_one_without() {
    let local = Endpoint {
        crypto: vec![key(9, OTHER_SUITE), key(2, SUITE)],
        ..device()
    };
    let offer = format!(
        "m=audio 5004 RTP/SAVP 8\na=crypto:1 {OTHER_SUITE} inline:A\na=crypto:2 {SUITE} inline:B\n"
    );
    let answer = answered(&offer, &local);
    assert!(
        answer.contains(&format!("a=crypto:2 {SUITE} inline:KEY2\r\n")),
        "{answer}"
    );
}

#[test]
fn keys_that_do_not_fit_the_offer_are_refused_with_the_offered_suites() {
    let secure = format!("m=audio 5004 RTP/SAVP 8\na=crypto:1 {SUITE} inline:SECRET\n");
    for (body, local, offered) in [
        (secure.as_str(), device(), vec![SUITE.to_owned()]),
        (secure.as_str(), keyed(1, OTHER_SUITE), vec![SUITE.into()]),
        ("m=audio 5004 RTP/AVP 8\n", keyed(1, SUITE), vec![]),
    ] {
        let error = answer(&sdp(body), &local, ORIGIN).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"));
        assert_eq!(error, AnswerError::CryptoMismatch { offered });
    }
}

#[test]
fn keys_offered_beside_plain_rtp_may_be_taken_or_left() {
    let offer = format!("m=audio 5004 RTP/AVP 8\na=crypto:1 {SUITE} inline:A\n");
    assert!(!answered(&offer, &device()).contains("crypto"));
    assert!(answered(&offer, &keyed(1, SUITE)).contains("a=crypto:1"));
}

#[test]
fn fields_of_a_device_cannot_become_lines_of_their_own() {
    let mut local = keyed(1, SUITE);
    local.crypto[0].config = "inline:K\r\na=sendonly\r\nm=video 1 RTP/AVP 31".into();
    let text = String::from_utf8(offer(&local, ORIGIN)).unwrap();
    assert!(text.ends_with(&format!("a=crypto:1 {SUITE} inline:K\r\n")));
    assert_eq!(text.matches("m=").count(), 1);
}

#[test]
fn what_is_no_sdp_is_a_bad_request() {
    let long = [b'a'; crate::MAX_BYTES + 1];
    let many_lines = sdp(&"a=x\n".repeat(crate::MAX_LINES));
    let many_media = sdp(&"m=audio 5004 RTP/AVP 8\n".repeat(crate::MAX_MEDIA + 1));
    for body in [
        &b""[..],
        b"\r\n\r\n",
        b"hello",
        b"v=1\r\nm=audio 5004 RTP/AVP 8\r\n",
        b"m=audio 5004 RTP/AVP 8\r\nv=0\r\n",
        b"v=0\r\nnonsense\r\n",
        b"v=0\r\nm=audio\r\n",
        b"v=0\r\nm=audio 5004 RTP/AVP\r\n",
        b"v=0\r\nm=audio 70000 RTP/AVP 8\r\n",
        b"v=0\r\nm=audio -1 RTP/AVP 8\r\n",
        b"v=0\r\nm=au\x01dio 5004 RTP/AVP 8\r\n",
        b"v=0\r\nc=IN IP4\r\nm=audio 5004 RTP/AVP 8\r\n",
        b"v=0\r\nm=audio 5004 RTP/AVP 8\r\n",
        &long,
        &many_lines,
        &many_media,
    ] {
        let error = read_offer(body).unwrap_err();
        assert!(matches!(error, OfferError::Malformed(_)), "{error}");
        assert_eq!(error.status(), 400);
        assert!(answer(body, &device(), ORIGIN).is_err());
    }
}

#[test]
fn what_cannot_be_answered_is_not_acceptable_here() {
    let dtls = "m=audio 5004 UDP/TLS/RTP/SAVPF 0\na=fingerprint:sha-256 00\n";
    for (body, shown) in [
        ("", "the SDP has no usable audio stream"),
        (
            "m=video 5000 RTP/AVP 31\n",
            "the SDP has no usable audio stream",
        ),
        (
            "m=audio 0 RTP/AVP 0\n",
            "the SDP has no usable audio stream",
        ),
        (
            "m=audio 5004 RTP/AVP 9 18\n",
            "no codec in common: the peer has G722, G729",
        ),
        (
            dtls,
            "the media profile UDP/TLS/RTP/SAVPF is not supported: only RTP/AVP and RTP/SAVP with SDES keys are",
        ),
        (
            "m=audio 5004 RTP/SAVP 0\n",
            "the media profile RTP/SAVP is not supported: it carries no SDES keys",
        ),
        (
            "m=audio 5004 RTP/AVP 0\nc=IN IP4 phone.example.com\n",
            "the media address phone.example.com is not a unicast IP address",
        ),
        (
            "m=audio 5004 RTP/AVP 0\nc=IN IP4 224.2.1.1/127\n",
            "the media address 224.2.1.1/127 is not a unicast IP address",
        ),
    ] {
        let error = read_offer(&sdp(body)).unwrap_err();
        assert_eq!(error.status(), 488);
        assert_eq!(error.to_string(), shown);
    }
}

#[test]
fn a_stream_that_cannot_be_answered_is_passed_over_for_one_that_can() {
    let body = "m=audio 5002 UDP/TLS/RTP/SAVPF 0\nm=audio 5004 RTP/AVP 8\n";
    assert_eq!(read_offer(&sdp(body)).unwrap().port, 5004);
    let answer = answered(body, &device());
    assert!(
        answer.ends_with(&lines(
            "m=audio 0 UDP/TLS/RTP/SAVPF 0\nm=audio 40000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=sendrecv\n"
        )),
        "{answer}"
    );
}

#[test]
fn an_answer_to_our_offer_must_take_up_our_codec() {
    let body = sdp("m=audio 6000 RTP/AVP 0 8 96\na=rtpmap:96 telephone-event/8000\n");
    let remote = read_answer(&device(), &body).unwrap();
    assert_eq!(remote.codecs, [Codec::Pcma]);
    assert_eq!(remote.telephone_event, Some(96));
    assert_eq!(
        read_answer(&device(), &sdp("m=audio 6000 RTP/AVP 0\n")),
        Err(OfferError::NoKnownCodec {
            offered: vec!["PCMU".into()]
        })
    );
    for refused in ["", "m=audio 0 RTP/AVP 8\n", "m=video 5000 RTP/AVP 31\n"] {
        assert_eq!(
            read_answer(&device(), &sdp(refused)),
            Err(OfferError::NoAudio)
        );
    }
}

#[test]
fn telephone_events_we_did_not_offer_are_not_taken_from_an_answer() {
    let local = Endpoint {
        telephone_event: None,
        ..device()
    };
    let body = sdp("m=audio 6000 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000\n");
    assert_eq!(read_answer(&local, &body).unwrap().telephone_event, None);
}

#[test]
fn an_answer_cannot_drop_or_swap_the_offered_keys() {
    let local = keyed(1, SUITE);
    let good = format!("m=audio 6000 RTP/SAVP 8\na=crypto:1 {SUITE} inline:B\n");
    assert_eq!(
        read_answer(&local, &sdp(&good)).unwrap().crypto[0].config,
        "inline:B"
    );
    for bad in [
        "m=audio 6000 RTP/AVP 8\n".to_owned(),
        format!("m=audio 6000 RTP/SAVP 8\na=crypto:2 {SUITE} inline:B\n"),
        format!("m=audio 6000 RTP/SAVP 8\na=crypto:1 {OTHER_SUITE} inline:B\n"),
    ] {
        assert_eq!(
            read_answer(&local, &sdp(&bad)),
            Err(OfferError::CryptoRefused)
        );
    }
    assert_eq!(
        read_answer(&device(), &sdp(&good)),
        Err(OfferError::CryptoRefused)
    );
}

fn endpoints() -> impl Strategy<Value = Endpoint> {
    let codec = prop_oneof![Just(Codec::Pcmu), Just(Codec::Pcma), Just(Codec::Gsm)];
    let crypto = prop::collection::vec((1_u32..1_000, "[A-Z0-9]{1,12}_[0-9]{1,3}"), 0..3);
    (
        any::<std::net::IpAddr>(),
        1_u16..,
        codec,
        prop::option::of(96_u8..128),
        crypto,
    )
        .prop_filter("no multicast", |(address, ..)| !address.is_multicast())
        .prop_map(|(address, port, codec, telephone_event, keys)| Endpoint {
            address,
            port,
            codec,
            telephone_event,
            crypto: keys.iter().map(|(tag, suite)| key(*tag, suite)).collect(),
        })
}

proptest! {
    #[test]
    fn what_one_device_offers_another_with_the_same_codec_can_answer(
        caller in endpoints(),
        callee in endpoints(),
    ) {
        let offered = offer(&caller, ORIGIN);
        let seen = read_offer(&offered).unwrap();
        prop_assert_eq!(seen.address, caller.address);
        prop_assert_eq!(seen.port, caller.port);
        prop_assert_eq!(&seen.codecs, &[caller.codec]);
        prop_assert_eq!(seen.telephone_event, caller.telephone_event);
        prop_assert_eq!(&seen.crypto, &caller.crypto);

        let callee = Endpoint {
            codec: caller.codec,
            crypto: caller.crypto.iter().take(1).cloned().collect(),
            ..callee
        };
        let answered = answer(&offered, &callee, ORIGIN).unwrap();
        let heard = read_answer(&caller, &answered).unwrap();
        prop_assert_eq!(heard.address, callee.address);
        prop_assert_eq!(heard.port, callee.port);
        prop_assert_eq!(heard.codec, caller.codec);
        prop_assert_eq!(heard.crypto.len(), callee.crypto.len());
    }

    #[test]
    fn an_answer_has_as_many_m_lines_as_the_offer(
        streams in prop::collection::vec(
            ("(audio|video|image|text)", 0_u16..3, "(RTP/AVP|RTP/SAVP|udptl|UDP/TLS/RTP/SAVPF)", "[0-9]{1,3}( [0-9]{1,3}){0,3}"),
            0..8,
        ),
    ) {
        let mut body = String::new();
        for (kind, port, profile, formats) in &streams {
            body.push_str(&format!("m={kind} {port} {profile} {formats}\n"));
        }
        if let Ok(answer) = answer(&sdp(&body), &device(), ORIGIN) {
            let text = String::from_utf8(answer).unwrap();
            let kinds: Vec<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix("m="))
                .filter_map(|line| line.split(' ').next())
                .collect();
            let offered: Vec<&str> = streams.iter().map(|(kind, ..)| kind.as_str()).collect();
            prop_assert_eq!(kinds, offered);
            prop_assert_eq!(text.matches("m=audio 40000 ").count(), 1);
        }
    }

    #[test]
    fn no_input_makes_the_reader_panic_and_every_answer_can_be_read_again(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("m=audio 5004 RTP/AVP 8 0".to_owned()),
                Just("c=IN IP4 198.51.100.1".to_owned()),
                Just("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x".to_owned()),
                Just("a=rtpmap:8 PCMA/8000".to_owned()),
                "[a-z]=[ -~]{0,40}",
                "[\\x00-\\x7f]{0,20}",
                "\\PC{0,12}",
            ],
            0..12,
        ),
    ) {
        let body = format!("v=0\r\n{}", pieces.join("\r\n"));
        let read = read_offer(body.as_bytes());
        if let Ok(answer) = answer(body.as_bytes(), &device(), ORIGIN) {
            prop_assert!(read.is_ok());
            prop_assert!(crate::sdp::parse(&answer).is_ok());
        }
        crate::redact(body.as_bytes());
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_offer(&body);
        let _ = answer(&body, &device(), ORIGIN);
        let _ = read_answer(&device(), &body);
        let _ = crate::redact(&body);
    }

    #[test]
    fn redaction_leaves_no_key_behind(
        tag in "[0-9]{0,3}", gap in "[ \t]{0,2}", suite in "[A-Z_0-9]{0,12}", end in "(\r\n|\n|\r)",
    ) {
        let body = format!("v=0{end}a=crypto:{tag}{gap}{suite} inline:sEcReT|2^20{end}a=x{end}");
        let shown = String::from_utf8(crate::redact(body.as_bytes())).unwrap();
        prop_assert!(!shown.contains("sEcReT"), "{}", shown);
        let tail = format!("a=x{end}");
        prop_assert!(shown.ends_with(&tail));
    }
}
