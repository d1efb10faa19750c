//! Any octets as a session description, for any device.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookswitch_media::{
    AnswerError, Codec, Crypto, Endpoint, MAX_MEDIA, OfferError, Origin, Remote, answer, offer,
    read_answer, read_offer, redact,
};

const ORIGIN: Origin = Origin {
    session: 7,
    version: 1,
};
/// No sentence about a description is longer, whatever the peer wrote.
const LONGEST_SENTENCE: usize = 4_096;

/// A description is read or refused; what is answered has the offer's shape and can be read by the offerer; and no
/// key is seen in what is written to logs.
///
/// The first octet says what the device is like, the rest is the description.
pub fn parse_sdp(bytes: &[u8]) {
    let Some((&kind, body)) = bytes.split_first() else {
        return;
    };
    let local = device(kind);
    let remote = read_offer(body);
    match &remote {
        Ok(remote) => is_usable(remote),
        Err(error) => is_told(error),
    }
    match answer(body, &local, ORIGIN) {
        Ok(answered) => is_an_answer(body, &local, remote.as_ref(), &answered),
        Err(AnswerError::Malformed(error)) => assert_eq!(Some(error), remote.clone().err()),
        Err(error) => assert!(error.to_string().len() < LONGEST_SENTENCE),
    }
    let _ = read_answer(&local, body).map(|remote| is_usable(&remote));
    shows_no_key(body, remote.as_ref().ok());
}

/// A device whose traits are the bits of `kind`.
fn device(kind: u8) -> Endpoint {
    let has = |bit: u8| kind & (1 << bit) != 0;
    let address: IpAddr = match has(0) {
        true => Ipv6Addr::LOCALHOST.into(),
        false => Ipv4Addr::new(192, 0, 2, 1).into(),
    };
    let key = |tag, suite: &str| Crypto {
        tag,
        suite: suite.to_owned(),
        config: "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz".to_owned(),
    };
    let keys = [
        (has(4), key(1, "AES_CM_128_HMAC_SHA1_80")),
        (has(5), key(2, "AES_CM_128_HMAC_SHA1_32")),
    ];
    Endpoint {
        address,
        port: 4_000,
        codec: Codec::ALL[usize::from(kind >> 6) % Codec::ALL.len()],
        telephone_event: has(1).then_some(101),
        crypto: keys
            .into_iter()
            .filter_map(|(has, key)| has.then_some(key))
            .collect(),
    }
}

fn is_usable(remote: &Remote) {
    assert_ne!(remote.port, 0);
    assert_eq!(remote.codecs.first(), Some(&remote.codec));
    assert!(remote.codecs.len() <= Codec::ALL.len());
    assert!(!remote.address.is_multicast());
}

fn is_told(error: &OfferError) {
    let sentence = error.to_string();
    assert!(sentence.len() < LONGEST_SENTENCE, "{sentence}");
    assert!(!sentence.contains(char::is_control), "{sentence:?}");
    assert!(matches!(error.status(), 400 | 488));
}

fn is_an_answer(
    body: &[u8],
    local: &Endpoint,
    remote: Result<&Remote, &OfferError>,
    answered: &[u8],
) {
    let remote = remote.expect("what can be answered can be read");
    assert!(remote.codecs.contains(&local.codec));
    let text = std::str::from_utf8(answered).expect("we write UTF-8");
    assert!(
        text.split("\r\n").all(|line| !line.contains(['\r', '\n'])),
        "{text:?}"
    );
    assert_eq!(streams(answered), streams(body), "{text}");
    assert!(streams(answered) <= MAX_MEDIA);
    let seen = read_offer(answered).expect("an answer reads like any description");
    assert_eq!((seen.address, seen.port), (local.address, local.port));
    assert_eq!(seen.codecs, [local.codec]);
    assert_eq!(seen.direction, remote.direction.mirrored(), "{text}");
    if seen.telephone_event.is_some() {
        assert_eq!(seen.telephone_event, remote.telephone_event);
    }
    let is_keyed = !remote.crypto.is_empty() && !local.crypto.is_empty();
    assert!(seen.crypto.is_empty() || is_keyed, "{text}");
}

/// How many m-lines a description has.
fn streams(body: &[u8]) -> usize {
    let lines = body.split(|&byte| byte == b'\n');
    lines.filter(|line| line.starts_with(b"m=")).count()
}

/// Nothing of a key is left in what logs show, and what they show stays as it is.
fn shows_no_key(body: &[u8], remote: Option<&Remote>) {
    let shown = redact(body);
    assert_eq!(redact(&shown), shown);
    let shown = String::from_utf8_lossy(&shown);
    for crypto in remote
        .map(|remote| remote.crypto.as_slice())
        .unwrap_or_default()
    {
        let key = crypto.config.as_str();
        // What stands in another line too is no secret of the peer's, and what stands for a key is none.
        if !outside_of_keys(body).contains(key) && !"inline:***".starts_with(key) {
            assert!(!shown.contains(key), "{shown}");
            assert!(!format!("{crypto:?}").contains(key));
        }
    }
    let own = offer(&device(0b0011_0000), ORIGIN);
    assert!(!String::from_utf8_lossy(&redact(&own)).contains("WVNf"));
}

/// The lines that carry no keys.
fn outside_of_keys(body: &[u8]) -> String {
    let lines = body.split(|byte| matches!(byte, b'\r' | b'\n'));
    let open = lines.filter(|line| !line.starts_with(b"a=crypto:"));
    let open: Vec<&[u8]> = open.collect();
    String::from_utf8_lossy(&open.join(&b'\n')).into_owned()
}
