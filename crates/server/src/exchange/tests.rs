use hookswitch_store::api_keys::{self, ApiKey, Credential};
use hookswitch_store::documents::{self, Expected, Key};
use hookswitch_store::seal::TokenHash;
use hookswitch_store::{UnixMicros, Write, domains, networks};
use serde_json::{Value, json};

use super::*;
use crate::database::home::{self, Home};
use crate::kind::{self, Kind};
use crate::secrets;

const ACME: &str = "acme.example.com";
const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    -----END PUBLIC KEY-----\n";

/// A document of the kind, as it is stored, and what in it must stand nowhere in the clear.
fn sample(kind: &Kind) -> (Value, &'static [&'static str]) {
    match kind.name {
        "cloudsipua" => (
            json!({
                "id": "1", "name": "a", "destinationMatch": "/^1/", "callbackBaseUrl": "https://a.example.com",
                "callbackId": "c", "restAuthentication": [
                    {"type": "HS256", "secret": "c2VjcmV0LTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "requestHeaders": {"x-k": "header-key"}},
                ],
            }),
            &["c2VjcmV0LTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "header-key"],
        ),
        "device" => (
            json!({"deviceId": "1", "authType": "credentials", "ha1": "0123456789abcdef0123456789abcdef"}),
            &["0123456789abcdef0123456789abcdef"],
        ),
        "notificationsettings" => (
            json!({"useHttpEvents": true, "restAuthentication": [{"type": "HS256", "secret": "notify-secret-of-at-least-32-bytes"}]}),
            &["notify-secret-of-at-least-32-bytes"],
        ),
        "siprecservice" => (
            json!({"useHttpEvents": true, "restAuthentication": [{"type": "HS256", "secret": "siprec-secret-of-at-least-32-bytes"}]}),
            &["siprec-secret-of-at-least-32-bytes"],
        ),
        "mediaservice" => (
            json!({
                "id": "1", "name": "m", "destinationMatch": "/^2/", "callbackBaseUrl": "https://a.example.com",
                "callbackId": "c", "googleApikey": "google-key", "googleServiceKey": {"private_key": "google-private"},
                "restAuthentication": [{"type": "HS256", "secret": "media-secret-of-at-least-32-bytes"}],
            }),
            &[
                "google-key",
                "google-private",
                "media-secret-of-at-least-32-bytes",
            ],
        ),
        "alarmbridge" => (
            json!({
                "id": "1", "name": "b", "destinationMatch": "/^3/", "protocol": "scaip", "callbackId": "c",
                "restAuthentication": [{"type": "HS256", "secret": "bridge-secret-of-at-least-32-bytes"}],
            }),
            &["bridge-secret-of-at-least-32-bytes"],
        ),
        "alarmeventmapper" => (
            json!({
                "id": "1", "name": "m", "alarmHandling": "drop",
                "targetEndpoint": {
                    "protocol": "scaip", "sipAuthPassword": "target-password",
                    "backupEndpoint": {"backupSipAuthPassword": "backup-password"},
                },
            }),
            &["target-password", "backup-password"],
        ),
        "trunk" => (
            json!({
                "trunkId": "1", "type": "trunk", "destinationTarget": "sip.carrier.example",
                "destinationTransport": "udp", "destinationMatch": "/^46/", "userName": "acme", "realm": "carrier",
                "ha1": "fedcba9876543210fedcba9876543210", "hashes": "MD5=fedcba9876543210fedcba9876543210",
            }),
            &["fedcba9876543210fedcba9876543210"],
        ),
        "profile" => (json!({"firstName": "Ann", "lastName": "Berg"}), &[]),
        other => panic!("give {other} a sample here"),
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery\n").unwrap()
}

/// An installation with a master key of its own.
struct Place {
    store: Store,
    key: MasterKey,
    _home: Home,
}

impl Place {
    fn new((home, store): (Home, Store)) -> Self {
        Self {
            store,
            key: MasterKey::ephemeral(),
            _home: home,
        }
    }

    /// One whose tenant has something of everything.
    fn filled(home: (Home, Store)) -> Self {
        let place = Self::new(home);
        let seal = |field, text: &str| place.key.seal(field, text.as_bytes());
        let (first, second) = ("whsec_first", "whsec_second");
        let webhook = secrets::webhook_place(ACME);
        let (first, second) = (seal(webhook, first), seal(webhook, second));
        let token = ApiKey {
            domain: ACME.to_owned(),
            sk: "sk-1".to_owned(),
            credential: Credential::Opaque {
                token_hash: TokenHash::of("hs_token"),
                sealed_token: seal(secrets::token_place(ACME, "sk-1"), "hs_token"),
            },
            scopes: "calls read".to_owned(),
            description: "a key".to_owned(),
            created_at: UnixMicros(1),
            expires_at: Some(UnixMicros(9)),
            last_used_at: Some(UnixMicros(5)),
        };
        let public = ApiKey {
            sk: "sk-2".to_owned(),
            credential: Credential::Pem(PEM.to_owned()),
            ..token.clone()
        };
        let bodies: Vec<(&str, String)> = kind::ALL
            .iter()
            .map(|kind| {
                let members = sample(kind).0.as_object().unwrap().clone();
                (kind.name, kind.seal(&place.key, ACME, "1", &members))
            })
            .chain(kind::NOTES.iter().map(|kind| (*kind, "7".to_owned())))
            .collect();
        let fill = move |db: &Write<'_>| {
            domains::add(db, ACME, r#"{"maxCalls":3}"#, &first, UnixMicros(1))?;
            domains::rotate_webhook_secret(db, ACME, &second, UnixMicros(5))?;
            networks::grant(db, "192.0.2.0/24", ACME)?;
            api_keys::add(db, &token)?;
            api_keys::add(db, &public)?;
            for (kind, body) in &bodies {
                for draft in [false, true] {
                    let key = Key {
                        domain: ACME,
                        kind,
                        id: "1",
                        draft,
                    };
                    documents::put(db, key, body, Expected::Any)?;
                }
            }
            Ok(())
        };
        place.store.write(fill).unwrap();
        place
    }

    /// All there is of the tenant, every secret opened.
    fn opened(&self) -> Value {
        let tenant = self.store.read(|db| tenant::find(db, ACME)).unwrap();
        let Some(tenant) = tenant else {
            return Value::Null;
        };
        let (secret, previous) = secrets::webhook_secrets(&self.key, &tenant.domain).unwrap();
        let keys = tenant.api_keys.iter().map(|row| {
            let credential = match &row.credential {
                Credential::Pem(pem) => pem.clone(),
                Credential::Opaque {
                    token_hash,
                    sealed_token,
                } => {
                    let place = secrets::token_place(ACME, &row.sk);
                    let token = self.key.open_text(place, sealed_token).unwrap();
                    assert_eq!(*token_hash, TokenHash::of(&token));
                    token
                }
            };
            let times = (
                row.created_at.0,
                row.expires_at.map(|at| at.0),
                row.last_used_at.map(|at| at.0),
            );
            json!([
                row.sk,
                credential,
                row.scopes,
                row.description,
                times.0,
                times.1,
                times.2
            ])
        });
        let documents = tenant.documents.iter().map(|stored| {
            let document = match kind::find(&stored.kind) {
                Some(kind) => Value::Object(kind.open(&self.key, stored).unwrap()),
                None => kind::parse(stored),
            };
            json!([stored.kind, stored.id, stored.draft, document])
        });
        json!({
            "settings": tenant.domain.settings,
            "created": tenant.domain.created_at.0,
            "webhook": [secret, previous.map(|(secret, until)| json!([secret, until.0]))],
            "networks": tenant.networks,
            "keys": keys.collect::<Vec<_>>(),
            "documents": documents.collect::<Vec<_>>(),
        })
    }

    fn export(&self) -> Vec<u8> {
        export(&self.store, &self.key, ACME, &passphrase()).unwrap()
    }

    fn import(&self, text: &[u8], manner: Manner) -> Result<Imported, Refused> {
        import(&self.store, &self.key, text, &passphrase(), manner)
    }

    /// Where the file is at fault; nothing is stored of it.
    fn refuses(&self, file: &Value, manner: Manner) -> Vec<String> {
        let before = self.opened();
        let refused = self
            .import(file.to_string().as_bytes(), manner)
            .unwrap_err();
        assert_eq!(self.opened(), before);
        let Refused::Faults(faults) = refused else {
            panic!("{refused}")
        };
        faults.into_iter().map(|fault| fault.pointer).collect()
    }
}

const REPLACE: Manner = Manner {
    replace: true,
    dry_run: false,
};

#[test]
fn a_tenant_goes_to_another_database_and_back_as_it_was() {
    let first = Place::filled(home::file_store());
    let there = Place::new(home::store());
    let back = Place::new(home::file_store());
    let imported = there.import(&first.export(), Manner::default()).unwrap();
    let documents = 2 * (kind::ALL.len() + kind::NOTES.len());
    assert_eq!(
        (
            imported.documents,
            imported.api_keys,
            imported.networks,
            imported.replaced
        ),
        (documents, 2, 1, false)
    );
    back.import(&there.export(), Manner::default()).unwrap();
    assert_eq!(there.opened(), first.opened());
    assert_eq!(back.opened(), first.opened());
}

#[test]
fn no_secret_stands_in_the_file_in_the_clear() {
    let text = String::from_utf8(Place::filled(home::store()).export()).unwrap();
    let of_kinds = kind::ALL.iter().flat_map(|kind| sample(kind).1);
    for secret in of_kinds.chain(&["whsec_", "hs_token"]) {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn with_another_passphrase_nothing_is_imported() {
    let text = Place::filled(home::store()).export();
    let there = Place::new(home::store());
    let other = Passphrase::new("correct horse buttery").unwrap();
    let refused = import(&there.store, &there.key, &text, &other, REPLACE).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("/sealedWith/check: ") && said.contains("passphrase"),
        "{said}"
    );
    assert!(there.opened().is_null());
}

#[test]
fn every_fault_is_named_by_its_place_and_nothing_is_stored() {
    let from = Place::filled(home::store());
    let there = Place::new(home::store());
    let whole: Value = serde_json::from_slice(&from.export()).unwrap();
    let mut file = whole.clone();
    let at_kind = |kind: &str| {
        let list = whole["documents"].as_array().unwrap();
        list.iter().position(|item| item["kind"] == kind).unwrap()
    };
    let (service, device) = (at_kind("cloudsipua"), at_kind("device"));
    let moved = &whole["documents"][service]["document"]["restAuthentication"][0]["secret"];
    file["documents"][device]["document"]["ha1"] = moved.clone();
    file["documents"][service + 1]["document"]["destinationMatch"] = json!("/(/");
    file["documents"][service + 1]["document"]["id"] = json!("2");
    file["documents"][device + 1]["document"]["authType"] = json!("fingerprint");
    file["documents"][at_kind("callback")]["kind"] = json!("fax");
    file["documents"][at_kind("lastconfigured") + 1]["provisory"] = json!(false);
    file["apiKeys"][0]["key"] = json!(PEM);
    file["apiKeys"][1]["key"] = json!("no pem");
    file["apiKeys"][1]["scopes"] = json!("everything");
    file["networks"][0] = json!("192.0.2.0/240");
    file["settings"]["maxCalls"] = json!(-1);
    file["webhookSecret"] = whole["apiKeys"][0]["token"].clone();
    file["colour"] = json!("red");
    let mut named = there.refuses(&file, REPLACE);
    named.sort();
    let mut expected = vec![
        "/apiKeys/0".to_owned(),
        "/apiKeys/1/key".to_owned(),
        "/apiKeys/1/scopes".to_owned(),
        "/colour".to_owned(),
        format!("/documents/{}/id", at_kind("lastconfigured") + 1),
        format!("/documents/{}/kind", at_kind("callback")),
        format!("/documents/{device}/document"),
        format!("/documents/{}/document/authType", device + 1),
        format!("/documents/{}/document/destinationMatch", service + 1),
        format!("/documents/{}/document/id", service + 1),
        "/networks/0".to_owned(),
        "/settings/maxCalls".to_owned(),
        "/webhookSecret".to_owned(),
    ];
    expected.sort();
    assert_eq!(named, expected);
}

#[test]
fn a_secret_in_a_file_does_not_open_for_another_host_than_its_own() {
    let from = Place::filled(home::store());
    let there = Place::new(home::store());
    let whole: Value = serde_json::from_slice(&from.export()).unwrap();
    for (kind, member, same, other) in [
        (
            "cloudsipua",
            "callbackBaseUrl",
            "https://A.example.com/hooks",
            "https://b.example.com",
        ),
        (
            "trunk",
            "destinationTarget",
            "SIP.carrier.example:5070",
            "sip.other.example",
        ),
    ] {
        let list = whole["documents"].as_array().unwrap();
        let place = list.iter().position(|item| item["kind"] == kind).unwrap();
        let mut file = whole.clone();
        file["documents"][place]["document"][member] = other.into();
        let refused = there.refuses(&file, REPLACE);
        assert_eq!(refused, [format!("/documents/{place}/document")]);
        file["documents"][place]["document"][member] = same.into();
        let text = file.to_string();
        there.import(text.as_bytes(), REPLACE).unwrap();
    }
}

#[test]
fn a_hash_in_a_file_does_not_open_beside_other_names_than_it_was_made_with() {
    let from = Place::filled(home::store());
    let there = Place::new(home::store());
    let whole: Value = serde_json::from_slice(&from.export()).unwrap();
    let list = whole["documents"].as_array().unwrap();
    let place = list
        .iter()
        .position(|item| item["kind"] == "trunk")
        .unwrap();
    for (member, other) in [
        ("userName", json!("acme2")),
        ("realm", json!("Carrier")),
        ("realm", Value::Null),
    ] {
        let mut file = whole.clone();
        file["documents"][place]["document"][member] = other;
        let refused = there.refuses(&file, REPLACE);
        assert_eq!(refused, [format!("/documents/{place}/document")]);
    }
    let mut file = whole.clone();
    file["documents"][place]["document"]["description"] = json!("names alone are sealed");
    there.import(file.to_string().as_bytes(), REPLACE).unwrap();
}

#[test]
fn what_is_no_such_file_is_refused_before_anything_else() {
    let from = Place::filled(home::store());
    let there = Place::new(home::store());
    let whole: Value = serde_json::from_slice(&from.export()).unwrap();
    for (pointer, value) in [
        ("/format", json!("csv")),
        ("/version", json!(2)),
        ("/domain", json!("Acme")),
        ("/sealedWith/keyMadeBy", json!("md5")),
        ("/sealedWith/memoryKiB", json!(u32::MAX)),
        ("/sealedWith/iterations", json!(17)),
        ("/sealedWith/salt", json!("")),
        ("/documents", Value::Null),
        ("/apiKeys/0/sk", json!([])),
    ] {
        let mut file = whole.clone();
        *file.pointer_mut(pointer).unwrap() = value;
        assert_eq!(there.refuses(&file, REPLACE), [pointer]);
    }
    let refused = there
        .import(b"PK\x03\x04", REPLACE)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("the file: is not JSON"), "{refused}");
}

#[test]
fn a_tenant_that_exists_is_left_alone_unless_it_is_to_be_replaced() {
    let there = Place::filled(home::store());
    let mut file: Value = serde_json::from_slice(&there.export()).unwrap();
    file["documents"].as_array_mut().unwrap().truncate(2);
    file["apiKeys"].as_array_mut().unwrap().truncate(1);
    let manner = Manner::default();
    let expected = [
        "/domain",
        "/apiKeys/0/sk",
        "/documents/0/id",
        "/documents/1/id",
    ];
    assert_eq!(there.refuses(&file, manner), expected);
    let text = file.to_string();
    assert!(there.import(text.as_bytes(), REPLACE).unwrap().replaced);
    let now = there.opened();
    let count = |list: &str| now[list].as_array().unwrap().len();
    assert_eq!(
        (count("documents"), count("keys"), count("networks")),
        (2, 1, 1)
    );
}

#[test]
fn a_token_of_another_tenant_is_refused_even_when_replacing() {
    let there = Place::filled(home::store());
    let text = there.export();
    let rename = |db: &Write<'_>| {
        let mut tenant = tenant::find(db, ACME)?.unwrap();
        domains::delete(db, ACME)?;
        tenant.domain.domain = "other.test".to_owned();
        tenant.documents.clear();
        tenant.networks.clear();
        tenant.api_keys.truncate(1);
        tenant.api_keys[0].domain = "other.test".to_owned();
        tenant::put(db, &tenant)
    };
    there.store.write(rename).unwrap();
    let file: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(there.refuses(&file, REPLACE), ["/apiKeys/0/token"]);
}

#[test]
fn a_dry_run_checks_everything_and_changes_nothing() {
    let text = Place::filled(home::store()).export();
    let there = Place::new(home::store());
    let dry = Manner {
        replace: false,
        dry_run: true,
    };
    assert_eq!(there.import(&text, dry).unwrap().api_keys, 2);
    assert!(there.opened().is_null());
    there.import(&text, Manner::default()).unwrap();
    let file: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(there.refuses(&file, dry)[0], "/domain");
}
