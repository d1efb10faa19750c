//! The examples of RFC 7616 §3.9 and RFC 2617 §3.5, and the rules of RFC 3261 §22 for the client.

use proptest::prelude::*;

use super::*;
use crate::message::{HeaderName, Message};

const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

fn refusal(status: u16, challenges: &[&str]) -> Vec<u8> {
    let kind = if status == 407 {
        "Proxy-Authenticate"
    } else {
        "WWW-Authenticate"
    };
    let mut text = format!("SIP/2.0 {status} No\r\n");
    for challenge in challenges {
        text += &format!("{kind}: {challenge}\r\n");
    }
    (text + "Content-Length: 0\r\n\r\n").into_bytes()
}

fn bob() -> DigestClient {
    with_password("bob", "zanzibar")
}

fn with_password(username: &str, password: &str) -> DigestClient {
    DigestClient::new(Credentials {
        username: username.into(),
        realm: None,
        secret: Secret::Password(password.into()),
    })
}

type Answer = Result<Vec<(HeaderName, String)>, AuthFailure>;

fn invite(client: &mut DigestClient, status: u16, challenges: &[&str]) -> Answer {
    let bytes = refusal(status, challenges);
    client.answer(
        &Message::parse(&bytes).unwrap(),
        "INVITE",
        "sip:a@b",
        b"",
        "c",
    )
}

fn mufasa(challenge: &str, body: &[u8]) -> String {
    let bytes = refusal(401, &[challenge]);
    let mut client = with_password("Mufasa", "Circle of Life");
    let mut answer = client
        .answer(
            &Message::parse(&bytes).unwrap(),
            "GET",
            "/dir/index.html",
            body,
            CNONCE,
        )
        .unwrap();
    answer.pop().unwrap().1
}

fn value<'a>(credentials: &'a str, name: &str) -> Option<std::borrow::Cow<'a, str>> {
    parameters(credentials.strip_prefix("Digest ").unwrap())
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

#[test]
fn the_examples_of_rfc_7616_come_out_for_every_algorithm() {
    let cases = [
        ("MD5", "auth", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "auth",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (
            "SHA-512-256",
            "auth,auth-int",
            "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0",
        ),
        (
            "MD5-sess",
            "auth-int, auth",
            "e783283f46242139c486a698fec7211d",
        ),
        ("md5", "auth-int", "d1b8e2ac3f6782372de4bf3d8735b406"),
    ];
    for (algorithm, qop, response) in cases {
        let challenge = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"{qop}\", algorithm={algorithm}, nonce=\"{NONCE}\", opaque=\"FQ\""
        );
        let credentials = mufasa(&challenge, b"v=0\r\n");
        assert_eq!(
            value(&credentials, "response").unwrap(),
            response,
            "{algorithm}"
        );
        assert_eq!(value(&credentials, "opaque").unwrap(), "FQ");
    }
}

#[test]
fn the_whole_field_of_a_sha_256_answer_is_as_rfc_7616_shows_it() {
    let challenge = format!(
        "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, nonce=\"{NONCE}\""
    );
    let expected = format!(
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", nonce=\"{NONCE}\", uri=\"/dir/index.html\", \
         response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", algorithm=SHA-256, \
         cnonce=\"{CNONCE}\", qop=auth, nc=00000001"
    );
    assert_eq!(mufasa(&challenge, b""), expected);
}

#[test]
fn a_challenge_without_qop_is_answered_as_rfc_2069_did() {
    let bytes = refusal(
        401,
        &["Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\""],
    );
    let mut client = with_password("Mufasa", "Circle Of Life");
    let answer = client
        .answer(
            &Message::parse(&bytes).unwrap(),
            "GET",
            "/dir/index.html",
            b"",
            CNONCE,
        )
        .unwrap();
    let expected = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
                    nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", \
                    response=\"670fd8c2df070c60b045671b8b24ff02\"";
    assert_eq!(answer, [(HeaderName::Authorization, expected.to_owned())]);
}

#[test]
fn a_stored_hash_answers_its_own_algorithm_only() {
    let hex = Algorithm::Md5
        .ha1("bob", "biloxi.com", "zanzibar")
        .to_uppercase();
    let mut client = DigestClient::new(Credentials {
        username: "bob".into(),
        realm: Some("biloxi.com".into()),
        secret: Secret::Ha1 {
            algorithm: Algorithm::Md5,
            hex,
        },
    });
    let sha = "Digest realm=\"biloxi.com\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";
    assert_eq!(
        invite(&mut client, 401, &[sha]),
        Err(AuthFailure::NoCredentials)
    );
    let answer = invite(
        &mut client,
        401,
        &[
            sha,
            "Digest realm=\"biloxi.com\", nonce=\"n1\", qop=\"auth\"",
        ],
    )
    .unwrap();
    assert_eq!(
        value(&answer[0].1, "response").unwrap(),
        "e620d3c95b8b6f2382d1de0057cc7751"
    );
    assert!(
        !format!("{client:?}")
            .to_lowercase()
            .contains(&Algorithm::Md5.ha1("bob", "biloxi.com", "zanzibar"))
    );
}

