use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookswitch_store::{MasterKey, seal};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_800_000_000;
const ACME: &str = "acme.example.com";

struct Signer {
    algorithm: Algorithm,
    private: EncodingKey,
    public: String,
}

impl Signer {
    fn es256() -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &aws_lc_rs::rand::SystemRandom::new(),
        )
        .unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let mut der =
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
                .to_vec();
        der.extend_from_slice(pair.public_key().as_ref());
        Self {
            algorithm: Algorithm::ES256,
            private: EncodingKey::from_ec_der(pkcs8.as_ref()),
            public: pem(&der),
        }
    }

    fn eddsa() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let mut der = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
        der.extend_from_slice(pair.public_key().as_ref());
        Self {
            algorithm: Algorithm::EdDSA,
            private: EncodingKey::from_ed_der(pkcs8.as_ref()),
            public: pem(&der),
        }
    }

    fn rs256() -> Self {
        use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let armoured = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(private.as_ref())
        );
        Self {
            algorithm: Algorithm::RS256,
            private: EncodingKey::from_rsa_pem(armoured.as_bytes()).unwrap(),
            public: pem(public.as_ref()),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(self.algorithm), claims, &self.private).unwrap()
    }

    fn sign_as(&self, kid: &str, claims: &Value) -> String {
        let header = Header {
            kid: Some(kid.to_owned()),
            ..Header::new(self.algorithm)
        };
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }

    fn row(&self, domain: &str, sk: &str) -> ApiKey {
        row(domain, sk, Credential::Pem(self.public.clone()))
    }
}

use aws_lc_rs::rsa;

fn pem(der: &[u8]) -> String {
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(der)
    )
}

fn row(domain: &str, sk: &str, credential: Credential) -> ApiKey {
    ApiKey {
        domain: domain.to_owned(),
        sk: sk.to_owned(),
        credential,
        scopes: Scopes::ALL.to_string(),
        description: String::new(),
        created_at: UnixMicros(0),
        expires_at: None,
        last_used_at: None,
    }
}

fn token_row(domain: &str, sk: &str, token: &str) -> ApiKey {
    let place = seal::Place {
        domain,
        kind: "apiKey",
        field: "token",
    };
    let sealed_token = MasterKey::ephemeral().seal(place, token.as_bytes());
    row(
        domain,
        sk,
        Credential::Opaque {
            token_hash: TokenHash::of(token),
            sealed_token,
        },
    )
}

fn good_claims() -> Value {
    json!({"exp": NOW + 300, "iat": NOW})
}

#[test]
fn a_token_opens_its_own_domain_and_every_other_says_the_same() {
    let keys = Keys::default();
    keys.add(&token_row(ACME, "k1", "hs_one"));
    keys.add(&token_row("other.example.com", "k2", "hs_two"));
    let caller = keys.authenticate("hs_one", ACME, NOW).unwrap();
    assert_eq!((&*caller.domain, &*caller.key_id), (ACME, "k1"));
    assert_eq!(
        keys.authenticate("hs_one", "other.example.com", NOW),
        Err(Denied::Foreign)
    );
    assert_eq!(
        keys.authenticate("hs_one", "missing.example.com", NOW),
        Err(Denied::Foreign)
    );
    assert!(matches!(
        keys.authenticate("hs_three", ACME, NOW),
        Err(Denied::Unknown(_))
    ));
}

#[test]
fn a_deleted_key_opens_nothing_even_when_its_jwt_was_verified_before() {
    let keys = Keys::default();
    let signer = Signer::es256();
    keys.add(&signer.row(ACME, "k1"));
    keys.add(&token_row(ACME, "k2", "hs_one"));
    let jwt = signer.sign(&good_claims());
    assert!(keys.authenticate(&jwt, ACME, NOW).is_ok());
    keys.remove(ACME, "k1");
    keys.remove(ACME, "k2");
    assert!(keys.authenticate(&jwt, ACME, NOW).is_err());
    assert!(keys.authenticate("hs_one", ACME, NOW).is_err());
}

