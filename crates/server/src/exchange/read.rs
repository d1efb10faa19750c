//! From a file to a tenant, with everything in it checked.

use std::collections::HashSet;

use hookswitch_api::error::FieldError;
use hookswitch_api::lenient;
use hookswitch_api::settings::Settings;
use hookswitch_store::api_keys::{ApiKey, Credential};
use hookswitch_store::documents::Document;
use hookswitch_store::domains::Domain;
use hookswitch_store::seal::{Place, TokenHash};
use hookswitch_store::tenant::Tenant;
use hookswitch_store::{MasterKey, SealedText, UnixMicros};
use ipnet::IpNet;
use serde_json::Value;

use super::MAX_FAULTS;
use super::file::{FORMAT, File, Item, Key, VERSION};
use super::passphrase::Passphrase;
use crate::auth::{PublicKey, Scopes};
use crate::control::domain_name;
use crate::http::MAX_KEYS;
use crate::{kind, secrets};

/// Bytes of an id of a document.
const MAX_ID: usize = 256;

/// Reads the file, and seals its secrets with the master key.
pub(super) fn read(
    text: &[u8],
    master_key: &MasterKey,
    passphrase: &Passphrase,
) -> Result<Tenant, Vec<FieldError>> {
    let alone = |fault| vec![fault];
    let json: Value = serde_json::from_slice(text)
        .map_err(|error| alone(FieldError::new("", format!("is not JSON: {error}"))))?;
    if json["format"] != FORMAT {
        return Err(alone(FieldError::new(
            "/format",
            format!("must be {FORMAT}"),
        )));
    }
    if json["version"] != VERSION {
        let why = format!("must be {VERSION}: this release knows no other");
        return Err(alone(FieldError::new("/version", why)));
    }
    let parsed = lenient::parse_value::<File>(json).map_err(alone)?;
    let file = parsed.value;
    let key = file.sealed_with.key(passphrase).map_err(alone)?;
    let domain = match domain_name(&file.domain) {
        Ok(name) if name == file.domain => name,
        _ => {
            let why = "must be a domain name in lower case";
            return Err(alone(FieldError::new("/domain", why)));
        }
    };
    let mut reading = Reading {
        domain,
        from: key,
        to: master_key,
        faults: Vec::new(),
    };
    for unknown in parsed.unknown {
        reading.fault(unknown.pointer, "is not known to this release");
    }
    let tenant = reading.tenant(file);
    if reading.faults.is_empty() {
        Ok(tenant)
    } else {
        reading.faults.truncate(MAX_FAULTS);
        Err(reading.faults)
    }
}

/// From the file's key to the installation's, with what was found wrong.
struct Reading<'r> {
    domain: String,
    from: MasterKey,
    to: &'r MasterKey,
    faults: Vec<FieldError>,
}