#[test]
fn the_topmost_supported_challenge_wins() {
    let answer = invite(
        &mut bob(),
        401,
        &[
            "Negotiate",
            "Digest realm=\"r\", nonce=\"1\", algorithm=AKAv1-MD5",
            "Digest realm=\"r\", nonce=\"2\", algorithm=SHA-256, Digest realm=\"r\", nonce=\"3\"",
        ],
    )
    .unwrap();
    assert_eq!(answer.len(), 1);
    assert_eq!(value(&answer[0].1, "nonce").unwrap(), "2");
    assert_eq!(value(&answer[0].1, "algorithm").unwrap(), "SHA-256");
}

#[test]
fn several_realms_and_a_proxy_on_the_way_are_answered_together() {
    let mut client = bob();
    let first = invite(
        &mut client,
        407,
        &["Digest realm=\"proxy\", nonce=\"p\", qop=\"auth\""],
    )
    .unwrap();
    assert_eq!(first[0].0, HeaderName::ProxyAuthorization);
    let second = invite(
        &mut client,
        401,
        &[
            "Digest realm=\"one\", nonce=\"1\"",
            "Digest realm=\"two\", nonce=\"2\"",
        ],
    )
    .unwrap();
    let realms: Vec<_> = second
        .iter()
        .map(|(name, text)| (*name, value(text, "realm").unwrap()))
        .collect();
    assert_eq!(
        realms,
        [
            (HeaderName::ProxyAuthorization, "proxy".into()),
            (HeaderName::Authorization, "one".into()),
            (HeaderName::Authorization, "two".into()),
        ]
    );
    assert_eq!(value(&second[0].1, "nc").unwrap(), "00000002");
}

#[test]
fn refused_credentials_are_not_sent_again_unless_the_nonce_was_stale() {
    let mut client = bob();
    assert!(invite(&mut client, 401, &["Digest realm=\"r\", nonce=\"1\""]).is_ok());
    assert_eq!(
        invite(
            &mut client.clone(),
            401,
            &["Digest realm=\"r\", nonce=\"2\""]
        ),
        Err(AuthFailure::Refused)
    );
    let stale = invite(
        &mut client,
        401,
        &["Digest realm=\"r\", nonce=\"3\", stale=TRUE, qop=\"auth\""],
    )
    .unwrap();
    assert_eq!(value(&stale[0].1, "nc").unwrap(), "00000001");
    let again = invite(
        &mut client,
        401,
        &["Digest realm=\"r\", nonce=\"4\", stale=true"],
    );
    assert_eq!(again, Err(AuthFailure::Refused));
}

#[test]
fn the_next_request_uses_the_nonce_again_with_the_next_count() {
    let mut client = bob();
    assert_eq!(client.anticipate("INVITE", "sip:a@b", b"", "c"), []);
    invite(
        &mut client,
        401,
        &["Digest realm=\"biloxi.com\", nonce=\"n1\", qop=\"auth\""],
    )
    .unwrap();
    let next = client.anticipate("BYE", "sip:a@b", b"", "c");
    assert_eq!(value(&next[0].1, "nc").unwrap(), "00000002");
    assert_eq!(
        value(&next[0].1, "response").unwrap(),
        "4ba2866bda8e2c76d53b0a00f189257a"
    );
    assert!(
        invite(
            &mut client,
            401,
            &["Digest realm=\"biloxi.com\", nonce=\"n2\""]
        )
        .is_ok()
    );
    assert_eq!(
        invite(
            &mut client,
            401,
            &["Digest realm=\"biloxi.com\", nonce=\"n3\""]
        ),
        Err(AuthFailure::Refused)
    );
}

#[test]
fn quotes_in_names_are_hashed_plain_and_written_escaped() {
    let mut client = with_password("bo\"b", "pw");
    let answer = invite(
        &mut client,
        401,
        &["Digest realm=\"at\\\"home\", nonce=\"n\""],
    )
    .unwrap();
    assert!(
        answer[0]
            .1
            .starts_with("Digest username=\"bo\\\"b\", realm=\"at\\\"home\""),
        "{}",
        answer[0].1
    );
    assert_eq!(
        value(&answer[0].1, "response").unwrap(),
        "35376199c311b6492e05c00323625628"
    );
}

#[test]
fn a_response_without_a_digest_challenge_cannot_be_answered() {
    for challenge in [
        "Basic realm=\"r\"",
        "Digest realm=\"r\"",
        "Digest nonce=\"n\"",
        "",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth-conf\"",
    ] {
        assert_eq!(
            invite(&mut bob(), 401, &[challenge]),
            Err(AuthFailure::Unsupported),
            "{challenge}"
        );
    }
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    assert!(!format!("{:?}", bob()).contains("zanzibar"));
}

proptest! {
    #[test]
    fn no_challenge_text_panics_and_every_answer_stays_one_line(text in "\\PC{0,200}") {
        let bytes = refusal(401, &[text.as_str(), "Digest realm=\"r\", nonce=\"n\""]);
        let message = Message::parse(&bytes).unwrap();
        if let Ok(answer) = bob().answer(&message, "INVITE", "sip:a@b", b"", "c") {
            for (_, value) in answer {
                prop_assert!(!value.contains(['\r', '\n']));
            }
        }
    }
}
