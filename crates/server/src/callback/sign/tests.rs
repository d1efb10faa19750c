use jsonwebtoken::{DecodingKey, Validation};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::Value;

use super::*;
use crate::callback::url::BaseUrl;

const NOW: u64 = 1_900_000_000;

fn origin(url: &str) -> Arc<Origin> {
    Arc::clone(BaseUrl::parse(url).unwrap().origin())
}

fn claims(header: &HeaderValue, algorithm: Algorithm, key: &DecodingKey) -> Value {
    let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&["https://app.example.com"]);
    jsonwebtoken::decode::<Value>(token, key, &validation)
        .unwrap()
        .claims
}

#[test]
fn the_signature_is_the_one_of_the_standard_webhooks_specification() {
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature = webhook_signature(
        &[secret],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        br#"{"test": 2432232314}"#,
    );
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn during_a_rotation_both_secrets_sign() {
    let secrets = [
        "whsec_AAECAwQFBgcICQoLDA0ODw==",
        "whsec_Dw4NDAsKCQgHBgUEAwIBAA==",
    ]
    .map(|text| Secret::parse(text).unwrap());
    let both = webhook_signature(&secrets, "msg_1", "1", b"{}");
    let alone = secrets.map(|secret| webhook_signature(&[secret], "msg_1", "1", b"{}"));
    assert_eq!(both, alone.join(" "));
    assert_ne!(alone[0], alone[1]);
}

#[test]
fn a_secret_that_is_none_is_refused_and_none_is_ever_shown() {
    for text in ["", "whsec_", "whsec_%%%", "AAECAwQFBgcICQoLDA0ODw=="] {
        assert_eq!(
            Secret::parse(text).unwrap_err(),
            SignError::Secret,
            "{text}"
        );
    }
    let secret = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODw==").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(…)");
    let auth = RestAuth::new("HS256", "hush", Some("me"), None).unwrap();
    assert!(!format!("{auth:?}").contains("hush"));
}

#[test]
fn every_key_type_signs_a_token_its_owner_can_verify() {
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let ed = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let public = |key: &KeyPair| key.public_key_pem().into_bytes();
    for (kind, algorithm, secret, key) in [
        (
            "RS256",
            Algorithm::RS256,
            rsa.serialize_pem(),
            DecodingKey::from_rsa_pem(&public(&rsa)).unwrap(),
        ),
        (
            "ES256",
            Algorithm::ES256,
            ec.serialize_pem(),
            DecodingKey::from_ec_pem(&public(&ec)).unwrap(),
        ),
        (
            "EdDSA",
            Algorithm::EdDSA,
            ed.serialize_pem(),
            DecodingKey::from_ed_pem(&public(&ed)).unwrap(),
        ),
        (
            "HS256",
            Algorithm::HS256,
            "s3cret".to_owned(),
            DecodingKey::from_secret(b"s3cret"),
        ),
    ] {
        let auth = RestAuth::new(kind, &secret, Some("hooks"), Some("calls")).unwrap();
        let header = auth
            .authorization(&origin("https://app.example.com/x"), NOW)
            .unwrap();
        let claims = claims(&header.unwrap(), algorithm, &key);
        assert_eq!(claims["iss"], "hookswitch");
        assert_eq!(claims["sub"], "hooks");
        assert_eq!(claims["scope"], "calls");
        assert_eq!(claims["aud"], "https://app.example.com");
        assert_eq!(claims["iat"], NOW);
        assert_eq!(claims["exp"], NOW + 300);
    }
}

#[test]
fn a_key_that_does_not_fit_its_type_is_refused() {
    let ed = KeyPair::generate_for(&PKCS_ED25519)
        .unwrap()
        .serialize_pem();
    for (kind, secret) in [("RS256", "not a key"), ("RS256", &*ed), ("ES256", &*ed)] {
        assert!(
            matches!(
                RestAuth::new(kind, secret, None, None),
                Err(SignError::Key(..))
            ),
            "{kind}"
        );
    }
    assert_eq!(
        RestAuth::new("none", "", None, None).unwrap_err(),
        SignError::Kind
    );
}

#[test]
fn a_token_is_reused_until_near_its_end_and_is_bound_to_its_origin() {
    let auth = RestAuth::new("HS256", "s3cret", None, None).unwrap();
    let here = origin("https://app.example.com");
    let first = auth.authorization(&here, NOW).unwrap();
    assert_eq!(auth.authorization(&here, NOW + 239).unwrap(), first);
    assert_ne!(auth.authorization(&here, NOW + 240).unwrap(), first);
    let there = auth
        .authorization(&origin("https://other.example.com"), NOW)
        .unwrap();
    assert_ne!(there, first);
    assert_ne!(
        auth.authorization(&here, NOW - 3600).unwrap(),
        first,
        "the clock was set back"
    );
}

#[test]
fn headers_that_are_not_the_customers_are_left_out() {
    let mut auth = RestAuth::unsigned()
        .with_header("X-Functions-Key", "k1")
        .with_header("a b", "c");
    for name in [
        "Host",
        "authorization",
        "Content-Length",
        "Transfer-Encoding",
        "webhook-id",
        "Proxy-Authorization",
    ] {
        auth = auth.with_header(name, "x");
    }
    auth = auth.with_header("x-injected", "a\r\nHost: b");
    assert_eq!(auth.headers().len(), 1);
    assert_eq!(auth.headers()["x-functions-key"], "k1");
    assert_eq!(
        auth.authorization(&origin("https://a.example"), NOW)
            .unwrap(),
        None
    );
}