impl Reading<'_> {
    fn fault(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(FieldError::new(pointer, detail));
        }
    }

    fn below(&mut self, pointer: &str, faults: Vec<FieldError>) {
        for fault in faults {
            self.fault(format!("{pointer}{}", fault.pointer), fault.detail);
        }
    }

    /// The secret in the clear.
    fn opened(&mut self, pointer: &str, place: Place<'_>, sealed: String) -> String {
        match self.from.open_text(place, &SealedText::from(sealed)) {
            Ok(text) => text,
            Err(_) => {
                self.fault(pointer, "does not open: it was changed, or moved here");
                String::new()
            }
        }
    }

    fn again(&mut self, pointer: &str, place: Place<'_>, sealed: String) -> SealedText {
        let text = self.opened(pointer, place, sealed);
        self.to.seal(place, text.as_bytes())
    }

    fn tenant(&mut self, file: File) -> Tenant {
        let name = self.domain.clone();
        let place = secrets::webhook_place(&name);
        let webhook_secret = self.again("/webhookSecret", place, file.webhook_secret);
        let previous = file.previous_webhook_secret.map(|previous| {
            let pointer = "/previousWebhookSecret/secret";
            let secret = self.again(pointer, place, previous.secret);
            (secret, UnixMicros(previous.until))
        });
        let settings = self.settings(file.settings);
        for (place, network) in file.networks.iter().enumerate() {
            if network.parse::<IpNet>().is_err() {
                self.fault(
                    format!("/networks/{place}"),
                    "must be a network such as 192.0.2.0/24",
                );
            }
        }
        if file.api_keys.len() > MAX_KEYS {
            self.fault("/apiKeys", format!("must have at most {MAX_KEYS} keys"));
        }
        let mut seen = HashSet::new();
        let mut api_keys = Vec::new();
        for (place, key) in file.api_keys.into_iter().enumerate() {
            let pointer = format!("/apiKeys/{place}");
            if !seen.insert(key.sk.clone()) {
                self.fault(format!("{pointer}/sk"), "stands there twice");
            }
            api_keys.extend(self.api_key(&pointer, key));
        }
        let mut seen = HashSet::new();
        let mut documents = Vec::new();
        for (place, item) in file.documents.into_iter().enumerate() {
            let pointer = format!("/documents/{place}");
            if !seen.insert((item.kind.clone(), item.id.clone(), item.provisory)) {
                self.fault(format!("{pointer}/id"), "stands there twice");
            }
            documents.extend(self.document(&pointer, item));
        }
        Tenant {
            domain: Domain {
                domain: name,
                settings,
                version: 0,
                webhook_secret,
                previous_webhook_secret: previous,
                created_at: UnixMicros(file.created_at),
            },
            networks: file.networks,
            api_keys,
            documents,
        }
    }

    fn settings(&mut self, settings: Value) -> String {
        let text = settings.to_string();
        match lenient::parse_value::<Settings>(settings) {
            Err(fault) => self.below("/settings", vec![fault]),
            Ok(parsed) => {
                self.below("/settings", parsed.value.validate());
                for unknown in parsed.unknown {
                    let pointer = format!("/settings{}", unknown.pointer);
                    self.fault(pointer, "is not known to this release");
                }
            }
        }
        text
    }

    fn api_key(&mut self, pointer: &str, key: Key) -> Option<ApiKey> {
        let credential = match (key.token, key.key) {
            (Some(sealed), None) => {
                let domain = self.domain.clone();
                let place = secrets::token_place(&domain, &key.sk);
                let token = self.opened(&format!("{pointer}/token"), place, sealed);
                Credential::Opaque {
                    token_hash: TokenHash::of(&token),
                    sealed_token: self.to.seal(place, token.as_bytes()),
                }
            }
            (None, Some(pem)) => {
                if let Err(why) = PublicKey::parse(&pem) {
                    self.fault(format!("{pointer}/key"), why.to_string());
                }
                Credential::Pem(pem)
            }
            _ => {
                self.fault(pointer, "must have either a token or a key");
                return None;
            }
        };
        if key.sk.is_empty() || key.sk.len() > MAX_ID {
            let why = format!("must have 1 to {MAX_ID} bytes");
            self.fault(format!("{pointer}/sk"), why);
        }
        if Scopes::from_words(key.scopes.split_whitespace()).is_err() {
            self.fault(
                format!("{pointer}/scopes"),
                "must be words of calls, provisioning and read",
            );
        }
        Some(ApiKey {
            domain: self.domain.clone(),
            sk: key.sk,
            credential,
            scopes: key.scopes,
            description: key.description,
            created_at: UnixMicros(key.created_at),
            expires_at: key.expires_at.map(UnixMicros),
            last_used_at: key.last_used_at.map(UnixMicros),
        })
    }

    fn document(&mut self, pointer: &str, item: Item) -> Option<Document> {
        if item.id.is_empty() || item.id.len() > MAX_ID {
            let why = format!("must have 1 to {MAX_ID} bytes");
            self.fault(format!("{pointer}/id"), why);
        }
        let body = if kind::NOTES.contains(&item.kind.as_str()) {
            item.document.to_string()
        } else {
            let Some(kind) = kind::find(&item.kind) else {
                let known: Vec<&str> = kind::ALL.iter().map(|kind| kind.name).collect();
                let why = format!("must be one of {}", known.join(", "));
                self.fault(format!("{pointer}/kind"), why);
                return None;
            };
            let pointer = format!("{pointer}/document");
            if !item.document.is_object() {
                self.fault(pointer, "must be an object");
                return None;
            }
            let opened = kind.open_from_file(&self.from, &self.domain, &item.id, item.document);
            let Ok(members) = opened else {
                self.fault(
                    pointer,
                    "has a secret that does not open: it, the address it is sent to, or the user name or realm it was made with was changed, or it was moved here",
                );
                return None;
            };
            if members.get(kind.id).is_some_and(|id| *id != item.id) {
                let why = "must be the id that stands beside the document";
                self.fault(format!("{pointer}/{}", kind.id), why);
            }
            self.below(&pointer, kind.faults(members.clone()));
            kind.seal(self.to, &self.domain, &item.id, &members)
        };
        Some(Document {
            domain: self.domain.clone(),
            kind: item.kind,
            id: item.id,
            draft: item.provisory,
            version: 0,
            body,
        })
    }
}