#[test]
fn jwts_of_all_three_algorithms_are_taken() {
    for signer in [Signer::rs256(), Signer::es256(), Signer::eddsa()] {
        let keys = Keys::default();
        keys.add(&signer.row(ACME, "k1"));
        let jwt = signer.sign(&good_claims());
        for _ in 0..2 {
            assert_eq!(&*keys.authenticate(&jwt, ACME, NOW).unwrap().key_id, "k1");
        }
        assert!(
            keys.authenticate(&jwt, ACME, NOW + 361).is_err(),
            "expired, though remembered"
        );
    }
}

#[test]
fn exp_is_required_and_at_most_a_day_away_and_other_times_have_a_minute_of_leeway() {
    let signer = Signer::eddsa();
    let keys = Keys::default();
    keys.add(&signer.row(ACME, "k1"));
    let is_taken = |claims: Value| keys.authenticate(&signer.sign(&claims), ACME, NOW).is_ok();
    assert!(!is_taken(json!({"iat": NOW})));
    assert!(is_taken(json!({"exp": NOW + 24 * 3_600})));
    assert!(!is_taken(json!({"exp": NOW + 25 * 3_600})));
    assert!(is_taken(json!({"exp": NOW - 59})));
    assert!(!is_taken(json!({"exp": NOW - 61})));
    assert!(is_taken(json!({"exp": NOW + 300, "nbf": NOW + 59})));
    assert!(!is_taken(json!({"exp": NOW + 300, "nbf": NOW + 61})));
    assert!(is_taken(json!({"exp": NOW + 300, "iat": NOW + 59})));
    assert!(!is_taken(json!({"exp": NOW + 300, "iat": NOW + 61})));
    assert!(!is_taken(json!({"exp": "soon"})));
}

#[test]
fn a_domain_claim_and_a_kid_have_to_fit() {
    let (signer, other) = (Signer::es256(), Signer::es256());
    let keys = Keys::default();
    keys.add(&signer.row(ACME, "k1"));
    keys.add(&other.row(ACME, "k2"));
    let claims = |domain: &str| json!({"exp": NOW + 60, "domain": domain});
    assert!(
        keys.authenticate(&signer.sign(&claims(ACME)), ACME, NOW)
            .is_ok()
    );
    assert!(
        keys.authenticate(&signer.sign(&claims("ACME.example.com")), ACME, NOW)
            .is_ok()
    );
    let abroad = signer.sign_as("k1", &claims("abroad.example.com"));
    assert_eq!(
        keys.authenticate(&abroad, ACME, NOW),
        Err(Denied::ForeignClaim)
    );
    assert_eq!(
        keys.authenticate(&abroad, ACME, NOW),
        Err(Denied::ForeignClaim),
        "remembered"
    );
    assert_eq!(
        keys.authenticate(&abroad, "abroad.example.com", NOW),
        Err(Denied::Foreign)
    );
    assert!(
        keys.authenticate(&signer.sign_as("k1", &claims(ACME)), ACME, NOW)
            .is_ok()
    );
    assert!(
        keys.authenticate(&signer.sign_as("k2", &claims(ACME)), ACME, NOW)
            .is_err()
    );
    assert!(
        keys.authenticate(&signer.sign_as("k3", &claims(ACME)), ACME, NOW)
            .is_err()
    );
}

#[test]
fn a_wrong_domain_claim_is_told_to_who_signed_and_to_nobody_else() {
    let (signer, stranger) = (Signer::es256(), Signer::es256());
    let keys = Keys::default();
    keys.add(&signer.row(ACME, "k1"));
    let claims = json!({"exp": NOW + 60, "domain": "abroad.example.com"});
    assert_eq!(
        keys.authenticate(&signer.sign(&claims), ACME, NOW),
        Err(Denied::Unknown(WRONG_CLAIM))
    );
    assert_eq!(
        keys.authenticate(&stranger.sign(&claims), ACME, NOW),
        Err(Denied::Unknown(NO_SIGNER))
    );
}

#[test]
fn a_jwt_of_another_domain_is_foreign_whether_or_not_the_domain_exists() {
    let (signer, other) = (Signer::es256(), Signer::es256());
    let keys = Keys::default();
    keys.add(&signer.row(ACME, "k1"));
    keys.add(&other.row("other.example.com", "k2"));
    let own = json!({"exp": NOW + 60, "domain": ACME});
    for jwt in [
        signer.sign(&good_claims()),
        signer.sign_as("k1", &good_claims()),
        signer.sign(&own),
        signer.sign_as("k1", &own),
    ] {
        for domain in ["other.example.com", "absent.example.com"] {
            assert_eq!(
                keys.authenticate(&jwt, domain, NOW),
                Err(Denied::Foreign),
                "{domain}"
            );
        }
        assert!(keys.authenticate(&jwt, ACME, NOW).is_ok());
    }
}

#[test]
fn the_algorithm_is_the_keys_and_never_none_or_hmac() {
    let signer = Signer::es256();
    let keys = Keys::default();
    keys.add(&signer.row(ACME, "k1"));
    let claims = URL_SAFE_NO_PAD.encode(good_claims().to_string());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    assert!(
        keys.authenticate(&format!("{none}.{claims}."), ACME, NOW)
            .is_err()
    );
    let secret = EncodingKey::from_secret(signer.public.as_bytes());
    let hmac = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &good_claims(), &secret);
    assert!(keys.authenticate(&hmac.unwrap(), ACME, NOW).is_err());
    let other = Signer::eddsa().sign(&good_claims());
    assert!(keys.authenticate(&other, ACME, NOW).is_err());
    let mut changed = signer.sign(&good_claims());
    changed.truncate(changed.len() - 2);
    assert!(keys.authenticate(&changed, ACME, NOW).is_err());
}

#[test]
fn a_key_that_is_none_says_what_it_is() {
    let why = |pem: &str| PublicKey::parse(pem).unwrap_err().0;
    assert!(why("hello").contains("is not a PEM public key"));
    assert!(
        why("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").contains("private")
    );
    assert!(why("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").contains("x509"));
    assert!(why(&pem(b"\x30\x03\x02\x01\x01")).contains("RSA, a P-256 or an Ed25519"));
    assert!(why(&"x".repeat(5_000)).contains("too long"));
}

#[test]
fn scopes_are_words_and_unknown_words_are_named() {
    let scopes = Scopes::from_words(["calls", "read"]).unwrap();
    assert!(scopes.has(Scope::Calls) && scopes.has(Scope::Read));
    assert!(!scopes.has(Scope::Provisioning));
    assert_eq!(scopes.to_string(), "calls read");
    assert_eq!(Scopes::from_words(["admin"]), Err("admin".to_owned()));
    assert_eq!(Scopes::ALL.words(), ["calls", "provisioning", "read"]);
}

#[test]
fn a_key_opens_until_it_expires() {
    let signer = Signer::es256();
    let keys = Keys::default();
    for mut row in [token_row(ACME, "k1", "hs_one"), signer.row(ACME, "k2")] {
        row.expires_at = Some(UnixMicros((NOW + 60) * 1_000_000));
        keys.add(&row);
    }
    let jwt = signer.sign(&good_claims());
    for credential in ["hs_one", &jwt] {
        assert!(keys.authenticate(credential, ACME, NOW + 59).is_ok());
        assert_eq!(
            keys.authenticate(credential, ACME, NOW + 60),
            Err(Denied::Unknown("the API key has expired"))
        );
    }
}

#[test]
fn the_last_use_of_a_key_is_told_once_and_only_when_it_opened_something() {
    let keys = Keys::default();
    keys.add(&token_row(ACME, "k1", "hs_one"));
    keys.add(&token_row(ACME, "k2", "hs_two"));
    assert!(
        keys.authenticate("hs_two", "other.example.com", NOW)
            .is_err()
    );
    assert_eq!(keys.take_uses(), []);
    for now in [NOW, NOW + 5, NOW + 3] {
        keys.authenticate("hs_one", ACME, now).unwrap();
    }
    let at = UnixMicros((NOW + 5) * 1_000_000);
    assert_eq!(keys.last_use("k1"), Some(at));
    assert_eq!(keys.last_use("k2"), None);
    let used = Use {
        domain: ACME.into(),
        sk: "k1".into(),
        at,
    };
    assert_eq!(keys.take_uses(), [used]);
    assert_eq!(keys.take_uses(), []);
}

#[test]
fn two_keys_open_at_a_time_so_that_one_replaces_the_other_without_a_gap() {
    let keys = Keys::default();
    let opens = |token: &str| keys.authenticate(token, ACME, NOW).is_ok();
    keys.add(&token_row(ACME, "k1", "hs_old"));
    keys.add(&token_row(ACME, "k2", "hs_new"));
    assert!(opens("hs_old") && opens("hs_new"));
    keys.remove(ACME, "k1");
    assert!(!opens("hs_old") && opens("hs_new"));
}

/// A JWT with any header, signed by `signer` all the same.
fn with_header(signer: &Signer, header: &Value) -> String {
    use jsonwebtoken::crypto::sign;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(&good_claims()));
    let signature = sign(signed.as_bytes(), &signer.private, signer.algorithm).unwrap();
    format!("{signed}.{signature}")
}

#[test]
fn a_jwt_that_brings_its_own_key_is_refused_even_when_an_uploaded_one_signed_it() {
    let signer = Signer::es256();
    let keys = Keys::default();
    keys.add(&signer.row(ACME, "k1"));
    let plain = with_header(&signer, &json!({"alg": "ES256", "typ": "JWT"}));
    assert!(keys.authenticate(&plain, ACME, NOW).is_ok());
    for (name, value) in [
        (
            "jwk",
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        ),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
    ] {
        let mut header = json!({"alg": "ES256"});
        header[name] = value;
        let refused = keys.authenticate(&with_header(&signer, &header), ACME, NOW);
        assert!(
            matches!(refused, Err(Denied::Unknown(why)) if why.contains(name)),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn a_jwt_for_sip_or_of_any_size_opens_nothing() {
    let signer = Signer::es256();
    let keys = Keys::default();
    keys.add(&signer.row(ACME, "k1"));
    for aud in [json!("sip"), json!(["rest", "sip"])] {
        let claims = json!({"exp": NOW + 60, "aud": aud});
        assert!(
            keys.authenticate(&signer.sign(&claims), ACME, NOW).is_err(),
            "{aud}"
        );
    }
    let other = json!({"exp": NOW + 60, "aud": "https://api.example.com"});
    assert!(keys.authenticate(&signer.sign(&other), ACME, NOW).is_ok());
    let long = json!({"exp": NOW + 60, "note": "x".repeat(8_192)});
    assert_eq!(
        keys.authenticate(&signer.sign(&long), ACME, NOW),
        Err(Denied::Unknown(
            "the credential is longer than 8192 characters"
        ))
    );
}

/// A store with the domain of these tests.
fn store() -> (crate::database::home::Home, Store) {
    let (home, store) = crate::database::home::store();
    let secret = SealedText::from(String::new());
    let add = move |db: &hookswitch_store::Write<'_>| {
        domains::add(db, ACME, "{}", &secret, UnixMicros(1))
    };
    store.write(add).unwrap();
    (home, store)
}

#[test]
fn keys_that_another_node_added_or_deleted_are_taken_up() {
    let (_home, store) = store();
    let keys = Keys::load(&store).unwrap();
    let row = token_row(ACME, "sk-1", "hs_theirs");
    store.write(move |db| api_keys::add(db, &row)).unwrap();
    keys.add(&token_row("other.example.com", "sk-2", "hs_other"));
    keys.refresh_domain(&store, ACME).unwrap();
    assert!(keys.authenticate("hs_theirs", ACME, NOW).is_ok());
    store
        .write(|db| api_keys::delete(db, ACME, "sk-1"))
        .unwrap();
    keys.refresh_domain(&store, ACME).unwrap();
    assert!(keys.authenticate("hs_theirs", ACME, NOW).is_err());
    assert!(
        keys.authenticate("hs_other", "other.example.com", NOW)
            .is_ok()
    );
}

#[test]
fn a_key_that_did_not_change_keeps_the_time_of_its_use() {
    let (_home, store) = store();
    let row = token_row(ACME, "sk-1", "hs_ours");
    let stored = row.clone();
    store.write(move |db| api_keys::add(db, &stored)).unwrap();
    let keys = Keys::load(&store).unwrap();
    keys.authenticate("hs_ours", ACME, NOW).unwrap();
    keys.refresh_domain(&store, ACME).unwrap();
    assert_eq!(keys.last_use("sk-1"), Some(UnixMicros(NOW * MICROS)));
    keys.add(&ApiKey {
        scopes: "read".to_owned(),
        ..row
    });
    let scopes = keys.authenticate("hs_ours", ACME, NOW).unwrap().scopes;
    assert!(!scopes.has(Scope::Provisioning), "what changed is taken up");
}
